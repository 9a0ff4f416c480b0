"""The stations' passwords. They are long random secrets of ours, so a keyed hash in constant time is enough: a slow password hash would
cost 100 minutes of CPU when 20,000 stations reconnect."""

from __future__ import annotations

import secrets
import string

from tenancy import sealing
from tenancy.sealing import matches

__all__ = ["LONGEST", "NOBODY", "SHORTEST", "digest", "generate_key", "generate_password", "matches"]

ALPHABET = string.ascii_letters + string.digits
LENGTH = 24
NOBODY = "0" * 64  # compared against for an unknown station, so that it costs the same time
SHORTEST, LONGEST = 16, 40  # OCPP 1.6 security: AuthorizationKey is 16 to 40 bytes


def generate_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def generate_key() -> str:
    """A password as OCPP 1.6 gives one over the air (AuthorizationKey): 20 random bytes in hexadecimal."""
    return secrets.token_hex(LONGEST // 2)


def digest(password: str) -> str:
    """The stored form."""
    return sealing.digest("stations.password", password)
