"""Numbers and addresses as people type them: what is wrong with one is said in words, what is right is stored in one way.

Each `clean_…` takes what was typed and gives what is stored, "" for nothing; ValidationError says what is wrong and what to do.
Each `show_…` takes what is stored and gives what is shown.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NoReturn

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from stdnum import bic, get_cc_module, iban
from stdnum.at import businessid
from stdnum.at import postleitzahl as at_postal
from stdnum.be import vat as be_vat
from stdnum.de import handelsregisternummer
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, InvalidLength
from stdnum.exceptions import ValidationError as Wrong
from stdnum.nl import postcode as nl_postal


@cache
def countries() -> frozenset[str]:
    """The codes of ISO 3166 that have a telephone network: all that can have a charging station."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def compact(text: str) -> str:
    """Capitals without spaces, dots and dashes."""
    return "".join(sign for sign in text.upper() if sign.isalnum())


def clean_country(text: str) -> str:
    code = text.strip().upper()
    if code and code not in countries():
        raise ValidationError(_("A country is two letters, such as NL. There is no country “%s”.") % code[:20])
    return code


def clean_postal_code(text: str, country: str) -> str:
    """Checked where the country's form is known, else as typed."""
    code = " ".join(text.upper().split())
    if not code:
        return ""
    try:
        if country == "NL":
            return str(nl_postal.validate(code))
        if country == "AT":
            return str(at_postal.validate(code.removeprefix("AT-").removeprefix("A-")))
    except Wrong:
        example = {"NL": "3011 AA", "AT": "1010"}[country]
        raise ValidationError(_("There is no such postal code in this country. One is written like %s.") % example) from None
    if digits := {"DE": 5, "BE": 4, "LU": 4, "FR": 5, "CH": 4, "DK": 4}.get(country):
        code = re.sub(r"^[A-Z]{1,2}[- ]", "", code)  # D-10115, as on old envelopes
        if not re.fullmatch(rf"[0-9]{{{digits}}}", code):
            raise ValidationError(_("A postal code of this country has %d digits and nothing else.") % digits)
    return code


def clean_phone(text: str, country: str = "") -> str:
    """As E.164, "+31201234567"; a number without a country's prefix is one of `country`."""
    typed = text.strip()
    if not typed:
        return ""
    try:
        number = phonenumbers.parse(typed, country or None)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise ValidationError(_("Write it with the country's prefix, such as +31 10 123 4567.")) from None
        raise ValidationError(_("This is not a phone number. Write it like +31 10 123 4567.")) from None
    if not phonenumbers.is_possible_number(number):
        raise ValidationError(_("This phone number is too short or too long. Compare it digit by digit."))
    if not phonenumbers.is_valid_number(number):
        raise ValidationError(_("There is no such phone number: its beginning is not in use. Compare it digit by digit."))
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def show_phone(stored: str) -> str:
    """As "+31 10 123 4567"; what cannot be read is shown as it is."""
    try:
        number = phonenumbers.parse(stored, None)
    except phonenumbers.NumberParseException:
        return stored
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def clean_iban(text: str) -> str:
    number = compact(text)
    if not number:
        return ""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{8,30}", number):
        raise ValidationError(_("This does not look like an IBAN. One is written like NL91 ABNA 0417 1643 00."))
    try:  # the form first: a missing sign spoils the check digits too
        iban.validate(number[:2] + iban.calc_check_digits(number) + number[4:], check_country=False)
    except Wrong:
        words = {"country": number[:2], "signs": len(number)}
        raise ValidationError(
            _("%(signs)d signs of this kind are not an IBAN of %(country)s: a sign is missing, doubled or wrong.") % words
        ) from None
    # Not by the rules of the country too: some ask for a list of banks, and new banks are not on it.
    if not iban.is_valid(number, check_country=False):
        _typing_error()
    return number


def show_iban(stored: str) -> str:
    """In groups of four."""
    return " ".join(stored[start : start + 4] for start in range(0, len(stored), 4))


def mask_iban(stored: str) -> str:
    """For records that more people read than may see it: the country and the last four."""
    return f"{stored[:2]}…{stored[-4:]}" if stored else ""


