"""How every edit is saved."""

from __future__ import annotations

from typing import Any

from django.db import models

from tenancy import audit
from tenancy.models import Organization, User


def save(actor: User | None, thing: models.Model, organization: Organization, fields: dict[str, Any]) -> None:
    """Apply `fields`, validate, save and record what changed. Of a thing that is there only these fields are written, and those that follow
    from them: what the station itself or somebody else changes meanwhile stays."""
    verb = "edit" if thing.pk else "create"
    loaded = _values(thing)
    before = {key: getattr(thing, key, None) for key in fields} if thing.pk else {}
    for key, value in fields.items():
        setattr(thing, key, value)
    thing.full_clean()
    if verb == "create":
        thing.save()
    else:
        thing.save(update_fields={*fields, *(name for name, value in _values(thing).items() if value != loaded[name])})
    if changed := audit.differences(before, fields):
        audit.record(actor, verb, thing, organization, changed)


def _values(thing: models.Model) -> dict[str, Any]:
    return {field.name: getattr(thing, field.attname) for field in thing._meta.concrete_fields}
