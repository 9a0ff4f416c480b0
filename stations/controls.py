"""What people can ask of a station: each control with its label, why it cannot be used now, and what using it would do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import explain, out_of_service, reservations
from stations.models import (
    AccessMode,
    Availability,
    ConfigurationKey,
    Connection,
    Connector,
    DeviceVariable,
    OutOfService,
    Reservation,
    Station,
    Transaction,
)
from stations.models.device import ACTUAL
from stations.ocpp import numbering, versions
from stations.ocpp.intents import (
    LOG_STATUS,
    SECURITY_LOG_STATUS,
    SIGNED_FIRMWARE_STATUS,
    ClearCache,
    Configure,
    Intent,
    NotPossible,
    ReadConfiguration,
    Reserve,
    Reset,
    SetMonitor,
    Start,
    Stop,
    Switch,
    Trigger,
    Unlock,
)
from stations.vendor_codes import Codes
from tenancy import rights
from tenancy.models import User
from tenancy.rights import RIGHTS, may

Text = str | Promise
Status = Connector.Status

# What a Trigger can ask for, and what of a connector
TRIGGERS: dict[str, Text] = {
    "StatusNotification": lazy("Its status"),
    "MeterValues": lazy("Its meter values"),
    "BootNotification": lazy("Its make and firmware"),
    "Heartbeat": lazy("A heartbeat"),
    "FirmwareStatusNotification": lazy("The state of its firmware"),
    SIGNED_FIRMWARE_STATUS: lazy("The state of its signed firmware"),
    LOG_STATUS: lazy("The state of its diagnostics"),
    SECURITY_LOG_STATUS: lazy("The state of its security log"),
    "TransactionEvent": lazy("Its running charge"),
}
OF_A_CONNECTOR = frozenset({"StatusNotification", "MeterValues", "TransactionEvent"})
ASKED_AT_ONCE = 16  # connectors, where each is asked by itself: a queue of commands has an end


@dataclass(frozen=True)
class Control:
    """`slug` is its place in the URL. `asks` says when it asks before it acts: "always", "input" (it needs a card), or "harm"."""

    slug: str
    label: Text
    icon: str
    right: str
    asks: str = "harm"


CONTROLS: dict[str, Control] = {
    control.slug: control
    for control in (
        Control("start", lazy("Start charging"), right=rights.START_CHARGING, icon="player-play", asks="input"),
        Control("stop", lazy("Stop charging"), right=rights.STOP_CHARGING, icon="player-stop", asks="always"),
        Control("reserve", lazy("Reserve"), right=rights.START_CHARGING, icon="calendar-time", asks="input"),
        Control("unlock", lazy("Unlock"), right=rights.UNLOCK_CONNECTORS, icon="lock-open"),
        Control("reset-soft", lazy("Soft reset"), right=rights.RESET_STATIONS, icon="refresh"),
        Control("reset-hard", lazy("Hard reset"), right=rights.RESET_STATIONS, icon="power", asks="always"),
        Control("operative", lazy("Put in service"), right=rights.CHANGE_AVAILABILITY, icon="circle-check"),
        Control("inoperative", lazy("Take out of service"), right=rights.CHANGE_AVAILABILITY, icon="ban", asks="always"),
        Control("trigger", lazy("Ask for a message"), right=rights.TRIGGER_MESSAGES, icon="message-circle"),
        Control("clear-cache", lazy("Clear the card cache"), right=rights.CLEAR_CACHE, icon="eraser"),
        Control("get-configuration", lazy("Read the configuration"), right=rights.READ_CONFIGURATION, icon="adjustments"),
        Control("change-configuration", lazy("Change the configuration"), right=rights.CHANGE_CONFIGURATION, icon="adjustments"),
    )
}


# Who pays for a charge that is started, by the access mode
PAID_BY: dict[AccessMode, Text] = {
    AccessMode.OPEN: lazy("The station is open: the owner pays for the charge, whoever's pass it is."),
    AccessMode.WHITELIST: lazy("The owner pays for the charge: passes on the list charge free here."),
    AccessMode.ROAMING: lazy("The card holder pays for the charge through the network, and the owner is reimbursed."),
    AccessMode.ROAMING_WHITELIST: lazy("For a pass on the list the owner pays; for another card of a network its holder pays."),
}
OUT_WITH = ("command", "created_by")  # loaded along with what is out of service
# What a control wants of the station
INTENTS: dict[str, type[Any]] = {
    "start": Start, "stop": Stop, "reserve": Reserve, "unlock": Unlock,
    "reset-soft": Reset, "reset-hard": Reset, "operative": Switch, "inoperative": Switch,
    "trigger": Trigger, "clear-cache": ClearCache, "get-configuration": ReadConfiguration, "change-configuration": Configure,
}  # fmt: skip
# What somebody calls that for which a station may have no feature profile
NEEDING_A_PROFILE: dict[str, Text] = {"trigger": lazy("remote triggers"), "reserve": lazy("reservations")}

T = TypeVar("T")


class Together:
    """What is read of many stations at once, when the first of them needs it."""

    def __init__(self, stations: Collection[int]) -> None:
        self.stations = stations
        self._read: dict[Any, Any] = {}

    def read(self, what: Callable[[Collection[int]], T]) -> T:
        if what not in self._read:
            self._read[what] = what(self.stations)
        found: T = self._read[what]
        return found


class Situation:
    """A station as it is now, for somebody who looks at it. Three queries, whatever the station's size; `situations` has many at once."""

    def __init__(
        self,
        user: User | AnonymousUser,
        station: Station,
        now: datetime | None = None,
        connectors: Sequence[Connector] | None = None,
        running: Sequence[Transaction] | None = None,
        told: dict[str, str] | None = None,
        out: Sequence[OutOfService] | None = None,
        together: Together | None = None,
    ) -> None:
        self.user, self.station, self.now = user, station, now or timezone.now()
        every = list(Connector.objects.filter(station=station).order_by("number")) if connectors is None else list(connectors)
        if running is None:
            running = list(Transaction.objects.filter(station=station, ended_at=None).order_by("started_at", "pk"))
        # What it has told of what it can do: keys of its configuration
        self.told = profiles_of([station.pk]).get(station.pk, {}) if told is None else told
        if out is not None:
            self.out_of_service = out_of_service.standing(out, every)
        # The stations that are looked at along with it
        self.together = together or Together([station.pk])
        for connector in every:
            connector.station = station
        self.whole = next((connector for connector in every if connector.number == 0), None)
        self.connectors = [connector for connector in every if connector.number]
        self.connection = station.connection_at(self.now)
        # The newest open transaction of a connector is the one that runs; an older one the station never ended.
        self.running: dict[int, Transaction] = {}
        for transaction in running:
            self.running[transaction.connector_id] = transaction

    def connector(self, number: int) -> Connector | None:
        return self.whole if number == 0 else next((one for one in self.connectors if one.number == number), None)

    def transaction_at(self, connector: Connector | None) -> Transaction | None:
        return self.running.get(connector.pk) if connector else None

    def cars(self, connector: Connector | None = None) -> list[Connector]:
        """Where a car charges: a transaction runs, or the station says so. The latter may be a charge that began offline or was closed
        here by hand."""
        at = [connector] if connector is not None and connector.number else [*([self.whole] if self.whole else []), *self.connectors]
        return [one for one in at if one.pk in self.running or one.status in Connector.CAR_CHARGES]

    @functools.cached_property
    def out_of_service(self) -> list[OutOfService]:
        """What is out of service for a time or with a comment: the station, connectors."""
        rows = OutOfService.objects.filter(station=self.station, ended_at=None).select_related(*OUT_WITH).order_by("-since", "-pk")
        return out_of_service.standing(rows, [*([self.whole] if self.whole else []), *self.connectors])

    def kept(self, connector: Connector | None = None) -> list[Reservation]:
        """The reservations that stand: of `connector`, which may be by another plug of its EVSE, or (None) those of any connector."""
        evse = numbering.evse_of(connector.number) if connector else 0
        return [one for one in self.reservations if numbering.evse_of(one.connector_number) == evse]

    @functools.cached_property
    def reservations(self) -> list[Reservation]:
        """All that stand at the station."""
        return self.together.read(reservations.standing_at).get(self.station.pk, [])

    @property
    def reserves_any(self) -> bool:
        """Whether it can be asked for any of its connectors, as far as it has told."""
        return self.speaker.reserves_any(self.told) is not False

    @functools.cached_property
    def codes(self) -> Codes:
        """What the codes of its make mean."""
        return Codes(self.station)

    def status(self, connector: Connector) -> explain.Meaning:
        """What it reports, as its whole EVSE allows it."""
        return explain.TAKEN_BESIDE if self.taken_beside(connector) else explain.status(connector.status, connector.number)

    def taken_beside(self, connector: Connector) -> bool:
        """Whether nobody can charge here because of another plug of the same EVSE: one car at a time."""
        charging = [one for one in self.of_evse(connector) if one.pk in self.running and one is not connector]
        return bool(charging and connector.pk not in self.running) or explain.taken_beside(connector, self.connectors)

    @property
    def availability(self) -> str:
        """Our switch of the whole station."""
        return self.whole.availability if self.whole else Availability.OPERATIVE

    def stays_out(self, connector: Connector | None = None) -> bool:
        """Whether it, or anything at the station (None), reports that it is unavailable although we have not switched it off."""
        if self.availability != Availability.OPERATIVE:
            return False
        of = [connector] if connector else [*([self.whole] if self.whole else []), *self.connectors]
        return any(one.status == Status.UNAVAILABLE and one.availability == Availability.OPERATIVE for one in of)

    # -- why not --------------------------------------------------------------------------------------------------------------------

    @property
    def triggers(self) -> list[tuple[str, Text]]:
        """What can be asked for in its version: (message, label)."""
        known = self.speaker.triggers(self.told)
        return [(message, label) for message, label in TRIGGERS.items() if message in known]

    @property
    def speaker(self) -> versions.Speaker:
        return versions.speaker(self.station.ocpp_version)

    @functools.cached_property
    def evses(self) -> list[Connector]:
        """What can be reset by itself, each by its first connector; empty where only the whole station can."""
        first = {numbering.evse_of(one.number): one for one in reversed(self.connectors)}
        if len(first) < 2:
            return []
        try:
            self.speaker.call(Reset(connector=1))
        except NotPossible:
            return []
        return [first[evse] for evse in sorted(first)]

    def of_evse(self, connector: Connector) -> list[Connector]:
        """The connectors that are reset along with this one."""
        return [one for one in self.connectors if numbering.evse_of(one.number) == numbering.evse_of(connector.number)]

    def named(self, connector: Connector) -> str:
        """What is reset with it: one EVSE is, with all that hangs on it."""
        plugs = self.of_evse(connector)
        if len(plugs) < 2:
            return _("connector %s") % connector.shown
        told = {"evse": numbering.evse_of(connector.number), "connectors": get_text_list([one.shown for one in plugs], _("and"))}
        return _("charging point (EVSE) %(evse)d, with connectors %(connectors)s") % told

    def may(self, right: str) -> bool:
        return may(self.user, right, self.station)

    def unreachable(self) -> str:
        """Why nothing at all can be asked of the station now; empty when it is connected."""
        station = self.station
        if self.connection == Connection.DEACTIVATED:
            return _("The station is deactivated, so it cannot connect. Activate it first.")
        if self.connection == Connection.NEVER:
            return _("The station has never connected.")
        if not station.connected:
            if self.connection == Connection.OFFLINE:
                return _("The station is offline. It can be asked again when it is back.")
            return _("The connection has just been lost. Stations usually come back within a minute.")
        return ""

    def lacks(self, slug: str) -> str:
        """Why the station, by what it tells of itself, can never do `slug`; empty when it can or has not told."""
        missing = self.speaker.missing_profile(INTENTS[slug], self.told)
        if not missing:
            return ""
        if versions.has_variables(self.station.ocpp_version):
            return _("The station does not support %s: its device model says so.") % NEEDING_A_PROFILE.get(slug, missing)
        told = {"what": NEEDING_A_PROFILE.get(slug, missing), "profiles": self.told.get(versions.PROFILES_KEY, "")}
        if not told["profiles"]:
            return _("The station says that it does not support %(what)s.") % told
        return _("The station does not support %(what)s (its feature profiles: %(profiles)s).") % told

    def why_not(self, slug: str, connector: Connector | None = None) -> str:
        """Why `slug` cannot be used now, at `connector` or (None) at the station; empty when it can."""
        control = CONTROLS[slug]
        if not self.may(control.right):
            return _("Your role does not give you the right “%s” here. An administrator can change that.") % RIGHTS[control.right].label
        if reason := self.unreachable():
            return reason
        if reason := self.lacks(slug):
            return reason
        match slug:
            case "start":
                return self._why_not_start(connector)
            case "reserve":
                return self._why_not_reserve(connector)
            case "stop":
                return self._why_not_stop(connector)
            case "unlock":
                return self._why_not_unlock(connector)
            case "operative" | "inoperative":
                return self._why_not_switch(slug, connector)
        return ""

    def why_no_monitors(self) -> str:
        """Why no monitor of the station can be read, set or cleared now; empty when that can be done."""
        if not versions.has_variables(self.station.ocpp_version):
            return _("Monitors belong to OCPP 2.0.1, which the station does not speak.")
        if reason := self.unreachable():
            return reason
        if missing := self.speaker.missing_profile(SetMonitor, self.told):
            return _("The station does not support %s: its device model says so.") % missing
        return ""

    def _why_not_start(self, connector: Connector | None) -> str:
        if connector is None:
            reasons = [self._why_not_start(one) for one in self.connectors]
            if not reasons:
                return _("The station has no connector yet.")
            if "" in reasons:
                return ""
            return reasons[0] if len(reasons) == 1 else _("No connector is free.")
        if self.transaction_at(connector):
            return _("A car charges here already.")
        if self.taken_beside(connector):
            return str(explain.TAKEN_BESIDE.sentence)
        if connector.availability == Availability.INOPERATIVE or self.availability == Availability.INOPERATIVE:
            return _("Out of service. Put it in service first.")
        match connector.status:
            case Status.FAULTED:
                return _("The connector is faulted.")
            case Status.UNAVAILABLE:
                return _("The station says that the connector is unavailable.")
            case Status.RESERVED if not self.kept(connector) and not self.kept():  # ours says for whom
                return _("The connector is reserved.")
            case status if status in Connector.CAR_CHARGES:
                return _("The station says that a car charges here.")
        return ""

    def _why_not_reserve(self, connector: Connector | None) -> str:
        if connector is None:
            reasons = [self._why_not_reserve(one) for one in self.connectors]
            if not reasons or "" in reasons:
                return "" if reasons else _("The station has no connector yet.")
            return reasons[0] if len(reasons) == 1 else _("No connector is free.")
        if connector.status == Status.RESERVED or self.kept(connector):
            return _("The connector is reserved already.")
        return self._why_not_start(connector)

    def _why_not_stop(self, connector: Connector | None) -> str:
        found = self.transaction_at(connector) if connector else next(iter(self.running.values()), None)
        if found is None:
            if self.cars(connector):
                return _("The station says that a car charges here, but no transaction of it is known that could be stopped. Use reset.")
            return _("Nothing is charging here.")
        try:
            self.speaker.call(Stop(found.transaction_id))
        except NotPossible as error:
            return str(error)
        return ""

    def _why_not_unlock(self, connector: Connector | None) -> str:
        if connector is None:
            return "" if self.connectors else _("The station has no connector yet.")
        if connector.is_dc:
            return _("A DC plug cannot be unlocked from here. Use reset.")
        if connector.format == Connector.Format.CABLE:
            return _("The cable is fixed here: there is no lock to open. Use reset.")
        charge = self.transaction_at(connector)
        accepted = charge is not None and charge.id_tag and charge.verdict == "Accepted"
        if accepted and not self.speaker.UNLOCK_ENDS_CHARGE:
            return _("A car is charging here, and the station does not unlock meanwhile. Stop the charge first.")
        return ""

    def _why_not_switch(self, slug: str, connector: Connector | None) -> str:
        set_to = connector.availability if connector else self.availability
        if slug == "operative":
            already = set_to == Availability.OPERATIVE and not self.stays_out(connector)
            return _("It is in service already.") if already else ""
        if set_to == Availability.INOPERATIVE:
            return _("It is out of service already.")
        if set_to == Availability.SCHEDULED:
            return _("It goes out of service after this charge already.")
        return ""

    # -- what it would do -----------------------------------------------------------------------------------------------------------

    def harms(self, slug: str, connector: Connector | None = None) -> list[str]:
        """What else happens, in sentences: to how many drivers, and for how long. Empty when nobody is harmed."""
        here = self.cars(connector)
        charges = [found for one in here if (found := self.running.get(one.pk))]
        match slug:
            case "operative" if connector is None or not connector.number:
                numbers = sorted(row.connector_number for row in self.out_of_service if row.connector_number)
                said = _("Connector %s was taken out of service by itself; it goes out again.")
                return [said % numbering.shown(number) for number in numbers]
            case "stop" if len(charges) > 1:
                return [self._so_far(one) for one in charges]
            case "stop":
                return [self._ends(one) for one in charges]
            case "unlock" if connector is not None:
                ends = [self._ends(charges[0]) if charges else _("A car is charging here; its charge ends.")] if here else []
                return [*ends, _("The lock opens. The cable can then be pulled by anyone.")]
            case "reset-soft" | "reset-hard":
                hard = slug == "reset-hard"
                if connector is None and self.evses:  # it is still to be chosen what
                    parts = [(capfirst(self.named(one)), self._resets(hard, one)) for one in self.evses]
                    whole = (_("The whole station"), self._resets(hard, None))
                    return [f"{what}: {' '.join(said)}" for what, said in (whole, *parts)]
                return self._resets(hard, connector)
            case "inoperative":
                where = _("connector %s") % connector.shown if connector is not None and connector.number else _("this station")
                sentences = [_("Nobody can start charging at %s until it is put in service again.") % where]
                if here:
                    sentences.append(
                        ngettext(
                            "%d car is charging here. It may finish; then it goes out of service.",
                            "%d cars are charging here. They may finish; then it goes out of service.",
                            len(here),
                        )
                        % len(here)
                    )
                return sentences
        return []

    def tells(self, slug: str, connector: Connector | None = None) -> list[str]:
        """All that is told before: what harms, and what is only good to know."""
        if slug == "reserve" and connector and numbering.connector_of(connector.number) > 1:
            return [_("The station keeps all plugs of this charging point together, and turns other cards away there until then.")]
        if slug == "reserve":
            return [_("The station turns other cards away there until then. The portal cannot check that it does.")]
        if slug == "start":
            return [str(PAID_BY[AccessMode(self.station.effective_access_mode)])]
        return self.harms(slug, connector)

    def _resets(self, hard: bool, connector: Connector | None) -> list[str]:
        one = connector if connector is not None and connector.number and self.evses else None
        here = [car for part in self.of_evse(one) for car in self.cars(part)] if one else self.cars()
        waits = self.speaker.SOFT_RESET_WAITS
        if not hard and waits and here:
            said = ngettext("%d car is charging here. The reset waits until it has finished.",
                            "%d cars are charging here. The reset waits until they have finished.", len(here))  # fmt: skip
            sentences = [said % len(here)]
        else:
            sentences = self._cars_end(here)
        if one:
            sentences += [self._so_far(found) for car in here if (found := self.running.get(car.pk))]
        if hard and waits:
            sentences.append(_("The station does it at once and waits for nothing."))
        elif hard:
            sentences.append(_("The station is switched off and on without ending its work in good order."))
        if one:
            return [*sentences, _("%s starts anew; the rest of the station goes on.") % capfirst(self.named(one))]
        return [*sentences, _("The station is away for a few minutes and then connects again.")]

    def _cars_end(self, here: Sequence[Connector]) -> list[str]:
        if not here:
            return [_("No car is charging here now.")]
        count = len(here)
        return [
            ngettext("%d car is charging here; its transaction will end.", "%d cars are charging here; their transactions will end.", count)
            % count
        ]

    def _ends(self, transaction: Transaction) -> str:
        if not self.may(rights.READ_TRANSACTIONS):
            return _("The charge at connector %(number)s ends.") % self._said(transaction)
        return _("The charge at connector %(number)s ends, with %(energy)s kWh so far.") % self._said(transaction)

    def _so_far(self, transaction: Transaction) -> str:
        if not self.may(rights.READ_TRANSACTIONS):
            return _("Connector %(number)s is charging.") % self._said(transaction)
        return _("Connector %(number)s has charged %(energy)s kWh so far.") % self._said(transaction)

    def _said(self, transaction: Transaction) -> dict[str, Any]:
        number = next((one.shown for one in self.connectors if one.pk == transaction.connector_id), "–")
        return {"number": number, "energy": f"{transaction.energy_wh / 1000:.2f}"}


