"""What of a message may be shown and logged, in any version: no passwords, no addresses with passwords, no numbers of cards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from stations.ocpp.events import Payload

MASK = "****"
# Names of keys of 1.6 and of variables; also found in raw text. A public key is no secret.
_SECRET_KEY = re.compile(
    r"passw|pwd|passphrase|passcode|secret|credential|pincode|(?:^|[._\-\"]|sim)pin(?![a-z0-9])|(?:psk|puk)(?![a-z])"
    r"|(?:(?<!by)pass|pw|auth|(?:system|server|backend|basic|http)[._\-]?authentication|(?<!id)(?<!id_)token)(?![a-z0-9])"
    r"|(?:admin|master|access|service|installer|security|unlock)[._\-]?code(?![a-z])"
    r"|(?:wlan|wi-?fi|wpa[23]?|wep|vpn|apn|network|pre-?shared|shared|private|api|access|session|ssh|aes|hmac|encrypt(?:ion)?"
    r"|auth(?:orization|entication)?|client|server|tls)[._\-]?key(?!pad|board)",
    re.IGNORECASE,
)
_READER = "TokenReader"  # the component of 2.0.1 whose tokens are cards: personal, and no secret
_NAMES = re.compile(r"[/:@\s]|%[0-9A-F]{2}")  # between the names in that of a variable


def is_secret(key: str) -> bool:
    """Whether a configuration key holds something that may be written, but never shown: a password, a PIN."""
    if key.startswith(_READER):
        return False
    return any(_SECRET_KEY.search(part) for part in _NAMES.split(key))


def without_secrets(action: str, payload: Payload, *, every_value: bool = False) -> Payload:
    """The payload of a CALL of ours, or of its answer, as it may be shown and logged: passwords are masked, and so are the cards of a
    local list, which may belong to organizations that those who read the log never see. The very payload where there is nothing to mask.
    `every_value`: what it sets is secret, whatever its name says."""
    if action == "ChangeConfiguration" and "value" in payload and is_secret(str(payload.get("key", ""))):
        return {**payload, "value": MASK}
    if action == "SendLocalList" and payload.get("localAuthorizationList"):
        return {**payload, "localAuthorizationList": without_cards(action, payload["localAuthorizationList"])}
    if action in _VARIABLES:
        return _without_variables(payload, every_value)
    if action == "SetNetworkProfile":
        hidden: Payload = _without_fields(payload)
        return payload if hidden == payload else hidden
    if action == "NotifyCustomerInformation" and payload.get("data"):
        return {**payload, "data": MASK}  # it is kept with the inquiry only (stations.gateway.customers)
    if action in _AT_AN_ADDRESS:
        return _without_tokens(payload)
    changed: Payload = {key: without_url_passwords(value) if isinstance(value, str) else value for key, value in payload.items()}
    keys = payload.get("configurationKey") if action == "GetConfiguration" else None
    if isinstance(keys, list):
        changed["configurationKey"] = [_key_without_secret(item) for item in keys]
    return payload if changed == payload else changed


# 2.0.1: what carries values of variables, from us or from the station
_VARIABLES = frozenset({"GetVariables", "SetVariables", "NotifyReport", "NotifyEvent"})
_VALUES = ("attributeValue", "actualValue", "value", "techInfo")
WRITE_ONLY = "WriteOnly"  # MutabilityEnumType: it is never to be shown, whatever its name says
_SECRET_FIELDS = frozenset({"password", "apnPassword", "simPin", "key"})  # of SetNetworkProfile
_PARTS = ("name", "instance")  # of what a component, or a variable, is called by


def _without_variables(payload: Payload, every_value: bool = False) -> Payload:
    def shown(value: Any, secret: bool = False) -> Any:
        if isinstance(value, list):
            return [shown(one, secret) for one in value]
        if not isinstance(value, dict):
            return without_url_passwords(value) if isinstance(value, str) else value
        variable = value.get("variable")
        component = value.get("component")
        secret = secret or value.get("mutability") == WRITE_ONLY
        names = [str(one.get(name, "")) for one in (component, variable) if isinstance(one, dict) for name in _PARTS]
        secret = secret or (_READER not in names[:1] and any(map(is_secret, names)))
        return {name: MASK if secret and name in _VALUES and one else shown(one, secret) for name, one in value.items()}

    changed: Payload = shown(payload, every_value)
    return payload if changed == payload else changed


def _without_fields(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_fields(one) for one in value]
    if not isinstance(value, dict):
        return without_url_passwords(value) if isinstance(value, str) else value
    return {name: MASK if name in _SECRET_FIELDS and one else _without_fields(one) for name, one in value.items()}


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


_FREE_TEXT = frozenset({"DataTransfer", "NotifyCustomerInformation"})
# A contract for plug and charge names who has it
_OF_CONTRACTS: dict[str, tuple[str, ...]] = {"Authorize": ("certificate",), "Get15118EVCertificate": ("exiRequest", "exiResponse")}
_KEYS = frozenset({"ChangeConfiguration", "GetConfiguration"})  # 1.6: values of keys
_CARD_KEY = re.compile(r"id_?(tag|token)$", re.IGNORECASE)


def names_cards(text: str) -> bool:
    """Whether this raw frame may hold the number of a card. Signed values and what vendors agree on (DataTransfer) may too; so may what
    is written with escapes, where no search finds it."""
    folded = text.lower()
    return any(sign in folded for sign in CARD_SIGNS)


# Keys and variables that hold the number of a card or of a contract, or tell whose car it is
_PERSONAL_KEY = re.compile(
    r"(?:tokens?|tags?|tag_?u?id|vehicle_?id|evcc_?id|emaid|contract_?cert(?:ificate)?s?|passgroup_?id|card_?(?:u?id|number)|^vin|vehicle_?vin)$",
    re.IGNORECASE,
)


def is_personal(key: str) -> bool:
    """Whether a key or a variable of this name tells of a person: the card that was read, the car that is connected."""
    return any(_PERSONAL_KEY.search(part) for part in _NAMES.split(key))


CARD_SIGNS = (
    "idtag",
    "idtoken",
    "id_tag",
    "id_token",
    "signeddata",
    "signedmeterdata",
    "datatransfer",
    "notifycustomer",
    'token"',
    'tokens"',
    'tag"',
    'tags"',
    "tagid",
    "tag_id",
    "taguid",
    "vehicleid",
    "vehicle_id",
    "evccid",
    "evcc_id",
    "emaid",
    'contractcertificate"',
    'contractcert"',
    "passgroupid",
    "cardid",
    "carduid",
    "card_id",
    "cardnumber",
    'vin"',
    "exirequest",
    "exiresponse",
    "\\u00",
)


def without_cards(action: str, payload: Any) -> Any:
    """A payload or its answer without the numbers of cards: idTag, parentIdTag and the like at any depth, signed values (the identification
    is part of what is signed), and the free text of a DataTransfer."""
    if isinstance(payload, list):
        return [without_cards(action, item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    signed = payload.get("format") == "SignedData"
    if action in _VARIABLES and isinstance(payload.get("variable"), dict) and is_personal(str(payload["variable"].get("name", ""))):
        payload = _valueless(payload)
    if action in _KEYS and payload.get("value") and is_personal(str(payload.get("key", ""))):
        payload = {**payload, "value": MASK}
    contract = _OF_CONTRACTS.get(action, ())
    return {
        key: MASK
        if isinstance(value, str | int | float) and (_CARD_KEY.search(key) or (signed and key == "value"))
        else MASK
        if (key == "signedMeterData" and value) or (key == "data" and action in _FREE_TEXT) or (key in contract and value)
        else without_cards(action, value)
        for key, value in payload.items()
    }


def _valueless(value: Any) -> Any:
    if isinstance(value, list):
        return [_valueless(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: MASK if name in _VALUES and one else _valueless(one) for name, one in value.items()}


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


SHORTEST, LONG = 4, 16  # characters: shorter ones cannot be told from other words; as long are those of the station itself


def secrets_in(action: str, payload: Payload, shown: Payload) -> tuple[str, ...]:
    """The texts that were masked to make `shown` of the payload of a CALL of ours. Cards are none."""

    def found(said: Any, left: Any) -> Iterator[str]:
        if isinstance(said, dict) and isinstance(left, dict):
            for name, value in said.items():
                yield from found(value, left.get(name))
        elif isinstance(said, list) and isinstance(left, list):
            for one, other in zip(said, left, strict=False):
                yield from found(one, other)
        elif isinstance(said, str) and said != left:
            yield said
            yield from (match[0].removeprefix(match[1]) for match in _URL_PASSWORD.finditer(said))

    if shown is payload or action == "SendLocalList":
        return ()
    return tuple(dict.fromkeys(text for text in found(payload, shown) if len(text) >= SHORTEST))


def without(secrets: Iterable[str], text: str) -> str:
    """Text, which may be JSON, with these masked wherever they stand."""
    for secret in secrets:
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, MASK)
    return text


def hides(text: str) -> bool:
    """Whether stars in it stand for something that was masked: nothing that can be sent."""
    return text == MASK or f":{MASK}@" in text
