"""What people write of their own account, and an administrator of a login that does not work any more."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction

from tenancy import audit
from tenancy.actions.people import why_not_manage, write_fields
from tenancy.models import User
from tenancy.rights import MANAGE_USERS, Missing, may
from tenancy.two_factor import NAMES

OWN_FIELDS = frozenset({"name", "phone", "language", "time_zone"})


@transaction.atomic
def edit_own_profile(*, actor: User, **fields: Any) -> User:
    """Name, phone, language and time zone; the address belongs to the login and is an administrator's business."""
    assert fields.keys() <= OWN_FIELDS, fields.keys() - OWN_FIELDS
    return write_fields(actor, "edit_own_profile", actor, fields)


@transaction.atomic
def end_own_sessions(*, sessions: list[UserSession]) -> None:
    """Logs out the browsers behind `sessions`, all of one user."""
    if not sessions:
        return
    user = sessions[0].user
    for session in sessions:
        assert session.user_id == user.pk
        session.end()
    audit.record(user, "sessions_ended", user, user.organization, {"sessions": [len(sessions), None]})


@transaction.atomic
def reset_two_factor(*, actor: User | None, user: User) -> bool:
    """Removes app, keys and recovery codes of `user`, who has lost them, and ends all their sessions: the password alone opens the
    account until they are set up anew. Missing without the right to manage users there, a ValidationError for somebody who may do more
    than `actor`. Whether there was anything to remove."""
    if actor is not None and not may(actor, MANAGE_USERS, user):
        raise Missing(MANAGE_USERS, user.organization.path)
    if reason := why_not_manage(actor, user):
        raise ValidationError(reason)
    removed = Authenticator.objects.filter(user_id=user.pk)
    kinds = sorted({str(NAMES[kind]) for kind in removed.values_list("type", flat=True)})
    if not kinds:
        return False
    removed.delete()
    for session in UserSession.objects.filter(user_id=user.pk):
        session.end()
    audit.record(actor, "reset_two_factor", user, user.organization, {"two_factor": [", ".join(kinds), None]})
    return True
