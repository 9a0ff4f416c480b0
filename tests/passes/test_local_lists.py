"""Local lists: what a station should have, the messages that bring it there, and what a change of anything makes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from passes import actions, local_list_sync
from passes.local_lists import ANYTHING, Entries, configuration_changed, kept_offline, next_message, offline, plans, wanted
from passes.models import ChargePass, LocalList
from stations.actions import edit_location, edit_station, move_location
from stations.models import AccessMode, Command, ConfigurationKey, Station
from tenancy.actions import move_organization, set_user_active
from tests.conftest import CARD, Tree
from tests.stations.sheets import online

OK, DAY = {"status": "Accepted"}, {"status": "Accepted", "expiryDate": "2030-01-01T00:00:00Z"}
State = LocalList.State


# -- messages ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "should", "options", "expected"),
    [
        ({}, {}, {}, None),
        ({"A": OK}, {"A": OK}, {}, None),
        ({}, {"A": OK}, {}, ("Differential", ["A+"])),
        ({}, {"A": OK}, {"full": True}, ("Full", ["A+"])),
        ({"A": OK}, {"A": OK}, {"full": True}, ("Full", ["A+"])),
        ({"A": OK}, {}, {"full": True}, ("Full", [])),
        ({"A": OK, "B": OK}, {"A": OK, "C": OK, "D": OK}, {}, ("Differential", ["B", "C+", "D+"])),
        ({"A": OK, "B": OK}, {"A": DAY, "B": OK}, {}, ("Differential", ["A+"])),
        ({"A": OK, "B": OK}, {"C": OK}, {}, ("Full", ["C+"])),
        ({"A": OK}, {}, {}, ("Full", [])),
        ({"A": OK, "B": OK}, {"A": OK, "C": OK, "D": OK}, {"at_once": 2}, ("Differential", ["B", "C+"])),
        ({}, {"A": OK, "B": OK, "C": OK}, {"full": True, "at_once": 2}, ("Full", ["A+", "B+"])),
    ],
)  # fmt: skip
def test_the_difference_is_sent_and_the_whole_list_where_that_is_shorter(
    known: Entries, should: Entries, options: Any, expected: tuple[str, list[str]] | None
) -> None:
    message = next_message(known, should, **options)
    sent = message and ("Full" if message.full else "Differential", [card.uid + ("+" if card.status else "") for card in message.cards])
    assert sent == expected


lists = st.dictionaries(st.sampled_from([f"04{n:02X}" for n in range(30)]), st.sampled_from([OK, DAY]))


@given(known=lists, should=lists, full=st.booleans(), at_once=st.integers(1, 12))
def test_a_station_that_applies_every_message_has_the_wanted_list(known: Entries, should: Entries, full: bool, at_once: int) -> None:
    """The station's side of OCPP 1.6 §5.15, kept apart from what we think that it has."""
    station, ours = dict(known), dict(known)
    for _round in range(80):
        message = next_message(ours, should, full=full, at_once=at_once)
        if message is None:
            break
        assert len(message.cards) <= at_once
        station = {} if message.full else station
        for card in message.cards:
            station.pop(card.uid, None)
            if card.status:
                station[card.uid] = {"status": card.status} | ({"expiryDate": card.expiry} if card.expiry else {})
        assert station == message.result
        ours, full = message.result, False
    assert station == should


# -- what a list should hold ------------------------------------------------------------------------------------------------------------

NOW = timezone.now()


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, OK),
        ({"blocked": True}, None),
        ({"valid_from": NOW + timedelta(hours=1)}, None),
        ({"valid_from": NOW - timedelta(hours=1)}, OK),
        ({"valid_until": NOW - timedelta(hours=1)}, None),
        ({"valid_until": NOW.replace(year=2099, month=1, day=1, hour=0, minute=0, second=0)}, OK | {"expiryDate": "2099-01-01T00:00:00Z"}),
        ({"only_stations": [0]}, None),
        ({"hours": [{"days": [0], "from": "08:00", "to": "18:00"}]}, "hours"),
        ({"monthly_kwh": 300}, "energy"),
    ],
)
@pytest.mark.django_db
def test_a_pass_is_on_the_list_where_it_charges_free_offline(fields: dict[str, Any], answer: Any, tree: Tree) -> None:
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(**fields)
    plan = plans([tree.station])[tree.station.pk]
    if isinstance(answer, str):
        assert (plan.entries, [(one.uid, one.why) for one in plan.left_out]) == ({}, [(CARD, answer)])
    else:
        assert plan.entries == ({CARD: answer} if answer else {})


