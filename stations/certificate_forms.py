"""The forms of authorities and certificates. They check what was typed; the actions write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.actions.certificates import SIGNING, TRUSTABLE
from stations.models import Authority, InstalledCertificate, Revocation
from stations.pki import reading, signing

_PEM = forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off", "class": "font-monospace"})
MOST_FILE = 64 * 1024  # bytes


class PemForm(forms.Form):
    """A certificate, typed or as a file. A private key is refused, and not drawn again."""

    certificate = forms.CharField(label=lazy("Certificate (PEM)"), widget=_PEM, required=False, max_length=reading.LONGEST)
    file = forms.FileField(label=lazy("Or a file with it"), required=False, help_text=lazy("PEM or DER: .pem, .crt, .cer, .der"))

    def __init__(self, data: Any = None, files: Any = None, **options: Any) -> None:
        self.had_key = bool(data) and "PRIVATE KEY" in str(data.get("certificate", ""))
        if self.had_key:
            data = data.copy()
            data["certificate"] = ""
        super().__init__(data, files, **options)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if self.had_key:
            key = _("There was a private key in it. Only its owner may have that: give the certificate alone. It was not kept.")
            raise ValidationError({"certificate": key})
        file = found.pop("file", None)
        if isinstance(file, InMemoryUploadedFile | TemporaryUploadedFile):
            found["certificate"] = self._read(file)
        elif not found.get("certificate") and "certificate" not in self.errors:
            self.add_error("certificate", _("Paste the certificate, or choose a file."))
        return found

    def _read(self, file: Any) -> str:
        if (file.size or 0) > MOST_FILE:
            raise ValidationError({"file": _("This file is too long for a certificate.")})
        content: bytes = file.read()
        if der := reading.read(content):
            return reading.pem(der)
        return content.decode("ascii", "replace")


class NewAuthorityForm(forms.Form):
    name = forms.CharField(label=lazy("Name"), max_length=60, help_text=lazy("It stands in the certificate, where everybody can read it."))
    use = forms.ChoiceField(label=lazy("For"), choices=[(use, Authority.Use(use).label) for use in SIGNING], widget=forms.RadioSelect)
    kind = forms.ChoiceField(
        label=lazy("Key"), widget=forms.RadioSelect, initial=signing.EC,
        choices=[
            (signing.EC, lazy("Elliptic curve P-256: short and quick, known to nearly all stations")),
            (signing.RSA, lazy("RSA with 3072 bits: for stations that know no elliptic curves")),
        ],
    )  # fmt: skip
    years = forms.IntegerField(
        label=lazy("Years"), min_value=10, max_value=20, initial=15, help_text=lazy("10 to 20. What it signs ends earlier.")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["use"].initial = Authority.Use.STATION


class ImportAuthorityForm(PemForm):
    name = forms.CharField(label=lazy("Name"), max_length=80)
    use = forms.ChoiceField(
        label=lazy("For"), choices=[(use, label) for use, label in Authority.Use.choices if use != Authority.Use.STATION]
    )
    trusted = forms.BooleanField(
        label=lazy("Let stations in with certificates that it signed"), required=False,
        help_text=lazy(
            "For manufacturers that give stations a certificate in the factory. Whoever gets one there with the id of a station of yours "
            "can speak for that station: tick it only where you know how the manufacturer hands them out."
        ),
    )  # fmt: skip
    field_order = ("name", "use", "certificate", "file", "trusted")

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if found.get("trusted") and found.get("use") not in TRUSTABLE:
            self.add_error("trusted", _("Only those of manufacturers are for that."))
        return found


class RootForm(PemForm):
    """A root to be installed on a station: one that is kept here, or another."""

    use = forms.ChoiceField(label=lazy("What it is for"), choices=())
    authority = forms.ChoiceField(label=lazy("Whose"), required=False, choices=())
    field_order = ("use", "authority", "certificate", "file")

    def __init__(self, *args: Any, uses: Sequence[str], authorities: Sequence[Authority], **options: Any) -> None:
        super().__init__(*args, **options)
        use, whose = self.fields["use"], self.fields["authority"]
        assert isinstance(use, forms.ChoiceField)
        assert isinstance(whose, forms.ChoiceField)
        use.choices = [(one, InstalledCertificate.Use(one).label) for one in uses]
        whose.choices = [("", _("Another: paste it below")), *((str(one.pk), str(one)) for one in authorities)]
        self.known = {str(one.pk): one for one in authorities}

    def clean(self) -> dict[str, Any]:
        if chosen := self.known.get(self.cleaned_data.get("authority") or ""):
            return {"use": self.cleaned_data.get("use"), "certificate": chosen.certificate}
        found = super().clean()
        found.pop("authority", None)
        return found


class RevokeForm(forms.Form):
    reason = forms.ChoiceField(label=lazy("Why"), choices=Revocation.Reason.choices, widget=forms.RadioSelect)
    comment = forms.CharField(label=lazy("Comment"), max_length=120, required=False)
