"""Groups of passes: what several have in common."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from passes import actions
from passes.models import ChargePass, PassGroup
from passes.pages.restrictions import restrictions_page, told
from passes.pages.sheet import name_of, state_of
from passes.restriction_forms import GroupRestrictionsForm
from tenancy.forms import ParentChoice, choose_among
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization
from tenancy.names import NameField
from tenancy.pages.history import ObjectHistory
from tenancy.pages.shared import MANY, NUMBER, user_of
from tenancy.rights import MANAGE_PASSES, READ_AUDIT, Missing, anywhere, get_for, may
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import state


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PassGroup
        fields = ("organization", "name", "group_id")
        field_classes = {"organization": ParentChoice, "name": NameField}

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group_id"].widget.attrs |= {"spellcheck": "false", "class": "font-monospace"}
        if self.instance.pk:
            del self.fields["organization"]
            return
        field = choose_among(self, user, Organization.objects.visible_to(user, MANAGE_PASSES))
        field.empty_label = _("Choose one")
        field.help_text = lazy("Its passes can be in the group.")


class GroupFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name"), field_name="name", lookup_expr="icontains")

    class Meta:
        model = PassGroup
        fields: tuple[str, ...] = ()


class GroupTable(Table):
    name = django_tables2.Column(lazy("Group"))
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name")
    group_id = django_tables2.Column(lazy("Group id"))
    restricted = django_tables2.Column(lazy("Restricted"), orderable=False)
    members = django_tables2.Column(lazy("Passes"), attrs=NUMBER)

    class Meta(Table.Meta):
        default = "–"

    def render_name(self, record: PassGroup) -> SafeString:
        return format_html('<a href="{}">{}</a>', record.get_absolute_url(), record.name)

    def value_name(self, record: PassGroup) -> str:
        return record.name

    def render_organization(self, record: PassGroup) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: PassGroup) -> str:
        return record.organization.name

    def render_group_id(self, record: PassGroup) -> SafeString:
        return format_html("<code>{}</code>", record.group_id)

    def value_group_id(self, record: PassGroup) -> str:
        return record.group_id

    def render_restricted(self, record: PassGroup) -> SafeString:
        return state("busy", _("Yes")) if record.restricted else state("off", _("No"))

    def value_restricted(self, record: PassGroup) -> str:
        return _("Yes") if record.restricted else _("No")


class GroupList(ListPage):
    model = PassGroup
    table_class = GroupTable
    filterset_class = GroupFilter
    title = lazy("Groups of passes")
    intro = lazy(
        "Passes of a group have common restrictions; with a group id, they may stop each other's charging: one card of a family or of a "
        "car pool ends what another one began."
    )
    export_name = "pass-groups"
    empty_title = lazy("No groups yet.")
    empty_text = lazy("Passes work without one. Make a group for those that share a restriction or a group id.")

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        rows = rows.annotate(members=Count("passes"))
        return rows.order_by("name", "pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Passes"), link("passes"))]

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Add a group"), link("pass_group_add"), icon="plus")] if anywhere(self.request.user, MANAGE_PASSES) else []

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


def group_of(request: HttpRequest, pk: int, right: str = "") -> PassGroup:
    return get_for(request.user, PassGroup.objects.select_related("organization"), right, pk=pk)


def crumbs(group: PassGroup) -> list[tuple[Any, str]]:
    above = group.organization
    return [(above, above.get_absolute_url()), (_("Passes"), link("passes")), (_("Groups"), link("pass_groups"))]


def sheet(request: HttpRequest, group: PassGroup, active: str) -> dict[str, Any]:
    user, pk = user_of(request), group.pk
    tabs: list[tuple[str, Any, str]] = [("overview", _("Overview"), link("pass_group", pk))]
    head = []
    if may(user, MANAGE_PASSES, group):
        tabs.append(("restrictions", _("Restrictions"), link("pass_group_restrictions", pk)))
        head = [
            Action(_("Edit"), link("pass_group_edit", pk), icon="pencil"),
            Action(_("Delete"), link("pass_group_delete", pk), icon="trash"),
        ]
    if may(user, READ_AUDIT, group):
        tabs.append(("history", _("History"), link("pass_group_history", pk)))
    return {
        "title": group.name,
        "group": group,
        "organization": organization_link(user, group.organization),
        "breadcrumbs": crumbs(group),
        "actions": head,
        "tabs": [(label, url, name == active, None) for name, label, url in tabs],
    }


def group(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), group_of(request, pk)
    rows = ChargePass.objects.visible_to(user).filter(group=found).select_related("organization", "user", "group")
    count = rows.count()
    shown = rows[:MANY] if may(user, "personal_data", found) else rows.order_by("pk")[:MANY]
    context = sheet(request, found, "overview") | {
        "told": list(told(user, found)),
        "passes": [(name_of(user, one), one.get_absolute_url(), *state_of(one)) for one in shown],
        "count": count,
        "all_url": link("passes", group=str(pk)),
    }
    return render(request, "passes/group.html", context)


def group_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not anywhere(user, MANAGE_PASSES):
        raise Missing(MANAGE_PASSES)
    drill = request.drill  # type: ignore[attr-defined]
    own = drill.organization.pk if drill else user.organization_id
    form = GroupForm(request.POST or None, initial={"organization": own}, user=user)

    def save(values: dict[str, Any]) -> PassGroup:
        owner = get_for(user, Organization.objects.all(), MANAGE_PASSES, pk=values.pop("organization").pk)
        return actions.create_group(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add a group of passes"), submit_label=_("Add"), cancel_url=link("pass_groups"),
        done=_("Group added. Put passes into it: choose them in the list of passes, or on the page of a pass."),
        done_url=lambda made: made.get_absolute_url(), breadcrumbs=[(_("Passes"), link("passes")), (_("Groups"), link("pass_groups"))],
    )  # fmt: skip


def group_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), group_of(request, pk, MANAGE_PASSES)
    form = GroupForm(request.POST or None, instance=copy.copy(found), user=user)
    here = link("pass_group", pk)
    return form_page(
        request, form, lambda values: actions.edit_group(actor=user, group=found, **values), title=_("Edit %s") % found,
        submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here, breadcrumbs=[*crumbs(found), (found, here)],
        latest=last_change(user, found),
    )  # fmt: skip


def group_restrictions(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), group_of(request, pk, MANAGE_PASSES)
    form = GroupRestrictionsForm(request.POST if request.method == "POST" else None, instance=copy.copy(found), user=user)
    context = sheet(request, found, "restrictions") | {"told": list(told(user, found))}
    return restrictions_page(
        request, form, lambda values: actions.edit_group(actor=user, group=found, **form.restrictions(values)), context,
        "passes/group_restrictions.html", link("pass_group_restrictions", pk), last_change(user, found),
    )  # fmt: skip


def group_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), group_of(request, pk, MANAGE_PASSES)
    count, here = found.passes.count(), link("pass_group", pk)
    said = [
        ngettext("%d pass is in the group. It stays, without a group.", "%d passes are in the group. They stay, without a group.", count)
        % count
    ]
    if found.restricted and count:
        said.append(_("The restrictions of the group no longer hold for them: they charge more freely than now."))
    if found.group_id and count:
        said.append(_("They no longer have the group id %s, and cannot stop each other's charging.") % found.group_id)
    return confirm_page(
        request, lambda: actions.delete_group(actor=user, group=found), title=_("Delete %s?") % found, consequences=said,
        submit_label=_("Delete group"), cancel_url=here, done=_("%s is deleted.") % found, done_url=link("pass_groups"),
        breadcrumbs=[*crumbs(found), (found, here)],
    )  # fmt: skip


class GroupHistory(ObjectHistory):
    of = PassGroup
    template_name = "passes/group_history.html"

    def get_context(self) -> dict[str, Any]:
        return sheet(self.request, self.thing, "history")


urlpatterns: list[URLPattern] = [
    path("passes/groups/", GroupList.as_view(), name="pass_groups"),
    path("passes/groups/add/", group_add, name="pass_group_add"),
    path("passes/groups/<int:pk>/", group, name="pass_group"),
    path("passes/groups/<int:pk>/edit/", group_edit, name="pass_group_edit"),
    path("passes/groups/<int:pk>/restrictions/", group_restrictions, name="pass_group_restrictions"),
    path("passes/groups/<int:pk>/delete/", group_delete, name="pass_group_delete"),
    path("passes/groups/<int:pk>/history/", GroupHistory.as_view(), name="pass_group_history"),
]
