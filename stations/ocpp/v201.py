"""OCPP 2.0.1, and of 2.1 what is the same: payloads of stations to events, our answers, and what answers to our commands mean.

As lenient as `stations.ocpp.v16`: extra fields are dropped, numbers sent as text are converted, and of a message with bad meter values
the good ones are kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson

from stations.ocpp import commands, device_model, mending, registers, schemas, smart201
from stations.ocpp.events import (
    ENDED,
    AskedCertificate,
    Boot,
    CardOffered,
    CertificateWanted,
    ContractWanted,
    CustomerPart,
    DiagnosticsStatus,
    Event,
    FirmwareStatus,
    Heartbeat,
    Ignored,
    Metered,
    Payload,
    ReservationUpdate,
    Sample,
    SecurityNotice,
    Signed,
    Status,
    StatusWanted,
    TransactionReport,
)
from stations.ocpp.frames import OcppError
from stations.ocpp.numbering import number as connector_number
from stations.ocpp.reading import (
    LARGEST,
    channel,
    clean,
    drop_unknown,
    energy,
    fault,
    good_values,
    iso,
    not_here,
    number,
    refusal,
    reported,
    told_time,
    vendor_data,
    whole,
    write_whole,
)
from stations.ocpp.replies import Answer, Booted, Card, Judged, Now, Reply

# Actions that we send; everything else in the schemas comes from stations.
COMMANDS = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ClearCache", "ClearChargingProfile", "ClearDisplayMessage",
    "ClearVariableMonitoring", "CostUpdated", "CustomerInformation", "DataTransfer", "DeleteCertificate", "GetBaseReport",
    "GetChargingProfiles", "GetCompositeSchedule", "GetDisplayMessages", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog",
    "GetMonitoringReport", "GetReport", "GetTransactionStatus", "GetVariables", "InstallCertificate", "PublishFirmware",
    "RequestStartTransaction", "RequestStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile",
    "SetDisplayMessage", "SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "SetVariableMonitoring", "SetVariables",
    "TriggerMessage", "UnlockConnector", "UnpublishFirmware", "UpdateFirmware",
})  # fmt: skip
NOT_NUMBERED = -1  # as seqNo, where a report of a transaction has none
UNTOLD = "-"  # as the time of a report that has none
# As OCPP-J 2.0.1 §4.3 spells what OCPP-J 1.6 spells otherwise
_CODES = {"FormationViolation": "FormatViolation", "OccurenceConstraintViolation": "OccurrenceConstraintViolation"}


class V201:
    """`stations.ocpp.versions.Reader` for a version whose schemas are in the folder VERSION."""

    def __init__(self, folder: str, name: str) -> None:
        self.VERSION, self.NAME, self.COMMANDS = folder, name, COMMANDS

    def read(self, action: str, payload: Payload, faults: list[str] | None = None) -> Event:
        """The event in a CALL of a station; what had to be mended for it goes into `faults`. Raises OcppError, spelled as in 1.6."""
        reader = _READERS.get(action)
        checker = schemas.validator(self.VERSION, action) if reader else None  # which remembers each name that it was asked for
        if reader is None or checker is None:
            raise not_here(self.VERSION, self.NAME, action)
        try:
            if not checker.is_valid(payload):
                if faults is not None:
                    faults += [fault(action, error) for error in schemas.errors(checker, payload, 3)]
                payload = self._mend(action, payload)
                if faults is not None and (left_out := payload.get(mending.LEFT_OUT)):
                    faults.insert(0, f"{left_out}: {mending.NOT_READ}")
            write_whole(payload)
        except (RecursionError, ValueError) as error:  # ValueError is what jsonschema-rs says of it
            raise OcppError("FormationViolation", f"The payload is nested too deeply: {error}.") from None
        return reader(payload)

    def _mend(self, action: str, payload: Payload) -> Payload:
        """The payload with what real stations get wrong put right; OcppError for what cannot be."""
        checker = schemas.validator(self.VERSION, action)
        assert checker is not None
        needed = schemas.required(self.VERSION, action)
        payload = {key: copy.deepcopy(value) for key, value in payload.items() if value is not None or key in needed}
        registers_told = _registers_told(payload)
        if "timestamp" in needed or "timestamp" in payload:
            payload["timestamp"] = told_time(payload.get("timestamp"))
        for key in ("seqNo", "evseId", "connectorId", "requestId", "reservationId"):
            if key in payload and number(payload[key]) == whole(payload[key]):
                payload[key] = whole(payload[key])
        measured = action in ("MeterValues", "TransactionEvent") and "meterValue" in payload
        if measured and schemas.crowded(payload):
            payload["meterValue"] = self._good_values(payload["meterValue"])
        left_out = mending.entries(checker, action, payload) if action in mending.LISTS else 0
        drop_unknown(checker, payload)
        mending.respell(checker, payload)
        meant = self._mend_words(checker, action, payload) | ({mending.LEFT_OUT: left_out} if left_out else {})
        if measured:
            kept = self._good_values(payload["meterValue"])
            payload["meterValue"] = kept or [{"timestamp": "", "sampledValue": [{"value": 0}]}]
            worst = schemas.first_error(self.VERSION, action, payload)
            if not kept:
                payload.pop("meterValue")
        else:
            worst = schemas.first_error(self.VERSION, action, payload)
        if worst is None:
            return payload | meant | ({_REGISTERS_TOLD: registers_told} if action == "TransactionEvent" else {})
        raise refusal(action, worst)

    def _mend_words(self, checker: jsonschema_rs.Validator, action: str, payload: Payload) -> Payload:
        """What is worth more than how it is told; gives the words that only the schema must not see."""
        meant: Payload = {}
        if action in ("Authorize", "TransactionEvent"):
            mending.token(checker, payload)
        if action == "TransactionEvent":
            meant = {"triggerReason": clean(why, 50)} if isinstance(why := payload.get("triggerReason"), str) else {}
            payload.setdefault("seqNo", NOT_NUMBERED)
            _mend_transaction(checker, payload)
        elif action == "BootNotification":
            mending.write_texts(checker, payload)
            mending.boot(self.VERSION, payload)
            mending.clip(checker, payload)
        elif action in ("StatusNotification", "SecurityEventNotification"):
            if action == "SecurityEventNotification":
                mending.write_texts(checker, payload)
            mending.clip(checker, payload)
            meant = {"connectorStatus": finer} if (finer := mending.status(payload)) else {}
        return meant

    def _good_values(self, entries: Any) -> list[Payload]:
        checker = schemas.validator(self.VERSION, "MeterValues")
        assert checker is not None
        return good_values(entries, lambda one: _mend_sampled(checker, one), lambda one: checker.is_valid(_alone(one)))

    # -- what we answer, and what we are answered --------------------------------------------------------------------------------------

    def reply(self, action: str, said: Reply) -> Payload:
        """The payload of a CALLRESULT."""
        if isinstance(said, dict):
            return said
        if isinstance(said, Now):
            return {"currentTime": iso(said.at)}
        if isinstance(said, Booted):
            return {"currentTime": iso(said.at), "interval": said.interval, "status": said.status}
        if isinstance(said, Judged):
            info: Payload = {"idTokenInfo": id_token_info(said.card)} if said.card else {}
            info |= {"certificateStatus": said.certificate} if said.certificate else {}
            return info if said.total is None or action != "TransactionEvent" else info | {"totalCost": said.total}
        if not isinstance(said, Answer):
            return {}
        return {"status": said.status} | ({"statusInfo": {"reasonCode": said.reason[:20]}} if said.reason else {})

    def spelled(self, code: str) -> str:
        return _CODES.get(code, code)

    def answer_fault(self, action: str, asked: Payload, answer: Payload) -> str:
        return commands.answer_fault(self.VERSION, self.NAME, action, asked, answer)

    def accepted(self, action: str, answer: Payload) -> bool:
        return commands.says_yes(action, answer)


_SAMPLED = frozenset({"value", "context", "measurand", "phase", "location", "signedMeterValue", "unitOfMeasure", "customData"})
# What stands beside a number, which is as true without it
_BESIDE_VALUE = frozenset({"context", "location", "signedMeterValue", "customData"})
_GRID_SIDE = frozenset({"grid", "upstream"})  # as some call the place where the station draws


def _alone(sampled: Payload) -> Payload:
    """MeterValues with one sampled value."""
    return {"evseId": 1, "meterValue": [{"timestamp": "", "sampledValue": [sampled]}]}


def _mend_sampled(checker: jsonschema_rs.Validator, sampled: Payload) -> Payload:
    """A number is worth more than what stands beside it. What says how much it is, and of what, is not left out: where that cannot be read
    the number cannot either."""
    known = _SAMPLED & sampled.keys()
    sampled = {key: sampled[key] for key in known if sampled[key] not in (None, "")} | {"value": number(sampled.get("value"))}
    if "unitOfMeasure" in sampled:
        sampled["unitOfMeasure"] = _unit(sampled["unitOfMeasure"])
    wrong = {str(path[4]) for error in mending.faults(checker, _alone(sampled)) if len(path := list(error.instance_path)) > 4}
    if "location" in wrong and str(sampled["location"]).casefold() in _GRID_SIDE:
        wrong.discard("location")
        sampled["location"] = "Inlet"
    if "phase" in wrong and all(phase in str(sampled["phase"]) for phase in ("L1", "L2", "L3")):
        del sampled["phase"]  # of all of them: the whole
    return {key: value for key, value in sampled.items() if key not in wrong & _BESIDE_VALUE}


def _unit(told: Any) -> Any:
    """UnitOfMeasureType, which may stand there as its name only."""
    if isinstance(told, str):
        told = {"unit": told}
    if not isinstance(told, dict):
        return told
    found = {key: told[key] for key in ("unit", "multiplier") if told.get(key) not in (None, "")}
    if isinstance(name := found.get("unit"), str):
        found["unit"] = name.strip()[:20]
    if "multiplier" in found and number(found["multiplier"]) == whole(found["multiplier"]):
        found["multiplier"] = whole(found["multiplier"])
    return found


_REGISTERS_TOLD = "registersTold"  # in a TransactionEvent that was mended: how many there were before; no station can send it


def _registers_told(payload: Payload) -> int:
    """How many registers of energy there are in its meter values, however malformed."""
    entries = payload.get("meterValue") or ()
    told = 0
    for entry in entries if isinstance(entries, list | tuple) else [entries]:
        samples = (entry.get("sampledValue") or ()) if isinstance(entry, dict) else "?"
        for one in samples if isinstance(samples, list | tuple) else [samples]:
            told += not isinstance(one, dict) or one.get("measurand") in (None, "", registers.REGISTER)
    return told


def _mend_transaction(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """A report of a transaction is worth more than what is said beside it: what breaks the schema there is left out, and why it is sent
    may be anything."""
    for error in mending.faults(checker, payload):
        path = list(error.instance_path)
        if path[:1] == ["triggerReason"] or (not path and "triggerReason" not in payload):
            payload["triggerReason"] = "AbnormalCondition"
        elif path[:2] == ["transactionInfo", "stoppedReason"]:
            payload["transactionInfo"]["stoppedReason"] = "Other"
        elif path[:1] and path[0] in _BESIDE:
            payload.pop(str(path[0]), None)
        elif path[:1] == ["transactionInfo"] and path[1:2] and path[1] in _BESIDE_INFO:
            payload["transactionInfo"].pop(str(path[1]), None)


# Fields of a TransactionEvent, and of its transactionInfo, without which it still tells what was charged
_BESIDE = frozenset({"offline", "numberOfPhasesUsed", "cableMaxCurrent", "reservationId", "idToken", "evse"})
_BESIDE_INFO = frozenset({"chargingState", "timeSpentCharging", "remoteStartId"})


def id_token_info(card: Card) -> Payload:
    """IdTokenInfoType (part 2 §2.29), in the word for why a card is refused where there is one."""
    info: Payload = {"status": card.status if card.status == "Accepted" else _REFUSALS.get(card.reason, card.status)}
    if card.expiry:
        info["cacheExpiryDateTime"] = iso(card.expiry)
    if card.group_id:
        info["groupIdToken"] = {"idToken": card.group_id[:36], "type": "Central"}
    return info


# Why a card is refused (passes.reasons) -> AuthorizationStatusEnumType, where 1.6 has no such word
_REFUSALS = {
    "unknown": "Unknown",
    "network_unknown": "Unknown",
    "mode": "NotAtThisLocation",
    "not_listed": "NotAtThisLocation",
    "not_here": "NotAtThisLocation",
    "network_refused": "NotAtThisLocation",
    "not_now": "NotAtThisTime",
    "not_yet": "NotAtThisTime",
    "used_up": "NoCredit",
    "network_credit": "NoCredit",
}


# -- what stations send -------------------------------------------------------------------------------------------------------------


_USUAL_UNITS = frozenset({"", "A", "Celsius", "Percent", "V", "VA", "W", "Wh", "kW", "kWh", "var", "varh"})


def _meter(entries: list[Payload]) -> tuple[list[Sample], list[Signed]]:
    samples: list[Sample] = []
    signed: list[Signed] = []
    for entry in entries:
        at = reported(entry["timestamp"]).at
        for sampled in entry["sampledValue"]:
            get = sampled.get
            value, unit = float(sampled["value"]), ""
            if of := get("unitOfMeasure"):
                unit = of.get("unit") or ""
                if unit not in _USUAL_UNITS:
                    unit, value = energy(clean(unit, 16), value)
                if power := of.get("multiplier"):
                    value = value * 10.0**power if -30 <= power <= 30 else math.inf
            if evidence := get("signedMeterValue"):
                signed.append(Signed(at, get("context") or "Sample.Periodic", orjson.dumps(evidence).decode().replace("\\u0000", "")))
            if abs(value) < LARGEST:  # also NaN
                found = channel(get("measurand"), unit, get("phase"), get("context"), get("location"))
                samples.append(Sample(at, found, value))
    return samples, signed


def _additional(token: Payload) -> str:
    """additionalInfo of an IdTokenType: the first of them, each with its type."""
    told = token.get("additionalInfo") or []
    return clean(", ".join(f"{one['type']}: {one['additionalIdToken']}" for one in told[:4]), 200)


def _boot(p: Payload) -> Event:
    told = p["chargingStation"]
    modem = told.get("modem") or {}
    return Boot({
        "vendor": clean(told["vendorName"], 50),
        "model": clean(told["model"], 50),
        "serial_number": clean(told.get("serialNumber", ""), 50),
        "firmware_version": clean(told.get("firmwareVersion", ""), 50),
        "iccid": clean(modem.get("iccid", ""), 20),
        "imsi": clean(modem.get("imsi", ""), 20),
        "meter_type": "",
        "meter_serial_number": "",
    })  # fmt: skip


def _transaction(p: Payload) -> Event:
    info, evse, card = p["transactionInfo"], p.get("evse"), p.get("idToken") or {}
    samples, signed = _meter(p.get("meterValue") or [])
    at = reported(p["timestamp"] or UNTOLD)
    unread = False
    if p["eventType"] == ENDED:
        told = p[_REGISTERS_TOLD] if _REGISTERS_TOLD in p else _registers_told(p)
        unread = told > sum(registers.register_wh(channel._replace(phase=""), wh) is not None for _at, channel, wh in samples)
    return TransactionReport(
        p["eventType"], clean(info["transactionId"], 36), p["seqNo"], at, p["triggerReason"], bool(p.get("offline")),
        connector_number(evse["id"], evse.get("connectorId")) if evse else None, clean(card.get("idToken", ""), 36), card.get("type", ""),
        info.get("chargingState", ""), info.get("stoppedReason", ""), info.get("remoteStartId"), p.get("reservationId"),
        samples, signed, unread,
    )  # fmt: skip


def _asked(p: Payload) -> AskedCertificate:
    return AskedCertificate(p["hashAlgorithm"], p["issuerNameHash"], p["issuerKeyHash"], p["serialNumber"], p["responderURL"])


_READERS: dict[str, Callable[[Payload], Event]] = {
    "Authorize": lambda p: CardOffered(
        clean(p["idToken"]["idToken"], 36),
        clean(p["idToken"]["type"], 20),
        _additional(p["idToken"]),
        p.get("certificate") or "",
        tuple(_asked(one) for one in p.get("iso15118CertificateHashData") or ()),
    ),
    "BootNotification": _boot,
    "DataTransfer": vendor_data,
    "FirmwareStatusNotification": lambda p: FirmwareStatus(p["status"], p.get("requestId")),
    "Get15118EVCertificate": lambda p: ContractWanted(p["iso15118SchemaVersion"], p["action"], p["exiRequest"]),
    "GetCertificateStatus": lambda p: StatusWanted(_asked(p["ocspRequestData"])),
    "SignCertificate": lambda p: CertificateWanted(p["csr"], p.get("certificateType") or ""),
    "Heartbeat": lambda p: Heartbeat(),
    "LogStatusNotification": lambda p: DiagnosticsStatus(p["status"], p.get("requestId"), True),
    **device_model.READERS,
    "MeterValues": lambda p: Metered(connector_number(p["evseId"]), "", *_meter(p.get("meterValue") or [])),
    "ReservationStatusUpdate": lambda p: ReservationUpdate(p["reservationId"], p["reservationUpdateStatus"]),
    "NotifyCustomerInformation": lambda p: CustomerPart(p["requestId"], p["seqNo"], clean(p["data"], 512), bool(p.get("tbc"))),
    "SecurityEventNotification": lambda p: SecurityNotice(
        clean(p["type"], 50), clean(p.get("techInfo", ""), 255), reported(p["timestamp"])
    ),
    "StatusNotification": lambda p: Status(
        connector_number(p["evseId"], p["connectorId"]),
        p["connectorStatus"],
        "",
        "",
        "",
        "",
        reported(p["timestamp"]) if p["timestamp"] else None,
    ),
    "TransactionEvent": _transaction,
}
_READERS |= smart201.READERS
# What the portal only keeps in the log; all but the first two are of 2.1
_READERS = dict.fromkeys(
    (
        "NotifyDisplayMessages", "PublishFirmwareStatusNotification", "BatterySwap", "ClosePeriodicEventStream", "NotifyDERAlarm",
        "NotifyDERStartStop", "NotifyPriorityCharging", "NotifySettlement", "NotifyWebPaymentStarted", "ReportDERControl",
    ),
    lambda p: Ignored(),
) | _READERS  # fmt: skip
