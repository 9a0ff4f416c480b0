"""Who may charge where, and who pays: the rules of access modes and passes written out as tables, and checked at the door that every
station goes through. The tables are the rules, not the code: where they differ, the code is wrong until somebody says otherwise.

A cell is the verdict: `OPEN`, `LIST`, `ROAM` and `FREE` are accepted, settled as open, whitelist, roaming and roaming free. Words in small
letters are refusals, and the reason for them; REFUSALS says with which status of OCPP.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from passes.authorizing import authorize
from passes.models import ChargePass, Listing, Provider, RoamingToken
from stations import hooks
from stations.hooks import AUTHORIZE, START, Offer, Verdict
from stations.models import AccessMode, Connector, Station, Transaction
from tenancy.actions import create_organization
from tenancy.models import User
from tests.conftest import Tree

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday, 13:00 in Amsterdam
DAY = timedelta(days=1)

MODES = list(AccessMode)  # open, whitelist, roaming, roaming_whitelist
ACCEPTED = {
    "OPEN": ("open", "open"), "LIST": ("whitelist", "listed"), "ROAM": ("roaming", "roaming"), "FREE": ("roaming_free", "roaming_free"),
}  # fmt: skip
REFUSALS = {
    "unknown": "Invalid", "not_listed": "Invalid", "mode": "Invalid", "network_unknown": "Invalid", "not_yet": "Invalid",
    "blocked": "Blocked", "user_off": "Blocked", "not_here": "Blocked", "not_now": "Blocked", "used_up": "Blocked",
    "network_blocked": "Blocked", "network_expired": "Expired", "network_credit": "Blocked", "network_refused": "Invalid",
    "network_silent": "Invalid", "expired": "Expired", "concurrent": "ConcurrentTx",
}  # fmt: skip

# What is on the list that holds here (- nothing, . neither switch, W whitelist, F roaming free), whether a connected network lets the card
# charge, and the verdict at a station of each access mode.
FINE = """
            open    whitelist    roaming           roaming_whitelist
 -   no     OPEN    unknown      unknown           unknown
 -   yes    OPEN    mode         ROAM              ROAM
 .   no     OPEN    not_listed   network_unknown   not_listed
 .   yes    OPEN    not_listed   ROAM              ROAM
 W   no     OPEN    LIST         mode              LIST
 W   yes    OPEN    LIST         ROAM              LIST
 F   no     OPEN    mode         network_unknown   network_unknown
 F   yes    OPEN    mode         FREE              FREE
 WF  no     OPEN    LIST         mode              LIST
 WF  yes    OPEN    LIST         FREE              LIST
"""
# A blocked pass, or one whose user is deactivated: refused at its organization and at everything below, but at open stations, whatever a
# network says.
BLOCKED = """
            open    whitelist    roaming    roaming_whitelist
 .   no     OPEN    blocked      blocked    blocked
 .   yes    OPEN    blocked      blocked    blocked
 W   no     OPEN    blocked      blocked    blocked
 W   yes    OPEN    blocked      blocked    blocked
 F   no     OPEN    blocked      blocked    blocked
 F   yes    OPEN    blocked      blocked    blocked
 WF  no     OPEN    blocked      blocked    blocked
 WF  yes    OPEN    blocked      blocked    blocked
"""
# No longer valid, or not valid yet: what is free has ended, and a card that a network lets charge roams on the driver's own money.
EXPIRED = """
            open    whitelist    roaming    roaming_whitelist
 .   no     OPEN    expired      expired    expired
 .   yes    OPEN    expired      ROAM       ROAM
 W   no     OPEN    expired      expired    expired
 W   yes    OPEN    expired      ROAM       ROAM
 F   no     OPEN    expired      expired    expired
 F   yes    OPEN    expired      ROAM       ROAM
 WF  no     OPEN    expired      expired    expired
 WF  yes    OPEN    expired      ROAM       ROAM
"""
# Restricted to other stations, other times, or less energy: the same, but it is the reason only where the pass would else charge free.
RESTRICTED = """
            open    whitelist    roaming           roaming_whitelist
 .   no     OPEN    not_listed   network_unknown   not_listed
 .   yes    OPEN    not_listed   ROAM              ROAM
 W   no     OPEN    restricted   mode              restricted
 W   yes    OPEN    restricted   ROAM              ROAM
 F   no     OPEN    mode         network_unknown   network_unknown
 F   yes    OPEN    mode         ROAM              ROAM
 WF  no     OPEN    restricted   mode              restricted
 WF  yes    OPEN    restricted   ROAM              ROAM
