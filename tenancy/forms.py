"""The forms of an organization, each a tab of its page or a step of adding one. They check what was typed; the actions write."""

from __future__ import annotations

import base64
import binascii
import io
import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import validation
from tenancy.actions.organizations import why_not_set
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.pictures import LARGEST_FILE, Picture, picture_of
from tenancy.rights import MANAGE_ORGANIZATIONS

DEEPEST = 6  # steps that a list is indented by
LONGEST_TYPED = 60  # signs of a number with spaces and dots; what is stored is shorter
HINTS = {
    "phone": lazy("With the country's prefix, such as +31 10 123 4567."),
    "vat_number": lazy("Such as NL004495445B01."),
}


class ParentChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """In the order of the tree, indented as it; `top` is the depth of those that stand leftmost."""

    top = 0

    def label_from_instance(self, obj: Any) -> str:
        return "\N{NO-BREAK SPACE}" * (3 * min(int(obj.depth - self.top), DEEPEST)) + str(obj)


def choose_among(form: forms.BaseForm, user: User, organizations: Any, name: str = "organization") -> ParentChoice:
    """Offer these in the field of that name, as `user` sees the tree."""
    field = form.fields[name]
    assert isinstance(field, ParentChoice)
    field.queryset, field.top = organizations.in_tree_order(), user.organization.depth
    return field


class Amount(forms.DecimalField):
    """Money as people type it: 0.23 or 0,23."""

    widget = forms.TextInput

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "maxlength": "12"}

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)

    def prepare_value(self, value: Any) -> Any:
        """Two digits after the point, more where there are more."""
        return max(str(value.normalize()), f"{value:.2f}", key=len) if isinstance(value, Decimal) else value


class PhoneField(forms.CharField):
    """A phone number, stored as E.164; without a country's prefix it is one of `country`."""

    country = ""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"max_length": LONGEST_TYPED, "help_text": HINTS["phone"]})

    def clean(self, value: Any) -> Any:
        return validation.clean_phone(super().clean(value), self.country)


