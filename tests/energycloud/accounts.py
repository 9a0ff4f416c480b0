"""What the tests of accounts share: codes as an app makes them, and people who have set one up."""

from __future__ import annotations

import html
import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.test import Client

from tenancy.models import AuditEntry, User
from tests.conftest import PASSWORD

LOGIN = "/account/login/"
TWO_FACTOR = "/account/two-factor/"


def code(secret: str, halves: int = 0) -> str:
    """What the app shows now; `halves` half minutes later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + halves)))


def with_app(user: User) -> str:
    """The secret of an app that `user` has set up, recovery codes beside it."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return str(secret)


def codes_of(user: User) -> list[str]:
    return list(Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes())


def log_in(user: User, client: Client | None = None, **extra: Any) -> Any:
    """The answer to the password of `user`."""
    return (client or Client()).post(LOGIN, {"login": user.email, "password": PASSWORD}, **extra)


def logged_in(user: User) -> Client:
    """Through the page, as people do it."""
    client = Client()
    assert log_in(user, client).status_code == 302
    return client


def secret_in(page: str) -> str:
    found = re.search(r'data-secret="([^"]+)"', page)
    assert found
    return html.unescape(found[1])


def verbs(user: User) -> list[str]:
    return list(AuditEntry.objects.filter(object_type="tenancy.user", object_id=user.pk).order_by("pk").values_list("verb", flat=True))


def forget_attempts() -> None:
    cache.clear()
