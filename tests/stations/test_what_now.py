"""What is wrong with a station and what to do about it: the table of cases, the dictionary of vendor codes, and the box on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.models import CardOffer, Command, Connector, Contact, Knock, Station, VendorCode
from stations.vendor_codes import Codes
from stations.what_now import Offer, Picture, Refused, Seen, cases
from tests.conftest import Tree
from tests.stations.sheets import charging, command, online, page, report, text


def seen(status: str, *, hours: float = 0, number: int = 1, **fields: Any) -> tuple[Seen, ...]:
    return (Seen(number, status, timedelta(hours=hours), **fields),)


EXPLAINED = VendorCode(vendor="Alfen BV", code="E12", meaning="The relay sticks.", try_this="Hit it.", remedy="reset-hard", call="Alfen")


@pytest.mark.parametrize(
    ("picture", "kind", "first"),
    [
        (Picture(), "", None),
        (Picture("never"), "", None),
        (Picture("deactivated", clock_offset=900), "", None),
        (Picture("offline", connectors=seen("Faulted")), "offline", None),
        (Picture("pending"), "silent", Offer("trigger", 0, "Heartbeat")),
        (Picture(clock_offset=30.0), "", None),
        (Picture(clock_offset=-90.0), "clock", Offer("reset-soft")),
        (Picture(connectors=seen("Faulted", error_code="ConnectorLockFailure")), "fault", Offer("unlock", 1)),
        (Picture(connectors=seen("Faulted", error_code="OtherError", code=EXPLAINED)), "fault", Offer("reset-hard")),
        (Picture(connectors=seen("Faulted", number=0)), "fault", Offer("reset-soft")),
        (Picture(connectors=seen("Faulted", number=0, error_code="OverVoltage")), "fault", Offer("inoperative")),
        (Picture(connectors=seen("Available", error_code="WeakSignal")), "fault", Offer("trigger", 1, "StatusNotification")),
        (Picture(connectors=seen("Preparing", hours=0.4)), "", None),
        (Picture(connectors=seen("Preparing", hours=0.6)), "stuck", Offer("start", 1)),
        (Picture(connectors=seen("SuspendedEVSE", hours=2)), "stuck", Offer("stop", 1)),
        (Picture(connectors=seen("SuspendedEV", hours=2)), "", None),
        (Picture(connectors=seen("SuspendedEV", hours=13)), "stuck", Offer("stop", 1)),
        (Picture(connectors=seen("Finishing", hours=13)), "stuck", Offer("unlock", 1)),
        (Picture(connectors=seen("Finishing", hours=13), dc=frozenset({1})), "stuck", Offer("trigger", 1, "StatusNotification")),
        (Picture(connectors=seen("Charging", hours=90)), "", None),
        (Picture(connectors=seen("Unavailable")), "", None),
        (Picture(connectors=seen("Unavailable", stays_out=True)), "out", Offer("operative", 1)),
        (
            Picture(connectors=seen("Unavailable", stays_out=True) + seen("Unavailable", number=2, stays_out=True)),
            "out",
            Offer("operative"),
        ),
        (Picture(connectors=seen("Unavailable", stays_out=True) + seen("Charging", number=2)), "", None),
        (Picture(refused_cards=5, accepted_cards=9), "", None),
        (Picture(refused_cards=5, accepted_cards=1), "cards", Offer("clear-cache")),
    ],
)
def test_every_case_has_its_cause_its_steps_and_its_button(picture: Picture, kind: str, first: Offer | None) -> None:
    found = cases(picture)
    assert [case.kind for case in found] == ([kind] if kind else [])
    for case in found:
        assert str(case.what)
        assert str(case.cause)
        assert case.steps
        assert next(iter(case.offers), None) == first


def test_the_worst_comes_first_and_the_dictionary_speaks() -> None:
    broken = seen("Faulted", number=2, error_code="OtherError", code=EXPLAINED)
    clock, fault = reversed(cases(Picture(clock_offset=900, connectors=broken)))
    assert (clock.kind, fault.kind, fault.connector) == ("clock", "fault", 2)
    assert (fault.what, fault.steps[0], fault.call) == ("The relay sticks.", "Hit it.", "Alfen")


@pytest.fixture
def station(tree: Tree) -> Station:
    for number in (0, 1, 2):
        report(tree.station, number, "Available")
    return online(tree.station)


def test_the_nearest_organization_explains_a_code(tree: Tree, station: Station) -> None:
    def add(organization: Any, meaning: str, **fields: Any) -> None:
        VendorCode.objects.create(organization=organization, meaning=meaning, **({"vendor": "alfen*", "code": "E1*"} | fields))

    add(tree.other_partner, "a stranger's")
    add(tree.partner, "not for those below", below=False)
    add(tree.platform, "of the platform")
    assert getattr(Codes(station).of("E12"), "meaning", "") == "of the platform"
    add(tree.customer, "of the make")
    add(tree.customer, "of the model", model="NG9*")
    add(tree.customer, "of another model", model="Eve")
    assert getattr(Codes(station).of("E12"), "meaning", "") == "of the model"
    assert getattr(Codes(station).of("", "E13"), "meaning", "") == "of the model", "by the text that came with it"
    assert Codes(station).of("E2") is None


def test_the_box_tells_what_to_do_what_was_tried_and_whom_to_call(tree: Tree, station: Station, as_bob: Client, as_cy: Client) -> None:
    report(station, 1, "Faulted")
    Connector.objects.filter(station=station, number=1).update(error_code="OtherError", vendor_error_code="E12")
    shown = page(as_bob, station)
    assert "Nobody is entered yet whom to call" in text(shown)
    link = reverse("vendor_code_add")
    assert f"{link}?vendor=Alfen+BV&amp;model=NG910&amp;code=E12" in shown
    assert link not in page(as_cy, station), "who may not explain it is not asked to"
    form = as_bob.get(link, {"vendor": "Alfen BV", "code": "E12", "organization": tree.customer.pk}).context["form"]
    as_bob.post(link, {name: form[name].value() or "" for name in form.fields} | {
        "organization": tree.customer.pk, "meaning": "The relay sticks.", "try_this": "Open and close it.", "remedy": "reset-hard",
        "call": "The hotline of Alfen",
    })  # fmt: skip
    Contact.objects.create(location=tree.location, kind="site", name="Janitor", phone="+31 10 1")
    Contact.objects.create(location=tree.location, kind="technician", name="Fay Fitter", phone="+31 10 2")
    command(station, "Reset", {"type": "Soft"}, state="rejected", answer={"status": "Rejected"})
    words = text(page(as_bob, station))
    order = [
        "The relay sticks.",
        "Open and close it.",
        "Tried already: Soft reset",
        "Hard reset",
        "The hotline of Alfen",
        "Fay Fitter",
        "Janitor",
    ]
    places = [words.index(word, words.index("What now?")) for word in order]
    assert places == sorted(places)
    assert "In the dictionary: The relay sticks." in words
    viewer = text(page(as_cy, station))
    assert "Technician: ****" in viewer
    assert "Fay Fitter" not in viewer


def test_many_refused_cards_are_told(station: Station, as_bob: Client) -> None:
    for number in range(5):
        CardOffer.objects.create(station=station, id_tag=f"04FF{number}", verdict="Invalid", reason="unknown", action="Authorize")
    assert "5 different cards were refused here within a day." in text(page(as_bob, station))


def test_what_one_has_asked_is_told_on_every_tab(station: Station, as_bob: Client, as_cy: Client) -> None:
    for back in ("station_details", "station_configuration"):
        as_bob.post(reverse("station_command", args=[station.pk, "clear-cache"]), {"next": reverse(back, args=[station.pk])})
        shown = page(as_bob, station, back)
        assert "Queued Clear the card cache, just now : Waits to be sent to the station." in text(shown).replace("just now:", "just now :")
    assert "Waits to be sent" not in page(as_cy, station, "station_details")


def test_a_refused_stop_is_told_where_the_charge_is_shown(station: Station, as_bob: Client) -> None:
    transaction = charging(station)
    payload = {"transactionId": int(transaction.transaction_id)}
    command(station, "RemoteStopTransaction", payload, state="rejected", answer={"status": "Rejected"}, created_at=timezone.now())
    why = "it knows of no such transaction"
    assert why in text(as_bob.get(transaction.get_absolute_url()).content.decode())
    tile = page(as_bob, station).split('id="connector-1"')[1].split("</section>")[0]
    assert why in text(tile)


def test_what_says_unavailable_by_itself_can_be_put_in_service(station: Station, as_bob: Client) -> None:
    one = report(station, 1, "Unavailable")
    shown = text(page(as_bob, station))
    assert "It says that it is unavailable, but is in service here." in shown
    assert "Put in service" in shown
    asked = as_bob.post(reverse("station_command", args=[station.pk, "operative"]), {"connector": "1"})
    assert asked.status_code == 302
    assert Command.objects.get().payload == {"connectorId": 1, "type": "Operative"}
    Connector.objects.filter(pk=one.pk).update(availability="Inoperative")
    assert "but is in service here" not in text(page(as_bob, station)), "by our own switch"


def test_a_code_of_the_whole_station_can_be_explained(station: Station, as_bob: Client) -> None:
    report(station, 0, "Faulted", vendor_error_code="X9")
    assert "/vendor-codes/add/?" in page(as_bob, station)
    assert "code=X9" in page(as_bob, station)


def test_a_station_that_knocks_and_is_refused_has_power(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    now = timezone.now()
    gone = {"connected": False, "disconnected_at": now - timedelta(hours=3), "last_message_at": now - timedelta(hours=3)}
    station = online(tree.station)
    Station.objects.filter(pk=station.pk).update(**gone, created_at=now - timedelta(days=9))
    knock = Knock.objects.create(identity="SOMEBODY-ELSE", reason="password", address="192.0.2.7", first_at=now - timedelta(hours=2))
    assert "fuse and breaker" in page(as_bob, station)
    Knock.objects.filter(pk=knock.pk).update(identity=station.identity)
    for client in (as_bob, as_cy):
        shown = page(client, station)
        assert "it offers a wrong password. First 2 h" in shown
        assert "fuse and breaker" not in shown
        assert (f'href="{reverse("station_password", args=[station.pk])}">Renew its password' in shown) == (client is as_bob)
    assert "it offers a wrong password" in page(as_bob, station, "station_security")
    Knock.objects.update(last_at=now - timedelta(days=2))
    assert "fuse and breaker" in page(as_bob, station)
    Station.objects.filter(pk=station.pk).update(first_connected_at=None, connected_at=None, last_message_at=None, disconnected_at=None)
    Knock.objects.update(last_at=now, reason="no_tls")
    assert "it comes without TLS" in page(as_bob, station)


@pytest.mark.parametrize("reason", [reason for reason in Knock.Reason.values if reason != "unknown"])
def test_every_reason_of_a_refusal_is_told_with_what_to_do(reason: str) -> None:
    (case,) = cases(Picture("offline", refused=Refused(reason, timedelta(hours=1), timedelta(minutes=1))))
    assert case.kind == "refused"
    assert case.steps
