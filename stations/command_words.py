"""What was asked of stations, and what they answered, in plain words. Nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.action_words import TITLES
from stations.explain import AVAILABLE, BUSY, FAULT, WAITING
from stations.models import Command, ConfigurationKey, Transaction
from stations.ocpp import commands, intents, masking, numbering, profiles
from stations.ocpp.intents import (
    LOG_STATUS,
    SECURITY_LOG_STATUS,
    SIGNED_FIRMWARE_STATUS,
    AskForRequest,
    AskListVersion,
    AskTransaction,
    CancelReservation,
    ClearCache,
    ClearMonitors,
    ClearProfile,
    Configure,
    ConfigureMany,
    CustomerInformation,
    DeleteRoot,
    GetProfiles,
    GetSchedule,
    GiveCertificate,
    InstallRoot,
    Intent,
    ReadConfiguration,
    ReadMonitors,
    ReadReport,
    ReadRoots,
    Reserve,
    Reset,
    SendList,
    SendLog,
    SetMonitor,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetMonitors,
    SetProfile,
    Start,
    Stop,
    Switch,
    TellCost,
    TellVendor,
    Trigger,
    Unlock,
    UpdateFirmware,
)
from stations.ocpp.versions import speaker
from tenancy.models import User
from tenancy.personal import person
from tenancy.rights import PERSONAL_DATA, READ_CONFIGURATION, may

OF_A_CHARGE = (AskTransaction, TellCost, Stop)
Text = str | Promise
Viewer = User | AnonymousUser


_OF_CERTIFICATES: dict[type[Any], Text] = {
    AskForRequest: lazy("Ask for a new certificate"),
    GiveCertificate: lazy("Give it its new certificate"),
    InstallRoot: lazy("Install a root certificate"),
    ReadRoots: lazy("Ask which certificates it has"),
}


def _certificate_title(wanted: Intent | None) -> str:
    """Empty for what is about something else."""
    if isinstance(wanted, DeleteRoot):
        return _("Delete the certificate %s") % wanted.serial
    return str(_OF_CERTIFICATES.get(type(wanted), ""))


_CERTIFICATE_ANSWERS: dict[tuple[type[Any], str], Text] = {
    (AskForRequest, intents.ACCEPTED): lazy("Accepted. Its request follows, is signed, and what is signed goes back to it."),
    (AskForRequest, intents.REJECTED): lazy("Refused by the station: it makes no request for a certificate now."),
    (AskForRequest, intents.NOT_SUPPORTED): lazy("The station cannot make requests for certificates."),
    (GiveCertificate, intents.ACCEPTED): lazy("The station has taken it."),
    (GiveCertificate, intents.REJECTED): lazy("Refused by the station: to it, the certificate or who signed it is not good."),
    (InstallRoot, intents.ACCEPTED): lazy("Installed."),
    (InstallRoot, intents.REJECTED): lazy("Refused by the station: it is not valid to it, or it has no room for one more."),
    (InstallRoot, intents.FAILED): lazy("The station could not install it."),
    (ReadRoots, intents.ACCEPTED): lazy("Told."),
    (DeleteRoot, intents.ACCEPTED): lazy("Deleted."),
    (DeleteRoot, intents.REJECTED): lazy("The station has no such certificate."),
    (DeleteRoot, intents.FAILED): lazy("The station could not delete it, or it is the one it needs."),
}


_TRIGGERS: dict[str, Text] = {
    "BootNotification": lazy("its make and firmware"),
    LOG_STATUS: lazy("the state of its diagnostics"),
    "FirmwareStatusNotification": lazy("the state of its firmware"),
    "Heartbeat": lazy("a heartbeat"),
    "MeterValues": lazy("its meter values"),
    "StatusNotification": lazy("its status"),
    "TransactionEvent": lazy("its running charge"),
    SECURITY_LOG_STATUS: lazy("the state of its security log"),
    SIGNED_FIRMWARE_STATUS: lazy("the state of its signed firmware"),
}


ASK_FOR_STATUS, ASK_FOR_HEARTBEAT = lazy("Ask for its status"), lazy("Ask for a heartbeat")


def _of_connector(number: int | None) -> str:
    return _("connector %s") % numbering.shown(number) if number else _("the station")


def _of_point(command: Command) -> str:
    """What charging profiles are about: of 2.0.1 on not a connector, but a charging point with all of its connectors."""
    if command.connector_number and speaker(command.version) is not speaker("1.6"):
        return _("charging point (EVSE) %d") % numbering.evse_of(command.connector_number)
    return _of_connector(command.connector_number)


def command_title(command: Command, viewer: Viewer, charge: str | None = None) -> str:
    """What was asked, as a person says it: "Unlock connector 2". `station` must be selected along; what the configuration is set to says
    only who may read it. `charge` is what the transaction that it is about is called here; None: as the station calls it; empty: it is
    not named."""
    return title_of(command, values=may(viewer, READ_CONFIGURATION, command.station), charge=charge)


def title_of(command: Command, *, values: bool, charge: str | None = None) -> str:
    """The same, with what the configuration is set to or without."""
    where = _of_connector(command.connector_number)
    wanted = intent_of(command)
    named = (wanted.transaction_id if charge is None else charge) if isinstance(wanted, OF_A_CHARGE) else ""
    match wanted:
        case Start():
            return _("Start charging at %s") % where if command.connector_number else _("Start charging")
        case AskTransaction():
            if not wanted.transaction_id:
                return _("Ask whether reports of transactions wait in the station")
            return _("Ask what became of transaction %s") % named if named else _("Ask what became of a transaction")
        case TellCost():
            return _("Tell the station the cost of transaction %s") % named if named else _("Tell the station the cost of a transaction")
        case Stop():
            return _("Stop charging, transaction %s") % named if named else _("Stop charging")
        case Reset():
            title = _("Hard reset") if wanted.hard else _("Soft reset")
            if not command.connector_number:
                return title
            return _("%(reset)s of charging point (EVSE) %(evse)d") % {"reset": title, "evse": numbering.evse_of(command.connector_number)}
        case Unlock():
            return _("Unlock %s") % where
        case Switch():
            return (_("Put %s in service") if wanted.operative else _("Take %s out of service")) % where
        case Configure():
            if not values or masking.is_personal(wanted.key):
                return _("Change %s in the configuration") % wanted.key
            key = wanted.key if wanted.attribute == "Actual" else f"{wanted.key} ({wanted.attribute})"
            return _("Change %(key)s to “%(value)s”") % {"key": key, "value": wanted.value}
        case ReadConfiguration():
            return _("Read %s in the configuration") % ", ".join(wanted.keys) if wanted.keys else _("Read the configuration")
        case ConfigureMany():
            keys = [one.key for one in wanted.settings]
            return _("Change %(keys)s in the configuration") % {"keys": ", ".join(keys[:5]) + ("…" if len(keys) > 5 else "")}
        case ReadReport():
            return _("Read what can be set") if wanted.base == intents.CONFIGURATION else _("Read what is in order and what is not")
        case SetMonitor():
            return _("Set a monitor on %s") % wanted.key
        case SetMonitors():
            return ngettext("Set %d monitor", "Set %d monitors", len(wanted.monitors)) % len(wanted.monitors)
        case ClearMonitors():
            return ngettext("Remove %d monitor", "Remove %d monitors", len(wanted.ids)) % len(wanted.ids)
        case ReadMonitors():
            return _("Read the monitors")
        case SetMonitoringBase():
            return _("Choose which monitors are active")
        case SetMonitoringLevel():
            return _("Tell events from severity %d on") % wanted.severity
        case ClearCache():
            return _("Clear the card cache")
        case Trigger():
            what = _("Ask for %s") % _TRIGGERS.get(wanted.message, wanted.message)
            return f"{what} ({where})" if command.connector_number else what
        case UpdateFirmware():
            return _("Update the firmware, signed") if wanted.signature else _("Update the firmware")
        case SendLog():
            return _("Send the security log") if wanted.security else _("Send the diagnostics")
        case CustomerInformation():
            if wanted.report and wanted.clear:
                return _("Tell what it keeps of a card, and forget it")
            return _("Forget what it keeps of a card") if wanted.clear else _("Tell what it keeps of a card")
        case Reserve():
            return _("Reserve %s") % where if wanted.connector else _("Reserve any connector")
        case CancelReservation():
            return _("Cancel reservation %d") % wanted.key
        case SendList(full=True):
            count = len(wanted.cards)
            return ngettext("Send the local list, %d card", "Send the local list, %d cards", count) % count
        case SendList():
            count = len(wanted.cards)
            return ngettext("Change %d card of the local list", "Change %d cards of the local list", count) % count
        case AskListVersion():
            return _("Ask for the version of the local list")
        case TellVendor():
            return _("Tell it what its vendor has agreed on: %s") % f"{wanted.vendor_id} {wanted.message_id}".strip()
        case SetProfile():
            where = _of_point(command)
            first = wanted.profile.steps[0].limit if wanted.profile.steps else 0
            said = {"where": where, "limit": f"{first:g} {wanted.profile.unit}"}
            if wanted.profile.purpose == profiles.DEFAULT:
                return _("Limit charges that begin at %(where)s to %(limit)s at first") % said
            return _("Limit %(where)s to %(limit)s") % said
        case ClearProfile():
            return _("Clear charging profiles") if wanted.id is None else _("Clear the charging profile %d") % wanted.id
        case GetSchedule():
            return _("Ask for the charging schedule of %s") % _of_point(command)
        case GetProfiles():
            return _("Ask for its charging profiles")
    return _certificate_title(wanted) or str(TITLES.get(command.action, command.action))


def charges_of(commands: Iterable[Command], viewer: Viewer) -> dict[int, Transaction]:
    """By command: the transaction that it is about, where it is known here. At most one query."""
    wanted = {
        one.pk: (one.station_id, intent.transaction_id)
        for one in commands
        if isinstance(intent := intent_of(one), OF_A_CHARGE) and intent.transaction_id
    }
    if not wanted:
        return {}
    stations, ids = zip(*wanted.values(), strict=True)
    known: dict[tuple[int, str], Transaction | None] = {}
    for row in Transaction.objects.visible_to(viewer).filter(station__in=set(stations), transaction_id__in=set(ids)):
        name = (row.station_id, row.transaction_id)
        known[name] = None if name in known else row  # an id that came twice says nothing
    return {pk: charge for pk, name in wanted.items() if (charge := known.get(name))}


def intent_of(command: Command) -> Intent | None:
    """What a command wants, its secrets masked; None for what is no intent of the portal."""
    payload = command.payload if isinstance(command.payload, dict) else {}
    version = speaker(command.version)
    return version.intent(command.action, version.without_secrets(command.action, payload, every_value=command.secret))


def outcome_of(command: Command) -> str:
    """What the answer says, in a word of `stations.ocpp.intents`; empty where there is none."""
    return speaker(command.version).outcome(command.answer) if isinstance(command.answer, dict) else ""


_ANSWERS: dict[tuple[type[Any], str], Text] = {
    (Start, intents.ACCEPTED): lazy("Start accepted. Charging begins when car and cable are ready."),
    (Start, intents.REJECTED): lazy("Start refused by the station: the connector is taken, out of service, or has no car plugged in."),
    (Stop, intents.ACCEPTED): lazy("Stop accepted."),
    (Stop, intents.REJECTED): lazy("Stop refused by the station: it knows of no such transaction. It may have ended already."),
    (AskTransaction, intents.ACCEPTED): lazy("Answered: the transaction's page says what."),
    (TellCost, intents.ACCEPTED): lazy("The station knows it."),
    (Reset, intents.ACCEPTED): lazy("Reset accepted. The station comes back by itself within minutes."),
    (Reset, intents.SCHEDULED): lazy("Accepted; it resets when the running transaction ends."),
    (Reset, intents.REJECTED): lazy("Reset refused by the station. Try again when nobody charges, as a hard reset if it was a soft one."),
    (Unlock, intents.ACCEPTED): lazy("Unlocked."),
    (Unlock, intents.FAILED): lazy("Unlock failed: the lock did not open. Pull the plug lightly and try again, or reset."),
    (Unlock, intents.NOT_SUPPORTED): lazy("Not supported: this connector has no lock, or a fixed cable."),
    (Switch, intents.ACCEPTED): lazy("Accepted."),
    (Switch, intents.REJECTED): lazy("Refused by the station."),
    (Switch, intents.SCHEDULED): lazy("Accepted; it happens when the running transaction ends."),
    (Configure, intents.ACCEPTED): lazy("Changed."),
    (Configure, intents.REJECTED): lazy("Refused by the station: the key is read-only, or the value does not fit."),
    (Configure, intents.REBOOT_REQUIRED): lazy("Changed; in force after a reset."),
    (Configure, intents.NOT_SUPPORTED): lazy("The station does not know this key."),
    (SetMonitor, intents.ACCEPTED): lazy("The station watches it."),
    (ClearMonitors, intents.ACCEPTED): lazy("Removed."),
    (SetMonitoringBase, intents.ACCEPTED): lazy("In force."),
    (SetMonitoringLevel, intents.ACCEPTED): lazy("In force."),
    (ClearCache, intents.ACCEPTED): lazy("Cache cleared."),
    (ClearCache, intents.REJECTED): lazy("Refused by the station: it keeps no cache of cards."),
    (Trigger, intents.ACCEPTED): lazy("Accepted; the message follows."),
    (Trigger, intents.REJECTED): lazy("Refused by the station."),
    (Trigger, intents.NOT_SUPPORTED): lazy("The station cannot be asked for this."),
    (UpdateFirmware, intents.ACCEPTED): lazy("Accepted. The station fetches it when it is time and tells how it goes on."),
    (UpdateFirmware, intents.REJECTED): lazy("Refused by the station."),
    (SendLog, intents.ACCEPTED): lazy("Accepted; the upload follows."),
    (SendLog, intents.REJECTED): lazy("Refused by the station."),
    (CustomerInformation, intents.ACCEPTED): lazy("Accepted by the station."),
    (CustomerInformation, intents.REJECTED): lazy("Refused by the station: it is busy with another such question, or cannot do this now."),
    (Reserve, intents.ACCEPTED): lazy("Reserved."),
    (Reserve, intents.OCCUPIED): lazy("Not reserved: a car is there already, or it is reserved for somebody else."),
    (Reserve, intents.FAULTED): lazy("Not reserved: the connector has a fault."),
    (Reserve, intents.UNAVAILABLE): lazy("Not reserved: the connector is out of service."),
    (Reserve, intents.REJECTED): lazy("Not reserved: the station takes no reservations, or none of this kind."),
    (CancelReservation, intents.ACCEPTED): lazy("Cancelled: the connector is free again."),
    (CancelReservation, intents.REJECTED): lazy("The station has no such reservation: it was used, or is over."),
    (SendList, intents.ACCEPTED): lazy("The station has taken it."),
    (SendList, intents.FAILED): lazy("The station could not take it."),
    (SendList, intents.NOT_SUPPORTED): lazy("The station has no local list."),
    (SendList, intents.MISMATCH): lazy("The station has another version of the list. It is given the whole list."),
    (AskListVersion, intents.ACCEPTED): lazy("The station has told it."),
    (TellVendor, intents.ACCEPTED): lazy("Accepted."),
    (TellVendor, intents.REJECTED): lazy("Refused by the station."),
    (TellVendor, intents.NOT_SUPPORTED): lazy("The station knows nothing of this vendor, or not this message."),
    (SetProfile, intents.ACCEPTED): lazy("The limit is set."),
    (SetProfile, intents.REJECTED): lazy("Refused by the station: it does not take this charging profile."),
    (SetProfile, intents.NOT_SUPPORTED): lazy("The station has no smart charging."),
    (ClearProfile, intents.ACCEPTED): lazy("Cleared."),
    (ClearProfile, intents.UNKNOWN): lazy("The station has none such."),
    (GetSchedule, intents.ACCEPTED): lazy("The station told its schedule."),
    (GetSchedule, intents.REJECTED): lazy("Refused by the station: it has no schedule for this."),
    (GetProfiles, intents.ACCEPTED): lazy("The station tells its profiles, where it has any."),
}
_ANSWERS |= _CERTIFICATE_ANSWERS
# The same, where the station's own word says more
_WORDS: dict[tuple[type[Any], str], Text] = {
    (Unlock, "OngoingAuthorizedTransaction"): lazy("Refused by the station: a car is charging there. Stop the charge first."),
    (Unlock, "UnknownConnector"): lazy("Refused by the station: it has no such connector."),
    (UpdateFirmware, "AcceptedCanceled"): lazy("Accepted. The update that it was at before is dropped."),
    (UpdateFirmware, "InvalidCertificate"): lazy("Refused by the station: it does not trust the certificate of who signed the file."),
    (UpdateFirmware, "RevokedCertificate"): lazy("Refused by the station: the certificate of who signed the file is revoked."),
    (SendLog, "AcceptedCanceled"): lazy("Accepted. The upload that it was at before is dropped."),
    (CustomerInformation, "Invalid"): lazy("Refused by the station: the question names no card that it understands."),
}
_ERRORS: dict[str, Text] = {
    "NotImplemented": lazy("The station does not know this command."),
    "NotSupported": lazy("The station does not support this command."),
    "SecurityError": lazy("The station refused for reasons of security."),
}


def error_said(code: str, description: str) -> str:
    """What a station means that answers with an error, and what it says of it itself."""
    return f"{_ERRORS.get(code) or _('The station answered with the error %s.') % code} {description}".strip()


def command_state(command: Command) -> str:
    """Which of the six states a command is in."""
    state = Command.State
    if command.state == state.ACCEPTED:
        if _knows_none(command):
            return FAULT
        return WAITING if outcome_of(command) in {intents.SCHEDULED, intents.REBOOT_REQUIRED} else AVAILABLE
    if command.state == state.QUEUED:
        return WAITING
    return BUSY if command.state == state.SENT else FAULT


def command_word(command: Command) -> str:
    """The state in one or two words."""
    words: dict[str, Text] = {
        Command.State.QUEUED: lazy("Queued"),
        Command.State.SENT: lazy("Sent"),
        Command.State.ACCEPTED: lazy("Accepted"),
        Command.State.REJECTED: lazy("Refused"),
        Command.State.FAILED: lazy("Failed"),
        Command.State.TIMED_OUT: lazy("No answer"),
        Command.State.EXPIRED: lazy("Not delivered"),
    }
    return _("Unknown key") if _knows_none(command) else str(words[command.state])


def _knows_none(command: Command) -> bool:
    """Whether it was asked for keys of its configuration and knows none of them."""
    if command.state != Command.State.ACCEPTED or not isinstance(command.answer, dict):
        return False
    version = speaker(command.version)
    return bool(version.keys_unknown(command.answer)) and not version.keys_told(command.answer)


def command_result(command: Command, viewer: Viewer) -> str:
    """What became of it, in a sentence; empty only where the word says all. What a station says of a card it refused may name the card."""
    state = Command.State
    match command.state:
        case state.QUEUED:
            return _("Waits to be sent to the station.")
        case state.SENT:
            return _("The station has it; no answer yet.")
        case state.TIMED_OUT:
            return _("No answer within %d s.") % command.timeout
        case state.EXPIRED:
            return _("Not delivered within %d s: the station was not reachable.") % command.timeout
        case state.FAILED if isinstance(command.answer, dict):
            word = f" (“{command.answer_status[:40]}”)" if command.answer_status else ""
            return _("The station answered something that means neither yes nor no%s. Look whether it did it, or ask it again.") % word
        case state.FAILED:
            said = str(_ERRORS.get(command.error_code) or _("The station answered with the error %s.") % command.error_code)
            more = command.error_description
            if isinstance(intent_of(command), Start | Reserve | CustomerInformation) and not may(viewer, PERSONAL_DATA, command.station):
                more = ""
            return f"{said} {more}".strip()
    wanted, word = intent_of(command), command.answer_status
    if isinstance(wanted, ReadConfiguration | ReadReport | ReadMonitors) and command.answer_status:
        return str(_REPORTS.get(command.answer_status, command.answer_status))
    if isinstance(wanted, ReadConfiguration) and isinstance(command.answer, dict):
        return _read(command)
    if wanted is not None and isinstance(command.answer, dict) and (said := _each(command)):
        return said
    if wanted is None:
        return word
    if isinstance(wanted, GetSchedule) and outcome_of(command) == intents.ACCEPTED:
        told = speaker(command.version).schedule(command.answer) if isinstance(command.answer, dict) else None
        if told is None:
            return _("Accepted by the station, but it told no schedule: it sets no limit for this time, or said nothing that can be read.")
    if isinstance(wanted, ReadRoots) and word == "NotFound":
        return _("It has none of this kind.") if wanted.uses else _("It has none.")
    said = str(_WORDS.get((type(wanted), word)) or _ANSWERS.get((type(wanted), outcome_of(command)), word))
    private = isinstance(wanted, Start | Reserve | CustomerInformation) and not may(viewer, PERSONAL_DATA, command.station)
    return said if private else f"{said} {_reason(command)}".strip()


def _reason(command: Command) -> str:
    """What the station says of why, in its own words (StatusInfoType of 2.0.1); empty where it says nothing."""
    told = command.answer.get("statusInfo") if isinstance(command.answer, dict) else None
    if not isinstance(told, dict):
        return ""
    words = [str(told[name])[:200] for name in ("additionalInfo", "reasonCode") if told.get(name)]
    return _("The station says: %s.") % " · ".join(words).rstrip(".") if words else ""


_REPORTS: dict[str, Text] = {
    "Accepted": lazy("Accepted; what was asked for follows in parts."),
    "EmptyResultSet": lazy("There is nothing of this kind at the station."),
    "Rejected": lazy("Refused by the station. It may still be sending another report: try again in a minute."),
    "NotSupported": lazy("The station cannot report this."),
}
# What a result of one variable or monitor means (2.0.1 part 2: SetVariableStatusEnumType, SetMonitoringStatusEnumType …)
_RESULTS: dict[str, Text] = {
    "Accepted": lazy("Accepted."),
    "Rejected": lazy("Refused by the station: it is read-only, or the value does not fit."),
    "RebootRequired": lazy("Changed; in force after a reset."),
    "UnknownComponent": lazy("The station does not know this component."),
    "UnknownVariable": lazy("The component is known, but has no such variable."),
    "NotSupportedAttributeType": lazy("The variable has no such attribute."),
    "UnsupportedMonitorType": lazy("This variable cannot be watched in this way."),
    "Duplicate": lazy("There is such a monitor already."),
    "NotFound": lazy("There is no such monitor."),
}


def _each(command: Command) -> str:
    """The result of each variable or monitor, with the reason that the station gives; empty where the answer has none."""
    results = commands.results(command.answer)
    said = []
    for name, status, reason in results[:5]:
        words = str(_RESULTS.get(status, status))
        words = f"{words} ({reason[:100]})" if reason else words
        said.append(f"{name}: {words}" if len(results) > 1 and name else words)
    if len(results) == 1 and results[0][1] == "Accepted":
        return str(_ANSWERS.get((type(intent_of(command)), intents.ACCEPTED), said[0]))
    if len(results) > 5:
        said.append(_("and %d more") % (len(results) - 5))
    return " ".join(said)


def _read(command: Command) -> str:
    version, answer = speaker(command.version), command.answer if isinstance(command.answer, dict) else {}
    told, unknown = version.keys_told(answer), version.keys_unknown(answer)
    said = [ngettext("%d key read.", "%d keys read.", told) % told] if told or not unknown else []
    if told > ConfigurationKey.MOST:
        said.append(_("Only %(kept)d of them are kept, those of the standard first.") % {"kept": ConfigurationKey.MOST})
    if unknown:
        said.append(_("The station does not know: %s.") % ", ".join(key[:50] for key in unknown[:5]))
    return " ".join(said)


# Why the portal asked, where no person did
_ORIGINS: dict[str, Text] = {
    "shell": lazy("from a shell"),
    "console": lazy("from the expert console"),
    "local_list": lazy("the portal: its local list was not in step"),
    "out_of_service": lazy("the portal: it was out of service for a time"),
    "firmware": lazy("the portal: a firmware update was planned"),
    "limit": lazy("the portal: the pass has charged all it may"),
    "missing_reports": lazy("the portal: reports of a transaction are missing"),
    "first_reading": lazy("the portal: the station is new, or has another firmware"),
    "certificates": lazy("the portal: certificates are signed and renewed by it"),
    "capacity": lazy("the portal: the capacity of the location is shared"),
}


def command_asker(command: Command, viewer: Viewer) -> str:
    """Who asked, as `viewer` may know it. `requested_by` and `station` with its organization must be selected along."""
    if command.requested_by is not None:
        location = command.station.location
        return person(viewer, command.requested_by, location.organization.path, location.pk)
    return str(_ORIGINS.get(command.origin) or command.origin or _("the portal"))
