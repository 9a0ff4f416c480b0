"""Numbers and addresses as people type them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tenancy import validation as check


@pytest.mark.parametrize(
    ("clean", "typed", "stored"),
    [
        (check.clean_iban, "nl91 abna 0417 1643 00", "NL91ABNA0417164300"),
        (check.clean_iban, "DE89.3704-0044 0532 0130 00", "DE89370400440532013000"),
        (check.clean_iban, "  ", ""),
        (check.clean_bic, "abnanl2a", "ABNANL2A"),
        (check.clean_bic, "DEUT DE FF 500", "DEUTDEFF500"),
        (check.clean_vat, "NL0044.95.445.B01", "NL004495445B01"),
        (check.clean_vat, "GR094259216", "EL094259216"),
        (check.clean_vat, "GB980780684", "GB980780684"),
        (check.clean_phone, "+31 10 404 80 00", "+31104048000"),
        (check.clean_country, " nl ", "NL"),
    ],
)
def test_what_is_right_is_stored_in_one_way(clean: object, typed: str, stored: str) -> None:
    assert callable(clean)
    assert clean(typed) == stored


@pytest.mark.parametrize(
    ("clean", "typed", "said"),
    [
        (check.clean_iban, "NL91ABNA0417164301", "check digits do not fit"),
        (check.clean_iban, "NL91ABNA041716430", "a sign is missing, doubled or wrong"),
        (check.clean_iban, "XX91ABNA0417164300", "not an IBAN of XX"),
        (check.clean_iban, "my account", "does not look like an IBAN"),
        (check.clean_iban, "٣" * 20, "does not look like an IBAN"),
        (check.clean_bic, "ABNANL2", "8 or 11"),
        (check.clean_bic, "12345678", "does not look like a BIC"),
        (check.clean_bic, "ABNAXX2A", "no country “XX”"),
        (check.clean_vat, "NL004495446B01", "check digits do not fit"),
        (check.clean_vat, "BE0428759498", "check digits do not fit"),
        (check.clean_vat, "BE04", "another length"),
        (check.clean_vat, "QQ1234567", "two letters for its country"),
        (check.clean_phone, "call me", "not a phone number"),
        (check.clean_phone, "010 404 80 00", "country's prefix"),
        (check.clean_phone, "+31 10", "not a phone number|too short"),
        (check.clean_phone, "+31 00 000 0000", "no such phone number|too short|not in use"),
        (check.clean_country, "Netherlands", "two letters"),
        (check.clean_country, "XX", "no country “XX”"),
    ],
)
def test_what_is_wrong_is_said_in_words(clean: object, typed: str, said: str) -> None:
    assert callable(clean)
    with pytest.raises(ValidationError, match=said):
        clean(typed)


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("24 30 22 07", "NL", "24302207"),
        ("0428.759.497", "BE", "0428759497"),
        ("FN 122119M", "AT", "122119m"),
        ("hrb 11223", "DE", "HRB 11223"),
        ("Aachen HRB 11223", "DE", "Aachen HRB 11223"),
        ("SIREN  732 829 320", "FR", "SIREN 732 829 320"),
    ],
)
def test_a_chamber_number(typed: str, country: str, stored: str) -> None:
    assert check.clean_chamber(typed, country) == stored


@pytest.mark.parametrize(("typed", "country"), [("1234567", "NL"), ("0428759498", "BE"), ("FN", "AT"), ("11223", "DE")])
def test_a_chamber_number_that_is_none(typed: str, country: str) -> None:
    with pytest.raises(ValidationError):
        check.clean_chamber(typed, country)


def test_a_postal_code() -> None:
    assert check.clean_postal_code("3011aa", "NL") == "3011 AA"
    assert check.clean_postal_code("D-10115", "DE") == "10115"
    assert check.clean_postal_code("ec1a 1bb", "GB") == "EC1A 1BB"
    for typed, country in (("3011", "NL"), ("12", "AT"), ("1011", "DE"), ("AB", "BE")):
        with pytest.raises(ValidationError):
            check.clean_postal_code(typed, country)


def test_a_number_without_prefix_is_of_its_country() -> None:
    assert check.clean_phone("010 404 80 00", "NL") == "+31104048000"
    assert check.clean_vat("004495445B01", "NL") == "NL004495445B01"


def test_bank_and_account_are_of_one_country() -> None:
    assert check.clean_bic("ABNANL2A", "NL91ABNA0417164300") == "ABNANL2A"
    with pytest.raises(ValidationError, match="of a bank in NL"):
        check.clean_bic("ABNANL2A", "DE89370400440532013000")


def test_how_they_are_shown() -> None:
    assert check.show_iban("NL91ABNA0417164300") == "NL91 ABNA 0417 1643 00"
    assert check.mask_iban("NL91ABNA0417164300") == "NL…4300"
    assert check.show_phone("+31104048000") == "+31 10 404 8000"
    assert check.show_phone("old entry") == "old entry"
