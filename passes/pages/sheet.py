"""The data sheet of a pass: the head that all its tabs share, the overview, and its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes.local_lists import kept_offline
from passes.models import ChargePass, reversed_uid
from passes.models.passes import usual_uid
from passes.reach import reach
from tenancy.history import Reader
from tenancy.links import link, organization_link
from tenancy.models import AuditEntry, User
from tenancy.pages.history import ObjectHistory
from tenancy.pages.shared import user_of
from tenancy.personal import MASK, person, sees, shown
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ, READ_AUDIT, READ_TRANSACTIONS, START_CHARGING, anywhere, get_for, may
from ui.lists import Action
from ui.templatetags.ui import own_zone, when

Text = str | Promise
JOINS = ("organization", "user__organization", "group")


class Fact(NamedTuple):
    """`source` says where it comes from or what it is."""

    label: Text
    value: Text
    source: Text = ""
    code: bool = False


def name_of(user: User, charge_pass: ChargePass) -> str:
    """The name of a pass as `user` may know it. Its organization must be loaded."""
    return str(charge_pass) if sees(user, charge_pass) else MASK


def state_of(charge_pass: ChargePass) -> tuple[str, Any]:
    """Which of the six states, and its word. Its user and group must be loaded."""
    now = timezone.now()
    if charge_pass.blocked:
        return "fault", lazy("Blocked")
    if charge_pass.user and not charge_pass.user.is_active:
        return "fault", lazy("User deactivated")
    if charge_pass.valid_until and charge_pass.valid_until <= now:
        return "off", lazy("Expired")
    if charge_pass.valid_from and charge_pass.valid_from > now:
        return "waiting", lazy("Not valid yet")
    if charge_pass.restricted or (charge_pass.group and charge_pass.group.restricted):
        return "available", lazy("Valid, restricted")
    return "available", lazy("Valid")


def pass_of(request: HttpRequest, pk: int, right: str = "") -> ChargePass:
    return get_for(request.user, ChargePass.objects.select_related(*JOINS), right, pk=pk)


def pass_tabs(user: User, charge_pass: ChargePass) -> list[tuple[str, Text, str]]:
    """(name, label, URL) of those that this person may open."""
    pk = charge_pass.pk
    tabs: list[tuple[str, Text, str]] = [
        ("overview", _("Overview"), link("pass", pk)),
        ("lists", _("Lists"), link("pass_lists", pk)),
        ("restrictions", _("Restrictions"), link("pass_restrictions", pk)),
    ]
    if sees(user, charge_pass) and anywhere(user, READ_TRANSACTIONS):
        tabs.append(("activity", _("Activity"), link("pass_activity", pk)))
    if may(user, READ_AUDIT, charge_pass):
        tabs.append(("history", _("History"), link("pass_history", pk)))
    return tabs


def crumbs(charge_pass: ChargePass) -> list[tuple[Any, str]]:
    return [(charge_pass.organization, charge_pass.organization.get_absolute_url()), (_("Passes"), link("passes"))]


def sheet(request: HttpRequest, charge_pass: ChargePass, active: str) -> dict[str, Any]:
    """What every tab shows: where it hangs, its state, and what can be done."""
    user, pk = user_of(request), charge_pass.pk
    head = []
    if may(user, MANAGE_PASSES, charge_pass):
        head = [
            Action(_("Edit"), link("pass_edit", pk), icon="pencil"),
            Action(_("Unblock"), link("pass_unblock", pk), icon="circle-check")
            if charge_pass.blocked
            else Action(_("Block"), link("pass_block", pk), icon="ban"),
            Action(_("Move"), link("pass_move", pk), icon="arrows-move"),
            Action(_("Delete"), link("pass_delete", pk), icon="trash"),
        ]
    may_manage = bool(head)
    if sees(user, charge_pass) and anywhere(user, START_CHARGING):
        head.append(Action(_("Reserve"), link("pass_reserve", pk), icon="calendar-time"))
    if may(user, PERSONAL_DATA, charge_pass):
        head.append(Action(_("What stations keep"), link("pass_kept", pk), icon="id"))
    return {
        "title": name_of(user, charge_pass),
        "charge_pass": charge_pass,
        "pass_state": state_of(charge_pass),
        "uid": shown(user, charge_pass.uid, charge_pass.organization.path),
        "organization": organization_link(user, charge_pass.organization),
        "holder": holder_of(user, charge_pass),
        "breadcrumbs": crumbs(charge_pass),
        "actions": head,
        "tabs": [(label, url, name == active, None) for name, label, url in pass_tabs(user, charge_pass)],
        "may_manage": may_manage,
    }


def holder_of(user: User, charge_pass: ChargePass) -> Text:
    """The user of the pass, with the way to their page where that may be opened; empty where there is none."""
    holder = charge_pass.user
    name = person(user, holder, charge_pass.organization.path)
    if holder is None or not may(user, READ, holder):
        return name
    return format_html('<a href="{}">{}</a>', holder.get_absolute_url(), name)


def facts_of(user: User, charge_pass: ChargePass) -> Iterator[Fact]:
    path, none = charge_pass.organization.path, _("none")
    reverse, group = reversed_uid(charge_pass.uid), charge_pass.group
    yield Fact(_("Visible number"), shown(user, charge_pass.visible_number, path) or none, _("printed on the card"))
    yield Fact(_("UID"), shown(user, charge_pass.uid, path), _("what a reader sends"), code=True)
    if reverse and reverse != charge_pass.uid:
        yield Fact(_("UID reversed"), shown(user, reverse, path), _("what some readers send: a pass of its own would be needed"), code=True)
    yield Fact(_("Nickname"), shown(user, charge_pass.nickname, path) or none)
    holder = charge_pass.user
    yield Fact(
        _("User"), holder_of(user, charge_pass) or none,
        _("deactivated: the pass does not charge") if holder and not holder.is_active else "",
    )  # fmt: skip
    yield Fact(_("Kind"), charge_pass.get_kind_display())
    yield Fact(_("Valid from"), _moment(charge_pass.valid_from) or _("at once"))
    yield Fact(_("Valid until"), _moment(charge_pass.valid_until) or _("no end"))
    if group is None:
        yield Fact(_("Group"), none)
    else:
        told = _("group id %s") % group.group_id if group.group_id else _("without a group id")
        yield Fact(_("Group"), format_html('<a href="{}">{}</a>', group.get_absolute_url(), group), told)
    yield Fact(
        _("Several at once"), _("yes") if charge_pass.several_at_once else _("no"),
        _("may charge at more than one connector at the same time") if charge_pass.several_at_once else "",
    )  # fmt: skip
    if charge_pass.priority is not None:
        yield Fact(_("Priority"), charge_pass.get_priority_display() or "", _("where a location shares its capacity"))
    offline = kept_offline(charge_pass)
    yield Fact(_("While a station is offline"), OFFLINE[offline.answer], offline.why)
    yield Fact(_("Added"), when(charge_pass.created_at))


OFFLINE: dict[str, Text] = {"yes": lazy("charges"), "no": lazy("does not charge"), "unknown": lazy("not known")}


def _moment(moment: datetime | None) -> Text:
    return when(moment) if moment else ""


def warnings_of(charge_pass: ChargePass, listings: Any) -> Iterator[str]:
    """What is probably not meant so."""
    if charge_pass.kind == ChargePass.Kind.PUBLIC and any(listing.whitelist for listing in listings):
        yield settled_warning()
    if not usual_uid(charge_pass.uid):
        yield length_warning(charge_pass.uid)


def settled_warning() -> str:
    return _(
        "Do not whitelist a card that should be settled: this is a public card, and at whitelisting stations its charges are free for "
        "the driver and paid by the owner. Roaming free keeps it settled."
    )


def length_warning(uid: str) -> str:
    return ngettext(
        "The UID has %d character; those of cards have 8, 14 or 20 hexadecimal digits. Compare it with the activity of a station.",
        "The UID has %d characters; those of cards have 8, 14 or 20 hexadecimal digits. Compare it with the activity of a station.",
        len(uid),
    ) % len(uid)


class Blocked(NamedTuple):
    at: datetime
    who: str
    reason: str


def why_blocked(user: User, charge_pass: ChargePass) -> Blocked | None:
    """Who blocked it when and why, as far as that is known and `user` may know it."""
    if not charge_pass.blocked:
        return None
    entries = AuditEntry.objects.filter(object_type=charge_pass._meta.label_lower, object_id=charge_pass.pk, verb="block")
    entry = entries.filter(organization=charge_pass.organization_id).select_related("organization").order_by("-at", "-pk").first()
    if entry is None:
        return None
    reader = Reader(user, own_zone())
    reason = (entry.changes.get("reason") or [None, ""])[1] or ""
    return Blocked(entry.at, reader.who(entry), shown(user, reason, charge_pass.organization.path))


def overview(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), pass_of(request, pk)
    works = reach(user, found)
    traced = sees(user, found) and anywhere(user, READ_TRANSACTIONS)
    context = sheet(request, found, "overview") | {
        "facts": list(facts_of(user, found)),
        "reach": works,
        "warnings": list(warnings_of(found, [at.listing for at in works.at])),
        "blocked": why_blocked(user, found),
        "transactions_url": link("transactions", card=found.uid) if traced else "",
        "check_url": link("card_check", card=found.uid) if traced and anywhere(user, PERSONAL_DATA) else "",
    }
    return render(request, "passes/pass.html", context)


class PassHistory(ObjectHistory):
    of, joins = ChargePass, JOINS
    template_name = "passes/pass_history.html"

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().exclude(object_name=MASK)  # the same is told in full at its own organization

    def get_context(self) -> dict[str, Any]:
        return sheet(self.request, self.thing, "history")


urlpatterns: list[URLPattern] = [
    path("passes/<int:pk>/", overview, name="pass"),
    path("passes/<int:pk>/history/", PassHistory.as_view(), name="pass_history"),
]