"""
# Charging at another station already: a start is refused that would else be accepted, and an open station does not check.
CONCURRENT = """
            open    whitelist    roaming           roaming_whitelist
 -   yes    OPEN    mode         concurrent        concurrent
 .   no     OPEN    not_listed   network_unknown   not_listed
 .   yes    OPEN    not_listed   concurrent        concurrent
 W   no     OPEN    concurrent   mode              concurrent
 W   yes    OPEN    concurrent   concurrent        concurrent
 F   no     OPEN    mode         network_unknown   network_unknown
 F   yes    OPEN    mode         concurrent        concurrent
 WF  no     OPEN    concurrent   mode              concurrent
 WF  yes    OPEN    concurrent   concurrent        concurrent
"""
# The network knows the card, and whether it lets it charge: what it says decides alone, on no list (-) and listed as W.
NETWORKS = """
                        open    whitelist   roaming           roaming_whitelist
 -   valid              OPEN    mode        ROAM              ROAM
 -   not_valid          OPEN    mode        network_blocked   network_blocked
 -   not_connected      OPEN    unknown     unknown           unknown
 -   of_the_partner     OPEN    mode        ROAM              ROAM
 -   of_the_sub         OPEN    unknown     unknown           unknown
 -   of_a_stranger      OPEN    unknown     unknown           unknown
 W   valid              OPEN    LIST        ROAM              LIST
 W   not_valid          OPEN    LIST        network_blocked   LIST
 W   not_connected      OPEN    LIST        mode              LIST
 W   of_the_partner     OPEN    LIST        ROAM              LIST
 W   of_the_sub         OPEN    LIST        mode              LIST
 W   of_a_stranger      OPEN    LIST        mode              LIST
"""
# Where the pass is listed, seen from the station, which is the customer's; and whether that list holds there. +: also at everything below.
POSITIONS = {
    "customer": True, "customer+": True, "partner": False, "partner+": True, "platform": False, "platform+": True,
    "sub": False, "sub+": False, "stranger": False, "stranger+": False, "strange partner": False, "strange partner+": False,
}  # fmt: skip
# Several lists: the nearest speaks. `same` is one pass, listed twice, `two` are different passes with one UID; `!` is blocked.
NEAREST = """
 same   customer:.    partner+:W     not_listed
 same   customer:W    partner+:.     LIST
 same   partner+:.    platform+:W    not_listed
 same   partner:.     platform+:W    LIST
 same   sub:W         customer:.     not_listed
 same   sub:.         customer:W     LIST
 same   sub:W         partner:W      unknown
 two    customer:W!   partner+:W     blocked
 two    customer:W    partner+:W!    LIST
 two    customer:.    partner+:W!    not_listed
 two    partner:W!    platform+:W    blocked
 two    partner:W     platform+:W    LIST
 two    platform:W!   partner+:W     LIST
 two    sub:W!        customer:W     LIST
 two    stranger:W!   customer:W     LIST
 two    stranger:W    customer:W!    blocked
 two    stranger:W    sub:W          unknown
