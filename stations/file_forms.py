"""The forms of firmware and logs. They check what was typed; the actions write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.models import FirmwareFile, FirmwareUpdate
from stations.moments import PlaceTimeField
from tenancy.forms import ParentChoice, choose_among
from tenancy.models import Organization, User
from tenancy.rights import UPDATE_FIRMWARE


class FetchForm(forms.Form):
    kind = forms.ChoiceField(label=lazy("What"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, zone: ZoneInfo, kinds: Sequence[tuple[str, Any]], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices, field.initial = kinds, kinds[0][0] if kinds else None
        hint = _("By the clock of the location, %s. Many stations send all that they have, whatever is asked for.") % zone
        self.fields["since"] = PlaceTimeField(label=_("From"), zone=zone, required=False)
        self.fields["until"] = PlaceTimeField(label=_("Until"), zone=zone, required=False, help_text=hint)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("since") and found.get("until") and found["until"] <= found["since"]:
            self.add_error("until", _("The end lies before the beginning."))
        if found.get("since") and found["since"] > timezone.now():
            self.add_error("since", _("This lies in the future: nothing is written down yet. Choose a time that has passed."))
        return found


class FileChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.version} · {obj.vendor} {obj.model} · {obj.organization}"


class PolicyForm(forms.Form):
    """What the policy asks of every update: for whom, and why."""

    firmware = FileChoice(label=lazy("Firmware"), queryset=FirmwareFile.objects.none(), empty_label=None)
    why = forms.ChoiceField(
        label=lazy("Why"), choices=FirmwareUpdate.Why.choices, widget=forms.RadioSelect,
        help_text=lazy("After commissioning firmware is updated on request of the owner or to mend a fault, for no other reason."),
    )  # fmt: skip
    asked_for_by = forms.CharField(label=lazy("Asked for by"), max_length=100, help_text=lazy("Who of the owner, or who found the fault."))
    reason = forms.CharField(
        label=lazy("Reason"), max_length=300, help_text=lazy("The fault that it mends, or what the owner wants of it.")
    )

    def offer(self, files: Sequence[FirmwareFile]) -> None:
        field = self.fields["firmware"]
        assert isinstance(field, FileChoice)
        field.queryset = (
            FirmwareFile.objects.filter(pk__in=[file.pk for file in files]).select_related("organization").order_by("-created_at")
        )


class PlanForm(PolicyForm):
    def __init__(
        self, *args: Any, files: Sequence[FirmwareFile], zone: ZoneInfo, window: tuple[datetime, datetime], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.offer(files)
        self.fields["window_from"] = PlaceTimeField(label=_("Not before"), zone=zone, initial=window[0])
        self.fields["window_until"] = PlaceTimeField(
            label=_("Not begun after"), zone=zone, initial=window[1], help_text=_("By the clock of the location, %s.") % zone
        )


class SignatureForm(forms.Form):
    """The signature of a file and the certificate of who made it; neither: it has none any more."""

    signature_file = forms.FileField(
        label=lazy("Signature"), required=False, help_text=lazy("As its maker gives it beside the file: base64 or raw, often named .sig.")
    )
    certificate_file = forms.FileField(
        label=lazy("Signing certificate"), required=False, help_text=lazy("The certificate of who signed it: PEM or DER.")
    )


class FirmwareForm(SignatureForm, forms.ModelForm):  # type: ignore[type-arg]
    """A file of the library; the file itself is chosen when it is added."""

    file = forms.FileField(label=lazy("File"), error_messages={"required": lazy("Choose a file.")})
    field_order = ("organization", "file", "signature_file", "certificate_file", "vendor", "model", "version", "below", "notes")

    class Meta:
        model = FirmwareFile
        fields = ("organization", "vendor", "model", "version", "below", "notes")
        field_classes = {"organization": ParentChoice}
        widgets = {"notes": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            for name in ("organization", "file", "signature_file", "certificate_file"):
                del self.fields[name]
        else:
            choose_among(self, user, Organization.objects.visible_to(user, UPDATE_FIRMWARE)).empty_label = None
            self.fields["file"].help_text = _("As its maker gives it, at most %d MB.") % settings.FIRMWARE_MAX_MB

    def clean_file(self) -> Any:
        found = self.cleaned_data["file"]
        if found.size > settings.FIRMWARE_MAX_MB * 1024 * 1024:
            raise ValidationError(_("This file is larger than %d MB, the most that is taken.") % settings.FIRMWARE_MAX_MB)
        return found
