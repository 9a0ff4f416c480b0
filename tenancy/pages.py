"""Organizations: the tree as a list, and each as a page."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import django_filters
import django_tables2
from django.db import connection
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Collate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions, hooks
from tenancy.forms import OrganizationForm
from tenancy.models import Organization, User
from tenancy.rights import MANAGE_ORGANIZATIONS, get_for, holds
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table

NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end num"}}


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def trail(user: User, organization: Organization) -> list[tuple[Any, str]]:
    """From the highest organization this person may see down to the parent of this one."""
    above = {row.pk: row for row in Organization.objects.visible_to(user).filter(pk__in=organization.ancestor_ids)}
    return [(above[pk], above[pk].get_absolute_url()) for pk in organization.ancestor_ids if pk in above]


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
    name = django_tables2.Column(lazy("Organization"))
    kind = django_tables2.Column(lazy("Kind"))
    parent = django_tables2.Column(lazy("Belongs to"), accessor="parent__name")
    city = django_tables2.Column(lazy("City"))
    below = django_tables2.Column(lazy("Organizations below"), attrs=NUMBER)
    people = django_tables2.Column(lazy("People"), attrs=NUMBER)

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

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


class OrganizationList(ListPage):
    """In the order of the tree, unless sorted otherwise."""

    model = Organization
    table_class = OrganizationTable
    filterset_class = OrganizationFilter
    title = lazy("Organizations")
    export_name = "organizations"
    empty_title = lazy("No organizations yet.")

    def get_queryset(self) -> QuerySet[Any]:
        below = Organization.objects.filter(parent=OuterRef("pk")).order_by().values("parent").annotate(n=Count("pk")).values("n")
        people = User.objects.filter(organization=OuterRef("pk")).order_by().values("organization").annotate(n=Count("pk")).values("n")
        rows: QuerySet[Any] = super().get_queryset().annotate(below=Coalesce(Subquery(below), 0), people=Coalesce(Subquery(people), 0))
        # Byte by byte, so that everything below an organization follows it; the locale's order would ignore the slashes.
        return rows.order_by(Collate("path", "C") if connection.vendor == "postgresql" else "path")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("parent")

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def get_actions(self) -> Sequence[Action]:
        scope = self.request.GET.get("in")
        return [
            Action(_("Add an organization"), reverse("organization_add") + (f"?{urlencode({'in': scope})}" if scope else ""), icon="plus")
        ]


def organization(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Organization.objects.select_related("parent"), pk=pk)
    children = Organization.objects.visible_to(user).filter(parent=found)
    context = {
        "title": found.name,
        "organization": found,
        "breadcrumbs": trail(user, found),
        "children": children,
        "people": User.objects.visible_to(user).filter(organization=found),
        "parts": [part(request, found) for part in hooks.organization_parts],
        "may_manage": holds(user, MANAGE_ORGANIZATIONS, found.path),
        "scope_url": f"{reverse('stations')}?in=o{found.pk}",
        "add_url": f"{reverse('organization_add')}?in=o{found.pk}",
    }
    return render(request, "tenancy/organization.html", context)


def organization_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    drill = request.drill  # type: ignore[attr-defined]
    above = drill.organization if drill else user.organization
    form = OrganizationForm(request.POST or None, initial={"parent": above.pk}, user=user)

    def save(values: dict[str, Any]) -> Organization:
        parent = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=values.pop("parent").pk)
        return actions.create_organization(actor=user, parent=parent, **values)

    return form_page(
        request, form, save, title=_("Add an organization"), submit_label=_("Add"), cancel_url=reverse("organizations"),
        done=_("Organization added."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=[(_("Organizations"), reverse("organizations"))],
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
    return confirm_page(
        request, lambda: actions.delete_organization(actor=user, organization=found),
        title=_("Delete %s?") % found, consequences=[_("The organization %s is gone. What was done to it stays in the record.") % found],
        refusal=refusal, submit_label=_("Delete organization"), cancel_url=found.get_absolute_url(), done=_("%s is deleted.") % found,
        done_url=above[-1][1] if above else reverse("organizations"), breadcrumbs=[*above, (found, found.get_absolute_url())],
    )  # fmt: skip
