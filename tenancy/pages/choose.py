"""Choosing an organization among many: a search, and each hit leads back to the page that asked, with `?at=` the choice."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from tenancy.links import link
from tenancy.pages.shared import FOUND, number_of, organizations_called
from tenancy.rights import LET_IN, MANAGE_ROLES, MANAGE_USERS, UPDATE_USER_ROLES, Missing, anywhere

# The page that asks -> the right needed at the organization chosen
ASKING = {
    "user_invite": MANAGE_USERS,
    "cardholder_add": MANAGE_USERS,
    "role_add": MANAGE_ROLES,
    "user_roles": UPDATE_USER_ROLES,
    "user_rights": UPDATE_USER_ROLES,
    "access_add": LET_IN,
}


def organization_choose(request: HttpRequest) -> HttpResponse:
    """`?to=` names the page, `?of=` the key of what it is about, where it needs one."""
    to, of = request.GET.get("to", ""), number_of(request, "of")
    if to not in ASKING or (to.startswith("user_r") and of is None):
        raise Http404
    if not anywhere(request.user, ASKING[to]):
        raise Missing(ASKING[to])
    text, found = organizations_called(request, ASKING[to])
    arguments = (of,) if to.startswith("user_r") else ()
    context = {
        "title": _("Choose an organization"),
        "find": text,
        "to": to,
        "of": of,
        "found": [(organization, link(to, *arguments, at=str(organization.pk))) for organization in found],
        "cut": len(found) == FOUND,
        "back": link(to, *arguments),
    }
    return render(request, "tenancy/choose.html", context)


urlpatterns: list[URLPattern] = [path("organizations/choose/", organization_choose, name="organization_choose")]
