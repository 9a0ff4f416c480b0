"""What the pages of organizations, users and roles share."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from tenancy.models import Organization, User
from tenancy.rights import Missing, anywhere, get_for, may

MANY = 50  # of one kind on a page
NAME = {"td": {"class": "long-name"}}
NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end num"}}
FOUND = 25  # organizations or people offered by a search


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def number_of(request: HttpRequest, name: str) -> int | None:
    """The key that the address names, if it is one."""
    wanted = request.GET.get(name, "")
    return int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19 else None


def chosen_organization(request: HttpRequest, right: str, otherwise: Organization, name: str = "at") -> Organization:
    """That of `?at=`, where the user must hold `right`; else `otherwise`."""
    key = number_of(request, name)
    if key is None:
        return otherwise
    return get_for(user_of(request), Organization.objects.all(), right, pk=key)


def place_for_new(request: HttpRequest, right: str) -> Organization | None:
    """Where something new goes: that of `?at=`, that of the scope, or one's own. None where `right` is missing there and another is to be
    chosen; Missing where it is held nowhere."""
    user, drill = user_of(request), request.drill  # type: ignore[attr-defined]
    found = chosen_organization(request, right, drill.organization if drill else user.organization)
    if not anywhere(user, right):
        raise Missing(right)
    return found if may(user, right, found) else None


def organizations_called(request: HttpRequest, right: str) -> tuple[str, list[Organization]]:
    """(text of `?find=`, organizations of that name where the user holds `right`)."""
    text = request.GET.get("find", "").replace("\x00", "").strip()[:100]
    rows = Organization.objects.visible_to(user_of(request), right).in_tree_order()
    return text, list(rows.filter(name__icontains=text)[:FOUND]) if text else list(rows[:FOUND])


def paged(request: HttpRequest, rows: Any, size: int = MANY) -> Any:
    return Paginator(rows, size).get_page(request.GET.get("page"))
