"""The list of stations; adding, editing and deleting stations and connectors; knocking."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
