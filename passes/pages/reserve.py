"""From a pass to a reservation: at which station?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.pages.sheet import crumbs, name_of, pass_of
from stations.models import Station
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import sees
from tenancy.rights import PERSONAL_DATA, START_CHARGING, Missing, anywhere

MOST = 200  # stations to choose from at once; a text finds the others


class StationForm(forms.Form):
    find = forms.CharField(
        label=lazy("Find a station"), required=False, max_length=60, help_text=lazy("A part of its id, alias or location.")
    )
    station = forms.ModelChoiceField(queryset=Station.objects.none(), label=lazy("Station"), empty_label=lazy("Choose one"))

    def __init__(self, data: Any, *, stations: QuerySet[Station]) -> None:
        chosen = bool(data.get("station"))
        super().__init__(data if chosen else None, initial={"find": data.get("find", "")})
        text = data.get("find", "")[:60].replace("\x00", "").strip()
        if text and not chosen:
            found = Q(identity__icontains=text) | Q(alias__icontains=text) | Q(location__name__icontains=text)
            stations = stations.filter(found)
        elif stations.count() <= MOST:
            del self.fields["find"]
        field: Any = self.fields["station"]
        shown = stations.select_related("location").order_by("location__name", "identity")
        field.queryset = stations.select_related("location")
        field.choices = [("", _("Choose one")), *((one.pk, _named(one)) for one in shown[:MOST])]


def _named(station: Station) -> str:
    return " · ".join(str(part) for part in (station, station.beside, station.location) if part)


def pass_reserve(request: HttpRequest, pk: int) -> HttpResponse:
    """A plain GET chooses; what the station can keep is asked on its own page."""
    user, found = user_of(request), pass_of(request, pk)
    if not sees(user, found):
        raise Missing(PERSONAL_DATA, found.organization.path)
    if not anywhere(user, START_CHARGING):
        raise Missing(START_CHARGING)
    form = StationForm(request.GET, stations=Station.objects.visible_to(user, START_CHARGING))
    if form.is_bound and form.is_valid():
        station = form.cleaned_data["station"]
        given = {"uid": found.uid, "next": link("pass", pk)}
        return redirect(f"{reverse('station_command', args=[station.pk, 'reserve'])}?{urlencode(given)}")
    name = name_of(user, found)
    return render(request, "passes/reserve.html", {
        "title": _("Reserve a connector for %s") % name, "form": form, "cancel_url": link("pass", pk),
        "breadcrumbs": [*crumbs(found), (name, link("pass", pk))],
    })  # fmt: skip


urlpatterns: list[URLPattern] = [path("passes/<int:pk>/reserve/", pass_reserve, name="pass_reserve")]
