"""OCPP 1.6J, Core profile and the security extension's notifications: payloads of stations to events, our commands checked and judged.

Reading is strict about what matters and lenient about what real stations do: extra fields are dropped, numbers sent as text (or text as
numbers) are converted, and of a message with bad meter values the good ones are kept. An error would only make the station send the
same kWh again and again.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stations.ocpp import schemas
from stations.ocpp.events import (
    Boot,
    CardOffered,
    Channel,
    DiagnosticsStatus,
    Ended,
    Event,
    FirmwareStatus,
    Heartbeat,
    Metered,
    Payload,
    Reported,
    Sample,
    SecurityNotice,
    Signed,
    Started,
    Status,
    VendorData,
)
from stations.ocpp.frames import OcppError

VERSION = "v16"
SUBPROTOCOL = "ocpp1.6"

# Actions that we send; everything else in the schemas comes from stations.
COMMANDS = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache", "ClearChargingProfile",
    "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule", "GetConfiguration", "GetDiagnostics",
    "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog", "InstallCertificate", "RemoteStartTransaction",
    "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage",
    "UnlockConnector", "UpdateFirmware",
})  # fmt: skip
_ACCEPTED = frozenset({"Accepted", "AcceptedCanceled", "Scheduled", "RebootRequired", "Unlocked"})

LARGEST = 1e15  # a number beyond is no measurement
MASK = "****"
_SECRET_KEY = re.compile(r"authorizationkey|passw|passphrase|passcode|secret|privatekey|psk$|pincode|(?:^|[._\-]|sim)pin$", re.IGNORECASE)

_UNITS = {"Energy": "Wh", "Power": "W", "Current": "A", "Voltage": "V", "Temperature": "Celsius", "SoC": "Percent"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_channels: dict[tuple[Any, ...], Channel] = {}


# -- what stations send -------------------------------------------------------------------------------------------------------------


def read(action: str, payload: Payload) -> Event:
    """The event in a CALL of a station. Raises OcppError with the code of OCPP-J 1.6 §4.2.3."""
    reader = _READERS.get(action)
    if reader is None:
        if action in schemas.names(VERSION):
            raise OcppError("NotSupported", f"{action} is known, but not supported here.")
        raise OcppError("NotImplemented", f"There is no {action[:40]} in OCPP 1.6.")
    checker = schemas.validator(VERSION, action)
    assert checker is not None
    try:
        if not checker.is_valid(payload):
            payload = _mend(action, payload)
    except (RecursionError, ValueError) as error:  # ValueError is what jsonschema-rs says of it
        raise OcppError("FormationViolation", f"The payload is nested too deeply: {error}.") from None
    return reader(payload)


def _mend(action: str, payload: Payload) -> Payload:
    """The payload with what real stations get wrong put right; OcppError for what cannot be."""
    needed = schemas.required(VERSION, action)
    payload = {key: copy.deepcopy(value) for key, value in payload.items() if value is not None or key in needed}
    for key in ("meterStart", "meterStop"):
        if key in payload:
            payload[key] = _whole(payload[key])
    for key in ("transactionId", "connectorId"):
        if key in payload and _number(payload[key]) == _whole(payload[key]):
            payload[key] = _whole(payload[key])
    if action == "StopTransaction":
        _mend_stop(payload)
    if action == "StatusNotification":
        _mend_status(payload)
    if action == "MeterValues" and isinstance(payload.get("meterValue"), list) and payload["meterValue"]:
        payload["meterValue"] = _good_values(payload["meterValue"])
        if not payload["meterValue"]:
            payload["meterValue"] = [{"timestamp": "", "sampledValue": []}]
    checker = schemas.validator(VERSION, action)
    assert checker is not None
    for error in checker.iter_errors(payload):
        if error.kind.name == "additionalProperties":
            holder: Any = payload
            for step in error.instance_path:
                holder = holder[step]
            for name in error.kind.unexpected:  # type: ignore[attr-defined]
                holder.pop(name, None)
    if action == "MeterValues" and payload.get("meterValue") == [{"timestamp": "", "sampledValue": []}]:
        payload["meterValue"] = []
        if isinstance(payload.get("connectorId"), int):
            return payload
    worst = next(checker.iter_errors(payload), None)
    if worst is None:
        return payload
    raise OcppError(_code_of(worst.kind.name), f"{'/'.join(map(str, worst.instance_path)) or action}: {worst.message}"[:255])


def _mend_stop(payload: Payload) -> None:
    """The end of a transaction is worth more than what is said beside it."""
    data = payload.pop("transactionData", None)
    if isinstance(data, list) and (good := _good_values(data)):
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
    code, known = payload.get("errorCode"), schemas.choices(VERSION, "StatusNotification", "errorCode")
    if not isinstance(code, str) or code not in known:
        word = "" if code is None or isinstance(code, (dict, list, bool)) else clean(code, 50)
        standard = next((one for one in known if one.casefold() == word.casefold()), "")
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
    if not isinstance(payload.get("timestamp", ""), str):
        payload.pop("timestamp")


def _code_of(keyword: str) -> str:
    if keyword == "type":
        return "TypeConstraintViolation"
    if keyword in {"required", "minItems", "maxItems"}:
        return "OccurenceConstraintViolation"
    if keyword == "additionalProperties":
        return "FormationViolation"
    return "PropertyConstraintViolation"


def _number(value: Any) -> Any:
    """A number that was sent as text; anything else unchanged."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


