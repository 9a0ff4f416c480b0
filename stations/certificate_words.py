"""Certificates in plain words: what became of one, why a request was refused, what is wrong with those of a station."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import explain
from stations.models import Authority, CertificateRequest, InstalledCertificate, SecurityProfile, Station, StationCertificate
from stations.pki import reading, requests, signing
from stations.pki.signing import HashData

Text = str | Promise
State = StationCertificate.State


LOOKED_AT = 20  # of the newest of a station


class Look(NamedTuple):
    """`state` is one of the six."""

    state: str
    word: Text
    sentence: Text = ""


def soon() -> timedelta:
    """From when on a certificate ends soon."""
    return timedelta(days=settings.CERTIFICATE_RENEW_DAYS)


def ends(not_after: datetime, now: datetime) -> str:
    """When it ends, in words."""
    days = (not_after - now).days
    if days > 3 * 365:
        return _("%d years left") % (days // 365)
    if not_after <= now:
        return ngettext("ended %d day ago", "ended %d days ago", -days) % -days
    return ngettext("%d day left", "%d days left", days) % days


def look(certificate: StationCertificate, now: datetime) -> Look:
    match certificate.state:
        case State.SIGNED:
            if times := certificate.tries:
                sent = ngettext("Sent %d time, not taken yet.", "Sent %d times, not taken yet.", times)
                return Look(explain.BUSY, _("On its way"), sent % times)
            return Look(explain.BUSY, _("On its way"), _("Signed. It is sent as soon as the station is connected."))
        case State.REFUSED:
            return Look(explain.FAULT, _("Refused"), _("The station did not want it, or can take none. It goes on with the one it had."))
        case State.UNDELIVERED:
            return Look(explain.FAULT, _("Not delivered"), _("The station did not take it in several tries. Ask for a new one."))
        case State.REPLACED:
            return Look(explain.OFF, _("Replaced"), _("The station has a newer one. Until it ends this one lets it in too."))
        case State.REVOKED:
            return Look(explain.OFF, _("Revoked"), certificate.revoked_because)
    if certificate.not_after <= now:
        return Look(
            explain.FAULT,
            _("Ended"),
            _("It lets nobody in. Lower the security profile, so that the station connects by its password; then ask for a new one."),
        )
    if certificate.not_after <= now + soon():
        if not certificate.authority.own and not certificate.renewals:
            return Look(explain.WAITING, _("Ends soon"), _("It is not signed here, so the portal cannot be sure that it gets another."))
        asked = ngettext(
            "The station was asked for a new one %d time.", "The station was asked for a new one %d times.", certificate.renewals
        )
        return Look(
            explain.WAITING, _("Ends soon"), asked % certificate.renewals if certificate.renewals else _("It will be asked for a new one.")
        )
    return Look(explain.AVAILABLE, _("In force"), _("The station has it."))


REASONS: dict[str, Text] = {
    requests.UNREADABLE: lazy("What the station sent is no request for a certificate (CSR, PEM)."),
    requests.SIGNATURE: lazy("It is not signed by the key it is about, or was changed on its way."),
    requests.WEAK: lazy("Its key is too weak. RSA needs 2048 bits, elliptic curves 256."),
    requests.KIND: lazy("Its key is neither RSA nor on one of the elliptic curves of TLS: P-256, P-384 and P-521."),
    requests.NAME: lazy(
        "It is made out to another name. Its common name (CN) must be the id by which the station connects: change one of the two, mostly "
        "the station's serial number or its id in its own settings."
    ),
    requests.NO_AUTHORITY: lazy("No authority of the platform signs certificates of stations. Its administrators can create one."),
    requests.NO_V2G: lazy("It is for plug and charge, and no authority of the platform signs those."),
}


def refused(request: CertificateRequest) -> str:
    """Why it was not signed."""
    said = str(REASONS.get(request.reason, request.reason))
    return f"{said} ({request.detail})" if request.detail else said


def request_look(request: CertificateRequest) -> Look:
    states = CertificateRequest.State
    match request.state:
        case states.WAITING:
            return Look(explain.BUSY, _("Waits"), _("It is signed within seconds."))
        case states.REFUSED:
            return Look(explain.FAULT, _("Refused"), refused(request))
        case states.REPLACED:
            return Look(explain.OFF, _("Replaced"), _("The station has sent a newer one."))
    return Look(explain.AVAILABLE, _("Signed"), "")


# -- what a station trusts ----------------------------------------------------------------------------------------------------------------


def recognized(row: InstalledCertificate, authorities: Sequence[Authority]) -> Authority | None:
    """The authority kept here whose certificate that is; None where it is of somebody else."""
    if row.algorithm not in signing.HASHES:
        return None
    told = HashData(row.algorithm, row.name_hash, row.key_hash, row.serial).folded
    for one in authorities:
        root = reading.kept(one.certificate)
        if signing.hash_data(root, root, row.algorithm).folded == told:
            return one
    return None


def locked_out(station: Station, certificates: Sequence[StationCertificate], now: datetime) -> str:
    """Where a station is away that must show a certificate and has none any more by which it gets in: that, and what to do. Of those that
    were signed by an authority of a file nothing is known here."""
    own = [one for one in certificates if one.use == StationCertificate.Use.STATION]
    if station.connected or station.security_profile != SecurityProfile.CERTIFICATE or not own:
        return ""
    if any(
        one.not_after > now and (one.state in (State.INSTALLED, State.REPLACED) or (one.state == State.SIGNED and one.tries)) for one in own
    ):
        return ""
    if any(one.state == State.REVOKED for one in own):
        said = _("Its certificate is revoked, and it has no other:")
    elif any(one.state == State.INSTALLED for one in own):
        said = _("Its certificate has ended, and it has no other:")
    else:
        return ""
    return f"{said} " + _(
        "profile 3 is demanded, so it cannot get in, and cannot be asked for a new one. Have a certificate put on it at the station "
        "itself; or have the administrators of the platform demand less of it, under Security, so that it connects by its password."
    )


def warning(station: Station, certificates: Sequence[StationCertificate], now: datetime) -> tuple[str, str] | None:
    """(state, sentence) of what is wrong with the certificates that a station has; None where nothing is."""
    if said := locked_out(station, certificates, now):
        return explain.FAULT, said
    own = [one for one in certificates if one.state == State.INSTALLED and one.use == StationCertificate.Use.STATION]
    if not own:
        return None
    last = max(own, key=lambda one: one.not_after)
    if last.not_after > now + soon():
        return None
    if last.not_after <= now:
        return explain.FAULT, _("Its certificate has ended: the station is not let in with it any more.")
    return explain.WAITING, _("Its certificate ends soon: %s.") % ends(last.not_after, now)


def warning_of(station: Station, now: datetime) -> tuple[str, str] | None:
    """The same, read in one query."""
    rows = StationCertificate.objects.filter(station=station, use=StationCertificate.Use.STATION).order_by("-created_at", "-pk")
    return warning(station, list(rows.only("state", "use", "not_after", "tries")[:LOOKED_AT]), now)
