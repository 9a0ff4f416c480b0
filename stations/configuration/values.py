"""Values of configuration keys: said in words, checked before they are sent, and compared as stations mean them."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations.configuration.catalogue import CHOICE, DECIMAL, LIST, NUMBER, SECRET, SWITCH, Known, known
from stations.ocpp import masking
from stations.ocpp.variables import Variable
from stations.ocpp.versions import has_variables

MASK = masking.MASK
hides = masking.hides  # whether something of a value is masked
LONGEST_KEY, LONGEST = 220, 1000  # characters, in any version
_LONGEST_KEY_16, _LONGEST_16 = 50, 500
ON, OFF = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_ANY_NUMBER = re.compile(r"[-+]?[0-9]+([.][0-9]+)?")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def is_secret(key: str, version: str = "") -> bool:
    """Whether its value may be written, but never shown or kept."""
    found = known(key, version)
    return masking.is_secret(key) or bool(found and found.kind == SECRET)


def shown(key: str, value: str, version: str = "") -> str:
    """As people may see it: a secret as stars, an address without its password."""
    return MASK if value and is_secret(key, version) else masking.without_url_passwords(value)


def parts(value: str) -> list[str]:
    """The members of a comma-separated list, in its order."""
    return [part.strip() for part in value.split(",") if part.strip()]


def in_words(entry: Known | None, value: str) -> str:
    """What a value means: "900 s = 15 min", "on", "Power, Voltage". Empty where the value itself says all there is."""
    if entry is None or not value:
        return ""
    text = value.strip()
    if entry.kind == SWITCH:
        return _("on") if text.lower() in ON else _("off") if text.lower() in OFF else ""
    if entry.kind == NUMBER and text.lstrip("-").isdecimal() and len(text) < 16:
        return _number(entry, int(text))
    if entry.kind in {NUMBER, DECIMAL} and entry.unit not in {"", "×"} and _DECIMAL.fullmatch(text):
        return f"{text} {entry.unit}"
    if entry.kind == CHOICE:
        return str(dict(entry.choices).get(text, ""))
    if entry.kind == LIST:
        labels = {name.casefold(): label for name, label in entry.choices}
        return ", ".join(str(labels.get(part.casefold(), part)) for part in parts(text))
    return ""


def _number(entry: Known, number: int) -> str:
    unit = ngettext("time", "times", number) if entry.unit == "×" else entry.unit
    said = f"{number} {unit}".strip()
    if number == 0 and entry.zero:
        return f"{said}: {entry.zero}"
    if entry.unit == "s":
        for seconds, word in _UNITS:
            if number >= seconds and number % seconds == 0:
                return f"{said} = {number // seconds} {word}"
        if number > 60:
            return f"{said} ≈ {number / 60:.0f} min" if number < 7200 else f"{said} ≈ {number / 3600:.1f} h"
    if entry.unit == "Wh" and number >= 1000:
        return f"{said} = {number / 1000:g} kWh"
    return said if unit else ""


def fits_version(key: str, version: str) -> str:
    """Why a station that speaks `version` can have no such key; empty where it may."""
    if has_variables(version):
        return "" if Variable.parse(key) else _("The station has variables: write Component/Variable.")
    return _("The station speaks OCPP 1.6, which has no variables of components.") if known(key) and "/" in key else ""


def longest_key(key: str) -> int:
    return LONGEST_KEY if "/" in key else _LONGEST_KEY_16


def check(key: str, value: str, version: str = "", *, strict: bool = True, entry: Known | None = None) -> None:
    """ValidationError says why this value cannot be sent. Not `strict`: the person knows better than the catalogue, only what would
    certainly go wrong is refused. `entry`: what a station tells of it beside the catalogue."""
    longest = LONGEST if "/" in key else _LONGEST_16
    if len(value) > longest:
        raise ValidationError(_("A value has at most %d characters.") % longest)
    if any(sign < " " for sign in value):
        raise ValidationError(_("A value stands on one line."))
    if key.casefold() in {"authorizationkey", "securityctrlr/basicauthpassword"}:
        # Some stations read hexadecimal digits as bytes, others as text: with a letter beyond F both read the same.
        if not 16 <= len(value) <= 40 or not value.isascii() or not value.isalnum():
            raise ValidationError(_("The station's password has 16 to 40 letters and digits."))
        if all(sign in "0123456789abcdefABCDEF" for sign in value):
            raise ValidationError(_("Use at least one letter from G to Z: stations read 0–9 and A–F differently."))
    elif value == MASK:
        raise ValidationError(_("The stars only hide the value. Type the new one."))
    elif value != MASK and masking.hides(value):
        raise ValidationError(_("The stars only hide the password. Type it in their place."))
    entry = entry or known(key, version)
    if strict and entry:
        _check_known(entry, value.strip())


def check_kind(key: str, value: str) -> None:
    """ValidationError says why no station can take this value: letters in a number, or no word of a switch. What is merely unusual is
    what `remark` tells."""
    entry, text = known(key), value.strip()
    if entry and entry.kind == SWITCH and text.lower() not in ON | OFF:
        raise ValidationError(_("This is true or false."))
    if entry and entry.kind in {NUMBER, DECIMAL} and not _ANY_NUMBER.fullmatch(text):
        raise ValidationError(_no_number(entry))


def remark(key: str, value: str) -> str:
    """What may keep stations from taking it; empty where it is usual."""
    entry = known(key)
    if entry and entry.readonly:
        return _("read-only by the standard")
    try:
        check(key, value)
    except ValidationError as error:
        return _("not usual: %s") % error.messages[0]
    return ""


def _no_number(entry: Known) -> str:
    whole = entry.kind == NUMBER
    return _("Enter a whole number, without its unit.") if whole else _("Enter a number, without its unit.")


def _check_known(entry: Known, text: str) -> None:
    if entry.kind == SWITCH and text.lower() not in {"true", "false"}:
        raise ValidationError(_("This is true or false."))
    if entry.kind == CHOICE and text not in dict(entry.choices):
        raise ValidationError(_("This is one of: %s.") % ", ".join(name for name, _label in entry.choices))
    if entry.kind not in {NUMBER, DECIMAL}:
        return
    if not (text.removeprefix("-").isdecimal() if entry.kind == NUMBER else _DECIMAL.fullmatch(text)):
        raise ValidationError(_no_number(entry))
    if len(text) > 15 or (entry.kind == NUMBER and text.startswith("-")):
        raise ValidationError(range_of(entry) or _("Enter 0 or more, with at most 15 digits."))
    number = float(text)
    if (entry.least is not None and number < entry.least) or (entry.most is not None and number > entry.most):
        raise ValidationError(range_of(entry))


def range_of(entry: Known) -> str:
    """ "Between 10 and 86400 s." """
    unit = f" {entry.unit}" if entry.unit not in ("", "×") else ""
    if entry.least is None and entry.kind == DECIMAL:
        return _("At most %(most)s%(unit)s.") % {"most": entry.most, "unit": unit} if entry.most is not None else ""
    if entry.most is None:
        return _("At least %(least)s%(unit)s.") % {"least": entry.least or 0, "unit": unit}
    return _("Between %(least)s and %(most)s%(unit)s.") % {"least": entry.least or 0, "most": entry.most, "unit": unit}


def same(entry: Known | None, one: str, other: str) -> bool:
    """Whether two values mean the same to a station: "TRUE" and "true", "060" and "60", "a, b" and "a,b"."""
    if one.strip() == other.strip() or entry is None:
        return one.strip() == other.strip()
    if entry.kind == SWITCH:
        folded = [text.strip().lower() for text in (one, other)]
        return any(set(folded) <= words for words in (ON, OFF))
    if entry.kind == NUMBER and one.strip().isdecimal() and other.strip().isdecimal():
        return one.strip().lstrip("0") == other.strip().lstrip("0")
    if entry.kind == DECIMAL and _DECIMAL.fullmatch(one.strip()) and _DECIMAL.fullmatch(other.strip()):
        return float(one) == float(other)
    if entry.kind == LIST:
        return parts(one) == parts(other)
    return False
