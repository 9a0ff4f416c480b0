"""Every write to how stations prove who they are."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import addresses, credentials, nudges
from stations.actions.commands import ask
from stations.models import BulkItem, Command, SecurityChange, SecurityProfile, Station, StationCertificate
from stations.ocpp import masking
from stations.ocpp.intents import Configure
from stations.ocpp.versions import speaker
from stations.security_changes import DEADLINE
from tenancy import audit
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, at_platform


def why_not_profile(actor: User | None, station: Station, profile: int) -> str:
    """Why `actor` may not demand this profile of the station; empty when they may."""
    if profile > station.security_profile:
        return why_no_tls(station, actor) if profile >= SecurityProfile.TLS else ""
    if profile == station.security_profile or actor is None or at_platform(actor, MANAGE_STATIONS):
        return ""
    if profile == SecurityProfile.NONE:
        return _("Without a password anybody could speak for the station. Only the administrators of the platform can allow that.")
    less = _("With less than profile %d it is easier to speak for the station. Only the administrators of the platform can allow that.")
    return less % station.security_profile


def why_no_tls(station: Station, actor: User | None = None) -> str:
    """Why the station can come with neither profile 2 nor 3; empty where it finds the portal with TLS."""
    if addresses.tls_url(station) or (station.connected and station.connected_tls):
        return ""
    if actor is not None and at_platform(actor, MANAGE_STATIONS):
        return _("This portal has no TLS for stations yet. Set it up where the portal is installed: OCPP_TLS_PORT, or a proxy with HTTPS.")
    return _("This portal has no TLS for stations yet. Ask the operator of the platform for it.")


@transaction.atomic
def demand_security_profile(*, actor: User | None, station: Station, profile: int) -> Station:
    """With less the station is not let in any more, from its next connection on; one that is connected with less is disconnected."""
    if profile not in SecurityProfile.values:
        raise ValidationError({"profile": _("Choose one of the profiles.")})
    if reason := why_not_profile(actor, station, profile):
        raise ValidationError({"profile": reason})
    before = station.security_profile
    if before == profile:
        return station
    station.security_profile = profile
    station.open_since, station.open_by = (timezone.now(), actor) if profile == SecurityProfile.NONE else (None, None)
    station.save(update_fields=["security_profile", "open_since", "open_by"])
    audit.record(actor, "demand_security_profile", station, station.location.organization, {"security_profile": [before, profile]})
    if station.connected and (station.connected_profile or 0) < profile:
        nudges.close_station(station.pk)
    nudges.stations_changed(station.pk)
    return station


def why_not_raised(station: Station, profile: int, actor: User | None = None) -> str:
    """Why the portal cannot raise the station to this profile; empty when it can be tried."""
    now = max(station.security_profile, station.connected_profile or 0)
    if profile not in (SecurityProfile.TLS, SecurityProfile.CERTIFICATE) or profile <= now:
        return _("A profile can only be raised from here, to 2 or 3. Lowering is done at the station itself: the standard forbids it.")
    if SecurityChange.objects.filter(station=station, kind=SecurityChange.Kind.PROFILE, ended_at=None).exists():
        return _("A change of its profile is under way. Cancel that first.")
    if not addresses.tls_url(station):
        return why_no_tls(station, actor) or _("Nobody has told by which address stations find TLS here: OCPP_TLS_URL.")
    if profile == SecurityProfile.CERTIFICATE and not has_certificate(station) and not settings.OCPP_TLS_CLIENT_CA:
        return _("No certificate of it is known with which it could come back. Have one signed for it first.")
    if not station.connected:
        return _("%s is not connected, so it cannot be asked anything now.") % station
    return ""


def has_certificate(station: Station) -> bool:
    """Whether it has one that we have signed, or met, and that is good now."""
    good = StationCertificate.objects.filter(
        station=station, use=StationCertificate.Use.STATION, state=StationCertificate.State.INSTALLED, not_after__gt=timezone.now()
    )
    return good.filter(authority__trusted=True).exists()


@transaction.atomic
def raise_security_profile(*, actor: User | None, station: Station, profile: int) -> SecurityChange:
    """Tell the station to connect with a higher profile. Until it has, it is let in by the old one too; after the deadline the old one
    stays in force. The clock takes the first step."""
    if reason := why_not_raised(station, profile, actor):
        raise ValidationError(reason)
    now = timezone.now()
    change = SecurityChange.objects.create(
        station=station, kind=SecurityChange.Kind.PROFILE, profile=profile, actor=actor, created_at=now, deadline=now + DEADLINE
    )
    audit.record(actor, "begin_security_profile", station, station.location.organization, {"security_profile": [None, profile]})
    nudges.stations_changed(station.pk)
    return change


@transaction.atomic
def send_new_password(*, actor: User | None, station: Station, item: BulkItem | None = None) -> Command:
    """Give the station a new password over its connection. Nobody sees it. The old one counts until the station comes with the new one
    (see SecurityChange). CommandRefused where it cannot be asked."""
    version = speaker(station.ocpp_version)
    intent = Configure(version.PASSWORD_KEY, credentials.generate_key() if version.PASSWORD_IS_HEX else credentials.generate_password())
    command = ask(actor=actor, station=station, intent=intent, item=item)
    SecurityChange.objects.create(
        station=station, kind=SecurityChange.Kind.PASSWORD, command=command, actor=actor, deadline=timezone.now() + DEADLINE
    )
    return command


@transaction.atomic
def cancel_security_change(*, actor: User | None, change: SecurityChange) -> None:
    """The portal waits no longer: only what was in force before counts. What the station was told already it keeps."""
    if change.ended_at is not None:
        return
    if change.command:
        waiting = Command.objects.filter(pk=change.command.pk, state=Command.State.QUEUED)
        waiting.update(state=Command.State.EXPIRED, payload=masking.without_secrets(change.command.action, change.command.payload))
    change.state, change.ended_at, change.password_digest = SecurityChange.State.FAILED, timezone.now(), ""
    change.note = _("Cancelled.")
    change.save(update_fields=["state", "ended_at", "password_digest", "note"])
    station = change.station
    audit.record(actor, "cancel_security_change", station, station.location.organization, {"what": [change.get_kind_display(), None]})
    nudges.stations_changed(station.pk)
