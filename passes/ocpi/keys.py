"""Credentials tokens (OCPI 2.2.1 §4.1.2): theirs to log in here are kept as a keyed digest, ours to log in there are sealed."""

from __future__ import annotations

import base64
import binascii
import secrets

from tenancy import sealing
from tenancy.sealing import matches

__all__ = ["LONGEST", "LONGEST_HEADER", "digest", "generate", "header", "matches", "offered", "seal", "unseal"]

LONGEST = 64  # characters of a token (§7.3.1)
LONGEST_HEADER = 200


def generate() -> str:
    """A new token: 256 random bits, so there is nothing to guess and a keyed hash is enough to keep it."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The stored form of theirs."""
    return sealing.digest("passes.ocpi", token)


def seal(token: str) -> str:
    """The stored form of ours."""
    return sealing.seal("passes.ocpi", token)


def unseal(sealed: str) -> str:
    """Empty where there is none, or SECRET_KEY is another now: then the connection has to be made anew."""
    return sealing.unseal("passes.ocpi", sealed) or ""


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
