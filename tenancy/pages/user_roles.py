"""The roles of a user: given, taken away, and what they come to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions, why
from tenancy.actions.roles import why_administrator_stays, why_not_assign
from tenancy.links import link, organization_link
from tenancy.models import Organization, Role, Team, User
from tenancy.pages.shared import chosen_organization, user_of
from tenancy.pages.users import sheet, visible_user
from tenancy.personal import MASK, sees
from tenancy.rights import READ, UPDATE_USER_ROLES, get_for, holds
from ui.forms import confirm_page, refuse


class GiveRoleForm(forms.Form):
    role = forms.ModelChoiceField(queryset=Role.objects.none(), label=lazy("Role"), empty_label=lazy("Choose one"))

    def __init__(self, *args: Any, actor: User, user: User, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused: list[tuple[Role, str]] = []  # what cannot be given, and why
        roles = Role.objects.assignable_at(organization).select_related("organization")
        has = set(Team.objects.filter(group__user=user, organization=organization).values_list("role", flat=True))
        able = []
        for role in roles:
            if role.pk in has:
                continue
            if reason := why_not_assign(actor, role, organization, user):
                self.refused.append((role, reason))
            else:
                able.append(role.pk)
        field = self.fields["role"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = roles.filter(pk__in=able)
        self.any = bool(able)


def user_roles(request: HttpRequest, pk: int) -> HttpResponse:
    """Which roles this user holds and where; a POST gives one at the organization chosen."""
    actor = user_of(request)
    found = visible_user(request, pk, UPDATE_USER_ROLES)
    at = chosen_organization(request, UPDATE_USER_ROLES, found.organization)
    form = GiveRoleForm(request.POST or None, actor=actor, user=found, organization=at)
    if request.method == "POST" and form.is_valid():
        try:
            actions.assign_role(actor=actor, user=found, role=form.cleaned_data["role"], organization=at)
        except forms.ValidationError as error:
            refuse(form, error)
        else:
            said = _("%(user)s is now %(role)s at %(organization)s.")
            messages.success(request, said % {"user": _name(request, found), "role": form.cleaned_data["role"], "organization": at})
            return redirect(link("user_roles", pk))
    teams = Team.objects.visible_to(actor, UPDATE_USER_ROLES).filter(group__user=found).select_related("role__organization", "organization")
    held = [
        {
            "team": team,
            "where": organization_link(actor, team.organization),
            "url": link("user_role_withdraw", pk, team.pk),
            "reason": why_not_assign(actor, team.role, team.organization, found) or why_administrator_stays(found, team),
        }
        for team in teams.order_by("organization__path", "role__name")
    ]
    elsewhere = Team.objects.filter(group__user=found).count() - len(held)
    context = sheet(request, found, "roles") | {
        "held": held, "elsewhere": elsewhere, "form": form, "at": at,
        "choose_url": link("organization_choose", to="user_roles", of=str(pk)),
        "give_url": link("user_roles", pk, at=str(at.pk)),
    }  # fmt: skip
    return render(request, "tenancy/user_roles.html", context)


def _name(request: HttpRequest, user: User) -> str:
    return str(user) if sees(request.user, user) else MASK


def user_role_withdraw(request: HttpRequest, pk: int, team_pk: int) -> HttpResponse:
    actor = user_of(request)
    found = visible_user(request, pk, UPDATE_USER_ROLES)
    team = get_for(actor, Team.objects.select_related("role__organization", "organization"), UPDATE_USER_ROLES, pk=team_pk)
    if not found.groups.filter(pk=team.group_id).exists():
        raise Http404
    words = {"user": _name(request, found), "role": team.role, "organization": team.organization}
    back = link("user_roles", pk)
    return confirm_page(
        request, lambda: actions.withdraw_role(actor=actor, user=found, team=team),
        title=_("Take %(role)s from %(user)s?") % words,
        consequences=[_("What %(role)s allows at %(organization)s and below, %(user)s may no longer do, from the next click on.") % words],
        refusal=why_not_assign(actor, team.role, team.organization, found) or why_administrator_stays(found, team),
        submit_label=_("Take the role away"), cancel_url=back, done=_("%(user)s is no longer %(role)s at %(organization)s.") % words,
        done_url=back, breadcrumbs=[(_("Users"), link("users")), (words["user"], found.get_absolute_url())],
    )  # fmt: skip


def user_rights(request: HttpRequest, pk: int) -> HttpResponse:
    """Why? Every right at an organization, and which role at which organization gives it."""
    actor = user_of(request)
    found = visible_user(request, pk, UPDATE_USER_ROLES)
    at = chosen_organization(request, UPDATE_USER_ROLES, found.organization)
    given = why.sources(found, at)
    context = sheet(request, found, "rights") | {
        "at": at,
        "reads": _told(actor, given.get(READ, [])),
        "sections": [(section, [(line.right, _told(actor, line.sources)) for line in lines]) for section, lines in why.table(found, at)],
        "choose_url": link("organization_choose", to="user_rights", of=str(pk)),
        "closed": found.organization.closed or not found.is_active,
    }
    return render(request, "tenancy/user_rights.html", context)


def _told(actor: User, sources: list[why.Source]) -> list[dict[str, Any]]:
    """As `actor` may know it: of an organization above their own they learn that there is one, not which."""
    return [
        {
            "role": source.team.role.name,
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
