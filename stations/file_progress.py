"""How far a firmware or a log is: what stations tell, what their requests for files show, what became of the commands, and what is due.

Every change of state is compare-and-swap, so a status that comes twice, late or out of order changes nothing that is over. What went wrong
is kept as a word with a detail (`told` says it to people), because who reads it chooses the language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from stations import command_words, explain, nudges
from stations.models import Command, Connector, FirmwareUpdate, StationUpload, Transaction
from stations.ocpp import intents, versions
from stations.ocpp.events import Boot, DiagnosticsStatus, FirmwareStatus

Update, Upload = FirmwareUpdate.State, StationUpload.State
RUNNING = (Update.SENT, Update.DOWNLOADING, Update.DOWNLOADED, Update.INSTALLING)
NEWS_EVERY = timedelta(seconds=30)  # as often a download that goes on is written down, at most
ARRIVES_WITHIN = timedelta(minutes=5)  # what a station says it has uploaded
REMEMBERED = timedelta(days=1)  # after which a restart says nothing of an update any more
REPLACES = "AcceptedCanceled"  # the answer that drops what the station was at before
BY_STATION = ("status", "other_version")  # words of `problem`: it failed as the station itself tells

# -- words --------------------------------------------------------------------------------------------------------------------------------

# The word before the first space of `problem`; %s is what stands after it.
PROBLEMS: dict[str, str | Promise] = {
    "other_version": _("It says that it is installed, but the station tells of version %s since it restarted."),
    "window_not_connected": _("The window has passed: the station was not connected in it."),
    "window_charging": _("The window has passed: a car was charging all the time."),
    "window_busy": _("The window has passed: the station was busy, or too many others fetched firmware."),
    "window_unfit": _("The window has passed: the station no longer fits this file, or the file is no longer offered to it."),
    "waits_not_connected": _("It waits until the station is connected."),
    "waits_charging": _("It waits until no car charges."),
    "waits_busy": _("It waits for its turn: other stations fetch firmware now, or the station has much to do."),
    "waits_unfit": _("It waits: the station no longer fits this file, or the file is no longer offered to it."),
    "refused": _("The station refused it."),
    "replaced": _("The station dropped it for another one that it was asked for since."),
    "not_answered": _("The station was asked and has not answered."),
    "no_news": _("The station has told nothing more of it."),
    "given_up": _("Given up by hand. The station may still go on with it."),
    "status": _("The station tells: %s."),
    "nothing": _("The station has nothing to upload for this."),
    "not_delivered": _("The station could not be asked in time."),
    "too_large": _("The file is larger than %s MB, the most that is taken."),
    "no_file": _("What the station sent holds no file that can be read."),
    "broken_off": _("The upload broke off. The station may try again by itself; otherwise ask for it again."),
    "not_kept": _("The file could not be kept here. Ask for it again; if that fails too, tell whoever runs the portal."),
    "not_arrived": _("The station says that it has uploaded it, but nothing has arrived here."),
}  # fmt: skip


# The station's own word for a refusal
REFUSED: dict[str, str | Promise] = {
    "InvalidCertificate": _("The station refused it: it does not trust the certificate with which the file was signed."),
    "RevokedCertificate": _("The station refused it: the certificate with which the file was signed has been revoked."),
}


def told(problem: str) -> str:
    word, _space, detail = problem.partition(" ")
    if word == "refused" and detail in REFUSED:
        return str(REFUSED[detail])
    if word == "status" and (known := explain.background(detail)):
        detail = str(known[1])
    elif word == "error":
        code, _space, more = detail.partition(" ")
        return command_words.error_said(code, more)
    sentence = str(PROBLEMS.get(word, problem))
    return sentence % detail if "%s" in sentence else sentence


# -- what stations tell; inside the ledger's transaction ----------------------------------------------------------------------------------

# The station's word (OCPP 1.6 §7.25, its security extension, and 2.0.1) -> how far it is
_FIRMWARE = {
    "DownloadScheduled": Update.DOWNLOADING, "DownloadPaused": Update.DOWNLOADING, "Downloading": Update.DOWNLOADING,
    "Downloaded": Update.DOWNLOADED, "SignatureVerified": Update.DOWNLOADED, "InstallScheduled": Update.DOWNLOADED,
    "Installing": Update.INSTALLING, "InstallRebooting": Update.INSTALLING, "Installed": Update.INSTALLED,
    "DownloadFailed": Update.FAILED, "InstallationFailed": Update.FAILED, "InvalidSignature": Update.FAILED,
    "InstallVerificationFailed": Update.FAILED,
}  # fmt: skip
_UPLOADS = {"Uploading": Upload.UPLOADING} | dict.fromkeys(
    ("UploadFailed", "UploadFailure", "BadMessage", "NotSupportedOperation", "PermissionDenied", "AcceptedCanceled"), Upload.FAILED
)

Report = tuple[int, Boot | FirmwareStatus | DiagnosticsStatus, datetime]  # station, event, when


def reported(reports: Sequence[Report]) -> None:
    """Book what stations told. One query for all that is about firmware, one for all that is about logs, more only where something is on
    its way."""
    firmware = {station for station, event, _at in reports if isinstance(event, Boot | FirmwareStatus)}
    logs = {station for station, event, _at in reports if isinstance(event, DiagnosticsStatus)}
    updates = _updates_of(firmware) if firmware else {}
    uploads = list(StationUpload.objects.filter(station__in=logs, state__in=StationUpload.OPEN).order_by("-pk")) if logs else []
    for station, event, at in reports:
        if isinstance(event, DiagnosticsStatus):
            _upload_told([one for one in uploads if one.station_id == station], event)
        elif update := _meant(updates.get(station, []), getattr(event, "key", None)):
            if isinstance(event, Boot):
                _booted(update, event.fields.get("firmware_version", ""), at)
            else:
                _firmware_told(update, event.status, at)


def _meant(rows: Sequence[FirmwareUpdate], key: int | None) -> FirmwareUpdate | None:
    """The update that a station speaks of: the one with its number; where it says none the one on its way, else the latest."""
    if key is not None:
        return next((row for row in rows if row.pk == key), None)
    return next((row for row in rows if row.state in RUNNING), rows[-1] if rows else None)


def _updates_of(stations: Collection[int]) -> dict[int, list[FirmwareUpdate]]:
    """The updates that stations may speak of, oldest first: on their way, or ended lately. Of one that failed before the station began it
    (its window passed, the station refused it) it cannot speak."""
    begun = Q(state__in=[Update.INSTALLED, Update.STUCK]) | Q(state=Update.FAILED, problem__regex=f"^({'|'.join(BY_STATION)}) ")
    given_up = Q(state=Update.CANCELLED, problem="given_up")  # nothing moves it, nor what was before it
    ended = Q(begun | given_up, state_at__gte=timezone.now() - REMEMBERED)
    rows = FirmwareUpdate.objects.filter(Q(state__in=RUNNING) | ended, station__in=stations).select_related("firmware", "station")
    found: dict[int, list[FirmwareUpdate]] = {}
    for row in rows.order_by("pk"):
        found.setdefault(row.station_id, []).append(row)
    return found


def _swap(row: Any, states: Iterable[str], **fields: Any) -> bool:
    """Set `fields` of a row that is in one of `states`; whether it was."""
    done = bool(type(row).objects.filter(pk=row.pk, state__in=list(states)).update(**fields))
    if done:
        for name, value in fields.items():
            setattr(row, name, value)
    return done


def _revive(update: FirmwareUpdate, **fields: Any) -> bool:
    """Set `fields` of an update that was stuck and goes on after all; not where another of its station is planned or under way."""
    if update.state != Update.STUCK:
        return False
    others = FirmwareUpdate.objects.filter(station=update.station_id, state__in=FirmwareUpdate.OPEN)
    try:
        with transaction.atomic():
            return not others.exists() and _swap(update, [Update.STUCK], **fields)
    except IntegrityError:  # planned at this moment
        return False


def _firmware_told(update: FirmwareUpdate, status: str, at: datetime) -> None:
    state = _FIRMWARE.get(status)
    if state is None:  # Idle: an answer to who asked
        return
    if state == Update.INSTALLED:
        station = update.station
        restarted = station.booted_at is not None and station.booted_at >= update.state_at  # that was the latest news
        problem = _difference(update, station.firmware_version) if restarted else ""
        state = Update.FAILED if problem else state
        _swap(update, (*RUNNING, Update.FAILED, Update.STUCK), state=state, state_at=at, status=status, problem=problem)
    elif state == Update.FAILED:
        unproven = [Update.FAILED] if update.problem.startswith("other_version ") else []
        _swap(update, (*RUNNING, Update.STUCK, *unproven), state=state, state_at=at, status=status, problem=f"status {status}")
    elif not _swap(update, RUNNING, state=state, state_at=at, status=status, problem=""):
        # After a failure a station may try again by itself, and it stays over until that has worked
        _revive(update, state=state, state_at=at, status=status, problem="")


def _booted(update: FirmwareUpdate, version: str, at: datetime) -> None:
    """A station that starts tells its version: the proof. It may restart several times before it has the new one."""
    update.station.firmware_version, update.station.booted_at = version, at
    if _same(version, update.firmware.version) and not _same(version, update.before):
        _swap(update, (*RUNNING, Update.FAILED, Update.STUCK), state=Update.INSTALLED, state_at=at, problem="")
    elif update.state == Update.INSTALLED:
        if problem := _difference(update, version):
            _swap(update, [Update.INSTALLED], state=Update.FAILED, state_at=at, problem=problem)
    elif update.state in RUNNING:
        _swap(update, RUNNING, state_at=at)  # it lives: that is news


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _difference(update: FirmwareUpdate, version: str) -> str:
    return "" if not version or _same(version, update.firmware.version) else f"other_version {version}"[:300]


def _upload_told(rows: list[StationUpload], event: DiagnosticsStatus) -> None:
    if event.key is not None:
        row = next((one for one in rows if one.pk == event.key), None)
    else:
        row = next((one for one in rows if one.security == event.log), None)
    if row is None:
        return
    if event.status == "Uploaded":
        if not row.problem:
            _swap(row, StationUpload.OPEN, problem=f"not_arrived {timezone.now().isoformat()}")  # gone as soon as it has
    elif state := _UPLOADS.get(event.status):
        problem = f"status {event.status}" if state == Upload.FAILED else ""
        _swap(row, StationUpload.OPEN, state=state, problem=problem)


# -- what became of the commands ----------------------------------------------------------------------------------------------------------


def answered(commands: Sequence[Command]) -> None:
    """Of commands that have their answer: what that means for the file they were about."""
    for command in commands:
        wanted = versions.speaker(command.version).intent(command.action, command.payload)
        if isinstance(wanted, intents.SendLog):
            for upload in StationUpload.objects.filter(command=command, state=Upload.REQUESTED):
                _upload_answered(upload, command)
        elif isinstance(wanted, intents.UpdateFirmware):
            for update in FirmwareUpdate.objects.filter(command=command, state=Update.SENT):
                _update_answered(update, command)


def _why(command: Command) -> str:
    if command.state == Command.State.REJECTED:
        return f"refused {command.answer_status}".strip()
    return f"error {command.error_code} {command.error_description}".strip()[:300]


def _upload_answered(upload: StationUpload, command: Command) -> None:
    if command.state in (Command.State.REJECTED, Command.State.FAILED):
        _swap(upload, [Upload.REQUESTED], state=Upload.FAILED, problem=_why(command))
    elif command.state in (Command.State.TIMED_OUT, Command.State.EXPIRED):
        word = "not_answered" if command.state == Command.State.TIMED_OUT else "not_delivered"
        _swap(upload, [Upload.REQUESTED], state=Upload.FAILED, problem=word)
    elif command.state == Command.State.ACCEPTED and isinstance(command.answer, dict):
        if command.answer_status == REPLACES:
            for other in StationUpload.objects.filter(station=upload.station_id, pk__lt=upload.pk, state__in=StationUpload.OPEN):
                _swap(other, StationUpload.OPEN, state=Upload.FAILED, problem="replaced")
        name = versions.speaker(command.version).log_name(command.action, command.answer)
        if name is None:
            _swap(upload, [Upload.REQUESTED], state=Upload.FAILED, problem="nothing")
        elif name and not upload.file_name:
            _swap(upload, StationUpload.OPEN, file_name=clean_name(name))


def _knows_no_signatures(command: Command) -> bool:
    """Whether the station does not know the message that carries a signature, and there is another one without."""
    if command.state != Command.State.FAILED or command.error_code not in ("NotImplemented", "NotSupported"):
        return False
    version = versions.speaker(command.version)
    wanted = version.intent(command.action, command.payload)
    return isinstance(wanted, intents.UpdateFirmware) and version.call(wanted._replace(signature="", certificate=""))[0] != command.action


def _update_answered(update: FirmwareUpdate, command: Command) -> None:
    if _knows_no_signatures(command):
        _swap(
            update, [Update.SENT], state=Update.PLANNED, state_at=timezone.now(), command=None,
            signature_sent=FirmwareUpdate.Signed.REFUSED,
        )  # fmt: skip
    elif command.state in (Command.State.REJECTED, Command.State.FAILED):
        _swap(update, [Update.SENT], state=Update.FAILED, state_at=timezone.now(), problem=_why(command))
    elif command.state == Command.State.EXPIRED:
        _swap(update, [Update.SENT], state=Update.PLANNED, state_at=timezone.now(), command=None)  # while its window is open: again
    else:  # a late answer replaces that there was none
        if command.answer_status == REPLACES:
            FirmwareUpdate.objects.filter(station=update.station_id, pk__lt=update.pk, state=Update.STUCK).update(
                state=Update.CANCELLED, state_at=timezone.now(), problem="replaced"
            )
        _swap(update, [Update.SENT], problem="not_answered" if command.state == Command.State.TIMED_OUT else "")


# -- what their requests for files show ---------------------------------------------------------------------------------------------------


def fetched(update: FirmwareUpdate) -> None:
    """The station fetches the file, or a part of it: each is news, however long the whole takes."""
    now = timezone.now()
    fields: dict[str, Any] = {"state": Update.DOWNLOADING, "state_at": now, "problem": ""}
    if _swap(update, [Update.SENT], **fields) or _revive(update, **fields):
        nudges.stations_changed(update.station_id)
    elif now - update.state_at >= NEWS_EVERY:
        _swap(update, [Update.DOWNLOADING], state_at=now)


def uploading(upload: StationUpload) -> None:
    if _swap(upload, [*StationUpload.OPEN, Upload.FAILED], state=Upload.UPLOADING, problem=""):
        nudges.stations_changed(upload.station_id)


def not_taken(upload: StationUpload, problem: str) -> None:
    """What the station sent is not kept. It may send again."""
    if _swap(upload, StationUpload.OPEN, state=Upload.FAILED, problem=problem):
        nudges.stations_changed(upload.station_id)


def arrived(upload: StationUpload, stored: str, size: int, name: str) -> bool:
    """A file is here. False where the row is over meanwhile: then the file is removed again."""
    now = timezone.now()
    fields: dict[str, Any] = {"state": Upload.ARRIVED, "file": stored, "size": size, "arrived_at": now, "problem": ""}
    if name:
        fields["file_name"] = name
    rows = StationUpload.objects.filter(pk=upload.pk, state__in=[*StationUpload.OPEN, Upload.FAILED], expires_at__gt=now)
    if not rows.update(**fields):
        upload.file.storage.delete(stored)
        return False
    nudges.stations_changed(upload.station_id)
    return True


# -- what is due by time ------------------------------------------------------------------------------------------------------------------


def follow_up() -> None:
    """Commands that ended without an answer, logs that never came, updates without news."""
    now = timezone.now()
    over = [Command.State.REJECTED, Command.State.FAILED, Command.State.TIMED_OUT, Command.State.EXPIRED]
    waiting = StationUpload.objects.filter(state=Upload.REQUESTED, command__state__in=over).select_related("command")
    sent = FirmwareUpdate.objects.filter(state=Update.SENT, problem="", command__state__in=over).select_related("command")
    changed: set[int] = set()
    with transaction.atomic():
        for upload in waiting[:500]:
            assert upload.command is not None
            _upload_answered(upload, upload.command)
            changed.add(upload.station_id)
        for update in sent[:500]:
            assert update.command is not None
            _update_answered(update, update.command)
            changed.add(update.station_id)
        for upload in StationUpload.objects.filter(state__in=StationUpload.OPEN, expires_at__lte=now)[:500]:
            if _swap(upload, StationUpload.OPEN, state=Upload.EXPIRED):
                changed.add(upload.station_id)
        for upload in StationUpload.objects.filter(state__in=StationUpload.OPEN, problem__startswith="not_arrived ")[:500]:
            since = datetime.fromisoformat(upload.problem.partition(" ")[2])
            if since <= now - ARRIVES_WITHIN and _swap(upload, StationUpload.OPEN, state=Upload.FAILED):
                changed.add(upload.station_id)
        silent = FirmwareUpdate.objects.filter(state__in=RUNNING, state_at__lte=now - timedelta(seconds=settings.FIRMWARE_STUCK_AFTER))
        for update in silent[:500]:
            if _swap(update, [update.state], state=Update.STUCK, state_at=now, problem="no_news"):
                changed.add(update.station_id)
        nudges.stations_changed(*changed)


def charging(stations: Collection[int]) -> set[int]:
    """Those of the stations at which a car charges: a transaction runs, or the station reports one that is not known here."""
    running = Transaction.objects.filter(station__in=stations, ended_at=None).order_by().values_list("station_id", flat=True)
    reported = Connector.objects.filter(station__in=stations, status__in=Connector.CAR_CHARGES).order_by()
    return {*running, *reported.values_list("station_id", flat=True)}


def purge_uploads() -> int:
    """Forget logs that are older than STATION_LOG_RETENTION_DAYS, file and row; how many."""
    before, count = timezone.now() - timedelta(days=settings.STATION_LOG_RETENTION_DAYS), 0
    for upload in StationUpload.objects.filter(created_at__lt=before).order_by("pk")[:5000]:
        upload.delete()
        count += 1
    return count


def forget_file(instance: Any, **_signal: Any) -> None:
    """After a row was deleted, by whatever way: its file goes too, once that is committed."""
    storage, name = instance.file.storage, instance.file.name
    if name:
        transaction.on_commit(lambda: storage.delete(name))


def clean_name(name: str) -> str:
    """The last part of what a station calls a file, as a name that can be shown and saved."""
    last = PurePosixPath(unquote(name).replace("\\", "/")).name
    return "".join(sign for sign in last if sign.isprintable() and sign not in '"<>:|?*').strip(". ")[:150]
