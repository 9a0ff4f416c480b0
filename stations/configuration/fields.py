"""The form in which a value is typed: a number with its limits, a switch, a choice, a list with its order kept, text, or a password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.configuration.catalogue import CHOICE, DECIMAL, LIST, NUMBER, SECRET, SWITCH, Known, known
from stations.configuration.values import LONGEST, LONGEST_KEY, OFF, ON, check, is_secret, parts, range_of

AS_TYPED = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class ValueForm(forms.Form):
    """The new value of `key` of a station that speaks `version`. `value` is what the control begins with. `raw`: typed as text, without the
    limits of the catalogue; so it is too where `value` does not fit the control. Where a wrong value cuts the station off, `careful` asks
    to be told once more."""

    def __init__(
        self,
        data: Any = None,
        *,
        key: str,
        version: str = "",
        value: str = "",
        raw: bool = False,
        careful: bool = True,
        entry: Known | None = None,
    ) -> None:
        super().__init__(data)
        self.key, self.version, self.entry = key, version, entry or known(key, version)
        self.secret = is_secret(key, version) or bool(self.entry and self.entry.kind == SECRET)
        self.raw = raw or not _fits(self.entry, value)
        self.fields["value"] = _field(None if self.raw else self.entry, value, self.secret)
        if careful and self.entry and self.entry.cuts_off:
            self.fields["sure"] = forms.BooleanField(
                label=_("I have checked the value: change it."), error_messages={"required": _("Tick this to change it.")}
            )

    def clean_value(self) -> str:
        value = self.cleaned_data["value"]
        value = ",".join(value) if isinstance(value, list) else value
        if self.entry and not self.raw:
            value = value.strip()
        try:
            check(self.key, value, self.version, strict=not self.raw, entry=self.entry)
        except ValidationError as error:
            shown = self["value"]
            for said in error.messages:  # the error stands there instead
                shown.help_text = shown.help_text.replace(said, "").strip()
            raise
        return str(value)

    @property
    def can_be_typed(self) -> bool:
        """Whether there is a control instead of plain text."""
        return bool(self.entry and self.entry.kind in {NUMBER, DECIMAL, SWITCH, CHOICE, LIST} and not self.raw and not self.secret)


def _fits(entry: Known | None, value: str) -> bool:
    text = value.strip()
    if entry is None or not text:
        return True
    match entry.kind:
        case "number":
            return text.isdecimal()
        case "decimal":
            return text.lstrip("-").replace(".", "", 1).isdecimal()
        case "switch":
            return text.lower() in ON | OFF
        case "choice":
            return text in dict(entry.choices)
    return True


def _field(entry: Known | None, value: str, secret: bool) -> forms.Field:
    label = _("New value")
    if secret:
        return forms.CharField(label=label, max_length=LONGEST, strip=False, widget=forms.PasswordInput(attrs=AS_TYPED))
    match entry.kind if entry else "":
        case "number" | "decimal":
            assert entry is not None
            limits = {name: limit for name, limit in (("min", entry.least), ("max", entry.most)) if limit is not None}
            said = [range_of(entry)] + ([f"0: {entry.zero}."] if entry.zero else [])
            unit = _("times") if entry.unit == "×" else entry.unit
            return forms.CharField(
                label=f"{label} ({unit})" if unit else label, initial=value, max_length=15, help_text=" ".join(said),
                widget=forms.NumberInput(attrs={**limits, "step": 1 if entry.kind == NUMBER else "any", "autocomplete": "off"}),
            )  # fmt: skip
        case "switch":
            initial = "true" if value.strip().lower() in ON else "false" if value.strip() else ""
            return forms.ChoiceField(
                label=label, choices=[("true", _("On")), ("false", _("Off"))], initial=initial, widget=forms.RadioSelect
            )
        case "choice":
            assert entry is not None
            return forms.ChoiceField(label=label, initial=value.strip(), choices=[(key, f"{key}: {word}") for key, word in entry.choices])
        case "list":
            assert entry is not None
            return _list(entry, value)
    return forms.CharField(
        label=label, initial=value, max_length=LONGEST, required=False, strip=False, widget=forms.TextInput(attrs=AS_TYPED)
    )


def _list(entry: Known, value: str) -> forms.Field:
    """What the station has comes first, in its order, which stays; members of its own stay too."""
    labels = {name.casefold(): label for name, label in entry.choices}
    have = list(dict.fromkeys(parts(value)))
    rest = [name for name, _label in entry.choices if name.casefold() not in {one.casefold() for one in have}]
    choices = [(one, f"{labels[one.casefold()]} ({one})" if one.casefold() in labels else one) for one in [*have, *rest]]
    return forms.MultipleChoiceField(
        label=_("New value"), choices=choices, initial=have, required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("The station gets them in this order."),
    )  # fmt: skip


class KeyForm(forms.Form):
    """Which key, where it is none of those in the table."""

    key = forms.CharField(
        label=lazy("Key"), max_length=LONGEST_KEY, widget=forms.TextInput(attrs={**AS_TYPED, "list": "known-keys"}),
        help_text=lazy("As the station spells it. A key that it has not told of can be tried too: it answers whether it knows it."),
    )  # fmt: skip

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if not key.isprintable():
            raise ValidationError(_("A key has no such signs."))
        return key
