"""Every write to authorities and certificates of stations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cryptography import x509
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.commands import ask
from stations.authorities import SEALED_FOR, key_of
from stations.models import Authority, Command, InstalledCertificate, Revocation, Station, StationCertificate
from stations.ocpp.intents import AskForRequest, DeleteRoot, InstallRoot
from stations.ocpp.versions import speaker
from stations.pki import reading, signing
from tenancy import audit, sealing
from tenancy.models import Organization, User

PEM_BEGINS = "-----BEGIN CERTIFICATE-----"
LONGEST_ROOT = 5500  # characters of PEM that OCPP carries
TRUSTABLE = (Authority.Use.STATION, Authority.Use.MANUFACTURER)  # by whose certificates stations may be let in
SIGNING = (Authority.Use.STATION, Authority.Use.V2G)


def _platform() -> Organization:
    return Organization.objects.get(parent=None)


# -- authorities --------------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_authority(*, actor: User | None, name: str, use: str, kind: str, years: int) -> Authority:
    """A root of the platform's own. Its key is sealed at once and shown to nobody. The first of its use signs from now on."""
    if use not in SIGNING:
        raise ValidationError({"use": _("Only certificates of stations are signed here.")})
    _check_name(name)
    platform = _platform()
    made = signing.new_authority(name, platform.name[:64], kind, years, timezone.now())
    row = _keep(name, use, made.certificate, sealing.seal(SEALED_FOR, made.key), trusted=use == Authority.Use.STATION)
    if not Authority.objects.filter(use=use, signs=True).exists():
        row.signs = True
        row.save(update_fields=["signs"])
    audit.record(actor, "create", row, platform, {"use": [None, use], "signs": [None, row.signs]})
    return row


@transaction.atomic
def import_authority(*, actor: User | None, name: str, use: str, certificate: str, trusted: bool) -> Authority:
    """Keep the certificate of somebody else's authority: to trust what it signs (`trusted`), or to install it on stations."""
    _check_name(name)
    found = read_root(certificate)
    if trusted and use not in TRUSTABLE:
        raise ValidationError({"trusted": _("What this authority signs is not for the connection of stations.")})
    if Authority.objects.filter(fingerprint=reading.fingerprint(reading.der(found))).exists():
        raise ValidationError({"certificate": _("This authority is here already.")})
    row = _keep(name, use, found, "", trusted=trusted)
    audit.record(actor, "create", row, _platform(), {"use": [None, use], "trusted": [None, trusted]})
    return row


def read_root(text: str) -> x509.Certificate:
    """The one root in this PEM; ValidationError says what is wrong with it."""
    if "PRIVATE KEY" in text:
        raise ValidationError({"certificate": _("There is a private key in it. Only its owner may have that: give the certificate alone.")})
    found = reading.read_pem(text)
    if len(found) != 1:
        raise ValidationError({"certificate": _why_unread(text, many=bool(found))})
    if not reading.is_root(found[0]):
        raise ValidationError(
            {"certificate": _("This is not the root of an authority: a root may sign certificates and has signed itself.")}
        )
    if found[0].not_valid_after_utc <= timezone.now():
        raise ValidationError({"certificate": _("This certificate has ended, on %s.") % f"{found[0].not_valid_after_utc:%Y-%m-%d}"})
    if len(reading.pem(found[0])) > LONGEST_ROOT:
        raise ValidationError({"certificate": _("It is longer than stations can take (%d characters).") % LONGEST_ROOT})
    return found[0]


def _why_unread(text: str, *, many: bool) -> str:
    if many:
        return _("Here is more than one certificate. Give the root alone: the one that has signed itself.")
    if PEM_BEGINS in text:
        return _("This certificate is cut off or damaged. Paste it whole, down to the line “-----END CERTIFICATE-----”.")
    return _("This is no certificate in PEM form: it begins with “%s”.") % PEM_BEGINS


def _check_name(name: str) -> None:
    if Authority.objects.filter(name=name).exists():
        raise ValidationError({"name": _("An authority with this name is here already.")})


def _keep(name: str, use: str, certificate: x509.Certificate, sealed: str, *, trusted: bool) -> Authority:
    return Authority.objects.create(
        name=name, use=use, certificate=reading.pem(certificate), fingerprint=reading.fingerprint(reading.der(certificate)),
        sealed_key=sealed, not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc, trusted=trusted,
    )  # fmt: skip


def why_not_signing(authority: Authority) -> str:
    """Why it cannot be the one that signs; empty when it can."""
    if not authority.own or authority.use not in SIGNING:
        return _("Its key is not here, so it can sign nothing.")
    if authority.not_after <= timezone.now():
        return _("It has ended.")
    if key_of(authority) is None:
        return _("Its key cannot be read any more: the portal's SECRET_KEY is another one now. Create a new authority.")
    return ""


@transaction.atomic
def let_authority_sign(*, actor: User | None, authority: Authority) -> Authority:
    """It signs new certificates from now on, and the one before no longer does. What that one has signed stays good."""
    if reason := why_not_signing(authority):
        raise ValidationError(reason)
    if authority.signs:
        return authority
    Authority.objects.filter(use=authority.use, signs=True).update(signs=False)
    authority.signs = True
    authority.trusted = authority.trusted or authority.use == Authority.Use.STATION
    authority.save(update_fields=["signs", "trusted"])
    audit.record(actor, "edit", authority, _platform(), {"signs": [False, True]})
    return authority