def clean_bic(text: str, account: str = "") -> str:
    """`account`: the IBAN that belongs to it."""
    code = compact(text)
    if not code:
        return ""
    if len(code) not in {8, 11}:
        raise ValidationError(_("A BIC has 8 or 11 signs."))
    if not re.fullmatch(r"[A-Z]{6}[0-9A-Z]+", code):
        raise ValidationError(_("This does not look like a BIC. One is four letters, a country and two or five signs: ABNANL2A."))
    if not bic.is_valid(code):
        raise ValidationError(_("There is no country “%s”, which stands at the fifth and sixth place of this BIC.") % code[4:6])
    if account and account[:2] != code[4:6] and not {account[:2], code[4:6]} <= _SHARED.get(account[:2], set()):
        words = {"bic": code[4:6], "iban": account[:2]}
        raise ValidationError(_("This BIC is of a bank in %(bic)s, the IBAN of an account in %(iban)s. One of them is wrong.") % words)
    return code


# Countries whose banks serve each other's accounts under one BIC
_SHARED = {code: group for group in ({"FR", "MC"}, {"GB", "GG", "IM", "JE"}, {"IT", "SM", "VA"}, {"CH", "LI"}) for code in group}


def clean_vat(text: str, country: str = "") -> str:
    """With the letters of its country. Those of the European Union are checked wholly, others as far as possible."""
    number = compact(text)
    if not number:
        return ""
    prefix = "EL" if country == "GR" else country
    if not number[:2].isalpha() and prefix:
        number = prefix + number
    if number[:2] == "GR":
        number = "EL" + number[2:]
    if number[:2].lower() not in {"el", *vat.MEMBER_STATES}:
        return _other_vat(number)
    try:
        return str(vat.validate(number))
    except InvalidChecksum:
        _typing_error()
    except InvalidLength:
        raise ValidationError(_("A VAT number of this country has another length. Compare it sign by sign.")) from None
    except Wrong:
        raise ValidationError(_("This is not a VAT number of %s. Compare it sign by sign.") % number[:2]) from None


def _other_vat(number: str) -> str:
    if not number[:2].isalpha() or ("GB" if number[:2] == "XI" else number[:2]) not in countries():
        raise ValidationError(_("A VAT number begins with two letters for its country, such as NL123456782B12."))
    module: Any = get_cc_module("gb" if number[:2] == "XI" else number[:2].lower(), "vat")
    if module is not None and not module.is_valid(number[2:]) and not module.is_valid(number):
        raise ValidationError(_("This is not a VAT number of %s. Compare it sign by sign.") % number[:2])
    if not 6 <= len(number) <= 20:
        raise ValidationError(_("A VAT number has 6 to 20 signs."))
    return number


def clean_chamber(text: str, country: str = "") -> str:
    """Checked where the country's form is known, else as typed."""
    typed = " ".join(text.split())
    if not typed:
        return ""
    if country == "NL":
        number = compact(typed)
        if not (len(number) == 8 and number.isascii() and number.isdecimal()):
            raise ValidationError(_("A number of the Dutch chamber of commerce has 8 digits."))
        return number
    if country == "BE":
        number = compact(typed).removeprefix("BE")
        if not be_vat.is_valid(number):
            raise ValidationError(_("A Belgian enterprise number has 10 digits; the check digits of this one do not fit."))
        return str(be_vat.compact(number))
    if country == "AT":
        try:
            return str(businessid.validate(compact(typed).removeprefix("FN").lower()))
        except Wrong:
            raise ValidationError(_("A number of the Austrian commercial register is up to six digits and a letter: 122119 m.")) from None
    if country == "DE":
        return _german(typed)
    return typed


def _german(typed: str) -> str:
    """Register and number, "HRB 11223", before it the court where it fits into the field."""
    short = re.fullmatch(r"(HRA|HRB|GNR|PR|VR|GSR) ?([0-9]{1,6}) ?([A-Z]{0,3})", typed.upper())
    if short:
        return " ".join(filter(None, short.groups()))
    try:
        return str(handelsregisternummer.validate(re.sub(r"^(AG|Amtsgericht) +", "", typed)))
    except Wrong:
        raise ValidationError(_("A number of the German commercial register is written like HRB 11223 or Aachen HRB 11223.")) from None


def _typing_error() -> NoReturn:
    raise ValidationError(_("The check digits do not fit: probably a typing error. Compare it sign by sign.")) from None
