"""Blocking and unblocking a pass: what is done to many, to one."""

from __future__ import annotations

from passes.actions.many import block_passes, unblock_passes
from passes.models import ChargePass
from tenancy.models import User


def block_pass(*, actor: User | None, charge_pass: ChargePass, reason: str = "") -> bool:
    """It is refused everywhere but at open stations. False: it was blocked already."""
    charge_pass.blocked = True
    return bool(block_passes(actor=actor, passes=ChargePass.objects.filter(pk=charge_pass.pk), reason=reason))


def unblock_pass(*, actor: User | None, charge_pass: ChargePass, reason: str = "") -> bool:
    charge_pass.blocked = False
    return bool(unblock_passes(actor=actor, passes=ChargePass.objects.filter(pk=charge_pass.pk), reason=reason))
