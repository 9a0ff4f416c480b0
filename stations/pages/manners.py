"""How a station keeps to OCPP: in what it deviates, how often, and what that means. Below its Logs tab."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST

from stations.actions.manners import forget_deviations
from stations.models import Deviation, Station
from stations.ocpp.device_model import NO_NAME
from stations.ocpp.mending import NOT_READ
from stations.pages.sheet import sheet_context
from stations.pages.station_list import user_of
from tenancy.links import link
from tenancy.rights import MANAGE_STATIONS, READ_LOGS, get_for, may

Text = str | Promise
Kind = Deviation.Kind

# What each kind means for people: how the portal deals with it, and what to do
MEANINGS: dict[str, tuple[Text, Text]] = {
    Kind.MENDED: (
        lazy("The portal understands it all the same. Nothing is lost, unless it says here that something is left out."),
        lazy("Tell the manufacturer when it happens often; newer firmware may put it right."),
    ),
    Kind.REFUSED: (
        lazy("The portal could not accept the message and said why. Nothing of it counts, but it is in the log."),
        lazy("Look at the message in the log. Some stations send it again and again: report it to the manufacturer."),
    ),
    Kind.UNREADABLE: (
        lazy("What it sent is no OCPP message. It is in the log; after many in a row the connection is closed."),
        lazy("Look at the log. Often the modem or firmware cuts messages off: reset the station, then update its firmware."),
    ),
    Kind.STRAY: (
        lazy("It answered something that was not asked, or answered twice. That is passed over."),
        lazy("Nothing needs to be done, unless commands often end without an answer."),
    ),
    Kind.UNKNOWN_TRANSACTION: (
        lazy("It reports a transaction that it never began here. The report is kept in the inbox, so that no energy is lost."),
        lazy("Decide in the inbox what it belongs to."),
    ),
    Kind.CLOCK: (
        lazy("The portal uses its own time instead and keeps what the station wrote."),
        lazy("A reset usually sets the clock of a station."),
    ),
    Kind.BAD_ANSWER: (
        lazy("It answered a command in a way that says neither yes nor no. The command counts as failed."),
        lazy("Look whether the command did something all the same, then report it to the manufacturer."),
    ),
    Kind.REPEATED: (
        lazy("It sent the very same report three times and more, although it was answered. It is booked once."),
        lazy("It does not understand the answers, or loses them: reset the station, then update its firmware."),
    ),
    Kind.RECONNECTS: (
        lazy("It connected although it had connected less than a minute before. Nothing is lost, but commands may come late."),
        lazy("If it goes on: look at its modem or network, and whether two stations use the same id."),
    ),
    Kind.BOOTS: (
        lazy("It started several times within minutes, or says so again and again. Running charges may be cut off by it."),
        lazy("Look at its supply of power and its log. Do not ask it for anything while it starts; then update its firmware."),
    ),
    Kind.OTHER_ID: (
        lazy("Its meter values name no charge, or a wrong one. They count for the only one that runs at their connector."),
        lazy("Nothing needs to be done; the end of a charge counts only under its own id. Newer firmware may put it right."),
    ),
    Kind.REUSED_ID: (
        lazy("The earlier charge stays as it is booked. What it tells of the new one is kept in the inbox, so that no energy is lost."),
        lazy("Compare both in the inbox. Report it to the manufacturer: ids of charges must never come twice."),
    ),
    Kind.NUMBERING: (
        lazy("Reports of a charge came under numbers that were used before. They count all the same, by their time."),
        lazy("Nothing needs to be done. Missing reports cannot be noticed at this station: newer firmware may put it right."),
    ),
    Kind.AFTER_END: (
        lazy("The end stands as it was reported; what was measured after it is kept with the connector."),
        lazy("Compare the meter at the end with the values after it. If they go on, correct the charge."),
    ),
    Kind.OTHER_END: (
        lazy("The end that it told first stands. The other one waits in the inbox."),
        lazy("Compare both in the inbox, and correct the charge where the second is right."),
    ),
    Kind.UNKNOWN_VALUE: (
        lazy("Values of this kind are not kept: they are in the log only. All the others count."),
        lazy("Nothing needs to be done. What is charged is measured by other values."),
    ),
    Kind.SENT_AGAIN: (
        lazy("For information: OCPP allows it where an answer was lost. The charge is booked once and gets the same number again."),
        lazy("Nothing needs to be done. If it happens often, look at its modem or network."),
    ),
    Kind.BEFORE_BOOT: (
        lazy("It told something before it had ever sent a BootNotification. What it tells counts; make and firmware come with the boot."),
        lazy("If its make is still unknown, ask it for a BootNotification under “Ask for a message”, or reset the station."),
    ),
    Kind.OTHER_PLACE: (
        lazy("The charge stays at the connector at which it began, and what is measured elsewhere counts for it too."),
        lazy("Compare the values of the charge with the meters of both connectors. Newer firmware may put it right."),
    ),
    Kind.RESERVATION: (
        lazy("Another card charged by it, or at another connector. The reservation is over; the list of reservations says how."),
        lazy("Whoever reserved may have come in vain. Report it to the manufacturer if it happens again."),
    ),
    Kind.METER: (
        lazy("A meter only ever counts up. Charges in which it fell are flagged and wait in the inbox; no energy is taken back."),
        lazy("Compare the values of the charge with the meter's display, and have the meter checked."),
    ),
    Kind.FROM_ZERO: (
        lazy("It tells start and end by its meter, but what it measures in between counts from zero. The portal adds the start to it."),
        lazy("Nothing needs to be done: the energy of the charges is right."),
    ),
    Kind.GAP: (
        lazy("A charge began with more on the meter than the one before here ended with. What flowed in between is part of no charge."),
        lazy("Look in the log and in the inbox for a charge whose reports were lost, and whether anything else is on this meter."),
    ),
    Kind.NO_END: (
        lazy("The charge before stays open and waits in the inbox, until its end comes or somebody puts it in."),
        lazy("Look in the inbox. If it happens often, the station loses its memory: check its supply of power."),
    ),
}
KEYWORDS: dict[str, Text] = {
    "type": lazy("is of another type"),
    "required": lazy("misses something that is needed"),
    "additionalProperties": lazy("has something that OCPP does not know"),
    "maxLength": lazy("is too long"),
    "enum": lazy("is a word that OCPP does not have"),
    "minItems": lazy("is empty"),
    NO_NAME: lazy("without a name that OCPP allows: only alarms are kept of it"),
    NOT_READ: lazy("cannot be understood and are left out"),
    "maxItems": lazy("has too many entries"),
}


class Row(NamedTuple):
    deviation: Deviation
    meaning: Text
    remedy: Text
    detail: str
    log_url: str


def station_manners(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location__organization"), READ_LOGS, pk=pk)
    rows = [_row(one, station) for one in Deviation.objects.visible_to(request.user).filter(station=station)]
    context = sheet_context(request, station, active="logs")
    may_forget = bool(rows) and may(request.user, MANAGE_STATIONS, station)
    return render(request, "stations/manners.html", {**context, "rows": rows, "may_forget": may_forget})


def _row(one: Deviation, station: Station) -> Row:
    meaning, remedy = MEANINGS[one.kind]
    query = {"action": one.action} if one.action else {}
    if one.kind in (Kind.REFUSED, Kind.UNREADABLE, Kind.BAD_ANSWER):
        query["errors_only"] = "on"
    where, _colon, keyword = one.detail.rpartition(": ")
    detail = f"{where} {KEYWORDS[keyword]}" if one.kind in (Kind.MENDED, Kind.REFUSED) and keyword in KEYWORDS else one.detail
    return Row(one, meaning, remedy, detail, f"{link('station_logs', station.pk)}?{urlencode(query)}")


@require_POST
def station_manners_forget(request: HttpRequest, pk: int) -> HttpResponseBase:
    station = get_for(request.user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    forget_deviations(actor=user_of(request), station=station)
    messages.success(request, _("Forgotten. What %s does from now on is counted anew.") % station)
    return redirect(reverse("station_manners", args=[station.pk]))


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/behaviour/", station_manners, name="station_manners"),
    path("stations/<int:pk>/behaviour/forget/", station_manners_forget, name="station_manners_forget"),
]
