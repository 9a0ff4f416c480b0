"""The tab Configuration of a station's data sheet: its keys in words, changing one, reading it again, and the file of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from stations import command_words
from stations.actions import CommandRefused, ask
from stations.configuration.catalogue import GROUPS, group_of
from stations.configuration.fields import KeyForm, ValueForm
from stations.configuration.values import LONGEST, LONGEST_KEY, is_secret
from stations.controls import Situation
from stations.models import Command
from stations.models.device import ACTUAL
from stations.ocpp.intents import Configure, ReadConfiguration
from stations.ocpp.versions import actions, has_variables
from stations.pages import device_model
from stations.pages.command_rows import command_rows
from stations.pages.commands import next_url
from stations.pages.configuration_rows import Group, Key, latest_tries, page_url, row_of, rows_of, station_of
from stations.pages.sheet_head import action, sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import CHANGE_CONFIGURATION, READ_CONFIGURATION
from ui.downloads import download
from ui.lists import csv_of
from ui.templatetags.ui import exact

MOST_READS = 20  # readings that are looked at for the latest of all keys


def _keys_read(command: Command) -> tuple[str, ...]:
    """Which keys a reading asked for; none: all."""
    intent = command_words.intent_of(command)
    return intent.keys if isinstance(intent, ReadConfiguration) else ()


def configuration_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station = situation.station
    here = link("station_configuration", station.pk)
    tries = latest_tries(request, situation)
    keys = [Key(row, station, tries.pop(row.key, None)) for row in rows_of(request, station).values()]
    q = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    wanted = request.GET.get("group", "")
    shown = [key for key in keys if (not q or key.holds(q.casefold())) and wanted in ("", group_of(key.key, station.ocpp_version))]
    reads = Command.objects.visible_to(request.user).filter(station=station, action__in=actions(ReadConfiguration))
    latest = command_rows(reads.select_related("requested_by").order_by("-created_at", "-pk")[:MOST_READS], situation)
    whole = next((row for row in latest if not _keys_read(row.command)), None)
    present = {group_of(key.key, station.ocpp_version) for key in keys}
    return {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "here": here,
        "keys": keys,
        "shown_count": len(shown),
        "groups": [
            Group(slug, label, found)
            for slug, label in GROUPS.items()
            if (found := [key for key in shown if group_of(key.key, station.ocpp_version) == slug])
        ],
        "group_choices": [(slug, label, slug == wanted) for slug, label in GROUPS.items() if slug in present],
        "q": q,
        "reboot_waits": [key for key in keys if key.waits],
        # Attempts at keys the station has not told us of
        "other_changes": [row for row in tries.values() if row.command.state != Command.State.ACCEPTED][:5],
        "latest_read": whole,
        # Single keys that were read after that
        "other_reads": latest[: latest.index(whole)][:5] if whole else latest[:5],
        "refresh": action(situation, "get-configuration", here, place="c"),
        "reset": action(situation, "reset-soft", here, place="c"),
        "read_refusal": situation.why_not("get-configuration"),
        "refusal": situation.why_not("change-configuration"),
        "may_change": situation.may(CHANGE_CONFIGURATION),
        "read_url": reverse("station_configuration_read", args=[station.pk]),
        "change_url": link("station_configuration_change", station.pk),
        "fragment_url": page_url("station_configuration_live", station, q=q, group=wanted),
    }


# The page and its live part, of a station with keys and of one with variables
TEMPLATES = {
    False: ("stations/configuration.html", "stations/configuration_live.html"),
    True: ("stations/device_model.html", "stations/device_model_live.html"),
}


def context_of(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    found = device_model.context if has_variables(situation.station.ocpp_version) else configuration_context
    return found(request, situation)


def configuration(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    # The one place where the tab of a station with variables parts from that of one with keys
    whole, part = TEMPLATES[has_variables(station.ocpp_version)]
    context = context_of(request, situation)
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return render(request, part, context)
    return render(request, whole, sheet_context(request, station, "configuration", situation) | context)


def configuration_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    situation = Situation(request.user, station_of(request, pk))
    return render(request, TEMPLATES[has_variables(situation.station.ocpp_version)][1], context_of(request, situation))


# -- changing a key -----------------------------------------------------------------------------------------------------------------------


def change(request: HttpRequest, pk: int) -> HttpResponse:
    """`?key=` names it, `value` is what its control begins with (else what the station has), `raw` gives it as plain text. Without a key
    one is asked for."""
    station = station_of(request, pk, CHANGE_CONFIGURATION)
    situation = Situation(request.user, station)
    given = request.POST if request.method == "POST" else request.GET
    # Who may change it need not be able to read it
    above = [(_("Configuration"), link("station_configuration", pk))] if situation.may(READ_CONFIGURATION) else []
    context: dict[str, Any] = {
        "station": station,
        "zone": station.location.zone,
        "cancel_url": next_url(request, station) if given.get("next") or not above else above[0][1],
        "breadcrumbs": [(str(station), link("station", pk)), *above],
        "refusal": situation.why_not("change-configuration"),
    }
    chooser = KeyForm(given if "key" in given else None)
    if not chooser.is_valid():
        known_keys = [row.key for row in rows_of(request, station).values() if not row.readonly]
        return render(request, "stations/configuration_key.html", context | {
            "title": _("Change a variable") if has_variables(station.ocpp_version) else _("Change a key"),
            "form": chooser, "known_keys": known_keys,
        })  # fmt: skip
    key = chooser.cleaned_data["key"]
    attribute = given.get("attribute", ACTUAL)
    attribute = attribute if attribute in device_model.ATTRIBUTES and has_variables(station.ocpp_version) else ACTUAL
    row = row_of(request, station, key, attribute)
    now = Key(row, station) if row else None
    raw = bool(given.get("raw"))
    # Who may change it and not read it begins with nothing
    begin = request.GET.get("value", now.value if now else "").replace("\x00", "")[:LONGEST]
    secret = is_secret(key, station.ocpp_version) or bool(now and now.secret)
    sent = request.POST if request.method == "POST" else None
    form = ValueForm(sent, key=key, version=station.ocpp_version, value="" if secret else begin, raw=raw, entry=now.entry if now else None)
    if sent is not None and not context["refusal"] and form.is_valid():
        try:
            ask(actor=user_of(request), station=station, intent=Configure(key, form.cleaned_data["value"], attribute))
        except CommandRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request, _("Asked %(station)s to change %(key)s. Its answer appears beside the key.") % {"station": station, "key": key}
            )
            return redirect(context["cancel_url"])
    plain = ValueForm(key=key, version=station.ocpp_version, value=begin, entry=now.entry if now else None)
    other = {"key": key, "next": context["cancel_url"], "attribute": attribute} | ({} if raw else {"raw": "1"})
    return render(request, "stations/configuration_change.html", context | {
        "title": _("Change “%s”") % (form.entry.name if form.entry and form.entry.name else key),
        "attribute": "" if attribute == ACTUAL else attribute, "attribute_word": device_model.ATTRIBUTES.get(attribute, ""),
        "form": form, "key": key, "now_is": now, "raw": raw, "entry": form.entry,
        "group": GROUPS[group_of(key, station.ocpp_version)],
        "other_url": f"{reverse('station_configuration_change', args=[pk])}?{urlencode(other)}",
        "offers_raw": form.can_be_typed,
        "offers_control": raw and not plain.raw and form.entry is not None,
        "begin": begin if not secret and request.GET.get("value") is not None else None,
    })  # fmt: skip


@require_POST
def read_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the one key `key`."""
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    key = request.POST.get("key", "").strip()
    if reason := situation.why_not("get-configuration"):
        messages.error(request, reason)
    elif not key or len(key) > LONGEST_KEY or not key.isprintable():
        messages.error(request, _("Choose the key that is to be read."))
    else:
        try:
            ask(actor=user_of(request), station=station, intent=ReadConfiguration((key,)))
        except CommandRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Asked %(station)s for %(key)s.") % {"station": station, "key": key})
    return redirect(next_url(request, station) if request.POST.get("next") else link("station_configuration", pk))


