"""Honest availability by station, location or organization over a month, from the sums of the days that are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import django_filters
import django_tables2
from django.db.models import BigIntegerField, Count, F, IntegerField, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, NullIf
from django.urls import URLPattern, path
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.availability import REASONS, share
from stations.models import AvailabilityDay
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import READ, holds
from ui.lists import MAX_EXPORT, ListPage, Table
from ui.templatetags.ui import duration, own_zone

MONTHS = 13  # that can be chosen
WORDS = 6  # of a search
STATION, LOCATION, ORGANIZATION = "station", "location", "organization"
GROUPS = ((STATION, lazy("Station")), (LOCATION, lazy("Location")), (ORGANIZATION, lazy("Organization")))
AT = "connector__station__location"
# How the days of a group are told from others, and what is said of it
KEYS: dict[str, dict[str, str]] = {
    STATION: {"key": "connector__station", "name": "connector__station__identity", "alias": "connector__station__alias"},
    LOCATION: {"key": AT, "name": f"{AT}__name"},
    ORGANIZATION: {"key": f"{AT}__organization", "name": f"{AT}__organization__name"},
}
# Columns that say nothing of a group
FOREIGN: dict[str, tuple[str, ...]] = {STATION: (), LOCATION: ("location",), ORGANIZATION: ("organization", "location")}
UNDER = [("1000000", "100 %"), ("999000", "99.9 %"), ("990000", "99 %"), ("950000", "95 %"), ("900000", "90 %")]


def last_months(today: date) -> list[tuple[str, str]]:
    """(value, label), the latest first: that of yesterday, because today is not over."""
    found, first = [], (today - timedelta(days=1)).replace(day=1)
    for _number in range(MONTHS):
        found.append((f"{first:%Y-%m}", formats.date_format(first, "M Y")))
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def days_of(month: str) -> Q:
    first = date.fromisoformat(f"{month}-01")
    return Q(day__gte=first, day__lt=(first + timedelta(days=31)).replace(day=1))


def this_month() -> tuple[str, str]:
    return last_months(timezone.now().astimezone(own_zone()).date())[0]


def in_short(user: User, **where: Any) -> tuple[str, str]:
    """Of the latest month: its name, and honest availability beside uptime in words; nothing where no day is known."""
    month, label = this_month()
    sums = AvailabilityDay.objects.visible_to(user).filter(days_of(month), **where).order_by().aggregate(
        seconds=Sum("seconds"), online=Sum("online"), usable=Sum("usable")
    )  # fmt: skip
    if not sums["seconds"]:
        return label, ""
    words = {"usable": share(sums["usable"], sums["seconds"]), "uptime": share(sums["online"], sums["seconds"])}
    return label, _("%(usable)s usable, uptime %(uptime)s") % words


def words_of(search: str) -> list[str]:
    return search.replace("\x00", "").split()[:WORDS]


class AvailabilityFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Id, alias, location, organization"), method="named", max_length=100)
    group = django_filters.ChoiceFilter(label=lazy("By"), choices=GROUPS, empty_label=None, method="later")
    month = django_filters.ChoiceFilter(label=lazy("Month"), empty_label=None, method="later")
    under = django_filters.ChoiceFilter(label=lazy("Less than"), choices=UNDER, empty_label=lazy("Any share"), method="later")

    class Meta:
        model = AvailabilityDay
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["month"].extra["choices"] = last_months(timezone.now().astimezone(own_zone()).date())

    def named(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Of organizations the page chooses those with the name: what is below one has other names."""
        for word in words_of(value) if self.data.get("group") != ORGANIZATION else ():
            fields = ("connector__station__identity", "connector__station__alias", f"{AT}__name", f"{AT}__organization__name")
            found = Q()
            for field in fields:
                found |= Q(**{f"{field}__icontains": word})
            rows = rows.filter(found)
        return rows

    def later(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """The page does it: it says over what is summed up."""
        return rows


def hours(seconds: int) -> float:
    return round(seconds / 3600, 3)


class LostColumn(django_tables2.Column):
    """The time lost for one reason; hours in an export."""

    def __init__(self, slug: str) -> None:
        super().__init__(REASONS[slug].word, accessor=f"lost_{slug}", attrs=NUMBER)

    def render(self, value: int) -> str:
        return duration(value) if value else "–"

    def value(self, value: int) -> float:
        return hours(value)


NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end text-nowrap"}}


class AvailabilityTable(Table):
    thing = django_tables2.Column(lazy("Where"), accessor="name", order_by=("name",))
    organization = django_tables2.Column(lazy("Organization"), accessor="organization_name", order_by=("organization_name",))
    location = django_tables2.Column(lazy("Location"), accessor="location_name", order_by=("location_name",))
    honest = django_tables2.Column(lazy("Usable"), accessor="served", order_by=("part",), attrs=NUMBER)
    uptime = django_tables2.Column(lazy("Uptime"), accessor="heard", order_by=("up",), attrs=NUMBER)
    lost = django_tables2.Column(lazy("Lost"), accessor="lost_time", attrs=NUMBER)
    connectors = django_tables2.Column(lazy("Connectors"), accessor="connectors", attrs=NUMBER)
    deactivated, offline, maintenance, out_of_service, faulted, unavailable, unreported = (LostColumn(slug) for slug in REASONS)

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, group: str = STATION, user: Any = None, month: str = "", **kwargs: Any) -> None:
        self.group, self.user, self.month = group, user, month
        super().__init__(*args, **kwargs)

    def render_thing(self, record: dict[str, Any]) -> SafeString:
        key, name = record["key"], record["name"]
        match self.group:
            case "station":
                alias = record["alias"]
                url = link("station_availability", key, period="month", day=f"{self.month}-01")
                under = " · ".join(part for part in (name if alias else "", record["location_name"]) if part)
                return format_html('<a href="{}">{}</a><span class="sub">{}</span>', url, alias or name, under)
            case "location":
                url = link("availability", **{"in": f"l{key}", "month": self.month})
                return format_html('<a href="{}">{}</a><span class="sub">{}</span>', url, name, record["organization_name"])
        under = format_html('<span class="sub">{}</span>', _("with all below it")) if record["below"] else ""
        if not holds(self.user, READ, record["path"]):
            return format_html("{}{}", name, under)
        url = link("availability", **{"in": f"o{key}", "month": self.month, "group": LOCATION})
        return format_html('<a href="{}">{}</a>{}', url, name, under)

    def value_thing(self, record: dict[str, Any]) -> str:
        alias = record.get("alias")
        return f"{record['name']} ({alias})" if alias else str(record["name"])

    def render_honest(self, record: dict[str, Any]) -> str:
        return share(record["served"], record["counted"])

    def value_honest(self, record: dict[str, Any]) -> float | str:
        return record["served"] * 10_000 // record["counted"] / 100 if record["counted"] else ""

    def render_uptime(self, record: dict[str, Any]) -> str:
        return share(record["heard"], record["counted"])

    def value_uptime(self, record: dict[str, Any]) -> float | str:
        return record["heard"] * 10_000 // record["counted"] / 100 if record["counted"] else ""

    def render_lost(self, value: int) -> str:
        return duration(value) if value else "–"

    def value_lost(self, value: int) -> float:
        return hours(value)


