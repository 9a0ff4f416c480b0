"""Reading authorities. They belong to the platform: its administrators manage them, everybody else may know their names and certificates,
which are made to be shown; nobody ever sees a key."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from stations.models import Authority, Revocation
from stations.pki import reading, signing
from tenancy import sealing

SEALED_FOR = "authority"  # purpose of a sealed key
LIST_KEPT = 3600  # seconds that a list of revoked certificates is given again


def every() -> QuerySet[Authority]:
    """With how many certificates of stations each has signed; the one that signs first."""
    return Authority.objects.annotate(signed=Count("certificates")).order_by("-signs", "-created_at", "-pk")


def signer(use: str = Authority.Use.STATION) -> Authority | None:
    """The one that signs now."""
    return Authority.objects.filter(signs=True, use=use).first()


def key_of(authority: Authority) -> str | None:
    """PEM; None where there is none, or it cannot be read any more."""
    return sealing.unseal(SEALED_FOR, authority.sealed_key) if authority.sealed_key else None


def revocation_list(fingerprint: str) -> bytes | None:
    """DER, of the authority of ours with this fingerprint; kept until something changes. None where there is no such list."""
    row = Authority.objects.filter(fingerprint=fingerprint).exclude(sealed_key="").first()
    if row is None:
        return None
    last = Revocation.objects.filter(authority=row).aggregate(last=Max("pk"))["last"]
    kept_as = f"crl:{row.fingerprint}:{last or 0}"
    found: bytes | None = cache.get(kept_as)
    if found is not None:
        return found
    key, now = key_of(row), timezone.now()
    if key is None:
        return None
    rows = Revocation.objects.filter(authority=row, not_after__gt=now).order_by("at", "pk")
    entries = [signing.Revoked(one.serial, one.at, one.reason) for one in rows]
    found = signing.revocation_list(reading.kept(row.certificate), key, entries, now)
    cache.set(kept_as, found, LIST_KEPT)
    return found
