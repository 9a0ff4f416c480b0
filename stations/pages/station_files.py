"""The tab “Firmware and logs” of a station: updates of its firmware, and the logs that it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from stations import actions, file_progress
from stations.controls import Situation
from stations.file_forms import FetchForm, PlanForm
from stations.firmware import (
    consequences,
    fitting,
    tonight,
    update_row,
    upload_row,
    why_no_log,
    why_no_update,
)
from stations.models import FirmwareUpdate, Station, StationUpload
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import FETCH_LOGS, READ, UPDATE_FIRMWARE, anywhere, get_for, may
from ui.downloads import download
from ui.forms import Trail, confirm_page, form_page, next_url

SHOWN = 50  # updates, and logs
PIECE = 256 * 1024


def station_of(request: HttpRequest, pk: int, right: str = READ) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def trail(station: Station) -> Trail:
    return [(station.location, station.location.get_absolute_url()), (station, link("station_files", station.pk))]


def files_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station, user = situation.station, request.user
    rows = FirmwareUpdate.objects.visible_to(user).filter(station=station).select_related("firmware", "created_by")
    updates = list(rows[:SHOWN])
    for update in updates:
        update.station = station
    under_way = any(update.state in FirmwareUpdate.OPEN for update in updates)
    sees_logs = may(user, FETCH_LOGS, station)
    uploads = StationUpload.objects.visible_to(user).filter(station=station).select_related("created_by")
    update_refusal = why_no_update(situation)
    if under_way and not update_refusal:
        update_refusal = _("An update is planned or under way.")
    return {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "updates": [update_row(update, user) for update in updates],
        "uploads": [upload_row(upload, user, station) for upload in uploads[:SHOWN]] if sees_logs else [],
        "sees_logs": sees_logs,
        "may_update": may(user, UPDATE_FIRMWARE, station),
        "update_refusal": update_refusal,
        "log_refusal": why_no_log(situation),
        "plan_url": link("station_firmware", station.pk),
        "fetch_url": link("station_fetch", station.pk),
        "fragment_url": link("station_files_live", station.pk),
    }


def files(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, "files", situation)
    return render(request, "stations/files.html", {**context, **files_context(request, situation)})


def files_live(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    return render(request, "stations/files_live.html", files_context(request, Situation(request.user, station)))


# -- logs ---------------------------------------------------------------------------------------------------------------------------------


def fetch(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for diagnostics or for the security log."""
    station = station_of(request, pk, FETCH_LOGS)
    situation = Situation(request.user, station)
    here = link("station_files", pk)
    kinds = [("diagnostics", _("Diagnostics: what the station writes down to find faults")), ("security", _("Security log"))]
    refusals = {"diagnostics": why_no_log(situation), "security": why_no_log(situation, security=True)}
    usable = [kind for kind in kinds if not refusals[kind[0]]]
    if not usable:
        context = {"title": _("Ask for a log"), "refusal": refusals["diagnostics"], "cancel_url": here, "breadcrumbs": trail(station)}
        return render(request, "ui/confirm.html", context)
    form = FetchForm(request.POST or None, zone=station.location.zone, kinds=usable)

    def save(values: dict[str, Any]) -> StationUpload:
        try:
            return actions.fetch_log(
                actor=user_of(request), station=station, security=values["kind"] == "security", since=values["since"], until=values["until"]
            )
        except actions.CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    intro = _("The station uploads a file to the portal, which takes seconds to some minutes. It is then in the list to be downloaded.")
    if refusals["security"] and len(usable) == 1:
        intro = f"{intro} {refusals['security']}"
    if StationUpload.objects.visible_to(request.user).filter(station=station, state__in=StationUpload.OPEN).exists():
        intro = _("It was asked for a log already, which has not arrived: most stations drop that one for a new one.") + f" {intro}"
    return form_page(
        request, form, save, title=_("Ask for a log"), submit_label=_("Ask for it"), cancel_url=here,
        done=_("Asked %s for it. The file appears here when it has arrived.") % station, done_url=here, breadcrumbs=trail(station),
        intro=intro,
    )  # fmt: skip


def upload_of(request: HttpRequest, pk: int) -> StationUpload:
    return get_for(request.user, StationUpload.objects.select_related("station__location__organization"), FETCH_LOGS, pk=pk)


def attached(request: HttpRequest, file: Any, name: str) -> HttpResponseBase:
    """A stored file as something to save, whatever it is: a browser never shows it."""
    if not file.storage.exists(file.name):
        raise Http404

    def pieces() -> Iterator[bytes]:
        with file.storage.open(file.name) as stored:
            while piece := stored.read(PIECE):
                yield piece

    answer = download(request, pieces(), "file", "application/octet-stream")
    answer.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Length"] = str(file.storage.size(file.name))
    return answer