def situations(user: User | AnonymousUser, stations: Sequence[Station], now: datetime | None = None) -> list[Situation]:
    """Those of many stations, in as many queries as for one; locations and organizations must be loaded."""
    now, keys = now or timezone.now(), [station.pk for station in stations]
    connectors: dict[int, list[Connector]] = {}
    for connector in Connector.objects.filter(station__in=keys).order_by("number"):
        connectors.setdefault(connector.station_id, []).append(connector)
    running: dict[int, list[Transaction]] = {}
    for transaction in Transaction.objects.filter(station__in=keys, ended_at=None).order_by("started_at", "pk"):
        running.setdefault(transaction.station_id, []).append(transaction)
    out: dict[int, list[OutOfService]] = {}
    for row in OutOfService.objects.filter(station__in=keys, ended_at=None).select_related(*OUT_WITH).order_by("-since", "-pk"):
        out.setdefault(row.station_id, []).append(row)
    told, together = profiles_of(keys), Together(keys)

    def of(station: Station, pk: int) -> Situation:
        return Situation(
            user, station, now, connectors.get(pk, []), running.get(pk, []), told.get(pk, {}), out.get(pk, []), together
        )  # fmt: skip

    return [of(station, station.pk) for station in stations]


def profiles_of(stations: Collection[int]) -> dict[int, dict[str, str]]:
    """What stations have told of what they can do: those keys of their configurations."""
    found: dict[int, dict[str, str]] = {}
    wanted, columns = {"station__in": stations, "key__in": versions.TELLING_KEYS}, ("station_id", "key", "value")
    variables = DeviceVariable.objects.filter(attribute=ACTUAL, **wanted).order_by().values_list(*columns)
    rows = ConfigurationKey.objects.filter(**wanted).order_by().values_list(*columns).union(variables, all=True)
    for station, key, value in rows:
        found.setdefault(station, {})[key] = value
    return found


