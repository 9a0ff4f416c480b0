"""A card is held to a station that roams, and its provider is asked (OCPI 2.2.1 §12.2.2.2) while the station waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from passes.actions import set_roaming_policy
from passes.models import Provider, RoamingToken
from passes.realtime import FAILURES
from stations.models import AccessMode, CardOffer, Location, Transaction
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_messages import start
from tests.passes.emsp import Emsp, emsp

pytestmark = pytest.mark.engines

UID = "04ABCDEF012345"


@pytest.fixture
def network(settings: LazySettings, transactional_db: None, tree: Tree) -> Iterator[Emsp]:
    """A provider that the partner has connected; the customer's stations roam."""
    settings.OCPI_PRIVATE_ADDRESSES = True
    Location.objects.update(access_mode=AccessMode.ROAMING)
    with emsp() as one:
        yield one


def known(provider: Provider, uid: str = UID, **fields: Any) -> RoamingToken:
    long_ago = timezone.now() - timedelta(days=30)
    return RoamingToken.objects.create(provider=provider, uid=uid, **({"contract_id": "NL-RMO-C1", "last_updated": long_ago} | fields))


def offer(wire: Wire, uid: str = UID) -> str:
    return str(wire.call("Authorize", {"idTag": uid})["idTagInfo"]["status"])


def reason() -> str:
    return CardOffer.objects.order_by("-pk")[0].reason


@pytest.mark.parametrize(
    ("whitelist", "valid", "says", "policy", "status", "why"),
    [
        # The provider answers: that counts
        ("ALLOWED", True, "ALLOWED", "", "Accepted", "roaming"),
        ("ALLOWED", False, "ALLOWED", "", "Accepted", "roaming"),
        ("ALLOWED", True, "BLOCKED", "any", "Blocked", "network_blocked"),
        ("NEVER", True, "EXPIRED", "any", "Expired", "network_expired"),
        ("NEVER", True, "NO_CREDIT", "any", "Blocked", "network_credit"),
        ("NEVER", True, "unknown", "any", "Invalid", "network_refused"),
        # It does not, and what is cached may decide
        ("ALLOWED", True, "dead", "refuse", "Accepted", "roaming"),
        ("ALLOWED_OFFLINE", True, "garbage", "refuse", "Accepted", "roaming"),
        ("ALLOWED", False, "error", "any", "Blocked", "network_blocked"),
        # It does not, and nothing cached may decide: the organization's choice
        ("NEVER", True, "dead", "", "Invalid", "network_silent"),
        ("NEVER", True, "dead", "known", "Accepted", "roaming"),
        ("NEVER", False, "dead", "known", "Invalid", "network_silent"),
        # Never asked
        ("ALWAYS", True, "BLOCKED", "refuse", "Accepted", "roaming"),
        # A card that nobody has told of
        (None, None, "ALLOWED", "", "Accepted", "roaming"),
        (None, None, "BLOCKED", "any", "Blocked", "network_blocked"),
        (None, None, "unknown", "any", "Invalid", "network_unknown"),
        (None, None, "dead", "known", "Invalid", "network_silent"),
        (None, None, "dead", "any", "Accepted", "roaming"),
    ],
)
def test_what_counts(
    whitelist: str | None, valid: bool, says: str, policy: str, status: str, why: str, network: Emsp, tree: Tree, gateway: Gateway
) -> None:
    provider = network.provider(tree.partner, ask_unknown=whitelist is None, deadline_ms=4000)
    network.says = says
    if whitelist:
        known(provider, whitelist=whitelist, valid=valid)
    if policy:
        set_roaming_policy(actor=None, organization=tree.platform, when_silent=policy)
    assert (offer(gateway.connect()), reason()) == (status, why)
    assert bool(network.asked) == (whitelist != "ALWAYS")
    if network.asked:
        assert network.asked[0][0] == f"/tokens/{UID}/authorize?type=RFID"
        assert network.asked[0][1]["location_id"] == str(tree.location.pk)
        assert ("OCPI-to-party-id" in network.headers[0]) == (whitelist is not None), "a network finds out whose card it is"


def test_a_slow_provider_is_waited_for_so_long_and_holds_nobody_up(network: Emsp, tree: Tree, gateway: Gateway) -> None:
    provider = network.provider(tree.partner, deadline_ms=1500)
    known(provider)
    known(provider, "04FF", whitelist="ALWAYS")
    network.slow, network.says = 6, "BLOCKED"
    wire, other = gateway.connect(), gateway.connect("LUM-0002")
    begun = time.monotonic()
    wire.socket.send(f'[2,"slow","Authorize",{{"idTag":"{UID}"}}]')
    until(lambda: network.asked)
    assert offer(other, "04FF") == "Accepted"
    assert time.monotonic() - begun < 1.5, "nobody else waits"
    assert wire.receive()[2]["idTagInfo"]["status"] == "Accepted", "what is cached"
    assert 1.4 < time.monotonic() - begun < 5


def test_the_start_uses_the_answer_just_given_and_the_card_is_kept(network: Emsp, tree: Tree, wire: Wire) -> None:
    network.provider(tree.partner, ask_unknown=True)
    network.whole = True
    assert offer(wire) == "Accepted"
    token = RoamingToken.objects.get()
    assert (token.uid, token.contract_id, token.answer, token.reference) == (UID, f"NL-RMO-{UID}", "ALLOWED", "ref-1")
    network.says = "BLOCKED"
    whole_second = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert start(wire, tag=UID, at=whole_second)["idTagInfo"]["status"] == "Accepted"
    assert len(network.asked) == 1
    transaction = Transaction.objects.get()
    assert (transaction.token_key, transaction.settlement) == (token.pk, "roaming")
    RoamingToken.objects.update(answered_at=timezone.now() - timedelta(minutes=11))
    assert start(wire, connector=2, tag=UID)["idTagInfo"]["status"] == "Blocked"
    assert network.asked[1][1]["evse_uids"] == [f"{tree.station.pk}-2"]


def test_all_are_asked_at_once_and_the_first_yes_wins(network: Emsp, tree: Tree, wire: Wire) -> None:
    with emsp() as slow, emsp() as no:
        for number, one in enumerate((slow, no, network)):
            one.provider(tree.partner, party_id=f"R0{number}", name=f"R{number}", ask_unknown=True, deadline_ms=8000)
        slow.slow, no.says = 20, "unknown"
        begun = time.monotonic()
        assert offer(wire) == "Accepted"
        assert time.monotonic() - begun < 8
        assert len(slow.asked) == len(no.asked) == 1


def test_a_provider_that_keeps_failing_is_left_alone_until_it_answers(
    network: Emsp, tree: Tree, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passes.realtime.PAUSE", 1.5)
    provider = network.provider(tree.partner)
    known(provider)
    network.says = "error"
    for _time in range(FAILURES + 2):
        assert offer(wire) == "Accepted"
    assert len(network.asked) <= FAILURES + 1, "then nobody asks for a while"
    until(lambda: Provider.objects.get().silent_since)
    network.says = "BLOCKED"
    until(lambda: offer(wire) == "Blocked")
    until(lambda: Provider.objects.get().silent_since is None)
