"""The forms of notes, documents and contacts."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.actions.care import why_too_large
from stations.models import Contact, Note


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Note
        fields = ("text", "pinned")
        widgets = {"text": forms.Textarea(attrs={"rows": 6})}


class DocumentForm(forms.Form):
    file = forms.FileField(label=lazy("File"), max_length=1000)
    title = forms.CharField(label=lazy("Title"), max_length=100, required=False, help_text=lazy("Empty: the name of the file."))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if reason := why_too_large(file.size):
            raise forms.ValidationError(reason)
        return file


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Contact
        fields = ("kind", "name", "company", "phone", "email", "hours", "comment")
        widgets = {"phone": forms.TextInput(attrs={"type": "tel", "autocomplete": "off"})}

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        if phone and (not re.fullmatch(r"[\d+() ./\-]*", phone) or sum(sign.isdecimal() for sign in phone) < 3):
            raise forms.ValidationError(_("Write the number with digits, such as +31 10 123 4567."))
        return phone
