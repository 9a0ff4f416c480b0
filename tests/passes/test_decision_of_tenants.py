"""The same UID in several organizations: the right pass speaks, and nothing of another tenant is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from passes.actions import create_pass
from passes.authorizing import authorize
from passes.models import ChargePass, Listing, Provider, RoamingToken
from stations import hooks
from stations.hooks import START, Offer, Verdict
from stations.models import AccessMode, Connector, Station, Transaction
from tenancy.actions import create_organization, move_organization
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(station: Station, mode: str) -> hooks.Place:
    fresh = Station.objects.select_related("location__organization").get(pk=station.pk)
    return hooks.place_of(fresh)._replace(access_mode=mode)


def offered(station: Station, mode: str = AccessMode.WHITELIST, **fields: Any) -> Verdict:
    (verdict,) = authorize([Offer(at(station, mode), CARD, NOW, 1)._replace(**fields)])
    return verdict


def records(verdict: Verdict) -> set[tuple[str, int]]:
    return {(step.record, step.key) for step in verdict.steps if step.record in ("pass", "listing", "group", "transaction", "token")}


@pytest.fixture
def strange(tree: Tree) -> ChargePass:
    """The stranger's pass with the same UID, whitelisted there and blocked."""
    made = ChargePass.objects.create(organization=tree.other_customer, uid=CARD, nickname="Hotel van", blocked=True)
    Listing.objects.create(charge_pass=made, organization=tree.other_customer, uid=CARD, whitelist=True, below=True)
    return made


@pytest.mark.parametrize("mode", list(AccessMode))
def test_siblings(tree: Tree, strange: ChargePass, mode: str) -> None:
    ours, theirs = offered(tree.station, mode), offered(tree.other_station, mode)
    assert (ours.holder, ours.pass_key) == ("Pool car 1", tree.charge_pass.pk)
    assert (theirs.holder, theirs.pass_key) == ("Hotel van", strange.pk)
    assert (theirs.status == "Blocked") == (mode != AccessMode.OPEN)
    mine = {("pass", tree.charge_pass.pk), ("listing", Listing.objects.get(charge_pass=tree.charge_pass).pk)}
    assert records(ours) <= mine
    assert not records(theirs) & mine


def test_in_one_batch(tree: Tree, strange: ChargePass) -> None:
    stations = Station.objects.select_related("location__organization").filter(pk__in=(tree.station.pk, tree.other_station.pk))
    cards = [Offer(hooks.place_of(station)._replace(access_mode="whitelist"), CARD.lower(), NOW) for station in stations]
    assert {verdict.holder: verdict.status for verdict in authorize(cards)} == {"Pool car 1": "Accepted", "Hotel van": "Blocked"}


@pytest.mark.parametrize("mode", [AccessMode.WHITELIST, AccessMode.ROAMING, AccessMode.ROAMING_WHITELIST])
def test_who_has_none_hears_nothing_of_the_others(tree: Tree, strange: ChargePass, mode: str) -> None:
    beside = create_organization(actor=None, parent=tree.partner, kind="customer", name="Mill Lofts")
    tree.location.organization = beside
    tree.location.save()
    verdict = offered(tree.station, mode)
    Listing.objects.all().delete()
    assert verdict == offered(tree.station, mode), "to the letter what is said of a card that nobody has"
    assert (verdict.reason, verdict.holder, verdict.pass_key, records(verdict)) == ("unknown", "", None, set())


def test_parent_and_child(tree: Tree) -> None:
    above = create_pass(actor=None, organization=tree.partner, uid=CARD, nickname="Van of the installer", blocked=True)
    assert offered(tree.station).pass_key == tree.charge_pass.pk
    Listing.objects.filter(charge_pass=above).update(below=True, whitelist=True)
    assert offered(tree.station).pass_key == tree.charge_pass.pk, "the nearest speaks"
    Listing.objects.filter(charge_pass=tree.charge_pass).delete()
    assert (offered(tree.station).pass_key, offered(tree.station).status) == (above.pk, "Blocked")


def test_moved(tree: Tree) -> None:
    """What an organization had from those above it stays behind, and what belongs to it comes along."""
    Listing.objects.create(charge_pass=tree.charge_pass, organization=tree.partner, uid=CARD, whitelist=True, below=True)
    from_above = create_pass(actor=None, organization=tree.partner, uid="0455AA66", nickname="Van")
    Listing.objects.filter(charge_pass=from_above).update(whitelist=True, below=True)
    assert offered(tree.station, id_tag="0455AA66").status == "Accepted"
    move_organization(actor=None, organization=tree.customer, parent=tree.other_partner)
    assert (offered(tree.station).status, offered(tree.station).holder) == ("Accepted", "Pool car 1")
    gone = offered(tree.station, id_tag="0455AA66")
    assert (gone.status, gone.reason, gone.holder) == ("Invalid", "unknown", "")
    # The former partner's own stations: the pass of an organization that is no longer below speaks nowhere there
    second = Station.objects.get(pk=tree.dc_station.pk)
    second.location = second.location.__class__.objects.create(organization=tree.partner, name="Workshop")
    second.save()
    assert offered(second).holder == ""


