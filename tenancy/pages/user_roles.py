"""The roles of a user: given, taken away, and what they come to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions, why
from tenancy.actions.roles import why_administrator_stays, why_not_assign
from tenancy.links import link, organization_link
from tenancy.models import Organization, Role, ServiceAccess, Team, User
from tenancy.pages.roles import RoleChoice, role_labels
from tenancy.pages.shared import chosen_organization, user_of
from tenancy.pages.users import sheet, teams_here, visible_user
from tenancy.rights import READ, RIGHTS, UPDATE_USER_ROLES, get_for, holds, may
from ui.forms import confirm_page, refuse


def user_with_roles(request: HttpRequest, pk: int) -> User:
    """One whose roles may be seen: by the organization they belong to, or by that at which they hold one."""
    found = User.objects.select_related("organization").filter(pk=pk).first()
    if found and teams_here(request, found).exists():
        return found
    return visible_user(request, pk, UPDATE_USER_ROLES)


def organization_for(request: HttpRequest, user: User) -> Organization:
    """That of `?at=`; else where `user` belongs or, where that is not seen, holds a role."""
    own = user.organization
    if not holds(request.user, UPDATE_USER_ROLES, own.path) and (team := teams_here(request, user).select_related("organization").first()):
        own = team.organization
    return chosen_organization(request, UPDATE_USER_ROLES, own)


class GiveRoleForm(forms.Form):
    role = RoleChoice(queryset=Role.objects.none(), label=lazy("Role"), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, actor: User, user: User, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused: list[tuple[str, str]] = []  # what cannot be given, and why
        roles = Role.objects.assignable_at(organization).select_related("organization")
        has = set(Team.objects.filter(group__user=user, organization=organization).values_list("role", flat=True))
        labels, able = role_labels(actor, roles), []
        for role in roles:
            if role.pk in has:
                continue
            if reason := why_not_assign(actor, role, organization, user):
                self.refused.append((labels[role.pk], reason))
            else:
                able.append(role.pk)
        field = self.fields["role"]
        assert isinstance(field, RoleChoice)
        field.offer(actor, roles.filter(pk__in=able))
        field.labels = labels
        self.any = bool(able)


def user_roles(request: HttpRequest, pk: int) -> HttpResponse:
    """Which roles this user holds and where; a POST gives one at the organization chosen."""
    actor = user_of(request)
    found = user_with_roles(request, pk)
    at = organization_for(request, found)
    form = GiveRoleForm(request.POST or None, actor=actor, user=found, organization=at)
    if request.method == "POST" and form.is_valid():
        try:
            actions.assign_role(actor=actor, user=found, role=form.cleaned_data["role"], organization=at)
        except forms.ValidationError as error:
            refuse(form, error)
        else:
            said = _("%(user)s is now %(role)s at %(organization)s.")
            messages.success(
                request, said % {"user": sheet(request, found, "roles")["title"], "role": form.cleaned_data["role"], "organization": at}
            )
            return redirect(link("user_roles", pk))
    teams = teams_here(request, found).select_related("role__organization", "organization")
    labels = role_labels(actor, [team.role for team in teams])
    held = [
        {
            "team": team,
            "label": labels[team.role_id],
            "where": organization_link(actor, team.organization),
            "url": link("user_role_withdraw", pk, team.pk),
            "reason": why_not_assign(actor, team.role, team.organization, found) or why_administrator_stays(actor, found, team),
        }
        for team in teams.order_by("organization__path", "role__name")
    ]
    elsewhere = Team.objects.filter(group__user=found).count() > len(held)
    context = sheet(request, found, "roles") | {
        "held": held, "elsewhere": elsewhere, "form": form, "at": at,
        "choose_url": link("organization_choose", to="user_roles", of=str(pk)),
        "give_url": link("user_roles", pk, at=str(at.pk)),
    }  # fmt: skip
    return render(request, "tenancy/user_roles.html", context)


def user_role_withdraw(request: HttpRequest, pk: int, team_pk: int) -> HttpResponse:
    actor = user_of(request)
    found = user_with_roles(request, pk)
    team = get_for(actor, Team.objects.select_related("role__organization", "organization"), UPDATE_USER_ROLES, pk=team_pk)
    if not found.groups.filter(pk=team.group_id).exists():
        raise Http404
    words = {"user": sheet(request, found, "roles")["title"], "role": team.role, "organization": team.organization}
    back = link("user_roles", pk)
    return confirm_page(
        request, lambda: actions.withdraw_role(actor=actor, user=found, team=team),
        title=_("Take %(role)s from %(user)s?") % words,
        consequences=[_("What %(role)s allows at %(organization)s and below, %(user)s may no longer do, from the next click on.") % words],
        refusal=why_not_assign(actor, team.role, team.organization, found) or why_administrator_stays(actor, found, team),
        submit_label=_("Take the role away"), cancel_url=back, done=_("%(user)s is no longer %(role)s at %(organization)s.") % words,
        done_url=back if teams_here(request, found).count() > 1 or may(actor, READ, found) else link("role_users", team.role_id),
        breadcrumbs=[(_("Users"), link("users")), (words["user"], back)],
    )  # fmt: skip


def user_rights(request: HttpRequest, pk: int) -> HttpResponse:
    """Why? Every right at an organization, and which role at which organization gives it."""
    actor = user_of(request)
    found = user_with_roles(request, pk)
    at = organization_for(request, found)
    given = why.sources(found, at)
    context = sheet(request, found, "rights") | {
        "at": at,
        "reads": _told(actor, given.get(READ, [])),
        "sections": [(section, [(line.right, _told(actor, line.sources)) for line in lines]) for section, lines in why.table(found, at)],
        "choose_url": link("organization_choose", to="user_rights", of=str(pk)),
        "accesses": [_access(actor, access) for access in _accesses(request, found, at)],
        "closed": found.organization.closed or not found.is_active,
    }
    return render(request, "tenancy/user_rights.html", context)


def _accesses(request: HttpRequest, user: User, at: Organization) -> QuerySet[ServiceAccess]:
    """Where `user` was let in as one of a service company: what the person who asks knows of the company, or of `at`."""
    rows = ServiceAccess.objects.filter(team__group__user=user, ended_at=None, ends_at__gt=timezone.now())
    known = rows.filter(Q(organization__path__startswith=at.path) | Q(team__in=teams_here(request, user)))
    return known.select_related("organization", "team__role", "team__organization").order_by("organization__path", "place_name", "pk")


def _access(actor: User, access: ServiceAccess) -> dict[str, Any]:
    return {
        "access": access,
        "company": access.team.organization if holds(actor, READ, access.team.organization.path) else _("another organization"),
        "rights": [RIGHTS[code].label for code in access.team.role.held if code in access.rights],
    }


def _may_know(actor: User, role: Role) -> bool:
    """A role that is not propagated is its owner's own business."""
    return role.propagated or holds(actor, UPDATE_USER_ROLES, role.organization.path)


def _told(actor: User, sources: list[why.Source]) -> list[dict[str, Any]]:
    """As `actor` may know it: of an organization above their own they learn that there is one, not which."""
    return [
        {
            "role": source.team.role.name if _may_know(actor, source.team.role) else _("a role"),
            "at": source.at if holds(actor, READ, source.at.path) else _("an organization above"),
            "by_access": source.by_access,
        }
        for source in sources
    ]


urlpatterns: list[URLPattern] = [
    path("users/<int:pk>/roles/", user_roles, name="user_roles"),
    path("users/<int:pk>/roles/<int:team_pk>/withdraw/", user_role_withdraw, name="user_role_withdraw"),
    path("users/<int:pk>/rights/", user_rights, name="user_rights"),
]