class AvailabilityList(ListPage):
    model = AvailabilityDay
    table_class = AvailabilityTable
    filterset_class = AvailabilityFilter
    title = lazy("Availability")
    intro = lazy(
        "The share of time in which a driver could have charged, beside the plain uptime; today is not in it. Exports give times in hours."
    )
    export_name = "availability"
    export_all = True
    hidden_columns = ("organization", "location", "deactivated", "out_of_service", "unavailable", "unreported")
    empty_title = lazy("No day is summed up yet.")
    empty_text = lazy("A day is summed up after its midnight, from the first connection of a station on.")

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return [(_("Operations"), link("operations"))]

    @property
    def group(self) -> str:
        wanted = self.request.GET.get("group", "")
        return wanted if wanted in KEYS else STATION

    @property
    def month(self) -> str:
        wanted, known = self.request.GET.get("month", ""), last_months(timezone.now().astimezone(own_zone()).date())
        return wanted if wanted in dict(known) else known[0][0]

    def excluded(self) -> list[str]:
        return [*super().excluded(), *FOREIGN[self.group]]

    def column_choice(self) -> list[tuple[str, str, bool, str]]:
        return [choice for choice in super().column_choice() if choice[0] not in FOREIGN[self.group]]

    def filtered(self) -> tuple[Any, django_filters.FilterSet | None]:
        """One row for each station, location or organization, with the sums of its days."""
        self.exporting = self.request.GET.get("export") in MAX_EXPORT
        days, filterset = super().filtered()
        self.days = days.filter(days_of(self.month)).order_by()
        names = KEYS[self.group] | {"organization_name": f"{AT}__organization__name", "path": f"{AT}__organization__path"}
        if self.group == STATION:
            names["location_name"] = f"{AT}__name"
        sums: dict[str, Any] = {
            "counted": Sum("seconds"), "heard": Sum("online"), "served": Sum("usable"), "connectors": Count("connector", distinct=True)
        }  # fmt: skip
        # Reading what is in JSON takes longest: only what is shown
        shown = set(self.table_class.base_columns) - set(self.excluded())
        sums |= {f"lost_{slug}": Sum(Coalesce(Cast(KT(f"lost__{slug}"), IntegerField()), 0)) for slug in REASONS if slug in shown}
        rows = self.days.values(**{name: F(to) for name, to in names.items()}).annotate(**sums)
        under = int(filterset.form.cleaned_data.get("under") or 0) if filterset and filterset.is_valid() else 0
        if self.group == ORGANIZATION:
            found = list(self._with_all_below(list(rows), [*sums]))
            return [row for row in found if not under or row["part"] < under], filterset
        rows = rows.annotate(
            lost_time=F("counted") - F("served"), part=_millionths("served"), up=_millionths("heard"),
        )  # fmt: skip
        return (rows.filter(part__lt=under) if under else rows), filterset

    def _with_all_below(self, own: list[dict[str, Any]], sums: list[str]) -> Iterator[dict[str, Any]]:
        """A row for each organization of `own`, and for those above that may be seen here, with the sums of all below it."""
        above = {row["path"][: at + 1] for row in own for at, sign in enumerate(row["path"]) if sign == "/" and at}
        seen = self.request.drill.limit(Organization.objects.visible_to(self.request.user))  # type: ignore[attr-defined]
        rows = {row["path"]: row | dict.fromkeys(sums, 0) | {"below": False} for row in own}
        for pk, name, path_ in seen.filter(path__in=above - rows.keys()).order_by().values_list("pk", "name", "path"):
            rows[path_] = {"key": pk, "name": name, "organization_name": name, "path": path_, "below": False} | dict.fromkeys(sums, 0)
        for one in own:
            for at, sign in enumerate(one["path"]):
                if sign == "/" and (row := rows.get(one["path"][: at + 1])):
                    row["below"] |= row["path"] != one["path"]
                    row |= {name: row[name] + (one[name] or 0) for name in sums}
        words = [word.casefold() for word in words_of(self.request.GET.get("q", ""))]
        for row in rows.values():
            if row["counted"] and all(word in row["name"].casefold() for word in words):
                shares = {name: row[of] * 1_000_000 // row["counted"] for name, of in (("part", "served"), ("up", "heard"))}
                yield row | shares | {"lost_time": row["counted"] - row["served"]}

    def sorted_rows(self, rows: Any) -> Any:
        """The worst first, if nothing else is wanted."""
        if isinstance(rows, list):
            return list(self.table(sorted(rows, key=lambda row: (row["part"], row["name"], row["key"]))).data.data)
        ordered: QuerySet[Any] = self.table(rows).data.data
        return ordered.order_by(*(ordered.query.order_by or ("part",)), "name", "key")

    def table_kwargs(self) -> dict[str, Any]:
        return {"group": self.group, "user": self.request.user, "month": self.month}

    def totals(self, rows: Any) -> Sequence[tuple[str, str]]:
        names = ("counted", "heard", "served")
        if isinstance(rows, list):  # what is below another row is in it
            paths = {row["path"] for row in rows}
            top = [row for row in rows if not any(row["path"] != path_ and row["path"].startswith(path_) for path_ in paths)]
            sums = {f"all_{name}": sum(row[name] for row in top) for name in names}
        else:
            sums = rows.aggregate(**{f"all_{name}": Sum(name) for name in names})
        counted = sums["all_counted"] or 0
        return [
            (_("usable"), share(sums["all_served"] or 0, counted)),
            (_("uptime"), share(sums["all_heard"] or 0, counted)),
        ]


def _millionths(name: str) -> Any:
    """How many millionths of the time that counts; of none there is no share."""
    return Cast(F(name), BigIntegerField()) * 1_000_000 / NullIf(F("counted"), 0)


urlpatterns: list[URLPattern] = [path("availability/", AvailabilityList.as_view(), name="availability")]
