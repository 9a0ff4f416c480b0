"""What is wrong with a station, what probably causes it and what to try, in this order. Nothing here reads the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import explain, knocks
from stations.models import Connection, Connector, VendorCode
from ui.templatetags.ui import duration

Text = str | Promise
Status = Connector.Status

CLOCK_WRONG = 60.0  # seconds
REFUSED = 5  # different cards refused within a day, and more than were accepted, are many
# How long a connector may stay so before something is wrong with it
STUCK: dict[str, timedelta] = {
    Status.PREPARING: timedelta(minutes=30),
    Status.SUSPENDED_EVSE: timedelta(hours=1),
    Status.SUSPENDED_EV: timedelta(hours=12),
    Status.FINISHING: timedelta(hours=12),
}


class Seen(NamedTuple):
    """A connector as it was last reported (number 0: the station as a whole), `since` so long. `code` explains its vendor code."""

    number: int
    status: str
    since: timedelta | None = None
    error_code: str = ""
    code: VendorCode | None = None
    stays_out: bool = False  # unavailable, and nobody here has switched it off


class Alert(NamedTuple):
    """What a monitor of a station with a device model has seen and is not well again. `name` and `value` in words; `connector` 0: the
    station as a whole."""

    name: str
    value: str
    connector: int = 0
    severity: str = ""  # in words
    code: str = ""  # of the make, with its text


@dataclass(frozen=True)
class Picture:
    """A station as it is now. The cards are those of the last day: different ones that were refused, and how often one was accepted."""

    connection: str = Connection.ONLINE
    silent: timedelta | None = None
    clock_offset: float | None = None
    connectors: tuple[Seen, ...] = ()
    dc: frozenset[int] = frozenset()  # connectors that cannot be unlocked from here
    refused_cards: int = 0
    accepted_cards: int = 0
    alerts: tuple[Alert, ...] = ()
    certificate: tuple[str, Text] | None = None  # (state, sentence) of what is wrong with it
    refused: Refused | None = None


class Refused(NamedTuple):
    """It knocks and is refused: why (Knock.Reason), since when and when last, so long ago."""

    reason: str
    first: timedelta
    last: timedelta


class Offer(NamedTuple):
    """A button: a control, and of what."""

    slug: str
    connector: int = 0
    message: str = ""


class Case(NamedTuple):
    """Something that is wrong. `connector` 0 is the station; `call` says whom to call in the words of the dictionary, `help` is a page of
    the help."""

    kind: str
    state: str
    what: Text
    cause: Text
    steps: tuple[Text, ...]
    offers: tuple[Offer, ...] = ()
    connector: int = 0
    call: Text = ""
    help: str = ""


def cases(now: Picture) -> list[Case]:
    """The worst first. Of a station that is away only that is said: what its connectors do nobody knows."""
    if now.connection == Connection.DEACTIVATED:
        return []
    if now.refused:
        return [refused(now.refused)]
    if now.connection == Connection.NEVER:
        return []
    if now.connection == Connection.OFFLINE:
        ended = now.certificate is not None and now.certificate[0] == explain.FAULT
        return [_certificate(*now.certificate), _offline(now)] if now.certificate and ended else [_offline(now)]
    found = [case for seen in now.connectors if (case := _fault(seen) or _stuck(seen, seen.number in now.dc))]
    found += [_alert(alert) for alert in now.alerts]
    if out := _staying_out(now.connectors):
        found.append(_out(out))
    if now.connection == Connection.PENDING:
        found.append(_silent(now))
    if now.clock_offset is not None and abs(now.clock_offset) > CLOCK_WRONG:
        found.append(_clock(now.clock_offset))
    if now.certificate:
        found.append(_certificate(*now.certificate))
    if now.refused_cards >= REFUSED and now.refused_cards > now.accepted_cards:
        found.append(_cards(now.refused_cards))
    return sorted(found, key=lambda case: case.state != explain.FAULT)


def refused(knocked: Refused) -> Case:
    """It is there and has power: what its connectors do nobody knows, but why it stays outside."""
    said = {"why": knocks.WHY[knocked.reason], "first": duration(knocked.first), "last": duration(knocked.last)}
    return Case(
        "refused", explain.FAULT,
        _("It tries to connect and is refused: %(why)s. First %(first)s ago, last %(last)s ago.") % said,
        lazy("It has power and reaches this portal. Or somebody else speaks under its name: then it is rightly refused."),
        knocks.steps(knocked.reason), help="offline",
    )  # fmt: skip


def _offline(now: Picture) -> Case:
    silent = _(" It was last heard %s ago.") % duration(now.silent) if now.silent is not None else ""
    return Case(
        "offline", explain.FAULT, _("The station is offline.") + silent,
        lazy("Mostly it has no power, or the internet or mobile reception at the place is gone. Sometimes its software hangs."),
        (
            lazy("Ask somebody there whether it has power: are its lights or its display on? If not, look at fuse and breaker."),
            lazy("Is the internet at the place there? Look at the router, or at the reception and the SIM card."),
            lazy("Have its power switched off for a minute and on again. It usually comes back within five minutes."),
            lazy("If it has power and internet, look in its web page or app whether address, id and password are still right."),
        ),
        help="offline",
    )  # fmt: skip


def _certificate(state: str, sentence: Text) -> Case:
    return Case(
        "certificate", state, sentence,
        lazy("The portal asks the station for a new one in time. It was not connected then, or it cannot make a request.")
        if state != explain.FAULT else lazy("It ended or was revoked before the station had another one."),
        (
            lazy("Ask it for a new certificate: on its tab Configuration, under Security, Certificates. What it said stands there too."),
            lazy("Is it not let in any more, lower its security profile first, so that it connects by its password."),
            lazy("Can it make no requests, somebody has to give it a certificate at the station itself."),
        ),
        help="certificates",
    )  # fmt: skip


def _silent(now: Picture) -> Case:
    silent = duration(now.silent) if now.silent is not None else "–"
    return Case(
        "silent", explain.WAITING, _("Nothing was heard of the station for %s.") % silent,
        lazy("It may only be idle: some stations say nothing while nobody charges. Or its connection is dead and it does not know yet."),
        (
            lazy("Ask it for a heartbeat. If it answers, all is well."),
            lazy("If it does not, wait: a dead connection is noticed within the hour, and most stations come back by themselves."),
        ),
        (Offer("trigger", 0, "Heartbeat"),), help="offline",
    )  # fmt: skip


def _fault(seen: Seen) -> Case | None:
    fault, code = explain.fault(seen.error_code, seen.status), seen.code
    if fault is None:
        return None
    faulted = seen.status == Status.FAULTED
    steps: list[Text] = [code.try_this] if code and code.try_this else [fault.try_this]
    remedy = (code.remedy if code else "") or fault.remedy
    offers = [Offer(remedy, 0 if remedy in WHOLE else seen.number)] if remedy and (seen.number or remedy in OF_EITHER) else []
    offers.append(Offer("trigger", seen.number, "StatusNotification"))
    if faulted:
        if remedy != "reset-soft":
            offers.append(Offer("reset-soft"))
        steps.append(lazy("Ask it for its status afterwards: the fault is gone only when the station says so."))
        if remedy == "inoperative":
            steps.append(lazy("Keep it out of service until it is mended, so that no driver waits in vain."))
        else:
            steps.append(lazy("If it comes back, take it out of service, so that no driver waits in vain."))
    return Case(
        "fault", explain.FAULT if faulted else explain.WAITING, code.meaning if code else fault.sentence,
        code.cause if code and code.cause else fault.cause, tuple(steps), tuple(offers), seen.number, code.call if code else "", "statuses",
    )  # fmt: skip


def _alert(alert: Alert) -> Case:
    said = {"name": alert.name, "value": alert.value}
    what = [
        _("The station raises an alarm: %(name)s is “%(value)s”.") % said,
        f"{_('Severity')} {alert.severity}." if alert.severity else "",
    ]
    return Case(
        "alert", explain.FAULT, " ".join(part for part in what if part),
        (_("The station says: %s.") % alert.code) if alert.code else lazy("One of its monitors has seen a value beyond its limit."),
        (
            lazy("Look at the events of the configuration: what came before it, and has it been there before?"),
            lazy("Ask the station for its status, and reset it when nobody charges."),
            lazy("If it stays, take the connector out of service and send a technician."),
        ),
        (Offer("trigger", alert.connector, "StatusNotification"), Offer("reset-soft")), alert.connector, help="device-model",
    )  # fmt: skip


WHOLE = frozenset({"reset-soft", "reset-hard", "clear-cache"})  # done to the station, whichever connector it is for
OF_EITHER = WHOLE | {"inoperative"}  # what can be done where it is the station as a whole that has the fault


def _stuck(seen: Seen, dc: bool) -> Case | None:
    if not seen.number or seen.since is None or seen.since < STUCK.get(seen.status, timedelta.max):
        return None
    said = {"word": explain.status(seen.status).word, "span": duration(seen.since)}
    what = _("It says “%(word)s” for %(span)s already.") % said
    number = seen.number
    unlock = () if dc else (Offer("unlock", number),)
    cause: Text
    steps: tuple[Text, ...]
    match seen.status:
        case Status.PREPARING:
            cause = lazy("A car is plugged in, but no card was accepted; or the car does not begin to take energy.")
            steps = (
                lazy("Look into the activity: was a card refused here? Its reason stands there."),
                lazy("Start the charge from here."),
                lazy("Have the driver unplug, wait ten seconds and plug in again, all the way."),
                lazy("If nobody is there and it stays so, reset the station when nobody charges."),
            )
            offers = (Offer("start", number), *unlock, Offer("reset-soft"))
        case Status.SUSPENDED_EVSE:
            cause = lazy("The station withholds the energy: load management has none for this car, or its card is no longer accepted.")
            steps = (
                lazy("Do other cars take much power at the same place? Then it goes on when there is enough."),
                lazy("Look into the activity whether the card was accepted."),
                lazy("Stop the charge and start it again."),
                lazy("If every car is held back here, look at the limits in the configuration and reset the station."),
            )
            offers = (Offer("stop", number), Offer("trigger", number, "StatusNotification"), Offer("reset-soft"))
        case Status.SUSPENDED_EV:
            cause = lazy("The car is full, or waits for a timer of its own. Nothing is wrong with the station.")
            steps = (
                lazy("Ask the driver to look into the car's app, and to free the place."),
                lazy("If the car should charge, stop the charge and start it again."),
            )
            offers = (Offer("stop", number), *unlock)
        case _:
            cause = lazy("The charge has ended and the plug is still in: the driver is away, or the plug is stuck in its lock.")
            steps = (
                lazy("Ask the driver to unplug."),
                lazy("If the plug is stuck, unlock it from here while somebody pulls lightly."),
                lazy("If no car is there any more, ask the station for its status, then reset it when nobody charges."),
            )
            offers = (*unlock, Offer("trigger", number, "StatusNotification"), Offer("reset-soft"))
    return Case("stuck", explain.WAITING, what, cause, steps, offers, number, help="no-charge")


def _staying_out(connectors: tuple[Seen, ...]) -> Seen | None:
    """What is to be put in service again: the station, where it says so of itself or of more than one connector. While a car charges at
    one connector the others of some stations say that they are unavailable; nothing is wrong then."""
    out = [seen for seen in connectors if seen.stays_out]
    if not out or any(seen.status in Connector.CAR_CHARGES for seen in connectors):
        return None
    return out[0] if len(out) == 1 or not out[0].number else out[0]._replace(number=0)


def _out(seen: Seen) -> Case:
    it = lazy("It says that it is unavailable, but is in service here.")
    whole = lazy("The station says that it is unavailable, but is in service here.")
    return Case(
        "out", explain.WAITING, it if seen.number else whole,
        lazy("It was switched off at the station itself or by somebody else's system, it installs firmware, or something blocks it."),
        (
            lazy("If it has just started or installs firmware, wait some minutes."),
            lazy("Put it in service from here."),
            lazy("Ask it for its status afterwards. If it stays so, reset the station when nobody charges."),
        ),
        (Offer("operative", seen.number), Offer("trigger", seen.number, "StatusNotification"), Offer("reset-soft")), seen.number,
        help="statuses",
    )  # fmt: skip


def _clock(offset: float) -> Case:
    text = _("The station's clock is %s fast.") if offset > 0 else _("The station's clock is %s slow.")
    return Case(
        "clock", explain.WAITING, text % duration(abs(offset)),
        lazy("It lost power for a long time, its battery is empty, or it takes the time from somewhere else than from us."),
        (
            lazy("Reset it when nobody charges: a station that starts asks us for the time."),
            lazy("If the clock goes wrong again, look in its configuration where it takes the time from."),
        ),
        (Offer("reset-soft"),), help="logs",
    )  # fmt: skip


def _cards(count: int) -> Case:
    return Case(
        "cards", explain.WAITING, _("%d different cards were refused here within a day.") % count,
        lazy("Mostly the access mode does not let them in, or the network they belong to is not connected."),
        (
            lazy("Look at the reasons in the activity: they say for each card why."),
            lazy("Compare the access mode of the station with who is to charge here."),
            lazy("If all cards are refused that should charge, clear the station's card cache and check one of them."),
        ),
        (Offer("clear-cache"),), help="card-trouble",
    )  # fmt: skip