# -- the file -----------------------------------------------------------------------------------------------------------------------------


def configuration_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    station = station_of(request, pk)
    keys = [Key(row, station) for row in rows_of(request, station).values()]
    zone = station.location.zone

    def lines() -> Iterator[list[Any]]:
        more = device_model.CSV_COLUMNS if has_variables(station.ocpp_version) else ()
        yield [_("Key"), _("Name"), _("Value"), _("In words"), _("Unit"), _("Group"), _("Read-only"), _("Waits for a reset"), _("Read at"),
               _("Set, not read since"), *map(str, more)]  # fmt: skip
        for key in keys:
            yield [
                key.key, key.name, key.value, key.words, key.entry.unit if key.entry else "",
                GROUPS[group_of(key.key, station.ocpp_version)], _("yes") if key.row.readonly else _("no"),
                _("yes") if key.waits else _("no"), "" if key.row.only_set else exact(key.row.updated_at, zone),
                exact(key.row.updated_at, zone) if key.row.only_set else "", *device_model.csv_cells(key.row),
            ]  # fmt: skip

    name = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "_" for sign in station.identity)
    return download(request, csv_of(lines()), f"configuration-{name}.csv", "text/csv; charset=utf-8")


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/", configuration, name="station_configuration"),
    path("stations/<int:pk>/configuration/live/", configuration_fragment, name="station_configuration_live"),
    path("stations/<int:pk>/configuration/change/", change, name="station_configuration_change"),
    path("stations/<int:pk>/configuration/read/", read_again, name="station_configuration_read"),
    path("stations/<int:pk>/configuration/download.csv", configuration_csv, name="station_configuration_csv"),
]