def intents_of(slug: str, situation: Situation, connector: Connector | None, data: dict[str, str]) -> list[Intent]:
    """What a control that `why_not` allows wants, each of it a command. `data` are the control's cleaned inputs."""
    if slug == "trigger":
        return triggers_of(situation, data["message"], connector)
    return [intent_of(slug, situation, connector, data)]


def triggers_of(situation: Situation, message: str, connector: Connector | None = None) -> list[Intent]:
    """All that has to be asked for a message: where its version asks each connector by itself, that of each."""
    number = connector.number if connector and message in OF_A_CONNECTOR else 0
    if number or not situation.speaker.needs_connector(message):
        return [Trigger(message, number)]
    return [Trigger(message, one.number) for one in situation.connectors[:ASKED_AT_ONCE]]


def intent_of(slug: str, situation: Situation, connector: Connector | None, data: dict[str, str]) -> Intent:
    """The intent of a control that `why_not` allows. `data` are the control's cleaned inputs."""
    number = connector.number if connector else 0
    match slug:
        case "start":
            return Start(data["uid"], number)
        case "stop":
            found = situation.transaction_at(connector) or next(iter(situation.running.values()))
            return Stop(found.transaction_id)
        case "unlock":
            return Unlock(number)
        case "reset-soft" | "reset-hard":
            return Reset(slug == "reset-hard", number if situation.evses else 0)
        case "operative" | "inoperative":
            return Switch(slug == "operative", number)
        case "clear-cache":
            return ClearCache()
        case "get-configuration":
            return ReadConfiguration()
    raise ValueError(slug)
