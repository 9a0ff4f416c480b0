"""The passwords of imported stations: made with them, sealed until who imported them downloads them, once, then gone for good."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations.models import ImportedPasswords
from tenancy.imports import Offer
from tenancy.links import link
from tenancy.models import Import, User
from tenancy.sealing import seal, unseal

PURPOSE = "stations.imported-passwords"
KEPT = timedelta(hours=24)


def keep(of: Import, passwords: Sequence[tuple[str, str]]) -> None:
    """(station id, password) of the stations that a part has added. Inside the transaction that adds them."""
    if passwords:
        ImportedPasswords.objects.create(of=of, count=len(passwords), sealed=seal(PURPOSE, json.dumps(passwords)))


def opened(rows: Sequence[ImportedPasswords]) -> list[tuple[str, str]]:
    """Left out is what cannot be read any more, because the portal has another key now."""
    found: list[tuple[str, str]] = []
    for row in rows:
        if text := unseal(PURPOSE, row.sealed):
            found += [(identity, password) for identity, password in json.loads(text)]
    return found


def forget_old() -> int:
    """Those that nobody has fetched in time; the stations then need new ones."""
    return ImportedPasswords.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def offer(user: User, of: Import) -> list[Offer]:
    """The way to them, for who imported them."""
    if user.pk != of.actor_id:
        return []
    waiting = ImportedPasswords.objects.filter(of=of, created_at__gte=timezone.now() - KEPT)
    count = waiting.aggregate(count=Sum("count"))["count"] or 0
    if not count:
        return []
    said = ngettext(
        "%d new station has a password that must be typed into it. You alone can download the file with it, once, within 24 hours.",
        "%d new stations have passwords that must be typed into them. You alone can download the file with them, once, within 24 hours.",
        count,
    ) % count  # fmt: skip
    return [Offer(said, _("Download the passwords, once"), link("import_passwords", of.pk))]