@transaction.atomic
def trust_authority(*, actor: User | None, authority: Authority, trusted: bool) -> Authority:
    """Stations are let in with what it signed, or no longer: those that are connected by it are disconnected then."""
    if authority.use not in TRUSTABLE and trusted:
        raise ValidationError(_("What this authority signs is not for the connection of stations."))
    if not trusted and authority.signs:
        raise ValidationError(_("It signs new certificates now. Let another one sign first."))
    if authority.trusted == trusted:
        return authority
    authority.trusted = trusted
    authority.save(update_fields=["trusted"])
    audit.record(actor, "edit", authority, _platform(), {"trusted": [not trusted, trusted]})
    if not trusted:
        used = StationCertificate.objects.filter(authority=authority, station__connected=True).exclude(last_used_at=None)
        for row in used.select_related("station"):
            _disconnect(row)
    return authority


def why_authority_stays(authority: Authority) -> str:
    """Why it cannot be deleted; empty when it can."""
    if authority.signs:
        return _("It signs new certificates.")
    if authority.certificates.exists() or authority.revocations.exists():
        return _("It has signed certificates of stations. Trust it no longer instead: what it signed stays in the lists.")
    return ""


@transaction.atomic
def delete_authority(*, actor: User | None, authority: Authority) -> None:
    if reason := why_authority_stays(authority):
        raise ValidationError(reason)
    audit.record(actor, "delete", authority, _platform())
    authority.delete()


# -- certificates of stations -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def ask_for_certificate(*, actor: User | None, station: Station, use: str = StationCertificate.Use.STATION) -> Command:
    """Ask the station for a CSR. What it sends is signed and delivered by the clock. CommandRefused where it cannot be asked."""
    return ask(actor=actor, station=station, intent=AskForRequest(use))


@transaction.atomic
def revoke_certificate(*, actor: User | None, certificate: StationCertificate, reason: str, comment: str = "") -> StationCertificate:
    """Its station is not let in by it any more; a connection by it is closed. Cannot be undone."""
    if reason not in Revocation.Reason.values:
        raise ValidationError({"reason": _("Choose one of the reasons.")})
    states, now = StationCertificate.State, timezone.now()
    taken = StationCertificate.objects.filter(pk=certificate.pk).exclude(state=states.REVOKED)
    said = f"{Revocation.Reason(reason).label}. {comment}".strip()[:200]
    if not taken.update(state=states.REVOKED, revoked_at=now, revoked_because=said, next_try_at=None):
        raise ValidationError(_("It is revoked already."))
    _list_as_revoked([certificate], reason)
    station = certificate.station
    audit.record(actor, "revoke_certificate", station, station.location.organization, {
        "serial": [certificate.serial, None], "reason": [None, said],
    })  # fmt: skip
    _disconnect(certificate)
    nudges.stations_changed(station.pk)
    certificate.refresh_from_db(fields=["state", "revoked_at", "revoked_because"])
    return certificate


def _list_as_revoked(certificates: Sequence[StationCertificate], reason: str) -> None:
    """In the lists of those authorities whose key is here."""
    now, own = timezone.now(), [row for row in certificates if row.authority.own]
    Revocation.objects.bulk_create(
        [Revocation(authority=row.authority, serial=row.serial, at=now, reason=reason, not_after=row.not_after) for row in own],
        ignore_conflicts=True,
    )


def revoke_all_of(stations: Collection[Station]) -> None:
    """These stations are about to be deleted: what was signed for them is good no longer. Part of what deletes them."""
    rows = StationCertificate.objects.filter(station__in=stations, not_after__gt=timezone.now()).exclude(
        state=StationCertificate.State.REVOKED
    )
    _list_as_revoked(list(rows.select_related("authority")), Revocation.Reason.ENDED)


def _disconnect(certificate: StationCertificate) -> None:
    station = certificate.station
    if station.connected and certificate.last_used_at is not None and certificate.last_used_at == station.connected_at:
        nudges.close_station(station.pk)


# -- what stations trust ------------------------------------------------------------------------------------------------------------------


@transaction.atomic
def read_installed(*, actor: User | None, station: Station) -> list[Command]:
    """Ask the station what certificates it has."""
    return [ask(actor=actor, station=station, intent=intent) for intent in speaker(station.ocpp_version).reading_roots()]


@transaction.atomic
def install_root(*, actor: User | None, station: Station, use: str, certificate: str) -> Command:
    """Have the station trust this root. ValidationError where it is none."""
    return ask(actor=actor, station=station, intent=InstallRoot(use, reading.pem(read_root(certificate))))


@transaction.atomic
def delete_root(*, actor: User | None, root: InstalledCertificate) -> Command:
    intent = DeleteRoot(root.algorithm, root.name_hash, root.key_hash, root.serial)
    return ask(actor=actor, station=root.station, intent=intent)
