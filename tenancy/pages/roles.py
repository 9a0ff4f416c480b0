"""Roles: the list, and each as a page with details, permissions and users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions
from tenancy.actions.roles import touched_by, why_role_is_not_yours, why_role_stays, why_still_propagated
from tenancy.history import last_change
from tenancy.links import link, organization_link
from tenancy.models import Organization, Role, ServiceAccess, Team, User
from tenancy.names import NameField, same_name
from tenancy.pages.access import days
from tenancy.pages.shared import FOUND, NAME, NUMBER, paged, place_for_new, user_of
from tenancy.personal import MASK, sees, where_seen
from tenancy.rights import (
    MANAGE_ROLES,
    PERSONAL_DATA,
    READ,
    READ_AUDIT,
    RIGHTS,
    SECTIONS,
    UPDATE_USER_ROLES,
    Missing,
    anywhere,
    granted_paths,
    holds,
    may,
)
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table


def roles_seen_by(user: User) -> QuerySet[Role]:
    """Those of the organizations where `user` sees roles, and those propagated to them."""
    own = Organization.objects.visible_to(user, UPDATE_USER_ROLES)
    above = {int(key) for granted in granted_paths(user, UPDATE_USER_ROLES) for key in granted.strip("/").split("/")}
    return Role.objects.filter(Q(organization__in=own) | Q(organization__in=above, propagated=True)).select_related("organization")


def visible_role(request: HttpRequest, pk: int, right: str = "") -> Role:
    """Http404 for a role that is not here; Missing where roles are not seen at all, or `right` is missing at its owner."""
    if not anywhere(request.user, UPDATE_USER_ROLES):
        raise Missing(UPDATE_USER_ROLES)
    found = roles_seen_by(user_of(request)).filter(pk=pk).first()
    if found is None:
        raise Http404
    if right and not holds(request.user, right, found.organization.path):
        raise Missing(right, found.organization.path)
    return found


def owner(user: User, role: Role) -> SafeString | str:
    """Whose it is, as `user` may know it."""
    return organization_link(user, role.organization) if holds(user, READ, role.organization.path) else _("an organization above")


def role_labels(user: User, roles: Iterable[Role]) -> dict[int, str]:
    """What each of `roles` is called in a choice: its name, and beside it whose it is where another one reads the same."""
    rows = {role.pk: role for role in roles}.values()  # each once
    often = Counter(same_name(role.name) for role in rows)
    return {role.pk: f"{role} · {_owner_in_words(user, role)}" if often[same_name(role.name)] > 1 else str(role) for role in rows}


def _owner_in_words(user: User, role: Role) -> str:
    return str(role.organization) if holds(user, READ, role.organization.path) else _("from above")


class RoleChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """`offer` says what can be chosen, and to whom."""

    labels: dict[int, str]

    def offer(self, user: User, roles: QuerySet[Role]) -> None:
        self.labels = role_labels(user, roles.select_related("organization"))
        self.queryset = roles

    def label_from_instance(self, obj: Any) -> str:
        return self.labels.get(obj.pk, str(obj))


# -- the list -----------------------------------------------------------------------------------------------------------------------------


class RoleFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name"), field_name="name", lookup_expr="icontains")
    right = django_filters.ChoiceFilter(
        label=lazy("Gives the right"), empty_label=lazy("Any"), method="giving",
            choices=[(code, right.label) for code, right in RIGHTS.items()],
    )  # fmt: skip

    class Meta:
        model = Role
        fields: tuple[str, ...] = ()

    def giving(self, rows: QuerySet[Role], name: str, value: str) -> QuerySet[Role]:
        """The switches are a list of codes, quoted, on either database."""
        return rows.filter(Q(rights__icontains=f'"{value}"') | Q(default=Role.Default.ADMINISTRATOR))


class RoleTable(Table):
    name = django_tables2.Column(lazy("Role"), attrs=NAME)
    owner = django_tables2.Column(lazy("Belongs to"), accessor="organization__name", orderable=False, attrs=NAME)
    propagated = django_tables2.Column(lazy("Propagated"))
    switches = django_tables2.Column(lazy("Permissions"), accessor="pk", orderable=False, attrs=NUMBER)
    people = django_tables2.Column(lazy("Users"), attrs=NUMBER)

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def render_name(self, record: Role) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record, record.description)

    def value_name(self, record: Role) -> str:
        return record.name

    def render_owner(self, record: Role) -> SafeString | str:
        return owner(self.user, record)

    def value_owner(self, record: Role) -> str:
        return record.organization.name if holds(self.user, READ, record.organization.path) else ""

    def render_propagated(self, record: Role) -> str:
        return _("to everything below") if record.propagated else _("no")

    value_propagated = render_propagated

    def render_switches(self, record: Role) -> str:
        return _("%(on)d of %(all)d") % {"on": len(record.held), "all": len(RIGHTS)}

    value_switches = render_switches


class RoleList(ListPage):
    model = Role
    table_class = RoleTable
    filterset_class = RoleFilter
    title = lazy("Roles")
    intro = lazy("A role says what one may do. Given to a user at an organization it holds there and everywhere below.")
    export_name = "roles"
    empty_title = lazy("No roles.")

    def get_queryset(self) -> QuerySet[Any]:
        """Users are counted as far as they are seen: those at one's own organizations. Drilled in, roles that belong there or below, and
        those from above that can be given there."""
        user = user_of(self.request)
        if not anywhere(user, UPDATE_USER_ROLES):
            raise Missing(UPDATE_USER_ROLES)
        drill = self.request.drill  # type: ignore[attr-defined]
        rows = roles_seen_by(user)
        if drill:
            rows = rows.filter(
                Q(organization__path__startswith=drill.organization.path)
                | Q(organization__in=drill.organization.ancestor_ids, propagated=True)
            )
        mine = Team.objects.visible_to(user, UPDATE_USER_ROLES)
        people = Count("teams__group__user", filter=Q(teams__in=mine), distinct=True)
        counted: QuerySet[Any] = rows.annotate(people=people).order_by("name", "pk")
        return counted

    def table_kwargs(self) -> dict[str, Any]:
        return {"user": user_of(self.request)}

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Create a role"), link("role_add"), icon="plus")] if anywhere(self.request.user, MANAGE_ROLES) else []

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


# -- one role -----------------------------------------------------------------------------------------------------------------------------


def sheet(request: HttpRequest, role: Role, active: str) -> dict[str, Any]:
    user = user_of(request)
    mine = holds(user, MANAGE_ROLES, role.organization.path)
    names = [("details", _("Details"), "role"), ("rights", _("Permissions"), "role_rights"), ("users", _("Users"), "role_users")]
    if may(user, READ_AUDIT, role):
        names.append(("history", _("History"), "role_history"))
    head = []
    if mine:
        head = [
            *([] if why_role_is_not_yours(user, role) else [Action(_("Edit"), link("role_edit", role.pk), icon="pencil")]),
            *(
                []
                if role.default == Role.Default.ADMINISTRATOR
                else [
                    Action(_("Stop propagating") if role.propagated else _("Propagate"), link("role_propagate", role.pk), icon="sitemap"),
                ]
            ),
            *([] if role.protected else [Action(_("Delete"), link("role_delete", role.pk), icon="trash")]),
        ]
    return {
        "title": role.name,
        "role": role,
        "mine": mine,
        "owner": owner(user, role),
        "breadcrumbs": [(_("Roles"), link("roles"))],
        "actions": head,
        "tabs": [(label, link(route, role.pk), name == active, None) for name, label, route in names],
        "touched": touched_by(role) if mine else None,
        "on": len(role.held),
        "all": len(RIGHTS),
    }


def role(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_role(request, pk)
    context = sheet(request, found, "details")
    accesses = ServiceAccess.objects.filter(team__role=found, ended_at=None, ends_at__gt=timezone.now()).select_related("organization")
    context |= {
        "stays": why_role_stays(found),
        "unchangeable": why_role_is_not_yours(user_of(request), found),
        "accesses": [
            (access, days(access)[1], link("access_end", access.pk)) for access in accesses[:FOUND]
        ] if context["mine"] else [],
    }  # fmt: skip
    return render(request, "tenancy/role.html", context)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Role
        fields = ("name", "description", "offered")
        field_classes = {"name": NameField}
        help_texts = {
            "offered": lazy("Organizations elsewhere can choose it when they let a service company in, and see its name and yours."),
        }


def role_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    at = place_for_new(request, MANAGE_ROLES)
    if not anywhere(user, UPDATE_USER_ROLES):  # the next page would be closed
        raise Missing(UPDATE_USER_ROLES)
    if at is None:
        return redirect(link("organization_choose", to="role_add"))
    form = RoleForm(request.POST or None)

    def save(values: dict[str, Any]) -> Role:
        return actions.create_role(actor=user, organization=at, **values)

    return form_page(
        request, form, save, title=_("Create a role"), submit_label=_("Create"), cancel_url=link("roles"),
        done=_("Role created. Next: what it may do."), done_url=lambda made: link("role_rights", made.pk),
        breadcrumbs=[(_("Roles"), link("roles"))], template="tenancy/for_organization.html",
        context={"organization": at, "choose_url": link("organization_choose", to="role_add")},
    )  # fmt: skip


def role_edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_role(request, pk, MANAGE_ROLES)
    if reason := why_role_is_not_yours(user_of(request), found):
        return _refused(request, found, reason)
    form = RoleForm(request.POST or None, instance=Role.objects.get(pk=pk))
    user = user_of(request)
    return form_page(
        request, form, lambda values: actions.edit_role(actor=user, role=found, **values), title=_("Edit %s") % found,
        submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."), done_url=found.get_absolute_url(),
        breadcrumbs=[(_("Roles"), link("roles")), (found, found.get_absolute_url())],
        intro=str(touched_by(found)), latest=last_change(user, found),
    )  # fmt: skip


def _refused(request: HttpRequest, role: Role, reason: str) -> HttpResponse:
    context = {"title": role.name, "refusal": reason, "cancel_url": role.get_absolute_url(), "breadcrumbs": [(_("Roles"), link("roles"))]}
    return render(request, "ui/confirm.html", context)


# -- permissions --------------------------------------------------------------------------------------------------------------------------


def role_rights(request: HttpRequest, pk: int) -> HttpResponse:
    """The switches, by section. A POST shows whom the change touches and asks; confirmed, it is made."""
    user = user_of(request)
    found = visible_role(request, pk)
    context = sheet(request, found, "rights")
    fixed = why_role_is_not_yours(user, found)
    able = {code for code in RIGHTS if holds(user, code, found.organization.path)}
    on = set(found.held)
    errors: list[str] = []
    version = found.version
    if request.method == "POST":
        if not context["mine"]:
            raise Missing(MANAGE_ROLES, found.organization.path)
        sent = {code for code in request.POST.getlist("rights") if code in RIGHTS}
        on = (sent & able) | (set(found.held) - able)  # what the editor does not hold stays as it is
        typed = request.POST.get("version", "")
        version = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else -1
        if sent - able - set(found.held):
            errors.append(_("Nobody can give what they don't hold. The switches that you cannot use stayed as they were."))
        elif fixed:
            errors.append(fixed)
        elif version == found.version and request.POST.get("confirmed") != "1" and on != set(found.held) and touched_by(found).users:
            return _ask(request, found, on, version)
        else:
            try:
                actions.edit_role(actor=user, role=found, version=version, rights=sorted(on))
            except ValidationError as error:
                errors += error.messages
                version = found.version
                if getattr(error, "code", "") == "changed":
                    errors.append(_changed(user, found))
            else:
                messages.success(request, _("Saved. It holds from the next click on."))
                return redirect(link("role_rights", pk))
    context |= {
        "sections": [
            (section, [(right, right.code in on, not fixed and right.code in able) for right in section.rights]) for section in SECTIONS
        ],
        "fixed": fixed,
        "errors": errors,
        "version": version,
        "lacking": not fixed and len(able) < len(RIGHTS),
    }
    return render(request, "tenancy/role_rights.html", context)


def _changed(user: User, role: Role) -> str:
    now = _("Now it gives: %s. Below are your switches; save again to put them in their place.") % (
        ", ".join(f"“{RIGHTS[code].label}”" for code in role.held) or _("nothing but reading")
    )
    by = last_change(user, role)("rights")
    return _("%(who)s changed it last, on %(when)s.") % {"who": by[0], "when": by[1]} + " " + now if by else now


def _ask(request: HttpRequest, role: Role, on: set[str], version: int) -> HttpResponse:
    said = [str(touched_by(role))]
    for sentence, codes in ((_("They may from then on: %s."), on - set(role.held)), (_("They may no longer: %s."), set(role.held) - on)):
        if codes:
            said.append(sentence % ", ".join(str(RIGHTS[code].label) for code in RIGHTS if code in codes))
    context = {
        "title": _("Change what %s gives?") % role,
        "consequences": said,
        "hidden": [("version", version), *(("rights", code) for code in sorted(on))],
        "submit_label": _("Change the role"),
        "cancel_url": link("role_rights", role.pk),
        "breadcrumbs": [(_("Roles"), link("roles")), (role, role.get_absolute_url())],
    }
    return render(request, "ui/confirm.html", context)


# -- propagate, delete --------------------------------------------------------------------------------------------------------------------


def role_propagate(request: HttpRequest, pk: int) -> HttpResponse:
    """Switches it on or off, whichever it is not. A POST says which is meant: of two who press the same button the second does not undo
    what the first has done."""
    found = visible_role(request, pk, MANAGE_ROLES)
    wanted = not found.propagated
    if request.method == "POST" and request.POST.get("propagated") == str(int(found.propagated)):
        on, off = _("Somebody else was faster: %s is propagated already."), _("Somebody else was faster: %s is not propagated any more.")
        messages.info(request, (on if found.propagated else off) % found)
        return redirect(found.get_absolute_url())
    below = Organization.objects.visible_to(request.user).below(found.organization.path).count() - 1
    back, words = found.get_absolute_url(), {"role": found, "organization": found.organization, "count": below}
    crumbs = [(_("Roles"), link("roles")), (found, back)]
    if found.propagated:
        said = [_("Organizations below %(organization)s no longer see %(role)s and can no longer give it.") % words]
        title, submit, done = _("Stop propagating %s?") % found, _("Stop propagating"), _("%s is no longer propagated.") % found
        refusal = why_still_propagated(found)
    else:
        said = [
            _("%(role)s can then be seen and given in the %(count)d organizations below %(organization)s.") % words,
            _("It is no copy: only %(organization)s changes it. Nobody gets it by this alone.") % words,
        ]
        title, submit, done = _("Propagate %s?") % found, _("Propagate"), _("%s is propagated.") % found
        refusal = ""
    return confirm_page(
        request, lambda: actions.edit_role(actor=user_of(request), role=found, propagated=wanted), title=title,
        consequences=[str(touched_by(found)), *said], refusal=refusal or why_role_is_not_yours(user_of(request), found),
        submit_label=submit, submit_class="" if found.propagated else "btn-primary", cancel_url=back, done=done, done_url=back,
        breadcrumbs=crumbs, hidden=[("propagated", int(wanted))],
    )  # fmt: skip


def role_delete(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_role(request, pk, MANAGE_ROLES)
    return confirm_page(
        request, lambda: actions.delete_role(actor=user_of(request), role=found), title=_("Delete %s?") % found,
        consequences=[str(touched_by(found)), _("The role %s is gone. What was done with it stays in the history.") % found],
        refusal=why_role_stays(found) or why_role_is_not_yours(user_of(request), found), submit_label=_("Delete role"),
        cancel_url=found.get_absolute_url(), done=_("%s is deleted.") % found, done_url=link("roles"),
        breadcrumbs=[(_("Roles"), link("roles")), (found, found.get_absolute_url())],
    )  # fmt: skip


# -- users --------------------------------------------------------------------------------------------------------------------------------


class FindUserForm(forms.Form):
    """Who shall get it: somebody whose name or address is typed."""

    find = forms.CharField(label=lazy("Name or e-mail"), max_length=100, required=False)


def role_users(request: HttpRequest, pk: int) -> HttpResponse:
    """Who holds it and where, as far as one sees that, and a search for those who shall get it."""
    user = user_of(request)
    found = visible_role(request, pk)
    teams = Team.objects.visible_to(user, UPDATE_USER_ROLES).filter(role=found)
    through = User.groups.through.objects.filter(group__team__in=teams)
    page = paged(
        request, through.select_related("user__organization", "group__team__organization").order_by("group__team__organization__path", "pk")
    )
    held = [
        {
            "name": str(row.user) if sees(user, row.user) or may(user, PERSONAL_DATA, row.group.team) else MASK,
            "at": row.group.team.organization,
            "url": link("user_roles", row.user_id),
        }
        for row in page
    ]
    form = FindUserForm(request.GET or None)
    text = form.cleaned_data["find"].replace("\x00", "").strip() if form.is_bound and form.is_valid() else ""
    people = (
        User.objects.visible_to(user, UPDATE_USER_ROLES)
        .filter(where_seen(user, User), Q(name__icontains=text) | Q(email__icontains=text), email__isnull=False)
        .exclude(groups__team__in=teams)
        .select_related("organization")[:FOUND]
        if text
        else []
    )
    context = sheet(request, found, "users") | {
        "held": held, "page": page, "find": text, "people": [(one, link("user_roles", one.pk)) for one in people],
    }  # fmt: skip
    return render(request, "tenancy/role_users.html", context)


urlpatterns: list[URLPattern] = [
    path("roles/", RoleList.as_view(), name="roles"),
    path("roles/add/", role_add, name="role_add"),
    path("roles/<int:pk>/", role, name="role"),
    path("roles/<int:pk>/edit/", role_edit, name="role_edit"),
    path("roles/<int:pk>/permissions/", role_rights, name="role_rights"),
    path("roles/<int:pk>/users/", role_users, name="role_users"),
    path("roles/<int:pk>/propagate/", role_propagate, name="role_propagate"),
    path("roles/<int:pk>/delete/", role_delete, name="role_delete"),
]
