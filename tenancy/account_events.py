"""What happens to an account leaves a row in the record, also where allauth is the one who writes."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.dispatch import receiver

from tenancy import audit
from tenancy.models import User
from tenancy.two_factor import NAMES


@transaction.atomic
def _note(user: User, verb: str, changes: dict[str, Any] | None = None) -> None:
    audit.record(user, verb, user, user.organization, changes)


@receiver(account.user_logged_in)
def logged_in(user: User, **_rest: Any) -> None:
    _note(user, "log_in")


@receiver(account.password_changed)
@receiver(account.password_set)
def password_changed(user: User, **_rest: Any) -> None:
    _note(user, "change_password")


@receiver(account.password_reset)
def password_reset(user: User, **_rest: Any) -> None:
    _note(user, "reset_password")


@receiver(mfa.authenticator_added)
def factor_added(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _note(user, "recovery_codes_made")
    else:
        _note(user, "two_factor_on", {"two_factor": [None, _name(authenticator)]})


@receiver(mfa.authenticator_removed)
def factor_removed(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:  # these go with the last factor
        _note(user, "two_factor_off", {"two_factor": [_name(authenticator), None]})


@receiver(mfa.authenticator_reset)
def codes_made_anew(user: User, **_rest: Any) -> None:
    _note(user, "recovery_codes_made")


@receiver(mfa.authenticator_used)
def factor_used(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _note(user, "recovery_code_used")


def _name(authenticator: Any) -> str:
    return str(authenticator.data.get("name") or NAMES[authenticator.type])[:60]