@pytest.mark.django_db
def test_restricted_to_places_it_is_on_the_lists_of_these(tree: Tree) -> None:
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(only_stations=[tree.dc_station.pk])
    assert [list(wanted(station)) for station in (tree.station, tree.dc_station, tree.other_station)] == [[], [CARD], []]
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(only_stations=[], only_locations=[tree.location.pk])
    assert list(wanted(tree.station)) == [CARD]


@pytest.mark.parametrize("mode", AccessMode.values)
@pytest.mark.django_db
def test_only_stations_that_whitelist_have_a_list(mode: str, tree: Tree) -> None:
    edit_station(actor=None, station=tree.station, access_mode=mode)
    assert wanted(tree.station) == ({CARD: OK} if mode in {"whitelist", "roaming_whitelist"} else {})


@pytest.mark.django_db
def test_the_nearest_listing_speaks_and_a_full_list_leaves_out_what_comes_from_above(
    tree: Tree, django_assert_num_queries: Callable[..., Any]
) -> None:
    actions.create_pass(actor=None, organization=tree.partner, uid="0100", below=True)
    actions.create_pass(actor=None, organization=tree.partner, uid="0200", below=False)
    actions.create_pass(actor=None, organization=tree.partner, uid="0300", below=True)
    actions.create_pass(actor=None, organization=tree.customer, uid="0300", whitelist=False)
    actions.create_pass(actor=None, organization=tree.other_partner, uid="0400", below=True)
    group = actions.create_group(actor=None, organization=tree.customer, name="Fitters", group_id="FIT")
    actions.edit_pass(actor=None, charge_pass=tree.charge_pass, group=group)
    assert wanted(tree.station) == {CARD: OK | {"parentIdTag": "FIT"}, "0100": OK}
    ConfigurationKey.objects.create(station=tree.station, key="LocalAuthListMaxLength", value="1")
    stations = list(Station.objects.select_related("location__organization"))
    with django_assert_num_queries(2):
        found = plans(stations)
    assert list(found[tree.station.pk].entries) == [CARD]
    assert [(one.uid, one.why) for one in found[tree.station.pk].left_out] == [("0100", "full")]
    assert list(found[tree.dc_station.pk].entries) == [CARD, "0100"]
    assert list(found[tree.other_station.pk].entries) == ["0400"]


# -- kept in step -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tree: Tree) -> Tree:
    """Every station was given its list and is in step."""
    for station in (tree.station, tree.dc_station, tree.other_station):
        LocalList.objects.create(station=station, version=3, state=State.IN_STEP, entries=wanted(station), synced_at=timezone.now())
    return tree


def with_user(t: Tree) -> ChargePass:
    return actions.edit_pass(actor=None, charge_pass=t.charge_pass, user=t.cy)


