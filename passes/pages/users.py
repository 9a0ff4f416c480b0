"""On the page of a user: the passes of that person, and what deactivating them does to these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes.models import ChargePass
from passes.pages.sheet import name_of, state_of
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import MANY, user_of
from tenancy.pages.users import sheet, visible_user
from tenancy.personal import sees, shown
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ, READ_TRANSACTIONS, anywhere, may


def tab(request: HttpRequest, user: User) -> Iterable[tuple[str, Any, str]]:
    if may(request.user, READ, user):
        yield "passes", _("Passes"), link("user_passes", user.pk)
        if sees(request.user, user) and all(anywhere(request.user, right) for right in (READ_TRANSACTIONS, PERSONAL_DATA)):
            yield "activity", _("Activity"), link("user_activity", user.pk)


def user_passes(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), visible_user(request, pk)
    rows = ChargePass.objects.visible_to(user).filter(user=found).select_related("organization", "user", "group").order_by("pk")
    context = sheet(request, found, "passes") | {
        "passes": [
            (
                name_of(user, one), one.get_absolute_url(), shown(user, one.uid, one.organization.path), one.get_kind_display(),
                one.organization, state_of(one),
            )
            for one in rows[:MANY]
        ],
        "more": max(0, rows.count() - MANY),
        "add_url": link("pass_add", user=str(pk)) if may(user, MANAGE_PASSES, found) else "",
    }  # fmt: skip
    return render(request, "passes/user_passes.html", context)


def what_it_means(actor: User, people: Any, what: str) -> Iterable[str]:
    """In sentences, what becomes of the passes of these people that `actor` may see, when they are deactivated, activated or deleted."""
    count = ChargePass.objects.visible_to(actor).filter(user__in=people, blocked=False).count()
    if not count:
        return
    if what == "deactivate":
        yield ngettext("%d pass of this user stops charging.", "%d passes of this user stop charging.", count) % count
    elif what == "deactivate_many":
        yield ngettext("%d pass of these users stops charging.", "%d passes of these users stop charging.", count) % count
    elif what == "activate":
        yield ngettext("%d pass of this user charges again.", "%d passes of this user charge again.", count) % count
    else:
        yield (
            ngettext(
                "%d pass of this user stays, without a user, and charges. Block or delete it first if it should not.",
                "%d passes of this user stay, without a user, and charge. Block or delete them first if they should not.",
                count,
            )
            % count
        )


urlpatterns: list[URLPattern] = [path("users/<int:pk>/passes/", user_passes, name="user_passes")]
