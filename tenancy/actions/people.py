"""Every write to users: one transaction each, the audit row inside it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from tenancy import audit, hooks
from tenancy.actions.roles import assign_role, lock_administrators, why_administrator_stays
from tenancy.models import Organization, Role, Team, User
from tenancy.personal import called
from tenancy.rights import UPDATE_USER_ROLES, beyond, may, words


def why_not_manage(actor: User | None, user: User, *, everywhere: bool = False) -> str:
    """Why `actor`, who may manage users there, cannot change, switch off or delete `user`; empty when they can: nobody gets power over
    somebody who may do more above, at or below the organization they belong to. What others have given them elsewhere counts only when
    `everywhere`: no stranger shields somebody from their own organization."""
    if actor is None:
        return ""
    if actor.pk == user.pk:
        return _("This is yourself. Ask another administrator.")
    lacking: set[str] = set()
    home = user.organization.path
    for team in Team.objects.filter(group__user=user).select_related("role", "organization"):
        path = team.organization.path
        if everywhere or path.startswith(home) or home.startswith(path):
            lacking |= set(beyond(actor, ["read", *team.role.held], path))
    if not lacking:
        return ""
    if not may(actor, UPDATE_USER_ROLES, user) or everywhere:
        return _("%s may do more than you.") % called(actor, user)
    return _("%(user)s may do more than you: %(rights)s.") % {
        "user": called(actor, user), "rights": words(lacking) or _("see organizations that you do not see"),
    }  # fmt: skip


def why_not_edited(actor: User | None, user: User) -> str:
    """Why `actor` cannot change what `user` is called; empty when they can. Oneself one may."""
    return "" if actor and actor.pk == user.pk else why_not_manage(actor, user)


def why_user_stays(actor: User | None, user: User) -> str:
    """Why `user` can be neither switched off nor deleted now; empty when they can."""
    teams = Team.objects.filter(group__user=user).select_related("role", "organization")
    return next((reason for team in teams if (reason := why_administrator_stays(actor, user, team))), "")


def why_user_is_kept(actor: User | None, user: User) -> str:
    """Why `user` cannot be deleted now; empty when they can."""
    reasons = []
    for relation in User._meta.related_objects:
        if relation.on_delete is models.PROTECT:
            count = relation.related_model._base_manager.filter(**{relation.field.name: user}).count()
            if count:
                meta = relation.related_model._meta
                reasons.append(f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}")
    if reasons:
        return _("There is still %(what)s of %(user)s. Deactivate instead.") % {"what": ", ".join(reasons), "user": called(actor, user)}
    return why_user_stays(actor, user)


@transaction.atomic
def create_user(
    *, actor: User | None, organization: Organization, email: str | None, name: str, password: str | None, role: Role | None = None,
    **fields: Any,
) -> User:  # fmt: skip
    """A user of `organization`, with `role` there; without `email` a cardholder."""
    user = User(organization=organization, email=email.lower() if email else None, name=name, **fields)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    audit.record(actor, "create", user, organization, audit.differences({}, {"name": user.name, "email": user.email}))
    if role is not None:
        assign_role(actor=actor, user=user, role=role, organization=organization)
    return user


@transaction.atomic
def edit_user(*, actor: User | None, user: User, **fields: Any) -> User:
    """Name, phone, language, time zone. An address is part of the login and never changes."""
    if reason := why_not_edited(actor, user):
        raise ValidationError(reason)
    return write_fields(actor, "edit", user, fields)


def write_fields(actor: User | None, verb: str, user: User, fields: dict[str, Any]) -> User:
    """The user as stored now, with `fields` and nothing else written over; recorded as `verb` where that changes something."""
    user = User.objects.select_for_update(of=("self",)).select_related("organization").get(pk=user.pk)
    before = {key: getattr(user, key) for key in fields}
    for key, value in fields.items():
        setattr(user, key, value)
    user.full_clean(exclude=["password"])
    user.save(update_fields=list(fields))
    if changed := audit.differences(before, fields):
        audit.record(actor, verb, user, user.organization, changed)
    return user


@transaction.atomic
def set_user_active(*, actor: User | None, user: User, active: bool) -> None:
    """Deactivated, a user can no longer log in, and whoever is logged in is out with the next click."""
    lock_administrators()
    reason = why_not_manage(actor, user) or ("" if active else why_user_stays(actor, user))
    if reason:
        raise ValidationError(reason)
    if User.objects.filter(pk=user.pk).exclude(is_active=active).update(is_active=active):
        user.is_active = active
        for tell in hooks.users_switched:
            tell([user.pk])
        audit.record(actor, "edit", user, user.organization, {"is_active": [not active, active]})


@transaction.atomic
def delete_user(*, actor: User | None, user: User) -> None:
    """The person is gone; what they did stays in the record under their name."""
    lock_administrators()
    reason = why_not_manage(actor, user) or why_user_is_kept(actor, user)
    if reason:
        raise ValidationError(reason)
    for team in Team.objects.filter(group__user=user).select_related("role", "organization"):
        change = {"role": [team.role.name, None], "at": [team.organization.name, None]}
        audit.record(actor, "withdraw_role", user, team.organization, change)
    audit.record(actor, "delete", user, user.organization, {"name": [user.name, None], "email": [user.email, None]})
    for tell in hooks.users_switched:
        tell([user.pk])
    user.delete()


@transaction.atomic
def renew_user_password(*, actor: User | None, user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(actor, "renew_password", user, user.organization)
