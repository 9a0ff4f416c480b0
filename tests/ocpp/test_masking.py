"""What is never shown: secrets, and without the right to personal data who charged (stations.ocpp.masking)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stations.configuration.catalogue import SECRET as SECRET_KIND
from stations.configuration.catalogue import catalogue
from stations.frames import mask_raw
from stations.ocpp import masking

SECRET = ("WLANKey", "VpnKey", "WpaKey", "Wifi_Key", "NetworkKey", "PresharedKey", "ApiKey", "AdminPwd", "NetworkConfiguration:1/vpnKey",
          "BackendAuthKey", "HttpAuth", "OCPPBasicAuth", "CentralSystemAuthentication", "ModemAuth", "ApnPass", "LoginPw", "SimPUK",
          "AdminCode", "CustomCredential", "TlsClientKey", "Token", "BearerToken", "AuthorizationKey",
          "SecurityCtrlr/BasicAuthPassword")  # fmt: skip
OPEN = ("MeterPublicKey1", "KeypadEnabled", "PublicKeyWithSignedMeterValue", "NetworkKeypad", "SpinTime", "MonkeyMode", "PingInterval",
        "SupportsPassThrough", "BypassMode", "Bypass", "ErrorCode", "AuthCtrlr/AuthorizeRemoteStart", "TokenReader@1/Token",
        "apnAuthentication", '{"idToken":{"idToken":"04"', "MaxTokens", "AuthorizeRemoteTxRequests",
        "LocalAuthListEnabled", "AllowOfflineTxForUnknownId")  # fmt: skip
PERSONAL = ("ISO15118Ctrlr@1/EVCCID", "ISO15118Ctrlr/ContractCertificate", "AuthCtrlr/MasterPassGroupId", "MasterTagId", "FreevendIdTag",
            "ConnectedEV@1/VehicleId (Target)", "TokenReader/Token")  # fmt: skip
OF_NOBODY = ("ContractCertificateInstallationEnabled", "MeterValueSampleInterval", "EVSE/EvseId", "Voltage", "TokenReader/Enabled")


def test_secrets_and_persons_are_known_by_name() -> None:
    assert [key for key in SECRET if not masking.is_secret(key)] == []
    assert [key for key in OPEN if masking.is_secret(key)] == []
    for version in ("1.6", "2.0.1"):
        entries = catalogue(version).values()
        assert [one.key for one in entries if masking.is_secret(one.key) != (one.kind == SECRET_KIND)] == []
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


def test_what_a_station_repeats_of_a_secret_is_masked() -> None:
    payload = {"key": "AuthorizationKey", "value": 'pass"word-Ä-4711'}
    told = masking.secrets_in("ChangeConfiguration", payload, masking.without_secrets("ChangeConfiguration", payload))
    assert told == ('pass"word-Ä-4711',)
    for text in (json.dumps(payload), json.dumps(payload, ensure_ascii=False), f"no: {payload['value']}"):
        assert "4711" not in masking.without(told, text)
    address = {"location": "ftp://log:hush-hush@ftp.example.org/"}
    told = masking.secrets_in("GetDiagnostics", address, masking.without_secrets("GetDiagnostics", address))
    assert masking.without(told, "login failed: log hush-hush") == "login failed: log ****"
    cards = {"localAuthorizationList": [{"idTag": "04AABBCCDD"}]}
    assert masking.secrets_in("SendLocalList", cards, masking.without_secrets("SendLocalList", cards)) == ()
