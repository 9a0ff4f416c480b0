"""Credentials tokens (OCPI 2.2.1 §4.1.2): theirs to log in here are kept as a keyed digest, ours to log in there are sealed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

LONGEST = 64  # characters of a token (§7.3.1)
LONGEST_HEADER = 200


def generate() -> str:
    """A new token: 256 random bits, so there is nothing to guess and a keyed hash is enough to keep it."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored form: HMAC-SHA-256 under a key derived from SECRET_KEY, hexadecimal."""
    key = hashlib.sha256(b"passes.ocpi:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, token.encode(), hashlib.sha256).hexdigest()


def matches(offered_digest: str, stored_digest: str) -> bool:
    return bool(stored_digest) and hmac.compare_digest(offered_digest, stored_digest)


def _cipher() -> MultiFernet:
    found = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"passes.ocpi {key!s}".encode()).digest())) for key in found])


def seal(token: str) -> str:
    """Whoever gets hold of the database alone cannot speak to the provider with it."""
    return _cipher().encrypt(token.encode()).decode()


def unseal(sealed: str) -> str:
    """Empty where there is none, or SECRET_KEY is another now: then the connection has to be made anew."""
    try:
        return _cipher().decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken:
        return ""


def header(token: str) -> str:
    """The Authorization header of our requests."""
    return f"Token {base64.b64encode(token.encode()).decode()}"


def offered(value: str) -> list[str]:
    """What an Authorization header may mean: the token encoded as the specification wants it, or bare, as many send it."""
    kind, _space, rest = value.partition(" ")
    rest = rest.strip()
    if kind.lower() != "token" or not rest or len(rest) > LONGEST_HEADER:
        return []
    found = [rest]
    try:
        # Some encode a line's end along with it
        decoded = base64.b64decode(rest + "=" * (-len(rest) % 4), validate=True).decode().strip()
    except (binascii.Error, ValueError):
        return found
    return [decoded, rest] if decoded else found
