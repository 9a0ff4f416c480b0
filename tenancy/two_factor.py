"""Two-factor login: who must have it, and how ours differs from allauth's."""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as base
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.models import Exists, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenancy import sealing
from tenancy.models import Organization, User
from tenancy.models.roles import PLACE_GRANTS, in_force
from tenancy.rights import READ, holds, reach

Type = Authenticator.Type
FACTORS = (Type.TOTP, Type.WEBAUTHN)  # recovery codes stand in for one of these
NAMES = {Type.TOTP: _("Authenticator app"), Type.WEBAUTHN: _("Security key"), Type.RECOVERY_CODES: _("Recovery codes")}
UNREADABLE = _("The answer of the security key cannot be read. Try again.")
CODE_LASTS = 90  # seconds: its own half minute, the one before and the one after


def factors_of(user: User) -> QuerySet[Any]:
    found: QuerySet[Any] = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).order_by("created_at", "pk")
    return found


def _requiring(user: User) -> QuerySet[Organization]:
    """The organizations that require two-factor login of `user`, the highest first: their own, those at which they hold a role or were
    let in, and those above these."""
    where = reach(user)
    paths = {user.organization.path, *where.paths}
    if where.places:
        for grants in PLACE_GRANTS.values():
            paths.update(in_force(grants._default_manager, user).values_list("access__organization__path", flat=True))
    keys = {int(key) for path in paths for key in path.strip("/").split("/")}
    return Organization.objects.filter(pk__in=keys, require_two_factor=True).order_by("path")


def required_by(user: User) -> Organization | None:
    return _requiring(user).first()


def lacking(user: User) -> Organization | None:
    """The organization that requires two-factor login of `user`, who has not set it up; else None. One query beside that of their
    rights."""
    return _requiring(user).exclude(Exists(factors_of(user).order_by())).first()


def name_of(user: User, organization: Organization | None) -> str:
    """Of the organization that requires it, as `user` may know it."""
    if organization is None:
        return ""
    known = user.organization.path.startswith(organization.path) or holds(user, READ, organization.path)
    return str(organization) if known else gettext("An organization that you work for")


def why_factor_stays(user: User, factor: Any) -> str:
    """Why `factor` cannot be removed now; empty when it can."""
    if factor.type not in FACTORS or factors_of(user).exclude(pk=factor.pk).exists():
        return ""
    organization = required_by(user)
    if organization is None:
        return ""
    return gettext("%(organization)s requires two-factor login. Set up another app or key first, then remove this one.") % {
        "organization": name_of(user, organization)
    }


class Adapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right. A code of the app works for half a minute, a recovery code once."),
        "cannot_generate_recovery_codes": _("Recovery codes come with two-factor login: set up an app or a security key first."),
    }

    def encrypt(self, text: str) -> str:
        return sealing.seal("two-factor", text)

    def decrypt(self, encrypted_text: str) -> str:
        # Is SECRET_KEY another now, no code fits, and an administrator resets it
        return sealing.unseal("two-factor", encrypted_text) or str(generate_totp_secret())

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        if reason := why_factor_stays(authenticator.user, authenticator):
            raise ValidationError(reason)
        return True

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Security key") if number == 1 else gettext("Security key %(number)d") % {"number": number}


class Code(forms.Form):
    """The code of an app, or a recovery code."""

    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label = _("Code")
        field.validators.append(MaxLengthValidator(32, _("A code is shorter than this.")))
        field.widget.attrs.pop("placeholder", None)
        field.widget.attrs |= {"autofocus": True, "inputmode": "numeric", "spellcheck": "false"}


class Once(Code):
    """A code that somebody looked at over a shoulder is worth nothing: it works once."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if not cache.add(f"two-factor-used:{self.user.pk}:{hashlib.sha256(code.strip().encode()).hexdigest()}", 1, CODE_LASTS):
            raise Adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(Once, base.AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = _("The six digits that your app shows, or one of your recovery codes.")


class ReauthenticateForm(Once, base.ReauthenticateForm):
    pass


class ActivateForm(Code, totp.ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("The six digits that the app shows now")


class Answer(forms.JSONField):
    """JSON that is neither longer nor deeper than a security key's."""

    LONGEST = 20_000

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > self.LONGEST:
            raise ValidationError(UNREADABLE)
        try:
            return super().to_python(value)
        except RecursionError as error:
            raise ValidationError(UNREADABLE) from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The answer to an old question: it is never shown again."""
        return None


class Key(forms.Form):
    """What a security key answers comes from the browser: anything may stand in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "credential" in self.fields:
            messages = dict.fromkeys(("required", "invalid"), UNREADABLE)
            self.fields["credential"] = Answer(widget=forms.HiddenInput, error_messages=messages)
        if name := self.fields.get("name"):
            name.label = _("Name of the key")
            name.help_text = _("So that you can tell your keys apart.")
            name.validators.append(MaxLengthValidator(60, _("At most %(limit_value)d characters, please. This has %(show_value)d.")))

    def _guarded(self, clean: Any) -> Any:
        try:
            return clean()
        except ValidationError:
            raise
        except Exception as error:
            raise ValidationError(UNREADABLE) from error


class AddKeyForm(Key, webauthn.AddWebAuthnForm):
    def clean(self) -> Any:
        return self._guarded(super().clean)


class EditKeyForm(Key, webauthn.EditWebAuthnForm):
    pass


class AuthenticateKeyForm(Key, webauthn.AuthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return self._guarded(super().clean_credential)


class ReauthenticateKeyForm(Key, webauthn.ReauthenticateWebAuthnForm):
    def clean_credential(self) -> Any:
        return self._guarded(super().clean_credential)