"""
# How a pass is made that is in a state, which table speaks of it, and the word that stands in it for the reason
STATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "fine": (FINE, "", {}),
    "valid now": (FINE, "", {"valid_from": NOW, "valid_until": NOW + DAY}),
    "restricted to here and now": (FINE, "", {"hours": [{"days": [2], "from": "12:30", "to": "13:30"}], "daily_kwh": 1}),
    "blocked": (BLOCKED, "blocked", {"blocked": True}),
    "blocked and expired": (BLOCKED, "blocked", {"blocked": True, "valid_until": NOW - DAY}),
    "user_off": (BLOCKED, "blocked", {}),
    "expired": (EXPIRED, "expired", {"valid_until": NOW}),
    "not_yet": (EXPIRED, "expired", {"valid_from": NOW + DAY}),
    "not_here": (RESTRICTED, "restricted", {"only_stations": [999_999]}),
    "not_now": (RESTRICTED, "restricted", {"hours": [{"days": [2], "from": "12:00", "to": "13:00"}]}),
    "used_up": (RESTRICTED, "restricted", {"monthly_kwh": 5}),
    "concurrent": (CONCURRENT, "concurrent", {}),
}  # fmt: skip
Rows = dict[tuple[str, str], dict[str, str]]


def rows_of(table: str) -> Rows:
    """(what is listed, what the network says) -> access mode -> cell"""
    header, *lines = (line.split() for line in table.strip().splitlines())
    assert header == MODES
    return {(listed, network): dict(zip(header, cells, strict=True)) for listed, network, *cells in lines}


def told(verdict: Verdict) -> str:
    """A verdict as the cell that it must be; itself where status, settlement and reason do not go together."""
    for cell, (settlement, reason) in ACCEPTED.items():
        if (verdict.status, verdict.settlement, verdict.reason) == ("Accepted", settlement, reason):
            return cell
    fits = REFUSALS.get(verdict.reason) == verdict.status and not verdict.settlement
    return verdict.reason if fits else repr(verdict)


class World:
    """The organizations of `tree` with one below the customer, and rows that are made all at once."""

    def __init__(self, tree: Tree) -> None:
        sub = create_organization(actor=None, parent=tree.customer, kind="sub", name="Anna at home")
        self.tree, self.at = tree, {
            "platform": tree.platform, "partner": tree.partner, "customer": tree.customer, "sub": sub,
            "stranger": tree.other_customer, "strange partner": tree.other_partner,
        }  # fmt: skip
        self.here = hooks.place_of(Station.objects.select_related("location__organization").get(pk=tree.station.pk))
        self.networks = {
            name: Provider.objects.create(organization=organization, name=name, country_code="NL", party_id=f"N{n:02}", active=active)
            for n, (name, organization, active) in enumerate((
                ("valid", tree.platform, True), ("not_valid", tree.platform, True), ("not_connected", tree.platform, False),
                ("of_the_partner", tree.partner, True), ("of_the_sub", sub, True), ("of_a_stranger", tree.other_partner, True),
            ))
        }  # fmt: skip
        self.off = User.objects.create(name="Gone", email="gone@example.org", organization=tree.customer, is_active=False)
        self.passes: dict[tuple[str, int], ChargePass] = {}
        self.listings: list[tuple[tuple[str, int], Listing]] = []
        self.tokens: dict[str, RoamingToken] = {}
        self.transactions: list[tuple[str, dict[str, Any]]] = []

    def uid(self) -> str:
        return f"04{len(self.passes) + len(self.tokens):012X}"

    def listed(self, uid: str, where: str, switches: str, *, same: bool = False, **fields: Any) -> None:
        """A pass of the organization that lists it; or one that is there already, listed once more."""
        organization = self.at[where.rstrip("+")]
        key = next(key for key in self.passes if key[0] == uid) if same else (uid, organization.pk)
        self.passes[key] = self.passes.get(key) or ChargePass(organization=organization, uid=uid, nickname=f"Pass {where}", **fields)
        switch = {"whitelist": "W" in switches, "roaming_free": "F" in switches, "below": where.endswith("+")}
        self.listings.append((key, Listing(organization=organization, uid=uid, **switch)))

    def network(self, uid: str, name: str) -> None:
        self.tokens[uid] = RoamingToken(provider=self.networks[name], uid=uid, contract_id=f"C{uid}", valid=name != "not_valid")

    def transaction(self, uid: str, **fields: Any) -> None:
        self.transactions.append((uid, fields))

    def write(self) -> None:
        for key, row in zip(self.passes, ChargePass.objects.bulk_create(self.passes.values()), strict=True):
            self.passes[key] = row
        for key, listing in self.listings:
            listing.charge_pass = self.passes[key]
        Listing.objects.bulk_create(listing for _key, listing in self.listings)
        RoamingToken.objects.bulk_create(self.tokens.values())
        of = {uid: row.pk for (uid, _organization), row in self.passes.items()}
        elsewhere = Connector.objects.get(station=self.tree.other_station, number=1)
        Station.objects.filter(pk=elsewhere.station_id).update(connected=True)
        Transaction.objects.bulk_create(
            Transaction(
                station_id=elsewhere.station_id, connector=elsewhere, transaction_id=str(n), id_tag=uid, verdict="Accepted",
                settlement="whitelist", start_received_at=NOW, meter_start=0, pass_key=of.get(uid),
                token_key=self.tokens[uid].pk if uid in self.tokens else None, **fields,
            )
            for n, (uid, fields) in enumerate(self.transactions)
        )  # fmt: skip

    def verdicts(self, uids: list[str], mode: str, purpose: str = AUTHORIZE, at: datetime = NOW) -> list[str]:
        place = self.here._replace(access_mode=mode)
        return [told(verdict) for verdict in authorize([Offer(place, uid, at, 1, purpose) for uid in uids])]


@pytest.fixture
def world(tree: Tree) -> World:
    return World(tree)


def test_rules(world: World) -> None:
    """Every state, list, position, kind of pass, network and access mode: several thousand decisions."""
    expected: list[tuple[str, str, dict[str, str], tuple[object, ...]]] = []  # UID, purpose, mode -> cell, what the case is
    for state, (table, word, fields) in STATES.items():
        rows, purpose = rows_of(table), START if state == "concurrent" else AUTHORIZE
        bare = rows_of(CONCURRENT if state == "concurrent" else FINE)
        for (position, holds), switches, kind, network in product(POSITIONS.items(), (".", "W", "F", "WF"), ChargePass.Kind, ("no", "yes")):
            uid = world.uid()
            user = world.off if state == "user_off" else None
            world.listed(uid, position, switches, kind=kind, user=user, **fields)
            if network == "yes":
                world.network(uid, "valid")
            if state == "concurrent":
                world.transaction(uid, started_at=NOW - DAY / 24)
            elif state == "used_up":
                world.transaction(uid, started_at=NOW - DAY, ended_at=NOW, meter_stop=5000)
            if holds or (word == "blocked" and position in ("partner", "platform")):
                cells = {mode: cell.replace(word, state.split(" ")[0]) if word else cell for mode, cell in rows[switches, network].items()}
            else:
                cells = bare.get(("-", network)) or rows_of(FINE)["-", network]
            expected.append((uid, purpose, cells, (state, position, switches, kind, network)))
    for listed, network in (("-", "no"), ("-", "yes")):
        uid = world.uid()
        if network == "yes":
            world.network(uid, "valid")
        else:
            world.tokens[uid] = RoamingToken(provider=world.networks["not_connected"], uid=f"{uid}0", contract_id="")
        expected.append((uid, AUTHORIZE, rows_of(FINE)[listed, network], ("no pass", network)))
    world.write()
    wrong = []
    for mode, purpose in product(MODES, (AUTHORIZE, START)):
        wanted = [each for each in expected if each[1] == purpose]
        for (_uid, _purpose, cells, case), got in zip(wanted, world.verdicts([each[0] for each in wanted], mode, purpose), strict=True):
            if got != cells[mode]:
                wrong.append(f"{mode}: {case}: {cells[mode]}, not {got}")
    assert len(expected) * len(MODES) > 9000
    assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(wrong[:40])


@pytest.mark.parametrize("listed", ["-", "W"])
def test_networks(world: World, listed: str) -> None:
    rows = {network: cells for (row, network), cells in rows_of(NETWORKS).items() if row == listed}
    uids = {}
    for network in rows:
        uid = uids[network] = world.uid()
        world.network(uid, network)
        if listed != "-":
            world.listed(uid, "customer", listed)
    world.write()
    for mode in MODES:
        got = dict(zip(uids, world.verdicts(list(uids.values()), mode), strict=True))
        assert got == {network: cells[mode] for network, cells in rows.items()}, mode


@pytest.mark.parametrize("row", NEAREST.strip().splitlines())
def test_the_nearest_list_speaks(world: World, row: str) -> None:
    how, *listings, cell = row.split()
    uid = world.uid()
    for number, (where, switches) in enumerate(listing.split(":") for listing in listings):
        world.listed(uid, where, switches.rstrip("!"), same=how == "same" and number > 0, blocked="!" in switches)
    world.write()
    assert world.verdicts([uid], AccessMode.ROAMING_WHITELIST) == [cell]
