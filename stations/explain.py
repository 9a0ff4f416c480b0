"""What stations report, in plain words: statuses, error codes, verdicts, answers. Nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.models import Availability, Connection, Connector, Settlement
from stations.ocpp.numbering import evse_of

Text = str | Promise

# The six states that every page shows as dot and word
CHARGING, AVAILABLE, BUSY, WAITING, FAULT, OFF = "charging", "available", "busy", "waiting", "fault", "off"


class Meaning(NamedTuple):
    """`state` is one of the six; `word` the short name; `sentence` what it means for a driver or an operator."""

    state: str
    word: Text
    sentence: Text


class Fault(NamedTuple):
    """An error code: what is wrong, what usually causes it, what to try. `remedy` names the control that tries it (see `controls`)."""

    sentence: Text
    cause: Text
    try_this: Text
    remedy: str = ""


# -- connection (ours) ------------------------------------------------------------------------------------------------------------------

CONNECTIONS: dict[str, Meaning] = {
    Connection.ONLINE: Meaning(AVAILABLE, lazy("Online"), lazy("It is connected and has been heard lately.")),
    Connection.PENDING: Meaning(
        WAITING, lazy("Pending"), lazy("It is silent for longer than usual. It may only be idle; ask it for a heartbeat to find out.")
    ),
    Connection.OFFLINE: Meaning(
        FAULT,
        lazy("Offline"),
        lazy("There is no connection. It may still charge by itself; what it does now is reported when it is back."),
    ),
    Connection.NEVER: Meaning(OFF, lazy("Never connected"), lazy("It is added here and may connect, but has not done so yet.")),
    Connection.DEACTIVATED: Meaning(OFF, lazy("Deactivated"), lazy("It is switched off in this portal: its connections are refused.")),
}


def connection(value: str) -> Meaning:
    return CONNECTIONS.get(value) or Meaning(OFF, value, "")


# -- OCPP status of a connector (reported) ----------------------------------------------------------------------------------------------

_NOT_REPORTED = Meaning(OFF, lazy("Not reported yet"), lazy("The station has not told the status of this connector yet."))
STATUSES: dict[str, Meaning] = {
    "": _NOT_REPORTED,
    Connector.Status.AVAILABLE: Meaning(AVAILABLE, lazy("Available"), lazy("Free: a driver can plug in and charge.")),
    Connector.Status.PREPARING: Meaning(
        BUSY, lazy("Preparing"), lazy("A car is plugged in or a card was offered; charging has not begun yet.")
    ),
    Connector.Status.CHARGING: Meaning(CHARGING, lazy("Charging"), lazy("Energy flows into the car.")),
    Connector.Status.SUSPENDED_EVSE: Meaning(
        WAITING, lazy("Suspended by the station"), lazy("The station withholds energy: load management, or the card is not accepted.")
    ),
    Connector.Status.SUSPENDED_EV: Meaning(
        WAITING, lazy("Suspended by the car"), lazy("The car takes no energy: it is full, or waits for its own timer.")
    ),
    Connector.Status.FINISHING: Meaning(BUSY, lazy("Finishing"), lazy("Charging has ended; the car is still plugged in.")),
    Connector.Status.RESERVED: Meaning(BUSY, lazy("Reserved"), lazy("Kept free for one card.")),
    Connector.Status.UNAVAILABLE: Meaning(OFF, lazy("Unavailable"), lazy("Out of service: nobody can charge here now.")),
    Connector.Status.FAULTED: Meaning(FAULT, lazy("Faulted"), lazy("A fault keeps drivers from charging here.")),
}
# Of a plug that shares its EVSE with one that is used: one car at a time
TAKEN_BESIDE = Meaning(
    BUSY, lazy("Other plug in use"), lazy("The other plug of this charging point is in use: only one car at a time can charge.")
)
_TAKES_ALL = Connector.CAR_CHARGES | {Connector.Status.PREPARING, Connector.Status.FINISHING, Connector.Status.RESERVED}
# Connector 0 is the station as a whole.
_WHOLE: dict[str, Meaning] = {
    "": Meaning(OFF, lazy("Not reported"), lazy("The station reports its connectors only; that is allowed.")),
    Connector.Status.AVAILABLE: Meaning(AVAILABLE, lazy("Available"), lazy("The station as a whole says it is ready.")),
    Connector.Status.UNAVAILABLE: Meaning(OFF, lazy("Unavailable"), lazy("The station as a whole is out of service.")),
    Connector.Status.FAULTED: Meaning(FAULT, lazy("Faulted"), lazy("The station as a whole reports a fault.")),
}


def status(value: str, number: int = 1) -> Meaning:
    """Of a connector, or with `number` 0 of the whole station."""
    return (number == 0 and _WHOLE.get(value)) or STATUSES.get(value) or Meaning(OFF, value, "")


def taken_beside(connector: Connector, among: Iterable[Connector]) -> bool:
    """Whether it is free itself, but another plug of its EVSE is not, by what `among` report."""
    if connector.status not in {"", Connector.Status.AVAILABLE} or not connector.number:
        return False
    evse = evse_of(connector.number)
    return any(one.number != connector.number and evse_of(one.number) == evse and one.status in _TAKES_ALL for one in among)


def status_among(connector: Connector, among: Iterable[Connector]) -> Meaning:
    """Of a connector, as the plugs beside it allow."""
    return TAKEN_BESIDE if taken_beside(connector, among) else status(connector.status, connector.number)


# -- availability (our switch) ----------------------------------------------------------------------------------------------------------

AVAILABILITIES: dict[str, Meaning] = {
    Availability.OPERATIVE: Meaning(AVAILABLE, lazy("In service"), lazy("We have not switched it off.")),
    Availability.INOPERATIVE: Meaning(OFF, lazy("Out of service"), lazy("We have switched it off: nobody can charge there.")),
    Availability.SCHEDULED: Meaning(
        WAITING, lazy("Out of service after this charge"), lazy("It switches off by itself when the running transaction ends.")
    ),
}


def availability(value: str) -> Meaning:
    return AVAILABILITIES.get(value) or Meaning(OFF, value, "")


# -- error codes (OCPP 1.6 §7.6, ChargePointErrorCode) ----------------------------------------------------------------------------------

FAULTS: dict[str, Fault] = {
    "ConnectorLockFailure": Fault(
        lazy("The lock of the socket did not close or open."),
        lazy("Often the plug is not pushed in fully, or the lock motor is stuck."),
        lazy("Unlock it once and have the driver plug in again, all the way. If it stays, reset the station when nobody charges."),
        "unlock",
    ),
    "EVCommunicationError": Fault(
        lazy("Station and car do not understand each other."),
        lazy("Usually the plug or the cable: dirt, a bent pin, not pushed in. Sometimes the car's own charger."),
        lazy("Have the driver unplug, wait ten seconds and plug in again. If other cars fail here too, reset the station."),
        "reset-soft",
    ),
    "GroundFailure": Fault(
        lazy("The residual-current protection has tripped: current leaks to earth."),
        lazy("A damaged cable, water, or a fault in the car. It protects people: never bypass it."),
        lazy("Unplug the car first. If it trips again without a car, or with another one, send a technician."),
        "reset-soft",
    ),
    "HighTemperature": Fault(
        lazy("The station is too hot inside and protects itself."),
        lazy("Sun, a blocked fan or filter, or a loose clamp that heats up."),
        lazy("It usually comes back by itself when it has cooled down. If it happens again, have fan, filter and clamps checked."),
    ),
    "InternalError": Fault(
        lazy("Something inside the station does not work."),
        lazy("Its software or one of its parts; the vendor's code says which."),
        lazy("Reset the station when nobody charges. If it comes back, look the vendor's code up and send a technician."),
        "reset-soft",
    ),
    "LocalListConflict": Fault(
        lazy("The list of cards in the station does not agree with ours."),
        lazy("A card is in the station's own list with another verdict than we gave."),
        lazy("Clear the station's card cache. Charging itself is not affected."),
        "clear-cache",
    ),
    "OtherError": Fault(
        lazy("The station reports a fault that OCPP has no name for."),
        lazy("The vendor's code and text say what it is."),
        lazy("Look the vendor's code up in its manual. A reset when nobody charges cures many of them."),
        "reset-soft",
    ),
    "OverCurrentFailure": Fault(
        lazy("The car took more current than allowed, and the station switched it off."),
        lazy("Usually the car, an old adapter, or a limit set too low."),
        lazy("Have the driver plug in again. If it happens with every car, check the current limits and send a technician."),
        "unlock",
    ),
    "OverVoltage": Fault(
        lazy("The mains voltage is too high."),
        lazy("A disturbance in the grid, solar power at noon, or a broken neutral: that one is dangerous."),
        lazy("If it does not pass within minutes, switch the station off at its fuse and have the supply measured."),
        "inoperative",
    ),
    "PowerMeterFailure": Fault(
        lazy("The station cannot read its energy meter."),
        lazy("The meter or its cable inside the station."),
        lazy("Reset the station when nobody charges. Without a meter nothing may be charged for: if it stays, send a technician."),
        "reset-soft",
    ),
    "PowerSwitchFailure": Fault(
        lazy("The switch that puts power on the socket does not work."),
        lazy("A contactor that sticks or is worn out. The socket may be live: nobody should touch it."),
        lazy("Take the connector out of service and send a technician."),
        "inoperative",
    ),
    "ReaderFailure": Fault(
        lazy("The card reader does not work."),
        lazy("The reader hangs, or its cable or antenna is damaged."),
        lazy("Cards are not read, but charging can be started from here. Reset the station when nobody charges."),
        "reset-soft",
    ),
    "ResetFailure": Fault(
        lazy("The station could not reset itself."),
        lazy("Its software hangs."),
        lazy("Try a hard reset. If that fails too, somebody has to switch its power off and on."),
        "reset-hard",
    ),
    "UnderVoltage": Fault(
        lazy("The mains voltage is too low."),
        lazy("A loaded or long supply line, or a lost phase."),
        lazy("If it does not pass within minutes, check the fuses and have the supply measured."),
    ),
    "WeakSignal": Fault(
        lazy("The mobile signal is weak."),
        lazy("Antenna, place or provider. Charging goes on; messages come late or twice."),
        lazy("Nothing to do at once. If it is often offline, have the antenna moved or connect it by cable."),
    ),
}
_UNKNOWN_FAULT = Fault(
    lazy("The station reports a fault with a code that is not in the standard."),
    lazy("The vendor's manual explains it."),
    lazy("Look the code up. A reset when nobody charges cures many faults."),
    "reset-soft",
)
_NAMELESS = Fault(
    lazy("The connector is faulted, but the station does not say why."),
    lazy("It sends no error code."),
    lazy("Ask it for its status again. If it stays faulted, reset the station when nobody charges."),
    "reset-soft",
)


def fault(error_code: str, status_value: str = Connector.Status.FAULTED) -> Fault | None:
    """What to say of an error code; None when all is well. Some codes (WeakSignal) come with a working connector."""
    if error_code in {"", "NoError"}:
        return _NAMELESS if status_value == Connector.Status.FAULTED else None
    return FAULTS.get(error_code, _UNKNOWN_FAULT)


# -- what runs in the background --------------------------------------------------------------------------------------------------------

_BACKGROUND: dict[str, tuple[str, Text]] = {
    "Downloaded": (BUSY, lazy("the new firmware is downloaded")),
    "Downloading": (BUSY, lazy("it downloads new firmware")),
    "DownloadScheduled": (WAITING, lazy("it downloads new firmware later")),
    "DownloadPaused": (WAITING, lazy("the download of new firmware is paused")),
    "DownloadFailed": (FAULT, lazy("the download of new firmware failed")),
    "SignatureVerified": (BUSY, lazy("the new firmware is downloaded, and its signature is right")),
    "InstallScheduled": (WAITING, lazy("it installs new firmware later")),
    "Installing": (BUSY, lazy("it installs new firmware")),
    "Installed": (AVAILABLE, lazy("the new firmware is installed")),
    "InstallationFailed": (FAULT, lazy("the installation of new firmware failed")),
    "InvalidSignature": (FAULT, lazy("the new firmware has a wrong signature and was not installed")),
    "InstallVerificationFailed": (FAULT, lazy("the new firmware did not pass the station's own check")),
    "InstallRebooting": (BUSY, lazy("it reboots to install new firmware")),
    "Uploading": (BUSY, lazy("it uploads its diagnostics")),
    "Uploaded": (AVAILABLE, lazy("its diagnostics are uploaded")),
    "UploadFailed": (FAULT, lazy("the upload of its diagnostics failed")),
    "UploadFailure": (FAULT, lazy("the upload of its log failed")),
    "PermissionDenied": (FAULT, lazy("the upload of its log was not permitted")),
    "BadMessage": (FAULT, lazy("it did not understand what log it was asked for")),
    "NotSupportedOperation": (FAULT, lazy("it cannot upload this log")),
    "AcceptedCanceled": (OFF, lazy("it dropped the upload of its log because another one was asked for")),
}


def background(value: str) -> tuple[str, Text] | None:
    """(state, words) of a firmware or diagnostics status; None for Idle and nothing."""
    return None if value in {"", "Idle"} else _BACKGROUND.get(value, (BUSY, _("it tells a state that is not known here, “%s”") % value))


STOP_REASONS: dict[str, Text] = {
    "ClosedByHand": lazy("closed by hand"),
    "ClosedByPortal": lazy("closed by the portal"),
    "DeAuthorized": lazy("the card was not accepted"),
    "EmergencyStop": lazy("emergency stop pressed"),
    "EnergyLimitReached": lazy("the energy that was asked for is charged"),
    "EVDisconnected": lazy("the car was unplugged"),
    "GroundFault": lazy("current leaked to earth"),
    "HardReset": lazy("hard reset"),
    "ImmediateReset": lazy("the station was reset"),
    "Local": lazy("stopped at the station"),
    "LocalOutOfCredit": lazy("the credit was used up"),
    "MasterPass": lazy("stopped with a master card"),
    "Other": lazy("another reason"),
    "OvercurrentFault": lazy("too much current flowed"),
    "PowerLoss": lazy("power failure"),
    "PowerQuality": lazy("the mains was not good enough"),
    "Reboot": lazy("the station rebooted"),
    "Remote": lazy("stopped from the portal"),
    "ReqEnergyTransferRejected": lazy("the kind of charging that the car asked for was refused"),
    "SOCLimitReached": lazy("the battery is as full as was asked for"),
    "SoftReset": lazy("soft reset"),
    "StoppedByEV": lazy("the car stopped it"),
    "TimeLimitReached": lazy("the time that was asked for is over"),
    "Timeout": lazy("no car was plugged in, or no card was offered in time"),
    "UnlockCommand": lazy("unlocked from the portal"),
}

# Who pays: the form in which a charge is settled
SETTLEMENTS: dict[str, Meaning] = {
    Settlement.OPEN: Meaning(OFF, Settlement.OPEN.label, lazy("The station is open: the owner pays.")),
    Settlement.WHITELIST: Meaning(OFF, Settlement.WHITELIST.label, lazy("The driver charges free; the owner pays.")),
    Settlement.ROAMING: Meaning(OFF, Settlement.ROAMING.label, lazy("The card holder pays; the owner is reimbursed.")),
    Settlement.ROAMING_FREE: Meaning(OFF, Settlement.ROAMING_FREE.label, lazy("The card holder pays, without the roaming surcharge.")),
}

VERDICTS: dict[str, Meaning] = {
    "": Meaning(OFF, lazy("No card"), lazy("Nobody has held a card to the station.")),
    "Accepted": Meaning(AVAILABLE, lazy("Accepted"), lazy("The card may charge.")),
    "Blocked": Meaning(FAULT, lazy("Blocked"), lazy("The pass is blocked.")),
    "Expired": Meaning(FAULT, lazy("Expired"), lazy("The pass is no longer valid.")),
    "Invalid": Meaning(FAULT, lazy("Refused"), lazy("The card is not known here.")),
    "ConcurrentTx": Meaning(WAITING, lazy("Busy elsewhere"), lazy("The card already charges somewhere else.")),
}


def verdict(value: str) -> Meaning:
    return VERDICTS.get(value) or Meaning(OFF, value, "")


# IdTokenEnumType of 2.0.1: what a station says that it read
ID_TYPES: dict[str, Text] = {
    "Central": lazy("number given by the portal"),
    "eMAID": lazy("contract of plug and charge, or of an app"),
    "ISO14443": lazy("card or tag"),
    "ISO15693": lazy("card or tag read from farther away"),
    "KeyCode": lazy("code typed in at the station"),
    "Local": lazy("number given by the station itself"),
    "MacAddress": lazy("address of the car"),
    "NoAuthorization": lazy("no card: the station starts by itself"),
    "DirectPayment": lazy("paid at the station"),
    "EVCCID": lazy("address of the car"),
    "VIN": lazy("number of the car"),
}


def id_type(value: str) -> Text:
    """What it is that was offered; empty where that was not said."""
    return ID_TYPES.get(value, value)
