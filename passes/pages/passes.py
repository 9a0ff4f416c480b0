"""Charge passes: the list, and what is done to many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes.imports.passes import exported
from passes.models import ChargePass, Listing, PassGroup, normalize_uid
from passes.pages.lists import organizations_for, switchings, words_of
from passes.pages.many import bulk_actions
from passes.pages.sheet import JOINS, name_of, state_of
from tenancy.links import link, organization_link
from tenancy.pages.shared import user_of
from tenancy.personal import person, seen_value, shown, where_seen
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, READ, anywhere, may
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import state, when

ON_OFF = [("", lazy("Any")), ("true", lazy("On")), ("false", lazy("Off"))]
NO_GROUP = "none"


class PassFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Nickname, UID or visible number"), method="named")
    user = django_filters.CharFilter(label=lazy("User"), method="of_user")
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="with_state",
        choices=[
            ("valid", lazy("Valid")), ("blocked", lazy("Blocked")), ("expired", lazy("Expired")), ("not_yet", lazy("Not valid yet")),
            ("restricted", lazy("Restricted")), ("user_off", lazy("User deactivated")),
        ],
    )  # fmt: skip
    kind = django_filters.ChoiceFilter(
        label=lazy("Kind"), empty_label=lazy("Any"), choices=[("public", lazy("Public")), ("non_public", lazy("Non-public"))]
    )
    whitelist = django_filters.BooleanFilter(label=lazy("Whitelist"), method="listed", widget=forms.Select(choices=ON_OFF))
    roaming_free = django_filters.BooleanFilter(label=lazy("Roaming free"), method="listed", widget=forms.Select(choices=ON_OFF))
    group = django_filters.ChoiceFilter(label=lazy("Group"), empty_label=lazy("Any"), choices=(), method="in_group")
    organization = django_filters.ChoiceFilter(label=lazy("Organization"), empty_label=lazy("Any"), choices=())

    class Meta:
        model = ChargePass
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not anywhere(self.request.user, PERSONAL_DATA):
            del self.filters["q"], self.filters["user"]
        groups = self.request.drill.limit(PassGroup.objects.visible_to(self.request.user)).order_by("name", "pk")
        self.filters["group"].extra["choices"] = [(NO_GROUP, _("None")), *((str(row.pk), row.name) for row in groups)]
        self.filters["organization"].extra["choices"] = organizations_for(self.request)

    def named(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        """What is masked is not found."""
        text = value.replace("\x00", "").strip()
        found = Q(nickname__icontains=text) | Q(visible_number__icontains=text)
        if uid := normalize_uid(text):
            found |= Q(uid__contains=uid)
        return rows.filter(found).filter(where_seen(self.request.user, ChargePass))

    def of_user(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        text = value.replace("\x00", "").strip()
        return rows.filter(where_seen(self.request.user, ChargePass), user__name__icontains=text) if text else rows

    def with_state(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        now = timezone.now()
        over, early, off = Q(valid_until__lte=now), Q(valid_from__gt=now), Q(user__is_active=False)
        good = rows.filter(blocked=False)
        match value:
            case "blocked":
                return rows.filter(blocked=True)
            case "user_off":
                return good.filter(off)
            case "expired":
                return good.filter(over)
            case "not_yet":
                return good.filter(early)
        good = good.exclude(off).exclude(over).exclude(early)
        if value == "restricted":
            return good.filter(restricted("") | restricted("group__"))
        return good

    def listed(self, rows: QuerySet[ChargePass], name: str, value: bool) -> QuerySet[ChargePass]:
        """On a list that the person sees."""
        on = Exists(Listing.objects.visible_to(self.request.user).filter(charge_pass=OuterRef("pk"), **{name: True}))
        return rows.filter(on if value else ~on)

    def in_group(self, rows: QuerySet[ChargePass], name: str, value: str) -> QuerySet[ChargePass]:
        return rows.filter(group=None) if value == NO_GROUP else rows.filter(group=int(value))


def restricted(prefix: str) -> Q:
    """What `Restricted.restricted` says, of rows."""
    several = ~Q(**{f"{prefix}only_stations": []}) | ~Q(**{f"{prefix}only_locations": []}) | ~Q(**{f"{prefix}hours": []})
    amounts = Q(**{f"{prefix}daily_kwh__isnull": False}) | Q(**{f"{prefix}monthly_kwh__isnull": False})
    return (several | amounts) & Q(**{f"{prefix}pk__isnull": False})


class PassTable(Table):
    name = django_tables2.Column(lazy("Pass"), accessor="uid", order_by=("shown_nickname", "shown_uid"))
    uid = django_tables2.Column(lazy("UID"), order_by="shown_uid")
    visible_number = django_tables2.Column(lazy("Visible number"), order_by="shown_number")
    user = django_tables2.Column(lazy("User"), orderable=False, empty_values=())
    kind = django_tables2.Column(lazy("Kind"), attrs={"td": {"class": "text-nowrap"}})
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name")
    lists = django_tables2.Column(lazy("Lists"), accessor="pk", orderable=False)
    group = django_tables2.Column(lazy("Group"), accessor="group__name")
    state = django_tables2.Column(lazy("State"), accessor="blocked", orderable=False)
    valid_until = django_tables2.Column(lazy("Valid until"), empty_values=())

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: ChargePass) -> SafeString:
        number = self._shown(record, record.visible_number if record.nickname else "")
        name = name_of(user_of(self.request), record)
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), name, number)

    def value_name(self, record: ChargePass) -> str:
        return self._shown(record, record.nickname)

    def render_uid(self, record: ChargePass) -> SafeString:
        return format_html("<code>{}</code>", self._shown(record, record.uid))

    def value_uid(self, record: ChargePass) -> str:
        return self._shown(record, record.uid)

    def render_visible_number(self, record: ChargePass) -> str:
        return self._shown(record, record.visible_number)

    def value_visible_number(self, record: ChargePass) -> str:
        return self._shown(record, record.visible_number)

    def _shown(self, record: ChargePass, text: str) -> str:
        return shown(self.request.user, text, record.organization.path)

    def value_user(self, record: ChargePass) -> str:
        return person(self.request.user, record.user, record.organization.path)

    def render_user(self, record: ChargePass) -> SafeString | str:
        name = self.value_user(record)
        if record.user is None or not may(self.request.user, READ, record.user):
            return name or "–"
        return format_html('<a href="{}">{}</a>', record.user.get_absolute_url(), name)

    def render_kind(self, record: ChargePass) -> str:
        return _("Public") if record.kind == ChargePass.Kind.PUBLIC else _("Non-public")

    value_kind = render_kind

    def render_organization(self, record: ChargePass) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: ChargePass) -> str:
        return record.organization.name

    def _lists(self, record: ChargePass) -> list[str]:
        """What it may at its own organization, then at others."""
        return [
            words_of(one) if one.organization_id == record.organization_id else f"{one.organization}: {words_of(one)}"
            for one in sorted(record.seen_listings, key=lambda one: one.organization_id != record.organization_id)  # type: ignore[attr-defined]
        ]

    def render_lists(self, record: ChargePass) -> SafeString | str:
        own, *others = self._lists(record) or ["–"]
        more = ngettext("and on %d other list", "and on %d other lists", len(others)) % len(others) if others else ""
        return format_html('{}<span class="sub">{}</span>', own, more)

    def value_lists(self, record: ChargePass) -> str:
        return "; ".join(self._lists(record))

    def render_group(self, record: ChargePass) -> SafeString | str:
        return format_html('<a href="{}">{}</a>', record.group.get_absolute_url(), record.group) if record.group else "–"

    def value_group(self, record: ChargePass) -> str:
        return str(record.group or "")

    def render_state(self, record: ChargePass) -> SafeString:
        name, word = state_of(record)
        return state(name, str(word))

    def value_state(self, record: ChargePass) -> str:
        return str(state_of(record)[1])

    def render_valid_until(self, record: ChargePass) -> SafeString | str:
        return when(record.valid_until) if record.valid_until else _("no end")

    def value_valid_until(self, record: ChargePass) -> str:
        return record.valid_until.isoformat(timespec="seconds") if record.valid_until else ""


def own_listings(request: HttpRequest, rows: Any) -> Any:
    """The listings of passes at their own organizations."""
    listings = Listing.objects.visible_to(request.user, MANAGE_PASSES)
    return listings.filter(charge_pass__in=rows.order_by().values("pk"), organization=F("charge_pass__organization"))


class PassList(ListPage):
    model = ChargePass
    table_class = PassTable
    filterset_class = PassFilter
    title = lazy("Passes")
    intro = lazy("A pass works at the stations of those organizations on whose lists it is, as its switches there say.")
    export_name = "passes"
    hidden_columns = ("visible_number", "group", "valid_until")
    empty_title = lazy("No passes yet.")
    empty_text = lazy("Add the cards of those who may charge. What the reader sends of a card is in the activity of the station.")
    bulk_actions = (*bulk_actions[:2], *switchings(own_listings), *bulk_actions[2:])

    def get_queryset(self) -> QuerySet[Any]:
        user = self.request.user
        columns = {"nickname": "shown_nickname", "uid": "shown_uid", "visible_number": "shown_number"}
        rows: QuerySet[Any] = super().get_queryset()
        rows = rows.annotate(**{name: seen_value(user, ChargePass, field) for field, name in columns.items()})
        return rows.order_by("shown_nickname", "shown_uid", "pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        listings = Listing.objects.visible_to(self.request.user).select_related("organization")
        return rows.select_related(*JOINS).prefetch_related(Prefetch("listings", listings, to_attr="seen_listings"))

    def lines(self, table: Table) -> Iterator[Sequence[Any]]:
        """What can be imported again: every column of the import, whatever is shown."""
        return exported(user_of(self.request), (row.record for row in table.rows))

    def get_actions(self) -> Sequence[Action]:
        add = [Action(_("Add a pass"), link("pass_add"), icon="plus")] if anywhere(self.request.user, MANAGE_PASSES) else []
        add += [Action(_("Import"), link("import_add", kind="passes"), icon="upload")] if add else []
        return [
            *add,
            Action(_("Guides"), link("pass_guides"), icon="route"),
            Action(_("Lists"), link("listings"), icon="list-check"),
            Action(_("Groups"), link("pass_groups"), icon="users-group"),
        ]

    def get_empty_action(self) -> Action | None:
        first = next(iter(self.get_actions()), None)
        return first if anywhere(self.request.user, MANAGE_PASSES) else None


urlpatterns: list[URLPattern] = [path("passes/", PassList.as_view(), name="passes")]
