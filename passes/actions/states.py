"""Blocking and unblocking passes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from passes import local_lists
from passes.models import ChargePass
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def block_pass(*, actor: User | None, charge_pass: ChargePass, reason: str = "") -> bool:
    """It is refused everywhere but at open stations. False: it was blocked already."""
    return _set_blocked(actor, "block", charge_pass, blocked=True, reason=reason)


@transaction.atomic
def unblock_pass(*, actor: User | None, charge_pass: ChargePass, reason: str = "") -> bool:
    return _set_blocked(actor, "unblock", charge_pass, blocked=False, reason=reason)


def _set_blocked(actor: User | None, verb: str, charge_pass: ChargePass, *, blocked: bool, reason: str) -> bool:
    charge_pass.blocked = blocked
    if not ChargePass.objects.filter(pk=charge_pass.pk).exclude(blocked=blocked).update(blocked=blocked):
        return False
    local_lists.passes_changed([charge_pass.pk])
    changes: dict[str, Any] = {"blocked": [not blocked, blocked]}
    audit.record(actor, verb, charge_pass, charge_pass.organization, changes | ({"reason": [None, reason]} if reason else {}))
    return True
