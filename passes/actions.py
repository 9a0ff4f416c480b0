"""Every write to passes: one transaction each, the audit row inside it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from passes.models import ChargePass
from tenancy import audit
from tenancy.models import Organization, User

FIELDS = ("organization", "uid", "visible_number", "nickname", "blocked", "valid_until")


@transaction.atomic
def create_pass(*, actor: User | None, organization: Organization, **fields: Any) -> ChargePass:
    charge_pass = ChargePass(organization=organization, **fields)
    charge_pass.full_clean()
    charge_pass.save()
    audit.record(actor, "create", charge_pass, organization, audit.differences({}, {"uid": charge_pass.uid, **fields}))
    return charge_pass


@transaction.atomic
def edit_pass(*, actor: User | None, charge_pass: ChargePass, **fields: Any) -> ChargePass:
    """Only `fields` are written: what somebody else changes meanwhile stays."""
    before = {name: getattr(charge_pass, name) for name in fields}
    for name, value in fields.items():
        setattr(charge_pass, name, value)
    charge_pass.full_clean()
    charge_pass.save(update_fields=list(fields))
    if changed := audit.differences(before, {name: getattr(charge_pass, name) for name in fields}):
        audit.record(actor, "edit", charge_pass, charge_pass.organization, changed)
    return charge_pass


@transaction.atomic
def delete_pass(*, actor: User | None, charge_pass: ChargePass) -> None:
    audit.record(actor, "delete", charge_pass, charge_pass.organization, {"uid": [charge_pass.uid, None]})
    charge_pass.delete()
