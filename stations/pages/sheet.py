"""The data sheet of a station and its commands."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
