"""Every write to firmware files and updates, and to the logs that stations are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations import addresses, firmware_signature, nudges
from stations.actions.commands import ask
from stations.actions.saving import save
from stations.file_progress import RUNNING, Update
from stations.firmware_signature import Digests
from stations.models import BulkItem, FirmwareFile, FirmwareUpdate, Station, StationUpload
from stations.models.shared import matches
from stations.ocpp.intents import SendLog
from tenancy import audit
from tenancy.models import Organization, User

UPLOAD_LASTS = timedelta(hours=2)  # that a station has to upload what it was asked for
MOST_WAITING = 3  # logs of one station that are on their way
LONGEST_PLAN = timedelta(days=30)  # from now to the end of a window; see addresses.LONGEST


# -- logs ---------------------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def fetch_log(
    *,
    actor: User | None,
    station: Station,
    security: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    item: BulkItem | None = None,
) -> StationUpload:
    """Ask a station to upload its diagnostics, or its security log. CommandRefused and ValidationError say why it cannot be asked."""
    now = timezone.now()
    if since and until and until <= since:
        raise ValidationError({"until": _("The end lies before the beginning.")})
    if StationUpload.objects.filter(station=station, state__in=StationUpload.OPEN, expires_at__gt=now).count() >= MOST_WAITING:
        raise ValidationError(_("%s has not uploaded what it was asked for before. Wait for that, or delete it.") % station)
    upload = StationUpload.objects.create(
        station=station, security=security, since=since, until=until, created_by=actor, created_at=now, expires_at=now + UPLOAD_LASTS
    )
    intent = SendLog(addresses.upload_url(upload), upload.pk, security, since, until)
    upload.command = ask(actor=actor, station=station, intent=intent, recorded=False, item=item)
    upload.save(update_fields=["command"])
    changes = {"security": [None, security]} | {
        name: [None, value.isoformat()] for name, value in (("since", since), ("until", until)) if value
    }
    audit.record(actor, "fetch_log", station, station.location.organization, changes)
    return upload


@transaction.atomic
def delete_upload(*, actor: User | None, upload: StationUpload) -> None:
    """With its file. One that has not come yet is refused when it does."""
    station = upload.station
    audit.record(
        actor, "delete_log", station, station.location.organization,
        {"file_name": [upload.file_name, None], "created_at": [upload.created_at.isoformat(), None]},
    )  # fmt: skip
    nudges.stations_changed(station.pk)
    upload.delete()


# -- firmware files -----------------------------------------------------------------------------------------------------------------------


def _read(file: File[bytes] | None, field: str) -> bytes:
    """A small file, whole; empty where none was given."""
    if file is None:
        return b""
    if file.size > firmware_signature.MOST:
        raise ValidationError({field: _("This file is too large for what it should be.")})
    found: bytes = file.read()
    return found


def add_firmware(
    *,
    actor: User | None,
    organization: Organization,
    file: File[bytes],
    signature_file: File[bytes] | None = None,
    certificate_file: File[bytes] | None = None,
    **fields: Any,
) -> FirmwareFile:
    """Put a file into the library. ValidationError {"file": …} where this very file is there already, is empty or too large; of a
    signature that does not fit see `stations.firmware_signature`."""
    digests = Digests.of(file.chunks())
    size, sha256 = digests.size, digests.sha256
    if not size:
        raise ValidationError({"file": _("This file is empty.")})
    if size > settings.FIRMWARE_MAX_MB * 1024 * 1024:
        raise ValidationError({"file": _("This file is larger than %d MB, the most that is taken.") % settings.FIRMWARE_MAX_MB})
    if known := FirmwareFile.objects.usable_at(organization.path).filter(sha256=sha256).first():
        raise ValidationError({"file": _("This very file is in the library already, as %s.") % known})
    sealed = firmware_signature.checked(
        digests, _read(signature_file, "signature_file"), _read(certificate_file, "certificate_file"), timezone.now()
    )
    name = (file.name or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in name if sign.isprintable() and sign not in '"<>:|?*')[-150:] or "firmware.bin"
    made = FirmwareFile(
        organization=organization, file_name=name, size=size, sha256=sha256, created_by=actor, signature=sealed.signature,
        signing_certificate=sealed.certificate,
    )  # fmt: skip
    file.seek(0)
    made.file.save(name, file, save=False)
    try:
        with transaction.atomic():
            save(actor, made, organization, fields)
    except BaseException:
        made.file.storage.delete(str(made.file.name))
        raise
    return made


@transaction.atomic
def edit_firmware(*, actor: User | None, firmware: FirmwareFile, **fields: Any) -> FirmwareFile:
    """What is said of it. What it is for is fixed once a station was to get it."""
    fixed = {"vendor", "model", "version"} & {name for name, value in fields.items() if getattr(firmware, name) != value}
    if fixed and firmware.updates.exists():
        raise ValidationError(dict.fromkeys(fixed, _("Stations got this file already, so what it is for is fixed. Add it anew instead.")))
    save(actor, firmware, firmware.organization, fields)
    return firmware


@transaction.atomic
def retire_firmware(*, actor: User | None, firmware: FirmwareFile, retired: bool) -> None:
    """Offer it no more, or again. What is planned with it goes on."""
    now = timezone.now() if retired else None
    if FirmwareFile.objects.filter(pk=firmware.pk, retired_at__isnull=retired).update(retired_at=now):
        firmware.retired_at = now
        audit.record(actor, "retire" if retired else "offer_again", firmware, firmware.organization)


@transaction.atomic
def sign_firmware(
    *, actor: User | None, firmware: FirmwareFile, signature_file: File[bytes] | None, certificate_file: File[bytes] | None
) -> FirmwareFile:
    """Give it the signature of its maker, or another; neither file takes it away."""
    given = _read(signature_file, "signature_file"), _read(certificate_file, "certificate_file")
    with firmware.file.storage.open(str(firmware.file.name)) as stored:
        sealed = firmware_signature.checked(Digests.of(File(stored).chunks()), *given, timezone.now())
    before = firmware_signature.subject(firmware.signing_certificate) or None
    firmware.signature, firmware.signing_certificate = sealed
    firmware.save(update_fields=["signature", "signing_certificate"])
    after = firmware_signature.subject(sealed.certificate) or None
    audit.record(actor, "sign_firmware", firmware, firmware.organization, {"signing_certificate": [before, after]})
    return firmware


def why_firmware_stays(firmware: FirmwareFile) -> str:
    """Why it cannot be deleted; empty when it can."""
    if count := firmware.updates.count():
        return ngettext(
            "%d station got it or is to get it, and its history needs the file. Retire it instead.",
            "%d stations got it or are to get it, and their history needs the file. Retire it instead.",
            count,
        ) % count  # fmt: skip
    return ""


@transaction.atomic
def delete_firmware(*, actor: User | None, firmware: FirmwareFile) -> None:
    if reason := why_firmware_stays(firmware):
        raise ValidationError(reason)
    audit.record(actor, "delete", firmware, firmware.organization)
    firmware.delete()


# -- updates ------------------------------------------------------------------------------------------------------------------------------


def why_firmware_unfit(station: Station, firmware: FirmwareFile) -> str:
    """Why `station` does not get this file; empty when it fits. Location and organizations must be loaded."""
    here, owner = station.location.organization.path, firmware.organization.path
    if not (here == owner or (firmware.below and here.startswith(owner))):
        return _("The file is not for the organization of this station.")
    if not station.vendor and not station.model:
        return _("The station has not told yet what make and model it is.")
    if not (matches(firmware.vendor, station.vendor) and matches(firmware.model, station.model)):
        return _("The station is of make and model %(station)s, the file is for %(file)s.") % {
            "station": f"{station.vendor} {station.model}".strip(), "file": f"{firmware.vendor} {firmware.model}",
        }  # fmt: skip
    return _("The file is retired.") if firmware.retired_at else ""


@transaction.atomic
def plan_update(
    *,
    actor: User | None,
    station: Station,
    firmware: FirmwareFile,
    why: str,
    asked_for_by: str,
    reason: str,
    window_from: datetime,
    window_until: datetime,
) -> FirmwareUpdate:
    """A firmware for a station, to begin in a window when nobody charges. The policy (who asked for it, and why) is part of it."""
    now = timezone.now()
    if unfit := why_firmware_unfit(station, firmware):
        raise ValidationError({"firmware": unfit})
    if window_until <= window_from:
        raise ValidationError({"window_until": _("The end lies before the beginning.")})
    if window_until <= now:
        raise ValidationError({"window_until": _("This is over already.")})
    if window_until > now + LONGEST_PLAN:
        raise ValidationError({"window_until": _("At most %d days from now.") % LONGEST_PLAN.days})
    update = FirmwareUpdate(
        station=station, firmware=firmware, why=why, asked_for_by=asked_for_by, reason=reason, created_by=actor, created_at=now,
        window_from=window_from, window_until=window_until, state_at=now, before=station.firmware_version,
    )  # fmt: skip
    under_way = _("An update of this station is planned or under way already.")
    update.clean_fields()
    if FirmwareUpdate.objects.filter(station=station, state__in=FirmwareUpdate.OPEN).exists():
        raise ValidationError(under_way)
    try:
        with transaction.atomic():
            update.save()
    except IntegrityError as error:
        raise ValidationError(under_way) from error
    audit.record(
        actor, "plan_firmware", station, station.location.organization,
        {
            "version": [update.before or None, firmware.version], "why": [None, str(update.get_why_display())], "reason": [None, reason],
            "window_from": [None, window_from.isoformat()], "window_until": [None, window_until.isoformat()],
        },
    )  # fmt: skip
    nudges.stations_changed(station.pk)
    return update


def _end(actor: User | None, update: FirmwareUpdate, states: Any, verb: str, problem: str, refusal: str) -> None:
    station = update.station
    rows = FirmwareUpdate.objects.filter(pk=update.pk, state__in=states)
    if not rows.update(state=Update.CANCELLED, state_at=timezone.now(), problem=problem):
        raise ValidationError(refusal)
    audit.record(actor, verb, station, station.location.organization, {"version": [update.firmware.version, None]})
    nudges.stations_changed(station.pk)


@transaction.atomic
def cancel_update(*, actor: User | None, update: FirmwareUpdate) -> None:
    """As long as the station was not told."""
    _end(actor, update, [Update.PLANNED], "cancel_firmware", "", _("The station has been told already, or it is over."))


@transaction.atomic
def give_up_update(*, actor: User | None, update: FirmwareUpdate) -> None:
    """Reset a state that does not move on: the station is free for another update. What the station does is not changed by this."""
    _end(actor, update, [*RUNNING, Update.STUCK], "give_up_firmware", "given_up", _("It is over already."))


@transaction.atomic
def record_download(*, actor: User, upload: StationUpload) -> None:
    """Somebody takes a log with them."""
    station = upload.station
    audit.record(actor, "download_log", station, station.location.organization, {"file_name": [None, upload.file_name]})
