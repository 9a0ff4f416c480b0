"""Organizations: the tree as a list. Each as a page is in organization_sheet.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import hooks
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.shared import MANY, NAME, NUMBER, user_of
from tenancy.rights import MANAGE_ORGANIZATIONS, anywhere, get_for, holds
from ui.lists import Action, ListPage, Table

__all__ = ["MANY", "NAME", "NUMBER", "OrganizationList", "proposed", "trail"]


def trail(user: User, organization: Organization) -> list[tuple[Any, str]]:
    """From the highest organization this person may see down to the parent of this one."""
    above = {row.pk: row for row in Organization.objects.visible_to(user).filter(pk__in=organization.ancestor_ids)}
    return [(above[pk], above[pk].get_absolute_url()) for pk in organization.ancestor_ids if pk in above]


def proposed(request: HttpRequest, name: str, right: str) -> Organization:
    """The organization to which something new probably belongs: the one that the address names, the scope, or the user's own."""
    user, wanted = user_of(request), request.GET.get(name, "")
    if wanted.isdecimal() and len(wanted) < 19:
        return get_for(user, Organization.objects.all(), right, pk=int(wanted))
    drill = request.drill  # type: ignore[attr-defined]
    within: Organization = drill.organization if drill else user.organization
    return within


class OrganizationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name or city"), method="named")
    kind = django_filters.ChoiceFilter(label=lazy("Kind"), empty_label=lazy("Any"), choices=Organization.Kind.choices)

    class Meta:
        model = Organization
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Organization], name: str, value: str) -> QuerySet[Organization]:
        text = value.replace("\x00", "").strip()
        return rows.filter(name__icontains=text) | rows.filter(city__icontains=text)


class OrganizationTable(Table):
    name = django_tables2.Column(lazy("Organization"), attrs=NAME)
    kind = django_tables2.Column(lazy("Kind"), attrs={"td": {"class": "text-nowrap"}})
    parent = django_tables2.Column(lazy("Belongs to"), accessor="parent__name", order_by=("shown_parent", "pk"), attrs=NAME)
    city = django_tables2.Column(lazy("City"))
    below = django_tables2.Column(lazy("Organizations below"), attrs=NUMBER)
    locations = django_tables2.Column(lazy("Locations"), accessor="path", orderable=False, attrs=NUMBER)
    stations = django_tables2.Column(lazy("Stations"), accessor="path", orderable=False, attrs=NUMBER)
    people = django_tables2.Column(lazy("People"), attrs=NUMBER)

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self._counts: dict[str, Counter[int]] = {}

    def count(self, column: str, organization: Organization) -> int:
        """How many there are at `organization` and everything below it; one query for all rows."""
        if column not in self._counts:
            found: Counter[int] = Counter()
            for path, number in hooks.organization_counts[column](self.user).items():
                for pk in path.strip("/").split("/"):
                    found[int(pk)] += number
            self._counts[column] = found
        return self._counts[column][organization.pk]

    def render_name(self, record: Organization) -> SafeString:
        address = ", ".join(part for part in (record.street, record.city) if part)
        return format_html(
            '<span class="depth depth-{}"><a href="{}">{}</a><span class="sub">{}</span></span>',
            min(record.depth, 8),
            record.get_absolute_url(),
            record,
            address,
        )

    def value_name(self, record: Organization) -> str:
        return record.name

    def render_parent(self, record: Organization) -> str:
        """What stands above one's own organization is not one's business."""
        return record.parent.name if record.parent and holds(self.user, "read", record.parent.path) else "–"

    value_parent = render_parent

    def render_locations(self, record: Organization) -> int:
        return self.count("locations", record)

    def render_stations(self, record: Organization) -> int:
        return self.count("stations", record)


class OrganizationList(ListPage):
    """In the order of the tree, unless sorted otherwise."""

    model = Organization
    table_class = OrganizationTable
    filterset_class = OrganizationFilter
    title = lazy("Organizations")
    intro = lazy("Locations and stations are counted together with everything below.")
    export_name = "organizations"
    hidden_columns = ("city", "below")
    empty_title = lazy("No organizations yet.")

    def get_queryset(self) -> QuerySet[Any]:
        below = Organization.objects.filter(parent=OuterRef("pk")).order_by().values("parent").annotate(n=Count("pk")).values("n")
        people = User.objects.filter(organization=OuterRef("pk")).order_by().values("organization").annotate(n=Count("pk")).values("n")
        rows: Any = super().get_queryset()
        seen = Organization.objects.visible_to(self.request.user).order_by().values("pk")
        parent = Case(When(parent__in=seen, then=F("parent__name")), default=None)  # its order would tell what stands above
        rows = rows.annotate(shown_parent=parent)
        counted: QuerySet[Any] = rows.in_tree_order().annotate(below=Coalesce(Subquery(below), 0), people=Coalesce(Subquery(people), 0))
        return counted

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("parent")

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(user_of(self.request), MANAGE_ORGANIZATIONS):
            return []
        return [Action(_("Add an organization"), link("organization_add"), icon="plus")]
