"""The messages that the portal can send, each as a person says it: for those that are no intent of its own, such as from the console."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

TITLES: dict[str, str | Promise] = {
    "CancelReservation": lazy("Cancel a reservation"),
    "CertificateSigned": lazy("Give it its signed certificate"),
    "ClearChargingProfile": lazy("Take charging profiles away"),
    "ClearDisplayMessage": lazy("Take a message off its display"),
    "ClearVariableMonitoring": lazy("Take monitors away"),
    "CostUpdated": lazy("Tell what the charge costs so far"),
    "CustomerInformation": lazy("Ask what it keeps of a customer"),
    "DeleteCertificate": lazy("Delete a certificate"),
    "ExtendedTriggerMessage": lazy("Ask for a message"),
    "GetBaseReport": lazy("Read the device model"),
    "GetChargingProfiles": lazy("Ask for its charging profiles"),
    "GetCompositeSchedule": lazy("Ask what all charging profiles allow together"),
    "GetDisplayMessages": lazy("Ask for the messages on its display"),
    "GetInstalledCertificateIds": lazy("Ask for its certificates"),
    "GetLocalListVersion": lazy("Ask for the version of the local list"),
    "GetLog": lazy("Send a log"),
    "GetMonitoringReport": lazy("Read the monitors"),
    "GetReport": lazy("Read a part of the device model"),
    "GetTransactionStatus": lazy("Ask about a transaction"),
    "GetVariables": lazy("Read variables"),
    "InstallCertificate": lazy("Install a root certificate"),
    "PublishFirmware": lazy("Publish firmware to stations nearby"),
    "ReserveNow": lazy("Reserve"),
    "SendLocalList": lazy("Send the local list"),
    "SetChargingProfile": lazy("Set a charging profile"),
    "SetDisplayMessage": lazy("Show a message on its display"),
    "SetMonitoringBase": lazy("Choose which monitors are active"),
    "SetMonitoringLevel": lazy("Choose how severe an event must be to be told"),
    "SetNetworkProfile": lazy("Set how it connects"),
    "SetVariableMonitoring": lazy("Set monitors"),
    "SetVariables": lazy("Set variables"),
    "SignedUpdateFirmware": lazy("Update the firmware, signed"),
    "UnpublishFirmware": lazy("Publish firmware no longer"),
}
