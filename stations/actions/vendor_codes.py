"""Every write to the dictionary of vendor codes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from stations.actions.saving import save
from stations.models import VendorCode
from tenancy import audit
from tenancy.models import Organization, User


@transaction.atomic
def create_vendor_code(*, actor: User | None, organization: Organization, **fields: Any) -> VendorCode:
    row = VendorCode(organization=organization)
    save(actor, row, organization, fields)
    return row


@transaction.atomic
def edit_vendor_code(*, actor: User | None, vendor_code: VendorCode, **fields: Any) -> VendorCode:
    save(actor, vendor_code, vendor_code.organization, fields)
    return vendor_code


@transaction.atomic
def delete_vendor_code(*, actor: User | None, vendor_code: VendorCode) -> None:
    audit.record(actor, "delete", vendor_code, vendor_code.organization)
    vendor_code.delete()
