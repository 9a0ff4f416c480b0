"""The configuration keys of a simulated station: those of OCPP 1.6 §9 that real stations have, and how they answer to changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER, _BOOLEAN, _TEXT = re.compile(r"\d{1,9}\Z"), re.compile(r"(?i)(true|false)\Z"), re.compile(r"[\x20-\x7e]{0,500}\Z")


@dataclass
class Key:
    value: str
    shape: re.Pattern[str] | None = None  # None: read-only
    reboot: bool = False  # in force after a reboot only
    secret: bool = False  # can be written, never read


def keys(connectors: int, current_type: str, *, local_list: bool = True, security: bool = False) -> dict[str, Key]:
    measurands = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
    found = {
        "AllowOfflineTxForUnknownId": Key("false", _BOOLEAN),
        "AuthorizationCacheEnabled": Key("false", _BOOLEAN),
        "AuthorizationKey": Key("", re.compile(r"[\x21-\x7e]{16,40}\Z"), secret=True),
        "AuthorizeRemoteTxRequests": Key("false", _BOOLEAN),
        "ClockAlignedDataInterval": Key("0", _NUMBER),
        "ConnectionTimeOut": Key("60", _NUMBER),
        "GetConfigurationMaxKeys": Key("100"),
        "HeartbeatInterval": Key("300", _NUMBER),
        "LocalAuthListEnabled": Key("true", _BOOLEAN),
        "LocalAuthListMaxLength": Key("1000"),
        "LocalAuthorizeOffline": Key("true", _BOOLEAN),
        "LocalPreAuthorize": Key("false", _BOOLEAN),
        "MeterValueSampleInterval": Key("15", _NUMBER),
        "MeterValuesSampledData": Key(measurands + (",SoC" if current_type == "DC" else ""), _TEXT),
        "NumberOfConnectors": Key(str(connectors)),
        "ResetRetries": Key("1", _NUMBER),
        "SendLocalListMaxLength": Key("200"),
        "StopTransactionOnEVSideDisconnect": Key("true", _BOOLEAN),
        "StopTransactionOnInvalidId": Key("true", _BOOLEAN),
        "StopTxnSampledData": Key("", _TEXT),
        "SupportedFeatureProfiles": Key("Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger"),
        "TransactionMessageAttempts": Key("3", _NUMBER),
        "TransactionMessageRetryInterval": Key("10", _NUMBER),
        "UnlockConnectorOnEVSideDisconnect": Key("true", _BOOLEAN),
        "WebSocketPingInterval": Key("60", _NUMBER, reboot=True),
        "LEDBrightness": Key("70", re.compile(r"(100|\d{1,2})\Z")),
    }
    if security:
        found["SecurityProfile"] = Key("1", _NUMBER, reboot=True)
    if not local_list:
        for name in ("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"):
            del found[name]
        found["SupportedFeatureProfiles"].value = "Core,FirmwareManagement,RemoteTrigger"
    return found


def change(known: dict[str, Key], name: str, value: str) -> str:
    """Apply a change; the ConfigurationStatus of the answer."""
    key = known.get(name)
    if key is None:
        return "NotSupported"
    if key.shape is None or not key.shape.match(value):
        return "Rejected"
    key.value = value
    return "RebootRequired" if key.reboot else "Accepted"