def upload_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    upload = upload_of(request, pk)
    if not upload.file:
        raise Http404
    answer = attached(request, upload.file, upload.file_name or f"{upload.station.identity}.log")
    actions.record_download(actor=user_of(request), upload=upload)
    return answer


def upload_delete(request: HttpRequest, pk: int) -> HttpResponse:
    upload = upload_of(request, pk)
    here = link("station_files", upload.station_id)
    if upload.file:
        told = [_("The file %s is gone. The station may still have it.") % (upload.file_name or upload)]
    else:
        told = [_("Should the station still upload it, that is refused.")]
    return confirm_page(
        request, lambda: actions.delete_upload(actor=user_of(request), upload=upload), title=_("Delete this log?"), consequences=told,
        submit_label=_("Delete log"), cancel_url=here, done=_("Deleted."), done_url=here, breadcrumbs=trail(upload.station),
    )  # fmt: skip


# -- firmware -----------------------------------------------------------------------------------------------------------------------------


def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """Plan an update, by the policy: who asked for it, why, and when it may begin."""
    station = station_of(request, pk, UPDATE_FIRMWARE)
    situation, user = Situation(request.user, station), user_of(request)
    here, zone = link("station_files", pk), station.location.zone
    offered = fitting(station)
    refusal = why_no_update(situation)
    under_way = FirmwareUpdate.objects.visible_to(user).filter(station=station, state__in=FirmwareUpdate.OPEN).exists()
    if under_way and not refusal:
        refusal = _("An update of this station is planned or under way already.")
    context = {
        "title": _("Update the firmware of %s") % station, "station": station, "consequences": consequences(), "refusal": refusal,
        "offered": offered, "breadcrumbs": trail(station), "cancel_url": here,
        "library_url": link("firmware_files"), "add_url": link("firmware_add") if anywhere(user, UPDATE_FIRMWARE) else "",
    }  # fmt: skip
    if refusal or not offered:
        return render(request, "stations/firmware_plan.html", context)
    form = PlanForm(request.POST or None, files=offered, zone=zone, window=tonight(zone, situation.now))
    return form_page(
        request, form, lambda values: actions.plan_update(actor=user, station=station, **values), title=str(context["title"]),
        submit_label=_("Plan the update"), cancel_url=here, done=_("Planned. How far it is stands here."), done_url=here,
        breadcrumbs=trail(station), template="stations/firmware_plan.html", context=context,
    )  # fmt: skip


def update_of(request: HttpRequest, pk: int) -> FirmwareUpdate:
    joins = ("firmware", "station__location__organization")
    return get_for(request.user, FirmwareUpdate.objects.select_related(*joins), UPDATE_FIRMWARE, pk=pk)


def update_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    update = update_of(request, pk)
    here = next_url(request, link("station_files", update.station_id))
    known = update.state == FirmwareUpdate.State.PLANNED
    return confirm_page(
        request, lambda: actions.cancel_update(actor=user_of(request), update=update),
        title=_("Cancel the update of %s?") % update.station,
        consequences=[_("The station is not told of it and keeps version %s.") % (update.station.firmware_version or "–")],
        refusal="" if known else _("The station has been told already, or it is over."), submit_label=_("Cancel update"),
        keep_label=_("Keep it"), cancel_url=here, done=_("Cancelled."), done_url=here, breadcrumbs=trail(update.station),
    )  # fmt: skip


def update_give_up(request: HttpRequest, pk: int) -> HttpResponse:
    update = update_of(request, pk)
    here = next_url(request, link("station_files", update.station_id))
    known = update.state in (*file_progress.RUNNING, FirmwareUpdate.State.STUCK)
    return confirm_page(
        request, lambda: actions.give_up_update(actor=user_of(request), update=update),
        title=_("Give up the update of %s?") % update.station,
        consequences=[
            _("Its state is reset, and another update can be planned."),
            _("What the station does is not changed by this: it may still install the file. It can fetch it no more."),
            _("Does the station hang, try a soft reset, then a hard one."),
        ],
        refusal="" if known else _("It is over already."), submit_label=_("Give up"), keep_label=_("Keep waiting"), cancel_url=here,
        done=_("The state is reset."), done_url=here, breadcrumbs=trail(update.station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/files/", files, name="station_files"),
    path("stations/<int:pk>/files/live/", files_live, name="station_files_live"),
    path("stations/<int:pk>/files/fetch/", fetch, name="station_fetch"),
    path("stations/<int:pk>/firmware/", plan, name="station_firmware"),
    path("uploads/<int:pk>/download/", upload_download, name="upload_download"),
    path("uploads/<int:pk>/delete/", upload_delete, name="upload_delete"),
    path("firmware/updates/<int:pk>/cancel/", update_cancel, name="update_cancel"),
    path("firmware/updates/<int:pk>/give-up/", update_give_up, name="update_give_up"),
]
