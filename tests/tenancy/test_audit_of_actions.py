"""Every write leaves a record: each action of the portal, called once. An action that is not in the table, writes.py, fails here."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import passes.actions
import stations.actions
import tenancy.actions
from stations import actions as fleet
from stations.models import (
    Command,
    Station,
)
from tenancy.history import VERBS
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.tenancy.writes import DERIVED, READ_ONLY, WRITES

pytestmark = pytest.mark.django_db


def modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.iter_modules(getattr(package, "__path__", [])):
        yield import_module(f"{package.__name__}.{found.name}")


def actions() -> set[str]:
    """Every public function of the action modules but those that only say why something cannot be done."""
    return {
        f"{app}.{name}"
        for app, package in (("tenancy", tenancy.actions), ("stations", stations.actions), ("passes", passes.actions))
        for module in modules(package)
        for name, function in vars(module).items()
        if inspect.isfunction(inspect.unwrap(function)) and function.__module__.startswith(package.__name__)
        if not name.startswith(("_", "why_"))
    }


def test_every_action_is_in_the_table() -> None:
    assert actions() == {*WRITES, *DERIVED, *READ_ONLY}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_every_action_leaves_a_record(name: str, tree: Tree) -> None:
    known = set(AuditEntry.objects.values_list("pk", flat=True))
    WRITES[name](tree)
    entries = AuditEntry.objects.exclude(pk__in=known)
    by = User.objects.get(email="fay@example.org") if name == "tenancy.accept_invitation" else tree.ada
    found = entries.filter(actor=by).first()
    assert found is not None
    assert found.verb in VERBS, "say it in words: tenancy/history.py"
    assert found.object_name
    assert found.organization is not None
    assert CARD not in str(found.changes) or found.object_type == "passes.chargepass"


def test_many_stations_are_recorded_together(tree: Tree, django_assert_max_num_queries: Any) -> None:
    fleet.add_stations(actor=None, location=tree.location, identities=[f"MANY-{number:02}" for number in range(40)])
    with django_assert_max_num_queries(12):
        fleet.set_stations_active(actor=tree.ada, stations=Station.objects.filter(identity__startswith="MANY"), active=False)
    assert AuditEntry.objects.filter(actor=tree.ada, verb="edit", changes={"active": [True, False]}).count() == 40
    assert not Command.objects.exists()
