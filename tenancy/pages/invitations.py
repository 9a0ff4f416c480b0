"""Invitations that are open, and the door that one of them opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_tables2
from allauth.account.internal.flows.login import perform_password_login  # noqa: F401
from django import forms
from django.http import HttpRequest, HttpResponse
