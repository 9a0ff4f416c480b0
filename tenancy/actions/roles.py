"""Every write to roles and to who holds them: one transaction each, the audit row and the grants that follow inside it.

Nobody gives or takes away what they don't hold themselves. `actor` None is the portal itself, which may everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenancy import audit, rights
from tenancy.models import Invitation, Organization, OrganizationGrant, Role, ServiceAccess, Team, User
from tenancy.models.roles import PLACE_GRANTS, Grant
from tenancy.names import same_name
from tenancy.personal import called
from tenancy.rights import MANAGE_ROLES, READ, RIGHTS, UPDATE_USER_ROLES, beyond, holds, words

# What the roles that a platform begins with are for, and what they give; the administrator holds every right there is.
DEFAULTS: dict[Role.Default, tuple[str, Collection[str]]] = {
    Role.Default.ADMINISTRATOR: ("Everything there is, here and below.", ()),
    Role.Default.PARTNER: (
        "Runs customers: their organizations, locations, stations, users and passes.",
        set(RIGHTS) - {rights.VIEW_AS, rights.COST_RELEASE},
    ),
    Role.Default.TECHNICAL: (
        "Keeps stations working: commands, configuration, firmware and logs. No people, no money.",
        {
            rights.MANAGE_STATIONS, rights.READ_TRANSACTIONS, rights.READ_LOGS, rights.START_CHARGING, rights.STOP_CHARGING,
            rights.UNLOCK_CONNECTORS, rights.RESET_STATIONS, rights.CHANGE_AVAILABILITY, rights.TRIGGER_MESSAGES, rights.CLEAR_CACHE,
            rights.UPDATE_LOCAL_LISTS, rights.READ_CONFIGURATION, rights.CHANGE_CONFIGURATION, rights.UPDATE_FIRMWARE, rights.FETCH_LOGS,
            rights.KEEP_NOTES,
        },
    ),
    Role.Default.BILLING: (
        "Rates, transactions, statements and bank accounts.",
        {
            rights.READ_TRANSACTIONS, rights.CORRECT_TRANSACTIONS, rights.PERSONAL_DATA, rights.READ_MONEY, rights.MANAGE_RATES,
            rights.MANAGE_INVOICE_DATA, rights.READ_AUDIT,
        },
    ),
    Role.Default.HOTLINE: (
        "Helps drivers on the phone: finds the station, starts, stops, unlocks and resets.",
        {
            rights.READ_TRANSACTIONS, rights.PERSONAL_DATA, rights.READ_LOGS, rights.START_CHARGING, rights.STOP_CHARGING,
            rights.UNLOCK_CONNECTORS, rights.RESET_STATIONS, rights.CHANGE_AVAILABILITY, rights.READ_CONFIGURATION, rights.KEEP_NOTES,
            rights.OPERATIONS_TAB,
        },
    ),
    Role.Default.VIEWER: ("Looks on: stations and transactions, names masked.", {rights.READ_TRANSACTIONS}),
}  # fmt: skip


class Touched(NamedTuple):
    """Whom a change of a role reaches."""

    users: int
    organizations: int

    def __str__(self) -> str:
        if not self.users:
            return _("Nobody holds it yet.")
        return _("This touches %(users)s in %(organizations)s.") % {
            "users": ngettext("%d user", "%d users", self.users) % self.users,
            "organizations": ngettext("%d organization", "%d organizations", self.organizations) % self.organizations,
        }


def touched_by(role: Role) -> Touched:
    users = User.objects.filter(groups__team__role=role).distinct()
    return Touched(users.count(), Team.objects.filter(role=role, group__user__isnull=False).distinct().count())


# -- what an action refuses -------------------------------------------------------------------------------------------------------------


def why_not_give(actor: User | None, codes: Iterable[str], organization: Organization) -> str:
    """Why `actor` cannot give these rights at `organization`; empty when they can."""
    lacking = beyond(actor, set(codes), organization.path) if actor else []
    if not lacking:
        return ""
    return _("Nobody can give what they don't hold. At %(organization)s you don't hold: %(rights)s.") % {
        "organization": organization, "rights": words(lacking),
    }  # fmt: skip


def why_role_is_not_yours(actor: User | None, role: Role) -> str:
    """Why `actor` cannot change `role`; empty when they can."""
    if actor and not holds(actor, MANAGE_ROLES, role.organization.path):
        if holds(actor, READ, role.organization.path):
            words = {"right": RIGHTS[MANAGE_ROLES].allows, "organization": role.organization}
            return _("To change it you need the right to %(right)s at %(organization)s.") % words
        return _("It belongs to an organization above, which propagates it to you: you can give it, and only its owner changes it.")
    if role.default == Role.Default.ADMINISTRATOR:
        return _("The role Administrator always gives every right and cannot be changed.")
    return ""


def why_role_stays(role: Role) -> str:
    """Why this role cannot be deleted now; empty when it can."""
    if role.protected:
        return _("It is one of the platform's own roles, which are never deleted.")
    if users := touched_by(role).users:
        return (
            ngettext(
                "%d user holds it. Take it from this user first.", "%d users hold it. Take it from these users first.", users,
            ) % users
        )  # fmt: skip
    if count := _open_invitations(role).count():
        return ngettext("%d open invitation gives it.", "%d open invitations give it.", count) % count
    if ServiceAccess.objects.filter(team__role=role, ended_at=None, ends_at__gt=timezone.now()).exists():
        return _("Organizations let a service company in with it. They or you must end that first.")
    return ""


def _open_invitations(role: Role) -> QuerySet[Invitation]:
    return role.invitations.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())


def why_still_propagated(role: Role) -> str:
    """Why `role` cannot stop being propagated now; empty when it can."""
    if role.default == Role.Default.ADMINISTRATOR:
        return _("The role Administrator is always propagated: every organization needs one.")
    below = Team.objects.filter(role=role, group__user__isnull=False).exclude(organization=role.organization)
    users = User.objects.filter(Q(groups__team__in=below) | (Q(groups__team__role=role) & ~Q(organization=role.organization)))
    if count := users.distinct().count():
        return (
            ngettext(
                "%d user of a sub-organization holds it. Take it from this user first.",
                "%d users of sub-organizations hold it. Take it from these users first.",
                count,
            )
            % count
        )
    if _open_invitations(role).exclude(organization=role.organization).exists():
        return _("An open invitation of a sub-organization gives it. Withdraw it first.")
    return ""


def why_not_assign(actor: User | None, role: Role, organization: Organization, user: User | None = None) -> str:
    """Why `actor` cannot give `role` (to `user`) at `organization`, or take it away there; empty when they can."""
    if actor and not holds(actor, UPDATE_USER_ROLES, organization.path):
        return _("You may not assign roles at %s.") % organization
    if role.organization_id != organization.pk and not (role.propagated and role.organization_id in organization.ancestor_ids):
        return _("The role %(role)s belongs to %(owner)s and is not propagated to %(organization)s.") % {
            "role": role, "owner": role.organization, "organization": organization,
        }  # fmt: skip
    if user is not None:
        if actor and actor.pk == user.pk:
            return _("Nobody changes their own roles. Ask another administrator.")
        if not user.has_login:
            return _("%s is a cardholder without a login, so there is nothing to allow.") % called(actor, user)
        if (
            not role.propagated
            and user.organization_id != role.organization_id
            and user.organization.path.startswith(role.organization.path)
        ):
            return _("%(user)s belongs to a sub-organization, and %(role)s is not propagated.") % {
                "user": called(actor, user),
                "role": role,
            }
    return why_not_give(actor, role.held, organization)


# -- roles ------------------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_role(*, actor: User | None, organization: Organization, rights: Sequence[str] = (), **fields: Any) -> Role:
    """`rights` are codes; ValidationError {"rights": …} when `actor` does not hold all of them at `organization`."""
    _refuse("rights", why_not_give(actor, rights, organization))
    _refuse("name", _why_name_is_taken(organization, fields.get("name", "")))
    role = Role(organization=organization, rights=_sorted(rights), **fields)
    role.full_clean()
    role.save()
    audit.record(actor, "create", role, organization, audit.differences({}, {"name": role.name, "rights": role.rights, **fields}))
    return role


@transaction.atomic
def edit_role(*, actor: User | None, role: Role, version: int | None = None, **fields: Any) -> Role:
    """Details, `rights` or `propagated`. `version` is that of the role the editor saw: when somebody else has changed it since,
    ValidationError, and nothing is overwritten."""
    role = Role.objects.select_for_update(of=("self",)).select_related("organization").get(pk=role.pk)
    if version is not None and version != role.version:
        raise ValidationError(_("Somebody else has changed this role meanwhile. Look at it again, then change it."), code="changed")
    _refuse("", why_role_is_not_yours(actor, role))
    if "rights" in fields:
        fields["rights"] = _sorted(fields["rights"])
        added, taken = set(fields["rights"]) - set(role.rights), set(role.rights) - set(fields["rights"])
        _refuse("rights", why_not_give(actor, added, role.organization))
        _refuse("rights", _why_not_take(actor, taken, role.organization))
    if fields.get("propagated") is False and role.propagated:
        _refuse("propagated", why_still_propagated(role))
    if fields.get("name", role.name) != role.name:
        _refuse("name", _why_name_is_taken(role.organization, fields["name"], role))
    before = {key: getattr(role, key) for key in fields}
    for key, value in fields.items():
        setattr(role, key, value)
    changed = audit.differences(before, fields)
    if not changed:
        return role
    role.version += 1
    role.full_clean()
    role.save()
    if "rights" in changed:
        _derive(Team.objects.filter(role=role))
    audit.record(actor, "edit", role, role.organization, changed)
    return role


@transaction.atomic
def delete_role(*, actor: User | None, role: Role) -> None:
    role = Role.objects.select_for_update(of=("self",)).select_related("organization").get(pk=role.pk)
    _refuse("", why_role_stays(role) or why_role_is_not_yours(actor, role))
    audit.record(actor, "delete", role, role.organization, {"rights": [role.rights, None]})
    ServiceAccess.objects.filter(team__role=role).delete()
    Group.objects.filter(team__role=role).delete()  # and with it team and grants
    role.delete()


# -- who holds them -----------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def assign_role(*, actor: User | None, user: User, role: Role, organization: Organization) -> None:
    """Give `role` to `user` at `organization`, where it holds and below. Given already, nothing changes."""
    role = Role.objects.select_for_update(of=("self",)).select_related("organization").get(pk=role.pk)
    # Where it hangs now, and until the end of the transaction: moved, it may no longer get this role.
    organization = Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization.pk)
    _refuse("role", why_not_assign(actor, role, organization, user))
    team = team_of(role, organization)
    if user.groups.filter(pk=team.group_id).exists():
        return
    user.groups.add(team.group_id)
    rights.forget(user)
    audit.record(actor, "assign_role", user, organization, {"role": [None, role.name], "at": [None, organization.name]})


@transaction.atomic
def withdraw_role(*, actor: User | None, user: User, team: Team) -> None:
    """Take the role of `team` from `user` there."""
    lock_administrators()
    _refuse("", why_not_assign(actor, team.role, team.organization, user) or why_administrator_stays(actor, user, team))
    if not user.groups.filter(pk=team.group_id).exists():
        return
    user.groups.remove(team.group_id)
    rights.forget(user)
    change = {"role": [team.role.name, None], "at": [team.organization.name, None]}
    audit.record(actor, "withdraw_role", user, team.organization, change)


def lock_administrators() -> None:
    """Whoever may leave the platform without an administrator waits here for the others until the end of the transaction."""
    teams = Team.objects.filter(role__default=Role.Default.ADMINISTRATOR, organization__parent=None)
    list(teams.select_for_update(of=("self",)).values_list("pk"))


def why_administrator_stays(actor: User | None, user: User, team: Team) -> str:
    """The platform always has somebody who may everything."""
    if team.role.default != Role.Default.ADMINISTRATOR or team.organization.parent_id is not None:
        return ""
    others = User.objects.filter(groups=team.group_id, is_active=True).exclude(pk=user.pk)
    return "" if others.exists() else _("%s is the only administrator of the platform. Make somebody else one first.") % called(actor, user)


def team_of(role: Role, organization: Organization) -> Team:
    """Those who hold `role` at `organization`; made, with its grants, where nobody has it there yet."""
    found = Team.objects.filter(role=role, organization=organization).first()
    if found is None:
        group = Group.objects.create(name=f"role {role.pk} at organization {organization.pk}")
        found = Team.objects.create(role=role, organization=organization, group=group)
        _derive(Team.objects.filter(pk=found.pk))
    return found


@transaction.atomic
def create_default_roles(platform: Organization) -> None:
    for default, (purpose, codes) in DEFAULTS.items():
        if not Role.objects.filter(default=default).exists():
            create_role(
                actor=None, organization=platform, name=str(default.label), description=purpose, rights=list(codes), propagated=True,
                default=default,
            )  # fmt: skip


# -- service companies --------------------------------------------------------------------------------------------------------------------


def why_not_let_in(actor: User | None, team: Team, organization: Organization, codes: Iterable[str], place: str = "") -> str:
    """Why `actor` cannot let those of `team` in; empty when they can."""
    key = int(place[1:]) if place else None
    if actor and not holds(actor, rights.LET_IN, organization.path, key):
        return _("You may not let anyone in at %s.") % organization
    if not team.role.offered:
        return _("%s does not offer this role as a service.") % team.organization
    if organization.path.startswith(team.organization.path):
        return _("%s stands above and works here already.") % team.organization
    lacking = beyond(actor, set(codes), organization.path, key) if actor else []
    if lacking:
        return _("Nobody can give what they don't hold. At %(organization)s you don't hold: %(rights)s.") % {
            "organization": organization, "rights": words(lacking),
        }  # fmt: skip
    return ""


@transaction.atomic
def let_in(
    *,
    actor: User | None,
    team: Team,
    organization: Organization,
    rights: Sequence[str],
    starts_at: datetime,
    ends_at: datetime,
    place: str = "",
    place_name: str = "",
    reason: str = "",
) -> ServiceAccess:
    """Give those of `team` the `rights` at `organization` and below, or at its `place` ("l7") alone, for a time."""
    _refuse("", why_not_let_in(actor, team, organization, rights, place))
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": _("It must end after it begins.")})
    if ends_at <= timezone.now():
        raise ValidationError({"ends_at": _("This is over already. Choose a day to come.")})
    same = ServiceAccess.objects.filter(team=team, organization=organization, place=place, ended_at=None, ends_at__gt=timezone.now())
    if same.select_for_update().exists():
        raise ValidationError({"team": _("It has access here already. End that first.")})
    access = ServiceAccess.objects.create(
        team=team, organization=organization, place=place, place_name=place_name, rights=_sorted(rights), starts_at=starts_at,
        ends_at=ends_at, given_by=actor, reason=reason,
    )  # fmt: skip
    _derive(Team.objects.filter(pk=team.pk))
    audit.record(
        actor, "let_in", access, organization,
        {
            "rights": [None, access.rights], "starts_at": [None, starts_at.isoformat()], "ends_at": [None, ends_at.isoformat()],
            "reason": [None, reason or None],
        },
    )  # fmt: skip
    return access


@transaction.atomic
def end_access(*, actor: User | None, access: ServiceAccess) -> None:
    """By who gave it or by who has it. Over at once."""
    if ServiceAccess.objects.filter(pk=access.pk, ended_at=None).update(ended_at=timezone.now()):
        _derive(Team.objects.filter(pk=access.team_id))
        ended, company = {"ended_at": [None, timezone.now().isoformat()]}, access.team.organization
        audit.record(actor, "end_access", access, access.organization, ended)
        if actor and actor.organization.path.startswith(company.path):  # given back: their own record tells it too
            audit.record(actor, "end_access", access, company, ended)


def sweep_accesses() -> int:
    """Take away the grants of accesses that are over; they hold no longer in any case. For the clock."""
    now, removed = timezone.now(), 0
    model: Any
    for model in (OrganizationGrant, *PLACE_GRANTS.values()):
        removed += model._default_manager.filter(until__lte=now).delete()[0]
    return removed


# -- grants -----------------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def bring_up_to_date() -> None:
    """After a new version: the administrators get the rights it brought; where there were no roles before, everybody with a login becomes
    the administrator of their organization, which is what they were."""
    platform = Organization.objects.filter(parent=None).first()
    if platform is None:
        return
    if Role.objects.exists():
        _derive(Team.objects.all())
        return
    create_default_roles(platform)
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    for user in User.objects.filter(email__isnull=False).select_related("organization"):
        assign_role(actor=None, user=user, role=administrator, organization=user.organization)


def _derive(teams: Any) -> None:
    """The grants of `teams`, as their roles and accesses have them now."""
    teams = list(teams.select_related("role", "organization"))
    wanted: dict[type[Grant], list[Grant]] = {OrganizationGrant: [], **{model: [] for model in PLACE_GRANTS.values()}}
    permissions = {model: permissions_of(model) for model in wanted}
    for team in teams:
        for code in (READ, *team.role.held):
            wanted[OrganizationGrant].append(
                OrganizationGrant(
                    group_id=team.group_id, content_object=team.organization, permission_id=permissions[OrganizationGrant][code]
                )
            )
    now = timezone.now()
    by_pk = {team.pk: team for team in teams}
    for access in ServiceAccess.objects.filter(team__in=teams, ended_at=None, ends_at__gt=now).select_related("organization"):
        team = by_pk[access.team_id]
        model: Any = PLACE_GRANTS[access.place[0]] if access.place else OrganizationGrant
        target = int(access.place[1:]) if access.place else access.organization_id
        for code in (READ, *(code for code in team.role.held if code in access.rights)):
            wanted[model].append(
                model(
                    group_id=team.group_id, content_object_id=target, permission_id=permissions[model][code], since=access.starts_at,
                    until=access.ends_at, access=access,
                )
            )  # fmt: skip
    groups = [team.group_id for team in teams]
    for kind, rows in wanted.items():
        kind._default_manager.filter(group__in=groups).delete()
        kind._default_manager.bulk_create(rows, batch_size=1000)


def permissions_of(grant: type[Grant]) -> dict[str, int]:
    """code -> primary key of the permission on the model at whose objects `grant` is given."""
    model: Any = grant._meta.get_field("content_object").related_model  # type: ignore[misc]
    found = Permission.objects.filter(content_type__app_label=model._meta.app_label, content_type__model=model._meta.model_name)
    return dict(found.values_list("codename", "pk"))


def _why_not_take(actor: User | None, codes: Iterable[str], organization: Organization) -> str:
    lacking = beyond(actor, set(codes), organization.path) if actor else []
    return _("You cannot take away what you don't hold yourself: %s.") % words(lacking) if lacking else ""


def _sorted(codes: Iterable[str]) -> list[str]:
    """In the order of the switches; a code that no right has is refused."""
    wanted = set(codes)
    if unknown := wanted - set(RIGHTS):
        raise ValidationError({"rights": _("There is no right “%s”.") % min(unknown)})
    return [code for code in RIGHTS if code in wanted]


def _why_name_is_taken(organization: Organization, name: str, role: Role | None = None) -> str:
    """Why no other role of `organization` can have this name. Whoever asks at the same time waits until the end of the transaction."""
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk).values_list("pk"))
    for other in Role.objects.filter(organization=organization):
        if other != role and same_name(other.name) == same_name(name):
            return _("This organization already has a role with this name: %s.") % other
    return ""


def _refuse(field: str, reason: str) -> None:
    if reason:
        raise ValidationError({field: reason} if field else reason)
