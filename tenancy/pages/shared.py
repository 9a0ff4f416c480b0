"""What the pages of organizations, users and roles share."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from tenancy.models import Organization, User
from tenancy.rights import get_for

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


def organizations_called(request: HttpRequest, right: str) -> tuple[str, list[Organization]]:
    """(text of `?find=`, organizations of that name where the user holds `right`)."""
    text = request.GET.get("find", "").replace("\x00", "").strip()[:100]
    rows = Organization.objects.visible_to(user_of(request), right).in_tree_order()
    return text, list(rows.filter(name__icontains=text)[:FOUND]) if text else list(rows[:FOUND])


def paged(request: HttpRequest, rows: Any, size: int = MANY) -> Any:
    return Paginator(rows, size).get_page(request.GET.get("page"))
