"""Secrets in the database: what we only compare is kept as a keyed digest, what we must read again is sealed. Keys are derived from
SECRET_KEY and the purpose, so that whoever gets hold of the database alone can do nothing with them."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def digest(purpose: str, secret: str) -> str:
    """HMAC-SHA-256, hexadecimal: enough for long random secrets, and quick."""
    key = hashlib.sha256(f"{purpose}:{settings.SECRET_KEY}".encode()).digest()
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()


def matches(offered_digest: str, stored_digest: str) -> bool:
    """Compared in constant time; nothing matches where none is stored."""
    return bool(stored_digest) and hmac.compare_digest(offered_digest, stored_digest)


def _cipher(purpose: str) -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose} {key!s}".encode()).digest())) for key in keys])


def seal(purpose: str, text: str) -> str:
    return _cipher(purpose).encrypt(text.encode()).decode()


def unseal(purpose: str, sealed: str) -> str | None:
    """None where it cannot be read, because it is nothing that was sealed or SECRET_KEY is another now."""
    try:
        return _cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
