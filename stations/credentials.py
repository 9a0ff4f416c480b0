"""The stations' passwords. They are long random secrets of ours, so a keyed hash in constant time is enough: a slow password hash would
cost 100 minutes of CPU when 20,000 stations reconnect."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

from django.conf import settings

ALPHABET = string.ascii_letters + string.digits
LENGTH = 24
NOBODY = "0" * 64  # compared against for an unknown station, so that it costs the same time
SHORTEST, LONGEST = 16, 40  # OCPP 1.6 security: AuthorizationKey is 16 to 40 bytes


def generate_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def digest(password: str) -> str:
    """The stored form: HMAC-SHA-256 under a key derived from SECRET_KEY, hexadecimal."""
    key = hashlib.sha256(b"stations.password:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, password.encode(), hashlib.sha256).hexdigest()


def matches(offered_digest: str, stored_digest: str) -> bool:
    return bool(stored_digest) and hmac.compare_digest(offered_digest, stored_digest)
