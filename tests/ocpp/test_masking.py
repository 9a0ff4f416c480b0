"""What is never shown: secrets, and without the right to personal data who charged (stations.ocpp.masking)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stations.frames import mask_raw
from stations.ocpp import masking

SECRET = ("WLANKey", "VpnKey", "WpaKey", "Wifi_Key", "NetworkKey", "PresharedKey", "ApiKey", "AdminPwd", "NetworkConfiguration:1/vpnKey")
OPEN = ("MeterPublicKey1", "KeypadEnabled", "PublicKeyWithSignedMeterValue", "NetworkKeypad", "SpinTime", "MonkeyMode", "PingInterval")
PERSONAL = ("ISO15118Ctrlr@1/EVCCID", "ISO15118Ctrlr/ContractCertificate", "AuthCtrlr/MasterPassGroupId", "MasterTagId", "FreevendIdTag",
            "ConnectedEV@1/VehicleId (Target)", "TokenReader/Token")  # fmt: skip
OF_NOBODY = ("ContractCertificateInstallationEnabled", "MeterValueSampleInterval", "EVSE/EvseId", "Voltage", "TokenReader/Enabled")


def test_secrets_and_persons_are_known_by_name() -> None:
    assert [key for key in SECRET if not masking.is_secret(key)] == []
    assert [key for key in OPEN if masking.is_secret(key)] == []
    assert [key for key in PERSONAL if not masking.is_personal(key)] == []
    assert [key for key in OF_NOBODY if masking.is_personal(key)] == []
    assert [key for key in PERSONAL if not masking.names_cards(json.dumps({"name": key.rpartition("/")[2].split(" ")[0]}))] == []


@pytest.mark.parametrize(("action", "payload"), [
    ("NotifyReport", {"reportData": [{"component": {"name": "X"}, "variable": {"name": "Y"},
                                      "variableAttribute": [{"value": "hush", "mutability": "WriteOnly"}]}]}),
    ("NotifyEvent", {"eventData": [{"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"},
                                    "actualValue": "hush", "techInfo": "hush"}]}),
    ("GetConfiguration", {"configurationKey": [{"key": "WLANKey", "value": "hush"}]}),
])  # fmt: skip
def test_secrets_in_messages(action: str, payload: dict[str, Any]) -> None:
    assert "hush" not in json.dumps(masking.without_secrets(action, payload))


def test_who_charged_is_masked_in_keys() -> None:
    payload = {"configurationKey": [{"key": "MasterTagId", "value": "04A1"}, {"key": "HeartbeatInterval", "value": "300"}]}
    shown = json.dumps(masking.without_cards("GetConfiguration", payload))
    assert "04A1" not in shown
    assert "300" in shown


@pytest.mark.parametrize("text", [
    '[2,"1","SetVariables",{"setVariableData":[{"variable":{"name":"BasicAuthPassword"},"attributeValue":"hush"',
    '[2,"1","X",{"apn":{"apnPassword":"hush"', '[2,"1","X",{"vpn":{"key":"hush"',
    '[2,"1","NotifyEvent",{"variable":{"name":"VpnKey"},"techInfo":"hush"', '[{"mutability":"WriteOnly","value":"hush"',
])  # fmt: skip
def test_secrets_in_text_that_is_no_json(text: str) -> None:
    shown = mask_raw(text, cards=True)
    assert "hush" not in shown
    assert masking.MASK in shown
