"""The form of an organization. It checks what was typed; the actions write."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as lazy

from tenancy.models import Organization, User
from tenancy.rights import MANAGE_ORGANIZATIONS


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Organization
        fields = ("parent", "kind", "name", "street", "postal_code", "city", "country", "email", "phone")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["parent"]  # moving has consequences of its own
        else:
            parent = self.fields["parent"]
            assert isinstance(parent, forms.ModelChoiceField)
            parent.queryset = Organization.objects.visible_to(user, MANAGE_ORGANIZATIONS)
            parent.required, parent.empty_label = True, None
        if self.instance.pk and self.instance.parent_id is None:
            del self.fields["kind"]
        else:
            kinds = [choice for choice in Organization.Kind.choices if choice[0] != Organization.Kind.PLATFORM]
            self.fields["kind"] = forms.ChoiceField(label=lazy("Kind"), choices=kinds, initial=Organization.Kind.CUSTOMER)

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        if country and not re.fullmatch(r"[A-Z]{2}", country):
            raise forms.ValidationError(lazy("A country is two letters, such as NL."))
        return country
