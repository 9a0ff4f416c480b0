"""Objects of OCPI 2.2.1 as they are read and written: pure, with messages that name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.utils import timezone

from passes.models import RoamingToken, normalize_uid

VERSION = "2.2.1"
SUCCESS, CLIENT_ERROR, INVALID, NOT_ENOUGH, UNKNOWN_LOCATION, UNKNOWN_TOKEN = 1000, 2000, 2001, 2002, 2003, 2004
SERVER_ERROR, UNUSABLE_API, UNSUPPORTED_VERSION, NO_ENDPOINTS = 3000, 3001, 3002, 3003
LONGEST_URL = 255
AHEAD = timedelta(days=1)  # a clock may be wrong

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# The fields of a Token that are kept: (ours, longest, required)
_TEXTS = (
    ("contract_id", 36, True), ("visual_number", 64, False), ("issuer", 64, True), ("group_id", 36, False), ("language", 2, False),
)  # fmt: skip


class Wrong(Exception):
    """What was sent is no such object (status 2001)."""

    def __init__(self, message: str, code: int = INVALID) -> None:
        super().__init__(message)
        self.message, self.code = message, code


class Card(NamedTuple):
    """A Token object (§12.3.2), or of a PATCH the part that it has. `fields` are those of RoamingToken but for its key."""

    country_code: str
    party_id: str
    uid: str  # normalized
    type: str
    fields: dict[str, Any]

    @property
    def last_updated(self) -> datetime:
        found: datetime = self.fields["last_updated"]
        return found

    def is_of(self, country_code: str, party_id: str) -> bool:
        return (self.country_code, self.party_id) == (country_code.upper(), party_id.upper())


def stamp(moment: datetime) -> str:
    """§16.4: UTC, with the seconds at least."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: Any, field: str) -> datetime:
    """A DateTime; without a zone it is UTC (§16.4)."""
    if not isinstance(value, str) or len(value) > 40:
        raise Wrong(f"{field}: a DateTime such as 2026-01-31T12:00:00Z is missing")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise Wrong(f"{field}: not a DateTime such as 2026-01-31T12:00:00Z") from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    if not 2000 <= found.year < 2200:
        raise Wrong(f"{field}: not a time of this century")
    return found.astimezone(UTC)


def text(data: Mapping[str, Any], field: str, longest: int, *, required: bool = True) -> str:
    value = data.get(field)
    if value is None and not required:
        return ""
    if value is None or (required and value == ""):
        raise Wrong(f"{field}: missing")
    if not isinstance(value, str) or (required and not value.strip()):
        raise Wrong(f"{field}: not a text")
    if len(value) > longest:
        raise Wrong(f"{field}: longer than {longest} characters")
    if not value.isprintable():
        raise Wrong(f"{field}: has characters that cannot be printed")
    return value.strip()


def choice(data: Mapping[str, Any], field: str, choices: list[str]) -> str:
    value = data.get(field)
    if not isinstance(value, str) or value not in choices:
        raise Wrong(f"{field}: missing" if value is None else f"{field}: not one of {', '.join(choices)}")
    return value


def read_card(data: Any) -> Card:
    """A whole Token object."""
    data = _object(data)
    told = text(data, "uid", 36)
    country, party = text(data, "country_code", 2).upper(), text(data, "party_id", 3).upper()
    card_type = choice(data, "type", RoamingToken.Type.values)
    fields: dict[str, Any] = {name: text(data, name, longest, required=required) for name, longest, required in _TEXTS}
    fields["valid"] = _truth(data)
    fields["whitelist"] = choice(data, "whitelist", RoamingToken.Whitelist.values)
    fields["last_updated"] = _updated(data)
    uid = uid_of(told)
    return Card(country, party, uid, card_type, fields | {"told_uid": told if told != uid else ""})


def read_patch(data: Any) -> dict[str, Any]:
    """The fields of a Token object that a PATCH changes; `last_updated` is always one of them (§12.2.1.3)."""
    data = _object(data)
    fields: dict[str, Any] = {name: text(data, name, longest, required=needed) for name, longest, needed in _TEXTS if name in data}
    if "valid" in data:
        fields["valid"] = _truth(data)
    if "whitelist" in data:
        fields["whitelist"] = choice(data, "whitelist", RoamingToken.Whitelist.values)
    return {**fields, "last_updated": _updated(data)}


