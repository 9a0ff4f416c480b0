"""The configuration keys of a simulated station: those of OCPP 1.6 §9 that real stations have, and how they answer to changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from energycloud.simulator.makes import Make

_NUMBER, _BOOLEAN, _TEXT = re.compile(r"\d{1,9}\Z"), re.compile(r"(?i)(true|false)\Z"), re.compile(r"[\x20-\x7e]{0,500}\Z")


@dataclass
class Key:
    value: str
    shape: re.Pattern[str] | None = None  # None: read-only
    reboot: bool = False  # in force after a reboot only
    secret: bool = False  # can be written, never read


def keys(connectors: int, make: Make) -> dict[str, Key]:
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
        "MeterValuesAlignedData": Key("Energy.Active.Import.Register", _TEXT),
        "MeterValuesSampledData": Key(measurands + (",SoC" if make.current_type == "DC" else ""), _TEXT),
        "NumberOfConnectors": Key(str(connectors)),
        "ResetRetries": Key("1", _NUMBER),
        "SendLocalListMaxLength": Key("200"),
        "StopTransactionOnEVSideDisconnect": Key("true", _BOOLEAN),
        "StopTransactionOnInvalidId": Key("true", _BOOLEAN),
        "StopTxnSampledData": Key("", _TEXT),
        "TransactionMessageAttempts": Key("3", _NUMBER),
        "TransactionMessageRetryInterval": Key("10", _NUMBER),
        "UnlockConnectorOnEVSideDisconnect": Key("true", _BOOLEAN),
        "WebSocketPingInterval": Key("60", _NUMBER, reboot=True),
        "LEDBrightness": Key("70", re.compile(r"(100|\d{1,2})\Z")),
    }
    profiles = ["Core", "FirmwareManagement", "RemoteTrigger"]
    if make.security_log:
        found["SecurityProfile"] = Key("1", re.compile(r"[0-3]\Z"))
        found["CpoName"] = Key("", _TEXT)
        found["AdditionalRootCertificateCheck"] = Key("false")
        found["CertificateStoreMaxLength"] = Key("20")
        found["SupportedFileTransferProtocols"] = Key("HTTP,HTTPS")
    if make.local_list not in ("no", "unknown"):
        profiles.append("LocalAuthListManagement")
    else:
        for name in ("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"):
            del found[name]
    if make.reserves:
        profiles.append("Reservation")
        found["ReserveConnectorZeroSupported"] = Key("true")
    if make.smart:
        profiles.append("SmartCharging")
        found["ChargeProfileMaxStackLevel"] = Key("99")
        found["ChargingScheduleAllowedChargingRateUnit"] = Key("Current,Power")
        found["ChargingScheduleMaxPeriods"] = Key("24")
        found["MaxChargingProfilesInstalled"] = Key("40")
        found["ConnectorSwitch3to1PhaseSupported"] = Key("true" if make.current_type == "AC" and make.phases == 3 else "false")
    found["SupportedFeatureProfiles"] = Key(",".join(profiles))
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
