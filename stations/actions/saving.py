"""How every edit is saved."""

from __future__ import annotations

from typing import Any

from django.db import models

from tenancy import audit
from tenancy.models import Organization, User


def save(actor: User | None, thing: models.Model, organization: Organization, fields: dict[str, Any]) -> None:
    """Apply `fields`, validate, save and record what changed."""
    verb = "edit" if thing.pk else "create"
    before = {key: getattr(thing, key, None) for key in fields} if thing.pk else {}
    for key, value in fields.items():
        setattr(thing, key, value)
    thing.full_clean()
    thing.save()
    if changed := audit.differences(before, fields):
        audit.record(actor, verb, thing, organization, changed)
