"""The search over everything a person may see: the exact hit first, then what begins with the text, then what contains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.urls import reverse
from django.utils.translation import gettext as _

from passes.models import ChargePass
from stations.models import Connector, Location, Station, Transaction
from tenancy.models import Organization, User


@dataclass(frozen=True)
class Hit:
    name: str
    detail: str
    url: str


@dataclass(frozen=True)
class Group:
    label: str
    icon: str
    hits: list[Hit]


def find(user: User, text: str, limit: int) -> list[Group]:
    """At most `limit` hits of each kind."""
    compact = text.replace("*", "").replace(" ", "").replace("-", "").replace(":", "").upper()

    def ranked(model: Any, fields: Sequence[str], detail: Callable[[Any], str], *related: str, also: Q | None = None) -> list[Hit]:
        exact, begins, contains = Q(), Q(), also or Q()
        for name in fields:
            exact |= Q(**{f"{name}__iexact": text})
            begins |= Q(**{f"{name}__istartswith": text})
            contains |= Q(**{f"{name}__icontains": text})
        rank = Case(When(exact, then=Value(0)), When(begins, then=Value(1)), default=Value(2), output_field=IntegerField())
        rows = model.objects.visible_to(user).filter(contains).annotate(rank=rank).order_by("rank", fields[0], "pk")
        rows = rows.select_related(*related) if related else rows
        return [Hit(str(row), detail(row), url_of(row)) for row in rows[:limit]]

    def url_of(row: Any) -> str:
        if isinstance(row, ChargePass):
            return reverse("pass_edit", args=[row.pk])
        if isinstance(row, User):
            return reverse("organization", args=[row.organization_id])
        if isinstance(row, Connector):
            return row.station.get_absolute_url()
        return str(row.get_absolute_url())

    groups = [
        Group(
            _("Stations"),
            "charging-pile",
            ranked(Station, ("identity", "alias", "serial_number"), lambda row: f"{row.identity} · {row.location}", "location"),
        ),
    ]
    if len(compact) >= 3:
        by_evse = ranked(Connector, ("evse_key",), lambda row: f"{row.evse_id} · {row.station.location}", "station__location",
                         also=Q(evse_key__startswith=compact))  # fmt: skip
        groups.append(Group(_("Connectors"), "plug", by_evse))
    groups += [
        Group(_("Locations"), "building", ranked(Location, ("name", "street", "city"), lambda row: row.address, "organization")),
        Group(_("Organizations"), "sitemap", ranked(Organization, ("name", "city"), lambda row: row.get_kind_display())),
        Group(
            _("Passes"),
            "id-badge-2",
            ranked(ChargePass, ("nickname", "uid", "visible_number"), lambda row: f"{row.uid} · {row.organization}", "organization",
                   also=Q(uid=compact)),
        ),
        Group(_("People"), "user", ranked(User, ("name", "email"), lambda row: f"{row.email} · {row.organization}", "organization")),
    ]  # fmt: skip
    number = text.removeprefix("#")
    if number.isdecimal() and len(number) < 19:
        rows = Transaction.objects.visible_to(user).filter(pk=int(number)).select_related("station")
        hits = [Hit(f"{_('Transaction')} {row.pk}", str(row.station), row.get_absolute_url()) for row in rows]
        groups.insert(0, Group(_("Transactions"), "bolt", hits))
    return [group for group in groups if group.hits]
