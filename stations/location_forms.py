"""The forms of a location, whole and as the steps of a wizard. They check what was typed; the actions write."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.actions import why_location_not_moved
from stations.models import AccessMode, Location
from tenancy.compensation import KINDS, Given, amount_in_words, given_at
from tenancy.forms import Amount, ParentChoice, choose_among
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.rights import LABELS, MANAGE_LOCATIONS, MANAGE_RATES, PUBLISH_LOCATIONS, READ, READ_MONEY, holds
from tenancy.validation import clean_country, clean_postal_code

DETAILS = ("organization", "name", "street", "postal_code", "city", "country", "latitude", "longitude", "time_zone")
ACCESS = ("access_mode", "published")
MEANINGS = {
    AccessMode.OPEN: lazy("Anybody charges, with any card and without a check. The owner pays; the cost is not passed on."),
    AccessMode.ROAMING: lazy("Public: any card of a connected network charges. Its holder pays, and the owner is reimbursed."),
    AccessMode.ROAMING_WHITELIST: lazy("Both: whitelisted passes charge free, cards of connected networks are paid for by their holders."),
    AccessMode.WHITELIST: lazy(
        "Only passes that are whitelisted on the list of the organization charge. It is free for the driver; the owner pays."
    ),
}
COORDINATE = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})


def refused_right(right: str) -> str:
    return _("You don't have the right to %s here.") % LABELS[right]


class LocationForm(forms.ModelForm):  # type: ignore[type-arg]
    """`names` are the fields of a form that is a part only; `organization` owns the location, where that is known already."""

    names: tuple[str, ...] = (*DETAILS, "access_mode", *KINDS)
    parts = ((lazy("Details"), DETAILS), (lazy("Access"), ACCESS), (lazy("Rates"), KINDS))

    class Meta:
        model = Location
        fields = (*DETAILS, *ACCESS, *KINDS)
        widgets = {"latitude": COORDINATE, "longitude": COORDINATE}
        field_classes = {"organization": ParentChoice, "name": NameField, "compensation_ac": Amount, "compensation_dc": Amount}

    def __init__(self, *args: Any, user: User, organization: Organization | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.owner = self.instance.organization if self.instance.pk else organization
        for name in set(self.fields) - set(self.names):
            del self.fields[name]
        if "organization" in self.fields:
            self._details(user)
        if "access_mode" in self.fields:
            self._access(user)
        if KINDS[0] in self.fields:
            self._rates(user)

    def _details(self, user: User) -> None:
        if self.instance.pk:
            del self.fields["organization"]  # moving has consequences of its own
        else:
            choose_among(self, user, Organization.objects.visible_to(user, MANAGE_LOCATIONS))
        names = sorted(
            name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
        )
        if self.instance.time_zone not in names:
            names.append(self.instance.time_zone)
        self.fields["time_zone"] = forms.ChoiceField(
            label=self.fields["time_zone"].label, choices=[(name, name) for name in names], initial=self.instance.time_zone
        )
        self.fields["latitude"].help_text = lazy("With both, the location is on the map.")

    def _access(self, user: User) -> None:
        choices = [
            (mode.value, format_html('{}<span class="form-check-description">{}</span>', mode.label, MEANINGS[mode])) for mode in AccessMode
        ]
        self.fields["access_mode"] = forms.ChoiceField(
            label=lazy("Access mode"), choices=choices, widget=forms.RadioSelect, initial=self.instance.access_mode,
            help_text=lazy("Stations here follow it unless they have one of their own."),
        )  # fmt: skip
        if "published" in self.fields:
            field = self.fields["published"]
            field.help_text = lazy("Drivers see it in directories and on the public page of its stations.")
            if self.owner and not holds(user, PUBLISH_LOCATIONS, self.owner.path):
                field.disabled, field.help_text = True, refused_right(PUBLISH_LOCATIONS)

    def _rates(self, user: User) -> None:
        place = self.instance.pk
        if self.owner is None or not holds(user, READ_MONEY, self.owner.path, place):
            for name in KINDS:
                del self.fields[name]
            return
        self.inherited = given_at(self.owner)
        for name in KINDS:
            field = self.fields[name]
            field.help_text = _("Empty: %s.") % as_organization(user, self.inherited[name])
            if not holds(user, MANAGE_RATES, self.owner.path, place):
                field.disabled, field.help_text = True, refused_right(MANAGE_RATES)

    def told(self, name: str) -> str | None:
        """What is said of a field where the form is summed up; None: what was entered."""
        value = self.cleaned_data.get(name)
        if name == "access_mode":
            return str(AccessMode(str(value)).label)
        if name in KINDS:
            return amount_in_words(value) if value is not None else as_organization(self.user, self.inherited[name])
        return None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if (values.get("latitude") is None) != (values.get("longitude") is None) and not {"latitude", "longitude"} & set(self.errors):
            self.add_error("longitude" if values.get("longitude") is None else "latitude", lazy("Enter both coordinates, or neither."))
        if values.get("postal_code") and "country" not in self.errors:
            try:
                values["postal_code"] = clean_postal_code(values["postal_code"], values.get("country", ""))
            except forms.ValidationError as error:
                self.add_error("postal_code", error)
        owner = values.get("organization") or self.owner
        if owner and values.get("name"):
            same = Location.objects.visible_to(self.user).filter(organization=owner, name=values["name"])
            if same.exclude(pk=self.instance.pk).exists():
                self.add_error("name", lazy("This organization already has a location with this name."))
        return values

    def clean_country(self) -> str:
        return clean_country(self.cleaned_data["country"])


class DetailsForm(LocationForm):
    names = DETAILS


class AccessForm(LocationForm):
    names = ACCESS


class RatesForm(LocationForm):
    names = KINDS


class MoveForm(forms.Form):
    organization = ParentChoice(queryset=Organization.objects.none(), label=lazy("Move it to"), empty_label=lazy("Choose an organization"))

    def __init__(self, *args: Any, user: User, location: Location, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.location = user, location
        choose_among(self, user, Organization.objects.visible_to(user, MANAGE_LOCATIONS).exclude(pk=location.organization_id))

    def clean_organization(self) -> Organization:
        to: Organization = self.cleaned_data["organization"]
        if reason := why_location_not_moved(self.user, self.location, to):
            raise forms.ValidationError(reason)
        return to


def giver(user: User, given: Given) -> str:
    """Who set it, as far as that is somebody's business."""
    if given.by is None:
        return ""
    return str(given.by) if holds(user, READ, given.by.path) else _("an organization above")


def as_organization(user: User, given: Given) -> str:
    """What an empty field means."""
    if given.by is None:
        return _("as the organization, where none is set yet")
    return _("as the organization: %(amount)s from %(who)s") % {"amount": amount_in_words(given.amount), "who": giver(user, given)}


def described(mode: str) -> tuple[SafeString | str, str]:
    """(what an access mode is called, what it means)."""
    return str(AccessMode(mode).label), str(MEANINGS[AccessMode(mode)])
