"""What can be done about the firmware and the logs of a station, and what is said of them. No query of its own but `fitting`."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations import explain, file_progress
from stations.actions.files import why_firmware_unfit
from stations.controls import Situation
from stations.models import Connection, FirmwareFile, FirmwareUpdate, Station, StationUpload
from stations.ocpp.intents import SendLog, UpdateFirmware
from stations.ocpp.versions import speaker
from tenancy.models import User
from tenancy.personal import person, shown
from tenancy.rights import FETCH_LOGS, RIGHTS, UPDATE_FIRMWARE

Text = str | Promise
Update, Upload = FirmwareUpdate.State, StationUpload.State

NIGHT = time(1), time(5)  # when an update begins unless somebody says otherwise, by the location's clock

UPDATE_DOTS = {
    Update.PLANNED: explain.WAITING, Update.SENT: explain.BUSY, Update.DOWNLOADING: explain.BUSY, Update.DOWNLOADED: explain.BUSY,
    Update.INSTALLING: explain.BUSY, Update.INSTALLED: explain.AVAILABLE, Update.FAILED: explain.FAULT, Update.STUCK: explain.FAULT,
    Update.CANCELLED: explain.OFF,
}  # fmt: skip
UPLOAD_DOTS = {
    Upload.REQUESTED: explain.WAITING, Upload.UPLOADING: explain.BUSY, Upload.ARRIVED: explain.AVAILABLE, Upload.FAILED: explain.FAULT,
    Upload.EXPIRED: explain.FAULT,
}  # fmt: skip


def no_right(right: str) -> str:
    return _("Your role does not give you the right “%s” here. An administrator can change that.") % RIGHTS[right].label


def why_no_update(situation: Situation) -> str:
    """Why no firmware update can be planned for the station; empty when one can. It need not be connected now."""
    station = situation.station
    if not situation.may(UPDATE_FIRMWARE):
        return no_right(UPDATE_FIRMWARE)
    if situation.connection == Connection.DEACTIVATED:
        return _("The station is deactivated, so it cannot connect. Activate it first.")
    if not station.vendor and not station.model:
        return _("The station has not told yet what make and model it is: it does when it starts.")
    if missing := speaker(station.ocpp_version).missing_profile(UpdateFirmware, situation.told):
        return _("The station does not support this: it lacks the feature profile “%s”.") % missing
    return ""


def why_no_log(situation: Situation, *, security: bool = False) -> str:
    """Why the station cannot be asked for its diagnostics or its security log now; empty when it can."""
    if not situation.may(FETCH_LOGS):
        return no_right(FETCH_LOGS)
    if reason := situation.unreachable():
        return reason
    speaks = speaker(situation.station.ocpp_version)
    if security:
        if speaks.tells_security_log(situation.told) is False:
            return _("The station has no security log: by its configuration it lacks the security extension of OCPP.")
    elif missing := speaks.missing_profile(SendLog, situation.told):
        return _("The station does not support this: it lacks the feature profile “%s”.") % missing
    return ""


def fitting(station: Station) -> list[FirmwareFile]:
    """The files that this station may get, the newest first."""
    path = station.location.organization.path
    rows = FirmwareFile.objects.usable_at(path).filter(retired_at=None).select_related("organization").order_by("-created_at", "-pk")
    return [file for file in rows if not why_firmware_unfit(station, file)]


def tonight(zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """The next window of the night that has not ended yet, by the clock in `zone`."""
    day = now.astimezone(zone).date()
    begin, end = (datetime.combine(day, clock, zone) for clock in NIGHT)
    if end <= now + timedelta(hours=1):
        begin, end = (datetime.combine(day + timedelta(days=1), clock, zone) for clock in NIGHT)
    return begin, end


def consequences() -> list[str]:
    return [
        _("It begins in the window as soon as the station is connected and no car charges. A running charge is never interrupted."),
        _("The station fetches the file, installs it and restarts. Nobody can charge there meanwhile, usually for 5 to 30 minutes."),
        _("Does it not come to that until the window's end, nothing is done, and the list of updates says why."),
    ]


class UpdateRow(NamedTuple):
    """An update in words, for one reader."""

    update: FirmwareUpdate
    state: str
    word: Text
    text: str
    who: str
    asked_for_by: str

    @property
    def cancellable(self) -> bool:
        return self.update.state == Update.PLANNED

    @property
    def resettable(self) -> bool:
        return self.update.state in (*file_progress.RUNNING, Update.STUCK)


def update_row(update: FirmwareUpdate, user: User | AnonymousUser) -> UpdateRow:
    """`firmware`, `created_by` and the station with location and organization must be loaded."""
    location = update.station.location
    at = location.organization.path, location.pk
    state = UPDATE_DOTS[Update(update.state)]
    text = file_progress.told(update.problem)
    if update.state == Update.PLANNED and update.station.firmware_version == update.firmware.version:
        text = _("It has this version already.")
    if update.signature_sent:
        text = f"{text} {update.get_signature_sent_display()}.".strip()
    return UpdateRow(
        update, state, update.get_state_display(), text, person(user, update.created_by, *at) or _("the portal"),
        shown(user, update.asked_for_by, *at),
    )  # fmt: skip


class UploadRow(NamedTuple):
    upload: StationUpload
    state: str
    word: Text
    text: str
    who: str


def upload_row(upload: StationUpload, user: User | AnonymousUser, station: Station) -> UploadRow:
    location = station.location
    return UploadRow(
        upload, UPLOAD_DOTS[Upload(upload.state)], upload.get_state_display(), file_progress.told(upload.problem),
        person(user, upload.created_by, location.organization.path, location.pk) or _("the portal"),
    )  # fmt: skip