CHANGES: dict[str, Callable[[Tree], Any]] = {
    "a new pass": lambda t: actions.create_pass(actor=None, organization=t.customer, uid="0100"),
    "one from above": lambda t: actions.create_pass(actor=None, organization=t.partner, uid="0100", below=True),
    "blocked": lambda t: actions.edit_pass(actor=None, charge_pass=t.charge_pass, blocked=True),
    "blocked with a reason": lambda t: actions.block_pass(actor=None, charge_pass=t.charge_pass, reason="Lost"),
    "moved to another organization": lambda t: actions.move_pass(actor=None, charge_pass=t.charge_pass, organization=t.partner),
    "another UID": lambda t: actions.edit_pass(actor=None, charge_pass=t.charge_pass, uid="0100"),
    "deleted": lambda t: actions.delete_pass(actor=None, charge_pass=t.charge_pass),
    "listed": lambda t: actions.list_pass(actor=None, charge_pass=t.charge_pass, organization=t.customer, whitelist=False),
    "listed above": lambda t: actions.list_pass(actor=None, charge_pass=t.charge_pass, organization=t.partner, below=True),
    "the mode of the location": lambda t: edit_location(actor=None, location=t.location, access_mode="open"),
    "the location moves": lambda t: move_location(actor=None, location=t.location, organization=t.partner),
    "the organization moves": lambda t: move_organization(actor=None, organization=t.customer, parent=t.platform),
    "its user is switched off": lambda t: (with_user(t), set_user_active(actor=None, user=t.cy, active=False)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.django_db
def test_every_change_of_who_may_charge_marks_the_lists_it_touches(change: str, kept: Tree) -> None:
    CHANGES[change](kept)
    due = LocalList.objects.filter(due_at__lte=timezone.now()).values_list("station", flat=True)
    assert set(due) == {kept.station.pk, kept.dc_station.pk}


@pytest.mark.django_db
def test_a_station_of_its_own_mode_is_marked_alone_and_no_edit_of_a_name_marks_any(kept: Tree) -> None:
    edit_location(actor=None, location=kept.location, name="Quay 8")
    edit_station(actor=None, station=kept.station, alias="Gate 8")
    assert not LocalList.objects.exclude(due_at=None).exists()
    edit_station(actor=None, station=kept.station, access_mode="open")
    assert [row.station for row in LocalList.objects.exclude(due_at=None)] == [kept.station]


# -- the talk, with the answers put into the database; over the wire: tests/ocpp/test_local_lists.py --------------------------------------


def settled(station: Station) -> None:
    """Connected, and for long enough to be sent something."""
    past = timezone.now() - timedelta(minutes=5)
    online(station, connected_at=past, booted_at=past, firmware_version="1.0")


def row(tree: Tree) -> LocalList:
    return LocalList.objects.get(station=tree.station)


def due(tree: Tree) -> None:
    """The pause is over."""
    LocalList.objects.filter(station=tree.station).update(due_at=timezone.now() - timedelta(seconds=1), pause_until=None)


def told(tree: Tree, answer: Any, state: str = "accepted", **fields: Any) -> tuple[Any, ...]:
    """Let the portal do what is due, answer what it asks the station; what it asked, in short."""
    local_list_sync.keep_in_step()
    command = Command.objects.get(station=tree.station, state__in=Command.OPEN)
    Command.objects.filter(pk=command.pk).update(state=state, answer=answer, **fields)
    if command.action == "GetLocalListVersion":
        return ("version?",)
    payload = command.payload
    items = [item["idTag"] + ("+" if "idTagInfo" in item else "") for item in payload["localAuthorizationList"]]
    return payload["updateType"], payload["listVersion"], items


YES = {"status": "Accepted"}
NO_ANSWER = {"answer": None, "state": "timed_out"}


def refusal(word: str) -> dict[str, Any]:
    return {"answer": {"status": word}, "state": "rejected"}


def error(code: str) -> dict[str, Any]:
    return {"answer": None, "state": "failed", "error_code": code}


def nothing_more(tree: Tree) -> bool:
    local_list_sync.keep_in_step()
    return not Command.objects.filter(station=tree.station, state__in=Command.OPEN).exists()


@pytest.mark.django_db
def test_full_then_differential(tree: Tree) -> None:
    settled(tree.station)
    assert told(tree, YES) == ("Full", 1, [CARD + "+"])
    assert nothing_more(tree)
    assert (row(tree).state, row(tree).version, row(tree).entries) == (State.IN_STEP, 1, {CARD: OK})
    actions.create_pass(actor=None, organization=tree.customer, uid="0100")
    assert told(tree, YES) == ("Differential", 2, ["0100+"])
    actions.edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=True)
    assert told(tree, YES) == ("Differential", 3, [CARD])
    edit_location(actor=None, location=tree.location, access_mode="open")
    assert told(tree, YES) == ("Full", 4, []), "the difference is longer than the list"
    assert nothing_more(tree)
    assert (row(tree).state, row(tree).version, row(tree).entries) == (State.IN_STEP, 4, {})


@pytest.mark.django_db
def test_long_lists_come_in_portions(tree: Tree) -> None:
    ConfigurationKey.objects.create(station=tree.station, key="SendLocalListMaxLength", value="2")
    for number in range(1, 4):
        actions.create_pass(actor=None, organization=tree.customer, uid=f"010{number}")
    settled(tree.station)
    assert told(tree, YES) == ("Full", 1, ["0101+", "0102+"])
    assert told(tree, YES) == ("Differential", 2, ["0103+", CARD + "+"])
    assert nothing_more(tree)
    assert row(tree).entries == wanted(tree.station)


@pytest.mark.parametrize(
    ("no", "whole_only"), [(refusal("VersionMismatch"), False), (refusal("Failed"), True), (error("InternalError"), True)]
)
@pytest.mark.django_db
def test_after_a_refused_differential_the_whole_list_is_sent_once(no: dict[str, Any], whole_only: bool, kept: Tree) -> None:
    settled(kept.station)
    actions.create_pass(actor=None, organization=kept.customer, uid="0100")
    assert told(kept, **no)[0] == "Differential"
    assert told(kept, YES) == ("Full", 4, ["0100+", CARD + "+"])
    assert nothing_more(kept)
    actions.create_pass(actor=None, organization=kept.customer, uid="0200")
    assert told(kept, YES)[0] == ("Full" if whole_only else "Differential")
    assert (row(kept).full_only, row(kept).failures) == (whole_only, 0)


@pytest.mark.django_db
def test_failed(kept: Tree) -> None:
    """Tried again with growing pauses; a change, and who asks for it, tries at once."""
    settled(kept.station)
    due(kept)
    LocalList.objects.update(full_next=True)
    pauses = []
    for _attempt in range(3):
        assert told(kept, **refusal("Failed"))[0] == "Full"
        assert nothing_more(kept)
        assert row(kept).state == State.FAILED
        pauses.append(row(kept).due_at - timezone.now())
        due(kept)
    assert pauses[0] < pauses[1] < pauses[2]
    actions.send_local_list(actor=kept.ada, station=kept.station)
    assert told(kept, YES) == ("Full", 4, [CARD + "+"])
    assert nothing_more(kept)
    assert (row(kept).state, row(kept).failures, row(kept).problem) == (State.IN_STEP, 0, "")


@pytest.mark.parametrize("no", [refusal("NotSupported"), error("NotImplemented"), error("NotSupported")])
@pytest.mark.django_db
def test_not_supported(no: dict[str, Any], tree: Tree) -> None:
    settled(tree.station)
    told(tree, **no)
    assert nothing_more(tree)
    assert (row(tree).state, row(tree).due_at) == (State.UNSUPPORTED, None)
    actions.create_pass(actor=None, organization=tree.customer, uid="0100")
    local_list_sync.check_versions()
    assert nothing_more(tree), "not before it has another firmware, or somebody asks"
    Station.objects.filter(pk=tree.station.pk).update(firmware_version="2.0")
    local_list_sync.check_versions()
    told(tree, **no)
    assert nothing_more(tree)
    actions.send_local_list(actor=tree.ada, station=tree.station)
    assert told(tree, YES)[:2] == ("Full", 1)


@pytest.mark.django_db
def test_a_whole_list_of_the_wrong_version_is_followed_by_the_question_which_one_it_has(kept: Tree) -> None:
    settled(kept.station)
    due(kept)
    LocalList.objects.update(full_next=True)
    assert told(kept, **refusal("VersionMismatch"))[:2] == ("Full", 4)
    local_list_sync.keep_in_step()
    due(kept)
    assert told(kept, {"listVersion": 57}) == ("version?",)
    assert told(kept, YES)[:2] == ("Full", 58)


@pytest.mark.parametrize(
    ("answer", "following"),
    [
        ({"listVersion": 3}, None), ({"listVersion": 2}, ("Full", 4)), ({"listVersion": 0}, ("Full", 4)),
        ({"listVersion": 9}, ("Full", 10)), ({"listVersion": "x"}, ("Full", 4)),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_local_list_version(answer: Any, following: Any, kept: Tree) -> None:
    """Asked of a station that was away, when nobody charges there, and once a day at most."""
    LocalList.objects.update(synced_at=timezone.now() - timedelta(hours=1))
    settled(kept.station)
    local_list_sync.check_versions()
    assert told(kept, answer) == ("version?",)
    if following:
        assert told(kept, YES)[:2] == following
    assert nothing_more(kept)
    assert row(kept).state == State.IN_STEP
    Station.objects.filter(pk=kept.station.pk).update(connected_at=timezone.now() - timedelta(minutes=2), booted_at=None)
    LocalList.objects.update(checked_at=timezone.now() - timedelta(minutes=9), synced_at=timezone.now() - timedelta(minutes=9))
    local_list_sync.check_versions()
    assert nothing_more(kept)


@pytest.mark.django_db
def test_connection_lost_in_between(kept: Tree) -> None:
    """Not delivered: the same again. No answer, so it may have taken it: the whole list. A command that is gone: the same again."""
    settled(kept.station)
    actions.create_pass(actor=None, organization=kept.customer, uid="0100")
    assert told(kept, None, "expired")[:2] == ("Differential", 4)
    assert told(kept, **NO_ANSWER)[:2] == ("Differential", 4)
    assert nothing_more(kept)
    assert (row(kept).state, row(kept).unconfirmed) == (State.UNANSWERED, ["0100", CARD])
    due(kept)
    local_list_sync.keep_in_step()
    Command.objects.all().delete()
    assert told(kept, YES)[:2] == ("Full", 5)
    assert nothing_more(kept)
    assert row(kept).unconfirmed is None


@pytest.mark.django_db
def test_without_an_answer_it_is_sent_again_soon_after_the_station_is_back_unless_that_goes_on(tree: Tree) -> None:
    again = []
    for _time in range(local_list_sync.SOON + 2):
        settled(tree.station)
        again.append(not nothing_more(tree))
        Command.objects.filter(state__in=Command.OPEN).update(state="timed_out", sent_at=timezone.now() - timedelta(minutes=9))
        local_list_sync.keep_in_step()
        settled(tree.station)  # five minutes ago
    assert again == [True] * (local_list_sync.SOON + 1) + [False]
    assert (row(tree).state, row(tree).entries) == (State.UNANSWERED, {})
    due(tree)
    assert told(tree, **refusal("Failed"))[0] == "Full"
    assert nothing_more(tree)
    assert (row(tree).state, row(tree).unconfirmed) == (State.FAILED, [CARD]), "it may have one of before"


@pytest.mark.django_db
def test_a_change_is_tried_at_once_and_makes_the_pause_no_longer(kept: Tree) -> None:
    settled(kept.station)
    due(kept)
    LocalList.objects.update(full_next=True)
    found = []
    for number in range(4):
        actions.create_pass(actor=None, organization=kept.customer, uid=f"010{number}")
        assert told(kept, **refusal("Failed"))[0] == "Full"
        assert nothing_more(kept)
        found.append((row(kept).failures, row(kept).due_at))
    assert len(set(found)) == 1


@pytest.mark.django_db
def test_keys_that_say_how_much_fits_make_the_list_due(kept: Tree) -> None:
    configuration_changed(kept.station.pk, ["HeartbeatInterval"])
    assert not LocalList.objects.exclude(due_at=None).exists()
    configuration_changed(kept.station.pk, ["LocalAuthListMaxLength"])
    assert [row.station for row in LocalList.objects.exclude(due_at=None)] == [kept.station]


@pytest.mark.parametrize("why", ["just connected", "just booted", "just configured", "busy", "away", "switched off"])
@pytest.mark.django_db
def test_nothing_is_sent_at_a_bad_moment(why: str, tree: Tree) -> None:
    now = timezone.now()
    settled(tree.station)
    station = Station.objects.filter(pk=tree.station.pk)
    match why:
        case "just connected":
            station.update(connected_at=now - timedelta(seconds=50))
        case "just booted":
            station.update(booted_at=now - timedelta(seconds=50))
        case "just configured":
            Command.objects.create(station=tree.station, action="ChangeConfiguration", state="accepted", answered_at=now, deadline=now)
        case "busy":
            Command.objects.create(station=tree.station, action="Reset", state="sent", deadline=now)
        case "away":
            station.update(connected=False)
        case "switched off":
            station.update(active=False)
    local_list_sync.keep_in_step()
    assert not Command.objects.filter(action="SendLocalList").exists()


@pytest.mark.django_db
def test_a_station_that_needs_no_list_and_never_had_one_gets_nothing(tree: Tree) -> None:
    ChargePass.objects.update(blocked=True)
    edit_location(actor=None, location=tree.other_location, access_mode="open")
    settled(tree.station)
    settled(tree.other_station)
    assert nothing_more(tree)
    assert (row(tree).state, row(tree).version, row(tree).synced_at) == (State.IN_STEP, 0, None)
    assert not LocalList.objects.filter(station=tree.other_station).exists()


@pytest.mark.django_db
def test_a_change_that_is_made_while_a_list_is_compared_is_not_lost(kept: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(kept.station)
    due(kept)
    read = local_list_sync.plans

    def and_then(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        actions.create_pass(actor=None, organization=kept.customer, uid="0100")
        return found

    monkeypatch.setattr(local_list_sync, "plans", and_then)
    assert nothing_more(kept)
    monkeypatch.undo()
    assert told(kept, YES) == ("Differential", 4, ["0100+"])


@pytest.mark.django_db
def test_a_validity_that_begins_later_is_sent_then(kept: Tree) -> None:
    settled(kept.station)
    begins = timezone.now() + timedelta(hours=2)
    later = actions.create_pass(actor=None, organization=kept.customer, uid="0100", valid_from=begins)
    assert nothing_more(kept)
    assert row(kept).due_at == begins
    ChargePass.objects.filter(pk=later.pk).update(valid_from=timezone.now() - timedelta(seconds=1))
    due(kept)
    assert told(kept, YES) == ("Differential", 4, ["0100+"])


# -- offline ----------------------------------------------------------------------------------------------------------------------------

SET = {"LocalAuthListEnabled": "true", "LocalAuthorizeOffline": "true", "AllowOfflineTxForUnknownId": "false"}


@pytest.mark.parametrize(
    ("uid", "keys", "answer"),
    [
        (CARD, SET, "yes"),
        (CARD, {}, "unknown"),
        (CARD.lower(), SET, "yes"),
        (CARD, SET | {"LocalAuthorizeOffline": "false"}, "no"),
        (CARD, SET | {"LocalAuthListEnabled": "False"}, "no"),
        (CARD, SET | {"LocalAuthListEnabled": "false", "AllowOfflineTxForUnknownId": "true"}, "yes"),
        ("0100", SET, "no"),
        ("0100", {}, "unknown"),
        ("0100", SET | {"AllowOfflineTxForUnknownId": "true"}, "yes"),
        ("0100", SET | {"AuthorizationCacheEnabled": "true"}, "unknown"),
    ],
)
@pytest.mark.django_db
def test_whether_a_card_charges_offline(uid: str, keys: dict[str, str], answer: str, kept: Tree) -> None:
    ConfigurationKey.objects.bulk_create([ConfigurationKey(station=kept.station, key=key, value=value) for key, value in keys.items()])
    said = offline(kept.station, uid)
    assert said.answer == answer
    assert said.why


@pytest.mark.django_db
def test_a_blocked_pass_is_out_everywhere_when_every_station_has_confirmed_that(kept: Tree) -> None:
    settled(kept.station)
    actions.block_pass(actor=None, charge_pass=kept.charge_pass, reason="Lost")
    blocked = ChargePass.objects.get()
    LocalList.objects.exclude(station=kept.station).delete()
    assert kept_offline(blocked).answer == "unknown"
    assert told(kept, **NO_ANSWER)[0] == "Full"
    local_list_sync.keep_in_step()
    assert kept_offline(blocked).answer == "unknown"
    due(kept)
    assert told(kept, YES)[0] == "Full"
    assert nothing_more(kept)
    assert kept_offline(blocked).answer == "no"


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({"entries": {CARD: OK}, "unconfirmed": ["0100"]}, ["unknown", "unknown", "no"]),
        ({"entries": {CARD: OK}, "unconfirmed": [ANYTHING]}, ["unknown", "unknown", "unknown"]),
        ({"entries": {CARD: OK}, "sending": {"entries": {"0100": OK}}}, ["unknown", "unknown", "no"]),
        ({"entries": {CARD: OK}, "sending": {"entries": {CARD: OK, "0100": OK}}}, ["yes", "unknown", "no"]),
        ({"entries": {CARD: OK}, "sending": {"ask": True}}, ["yes", "no", "no"]),
    ],
)
@pytest.mark.django_db
def test_while_it_is_not_known_what_a_station_has_on_its_list(fields: dict[str, Any], answers: list[str], kept: Tree) -> None:
    """A blocked card that was on it may go on to charge."""
    actions.block_pass(actor=None, charge_pass=kept.charge_pass, reason="Lost")
    ConfigurationKey.objects.bulk_create([ConfigurationKey(station=kept.station, key=key, value=value) for key, value in SET.items()])
    LocalList.objects.filter(station=kept.station).update(**fields)
    assert [offline(kept.station, uid).answer for uid in (CARD, "0100", "0200")] == answers


@pytest.mark.parametrize(
    ("change", "answer"),
    [({}, "yes"), ({"blocked": True}, "no"), ({"hours": [{"days": [0], "from": "08:00", "to": "18:00"}]}, "no"), ({"daily_kwh": 9}, "no")],
)
@pytest.mark.django_db
def test_what_a_pass_says_of_itself(change: dict[str, Any], answer: str, tree: Tree) -> None:
    said = kept_offline(actions.edit_pass(actor=None, charge_pass=tree.charge_pass, **change))
    assert said.answer == answer
    assert said.why
