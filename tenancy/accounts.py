"""How logging in differs from allauth's defaults: who may, what is asked, and that nothing of any length burns our time."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import forms as account
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenancy import actions, letters
from tenancy.models import User

LONGEST_PASSWORD = 128
FRESH = 300  # seconds for which a login counts as having shown who one is
PASSWORD_HELP = _(
    "At least 12 characters. Not like your name or address, and not one that many people use. Three or four words are easy to remember."
)


class Backend(AuthenticationBackend):
    """Only people who have a login, are active, and whose organization is not closed – asked again with every request."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        return isinstance(user, User) and user.is_active and user.has_login and not user.organization.closed

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("organization").filter(pk=user_id).first()
        return user if self.user_can_authenticate(user) else None


class LongestPassword:
    """A password is hashed with every login: one of a megabyte would cost what a thousand logins cost."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(gettext("A password has at most %(number)d characters.") % {"number": LONGEST_PASSWORD})

    def get_help_text(self) -> str:
        return gettext("At most %(number)d characters.") % {"number": LONGEST_PASSWORD}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("E-mail or password is wrong. Capitals matter in the password."),
        "too_many_login_attempts": _("Too many wrong tries. Wait five minutes. They count for the account and for your network."),
        "rate_limited": _("Too many wrong tries. Wait five minutes. They count for the account and for your network."),
        "enter_current_password": _("This is not your password. Capitals matter."),
        "incorrect_password": _("This is not your password. Capitals matter."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are invited; nobody signs up by themselves."""
        return False

    def pre_login(self, request: HttpRequest, user: User, **hooks: Any) -> HttpResponse | None:
        if not Backend().user_can_authenticate(user):
            clear_login(request)
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **hooks)  # type: ignore[no-any-return]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        why = "?why=organization" if user.is_active and user.organization.closed else ""
        return HttpResponseRedirect(reverse("account_inactive") + why)

    def is_reauthentication_required(self, *, app: str, **rest: Any) -> bool:
        """Whoever has logged in a moment ago, with all that it takes, is not asked for the password again."""
        latest = [record["at"] for record in get_authentication_records(self.request, self.request.user)]
        if latest and 0 <= time.time() - latest[-1] < FRESH:
            return False
        return super().is_reauthentication_required(app=app, **rest)  # type: ignore[no-any-return]

    def reauthenticate(self, user: User, password: str) -> bool:
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Kept until it could be sent, as every letter is."""
        message = self.render_mail(template_prefix, email, {"email": email, **context})
        letters.write_text(email, str(message.subject), str(message.body))

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        user.save(update_fields=["password"])


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Any) -> None:
        actions.end_own_sessions(sessions=list(sessions))


def _short(field: forms.Field) -> None:
    """At most LONGEST_PASSWORD characters – said beside the field, where a `maxlength` would cut off in silence what was pasted."""
    field.validators.append(MaxLengthValidator(LONGEST_PASSWORD, _("At most %(limit_value)d characters, please. This has %(show_value)d.")))


class Plain:
    """Labels speak for themselves; passwords are short enough to be hashed."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.help_text = PASSWORD_HELP if name == "password1" else ""
            if isinstance(field.widget, forms.PasswordInput):
                _short(field)


class LoginForm(Plain, account.LoginForm):
    """The way to a new password stands below the form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["login"].widget.attrs["autofocus"] = True


class ChangePasswordForm(Plain, account.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Your password now")
        self.fields["password1"].label = _("The new password")
        self.fields["password2"].label = _("The new password once more")


class SetPasswordForm(Plain, account.SetPasswordForm):
    pass


class ReauthenticateForm(Plain, account.ReauthenticateForm):
    pass


class ResetPasswordForm(Plain, account.ResetPasswordForm):
    def clean_email(self) -> str:
        """Who cannot log in gets no letter; the answer is the same for all."""
        email: str = super().clean_email()
        found: list[User] = self.users  # type: ignore[has-type]
        self.users = [user for user in found if Backend().user_can_authenticate(user)]
        return email


class ResetPasswordKeyForm(Plain, account.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password2"].label = _("The new password once more")


class UserTokenForm(account.UserTokenForm):
    """What the link of a letter must contain."""

    def clean(self) -> Any:
        found = super().clean()
        if not Backend().user_can_authenticate(self.reset_user):
            raise ValidationError(gettext("This link does not work any more."))
        return found
