"""Who changed what: everything that one may read, and the History of one object."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo
from functools import cached_property
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import hooks
from tenancy.history import VERBS, Line, Reader, by_name, by_whom, entries_of, history_of, kind_in_words, model_of
from tenancy.links import organization_link
from tenancy.models import AuditEntry, Organization, Role, User
from tenancy.pages import organization_sheet, roles, users
from tenancy.pages.organizations import trail
from tenancy.pages.shared import user_of
from tenancy.personal import MASK, sees
from tenancy.rights import READ_AUDIT, UPDATE_USER_ROLES, Missing, anywhere, get_for
from ui.lists import ListPage, Table
from ui.periods import PERIODS, midnight, period, safe_midnight
from ui.templatetags.ui import own_zone, when

Rows = QuerySet[AuditEntry]

LINES = 4  # told at once, of what changed together
LONG = 80  # characters of a line
NAME = {"td": {"class": "long-name"}}
SENTENCE = {"td": {"class": "long-name sentence"}}  # with links in it


def zone_for(request: HttpRequest) -> Any:
    """That of the object which the page is about, else the person's, else the platform's."""
    return getattr(request, "zone", None) or own_zone()


class HistoryFilter(django_filters.FilterSet):
    period = django_filters.ChoiceFilter(label=lazy("When"), empty_label=lazy("At any time"), method="in_period", choices=PERIODS)
    since = django_filters.DateFilter(label=lazy("From"), method="from_day", widget=forms.DateInput(attrs={"type": "date"}))
    until = django_filters.DateFilter(label=lazy("To"), method="to_day", widget=forms.DateInput(attrs={"type": "date"}))
    verb = django_filters.ChoiceFilter(
        label=lazy("What"), empty_label=lazy("Anything"), choices=[(code, verb.label) for code, verb in VERBS.items()]
    )
    kind = django_filters.ChoiceFilter(
        label=lazy("Of what"), empty_label=lazy("Of anything"), field_name="object_type",
        choices=lambda: [(kind, capfirst(kind_in_words(kind))) for kind in hooks.recorded_kinds],
    )  # fmt: skip
    q = django_filters.CharFilter(label=lazy("Name of the object"), method="named", max_length=100)
    who = django_filters.CharFilter(label=lazy("Who"), method="by_whom", max_length=100)
    organization = django_filters.CharFilter(
        label=lazy("Organization"), field_name="organization__name", lookup_expr="icontains", max_length=100
    )

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()

    def in_period(self, rows: Rows, name: str, value: str) -> Rows:
        zone = zone_for(self.request)
        first, after = period(value, timezone.now().astimezone(zone).date())
        return rows.filter(at__gte=midnight(first, zone), at__lt=midnight(after, zone))

    def from_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(at__gte=safe_midnight(value, zone_for(self.request)))

    def to_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(at__lt=safe_midnight(value, zone_for(self.request), 1))

    def named(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(by_name(user_of(self.request), value))

    def by_whom(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(by_whom(user_of(self.request), value))


class ObjectFilter(HistoryFilter):
    """On the page of one object, which need not be named."""

    q = kind = organization = None


class HistoryTable(Table):
    what = django_tables2.Column(lazy("What"), accessor="object_name", orderable=False, attrs=SENTENCE)
    changes = django_tables2.Column(lazy("Before → after"), orderable=False, empty_values=(), attrs={"td": {"class": "wide changes"}})
    who = django_tables2.Column(lazy("Who"), accessor="actor_name", orderable=False, empty_values=(), attrs={"td": {"class": "who"}})
    at = django_tables2.Column(lazy("When"))
    organization = django_tables2.Column(lazy("Organization"), orderable=False, empty_values=(), attrs=NAME)
    address = django_tables2.Column(lazy("From where"), orderable=False, empty_values=(), attrs={"td": {"class": "num text-nowrap"}})

    def __init__(self, *args: Any, reader: Reader, zone: tzinfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader, self.zone = reader, zone

    @cached_property
    def urls(self) -> dict[tuple[str, int], str]:
        """The pages of the objects that are still there and that this person may open: one query for each kind of object."""
        wanted: dict[str, set[int]] = {}
        for entry in self.data:
            if entry.object_id is not None:
                wanted.setdefault(entry.object_type, set()).add(entry.object_id)
        found: dict[tuple[str, int], str] = {}
        for kind, keys in wanted.items():
            model: Any = model_of(kind)
            if not hasattr(model, "get_absolute_url") or not hasattr(model, "tenant_path"):
                continue
            for thing in model._default_manager.visible_to(self.reader.user, getattr(model, "page_right", "")).filter(pk__in=keys):
                found[kind, thing.pk] = thing.get_absolute_url()
        return found

    def render_what(self, record: AuditEntry) -> SafeString:
        name, url = self.reader.name(record), self.urls.get((record.object_type, record.object_id or 0))
        return format_html(
            self.reader.sentence(record),
            kind=kind_in_words(record.object_type),
            name=format_html('<a href="{}">{}</a>', url, name) if url else format_html("<strong>{}</strong>", name),
        )

    def value_what(self, record: AuditEntry) -> str:
        return self.reader.what(record)

    def render_changes(self, record: AuditEntry) -> SafeString | str:
        lines = self.reader.lines(record)
        told, rest = lines[:LINES], lines[LINES:]
        shown = format_html_join("", "<div>{}</div>", ((_line(line),) for line in told))
        if not rest:
            return shown
        more = format_html_join("", "<div>{}</div>", ((_line(line),) for line in rest))
        return format_html("{}<details><summary>{}</summary>{}</details>", shown, _("and %d more") % len(rest), more)

    def value_changes(self, record: AuditEntry) -> str:
        return "\n".join(str(line) for line in self.reader.lines(record))

    def render_who(self, record: AuditEntry) -> str:
        return self.reader.who(record)

    def value_who(self, record: AuditEntry) -> str:
        return self.reader.who(record)

    def render_at(self, record: AuditEntry) -> SafeString | str:
        return when(record.at, self.zone)

    def value_at(self, record: AuditEntry) -> str:
        return record.at.astimezone(self.zone).isoformat(timespec="seconds")

    def render_organization(self, record: AuditEntry) -> SafeString | str:
        return organization_link(self.reader.user, record.organization) if record.organization else "–"

    def value_organization(self, record: AuditEntry) -> str:
        return record.organization.name if record.organization else ""

    def render_address(self, record: AuditEntry) -> str:
        return self.reader.address(record) or "–"

    def value_address(self, record: AuditEntry) -> str:
        return self.reader.address(record)


def _line(line: Line) -> SafeString:
    """A long one is cut, and shown whole when it is opened."""
    text = str(line)
    if len(text) > LONG:
        start = text[:LONG].rpartition(" ")[0] or text[:LONG]
        return format_html("<details><summary>{} …</summary>{}</details>", start, _whole(line))
    return _whole(line)


def _whole(line: Line) -> SafeString:
    if not line.before and not line.after:
        return format_html("{}", line.label)
    if line.before and line.after:
        return format_html('<span class="text-secondary">{}:</span> {} → {}', *line)
    return format_html('<span class="text-secondary">{}:</span> {}', line.label, line.before or line.after)


class HistoryList(ListPage):
    """Everything that was changed where the person may see it."""

    model = AuditEntry
    table_class = HistoryTable
    filterset_class = HistoryFilter
    template_name = "tenancy/history.html"
    title = lazy("History")
    intro: Any = lazy("Who changed what, the latest first. Nobody can change or delete what stands here.")
    export_name = "history"
    empty_title = lazy("Nothing has been changed yet.")
    empty_text = lazy("Whatever somebody adds, changes or deletes is recorded here.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not anywhere(request.user, READ_AUDIT):
            raise Missing(READ_AUDIT)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        place = self.request.drill.place  # type: ignore[attr-defined]
        return rows if place is None else rows.filter(entries_of(place))

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def table_kwargs(self) -> dict[str, Any]:
        zone = zone_for(self.request)
        return {"reader": Reader(user_of(self.request), zone), "zone": zone}


class ObjectHistory(HistoryList):
    """The History of one object of the model `of`, read with `joins`. A subclass may draw the head that the object's pages share."""

    of: Any = None
    joins: tuple[str, ...] = ("organization",)
    filterset_class = ObjectFilter
    intro = ""
    hidden_columns: Sequence[str] = ("organization",)

    thing: Any

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.thing = get_for(request.user, self.of.objects.select_related(*self.joins), READ_AUDIT, pk=kwargs["pk"])
        request.zone = self.zone()  # type: ignore[attr-defined]
        return super().dispatch(request, *args, **kwargs)

    def zone(self) -> tzinfo | None:
        """In which its times are shown; None for the person's own."""
        return None

    def get_queryset(self) -> QuerySet[Any]:
        return history_of(user_of(self.request), self.thing)

    @property
    def name(self) -> str:
        hidden = getattr(self.thing, "personal_name", False) and not sees(user_of(self.request), self.thing)
        return MASK if hidden else str(self.thing)

    def get_title(self) -> str:
        return _("History of %s") % self.name

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        organization = getattr(self.thing, "organization", None)
        above = [*trail(user_of(self.request), organization), (organization, organization.get_absolute_url())] if organization else []
        return [*above, (self.name, self.thing.get_absolute_url())]


class OrganizationHistory(ObjectHistory):
    """What was done at it and at everything below it."""

    of, joins = Organization, ("parent",)
    filterset_class = HistoryFilter
    template_name = "tenancy/organization_history.html"
    hidden_columns = ()

    def get_context(self) -> dict[str, Any]:
        return organization_sheet.sheet(self.request, self.thing, "history")


class UserHistory(ObjectHistory):
    of = User
    template_name = "tenancy/user_history.html"
    hidden_columns = ()  # roles are given at several

    def get_context(self) -> dict[str, Any]:
        return users.sheet(self.request, self.thing, "history")


class RoleHistory(ObjectHistory):
    of = Role
    template_name = "tenancy/role_history.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        get_for(request.user, Role.objects.select_related("organization"), UPDATE_USER_ROLES, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def get_context(self) -> dict[str, Any]:
        return roles.sheet(self.request, self.thing, "history")
