"""What the upload of passes and of cards of a provider asks for beside the file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.models import Provider
from tenancy.imports import Kind
from tenancy.models import Organization, User
from tenancy.pages.imports import ImportForm
from tenancy.pages.shared import number_of
from tenancy.rights import MANAGE_NETWORKS, MANAGE_PASSES


class PassImportForm(ImportForm):
    to = forms.ModelChoiceField(
        label=lazy("Organization"), queryset=Organization.objects.none(),
        help_text=lazy("Whose passes they are, where the file says nothing else."),
    )  # fmt: skip
    field_order = ("to", "file")

    def __init__(self, *args: Any, user: User, kind: Kind, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, user=user, kind=kind, request=request, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Organization.objects.visible_to(user, MANAGE_PASSES)
        field.empty_label = _("Choose one")
        drill = request.drill  # type: ignore[attr-defined]
        if drill:
            self.initial["to"] = drill.organization.pk
        elif user.organization.parent_id is not None:  # as for a single new pass
            self.initial["to"] = user.organization_id

    def organization(self) -> Organization:
        found: Organization = self.cleaned_data["to"]
        return found


class TokenImportForm(ImportForm):
    """`?provider=` chooses the provider beforehand."""

    provider = forms.ModelChoiceField(label=lazy("Card provider"), queryset=Provider.objects.none())
    end_others = forms.BooleanField(
        label=lazy("Cards that are not in the file become invalid"), required=False,
        help_text=lazy("For a file with all cards of the provider. Only when no row has an error."),
    )  # fmt: skip
    field_order = ("provider", "file", "end_others")

    def __init__(self, *args: Any, user: User, kind: Kind, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, user=user, kind=kind, request=request, **kwargs)
        field = self.fields["provider"]
        assert isinstance(field, forms.ModelChoiceField)
        rows = request.drill.limit(Provider.objects.visible_to(user, MANAGE_NETWORKS))  # type: ignore[attr-defined]
        field.queryset = rows.select_related("organization")
        field.label_from_instance = lambda obj: f"{obj.name} · {obj.organization}"  # type: ignore[method-assign]
        field.empty_label = _("Choose one")
        self.initial["provider"] = number_of(request, "provider")

    def organization(self) -> Organization:
        found: Organization = self.cleaned_data["provider"].organization
        return found

    def options(self) -> dict[str, Any]:
        return {"provider": self.cleaned_data["provider"].pk, "end_others": self.cleaned_data["end_others"]}


urlpatterns: list[URLPattern] = []  # their pages are those of all imports
