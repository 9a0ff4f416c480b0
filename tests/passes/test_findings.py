"""The diagnosis looks at what is so now: at refusals since a card last charged, and at nothing that has been mended meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from passes.actions import create_pass, edit_pass
from passes.findings import remarks
from stations.models import AccessMode, Station
from tests.conftest import CARD, Tree
from tests.passes.test_why import OTHER, mode, offered

pytestmark = pytest.mark.django_db


def said(tree: Tree) -> list[str]:
    return [one.sentence for one in remarks(tree.bob, Station.objects.filter(pk=tree.station.pk))]


def days_ago(days: float, station: Station, uid: str = CARD) -> None:
    now = Station.objects.select_related("location__organization").get(pk=station.pk)  # with the access mode of now
    offered(now, uid, at=timezone.now() - timedelta(days=days))


def test_a_card_that_charged_before_is_found_by_its_refusals_since_until_it_is_unblocked(tree: Tree) -> None:
    create_pass(actor=None, organization=tree.customer, uid=OTHER, whitelist=True)
    days_ago(1, tree.station, OTHER)
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=True)
    days_ago(6, tree.station)
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=False)
    days_ago(5, tree.station)
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=True)
    for days in (1, 0.5):
        days_ago(days, tree.station)
    assert said(tree) == ["Nothing unusual."], "three refusals, two of them since it charged"
    days_ago(0.4, tree.station)
    assert said(tree) == [f"One card is refused again and again: Pool car 1 ({CARD}). Others charge."]
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=False)
    (mended,) = remarks(tree.bob, Station.objects.filter(pk=tree.station.pk))
    assert mended.sentence == f"One card was refused again and again: Pool car 1 ({CARD}). It would charge now."
    assert "It was refused until" in mended.advice
    offered(tree.station)
    assert said(tree) == ["Nothing unusual."]


def test_refusals_under_another_access_mode_are_not_counted_against_todays(tree: Tree) -> None:
    def told() -> bool:
        return "Gate refuses 3 different cards: look at its access mode." in said(tree)

    for number in range(3):
        days_ago(1, tree.station, f"0401020{number}")
    assert told()
    mode(tree, AccessMode.ROAMING)
    assert not told(), "nobody knows these cards, but the mode of today has refused none of them"
    for number in range(3):
        days_ago(0, tree.station, f"0401020{number}")
    assert told()
    mode(tree, AccessMode.OPEN)
    assert not told()


def test_cards_that_charged_until_the_mode_was_changed_are_told_with_the_mode(tree: Tree) -> None:
    mode(tree, AccessMode.OPEN)
    for number in range(3):
        days_ago(2, tree.station, f"0401020{number}")
    mode(tree, AccessMode.WHITELIST)
    for number in range(3):
        days_ago(1, tree.station, f"0401020{number}")
    assert said(tree)[0] == "Gate refuses 3 different cards: look at its access mode."


def test_it_costs_the_same_with_more_cards(tree: Tree) -> None:
    def queries(first: int, last: int) -> int:
        for number in range(first, last):
            mode(tree, AccessMode.OPEN)
            days_ago(2, tree.station, f"040102{number:02}")
            mode(tree, AccessMode.ROAMING_WHITELIST)
            days_ago(3, tree.station, f"040102{number:02}")
            days_ago(1, tree.station, f"040102{number:02}")
        with CaptureQueriesContext(connection) as found:
            said(tree)
        return len(found)

    queries(0, 1)
    assert queries(1, 3) == queries(3, 20)


def test_a_card_that_is_let_charge_and_refused_at_its_start_has_not_charged(tree: Tree) -> None:
    """Whether it charges elsewhere already is asked at a start alone, and most stations ask for the card first."""
    create_pass(actor=None, organization=tree.customer, uid=OTHER, whitelist=True)
    offered(tree.station, OTHER)
    for _time in range(4):
        offered(tree.station, action="Authorize")
        offered(tree.station, action="StartTransaction", verdict="ConcurrentTx", reason="concurrent", settlement="")
    assert any("Pool car 1" in sentence for sentence in said(tree))
