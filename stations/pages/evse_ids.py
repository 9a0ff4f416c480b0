"""EVSE IDs for all connectors of a station at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.evse_ids import give_evse_ids
from stations.models import Connector, Station
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_STATIONS, get_for
from ui.forms import form_page

SIGNS = {"spellcheck": "false", "autocapitalize": "characters", "class": "font-monospace"}


class EvseIdsForm(forms.Form):
    country = forms.CharField(label=lazy("Country"), max_length=2, widget=forms.TextInput(attrs=SIGNS), help_text=lazy("Two letters."))
    operator = forms.CharField(
        label=lazy("Operator"), max_length=3, widget=forms.TextInput(attrs=SIGNS),
        help_text=lazy("Three letters or digits, as your country gave them to you."),
    )  # fmt: skip
    number = forms.CharField(
        label=lazy("First number"), max_length=31, widget=forms.TextInput(attrs=SIGNS),
        help_text=lazy("Of connector 1; the others follow. The portal adds the E: 100001 becomes E100001."),
    )  # fmt: skip
    all_of_them = forms.BooleanField(label=lazy("Also replace those that are there"), required=False)


def likely(user: User, station: Station) -> dict[str, str]:
    """Country and operator as at other connectors of the organization."""
    place = station.location
    rows = Connector.objects.visible_to(user).filter(station__location__organization=place.organization).exclude(evse_id="")
    if last := rows.order_by("-pk").values_list("evse_id", flat=True).first():
        country, operator, _number = last.split("*", 2)
        return {"country": country, "operator": operator}
    return {"country": place.country}


def station_evse_ids(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    rows = Connector.objects.visible_to(user).filter(station=station, number__gt=0)
    having, count = rows.exclude(evse_id="").count(), rows.count()
    form = EvseIdsForm(request.POST or None, initial=likely(user, station))

    def save(values: dict[str, Any]) -> Any:
        return give_evse_ids(actor=user, station=station, **values)

    said = ngettext("%(station)s has %(count)d connector", "%(station)s has %(count)d connectors", count) % {
        "station": station, "count": count,
    }  # fmt: skip
    details = link("station_details", pk)
    return form_page(
        request, form, save, title=_("Give EVSE IDs"), submit_label=_("Give them"), cancel_url=details, done=_("EVSE IDs are given."),
        done_url=details, breadcrumbs=[(station.location, station.location.get_absolute_url()), (station, station.get_absolute_url())],
        intro=said + (_(", %d with an EVSE ID.") % having if having else _(", none with an EVSE ID yet.")),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [path("stations/<int:pk>/evse-ids/", station_evse_ids, name="station_evse_ids")]