def test_a_charge_elsewhere_counts_for_the_same_pass_or_the_same_card_of_a_network(tree: Tree, strange: ChargePass) -> None:
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    token = RoamingToken.objects.create(provider=provider, uid=CARD, contract_id="NL-TNM-1")
    ChargePass.objects.update(blocked=False)
    connector = Connector.objects.get(station=tree.other_station, number=1)
    Station.objects.update(connected=True)

    def charges(**keys: int | None) -> None:
        Transaction.objects.all().delete()
        Transaction.objects.create(
            station=tree.other_station, connector=connector, id_tag=CARD, verdict="Accepted", meter_start=0, start_received_at=NOW,
            started_at=NOW - timedelta(hours=1), **keys,
        )  # fmt: skip

    charges(pass_key=strange.pk, token_key=None)
    assert offered(tree.station, AccessMode.WHITELIST, purpose=START).status == "Accepted", "another's pass, whatever its UID"
    charges(pass_key=strange.pk, token_key=token.pk)
    assert offered(tree.station, AccessMode.WHITELIST, purpose=START).status == "ConcurrentTx", "the network's card, so it is the same one"
    assert offered(tree.station, AccessMode.ROAMING, purpose=START).status == "ConcurrentTx"
    Listing.objects.filter(charge_pass=tree.charge_pass).delete()
    assert offered(tree.station, AccessMode.ROAMING, purpose=START).status == "ConcurrentTx"
    charges(pass_key=None, token_key=token.pk)
    assert offered(tree.station, AccessMode.ROAMING, purpose=START).status == "ConcurrentTx"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "ConcurrentTx"),
        ({"status": "Available"}, "Accepted"),
        ({"status": "Unavailable"}, "Accepted"),
        ({"status": "Reserved"}, "Accepted"),
        ({"status": "Finishing"}, "ConcurrentTx"),
        ({"connected": False}, "Accepted"),
        ({"problems": ["not_ended"]}, "Accepted"),
        ({"problems": ["clock"]}, "ConcurrentTx"),
        ({"ended_at": NOW}, "Accepted"),
        ({"verdict": "ConcurrentTx"}, "Accepted"),
        ({"several_at_once": True}, "Accepted"),
        ({"connector": 1}, "Accepted"),
        ({"connector": 2}, "ConcurrentTx"),
    ],
)
def test_what_counts_as_charging(tree: Tree, change: dict[str, Any], status: str) -> None:
    """Of a transaction at another station, or (connector) at the same one."""
    number = change.get("connector")
    at = tree.station if number else tree.dc_station
    Station.objects.filter(pk=at.pk).update(connected=change.get("connected", True))
    connector = Connector.objects.get(station=at, number=number or 1)
    Connector.objects.filter(pk=connector.pk).update(status=change.get("status", "Charging"))
    ChargePass.objects.update(several_at_once=change.get("several_at_once", False))
    Transaction.objects.create(
        station=at, connector=connector, id_tag=CARD, verdict=change.get("verdict", "Accepted"), meter_start=0,
        pass_key=tree.charge_pass.pk, started_at=NOW - timedelta(hours=1), start_received_at=NOW,
        problems=change.get("problems", []), ended_at=change.get("ended_at"),
    )  # fmt: skip
    assert offered(tree.station, purpose=START).status == status
    assert offered(tree.station).status == "Accepted", "only a start is refused"
    if status == "ConcurrentTx":
        late = NOW - timedelta(hours=2)
        assert offered(tree.station, purpose=START, at=late, live=False).status == "Accepted", "reported late: it began before that one"
        assert offered(tree.station, purpose=START, at=late, live=True).status == "ConcurrentTx", "a clock that is behind"


def test_what_is_decided_together_is_decided_as_if_alone(tree: Tree, strange: ChargePass) -> None:
    """A network asks about unknown cards; the stranger's network knows the card, which is not told by the answer to us."""
    asking = Provider.objects.create(
        organization=tree.partner, name="Hub", country_code="NL", party_id="HUB", realtime=True, ask_unknown=True
    )
    theirs = Provider.objects.create(organization=tree.other_partner, name="TNM", country_code="NL", party_id="TNM")
    RoamingToken.objects.bulk_create(RoamingToken(provider=theirs, uid=uid, contract_id="NL-TNM-1") for uid in (CARD, "0455AA66"))
    stations = Station.objects.select_related("location__organization").order_by("-pk")
    for uids in ((CARD,), ("0455AA66",), (CARD, "0455AA66", "0477")):
        offers = [
            Offer(hooks.place_of(station)._replace(access_mode=mode), uid, NOW)
            for station in stations
            for uid in uids
            for mode in AccessMode
        ]
        together = authorize(offers)
        assert together == [authorize([offer])[0] for offer in offers]
        asked = {(offer.place.organization_path, offer.id_tag) for offer, verdict in zip(offers, together, strict=True) if verdict.ask}
        assert asked == {(tree.customer.path, uid) for uid in uids}, "ours, which no network that is connected here has told of"
        assert {verdict.ask for verdict in together} == {(), (asking.pk,)}


def test_a_card_that_charges_free_does_not_roam_at_the_same_time(tree: Tree) -> None:
    """Whitelisted at one organization, known to the network elsewhere: what both rest on is one card."""
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    RoamingToken.objects.create(provider=provider, uid=CARD, contract_id="NL-TNM-1")
    here, there = (
        Offer(at(station, mode), CARD, NOW, 1, START)
        for station, mode in ((tree.station, AccessMode.WHITELIST), (tree.other_station, AccessMode.ROAMING))
    )
    assert [verdict.status for verdict in authorize([here, there])] == ["Accepted", "ConcurrentTx"]
    assert [verdict.status for verdict in authorize([there, here])] == ["Accepted", "ConcurrentTx"]


def test_of_a_card_and_an_app_with_one_uid_the_card_counts_at_a_reader(tree: Tree) -> None:
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    for kind, valid in (("APP_USER", True), ("RFID", False)):
        RoamingToken.objects.create(provider=provider, uid="04BB00B10A", type=kind, contract_id=kind, valid=valid)
    (verdict,) = authorize([Offer(at(tree.station, AccessMode.ROAMING), "04BB00B10A", NOW)])
    assert (verdict.status, verdict.reason) == ("Blocked", "network_blocked")
