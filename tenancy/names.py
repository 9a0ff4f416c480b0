"""Names as people type them: of organizations, locations, roles, people, stations and passes.

What cannot be seen in a name – signs of no width, signs that turn the direction of writing, controls – makes two things look the same, or
one look like another. It is taken out, and a name that is nothing else is refused.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

JOINERS = "\u200c\u200d"  # letters of some scripts, and pictures, are written with them
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters by their kind, and nothing to see


def clean_name(text: str) -> str:
    """`text` without what cannot be seen, its spaces single; ValidationError where something was typed and nothing is left."""
    spaced = " ".join(text.split())
    name = " ".join("".join(sign for at, sign in enumerate(spaced) if _stays(spaced, at, sign)).split())
    if spaced and not any(unicodedata.category(sign)[0] in "LNPS" for sign in name):
        raise ValidationError(_("Nothing of this can be seen. Use letters or digits."))
    return name


def _stays(text: str, at: int, sign: str) -> bool:
    if sign in JOINERS:
        return 0 < at < len(text) - 1 and not text[at - 1].isascii() and not text[at + 1].isascii()
    return sign not in BLANKS and unicodedata.category(sign) not in {"Cc", "Cf", "Co", "Cs"}


def same_name(text: str) -> str:
    """Equal for names that are read as the same: whatever their capitals, their width and their spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(sign for sign in folded if unicodedata.category(sign) != "Cf").split())


class NameField(forms.CharField):
    """The field of a name; what it gives is clean."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return clean_name(text) if isinstance(text, str) and "\x00" not in text else text  # a null has a message of its own
