"""The form of a hardware template. It checks what was typed; the actions write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.forms import bound, explain_technical
from stations.hardware import TECHNICAL, plugs_of
from stations.models import HardwareTemplate
from tenancy.forms import ParentChoice, choose_among
from tenancy.models import Organization, User
from tenancy.names import NameField
from tenancy.rights import MANAGE_STATIONS

PLUGS = lazy("Such as Type 2, CCS, CHAdeMO. Where the connectors differ, one for each in their order: CCS; CHAdeMO.")


class HardwareTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = HardwareTemplate
        fields = (
            "organization", "name", "vendor", "model", "below", *TECHNICAL, "connectors", "format", "plug", "connector_current",
        )  # fmt: skip
        field_classes = {"organization": ParentChoice, "name": NameField, "vendor": NameField, "model": NameField}

    parts = (
        (lazy("Template"), ("organization", "name", "vendor", "model", "below")),
        (lazy("Technical data"), TECHNICAL),
        (lazy("Connectors of each"), ("connectors", "format", "plug", "connector_current")),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        explain_technical(self)
        bound(self, HardwareTemplate)
        self.fields["plug"].help_text = PLUGS
        self.fields["connector_current"].help_text = lazy("Per phase. Empty: that of the station.")
        self.fields["vendor"].help_text = self.fields["model"].help_text = lazy("Only to find it: a station tells these itself.")
        if self.instance.pk:
            del self.fields["organization"]
            return
        field = choose_among(self, user, Organization.objects.visible_to(user, MANAGE_STATIONS))
        field.empty_label = _("Choose one")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("connectors") and "plug" not in self.errors:
            try:
                plugs_of(values.get("plug", ""), values["connectors"])
            except ValidationError as error:
                self.add_error("plug", error)
        return values
