"""Intents in OCPP 2.0.1 and 2.1: the CALL that says one, the intent that a CALL says, and what its answer means."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.ocpp import calls, commands, intents, masking, profile_reading, profiles, roots, schemas
from stations.ocpp.calls import Call, Reader
from stations.ocpp.events import Payload
from stations.ocpp.intents import (
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
    GetProfiles,
    GetSchedule,
    Installed,
    Intent,
    ListedCard,
    NetworkProfile,
    NotPossible,
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
    Trigger,
    Unlock,
    UpdateFirmware,
)
from stations.ocpp.numbering import connector_of, evse_of, number
from stations.ocpp.profiles import iso
from stations.ocpp.v201 import COMMANDS
from stations.ocpp.variables import Variable

schedule = profile_reading.composed  # what an answer to GetSchedule says
without_secrets = masking.without_secrets  # of a CALL of ours, or of its answer, as it may be shown

SOFT_RESET_WAITS = True  # until no charge runs (B12)
UNLOCK_ENDS_CHARGE = False  # it is refused as long as a charge runs that was authorized (F05)

PASSWORD_KEY = "SecurityCtrlr/BasicAuthPassword"  # noqa: S105 - its name
CONNECTS_ANEW = False
PASSWORD_IS_HEX = False
PRIORITY_KEY = "OCPPCommCtrlr/NetworkConfigurationPriority"
MOST_SLOTS = 20
# What a CALL is named that says one of these
ACTIONS: dict[type[Any], str] = {
    Configure: "SetVariables", ReadConfiguration: "GetVariables", Start: "RequestStartTransaction", AskForRequest: "TriggerMessage",
    **roots.ACTIONS,
}  # fmt: skip
# Variables by which a station tells that it has what an intent needs; by what people know it as
_LISTS, _RESERVATIONS, _SMART, _MONITORS, _CACHE = (
    ("LocalAuthListCtrlr/Available", lazy("local lists")), ("ReservationCtrlr/Available", lazy("reservations")),
    ("SmartChargingCtrlr/Available", lazy("charging profiles")), ("MonitoringCtrlr/Available", lazy("monitors")),
    ("AuthCacheCtrlr/Available", lazy("a cache of cards")),
)  # fmt: skip
FEATURES: dict[type[Any], tuple[str, Any]] = {
    ClearCache: _CACHE,
    **dict.fromkeys((SendList, AskListVersion), _LISTS),
    **dict.fromkeys((Reserve, CancelReservation), _RESERVATIONS),
    **dict.fromkeys((SetProfile, ClearProfile, GetSchedule, GetProfiles), _SMART),
    **dict.fromkeys((SetMonitor, SetMonitors, ClearMonitors, ReadMonitors, SetMonitoringBase, SetMonitoringLevel), _MONITORS),
}
ANY_KEY = "ReservationCtrlr/NonEvseSpecific"
TELLING_KEYS = (*dict.fromkeys(key for key, _name in FEATURES.values()), ANY_KEY)

# What OCPP 1.6 has as a configuration key of another name (part 2, Appendices: referenced components and variables): the same meaning, set
# to the same values. Lists of measurands are none: they differ between the versions.
SAME_KEYS = {
    "HeartbeatInterval": "OCPPCommCtrlr/HeartbeatInterval",
    "WebSocketPingInterval": "OCPPCommCtrlr/WebSocketPingInterval",
    "ResetRetries": "OCPPCommCtrlr/ResetRetries",
    "TransactionMessageAttempts": "OCPPCommCtrlr/MessageAttempts:TransactionEvent",
    "TransactionMessageRetryInterval": "OCPPCommCtrlr/MessageAttemptInterval:TransactionEvent",
    "UnlockConnectorOnEVSideDisconnect": "OCPPCommCtrlr/UnlockOnEVSideDisconnect",
    "ConnectionTimeOut": "TxCtrlr/EVConnectionTimeOut",
    "StopTransactionOnEVSideDisconnect": "TxCtrlr/StopTxOnEVSideDisconnect",
    "StopTransactionOnInvalidId": "TxCtrlr/StopTxOnInvalidId",
    "MaxEnergyOnInvalidId": "TxCtrlr/MaxEnergyOnInvalidId",
    "AuthorizeRemoteTxRequests": "AuthCtrlr/AuthorizeRemoteStart",
    "LocalAuthListEnabled": "LocalAuthListCtrlr/Enabled",
    "LocalAuthorizeOffline": "AuthCtrlr/LocalAuthorizeOffline",
    "LocalPreAuthorize": "AuthCtrlr/LocalPreAuthorize",
    "AllowOfflineTxForUnknownId": "AuthCtrlr/OfflineTxForUnknownIdEnabled",
    "AuthorizationCacheEnabled": "AuthCacheCtrlr/Enabled",
    "MeterValueSampleInterval": "SampledDataCtrlr/TxUpdatedInterval",
    "ClockAlignedDataInterval": "AlignedDataCtrlr/Interval",
    "CpoName": "SecurityCtrlr/OrganizationName",
}
# What a station only tells
_KEYS = {
    **SAME_KEYS,
    "SendLocalListMaxLength": "LocalAuthListCtrlr/ItemsPerMessage",
    "LocalAuthListMaxLength": "LocalAuthListCtrlr/Entries",  # its limit: its value is how many there are
}
_RFID = re.compile(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20}")
_ISO15693 = re.compile(r"[0-9A-Fa-f]{16}")
_EMAID = re.compile(r"[A-Z]{2}-?[0-9A-Z]{3}-?C[0-9A-Z]{8}(?:-?[0-9A-Z])?", re.IGNORECASE)


def missing_profile(intent: type[Any], configuration: Mapping[str, str]) -> str:
    """What `intent` needs and the station, by its device model, does not have; empty where it has it or never said."""
    key, name = FEATURES.get(intent, ("", ""))
    return str(name) if key and configuration.get(key, "").strip().lower() == "false" else ""


def tells_security_log(configuration: Mapping[str, str]) -> bool | None:
    """Every station that speaks this version has one."""
    return True


def raising(profile: int, url: str, wireless: bool, known: Mapping[str, str]) -> Sequence[Intent]:
    """What raises the security profile of a station, step by step (B09, B10, A05): which slots it uses, a free one with the new
    profile, that one first, and a restart. `known` are its variables. The old slot stays behind the new one: it can fall back."""
    read = ReadConfiguration((PRIORITY_KEY,))
    told = {key.casefold(): value for key, value in known.items()}.get(PRIORITY_KEY.casefold(), "")
    slots = [int(one) for one in told.replace(" ", "").split(",") if one.isdecimal()][:MOST_SLOTS]
    if not slots:
        return [read]
    free = next(slot for slot in range(1, MOST_SLOTS + 2) if slot not in slots)
    first = ",".join(str(slot) for slot in (free, *slots))
    return [read, NetworkProfile(free, url, profile, wireless), Configure(PRIORITY_KEY, first), Reset()]


def checks_signatures(configuration: Mapping[str, str]) -> bool | None:
    """Whether a station takes firmware with a signature: every station that speaks this version."""
    return True


def call(intent: Intent) -> Call:
    """(action, payload); NotPossible says what this version cannot say."""
    maker = _CALLS.get(type(intent))
    if maker is None:
        raise NotPossible(_("OCPP 2.0.1 cannot say this."))
    return maker(intent)


def new_id() -> int:
    """A number that tells a request of ours from others: requestId, remoteStartId."""
    return secrets.randbelow(2**31 - 1) + 1


def id_token(uid: str) -> Payload:
    """IdTokenType. The type is told by what the UID looks like: 4, 7 or 10 bytes are ISO 14443, 8 bytes ISO 15693, a contract id is an
    eMAID, and everything else one of ours."""
    for form, name in ((_RFID, "ISO14443"), (_ISO15693, "ISO15693"), (_EMAID, "eMAID")):
        if form.fullmatch(uid):
            return {"idToken": uid, "type": name}
    return {"idToken": uid[:36], "type": "Central"}


def _group(group_id: str) -> Payload:
    """As `stations.ocpp.v201.id_token_info` tells the group of a card."""
    return {"groupIdToken": {"idToken": group_id[:36], "type": "Central"}} if group_id else {}


def reserves_any(configuration: Mapping[str, str]) -> bool | None:
    """Whether the station takes a reservation of no certain EVSE (H01.FR.19); None where it never said."""
    return calls.flag(configuration, ANY_KEY)


def key_of(name: str) -> str:
    """What this version calls a configuration key of OCPP 1.6: its variable, where there is one."""
    return _KEYS.get(name, name)


def evse(connector: int) -> Payload:
    """EVSEType with its connector."""
    return {"id": evse_of(connector), "connectorId": connector_of(connector)}


def _variable(key: str) -> Variable:
    found = Variable.parse(key)
    if found is None:
        raise NotPossible(_("“%s” names no variable. Write Component/Variable.") % key[:60])
    return found


def _read(intent: ReadConfiguration) -> Call:
    if not intent.keys:
        return "GetBaseReport", {"requestId": new_id(), "reportBase": "FullInventory"}
    return "GetVariables", {"getVariableData": [_variable(key).payload() for key in intent.keys]}


def _setting(intent: Configure) -> Payload:
    attribute = {} if intent.attribute == "Actual" else {"attributeType": intent.attribute}
    return {**_variable(intent.key).payload(), **attribute, "attributeValue": intent.value}


def _monitor(intent: SetMonitor) -> Payload:
    value = int(intent.value) if float(intent.value).is_integer() else intent.value
    told = {"transaction": intent.transaction, "value": value, "type": intent.type, "severity": intent.severity}
    number = {} if intent.id is None else {"id": intent.id}
    return {**number, **told, **_variable(intent.key).payload()}


def _monitors(monitors: Sequence[SetMonitor]) -> Call:
    return "SetVariableMonitoring", {"setMonitoringData": [_monitor(one) for one in monitors]}


def _start(intent: Start) -> Call:
    found: Payload = {"idToken": id_token(intent.uid), "remoteStartId": new_id()}
    if intent.connector:
        found["evseId"] = evse_of(intent.connector)
    if intent.profile:
        found["chargingProfile"] = profiles.made201(intent.profile)
    return "RequestStartTransaction", found


def _clear_profile(intent: ClearProfile) -> Call:
    """By its id, or by what fits (part 2 §1.9): all where nothing is said."""
    if intent.id is not None:
        return "ClearChargingProfile", {"chargingProfileId": intent.id}
    said = {
        "evseId": None if intent.connector is None else evse_of(intent.connector), "stackLevel": intent.level,
        "chargingProfilePurpose": profiles.purpose201(intent.purpose) if intent.purpose else None,
    }  # fmt: skip
    fits = calls.given(said)
    return "ClearChargingProfile", {"chargingProfileCriteria": fits} if fits else {}


def _get_schedule(intent: GetSchedule) -> Call:
    unit = {"chargingRateUnit": intent.unit} if intent.unit else {}
    return "GetCompositeSchedule", {"evseId": evse_of(intent.connector), "duration": intent.duration} | unit


def _get_profiles(intent: GetProfiles) -> Call:
    criterion = {"chargingProfilePurpose": profiles.purpose201(intent.purpose)} if intent.purpose else {}
    found: Payload = {"requestId": intent.key, "chargingProfile": criterion}
    return "GetChargingProfiles", found | ({} if intent.connector is None else {"evseId": evse_of(intent.connector)})


def _reserve(intent: Reserve) -> Call:
    at = {"evseId": evse_of(intent.connector)} if intent.connector else {"connectorType": intent.plug} if intent.plug else {}
    return "ReserveNow", {
        "id": intent.key, "expiryDateTime": iso(intent.until), "idToken": id_token(intent.uid), **at, **_group(intent.group_id),
    }  # fmt: skip


def _list(intent: SendList) -> Call:
    """An empty list is one that is not given (D01.FR.04)."""
    cards = [_listed(card) for card in intent.cards]
    return "SendLocalList", {"versionNumber": intent.version, "updateType": "Full" if intent.full else "Differential"} | (
        {"localAuthorizationList": cards} if cards else {}
    )


def _listed(card: ListedCard) -> Payload:
    if not card.status:
        return {"idToken": id_token(card.uid)}
    info = {"status": card.status} | ({"cacheExpiryDateTime": card.expiry} if card.expiry else {})
    return {"idToken": id_token(card.uid), "idTokenInfo": info | _group(card.group_id)}


def _read_card(item: Payload) -> ListedCard:
    info = item.get("idTokenInfo") or {}
    group = (info.get("groupIdToken") or {}).get("idToken", "")
    return ListedCard(item["idToken"]["idToken"], info.get("status", ""), info.get("cacheExpiryDateTime", ""), group)


# What a TriggerMessage must name a connector for (F06.FR.12)
_OF_A_CONNECTOR = frozenset({"StatusNotification"})


def needs_connector(message: str) -> bool:
    """Whether a Trigger for this must name a connector."""
    return message in _OF_A_CONNECTOR


def _trigger(intent: Trigger) -> Call:
    if intent.message not in triggers():
        raise NotPossible(_("OCPP 2.0.1 cannot ask for this message."))
    if needs_connector(intent.message) and not intent.connector:
        raise NotPossible(_("OCPP 2.0.1 asks each connector for this: choose one."))
    return "TriggerMessage", {"requestedMessage": intent.message} | ({"evse": evse(intent.connector)} if intent.connector else {})


_CALLS: dict[type[Any], Callable[[Any], Call]] = {
    **calls.CALLS,
    **roots.CALLS201,
    Start: _start,
    AskTransaction: lambda intent: (
        "GetTransactionStatus", {"transactionId": intent.transaction_id} if intent.transaction_id else {},
    ),
    TellCost: lambda intent: ("CostUpdated", {"transactionId": intent.transaction_id, "totalCost": intent.total}),
    Stop: lambda intent: ("RequestStopTransaction", {"transactionId": intent.transaction_id}),
    Reset: lambda intent: (
        "Reset",
        {"type": "Immediate" if intent.hard else "OnIdle"} | ({"evseId": evse_of(intent.connector)} if intent.connector else {}),
    ),
    Unlock: lambda intent: ("UnlockConnector", {"evseId": evse_of(intent.connector), "connectorId": connector_of(intent.connector)}),
    Switch: lambda intent: (
        "ChangeAvailability",
        {"operationalStatus": "Operative" if intent.operative else "Inoperative"}
        | ({"evse": {"id": evse_of(intent.connector)} if intent.whole else evse(intent.connector)} if intent.connector else {}),
    ),
    Trigger: _trigger,
    ReadConfiguration: _read,
    NetworkProfile: lambda intent: ("SetNetworkProfile", {
        "configurationSlot": intent.slot, "connectionData": {
            "ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": intent.url, "messageTimeout": intent.message_timeout,
            "securityProfile": intent.profile, "ocppInterface": "Wireless0" if intent.wireless else "Wired0",
        },
    }),
    Configure: lambda intent: ("SetVariables", {"setVariableData": [_setting(intent)]}),
    ConfigureMany: lambda intent: ("SetVariables", {"setVariableData": [_setting(one) for one in intent.settings]}),
    ReadReport: lambda intent: ("GetBaseReport", {"requestId": new_id(), "reportBase": intent.base}),
    SetMonitor: lambda intent: _monitors([intent]),
    SetMonitors: lambda intent: _monitors(intent.monitors),
    ClearMonitors: lambda intent: ("ClearVariableMonitoring", {"id": list(intent.ids)}),
    ReadMonitors: lambda intent: ("GetMonitoringReport", {"requestId": intent.request or new_id()}),
    SetMonitoringBase: lambda intent: ("SetMonitoringBase", {"monitoringBase": intent.base}),
    SetMonitoringLevel: lambda intent: ("SetMonitoringLevel", {"severity": intent.severity}),
    UpdateFirmware: lambda intent: ("UpdateFirmware", {
        "requestId": intent.key or new_id(), "retries": intent.retries, "retryInterval": intent.retry_interval,
        "firmware": {"location": intent.url, "retrieveDateTime": iso(intent.at)}
        | ({"signingCertificate": intent.certificate, "signature": intent.signature} if intent.signature else {}),
    }),
    CustomerInformation: lambda intent: ("CustomerInformation", {
        "requestId": intent.key, "report": intent.report, "clear": intent.clear, "idToken": id_token(intent.uid),
    }),
    SendLog: calls.log,
    SetProfile: lambda intent: (
        "SetChargingProfile", {"evseId": evse_of(intent.connector), "chargingProfile": profiles.made201(intent.profile)},
    ),
    ClearProfile: _clear_profile,
    GetSchedule: _get_schedule,
    GetProfiles: _get_profiles,
    Reserve: _reserve,
    SendList: _list,
}  # fmt: skip


def intent(action: str, payload: Payload) -> Intent | None:
    """What a CALL of ours wanted; None where that is no intent."""
    return calls.read(_READERS, action, payload)


def _at(evse: Payload | None) -> int:
    return number(evse["id"], evse.get("connectorId")) if evse else 0


def _configure(p: Payload) -> Intent:
    found = [Configure(str(Variable.read(one)), one["attributeValue"], one.get("attributeType", "Actual")) for one in p["setVariableData"]]
    return found[0] if len(found) == 1 else ConfigureMany(tuple(found))


def _watch(p: Payload) -> Intent:
    found = [
        SetMonitor(str(Variable.read(one)), one["type"], one["value"], one["severity"], bool(one.get("transaction")), one.get("id"))
        for one in p["setMonitoringData"]
    ]
    return found[0] if len(found) == 1 else SetMonitors(tuple(found))


def _cleared(p: Payload) -> Intent:
    fits = p.get("chargingProfileCriteria") or {}
    purpose = profile_reading.purpose_of(fits.get("chargingProfilePurpose"))
    return ClearProfile(p.get("chargingProfileId"), fits.get("evseId"), purpose, fits.get("stackLevel"))


_READERS: dict[str, Reader] = {
    "RequestStartTransaction": lambda p: Start(
        p["idToken"]["idToken"], p.get("evseId", 0), profile_reading.read(p["chargingProfile"]) if "chargingProfile" in p else None
    ),
    "GetTransactionStatus": lambda p: AskTransaction(p.get("transactionId", "")),
    "CostUpdated": lambda p: TellCost(p["transactionId"], p["totalCost"]),
    "RequestStopTransaction": lambda p: Stop(p["transactionId"]),
    "Reset": lambda p: Reset(p["type"] == "Immediate", p.get("evseId", 0)),
    "UnlockConnector": lambda p: Unlock(number(p["evseId"], p["connectorId"])),
    "ChangeAvailability": lambda p: Switch(
        p["operationalStatus"] == "Operative", _at(p.get("evse")), "connectorId" not in (p.get("evse") or {"connectorId": 0})
    ),
    "TriggerMessage": lambda p: roots.triggered201(p) or Trigger(p["requestedMessage"], _at(p.get("evse"))),
    **calls.READERS,
    **roots.READERS201,
    "GetBaseReport": lambda p: ReadConfiguration() if p["reportBase"] == "FullInventory" else ReadReport(p["reportBase"]),
    "SetVariableMonitoring": _watch,
    "ClearVariableMonitoring": lambda p: ClearMonitors(tuple(p["id"])),
    "GetMonitoringReport": lambda p: None if p.get("componentVariable") or p.get("monitoringCriteria") else ReadMonitors(p["requestId"]),
    "SetMonitoringBase": lambda p: SetMonitoringBase(p["monitoringBase"]),
    "SetMonitoringLevel": lambda p: SetMonitoringLevel(p["severity"]),
    "GetVariables": lambda p: ReadConfiguration(tuple(str(Variable.read(one)) for one in p["getVariableData"])),
    "SetVariables": _configure,
    "UpdateFirmware": calls.signed_update,
    "CustomerInformation": lambda p: CustomerInformation(p["idToken"]["idToken"], p["requestId"], p["report"], p["clear"]),
    "SetChargingProfile": lambda p: SetProfile(p["evseId"], profile_reading.read(p["chargingProfile"])),
    "ClearChargingProfile": _cleared,
    "GetCompositeSchedule": lambda p: GetSchedule(p["evseId"], p["duration"], p.get("chargingRateUnit", "")),
    "GetChargingProfiles": lambda p: GetProfiles(
        p["requestId"], p.get("evseId"), profile_reading.purpose_of(p["chargingProfile"].get("chargingProfilePurpose"))
    ),
    "ReserveNow": lambda p: Reserve(
        p["id"], p["idToken"]["idToken"], datetime.fromisoformat(p["expiryDateTime"]), p.get("evseId", 0),
        (p.get("groupIdToken") or {}).get("idToken", ""), p.get("connectorType", ""),
    ),
    "SendLocalList": lambda p: SendList(
        p["versionNumber"], p["updateType"] == "Full", tuple(_read_card(item) for item in p.get("localAuthorizationList") or ())
    ),
}  # fmt: skip


def connector_named(action: str, payload: Payload) -> int | None:
    """The connector that a CALL of ours is about; None where it names none."""
    if isinstance(payload.get("evse"), dict):
        return _at(payload["evse"])
    found = payload.get("evseId")
    return number(found, payload.get("connectorId")) if isinstance(found, int) else None


def remote_start(action: str, payload: Payload) -> int | None:
    """The number that a Start carries, and the transaction that comes of it too."""
    found = payload.get("remoteStartId") if action == "RequestStartTransaction" else None
    return found if isinstance(found, int) else None


def log_name(action: str, answer: Payload) -> str | None:
    """What the station calls the log that it was asked for and said yes to; empty where it does not say."""
    return str(answer.get("filename") or "").strip()


def triggers(configuration: Mapping[str, str] | None = None) -> frozenset[str]:
    """The messages that a Trigger can ask for: of a station that has told this of its configuration, or (None) of any."""
    return schemas.choices("v201", "TriggerMessage", "requestedMessage")


def check(action: str, payload: Payload) -> str:
    """Why this CALL cannot be sent, in a sentence; empty when it can."""
    return commands.check("v201", "OCPP 2.0.1", COMMANDS, action, payload)


_OUTCOMES = calls.OUTCOMES | {
    "EmptyResultSet": intents.ACCEPTED,
    "NoProfiles": intents.ACCEPTED,
    "OngoingAuthorizedTransaction": intents.REJECTED,
    "Invalid": intents.REJECTED,
    "UnknownConnector": intents.REJECTED,
    "UnknownComponent": intents.NOT_SUPPORTED,
    "UnknownVariable": intents.NOT_SUPPORTED,
    "NotSupportedAttributeType": intents.NOT_SUPPORTED,
    "UnsupportedMonitorType": intents.NOT_SUPPORTED,
    "Duplicate": intents.REJECTED,
}


def outcome(answer: Payload) -> str:
    """What a CALLRESULT says, in a word of `intents`. An answer without a status is a yes; of several results the worst counts."""
    found = [_OUTCOMES.get(status, intents.UNKNOWN) for status in commands.statuses(answer)] or [intents.ACCEPTED]
    return next((one for one in found if one not in intents.GOOD), found[0])


def keys_unknown(answer: Payload) -> list[str]:
    """Those variables that were asked for by ReadConfiguration and that the station does not know."""
    return [str(Variable.read(one)) for one in _results(answer) if str(one.get("attributeStatus", "")).startswith("Unknown")]


def values_told(answer: Payload) -> dict[str, str]:
    """What an answer to ReadConfiguration tells of the variables that were asked for."""
    good = (one for one in _results(answer) if one.get("attributeStatus") == "Accepted")
    return {str(Variable.read(one)): str(one.get("attributeValue", ""))[:500] for one in good}


def keys_told(answer: Payload) -> int:
    """How many values an answer to ReadConfiguration told."""
    return sum(one.get("attributeStatus") == "Accepted" for one in _results(answer))


def _results(answer: Payload) -> list[Payload]:
    found = answer.get("getVariableResult")
    return [one for one in found if isinstance(one, dict) and "component" in one and "variable" in one] if isinstance(found, list) else []


def list_version(answer: Payload) -> int | None:
    """The version of the local list that an answer to AskListVersion tells; 0: it has none (D02.FR.03). None where it tells none."""
    return calls.whole(answer.get("versionNumber"))


ROOTS = roots.USES201  # for what certificates can be installed


def reading_roots() -> list[ReadRoots]:
    """What asks a station for all that it has."""
    return [ReadRoots()]


def installed(wanted: ReadRoots, answer: Payload) -> list[Installed]:
    return roots.installed201(wanted, answer)
