"""Organizations: the tree as a list, and each as a page."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions, hooks
from tenancy.forms import OrganizationForm
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import MANAGE_ORGANIZATIONS, get_for, holds
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table

NAME = {"td": {"class": "long-name"}}
MANY = 50  # of one kind on the page of an organization
NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end num"}}


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


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
    parent = django_tables2.Column(lazy("Belongs to"), accessor="parent__name", attrs=NAME)
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
        counted: QuerySet[Any] = rows.in_tree_order().annotate(below=Coalesce(Subquery(below), 0), people=Coalesce(Subquery(people), 0))
        return counted

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("parent")

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Add an organization"), link("organization_add"), icon="plus")]


def organization(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Organization.objects.select_related("parent"), pk=pk)
    children = list(Organization.objects.visible_to(user).filter(parent=found)[: MANY + 1])
    people = User.objects.visible_to(user).filter(organization=found)
    shown = list(people[: MANY + 1])
    head = [Action(_("Look only at this"), link("stations", **{"in": f"o{found.pk}"}), icon="filter")]
    if holds(user, MANAGE_ORGANIZATIONS, found.path):
        head += [
            Action(_("Add an organization below"), link("organization_add", parent=str(found.pk)), icon="plus"),
            Action(_("Edit"), link("organization_edit", found.pk), icon="pencil"),
            Action(_("Delete"), link("organization_delete", found.pk), icon="trash"),
        ]
    context = {
        "title": found.name,
        "organization": found,
        "breadcrumbs": trail(user, found),
        "children": children[:MANY],
        "all_children_url": link("organizations", **{"in": f"o{found.pk}"}) if len(children) > MANY else "",
        "people": shown[:MANY],
        "more_people": people.count() - MANY if len(shown) > MANY else 0,
        "parts": [part(request, found) for part in hooks.organization_parts],
        "actions": head,
    }
    return render(request, "tenancy/organization.html", context)


def organization_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = OrganizationForm(request.POST or None, user=user, above=proposed(request, "parent", MANAGE_ORGANIZATIONS))

    def save(values: dict[str, Any]) -> Organization:
        parent = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=values.pop("parent").pk)
        return actions.create_organization(actor=user, parent=parent, **values)

    return form_page(
        request, form, save, title=_("Add an organization"), submit_label=_("Add"), cancel_url=link("organizations"),
        done=_("Organization added."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=[(_("Organizations"), link("organizations"))],
    )  # fmt: skip


def organization_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=pk)
    form = OrganizationForm(request.POST or None, instance=copy.copy(found), user=user)
    return form_page(
        request, form, lambda values: actions.edit_organization(actor=user, organization=found, **values),
        title=_("Edit %s") % found, submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."),
        done_url=found.get_absolute_url(), breadcrumbs=[*trail(user, found), (found, found.get_absolute_url())],
    )  # fmt: skip


def organization_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=pk)
    refusal = actions.why_organization_stays(found)
    if user.organization_id == found.pk and not refusal:
        refusal = _("You belong to it yourself.")
    above = trail(user, found)
    after = above[-1][1] if above else reverse("organizations")
    if request.GET.get("in") == f"o{pk}":  # the scope goes with it
        after = reverse("organization", args=[found.parent_id]) if above else reverse("organizations")
    return confirm_page(
        request, lambda: actions.delete_organization(actor=user, organization=found),
        title=_("Delete %s?") % found, consequences=[_("The organization %s is gone. What was done to it stays in the record.") % found],
        refusal=refusal, submit_label=_("Delete organization"), cancel_url=found.get_absolute_url(), done=_("%s is deleted.") % found,
        done_url=after, breadcrumbs=[*above, (found, found.get_absolute_url())],
    )  # fmt: skip
