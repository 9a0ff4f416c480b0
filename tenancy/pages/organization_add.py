"""Adding an organization, step by step; steps that need a right which this person does not hold are left out."""

from __future__ import annotations

import base64
from typing import Any

from django.contrib import messages
from django.core.files.storage import InMemoryStorage
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy import actions
from tenancy.forms import CompensationForm, ContactForm, DetailsForm, InvoiceForm, LookForm
from tenancy.links import link
from tenancy.models import Organization
from tenancy.pages.organizations import proposed
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_INVOICE_DATA, MANAGE_ORGANIZATIONS, MANAGE_RATES, Missing, anywhere, get_for, holds
from ui.wizard import Step, Wizard


class OrganizationAdd(Wizard):
    title, submit_label = lazy("Add an organization"), lazy("Add organization")
    flow = (
        Step("details", lazy("Name and address"), DetailsForm),
        Step("contact", lazy("Contact"), ContactForm, intro=lazy("Whom to reach when something is the matter. All of it can wait.")),
        Step("invoice", lazy("Invoice data"), InvoiceForm, when=lambda wizard: wizard.may(MANAGE_INVOICE_DATA),
             intro=lazy("For statements and payments. All of it can be entered later.")),
        Step("compensation", lazy("Compensation"), CompensationForm, when=lambda wizard: wizard.may(MANAGE_RATES),
             intro=lazy("What it gets for a kWh that others charge at its stations.")),
        Step("look", lazy("Look"), LookForm,
             intro=lazy("With its own logo and colour the portal looks like its own, for everybody of it and below.")),
    )  # fmt: skip

    file_storage = InMemoryStorage()  # asked for by formtools; nothing is ever put there

    def admit(self) -> None:
        if not anywhere(user_of(self.request), MANAGE_ORGANIZATIONS):
            raise Missing(MANAGE_ORGANIZATIONS)

    def above(self) -> Organization:
        """Where it will belong, as far as is known."""
        chosen = self.typed("details").get("parent")
        return chosen if isinstance(chosen, Organization) else proposed(self.request, "parent", MANAGE_ORGANIZATIONS)

    def may(self, right: str) -> bool:
        return holds(user_of(self.request), right, self.above().path)

    def propose(self) -> dict[str, Any]:
        above = proposed(self.request, "parent", MANAGE_ORGANIZATIONS)
        return {"parent": above.pk, "kind": str(Organization.Kind(above.kind).below[0]), "country": above.country}

    def form_options(self, step: str) -> dict[str, Any]:
        if step == "details":
            return {"user": user_of(self.request)}
        options = {"country": self.typed("details").get("country", "")}
        return options | ({"kept": self.storage.extra_data.get("picture", "")} if step == "look" else {})

    def process_step(self, form: Any) -> Any:
        """A picture waits here, small and made by ourselves; the file itself is not kept."""
        if isinstance(form, LookForm):
            picture = form.cleaned_data["logo"]
            self.storage.extra_data["picture"] = base64.b64encode(picture.png).decode() if picture else ""
        return super().process_step(form)

    def process_step_files(self, form: Any) -> dict[str, Any]:
        return {}

    def finish(self, values: dict[str, Any]) -> HttpResponse:
        user, picture = user_of(self.request), values.pop("logo", None)
        values.pop("remove_logo", None)
        parent = get_for(user, Organization.objects.all(), MANAGE_ORGANIZATIONS, pk=values.pop("parent").pk)
        made = actions.create_organization(actor=user, parent=parent, picture=picture, **values)
        messages.success(self.request, _("Organization added. Next: its people, and its locations."))
        return redirect(made.get_absolute_url())

    def cancel_url(self) -> str:
        return link("organizations")

    def breadcrumbs(self) -> Any:
        return [(_("Organizations"), link("organizations"))]


urlpatterns: list[URLPattern] = [path("organizations/add/", OrganizationAdd.as_view(), name="organization_add")]
