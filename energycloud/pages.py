"""The search over everything, and what belongs to no other app."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext as _

from energycloud.search import SLUGS, find
from energycloud.text import LEAST, Text
from passes.models import normalize_uid, reversed_uid
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import PERSONAL_DATA, READ_TRANSACTIONS, anywhere

FEW, SOME, MANY = 4, 10, 25  # hits of each kind: while typing, on the page of the search, and on a page of one kind


def search(request: HttpRequest) -> HttpResponse:
    """Everything by name, id or number; htmx gets the first few of each kind, for the field in the head."""
    text = Text.of(request.GET.get("q", ""))
    part = bool(getattr(request, "htmx", False))
    only = kind if (kind := request.GET.get("kind", "")) in SLUGS and not part else ""
    page = int(number) if only and (number := request.GET.get("page", "")).isascii() and number.isdecimal() and 0 < len(number) < 4 else 1
    user = request.user
    assert isinstance(user, User)
    limit = MANY if only else FEW if part else SOME
    groups = find(user, text.whole, limit, only=only, page=page)
    if page > 1 and not groups:
        page, groups = 1, find(user, text.whole, limit, only=only)
    for group in groups:
        group.url = link("search", q=text.whole, kind=group.slug)
    pages = range(1, -(-groups[0].total // MANY) + 1) if only and groups else range(0)
    context = {
        "title": _("Search"),
        "q": text.whole,
        "groups": groups,
        "part": part,
        "only": only,
        "found": sum(group.total for group in groups),
        "similar": bool(groups) and groups[0].similar,
        "too_short": bool(text) and len(text.whole) < LEAST,
        "all_url": link("search", q=text.whole),
        "check_url": _check(user, text.whole),
        "pages": [(number, link("search", q=text.whole, kind=only, page=str(number)), number == page) for number in pages],
    }
    return render(request, "energycloud/search_results.html" if part else "energycloud/search.html", context)


def _check(user: User, typed: str) -> str:
    """What was typed is the UID of a card: the page that says whether it may charge, for who may open that."""
    uid = normalize_uid(typed)
    allowed = anywhere(user, READ_TRANSACTIONS) and anywhere(user, PERSONAL_DATA)
    return link("card_check", card=uid) if allowed and reversed_uid(uid) else ""


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("favicon.svg"), permanent=False)


@login_not_required
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")
