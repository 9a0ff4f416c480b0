"""The audit row: written inside the transaction of the write it records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models, transaction

from tenancy.address import from_where
from tenancy.models import AuditEntry, Organization, User
from tenancy.rights import path_of, place_of

AT_ONCE = 500


def record(
    actor: User | None,
    verb: str,
    thing: models.Model,
    organization: Organization | None,
    changes: dict[str, Any] | None = None,
    *,
    name: str | None = None,
) -> None:
    """`changes` maps a field's name to [before, after]; values must be JSON. `actor` None is the portal itself. `name` stands for that of
    `thing` where those who read the record there must not know it."""
    record_each(actor, verb, [(thing, organization, changes or {})], name=name)


def record_each(
    actor: User | None,
    verb: str,
    written: Iterable[tuple[models.Model, Organization | None, dict[str, Any]]],
    *,
    name: str | None = None,
) -> None:
    """The same was done to many: (thing, organization, changes) of each, recorded together."""
    assert transaction.get_connection().in_atomic_block, "an audit row belongs inside the transaction it records"
    address = from_where()
    rows = [
        AuditEntry(
            actor=actor,
            actor_name=str(actor) if actor else "",
            address=address,
            organization=organization,
            verb=verb,
            object_type=thing._meta.label_lower,
            object_id=thing.pk,
            object_name=(_name(thing) if name is None else name)[:200],
            changes=changes,
        )
        for thing, organization, changes in written
    ]
    AuditEntry.objects.bulk_create(rows, batch_size=AT_ONCE)


def _name(thing: models.Model) -> str:
    """As the record calls it: what has an id beside its name by both, because a name may be another one later."""
    return str(getattr(thing, "name_and_id", thing))


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """The fields that differ, as `record` wants them."""
    return {key: [_plain(before.get(key)), _plain(value)] for key, value in after.items() if before.get(key) != value}


def named(thing: models.Model) -> dict[str, Any]:
    """An organization, or what belongs to one, as a value: read later by those alone who may see it."""
    return {"name": str(thing), "path": path_of(thing), "place": place_of(thing)}


def _plain(value: Any) -> Any:
    if isinstance(value, models.Model) and hasattr(value, "tenant_path") and not isinstance(value, User):
        return named(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
