"""The priority of passes where a location shares its capacity: what `stations.hooks.priorities` asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from passes.models import ChargePass


def priorities(pass_keys: Collection[int]) -> Mapping[int, int]:
    """By key of a pass, where it has one of its own. One query."""
    rows = ChargePass.objects.filter(pk__in=pass_keys, priority__isnull=False).values_list("pk", "priority")
    return {key: priority for key, priority in rows if priority is not None}