def _whole(value: Any) -> Any:
    """ "1234", "1234.0", 1234.5 as an int; anything else unchanged."""
    number = _number(value)
    if isinstance(number, float) and math.isfinite(number) and abs(number) < LARGEST:
        return round(number)
    return value


def _good_values(entries: list[Any]) -> list[Any]:
    """MeterValue entries with the sampled values that are malformed left out; numbers become text, as the schema wants them."""
    checker = schemas.validator(VERSION, "MeterValues")
    assert checker is not None
    kept = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("sampledValue"), list):
            continue
        good = []
        for sampled in entry["sampledValue"]:
            if not isinstance(sampled, dict):
                continue
            value = sampled.get("value")
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                sampled["value"] = str(value)
            sampled = {key: item for key, item in sampled.items() if key == "value" or (key in _SAMPLED_FIELDS and item not in ("", None))}
            if checker.is_valid({"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": [sampled]}]}):
                good.append(sampled)
        if good:
            timestamp = entry.get("timestamp")
            kept.append({"timestamp": timestamp if isinstance(timestamp, str) else "", "sampledValue": good})
    return kept


_SAMPLED_FIELDS = frozenset({"value", "context", "format", "measurand", "phase", "location", "unit"})


def clean(text: Any, longest: int) -> str:
    """Text of a station as we keep it: no control characters, not longer than `longest`."""
    return _CONTROL.sub("", str(text)).strip()[:longest]


def reported(text: str) -> Reported:
    """An ISO 8601 time; without a zone it is taken as UTC and marked as inexact."""
    text = clean(text, 100)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return Reported(text[:40], at.replace(tzinfo=UTC), False)
        return Reported(text[:40], at.astimezone(UTC), True)
    except (ValueError, OverflowError):
        return Reported(text[:40], None, False)


def _register(p: Payload, field: str) -> int:
    value: int = p[field]
    if abs(value) >= LARGEST:
        raise OcppError("PropertyConstraintViolation", f"{field}: {value} Wh is no reading of a meter.")
    return value


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
            key = (get("measurand"), get("unit"), get("phase"), get("context"), get("location"))
            channel = _channels.get(key)
            if channel is None:
                measurand = key[0] or "Energy.Active.Import.Register"
                unit = key[1] or _UNITS.get(measurand.partition(".")[0], "")
                channel = _channels[key] = Channel(measurand, unit, key[2] or "", key[3] or "Sample.Periodic", key[4] or "Outlet")
            samples.append(Sample(at, channel, value))
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
        p["connectorId"], p["status"], p["errorCode"], clean(get("vendorErrorCode", ""), 50), clean(get("vendorId", ""), 255),
        clean(get("info", ""), 50), reported(at) if at else None,
    )  # fmt: skip


def _metered(p: Payload) -> Event:
    transaction_id = p.get("transactionId")
    return Metered(p["connectorId"], "" if transaction_id is None else str(transaction_id), *_meter(p["meterValue"]))


def _started(p: Payload) -> Event:
    return Started(p["connectorId"], clean(p["idTag"], 36), _register(p, "meterStart"), reported(p["timestamp"]))


def _ended(p: Payload) -> Event:
    return Ended(
        str(p["transactionId"]), clean(p.get("idTag", ""), 36), _register(p, "meterStop"), reported(p["timestamp"]),
        p.get("reason") or "Local", *_meter(p.get("transactionData") or []),
    )  # fmt: skip


_READERS: dict[str, Callable[[Payload], Event]] = {
    "Authorize": lambda p: CardOffered(clean(p["idTag"], 36)),
    "BootNotification": _boot,
    "DataTransfer": lambda p: VendorData(clean(p["vendorId"], 255)),
    "DiagnosticsStatusNotification": lambda p: DiagnosticsStatus(p["status"]),
    "FirmwareStatusNotification": lambda p: FirmwareStatus(p["status"]),
    "Heartbeat": lambda p: Heartbeat(),
    "LogStatusNotification": lambda p: DiagnosticsStatus(p["status"], p.get("requestId"), True),
    "MeterValues": _metered,
    "SecurityEventNotification": lambda p: SecurityNotice(
        clean(p["type"], 50), clean(p.get("techInfo", ""), 255), reported(p["timestamp"])
    ),
    "SignedFirmwareStatusNotification": lambda p: FirmwareStatus(p["status"]),
    "StartTransaction": _started,
    "StatusNotification": _status,
    "StopTransaction": _ended,
}


# -- what we send -------------------------------------------------------------------------------------------------------------------


