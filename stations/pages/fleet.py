"""Adding, editing and deleting stations and connectors; their passwords. The pages of the fleet as a whole are routed here too."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache

from stations import actions
from stations.forms import ConnectorForm, Part, StationForm, StationsForm
from stations.hardware import TECHNICAL, of_station
from stations.models import Connector, Knock, Location, Station
from stations.pages.hardware import chosen, usable_for
from stations.pages.knocking import KnockList, knock_forget, sees_knocks
from stations.pages.location_list import may_add
from stations.pages.overview import connect_context
from stations.pages.station_list import StationList, user_of
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, Missing, anywhere, get_for
from ui.forms import confirm_page, form_page, next_url, refuse

# -- adding -----------------------------------------------------------------------------------------------------------------------------


@never_cache
def stations_add(request: HttpRequest) -> HttpResponse:
    """The passwords are in the answer to the POST and nowhere else: they are shown once, and kept by nobody."""
    user = user_of(request)
    if not anywhere(user, MANAGE_STATIONS):
        raise Missing(MANAGE_STATIONS)
    context: dict[str, Any] = {
        "title": _("Add stations"),
        "cancel_url": link("stations"),
        "breadcrumbs": [(_("Stations"), link("stations"))],
    }
    if not Location.objects.visible_to(user, MANAGE_STATIONS).exists():
        context["may_add_location"] = may_add(user)
        return render(request, "stations/no_location.html", context)
    identity = request.GET.get("identity", "").replace("\x00", "")[:48]
    knock = Knock.objects.filter(identity=identity).first() if identity and sees_knocks(request) else None
    initial: dict[str, Any] = {"identities": identity}
    likely = likely_location(request, user)
    if likely:
        initial["location"] = likely.pk
    templates = usable_for(user, likely.organization if likely else None)
    template = chosen(request, templates)
    if template:
        initial |= of_station(template) | {
            "connectors": template.connectors, "format": template.format, "plug": template.plug,
            "connector_max_current": template.connector_current,
        }  # fmt: skip
    offers = bool(knock and knock.reason == Knock.Reason.UNKNOWN and knock.password_digest)
    form = StationsForm(request.POST or None, initial=initial, user=user, offers_password=offers)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        location = get_for(user, Location.objects.all(), MANAGE_STATIONS, pk=values["location"].pk)
        try:
            added = actions.add_stations(
                actor=user, location=location, identities=values["identities"], connectors=values["connectors"],
                connector_fields={"format": values["format"], "max_current": values["connector_max_current"]}, plugs=values["plugs"],
                adopt_offered_password=bool(values.get("adopt")), alias=values["alias"], access_mode=values["access_mode"],
                **{name: values[name] for name in TECHNICAL},
            )  # fmt: skip
        except ValidationError as error:
            refuse(form, error)
        else:
            title = ngettext("%d station added", "%d stations added", len(added)) % len(added)
            return shown_once(request, title, added, location)
    context |= {
        "form": form,
        "parts": Part.of(form, StationsForm.parts),
        "submit_label": _("Add"),
        "intro": _("They are preapproved: each may connect as soon as its password is typed into it. The passwords come next."),
        "templates": templates,
        "template": template,
        "kept": [(name, value) for name in ("in", "identity") if (value := request.GET.get(name, "").replace("\x00", ""))],
    }
    return render(request, "stations/stations_add.html", context)


def likely_location(request: HttpRequest, user: User) -> Location | None:
    """Where new stations are meant to stand: the location drilled into, or the only one there is to choose."""
    drill = request.drill  # type: ignore[attr-defined]
    rows = Location.objects.visible_to(user, MANAGE_STATIONS).select_related("organization")
    if drill and drill.place:
        return rows.filter(pk=drill.place.pk).first()
    found = list((rows.below(drill.organization.path) if drill else rows)[:2])
    return found[0] if len(found) == 1 else None


def shown_once(request: HttpRequest, title: str, added: Sequence[tuple[Station, str | None]], location: Location) -> HttpResponse:
    """What to type into each station. `added` pairs each with its password, None where it keeps the one it has."""
    entries = []
    for station, password in added:
        address = connect_context(request, station)
        entries.append(
            {
                "station": station,
                "password": password,
                "full_url": address["ocpp_full_url"],
                "preapproved": station.first_connected_at is None,
                "row": json.dumps([station.identity, password or "", address["ocpp_url"], address["ocpp_full_url"]]),
            }
        )
    address = connect_context(request, added[0][0])
    context = {
        "title": title,
        "entries": entries,
        "url": address["ocpp_url"],
        "here_only": address["here_only"],
        "protocols": address["protocols"],
        "any_password": any(password for _station, password in added),
        "heads": json.dumps([_("Station id"), _("Password"), _("Address (URL) of the server"), _("Address with id")]),
        "location": location,
        "breadcrumbs": [(_("Stations"), link("stations")), (str(location), location.get_absolute_url())],
    }
    return render(request, "stations/passwords.html", context)


# -- one station ------------------------------------------------------------------------------------------------------------------------


def managed(request: HttpRequest, pk: int) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)


def trail(station: Station) -> list[tuple[Any, str]]:
    return [(station.location, station.location.get_absolute_url()), (station, station.get_absolute_url())]


def station_edit(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    user = user_of(request)
    form = StationForm(request.POST or None, instance=copy.copy(station), user=user)

    def save(values: dict[str, Any]) -> Station:
        values.pop("move", None)
        if "location" in values:
            get_for(user, Location.objects.all(), MANAGE_STATIONS, pk=values["location"].pk)
        return actions.edit_station(actor=user, station=station, **values)

    details = next_url(request, link("station_details", pk))
    return form_page(
        request, form, save, title=_("Edit %s") % station, submit_label=_("Save"), cancel_url=details, done=_("Saved."), done_url=details,
        breadcrumbs=trail(station), intro=_("The id %s never changes: it is the station's address.") % station.identity,
        template="stations/station_edit.html",
        context={"parts": Part.of(form, StationForm.parts), "template_url": link("station_template", pk)},
        latest=last_change(user, station, station.location.zone),
    )  # fmt: skip


def station_delete(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    lost = actions.what_goes_with_station(station)
    return confirm_page(
        request, lambda: actions.delete_station(actor=user_of(request), station=station),
        title=_("Delete %s?") % station,
        consequences=[
            _("The station %s and its connectors are gone, and it is refused from now on.") % station.identity,
            *([_("Gone with it, for good: %s.") % ", ".join(lost)] if lost else []),
            _("What people did with it stays in the history."),
        ],
        refusal=actions.why_station_stays(station), submit_label=_("Delete station"), cancel_url=station.get_absolute_url(),
        done=_("%s is deleted.") % station, done_url=link("stations"), breadcrumbs=trail(station),
    )  # fmt: skip


@never_cache
def station_password(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    if request.method == "POST":
        password = actions.renew_password(actor=user_of(request), station=station)
        return shown_once(request, _("New password"), [(station, password)], station.location)
    context = {
        "title": _("Renew the password of %s?") % station,
        "consequences": [
            _("The old password stops working at once, and the station is disconnected."),
            _("It comes back when the new one is typed into it. The new one is shown once."),
            _("A car that is charging there goes on; what it takes is reported when the station is back."),
        ],
        "submit_label": _("Renew password"),
        "cancel_url": link("station_details", pk),
        "breadcrumbs": trail(station),
    }
    return render(request, "ui/confirm.html", context)


# -- connectors -------------------------------------------------------------------------------------------------------------------------


def connector_add(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    used = list(station.connectors.values_list("number", flat=True))
    form = ConnectorForm(request.POST or None, initial={"number": max(used, default=0) + 1}, instance=Connector(station=station))
    return form_page(
        request, form, lambda values: actions.create_connector(actor=user_of(request), station=station, **values),
        title=_("Add a connector"), submit_label=_("Add"), cancel_url=link("station_details", pk), done=_("Connector added."),
        done_url=link("station_details", pk), breadcrumbs=trail(station),
    )  # fmt: skip


def connector_of(request: HttpRequest, pk: int, connector_pk: int) -> Connector:
    rows = Connector.objects.select_related("station__location__organization").filter(number__gt=0)
    return get_for(request.user, rows, MANAGE_STATIONS, pk=connector_pk, station=pk)


def connector_edit(request: HttpRequest, pk: int, connector_pk: int) -> HttpResponse:
    connector = connector_of(request, pk, connector_pk)
    form = ConnectorForm(request.POST or None, instance=copy.copy(connector))
    return form_page(
        request, form, lambda values: actions.edit_connector(actor=user_of(request), connector=connector, **values),
        title=_("Edit connector %s") % connector.shown, submit_label=_("Save"), cancel_url=link("station_details", pk),
        done=_("Saved."), done_url=link("station_details", pk), breadcrumbs=trail(connector.station),
        latest=last_change(user_of(request), connector, connector.station.location.zone),
    )  # fmt: skip


def connector_delete(request: HttpRequest, pk: int, connector_pk: int) -> HttpResponse:
    connector = connector_of(request, pk, connector_pk)
    return confirm_page(
        request, lambda: actions.delete_connector(actor=user_of(request), connector=connector),
        title=_("Delete connector %s?") % connector.shown,
        consequences=[_("It disappears from this station. Should the station report it again, it comes back.")],
        refusal=actions.why_connector_stays(connector), submit_label=_("Delete connector"),
        cancel_url=link("station_details", pk),
        done=_("Connector deleted."), done_url=link("station_details", pk), breadcrumbs=trail(connector.station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/", StationList.as_view(), name="stations"),
    path("stations/add/", stations_add, name="stations_add"),
    path("stations/knocking/", KnockList.as_view(), name="knocking"),
    path("stations/knocking/<int:pk>/forget/", knock_forget, name="knock_forget"),
    path("stations/<int:pk>/edit/", station_edit, name="station_edit"),
    path("stations/<int:pk>/delete/", station_delete, name="station_delete"),
    path("stations/<int:pk>/password/", station_password, name="station_password"),
    path("stations/<int:pk>/connectors/add/", connector_add, name="connector_add"),
    path("stations/<int:pk>/connectors/<int:connector_pk>/edit/", connector_edit, name="connector_edit"),
    path("stations/<int:pk>/connectors/<int:connector_pk>/delete/", connector_delete, name="connector_delete"),
]
