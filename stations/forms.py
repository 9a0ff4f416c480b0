"""The forms of stations and connectors. They check what was typed; the actions write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions import what_is_wrong_with, why_station_not_moved
from stations.hardware import TECHNICAL, plugs_of
from stations.models import Connector, Location, Station, Transaction
from stations.models.infrastructure import MAX_CONNECTORS, AccessMode
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.rights import MANAGE_STATIONS
from ui.edits import Edit

AT_ONCE = 200  # stations added together


class Part:
    """A few fields of a form under a heading; `ui/fields.html` shows it as it shows a form."""

    hidden_fields = non_field_errors = ()

    def __init__(self, form: forms.BaseForm, heading: Any, names: Sequence[str]) -> None:
        self.heading = heading
        self.visible_fields = [form[name] for name in names if name in form.fields]

    @classmethod
    def of(cls, form: forms.BaseForm, parts: Sequence[tuple[Any, Sequence[str]]]) -> list[Part]:
        return [part for part in (cls(form, heading, names) for heading, names in parts) if part.visible_fields]


def locations_for(user: User) -> Any:
    return Location.objects.visible_to(user, MANAGE_STATIONS).select_related("organization").order_by("organization__name", "name")


class LocationChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.organization} · {obj}"


class StationsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Several stations at once, all alike."""

    identities = forms.CharField(
        label=lazy("Station ids"),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off", "class": "font-monospace"}),
        help_text=lazy("Exactly as the stations send them; one per line, or separated by commas. Capitals matter."),
    )
    location = LocationChoice(queryset=Location.objects.none(), label=lazy("Location"), empty_label=lazy("Choose one"))
    connectors = forms.IntegerField(label=lazy("How many"), min_value=1, max_value=MAX_CONNECTORS, initial=1)
    plug = forms.CharField(
        label=lazy("Plug"), max_length=200, required=False,
        help_text=lazy("Such as Type 2, CCS, CHAdeMO. Where the connectors differ, one for each in their order: CCS; CHAdeMO."),
    )  # fmt: skip
    format = forms.ChoiceField(label=lazy("Socket or cable"), choices=Connector.Format.choices)
    connector_max_current = forms.IntegerField(
        label=lazy("Maximum current of each connector (A)"), min_value=1, max_value=2000, required=False,
        help_text=lazy("Empty: that of the station."),
    )  # fmt: skip
    adopt = forms.BooleanField(
        label=lazy("Keep the password it already offers"),
        required=False,
        initial=True,
        help_text=lazy("Then nobody has to go to the station. Only if you know that the one that knocks is yours."),
    )

    class Meta:
        model = Station
        fields = ("alias", "access_mode", *TECHNICAL)
        field_classes = {"alias": NameField}

    parts = (
        (lazy("Which"), ("identities", "adopt")),
        (lazy("Where"), ("location", "alias", "access_mode")),
        (lazy("Connectors of each"), ("connectors", "format", "plug", "connector_max_current")),
        (lazy("Technical data"), TECHNICAL),
    )

    def __init__(self, *args: Any, user: User, offers_password: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["location"].queryset = locations_for(user)  # type: ignore[attr-defined]
        inherit_access_mode(self)
        self.fields["alias"].help_text = lazy("A name people use, shown beside the id. With several ids leave it empty.")
        explain_technical(self)
        bound(self, Station)
        if not offers_password:
            del self.fields["adopt"]

    def clean_identities(self) -> list[str]:
        found = [part for part in re.split(r"[\s,;]+", self.cleaned_data["identities"]) if part]
        if len(found) > AT_ONCE:
            raise forms.ValidationError(
                lazy("At most %(most)d at once; these are %(count)d."), params={"most": AT_ONCE, "count": len(found)}
            )
        if errors := what_is_wrong_with(found):  # said together with what is wrong in other fields
            raise forms.ValidationError(errors)
        return found

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("alias") and len(values.get("identities", ())) > 1:
            self.add_error("alias", lazy("Several stations cannot have the same alias. Leave it empty and name them later."))
        if values.get("connectors") and "plug" not in self.errors:
            try:
                values["plugs"] = plugs_of(values.get("plug", ""), values["connectors"])
            except forms.ValidationError as error:
                self.add_error("plug", error)
        return values


class StationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A move to another organization takes the history along, so it wants a tick of its own: `move`, asked only then."""

    location = LocationChoice(queryset=Location.objects.none(), label=lazy("Location"), empty_label=None)

    class Meta:
        model = Station
        fields = ("alias", "location", "access_mode", "active", *TECHNICAL)
        field_classes = {"alias": NameField}

    parts = (
        (lazy("Where"), ("alias", "location", "move", "access_mode")),
        (lazy("Technical data"), TECHNICAL),
        (lazy("Connection"), ("active",)),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        locations = locations_for(user)
        self.fields["location"].queryset = locations  # type: ignore[attr-defined]
        inherit_access_mode(self)
        explain_technical(self)
        bound(self, Station)
        if self.instance.pk:
            Edit.of(self)  # a location that was not touched is the one of now: that is no move
        wanted = str(self.data.get(self.add_prefix("location"), ""))
        here = self.instance.location
        to = locations.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
        self.not_moved = why_station_not_moved(user, self.instance, to) if to else ""
        if to and to.organization_id != here.organization_id and not self.not_moved:
            self.fields["move"] = forms.BooleanField(
                label=_("Move it to %s, with all that it has recorded") % to.organization,
                help_text=_consequences(self.instance, here.organization),
                error_messages={"required": _("Tick this to move it to another organization, or choose another location.")},
            )

    def clean_location(self) -> Location:
        if self.not_moved:
            raise forms.ValidationError(self.not_moved)
        location: Location = self.cleaned_data["location"]
        return location


def _consequences(station: Station, organization: Organization) -> str:
    count = Transaction.objects.filter(station=station).count()
    return ngettext(
        "Its %(count)d transaction and its log go along: %(organization)s itself no longer sees them. Other passes may be valid there.",
        "Its %(count)d transactions and its log go along: %(organization)s itself no longer sees them. Other passes may be valid there.",
        count,
    ) % {"count": count, "organization": organization}


def explain_technical(form: forms.BaseForm) -> None:
    form.fields["phases"].help_text = lazy("Of AC; of no effect with DC.")
    form.fields["voltage"].help_text = lazy("AC: between phase and neutral, such as 230.")
    form.fields["max_current"].help_text = lazy("Per phase. Empty: not known.")


def bound(form: forms.BaseForm, model: type[Model]) -> None:
    """Browsers know the least and the most of numbers as the model has them; it knows itself what is wrong with others."""
    known = {field.name: field.validators for field in model._meta.concrete_fields}
    for name, field in form.fields.items():
        for validator in known.get(name, ()) if isinstance(field, forms.IntegerField) else ():
            if isinstance(validator, MinValueValidator | MaxValueValidator) and validator.limit_value:
                field.widget.attrs["min" if isinstance(validator, MinValueValidator) else "max"] = validator.limit_value


def inherit_access_mode(form: forms.BaseForm) -> None:
    """Empty is a choice with a meaning, so it has words."""
    form.fields["access_mode"] = forms.ChoiceField(
        label=lazy("Access mode"), choices=[("", lazy("As the location")), *AccessMode.choices], required=False,
    )  # fmt: skip


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Connector
        fields = ("number", "format", "plug", "max_current", "evse_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bound(self, Connector)
        self.fields["number"].widget.attrs["min"] = 1
        if self.instance.pk:
            del self.fields["number"]  # the station's own; transactions hang on it

    def clean_number(self) -> int:
        number = int(self.cleaned_data["number"])
        if number == 0:
            raise forms.ValidationError(lazy("Connectors are counted from 1; 0 is the station itself."))
        if Connector.objects.filter(station=self.instance.station_id, number=number).exists():
            raise forms.ValidationError(lazy("This station already has a connector with this number."))
        return number
