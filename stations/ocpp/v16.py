"""OCPP 1.6J with its security extension: payloads of stations to events, our answers, and what answers to our commands mean.

Reading is strict about what matters and lenient about what real stations do: extra fields are dropped, numbers sent as text (or text as
numbers) are converted, and of a message with bad meter values the good ones are kept. An error would only make the station send the
same kWh again and again.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from stations.ocpp import commands, mending, registers, schemas
from stations.ocpp.events import (
    OCCUPIED,
    Boot,
    CardOffered,
    CertificateWanted,
    DiagnosticsStatus,
    Ended,
    Event,
    FirmwareStatus,
    Heartbeat,
    Metered,
    Payload,
    Sample,
    SecurityNotice,
    Signed,
    Started,
    Status,
)
from stations.ocpp.frames import NO_CALL, OcppError
from stations.ocpp.numbering import MOST_EVSES
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
    register,
    reported,
    spelled_as,
    told_time,
    vendor_data,
    whole,
)
from stations.ocpp.replies import Answer, Booted, Card, Judged, Now, Reply, StartBooked

VERSION = "v16"
NAME = "OCPP 1.6"
NOT_METERED = -(2**62)  # as meterStop, where a station does not tell it

# Actions that we send; everything else in the schemas comes from stations.
COMMANDS = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache", "ClearChargingProfile",
    "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule", "GetConfiguration", "GetDiagnostics",
    "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog", "InstallCertificate", "RemoteStartTransaction",
    "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage",
    "UnlockConnector", "UpdateFirmware",
})  # fmt: skip


# -- what stations send -------------------------------------------------------------------------------------------------------------


def read(action: str, payload: Payload, faults: list[str] | None = None) -> Event:
    """The event in a CALL of a station; what had to be mended for it goes into `faults`. Raises OcppError (OCPP-J 1.6 §4.2.3)."""
    reader = _READERS.get(action)
    if reader is None:
        raise not_here(VERSION, NAME, action)
    checker = schemas.validator(VERSION, action)
    assert checker is not None
    try:
        if not checker.is_valid(payload):
            if faults is not None:
                faults += [fault(action, error) for error in schemas.errors(checker, payload, 3)]
            payload = _mend(action, payload)
    except (RecursionError, ValueError) as error:  # ValueError is what jsonschema-rs says of it
        raise OcppError("FormationViolation", f"The payload is nested too deeply: {error}.") from None
    return reader(payload)


def _mend(action: str, payload: Payload) -> Payload:
    """The payload with what real stations get wrong put right; OcppError for what cannot be."""
    needed = schemas.required(VERSION, action)
    payload = {key: copy.deepcopy(value) for key, value in payload.items() if value is not None or key in needed}
    if "timestamp" in needed or "timestamp" in payload:
        payload["timestamp"] = told_time(payload.get("timestamp"))
    for key in ("meterStart", "meterStop"):
        if key in payload:
            payload[key] = whole(payload[key])
    for key in ("transactionId", "connectorId", "reservationId"):
        if key in payload and number(payload[key]) == whole(payload[key]):
            payload[key] = whole(payload[key])
    if not isinstance(payload.get("reservationId", 0), int):  # a start is worth more than what it used
        del payload["reservationId"]
    if action == "StartTransaction" and isinstance(payload.get("meterStart"), str | None):
        payload["meterStart"] = NOT_METERED
    if action == "StopTransaction":
        _mend_stop(payload)
    occupied = action == "StatusNotification" and str(payload.get("status")).strip().casefold() == OCCUPIED.casefold()
    if occupied:  # a word of 2.0.1
        payload["status"] = "Preparing"
    if action == "StatusNotification":
        _mend_status(payload)
    if action == "MeterValues" and isinstance(payload.get("meterValue"), list | dict) and payload["meterValue"]:
        payload["meterValue"] = _good_values(payload["meterValue"])
        if not payload["meterValue"]:
            payload["meterValue"] = [{"timestamp": "", "sampledValue": []}]
    checker = schemas.validator(VERSION, action)
    assert checker is not None
    drop_unknown(checker, payload)
    if action in ("BootNotification", "SecurityEventNotification"):
        mending.write_texts(checker, payload)
        if action == "BootNotification":
            payload.update({name: payload.get(name, "") for name in needed})
        mending.clip(checker, payload)
    if action == "MeterValues" and payload.get("meterValue") == [{"timestamp": "", "sampledValue": []}]:
        payload["meterValue"] = []
        if isinstance(payload.get("connectorId"), int):
            return payload
    worst = schemas.first_error(VERSION, action, payload)
    if worst is None:
        return payload | {"status": OCCUPIED} if occupied else payload
    raise refusal(action, worst)


def _mend_stop(payload: Payload) -> None:
    """The end of a transaction is worth more than what is said beside it, and than which one it is: without a number it is sorted out by
    people."""
    for name, untold in (("transactionId", 0), ("meterStop", NOT_METERED)):
        if type(payload.get(name)) is not int:
            payload[name] = untold
    data = payload.pop("transactionData", None)
    if isinstance(data, list | dict) and (good := _good_values(data)):
        payload["transactionData"] = good
    reason = payload.get("reason")
    if not reason:
        payload.pop("reason", None)
    elif not isinstance(reason, str) or reason not in schemas.choices(VERSION, "StopTransaction", "reason"):
        payload["reason"] = "Other"
    id_tag = payload.get("idTag")
    if not isinstance(id_tag, str) or len(id_tag) > 20:
        payload.pop("idTag", None)


def _mend_status(payload: Payload) -> None:
    """A fault is worth more than how it is spelled: a code outside the standard is an OtherError, and its word is kept beside it."""
    status, states = payload.get("status"), schemas.choices(VERSION, "StatusNotification", "status")
    if isinstance(status, str) and status not in states:
        payload["status"] = spelled_as(status, states) or status
    code, known = payload.get("errorCode"), schemas.choices(VERSION, "StatusNotification", "errorCode")
    if not isinstance(code, str) or code not in known:
        word = "" if code is None or isinstance(code, (dict, list, bool)) else clean(code, 50)
        standard = spelled_as(word, known)
        payload["errorCode"] = standard or ("OtherError" if word or payload.get("status") == "Faulted" else "NoError")
        if word and not standard:
            name = "info" if payload.get("vendorErrorCode") else "vendorErrorCode"
            told = str(payload.get(name) or "").strip()
            payload[name] = f"{word}: {told}" if told else word
    for name, longest in (("info", 50), ("vendorErrorCode", 50), ("vendorId", 255)):
        value = payload.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            payload[name] = str(value)[:longest]
        else:
            payload.pop(name, None)


def _good_values(entries: Any) -> list[Payload]:
    checker = schemas.validator(VERSION, "MeterValues")
    assert checker is not None
    return good_values(
        entries, _mend_sampled, lambda one: checker.is_valid({"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": [one]}]})
    )


def _mend_sampled(sampled: Payload) -> Payload:
    """Numbers become text, as the schema wants them; words that OCPP does not have are left out where the number means the same without."""
    value = sampled.get("value")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        sampled["value"] = str(value)
    sampled = {key: item for key, item in sampled.items() if key == "value" or (key in _SAMPLED_FIELDS and item not in ("", None))}
    sampled = _in_kwh(sampled)
    return {key: _as_listed(key, item) for key, item in sampled.items() if key not in _BESIDE or _as_listed(key, item) in _listed(key)}


def _in_kwh(sampled: Payload) -> Payload:
    """MWh is not of OCPP, but of real meters."""
    unit, value = sampled.get("unit"), number(sampled.get("value"))
    if not isinstance(unit, str) or unit.casefold() != "mwh" or not isinstance(value, float):
        return sampled
    unit, value = energy(unit, value)
    return sampled | {"unit": unit, "value": str(value)}


@functools.cache
def _listed(name: str) -> frozenset[str]:
    """What a field of a sampled value may say."""
    entry = schemas.schema(VERSION, "MeterValues")["properties"]["meterValue"]["items"]["properties"]
    return frozenset(entry["sampledValue"]["items"]["properties"][name].get("enum", ()))


def _as_listed(name: str, word: Any) -> Any:
    """A word of a sampled value as OCPP spells it, where it has it."""
    return spelled_as(word, _listed(name)) or word if isinstance(word, str) else word


# What tells nothing of the number itself: where it is a word that OCPP does not have, it is left out
_BESIDE = frozenset({"context", "location", "format"})
_SAMPLED_FIELDS = frozenset({"value", "context", "format", "measurand", "phase", "location", "unit"})


def _meter(entries: list[Payload]) -> tuple[list[Sample], list[Signed]]:
    samples: list[Sample] = []
    signed: list[Signed] = []
    for entry in entries:
        at = reported(entry["timestamp"]).at
        for sampled in entry["sampledValue"]:
            get = sampled.get
            if get("format") == "SignedData":
                signed.append(Signed(at, get("context") or "Sample.Periodic", sampled["value"].replace("\0", "")))
                continue
            try:
                value = float(sampled["value"])
            except ValueError:
                continue  # empty or malformed: the frame keeps it, the numbers go on without
            if not abs(value) < LARGEST:  # also NaN
                continue
            found = channel(get("measurand"), get("unit"), get("phase"), get("context"), get("location"))
            samples.append(Sample(at, found, value))
    return samples, signed


def _boot(p: Payload) -> Event:
    get = p.get
    return Boot({
        "vendor": clean(get("chargePointVendor", ""), 50),
        "model": clean(get("chargePointModel", ""), 50),
        "serial_number": clean(get("chargePointSerialNumber") or get("chargeBoxSerialNumber") or "", 50),
        "firmware_version": clean(get("firmwareVersion", ""), 50),
        "iccid": clean(get("iccid", ""), 20),
        "imsi": clean(get("imsi", ""), 20),
        "meter_type": clean(get("meterType", ""), 25),
        "meter_serial_number": clean(get("meterSerialNumber", ""), 25),
    })  # fmt: skip


def _status(p: Payload) -> Event:
    get = p.get
    at = get("timestamp")
    return Status(
        _connector(p), p["status"], p["errorCode"], clean(get("vendorErrorCode", ""), 50), clean(get("vendorId", ""), 255),
        clean(get("info", ""), 50), reported(at) if at else None,
    )  # fmt: skip


def _connector(p: Payload) -> int:
    number: int = p["connectorId"]
    if not 0 <= number <= MOST_EVSES:
        raise OcppError("PropertyConstraintViolation", f"connectorId {number} is out of range: 0 to {MOST_EVSES} are possible.")
    return number


def _metered(p: Payload) -> Event:
    transaction_id = p.get("transactionId")
    return Metered(_connector(p), "" if transaction_id is None else str(transaction_id), *_meter(p["meterValue"]))


def _started(p: Payload) -> Event:
    meter = register(p, "meterStart") if p["meterStart"] != NOT_METERED else -1
    told = meter if meter >= 0 else None  # below zero: so some say that they do not know it
    return Started(_connector(p), clean(p["idTag"], 36), told, reported(p["timestamp"]), p.get("reservationId"))


def _ended(p: Payload) -> Event:
    samples, signed = _meter(p.get("transactionData") or [])
    metered = p["meterStop"] != NOT_METERED
    meter = register(p, "meterStop") if metered else registers.at(samples, registers.END)
    return Ended(
        str(p["transactionId"]), clean(p.get("idTag", ""), 36), meter or 0, reported(p["timestamp"]), p.get("reason") or "Local", samples,
        signed, meter is not None,
    )  # fmt: skip


_READERS: dict[str, Callable[[Payload], Event]] = {
    "Authorize": lambda p: CardOffered(clean(p["idTag"], 36)),
    "BootNotification": _boot,
    "DataTransfer": vendor_data,
    "DiagnosticsStatusNotification": lambda p: DiagnosticsStatus(p["status"]),
    "FirmwareStatusNotification": lambda p: FirmwareStatus(p["status"]),
    "Heartbeat": lambda p: Heartbeat(),
    "LogStatusNotification": lambda p: DiagnosticsStatus(p["status"], p.get("requestId"), True),
    "MeterValues": _metered,
    "SecurityEventNotification": lambda p: SecurityNotice(
        clean(p["type"], 50), clean(p.get("techInfo", ""), 255), reported(p["timestamp"])
    ),
    "SignCertificate": lambda p: CertificateWanted(p["csr"]),
    "SignedFirmwareStatusNotification": lambda p: FirmwareStatus(p["status"], p.get("requestId")),
    "StartTransaction": _started,
    "StatusNotification": _status,
    "StopTransaction": _ended,
}


# -- what we answer -----------------------------------------------------------------------------------------------------------------


def reply(action: str, said: Reply) -> Payload:
    """The payload of a CALLRESULT."""
    if isinstance(said, dict):
        return said
    if isinstance(said, Now):
        return {"currentTime": iso(said.at)}
    if isinstance(said, Booted):
        return {"currentTime": iso(said.at), "interval": said.interval, "status": said.status}
    if isinstance(said, StartBooked):
        return {"transactionId": int(said.transaction_id), "idTagInfo": id_tag_info(said.card)}
    if isinstance(said, Judged):
        return {"idTagInfo": id_tag_info(said.card)} if said.card else {}
    return {"status": said.status} if isinstance(said, Answer) else {}


def id_tag_info(card: Card) -> Payload:
    """IdTagInfo (§7.27)."""
    info = {"status": card.status}
    if card.expiry:
        info["expiryDate"] = iso(card.expiry)
    if card.group_id:
        info["parentIdTag"] = card.group_id[:20]
    return info


def spelled(code: str) -> str:
    """An error code as this version spells it."""
    return "FormationViolation" if code == NO_CALL else code


# -- what we are answered -----------------------------------------------------------------------------------------------------------


def answer_fault(action: str, asked: Payload, answer: Payload) -> str:
    """Why a CALLRESULT to a command of ours says neither yes nor no, in a sentence; empty when it says one of them."""
    return commands.answer_fault(VERSION, NAME, action, asked, answer)


def accepted(action: str, answer: Payload) -> bool:
    """Whether a CALLRESULT to a command of ours says yes. Answers without a status (GetConfiguration) do."""
    return commands.says_yes(action, answer)
