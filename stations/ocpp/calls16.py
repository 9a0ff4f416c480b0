"""Intents in OCPP 1.6: the CALL that says one, the intent that a CALL says, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from stations.ocpp import calls, commands, intents, masking, profile_reading, profiles, roots, schemas, v16
from stations.ocpp.calls import Call, Reader, moment
from stations.ocpp.events import Payload
from stations.ocpp.intents import (
    AskForRequest,
    AskListVersion,
    CancelReservation,
    ClearProfile,
    Configure,
    GetProfiles,
    GetSchedule,
    Installed,
    Intent,
    ListedCard,
    NotPossible,
    ReadConfiguration,
    ReadRoots,
    Reserve,
    Reset,
    SendList,
    SendLog,
    SetProfile,
    Start,
    Stop,
    Switch,
    Trigger,
    Unlock,
    UpdateFirmware,
)
from stations.ocpp.profiles import iso

schedule = profile_reading.composed  # what an answer to GetSchedule says
without_secrets = masking.without_secrets  # of a CALL of ours, or of its answer, as it may be shown

LONGEST_TAG = 20  # characters of an idTag (CiString20Type)
# Feature profiles (§3.3.1) of what is not Core
_PROFILES: dict[type[Any], str] = {
    Trigger: "RemoteTrigger", UpdateFirmware: "FirmwareManagement", SendLog: "FirmwareManagement", Reserve: "Reservation",
    CancelReservation: "Reservation", SendList: "LocalAuthListManagement", AskListVersion: "LocalAuthListManagement",
    SetProfile: "SmartCharging", ClearProfile: "SmartCharging", GetSchedule: "SmartCharging",
}  # fmt: skip
PROFILES_KEY = "SupportedFeatureProfiles"
# What a CALL is named that says one of these
ACTIONS: dict[type[Any], str] = {
    Configure: "ChangeConfiguration", ReadConfiguration: "GetConfiguration", Start: "RemoteStartTransaction",
    AskForRequest: "ExtendedTriggerMessage", **roots.ACTIONS,
}  # fmt: skip
PASSWORD_KEY = "AuthorizationKey"  # noqa: S105 - its name
CONNECTS_ANEW = True  # by itself, when it has taken another security profile
PASSWORD_IS_HEX = True  # AuthorizationKey: up to 20 bytes, written in hexadecimal
ANY_KEY = "ReserveConnectorZeroSupported"
SECURITY_KEY = "SecurityProfile"  # of the security extension; a station that has it knows GetLog
SOFT_RESET_WAITS = False  # charges that run are ended in good order
UNLOCK_ENDS_CHARGE = True


def missing_profile(intent: type[Any], configuration: Mapping[str, str]) -> str:
    """The feature profile that `intent` needs and the station, by its configuration, does not have; empty where it has it or never said."""
    needed, told = _PROFILES.get(intent, ""), configuration.get(PROFILES_KEY, "")
    if not needed or not told.strip():
        return ""
    return "" if needed.lower() in {part.strip().lower() for part in told.split(",")} else needed


def tells_security_log(configuration: Mapping[str, str]) -> bool | None:
    """Whether a station has a security log, by what it has told of its configuration; None where that was never read."""
    if SECURITY_KEY in configuration:
        return True
    return False if configuration else None


def raising(profile: int, url: str, wireless: bool, known: Mapping[str, str]) -> Sequence[Intent]:
    """What raises the security profile of a station, step by step. It connects anew by itself, or after the restart if it asks for one.
    Where it connects it keeps; `url` is for other versions."""
    return [Configure(SECURITY_KEY, str(profile)), Reset()]


def reserves_any(configuration: Mapping[str, str]) -> bool | None:
    """Whether the station takes a reservation of no certain connector (§9.3); None where it never said."""
    return calls.flag(configuration, ANY_KEY)


def key_of(name: str) -> str:
    """What this version calls a configuration key of OCPP 1.6."""
    return name


def checks_signatures(configuration: Mapping[str, str]) -> bool | None:
    """Whether a station takes firmware with a signature; None where its configuration was never read."""
    return tells_security_log(configuration)


def call(intent: Intent) -> Call:
    """(action, payload); NotPossible says what OCPP 1.6 cannot say."""
    maker = _CALLS.get(type(intent))
    if maker is None:
        raise NotPossible(_("OCPP 1.6 cannot say this."))
    return maker(intent)


def _start(intent: Start) -> Call:
    found: Payload = {"idTag": intent.uid} | ({"connectorId": intent.connector} if intent.connector else {})
    if intent.profile:
        found["chargingProfile"] = profiles.made16(intent.profile)
    return "RemoteStartTransaction", found


def _reset(intent: Reset) -> Call:
    if intent.connector:
        raise NotPossible(_("OCPP 1.6 can only reset the station as a whole."))
    return "Reset", {"type": "Hard" if intent.hard else "Soft"}


def _stop(intent: Stop) -> Call:
    if not intent.transaction_id.lstrip("-").isdecimal():
        raise NotPossible(_("This transaction has no number the station knows it by."))
    return "RemoteStopTransaction", {"transactionId": int(intent.transaction_id)}


def _set_profile(intent: SetProfile) -> Call:
    told = intent.profile.transaction_id
    if told and not told.lstrip("-").isdecimal():
        raise NotPossible(_("This transaction has no number the station knows it by."))
    return "SetChargingProfile", {"connectorId": intent.connector, "csChargingProfiles": profiles.made16(intent.profile)}


def _clear_profile(intent: ClearProfile) -> Call:
    said = {
        "id": intent.id, "connectorId": intent.connector, "stackLevel": intent.level,
        "chargingProfilePurpose": profiles.purpose16(intent.purpose) if intent.purpose else None,
    }  # fmt: skip
    return "ClearChargingProfile", calls.given(said)


def _get_schedule(intent: GetSchedule) -> Call:
    unit = {"chargingRateUnit": intent.unit} if intent.unit else {}
    return "GetCompositeSchedule", {"connectorId": intent.connector, "duration": intent.duration} | unit


def _get_profiles(intent: GetProfiles) -> Call:
    raise NotPossible(_("A station with OCPP 1.6 cannot list its charging profiles. Ask for the schedule that it has made of them."))


# What OCPP 1.6 calls otherwise (§7.37)
_MESSAGES = {intents.LOG_STATUS: "DiagnosticsStatusNotification"}
_OUR_MESSAGES = {theirs: ours for ours, theirs in _MESSAGES.items()}
# What only the security extension can ask for, and how ExtendedTriggerMessage names it
_EXTENDED = {intents.SECURITY_LOG_STATUS: "LogStatusNotification", intents.SIGNED_FIRMWARE_STATUS: "FirmwareStatusNotification"}
_OUR_EXTENDED = {theirs: ours for ours, theirs in _EXTENDED.items()}


def _our_message(name: str) -> str:
    return _OUR_MESSAGES.get(name, name)


def _our_extended(name: str) -> str:
    return _OUR_EXTENDED.get(name, name)


def triggers(configuration: Mapping[str, str] | None = None) -> frozenset[str]:
    """The messages that a Trigger can ask for: of a station that has told this of its configuration, or (None) of any."""
    names = schemas.choices(v16.VERSION, "TriggerMessage", "requestedMessage")
    extended = configuration is None or tells_security_log(configuration)
    return frozenset(_our_message(name) for name in names) | (_EXTENDED.keys() if extended else frozenset())


def needs_connector(message: str) -> bool:
    """Whether a Trigger for this must name a connector."""
    return False


def check(action: str, payload: Payload) -> str:
    """Why this CALL cannot be sent, in a sentence; empty when it can."""
    return commands.check(v16.VERSION, v16.NAME, v16.COMMANDS, action, payload)


def _trigger(intent: Trigger) -> Call:
    action, message = "TriggerMessage", _MESSAGES.get(intent.message, intent.message)
    if intent.message in _EXTENDED:
        action, message = "ExtendedTriggerMessage", _EXTENDED[intent.message]
    return action, {"requestedMessage": message} | ({"connectorId": intent.connector} if intent.connector else {})


def _update(intent: UpdateFirmware) -> Call:
    if intent.signature:
        return "SignedUpdateFirmware", {
            "requestId": intent.key, "retries": intent.retries, "retryInterval": intent.retry_interval,
            "firmware": {
                "location": intent.url, "retrieveDateTime": iso(intent.at), "signingCertificate": intent.certificate,
                "signature": intent.signature,
            },
        }  # fmt: skip
    return "UpdateFirmware", {
        "location": intent.url, "retrieveDate": iso(intent.at), "retries": intent.retries, "retryInterval": intent.retry_interval,
    }  # fmt: skip


def _send_log(intent: SendLog) -> Call:
    if intent.security:
        return calls.log(intent)
    again = {"retries": intent.retries, "retryInterval": intent.retry_interval}
    return "GetDiagnostics", {"location": intent.url, **calls.span(intent, "startTime", "stopTime"), **again}


def _reserve(intent: Reserve) -> Call:
    if intent.plug:
        raise NotPossible(_("OCPP 1.6 cannot ask for a kind of plug. Choose a connector."))
    if max(len(intent.uid), len(intent.group_id)) > LONGEST_TAG:
        raise NotPossible(_("OCPP 1.6 knows cards of at most %d characters.") % LONGEST_TAG)
    group = {"parentIdTag": intent.group_id} if intent.group_id else {}
    return "ReserveNow", {
        "connectorId": intent.connector, "expiryDate": iso(intent.until), "idTag": intent.uid, "reservationId": intent.key, **group,
    }  # fmt: skip


def _list(intent: SendList) -> Call:
    """A card that is too long for this version is none that its reader could send."""
    return "SendLocalList", {
        "listVersion": intent.version, "updateType": "Full" if intent.full else "Differential",
        "localAuthorizationList": [_listed(card) for card in intent.cards if len(card.uid) <= LONGEST_TAG],
    }  # fmt: skip


def _listed(card: ListedCard) -> Payload:
    if not card.status:
        return {"idTag": card.uid}
    info = {"status": card.status} | ({"expiryDate": card.expiry} if card.expiry else {})
    return {"idTag": card.uid, "idTagInfo": info | ({"parentIdTag": card.group_id[:LONGEST_TAG]} if card.group_id else {})}


def _read_card(item: Payload) -> ListedCard:
    info = item.get("idTagInfo") or {}
    return ListedCard(item["idTag"], info.get("status", ""), info.get("expiryDate", ""), info.get("parentIdTag", ""))


_CALLS: dict[type[Any], Callable[[Any], Call]] = {
    **calls.CALLS,
    **roots.CALLS16,
    Start: _start,
    Stop: _stop,
    Reset: _reset,
    Unlock: lambda intent: ("UnlockConnector", {"connectorId": intent.connector}),
    Switch: lambda intent: (
        "ChangeAvailability", {"connectorId": intent.connector, "type": "Operative" if intent.operative else "Inoperative"},
    ),
    Trigger: _trigger,
    ReadConfiguration: lambda intent: ("GetConfiguration", {"key": list(intent.keys)} if intent.keys else {}),
    Configure: lambda intent: ("ChangeConfiguration", {"key": intent.key, "value": intent.value}),
    UpdateFirmware: _update,
    SendLog: _send_log,
    SetProfile: _set_profile,
    ClearProfile: _clear_profile,
    GetSchedule: _get_schedule,
    GetProfiles: _get_profiles,
    Reserve: _reserve,
    SendList: _list,
}  # fmt: skip


def intent(action: str, payload: Payload) -> Intent | None:
    """What a CALL of ours wanted; None where that is no intent."""
    return calls.read(_READERS, action, payload)


def connector_named(action: str, payload: Payload) -> int | None:
    """The connector that a CALL of ours is about; None where it names none."""
    found = payload.get("connectorId")
    return found if isinstance(found, int) else None


def remote_start(action: str, payload: Payload) -> int | None:
    """OCPP 1.6 has no number by which a transaction that comes of a Start is known."""
    return None


def log_name(action: str, answer: Payload) -> str | None:
    """What the station calls the log that it was asked for and said yes to; empty where it does not say. None: it has nothing to upload
    (§5.9: an answer to GetDiagnostics without a name)."""
    if action == "GetDiagnostics":
        return str(answer.get("fileName") or "").strip() or None
    return str(answer.get("filename") or "").strip()


_READERS: dict[str, Reader] = {
    "RemoteStartTransaction": lambda p: Start(
        p["idTag"], p.get("connectorId", 0), profile_reading.read(p["chargingProfile"]) if "chargingProfile" in p else None
    ),
    "RemoteStopTransaction": lambda p: Stop(str(p["transactionId"])),
    "Reset": lambda p: Reset(p.get("type") == "Hard"),
    "UnlockConnector": lambda p: Unlock(p["connectorId"]),
    "ChangeAvailability": lambda p: Switch(p["type"] == "Operative", p["connectorId"]),
    "TriggerMessage": lambda p: Trigger(_our_message(p["requestedMessage"]), p.get("connectorId", 0)),
    "GetConfiguration": lambda p: ReadConfiguration(tuple(p.get("key", ()))),
    "ChangeConfiguration": lambda p: Configure(p["key"], p["value"]),
    "UpdateFirmware": lambda p: UpdateFirmware(
        p["location"], datetime.fromisoformat(p["retrieveDate"]), 0, "", "", p.get("retries", 0), p.get("retryInterval", 0)
    ),
    "SignedUpdateFirmware": calls.signed_update,
    "ExtendedTriggerMessage": lambda p: roots.triggered16(p) or Trigger(_our_extended(p["requestedMessage"]), p.get("connectorId", 0)),
    **calls.READERS,
    **roots.READERS16,
    "GetDiagnostics": lambda p: SendLog(p["location"], 0, False, moment(p.get("startTime")), moment(p.get("stopTime"))),
    "SetChargingProfile": lambda p: SetProfile(p["connectorId"], profile_reading.read(p["csChargingProfiles"])),
    "ClearChargingProfile": lambda p: ClearProfile(
        p.get("id"), p.get("connectorId"), profile_reading.purpose_of(p.get("chargingProfilePurpose")), p.get("stackLevel")
    ),
    "GetCompositeSchedule": lambda p: GetSchedule(p["connectorId"], p["duration"], p.get("chargingRateUnit", "")),
    "ReserveNow": lambda p: Reserve(
        p["reservationId"], p["idTag"], datetime.fromisoformat(p["expiryDate"]), p["connectorId"], p.get("parentIdTag", "")
    ),
    "SendLocalList": lambda p: SendList(
        p["listVersion"], p["updateType"] == "Full", tuple(_read_card(item) for item in p.get("localAuthorizationList") or ())
    ),
}  # fmt: skip


def outcome(answer: Payload) -> str:
    """What a CALLRESULT says, in a word of `intents`. An answer without a status is a yes."""
    if "status" not in answer:
        return intents.ACCEPTED
    return calls.OUTCOMES.get(str(answer["status"]), intents.UNKNOWN)


def keys_unknown(answer: Payload) -> list[str]:
    """Those keys that were asked for by ReadConfiguration and that the station does not know."""
    keys = answer.get("unknownKey")
    return [key for key in keys if isinstance(key, str) and key] if isinstance(keys, list) else []


def values_told(answer: Payload) -> dict[str, str]:
    """What an answer to ReadConfiguration tells of the keys that were asked for."""
    found = answer.get("configurationKey")
    told = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("key", ""))[:50]: str(one.get("value") or "")[:500] for one in told}


def keys_told(answer: Payload) -> int:
    """How many keys an answer to ReadConfiguration told."""
    keys = answer.get("configurationKey")
    return len(keys) if isinstance(keys, list) else 0


def list_version(answer: Payload) -> int | None:
    """The version of the local list that an answer to AskListVersion tells; -1: the station has none (§5.10). None where it tells none."""
    return calls.whole(answer.get("listVersion"))


ROOTS = roots.USES16  # for what certificates can be installed


def reading_roots() -> list[ReadRoots]:
    """What asks a station for all that it has."""
    return [ReadRoots((use,)) for use in ROOTS]


def installed(wanted: ReadRoots, answer: Payload) -> list[Installed]:
    return roots.installed16(wanted, answer)
