"""The logo and the colours of an organization, for its people and those below, on every page they open."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path

from tenancy.colours import css
from tenancy.models import Logo, Organization
from tenancy.pages.shared import user_of
from tenancy.rights import get_for

FOREVER = "private, max-age=31536000, immutable"  # the address changes with what it shows


def shown(request: HttpRequest, pk: int) -> None:
    """To people of this organization and below, and to those who see it; to others it does not exist."""
    user = user_of(request)
    if f"/{pk}/" not in user.organization.path:
        get_for(user, Organization.objects.all(), pk=pk)


def logo(request: HttpRequest, pk: int, digest: str) -> HttpResponse:
    shown(request, pk)
    found = Logo.objects.filter(organization=pk, digest__startswith=digest).first()
    if found is None:
        raise Http404
    return HttpResponse(bytes(found.png), content_type="image/png", headers={"Cache-Control": FOREVER})


def colours(request: HttpRequest, pk: int, colour: str, part: str) -> HttpResponse:
    """`part` "-preview": not for whole pages, but for the elements that show how it will look."""
    shown(request, pk)
    if not Organization.objects.filter(pk=pk, colour=f"#{colour}").exists():
        raise Http404
    text = css(f"#{colour}", ".brand-preview" if part else "")
    return HttpResponse(text, content_type="text/css; charset=utf-8", headers={"Cache-Control": FOREVER})


urlpatterns: list[URLPattern] = [
    path("organizations/<int:pk>/logo-<slug:digest>.png", logo, name="organization_logo"),
    re_path(r"^brand/(?P<pk>[0-9]{1,18})-(?P<colour>[0-9a-f]{6})(?P<part>(?:-preview)?)\.css\Z", colours, name="organization_brand"),
]