def check_named(data: Any, named: Mapping[str, str]) -> None:
    """Of a PATCH: the fields that say which token it is, where they are told, are those in the address."""
    for field, wanted in named.items():
        told = _object(data).get(field, wanted)
        found = told if not isinstance(told, str) else normalize_uid(told) if field == "uid" else told.upper()
        if found != wanted:
            raise Wrong(f"{field}: not the one in the address")


def card_object(token: RoamingToken, country_code: str, party_id: str) -> dict[str, Any]:
    """The Token object as it is kept here; the party is that of the provider unless the token says another."""
    optional = {name: getattr(token, name) for name in ("visual_number", "group_id", "language") if getattr(token, name)}
    return {
        "country_code": token.country_code or country_code, "party_id": token.party_id or party_id, "uid": token.told_uid or token.uid,
        "type": token.type, "contract_id": token.contract_id, "issuer": token.issuer, "valid": token.valid, "whitelist": token.whitelist,
        "last_updated": stamp(token.last_updated), **optional,
    }  # fmt: skip


def uid_of(told: str) -> str:
    """The UID as that of a pass is kept."""
    uid = normalize_uid(told)
    if not _PRINTABLE.fullmatch(uid):
        raise Wrong("uid: not a UID")
    return uid


class Credentials(NamedTuple):
    """A Credentials object (§7.3.1), as far as it matters."""

    token: str
    url: str
    parties: frozenset[tuple[str, str]]  # (country code, party id) of its roles


def read_credentials(data: Any) -> Credentials:
    data = _object(data)
    token = text(data, "token", 64)
    if not _PRINTABLE.fullmatch(token):
        raise Wrong("token: printable ASCII characters without spaces")
    roles = data.get("roles")
    if not isinstance(roles, list) or not roles or len(roles) > 1000:
        raise Wrong("roles: at least one role")
    parties = set()
    for role in roles:
        if not isinstance(role, dict):
            raise Wrong("roles: not objects")
        parties.add((text(role, "country_code", 2).upper(), text(role, "party_id", 3).upper()))
        text(role, "role", 10)
    return Credentials(token, url(data.get("url"), "url"), frozenset(parties))


def url(value: Any, field: str) -> str:
    """An address that may be called; which hosts are allowed is seen when it is."""
    if not isinstance(value, str) or not value.isprintable() or " " in value or len(value) > LONGEST_URL:
        raise Wrong(f"{field}: an address of at most {LONGEST_URL} characters")
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        good = False
    if not good:
        raise Wrong(f"{field}: not an address that begins with https://")
    return value


def version_url(data: Any) -> str:
    """Of the versions a party offers (§6.1) the address of ours."""
    if not isinstance(data, list):
        raise Wrong("versions: not a list", UNUSABLE_API)
    for one in data[:50]:
        if isinstance(one, dict) and one.get("version") == VERSION:
            return url(one.get("url"), "versions")
    raise Wrong(f"versions: {VERSION} is not among them", UNSUPPORTED_VERSION)


def tokens_url(data: Any) -> str:
    """Of the endpoints of a version (§6.2) that from which cards are fetched and at which one asks about them."""
    endpoints = data.get("endpoints") if isinstance(data, dict) else None
    if not isinstance(endpoints, list):
        raise Wrong("endpoints: not a list", UNUSABLE_API)
    for one in endpoints[:200]:
        if isinstance(one, dict) and one.get("identifier") == "tokens" and one.get("role") == "SENDER":
            return url(one.get("url"), "endpoints").rstrip("/")
    raise Wrong("endpoints: tokens as SENDER is not among them", NO_ENDPOINTS)


def evse_uid(station: int, connector: int) -> str:
    """What a connector is called towards other parties: for as long as it is there, whatever its EVSE ID becomes."""
    return f"{station}-{connector}"


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise Wrong("body: not a JSON object")
    return data


def _updated(data: Mapping[str, Any]) -> datetime:
    """Not of a time to come: whatever is told of the token until then would be older, and so be ignored."""
    found = moment(data.get("last_updated"), "last_updated")
    if found > timezone.now() + AHEAD:
        raise Wrong("last_updated: more than a day ahead")
    return found


def _truth(data: Mapping[str, Any]) -> bool:
    value = data.get("valid")
    if not isinstance(value, bool):
        raise Wrong("valid: missing" if value is None else "valid: true or false")
    return value
