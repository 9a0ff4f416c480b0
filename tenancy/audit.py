"""The audit row: written inside the transaction of the write it records."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from tenancy.models import AuditEntry, Organization, User


def record(
    actor: User | None, verb: str, thing: models.Model, organization: Organization | None, changes: dict[str, Any] | None = None
) -> None:
    """`changes` maps a field's name to [before, after]; values must be JSON. `actor` None is the portal itself."""
    assert transaction.get_connection().in_atomic_block, "an audit row belongs inside the transaction it records"
    AuditEntry.objects.create(
        actor=actor,
        actor_name=str(actor) if actor else "",
        organization=organization,
        verb=verb,
        object_type=thing._meta.label_lower,
        object_id=thing.pk,
        object_name=str(thing)[:200],
        changes=changes or {},
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """The fields that differ, as `record` wants them."""
    return {key: [_plain(before.get(key)), _plain(value)] for key, value in after.items() if before.get(key) != value}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
