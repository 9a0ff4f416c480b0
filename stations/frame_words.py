"""A message in one line, by its action: what matters of its payload, whichever version it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.ocpp import numbering

Payload = dict[str, Any]


def joined(*parts: Any) -> str:
    return " · ".join(str(part) for part in parts if part not in (None, ""))


def _connector(p: Payload) -> str:
    """Where: connectorId of 1.6; evse, or evseId and perhaps connectorId of 2.0.1."""
    evse = p.get("evse")
    number, connector = (evse.get("id"), evse.get("connectorId")) if isinstance(evse, dict) else (p.get("evseId"), p.get("connectorId"))
    if isinstance(number, int) and number > 0:
        found = numbering.number(number, connector if isinstance(connector, int) else None)
        return _("connector %s") % numbering.shown(found) if numbering.possible(found) else f"EVSE {number}"
    number = p.get("connectorId") if number is None else number
    if number is None:
        return ""
    return _("station") if number == 0 else _("connector %s") % number


def _card(p: Payload) -> str:
    token = p.get("idToken")
    uid = token.get("idToken") if isinstance(token, dict) else token or p.get("idTag")
    return _("card %s") % uid if uid else ""


def _transaction(p: Payload) -> str:
    number = p.get("transactionId")
    return "" if number is None else _("transaction %s") % number


def _status(p: Payload) -> str:
    code = p.get("errorCode")
    status = p.get("status") or p.get("connectorStatus")
    return joined(_connector(p), status, code if code != "NoError" else "", p.get("vendorErrorCode"), p.get("info"))


_MEASURANDS = {
    "Energy.Active.Import.Register": lazy("energy"),
    "Power.Active.Import": lazy("power"),
    "Current.Import": lazy("current"),
    "Voltage": lazy("voltage"),
    "SoC": lazy("battery"),
}


def _values(entries: list[Payload]) -> list[str]:
    values = [sampled for entry in entries for sampled in entry["sampledValue"]]
    shown = []
    for sampled in values[:3]:
        name = sampled.get("measurand", "Energy.Active.Import.Register")
        name = str(_MEASURANDS.get(name, name))
        signed = sampled.get("format") == "SignedData"
        value = _("signed") if signed else sampled.get("value")
        shown.append(" ".join(str(part) for part in (name, sampled.get("phase"), value, _unit(sampled)) if part not in (None, "")))
    more = len(values) - len(shown)
    return [*shown, f"+{more}" if more > 0 else ""]


def _unit(sampled: Payload) -> str:
    of = sampled.get("unitOfMeasure")
    if not isinstance(of, dict):
        return str(sampled.get("unit") or "")
    power, unit = of.get("multiplier"), of.get("unit") or ""
    return f"×10^{power} {unit}".strip() if power else str(unit)


def _meter_values(p: Payload) -> str:
    return joined(_connector(p), _transaction(p), *_values(p["meterValue"]))


def _boot(p: Payload) -> str:
    told = p.get("chargingStation")
    if isinstance(told, dict):
        return joined(told.get("vendorName"), told.get("model"), told.get("serialNumber"), told.get("firmwareVersion"), p.get("reason"))
    return joined(p.get("chargePointVendor"), p.get("chargePointModel"), p.get("chargePointSerialNumber"), p.get("firmwareVersion"))


def _event(p: Payload) -> str:
    info = p["transactionInfo"]
    return joined(
        p["eventType"], _connector(p), _transaction(info), f"#{p['seqNo']}", p["triggerReason"], info.get("chargingState"),
        info.get("stoppedReason"), _card(p), _("while offline") if p.get("offline") else "", *_values(p.get("meterValue") or []),
    )  # fmt: skip


def _variables(field: str) -> Callable[[Payload], str]:
    """Of a list of variables: "Component/Variable = value", the first three."""

    def write(p: Payload) -> str:
        items, shown = p[field], []
        for item in items[:3]:
            name = f"{item['component']['name']}/{item['variable']['name']}"
            value = item.get("attributeValue", item.get("actualValue", item.get("value")))
            shown.append(name if value in (None, "") else f"{name} = {value}")
        return joined(*shown, f"+{len(items) - 3}" if len(items) > 3 else "")

    return write


def _firmware(p: Payload) -> str:
    firmware = p.get("firmware") or p
    return joined(firmware.get("location"), _("signed") if firmware.get("signature") else "", firmware.get("retrieveDateTime"))


def _said(*fields: str) -> Callable[[Payload], str]:
    return lambda p: joined(*(p.get(field) for field in fields))


WRITERS: dict[str, Callable[[Payload], str]] = {
    "Authorize": _card,
    "BootNotification": _boot,
    "CertificateSigned": lambda p: p.get("certificateType") or _("its new certificate"),
    "ChangeAvailability": lambda p: joined(_connector(p), p.get("type") or p.get("operationalStatus")),
    "ChangeConfiguration": lambda p: f"{p['key']} = {p['value']}",
    "ClearVariableMonitoring": lambda p: ", ".join(map(str, p["id"])),
    "CostUpdated": lambda p: joined(_transaction(p), p.get("totalCost")),
    "CustomerInformation": lambda p: joined(
        _("tell") if p["report"] else "", _("forget") if p["clear"] else "", _card(p), f"#{p['requestId']}"
    ),
    "DataTransfer": _said("vendorId", "messageId", "data"),
    "DeleteCertificate": lambda p: joined(p["certificateHashData"]["serialNumber"]),
    "ExtendedTriggerMessage": lambda p: joined(p.get("requestedMessage"), _connector(p)),
    "FirmwareStatusNotification": _said("status", "requestId"),
    "GetBaseReport": _said("reportBase", "requestId"),
    "GetCertificateStatus": lambda p: p["ocspRequestData"]["serialNumber"],
    "GetConfiguration": lambda p: ", ".join(map(str, p["key"])) if p.get("key") else _("all keys"),
    "GetLog": lambda p: joined(p.get("logType"), p["log"].get("remoteLocation"), f"#{p['requestId']}"),
    "GetTransactionStatus": _transaction,
    "GetVariables": _variables("getVariableData"),
    "Heartbeat": lambda p: "" if p else _("alive"),
    "InstallCertificate": _said("certificateType"),
    "LogStatusNotification": _said("status", "requestId"),
    "MeterValues": _meter_values,
    "NotifyCustomerInformation": lambda p: joined(f"#{p['requestId']}", p.get("data")),
    "NotifyEvent": _variables("eventData"),
    "NotifyReport": lambda p: joined(f"#{p['requestId']}", p.get("seqNo"), _count(p.get("reportData") or [])),
    "RemoteStartTransaction": lambda p: joined(_connector(p), _card(p)),
    "RemoteStopTransaction": _transaction,
    "RequestStartTransaction": lambda p: joined(_connector(p), _card(p), f"#{p['remoteStartId']}"),
    "RequestStopTransaction": _transaction,
    "ReserveNow": lambda p: joined(_connector(p), _card(p), p.get("expiryDate") or p.get("expiryDateTime")),
    "Reset": lambda p: joined(p.get("type"), _connector(p)),
    "SecurityEventNotification": _said("type", "techInfo"),
    "SetVariables": _variables("setVariableData"),
    "SignCertificate": lambda p: p.get("certificateType") or _("asks for a certificate"),
    "SignedFirmwareStatusNotification": _said("status", "requestId"),
    "SignedUpdateFirmware": _firmware,
    "StartTransaction": lambda p: joined(_connector(p), _card(p), _("meter %s Wh") % p["meterStart"]),
    "StatusNotification": _status,
    "StopTransaction": lambda p: joined(_transaction(p), _("meter %s Wh") % p["meterStop"], p.get("reason") or "Local", _card(p)),
    "TransactionEvent": _event,
    "TriggerMessage": lambda p: joined(p.get("requestedMessage"), _connector(p)),
    "UnlockConnector": _connector,
    "UpdateFirmware": _firmware,
}


def _count(items: list[Any]) -> str:
    return _("%d variables") % len(items)
