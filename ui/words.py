"""What was entered in a field, in words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import formats
from django.utils.encoding import force_str
from django.utils.translation import gettext as _


def in_words(field: forms.Field, value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(field, forms.ModelChoiceField):
        rows = list(value) if isinstance(field, forms.ModelMultipleChoiceField) else [] if value is None else [value]
        return ", ".join(field.label_from_instance(row) for row in rows).strip() or "–"
    if isinstance(field, forms.ChoiceField):
        labels = {force_str(key): force_str(label) for key, label in _flat(field.choices)}
        chosen = value if isinstance(value, (list, tuple, set)) else ["" if value is None else value]
        return ", ".join(labels.get(force_str(key), force_str(key)) for key in chosen) or "–"
    if value is None or value == "":
        return "–"
    if isinstance(value, (int, float, Decimal)):
        return formats.localize(value)
    if isinstance(value, datetime.datetime):
        return f"{formats.date_format(value, 'j M Y')} {value:%H:%M}"
    return formats.date_format(value, "j M Y") if isinstance(value, datetime.date) else force_str(value)


def _flat(choices: Any) -> Iterator[tuple[Any, Any]]:
    for key, label in choices:
        if isinstance(label, (list, tuple)):
            yield from label
        else:
            yield key, label