def check_command(action: str, payload: Payload) -> str:
    """Why this cannot be sent to a station, in a sentence; empty when it can."""
    if action not in COMMANDS:
        return f"OCPP 1.6 has no command {action[:40]}. Known are: {', '.join(sorted(COMMANDS))}."
    error = schemas.first_error(VERSION, action, payload)
    if error is None:
        return ""
    return f"{action} does not fit its schema: {'/'.join(map(str, error.instance_path)) or 'payload'}: {error.message}"


def is_secret(key: str) -> bool:
    """Whether a configuration key holds something that may be written, but never shown: a password, a PIN."""
    return bool(_SECRET_KEY.search(key))


def without_secrets(action: str, payload: Payload) -> Payload:
    """The payload of a CALL of ours, or of its answer, as it may be shown and logged: passwords are masked, and so are the cards of a
    local list, which may belong to organizations that those who read the log never see. The very
    payload where there is nothing to mask."""
    if action == "ChangeConfiguration" and "value" in payload and is_secret(str(payload.get("key", ""))):
        return {**payload, "value": MASK}
    if action == "SendLocalList" and payload.get("localAuthorizationList"):
        return {**payload, "localAuthorizationList": without_cards(action, payload["localAuthorizationList"])}
    if action in _AT_AN_ADDRESS:
        return _without_tokens(payload)
    changed = {key: without_url_passwords(value) if isinstance(value, str) else value for key, value in payload.items()}
    keys = payload.get("configurationKey") if action == "GetConfiguration" else None
    if isinstance(keys, list):
        changed["configurationKey"] = [_key_without_secret(item) for item in keys]
    return payload if changed == payload else changed


# Their addresses open a file to whoever has them
_AT_AN_ADDRESS = frozenset({"GetDiagnostics", "GetLog", "SignedUpdateFirmware", "UpdateFirmware"})
_TOKEN = re.compile(r"(/station-files/\w+/)[^/\s]+")


def _without_tokens(payload: Payload) -> Payload:
    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(one) for key, one in value.items()}
        return without_url_passwords(_TOKEN.sub(rf"\1{MASK}", value)) if isinstance(value, str) else value

    changed: Payload = shown(payload)
    return payload if changed == payload else changed


_CARD_KEY = re.compile(r"id_?(tag|token)$", re.IGNORECASE)


def names_cards(text: str) -> bool:
    """Whether this raw frame may hold the number of a card. Signed values and what vendors agree on (DataTransfer) may too; so may what
    is written with escapes, where no search finds it."""
    folded = text.lower()
    return any(sign in folded for sign in CARD_SIGNS)


CARD_SIGNS = ("idtag", "idtoken", "id_tag", "id_token", "signeddata", "datatransfer", "\\u00")


def without_cards(action: str, payload: Any) -> Any:
    """A payload or its answer without the numbers of cards: idTag, parentIdTag and the like at any depth, signed values (the identification
    is part of what is signed), and the free text of a DataTransfer."""
    if isinstance(payload, list):
        return [without_cards(action, item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    signed = payload.get("format") == "SignedData"
    return {
        key: MASK
        if isinstance(value, str | int | float) and (_CARD_KEY.search(key) or (signed and key == "value"))
        else MASK
        if action == "DataTransfer" and key == "data"
        else without_cards(action, value)
        for key, value in payload.items()
    }


# A password may hold anything but blanks. Bounded, so that a long text takes no longer than its length.
_URL_PASSWORD = re.compile(r"(://[^\s\"@:/]{0,100}:)[^\s\"]{1,200}(?=@)")


def without_url_passwords(text: str) -> str:
    """Text with the passwords in its addresses masked, such as that of an FTP server: ftp://user:****@host."""
    return _URL_PASSWORD.sub(rf"\g<1>{MASK}", text) if "@" in text else text


def _key_without_secret(item: Any) -> Any:
    value = item.get("value") if isinstance(item, dict) else None
    if value and is_secret(str(item.get("key", ""))):
        return {**item, "value": MASK}
    return {**item, "value": without_url_passwords(value)} if isinstance(value, str) else item


def hides(text: str) -> bool:
    """Whether stars in it stand for something that was masked: nothing that can be sent."""
    return text == MASK or f":{MASK}@" in text


def answer_fault(action: str, answer: Payload) -> str:
    """Why a CALLRESULT to a command of ours says neither yes nor no, in a sentence; empty when it says one of them."""
    if "status" not in schemas.required(VERSION, f"{action}Response"):
        return ""
    known, status = schemas.choices(VERSION, f"{action}Response", "status"), answer.get("status")
    if isinstance(status, str) and status and (not known or status in known or status in _ACCEPTED or status == "Rejected"):
        return ""
    return f"The answer to {action} has no status that OCPP 1.6 knows: {str(status)[:40]!r}."


def accepted(answer: Payload) -> bool:
    """Whether a CALLRESULT to a command of ours says yes. Answers without a status (GetConfiguration) do."""
    return "status" not in answer or (isinstance(answer["status"], str) and answer["status"] in _ACCEPTED)
