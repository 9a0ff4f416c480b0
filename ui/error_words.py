"""What is said beside a field that was not filled in rightly: for every form of the portal in its own words, not the framework's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core import validators
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext_lazy

_NO_CHOICE = lazy("“%(value)s” cannot be chosen here. Choose another one.")
_NO_ROW = lazy("This cannot be chosen here. Choose another one.")  # its key says nothing

OF_FIELDS: dict[type[forms.Field], dict[str, Any]] = {
    forms.Field: {"required": lazy("Fill this in.")},
    forms.DateField: {"invalid": lazy("Enter a date.")},
    forms.TimeField: {"invalid": lazy("Enter a time.")},
    forms.DateTimeField: {"invalid": lazy("Enter a date and a time.")},
    forms.BooleanField: {"required": lazy("Tick this to go on.")},
    forms.FileField: {"required": lazy("Choose a file."), "empty": lazy("This file is empty. Choose another one.")},
    forms.ChoiceField: {"required": lazy("Choose one."), "invalid_choice": _NO_CHOICE},
    forms.MultipleChoiceField: {"required": lazy("Choose at least one."), "invalid_choice": _NO_CHOICE},
    forms.ModelChoiceField: {"invalid_choice": _NO_ROW},
    forms.ModelMultipleChoiceField: {"required": lazy("Choose at least one."), "invalid_choice": _NO_ROW, "invalid_pk_value": _NO_ROW},
}
OF_VALIDATORS: dict[type[validators.BaseValidator], Any] = {
    validators.MinValueValidator: lazy("Enter %(limit_value)s or more."),
    validators.MaxValueValidator: lazy("Enter %(limit_value)s or less."),
    validators.StepValueValidator: lazy("Enter a multiple of %(limit_value)s."),
    validators.MinLengthValidator: ngettext_lazy(
        "This is too short: enter at least %(limit_value)d character. There are %(show_value)d.",
        "This is too short: enter at least %(limit_value)d characters. There are %(show_value)d.",
        "limit_value",
    ),
    validators.MaxLengthValidator: ngettext_lazy(
        "This is too long: enter at most %(limit_value)d character. There are %(show_value)d.",
        "This is too long: enter at most %(limit_value)d characters. There are %(show_value)d.",
        "limit_value",
    ),
}
OF_DECIMALS: dict[str, Any] = {
    "max_digits": ngettext_lazy("Enter at most %(max)s digit in all.", "Enter at most %(max)s digits in all.", "max"),
    "max_decimal_places": ngettext_lazy(
        "Enter at most %(max)s digit after the point.", "Enter at most %(max)s digits after the point.", "max"
    ),
    "max_whole_digits": ngettext_lazy(
        "Enter at most %(max)s digit before the point.", "Enter at most %(max)s digits before the point.", "max"
    ),
}


def speak() -> None:
    """Before the first form is made."""
    for field, words in OF_FIELDS.items():
        field.default_error_messages = {**field.__dict__.get("default_error_messages", {}), **words}
    for validator, message in OF_VALIDATORS.items():
        validator.message = message
    validators.DecimalValidator.messages = {**validators.DecimalValidator.messages, **OF_DECIMALS}
