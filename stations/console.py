"""What the expert console may send: the messages of the version that a station speaks, their schemas, and which of them are dangerous."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.ocpp import masking, numbering, schemas
from stations.ocpp.versions import reader
from stations.schema_forms import ROOT, Schema, complaint

Text = str | Promise
ORIGIN = "console"
DEEPEST = 50  # parts within parts
LARGEST = 2**63 - 1  # of a number


def commands(version: str) -> list[str]:
    return sorted(reader(version).COMMANDS)


def schema_of(version: str, action: str) -> Schema:
    return schemas.schema(reader(version).VERSION, action)


def complaints(version: str, action: str, payload: Any) -> dict[str, str]:
    """By path what its schema says against a payload; before that, what no station can be sent, and stars that only hide a value."""
    found = _unsendable(payload, masking.MASK)
    if found:
        return found
    checker = schemas.validator(reader(version).VERSION, action)
    try:
        for error in checker.iter_errors(payload) if checker else ():
            path, sentence = complaint(error)
            found[path] = f"{found[path]} {sentence}" if path in found else sentence
    except (RecursionError, ValueError):
        return {ROOT: _("This is nested too deeply.")}
    return found


def _unsendable(payload: Any, mask: str) -> dict[str, str]:
    found: dict[str, str] = {}
    left: list[tuple[str, int, Any]] = [(ROOT, 0, payload)]
    while left:
        path, depth, value = left.pop()
        if depth > DEEPEST:
            return {ROOT: _("This is nested too deeply.")}
        if isinstance(value, dict | list):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            left += [(f"{path}.{name}", depth + 1, part) for name, part in parts]
            if any("\x00" in name for name in value if isinstance(value, dict)):
                found[path] = _("The sign U+0000 cannot be sent.")
        elif isinstance(value, str):
            if value == mask or f":{mask}@" in value:
                found[path] = _("The stars only hide the value. Type it.")
            elif "\x00" in value:
                found[path] = _("The sign U+0000 cannot be sent.")
        elif isinstance(value, int | float) and not abs(value) <= LARGEST:
            found[path] = _("This number is too large.")
        elif path.rpartition(".")[2] == "connectorId" and isinstance(value, int) and not 0 <= value <= numbering.MOST_EVSES:
            found[path] = _("This is a number from 0 to %d.") % numbering.MOST_EVSES
    return found


# What sending does, where that cannot be taken back or harms drivers. Actions of 1.6 and 2.0.1.
_DANGERS: dict[str, Text] = {
    "Reset": lazy("The station starts anew: charges that run may end, and it is away for a few minutes."),
    "UpdateFirmware": lazy("The station installs other firmware and starts anew. The portal does not check here that the file fits it."),
    "SignedUpdateFirmware": lazy("The station installs other firmware and starts anew."),
    "ChangeAvailability": lazy("Out of service nobody can charge there; in service everybody can again."),
    "RemoteStopTransaction": lazy("The charge ends."),
    "RequestStopTransaction": lazy("The charge ends."),
    "RemoteStartTransaction": lazy("A charge starts, and somebody pays for it."),
    "RequestStartTransaction": lazy("A charge starts, and somebody pays for it."),
    "UnlockConnector": lazy("The cable can then be pulled by anyone; a charge there ends."),
    "SendLocalList": lazy("It replaces cards on the station's list. The portal sends its own list again when it notices."),
    "DeleteCertificate": lazy("Without the right certificate the station may never connect again."),
    "InstallCertificate": lazy("With a wrong certificate the station may never connect again."),
    "CertificateSigned": lazy("With a wrong certificate the station may never connect again."),
    "SetNetworkProfile": lazy("With a wrong profile the station may never connect again."),
    "SetVariables": lazy("A wrong value can keep the station from connecting or charging."),
    "ClearChargingProfile": lazy("Limits of power that protect the site may be lifted."),
    "SetVariableMonitoring": lazy("Monitors that report often fill the log and cost traffic."),
    "SetMonitoringBase": lazy("It may take all monitors away that were set."),
    "CustomerInformation": lazy(
        "The answer is kept only where it was asked for on the page “Customer information”. With “clear” the station forgets the customer."
    ),
    "ClearCache": lazy("Until a card was offered once more the station cannot accept it while it is offline."),
    "PublishFirmware": lazy("Other stations nearby fetch firmware from this one."),
    "CancelReservation": lazy("Who has reserved finds the connector taken."),
    "SetChargingProfile": lazy("It changes how much power cars get, and may lift a limit that protects the site."),
}  # fmt: skip
_DANGEROUS_KEYS: tuple[tuple[str, Text], ...] = (
    ("basicauthpassword", lazy("This is the password of the station: from its next connection on the portal expects the new one.")),
    ("networkconfigurationpriority", lazy("It may connect to another server, or to none.")),
    ("authorizationkey", lazy("This is the password of the station: from its next connection on the portal expects the new one.")),
    ("securityprofile", lazy("With a wrong security profile the station may never connect again.")),
    ("centralsystem", lazy("The station may connect to another server and never come back.")),
    ("url", lazy("The station may connect to another server and never come back.")),
    ("websocketpinginterval", lazy("A wrong value can make the connection break again and again.")),
)


def dangers(action: str, payload: Any) -> list[str]:
    """What happens when this is sent, in sentences; empty for what is harmless."""
    found = [str(_DANGERS[action])] if action in _DANGERS else []
    keys: list[str] = []
    if action == "ChangeConfiguration" and isinstance(payload, dict):
        keys = [str(payload.get("key", ""))]
    elif action == "SetVariables" and isinstance(payload, dict):
        items = payload.get("setVariableData")
        variables = [one.get("variable") for one in items if isinstance(one, dict)] if isinstance(items, list) else []
        keys = [str(one.get("name", "")) for one in variables if isinstance(one, dict)]
    said = dict.fromkeys(str(said) for key in keys for part, said in _DANGEROUS_KEYS if part in key.lower())
    return [*found, *said]


# What the schemas do not say of their fields
HINTS: dict[str, Text] = {
    "connectorId": lazy("The number of a connector; 0 is the station as a whole."),
    "idTag": lazy("The UID of a card."),
    "idToken": lazy("The UID of a card, and what kind of number that is: ISO14443 for most cards."),
    "evse": lazy("Left out it is the station as a whole."),
    "evseId": lazy("The number of an EVSE: what serves one car at a time. 0 is the station as a whole."),
    "requestId": lazy("Any number; what the station sends of it later carries the same."),
    "remoteStartId": lazy("Any number; the transaction carries the same."),
    "id": lazy("A number from 0 on, where nothing else is said."),
    "operationalStatus": lazy("Inoperative: out of service."),
    "requestedMessage": lazy("Which message the station is to send."),
    "reportBase": lazy("FullInventory is all that the station has."),
    "component": lazy("A part of the station, such as OCPPCommCtrlr."),
    "variable": lazy("What the component has, such as HeartbeatInterval."),
    "attributeType": lazy("Left out it is Actual, the value in force."),
    "instance": lazy("Only where there is more than one of the name."),
    "remoteLocation": lazy("An address: ftp://, http:// or https://"),
    "logType": lazy("DiagnosticsLog or SecurityLog."),
    "oldestTimestamp": lazy("Left out: from the beginning."),
    "latestTimestamp": lazy("Left out: until now."),
    "retrieveDateTime": lazy("Not before."),
    "installDateTime": lazy("Left out: as soon as it is fetched."),
    "signingCertificate": lazy("PEM, of who signed the file."),
    "signature": lazy("Base64, of the whole file."),
    "report": lazy("Tell what is kept."),
    "clear": lazy("Forget what is kept."),
    "configurationSlot": lazy("Which of its network profiles; OCPPCommCtrlr/NetworkConfigurationPriority says which is in use."),
    "versionNumber": lazy("Higher than the one that the station has."),
    "severity": lazy("0 is the worst, 9 the least."),
    "totalCost": lazy("With tax, in the currency that the station shows."),
    "vendorId": lazy("By which the vendor knows its own messages."),
    "messageId": lazy("Which of the vendor's messages."),
    "transactionId": lazy("The number by which the station knows the transaction."),
    "stackLevel": lazy("Of profiles that hold at the same time the one with the highest level counts."),
    "chargingSchedulePeriod": lazy("Each row holds until the next begins."),
    "startPeriod": lazy("Seconds from the start of the schedule; the first row begins at 0."),
    "limit": lazy("In A or W, as the schedule says."),
    "numberPhases": lazy("Left out it counts as 3."),
    "duration": lazy("Seconds."),
    "retryInterval": lazy("Seconds between two tries."),
    "recurrencyKind": lazy("Only where the kind is Recurring."),
    "key": lazy("The name of a key, with its capitals."),
    "location": lazy("An address: ftp://, http:// or https://"),
    "listVersion": lazy("Higher than the one that the station has."),
}