class PartForm(forms.ModelForm):  # type: ignore[type-arg]
    """A part of an organization. `country` is where its numbers without a country's letters belong; `user`, where it is given, changes
    one that is there, and finds locked what they may not change."""

    def __init__(self, *args: Any, country: str = "", user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.country = country or self.instance.country
        for name in ("phone", "iban", "bic", "vat_number", "chamber_number", "postal_code"):
            if name in self.fields:
                kept = self.fields[name]
                self.fields[name] = forms.CharField(
                    label=kept.label, required=False, max_length=LONGEST_TYPED, help_text=HINTS.get(name, "")
                )

    def lock(self, name: str) -> None:
        """Shows the field to be read only, and says why, where it is not for this person to change it."""
        if self.user and (reason := why_not_set(self.user, name, self.instance.parent)):
            field = self.fields[name]
            field.required = False
            field.disabled, field.help_text = True, f"{field.help_text} {reason}".strip()

    def clean(self) -> dict[str, Any]:
        """Each number by its own rule; one that does not fit its column is too long."""
        values: dict[str, Any] = super().clean() or {}
        country = values.get("country", self.country) or ""
        rules: dict[str, Any] = {
            "postal_code": lambda text: validation.clean_postal_code(text, country),
            "phone": lambda text: validation.clean_phone(text, country),
            "iban": validation.clean_iban,
            "bic": lambda text: validation.clean_bic(text, values.get("iban", "")),
            "vat_number": lambda text: validation.clean_vat(text, country),
            "chamber_number": lambda text: validation.clean_chamber(text, country),
        }
        for name, rule in rules.items():
            if values.get(name):
                try:
                    values[name] = rule(values[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return values

    def clean_country(self) -> str:
        return validation.clean_country(self.cleaned_data["country"])

    def told(self, name: str) -> str | None:
        """For the summary of what was entered."""
        value = self.cleaned_data.get(name)
        if name == "iban" and value:
            return validation.show_iban(value)
        return validation.show_phone(value) if name == "phone" and value else None


def fitting_kinds(form: forms.BaseForm, kinds: set[str]) -> None:
    # Which of them fits depends on the parent: Organization.clean says so.
    choices = [kind for kind in Organization.Kind.choices if kind[0] in kinds]
    form.fields["kind"] = forms.ChoiceField(label=lazy("Kind"), choices=choices)


class DetailsForm(PartForm):
    """Where a new one belongs, its name and address; `above` is the parent proposed."""

    class Meta:
        model = Organization
        fields = ("parent", "kind", "name", "street", "postal_code", "city", "country")
        field_classes = {"parent": ParentChoice, "name": NameField}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Kind = Organization.Kind
        parent = self.fields["parent"]
        assert isinstance(parent, ParentChoice)
        parent.queryset = possible = Organization.objects.visible_to(user, MANAGE_ORGANIZATIONS).in_tree_order()
        parent.top = user.organization.depth
        parent.required, parent.empty_label = True, None
        kinds = possible.order_by().values_list("kind", flat=True).distinct()
        fitting_kinds(self, {below for kind in kinds for below in Kind(kind).below})


class ContactForm(PartForm):
    class Meta:
        model = Organization
        fields = ("contact_name", "email", "phone")
        field_classes = {"contact_name": NameField}


class AddressForm(PartForm):
    """Of one that is there: moving it has consequences of its own."""

    class Meta:
        model = Organization
        fields = ("kind", "name", "street", "postal_code", "city", "country", *ContactForm.Meta.fields)
        field_classes = {"name": NameField, "contact_name": NameField}

    def __init__(self, *args: Any, sees_contact: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not sees_contact:
            for name in ContactForm.Meta.fields:
                del self.fields[name]
        above = self.instance.parent
        if above is None:
            del self.fields["kind"]
        else:
            fitting_kinds(self, {self.instance.kind, *Organization.Kind(above.kind).below})
            self.lock("kind")
        self.initial["phone"] = validation.show_phone(self.initial.get("phone", ""))


class InvoiceForm(PartForm):
    class Meta:
        model = Organization
        fields = ("iban", "bic", "vat_number", "chamber_number", "split_billing")
        help_texts = {
            "split_billing": lazy("The organization above pays the subscriptions; the money for the kWh goes to this account."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lock("split_billing")
        self.initial["iban"] = validation.show_iban(self.initial.get("iban", "") or "")

    def clean_split_billing(self) -> bool:
        return bool(self.cleaned_data["split_billing"])

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("split_billing") and not values.get("iban") and "iban" not in self.errors:
            self.add_error("iban", _("With split billing the money for the kWh is paid to this organization: it needs an account."))
        chamber = values.get("chamber_number", "")
        if len(chamber) > 20 and "chamber_number" not in self.errors:
            self.add_error("chamber_number", _("At most 20 signs: leave out words that are not part of the number."))
        return values


class CompensationForm(PartForm):
    class Meta:
        model = Organization
        fields = ("compensation_ac", "compensation_dc")
        field_classes = {"compensation_ac": Amount, "compensation_dc": Amount}
        help_texts = {
            "compensation_ac": lazy("Ex VAT. Empty: as the organization above."),
            "compensation_dc": lazy("Ex VAT. Empty: as the organization above."),
        }


class AccessForm(PartForm):
    class Meta:
        model = Organization
        fields = ("require_two_factor",)
        labels = {"require_two_factor": lazy("Everybody here and below must log in with two factors")}


class LookForm(PartForm):
    """`kept` is a picture from before, as base64: a step of adding an organization has no file the second time."""

    logo = forms.FileField(
        label=lazy("Logo"), required=False, help_text=lazy("PNG, JPEG, WebP or GIF, at most 2 MB."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
    )  # fmt: skip
    remove_logo = forms.BooleanField(label=lazy("Remove the logo"), required=False)
    colour = forms.CharField(
        label=lazy("Colour"), required=False, max_length=20, help_text=lazy("Such as #1f6feb. Empty: as the organization above."),
        widget=forms.TextInput(attrs={"data-colour": "", "autocomplete": "off"}),
    )  # fmt: skip

    class Meta:
        model = Organization
        fields = ("colour",)

    field_order = ("logo", "remove_logo", "colour")

    def __init__(self, *args: Any, has_logo: bool = False, kept: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = kept
        if not has_logo and not kept:
            del self.fields["remove_logo"]

    def clean_colour(self) -> str:
        colour = str(self.cleaned_data["colour"]).strip().lower()
        if re.fullmatch(r"#?[0-9a-f]{3}", colour):
            colour = "".join(sign * 2 for sign in colour.removeprefix("#"))
        colour = f"#{colour.removeprefix('#')}" if colour else ""
        if colour and not re.fullmatch(r"#[0-9a-f]{6}", colour):
            raise forms.ValidationError(_("A colour is written like #1f6feb: a # and six signs from 0 to 9 and a to f."))
        return colour

    def clean_logo(self) -> Picture | None:
        file = self.cleaned_data["logo"]
        if file:
            return picture_of(file, file.size)
        try:
            content = base64.b64decode(self.kept, validate=True)
        except (binascii.Error, ValueError):
            content = b""
        return picture_of(io.BytesIO(content), len(content)) if 0 < len(content) <= LARGEST_FILE else None

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("remove_logo"):
            values["logo"] = None
        if self.errors and values.get("logo") and self.files.get("logo"):
            self.add_error("logo", _("Choose the picture once more: it was not kept."))
        return values

    def told(self, name: str) -> str | None:
        picture: Picture | None = self.cleaned_data.get("logo")
        if name == "logo":
            return _("%(width)d × %(height)d pixels") % {"width": picture.width, "height": picture.height} if picture else "–"
        return super().told(name)
