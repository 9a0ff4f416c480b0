"""The search over everything a person may see. In each kind the exact hit comes first, then what begins with the text, then what
contains it; the kind with the best hit comes first. One query per kind, whatever is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from passes.models import ChargePass, normalize_uid
from stations.models import Connector, Location, Station, Transaction
from tenancy.links import link
from tenancy.models import Organization, User

LEAST = 2  # characters, but for a transaction's number
EXACT, BEGINS, CONTAINS = 0, 1, 2


@dataclass(frozen=True)
class Hit:
    name: str
    detail: str
    url: str
    rank: int


@dataclass(frozen=True)
class Group:
    label: str
    icon: str
    hits: list[Hit]
    more: bool  # there are more than shown


def find(user: User, text: str, limit: int) -> list[Group]:
    """At most `limit` hits of each kind."""
    groups: list[Group] = []

    def add(
        label: str,
        rows: QuerySet[Any],
        fields: dict[str, str],
        detail: Callable[[Any], str],
        *,
        icon: str,
        name: Callable[[Any], str] = str,
        url: Callable[[Any], str] = lambda row: row.get_absolute_url(),
    ) -> None:
        """`fields`: lookup -> what is looked for in it."""
        exact, begins, contains = Q(), Q(), Q()
        for field, sought in fields.items():
            exact |= Q(**{f"{field}__iexact": sought})
            begins |= Q(**{f"{field}__istartswith": sought})
            contains |= Q(**{f"{field}__icontains": sought})
        rank = Case(When(exact, then=Value(EXACT)), When(begins, then=Value(BEGINS)), default=Value(CONTAINS), output_field=IntegerField())
        found = list(rows.visible_to(user).filter(contains).annotate(rank=rank).order_by("rank", next(iter(fields)), "pk")[: limit + 1])  # type: ignore[attr-defined]
        if found:
            hits = [Hit(name(row), detail(row), url(row), row.rank) for row in found[:limit]]
            groups.append(Group(label, icon, hits, len(found) > limit))

    if len(text) >= LEAST:
        add(
            _("Stations"), Station.objects.select_related("location"),
            {"identity": text, "alias": text, "serial_number": text},
            lambda row: " · ".join(
                part
                for part in (
                    row.identity if row.alias else "",
                    row.location.name,
                    row.serial_number if row.serial_number != row.identity else "",
                )
                if part
            ),
            icon="charging-pile",
        )  # fmt: skip
        evse = "".join(character for character in text if character.isalnum()).upper()
        if len(evse) > LEAST:
            add(
                _("Connectors"), Connector.objects.select_related("station__location"), {"evse_key": evse},
                lambda row: f"{row.station} · {row.number} · {row.station.location}",
                icon="plug", name=lambda row: row.evse_id, url=lambda row: row.station.get_absolute_url(),
            )  # fmt: skip
        add(
            _("Locations"), Location.objects.select_related("organization"), {"name": text, "street": text, "city": text},
            lambda row: " · ".join(part for part in (row.address, row.organization.name) if part), icon="building",
        )  # fmt: skip
        add(
            _("Organizations"), Organization.objects.all(), {"name": text, "city": text},
            lambda row: " · ".join(part for part in (row.get_kind_display(), row.city) if part), icon="sitemap",
        )  # fmt: skip
        add(
            _("Passes"), ChargePass.objects.select_related("organization"),
            {"nickname": text, "visible_number": text, "uid": normalize_uid(text) or text},
            lambda row: " · ".join(part for part in (row.visible_number if row.nickname else "", row.uid, row.organization.name) if part),
            icon="id-badge-2", url=lambda row: link("pass_edit", row.pk),
        )  # fmt: skip
        add(
            _("People"), User.objects.select_related("organization"), {"name": text, "email": text},
            lambda row: f"{row.email} · {row.organization}",
            icon="user", url=lambda row: link("organization", row.organization_id),
        )  # fmt: skip
    number = text.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        rows = Transaction.objects.visible_to(user).filter(pk=int(number)).select_related("station")
        hits = [Hit(_("Transaction %d") % row.pk, str(row.station), row.get_absolute_url(), EXACT) for row in rows]
        if hits:
            groups.append(Group(_("Transactions"), "bolt", hits, more=False))
    return sorted(groups, key=lambda group: group.hits[0].rank)
