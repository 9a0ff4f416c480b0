"""What the upload of locations and stations asks for beside the file, and the passwords of the stations that came with one."""

from __future__ import annotations

import csv
import io
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from stations.actions.imports import take_passwords
from stations.models import Station
from stations.pages.knocking import sees_knocks
from stations.pages.overview import connect_context
from tenancy.forms import ParentChoice, choose_among
from tenancy.imports import Kind
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.pages.imports import ImportForm, import_for
from tenancy.pages.shared import user_of
from ui.forms import attempt
from ui.lists import harmless


class PlaceImportForm(ImportForm):
    to = ParentChoice(label=lazy("Organization"), queryset=Organization.objects.none(), empty_label=lazy("Choose one"))
    field_order: tuple[str, ...] = ("to", "file")

    def __init__(self, *args: Any, user: User, kind: Kind, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, user=user, kind=kind, request=request, **kwargs)
        choose_among(self, user, Organization.objects.visible_to(user, kind.right), "to")
        drill = request.drill  # type: ignore[attr-defined]
        self.initial["to"] = drill.organization.pk if drill else user.organization_id

    def organization(self) -> Organization:
        found: Organization = self.cleaned_data["to"]
        return found


class LocationImportForm(PlaceImportForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].help_text = lazy("Whose locations they are, where the file says nothing else.")


class StationImportForm(PlaceImportForm):
    adopt = forms.BooleanField(
        label=lazy("Keep the passwords that stations already offer"), required=False,
        help_text=lazy("Of those that knock and are refused until now. Only if you know that they are yours."),
    )  # fmt: skip
    field_order = ("to", "file", "adopt")

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        self.fields["to"].help_text = lazy("Its locations, and those of the organizations below it, are where the stations stand.")
        if not sees_knocks(request):
            del self.fields["adopt"]

    def options(self) -> dict[str, Any]:
        return {"adopt": bool(self.cleaned_data.get("adopt"))}


@require_POST
@never_cache
def import_passwords(request: HttpRequest, pk: int) -> HttpResponse:
    """The ids and passwords of the stations that this import has added, as CSV: once, for who imported them."""
    of, _kind = import_for(request, pk)
    try:
        found = attempt(lambda: take_passwords(actor=user_of(request), of=of))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(link("import", pk))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("Station id"), _("Password"), _("Address (URL) of the server"), _("Address with id")])
    for identity, password in found:
        address = connect_context(request, Station(identity=identity))
        cells = identity, password, address["ocpp_url"], address["ocpp_full_url"]
        writer.writerow([harmless(cell) for cell in cells])
    return HttpResponse(
        "\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{_("station-passwords")}-{pk}.csv"'},
    )  # fmt: skip


urlpatterns: list[URLPattern] = [path("imports/<int:pk>/passwords/", import_passwords, name="import_passwords")]
