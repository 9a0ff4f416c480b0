"""Quick pages: another access mode for a station or a location, with what comes of it before it is done; and a station's alias."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions
from stations.access import MEANINGS, Meaning, Preview, of_location, preview
from stations.models import AccessMode, Connector, Location, Station, Transaction
from stations.pages.locations import path_below
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import User
from tenancy.names import NameField
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_STATIONS, READ, get_for
from ui.forms import attempt, form_page, next_url

INHERIT = "location"  # in the address and the form: none of its own


class Choice(NamedTuple):
    value: str
    label: Any
    meaning: Meaning
    current: bool
    chosen: bool


def _page(
    request: HttpRequest,
    *,
    thing: Station | Location,
    own: str,
    inherited: str,
    look: Callable[[str], Preview],
    save: Callable[[str], Any],
    context: dict[str, Any],
) -> HttpResponse:
    """`own` is the mode that is set here, `inherited` what it has else (empty for a location, which has none). The address names the mode
    that is looked at; a POST sets it, if what is set here is still what the person has seen."""
    values = [*([INHERIT] if inherited else []), *AccessMode.values]
    now, back = own or INHERIT, thing.get_absolute_url()
    wanted = request.POST.get("access_mode") or request.GET.get("mode", "")
    here = link(context["page"], thing.pk)
    error = _("There is no such access mode. Choose one of these.") if wanted and wanted not in values else ""
    if request.method == "POST" and wanted in values:
        if request.POST.get("was") != now:
            error = _("Somebody has changed the access mode meanwhile. Look at what changes once more.")
        else:
            try:
                attempt(save, "" if wanted == INHERIT else wanted)
            except ValidationError as refused:
                error = " ".join(refused.messages)
            else:
                messages.success(request, _("The access mode of %s is changed.") % thing if wanted != now else _("Nothing was changed."))
                return redirect(back)
    elif request.method == "POST" and not error:
        error = _("Choose an access mode first.")
    chosen = wanted if wanted in values else now
    shown = [
        Choice(
            value,
            _("As the location: %s") % AccessMode(inherited).label if value == INHERIT else AccessMode(value).label,
            MEANINGS[inherited if value == INHERIT else value],
            value == now,
            value == chosen,
        )
        for value in values
    ]
    context |= {
        "choices": shown,
        "error": error,
        "now": now,
        "chosen": next(choice for choice in shown if choice.chosen),
        "preview": look("" if chosen == INHERIT else chosen) if chosen != now else None,
        "cancel_url": back,
        "here": here,
    }
    return render(request, "stations/access.html", context)


def _running(user: User, **where: Any) -> str:
    running = Transaction.objects.visible_to(user, READ).filter(connector=OuterRef("pk"), ended_at=None)
    charges = Exists(running) | Q(status__in=Connector.CAR_CHARGES)
    count = Connector.objects.visible_to(user, READ).filter(charges, **where).count()
    return ngettext("%d car charges there now.", "%d cars charge there now.", count) % count if count else ""


def station_access(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    inherited = station.location.access_mode

    def look(mode: str) -> Preview:
        told = preview(user, [(station, mode or inherited)])
        running = _running(user, station=station)
        return told._replace(sentences=[*told.sentences, running] if running else told.sentences)

    return _page(
        request, thing=station, own=station.access_mode, inherited=inherited, look=look,
        save=lambda mode: actions.edit_station(actor=user, station=station, access_mode=mode),
        context={
            "title": _("Change the access mode of %s") % station,
            "page": "station_access",
            "source": _("set at this station") if station.access_mode else _("from the location %s") % station.location,
            "mode": station.effective_access_mode.label,
            "breadcrumbs": [*path_below(user, station.location), (station, station.get_absolute_url())],
            "identity": station.identity if station.alias else "",
        },
    )  # fmt: skip


def location_access(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    location = get_for(user, Location.objects.select_related("organization"), MANAGE_LOCATIONS, pk=pk)

    def look(mode: str) -> Preview:
        here = Station.objects.visible_to(user).filter(location=location)
        followers = list(here.filter(access_mode="").select_related("location__organization"))
        sentences = of_location(len(followers), here.exclude(access_mode="").count())
        if not followers:
            return Preview(sentences)
        told = preview(user, [(station, mode) for station in followers])
        running = _running(user, station__location=location, station__access_mode="")
        return told._replace(sentences=[*sentences, *told.sentences, *([running] if running else [])])

    return _page(
        request, thing=location, own=location.access_mode, inherited="", look=look,
        save=lambda mode: actions.edit_location(actor=user, location=location, access_mode=mode),
        context={
            "title": _("Change the access mode of %s") % location,
            "page": "location_access",
            "source": _("set at this location"),
            "mode": AccessMode(location.access_mode).label,
            "breadcrumbs": path_below(user, location),
        },
    )  # fmt: skip


# -- alias ------------------------------------------------------------------------------------------------------------------------------


class AliasForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Station
        fields = ("alias",)
        field_classes = {"alias": NameField}
        help_texts = {"alias": lazy("What people call it, such as “Gate” or “Bay 12”. Empty: it is shown by its id.")}


def station_alias(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    title, back = _("Alias of %s") % station.identity, next_url(request, station.get_absolute_url())
    trail = [*path_below(user, station.location), (station, station.get_absolute_url())]
    form = AliasForm(request.POST or None, instance=station)

    def save(values: dict[str, Any]) -> Station:
        found = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
        return actions.edit_station(actor=user, station=found, **values)

    return form_page(
        request, form, save, title=title, submit_label=_("Save"), cancel_url=back, done=_("The alias is saved."), done_url=back,
        breadcrumbs=trail, intro=_("The portal shows it beside the station id everywhere. The station itself does not learn of it."),
        latest=last_change(user, station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/access/", station_access, name="station_access"),
    path("locations/<int:pk>/access/", location_access, name="location_access"),
    path("stations/<int:pk>/alias/", station_alias, name="station_alias"),
]
