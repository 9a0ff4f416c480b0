"""White label: whose logo, name and colour a person sees around every page."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from tenancy.models import Organization


class Brand(NamedTuple):
    """Those of the nearest organization, from one's own upwards, that has any. Empty: those of Energy Cloud."""

    name: str = ""
    logo_url: str = ""
    css_url: str = ""


def logo_url(organization: int, digest: str) -> str:
    return reverse("organization_logo", args=[organization, digest[:16]])


def css_url(organization: int, colour: str, part: str = "") -> str:
    return reverse("organization_brand", args=[organization, colour[1:], part])


def brand_of(request: HttpRequest) -> Brand:
    """One query, once per request."""
    found: Brand | None = getattr(request, "_brand", None)
    if found is None:
        user = request.user
        found = _read(user.organization.path) if user.is_authenticated else Brand()
        request._brand = found  # type: ignore[attr-defined]
    return found


def _read(path: str) -> Brand:
    keys = [int(part) for part in path.strip("/").split("/")]
    columns = Organization.objects.filter(pk__in=keys).values_list("pk", "name", "colour", "logo__digest")
    rows: list[Any] = sorted(columns.order_by(), key=lambda row: keys.index(row[0]), reverse=True)
    logo = next((row for row in rows if row[3]), None)
    colour = next((row for row in rows if row[2]), None)
    named = logo or colour
    return Brand(
        named[1] if named else "",
        logo_url(logo[0], logo[3]) if logo else "",
        css_url(colour[0], colour[2]) if colour else "",
    )
