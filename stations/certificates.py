"""Certificates of stations: whom we believe to sign them, and whether one is good for a station now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from django.conf import settings

from stations.gateway import bulk
from stations.models import Authority, Station, StationCertificate
from stations.pki import reading
from stations.pki.reading import common_names, fingerprint

# Why a certificate is not good enough; the reasons of Knock
OTHER_STATION, EXPIRED, EARLY, REVOKED, UNTRUSTED = "other", "expired", "early", "revoked", "untrusted"
State = StationCertificate.State


class Trust:
    """Whom we believe (DER), and which of some certificates are revoked: asked once for many that come at a time.

    `own` are the fingerprints of those among them that are our own, and `issued` says by fingerprint to which station they gave it: what
    an authority of ours is said to have signed and we know nothing of is not believed."""

    def __init__(
        self,
        authorities: Iterable[bytes],
        revoked: Collection[str] = (),
        own: Collection[str] = (),
        issued: Mapping[str, str] | None = None,
    ) -> None:
        self.revoked, self.own, self.issued = revoked, own, issued or {}
        self.by_name: dict[bytes, list[x509.Certificate]] = {}
        for der in authorities:
            if (one := reading.read(der)) is not None and reading.is_authority(one):
                self.by_name.setdefault(one.subject.public_bytes(), []).append(one)

    def verdict(self, der: bytes, identity: str, at: datetime) -> str:
        """Empty where `der` proves at `at` that its owner is the station `identity`; else the reason why it does not."""
        found = reading.read(der)
        if found is None or reading.is_authority(found) or not reading.for_clients(found):
            return UNTRUSTED
        signers = [one for one in self.by_name.get(found.issuer.public_bytes(), ()) if reading.signed(der, reading.der(one))]
        if not signers:
            return UNTRUSTED
        if common_names(found) != [identity]:
            return OTHER_STATION
        print_ = fingerprint(der)
        if print_ in self.revoked:
            return REVOKED
        if any(fingerprint(reading.der(one)) in self.own for one in signers) and self.issued.get(print_) != identity:
            return UNTRUSTED
        if at < found.not_valid_before_utc:
            return EARLY
        if at > found.not_valid_after_utc or all(at > one.not_valid_after_utc for one in signers):
            return EXPIRED
        return ""


def trust(certificates: Sequence[bytes]) -> Trust:
    """For a look at these certificates; the same number of queries for many as for one."""
    found = [fingerprint(der) for der in certificates]
    rows = StationCertificate.objects.filter(fingerprint__in=found).values_list("fingerprint", "state", "station__identity").order_by()
    known = list(rows)
    kept = list(Authority.objects.filter(trusted=True).order_by().values_list("certificate", "fingerprint", "sealed_key"))
    return Trust(
        [*(reading.der(reading.kept(pem)) for pem, _print, _key in kept), *from_file()],
        {one for one, state, _identity in known if state == State.REVOKED},
        {one for _pem, one, key in kept if key},
        {one: identity for one, _state, identity in known},
    )


def authorities() -> list[bytes]:
    """The authorities (DER) whose certificates of stations we believe: those kept here, and those of OCPP_TLS_CLIENT_CA."""
    found = Authority.objects.filter(trusted=True).order_by("-created_at").values_list("certificate", flat=True)
    return [*(reading.der(reading.kept(pem)) for pem in found), *from_file()]


def from_file() -> tuple[bytes, ...]:
    file = getattr(settings, "OCPP_TLS_CLIENT_CA", "")
    return _bundle(file, _changed(file)) if file else ()


def serial_of(der: bytes) -> str:
    """The serial number, hexadecimal; empty where it cannot be read."""
    found = reading.read(der)
    return reading.serial(found) if found else ""


class Shown(NamedTuple):
    """A station has just been let in by this certificate."""

    station_id: int
    certificate: bytes  # DER
    at: datetime


def seen(shown: Sequence[Shown]) -> None:
    """Stations have come with these: they have them, so those before are replaced. One of another authority that we trust is kept from now
    on, so that its end is watched and it can be revoked. Called by the ledger; the same number of queries for all."""
    if not shown:
        return
    prints = {fingerprint(one.certificate): one for one in shown}
    known = {row.fingerprint: row for row in StationCertificate.objects.filter(fingerprint__in=prints)}
    new = _met({print_: one for print_, one in prints.items() if print_ not in known})
    StationCertificate.objects.bulk_create(new, ignore_conflicts=True)
    bulk.update(StationCertificate, ("last_used_at",), [(known[print_].pk, one.at) for print_, one in prints.items() if print_ in known])
    arrived = [row for row in known.values() if row.state in (State.SIGNED, State.REFUSED, State.UNDELIVERED)]
    bulk.update(StationCertificate, ("state", "next_try_at"), [(row.pk, State.INSTALLED, None) for row in arrived])
    if proven := [*arrived, *new]:
        replace_older({row.station_id for row in proven}, {row.fingerprint for row in proven})


def _met(shown: Mapping[str, Shown]) -> list[StationCertificate]:
    """Those, by fingerprint, that an authority kept here has signed."""
    if not shown:
        return []
    by_name: dict[bytes, list[tuple[int, bytes]]] = {}
    for pk, pem in Authority.objects.filter(trusted=True).order_by().values_list("pk", "certificate"):
        by_name.setdefault(reading.kept(pem).subject.public_bytes(), []).append((pk, reading.der(reading.kept(pem))))
    rows = []
    for print_, one in shown.items():
        found = reading.read(one.certificate)
        if found is None or len(reading.serial(found)) > 40:
            continue
        signers = by_name.get(found.issuer.public_bytes(), ())
        authority = next((pk for pk, signer in signers if reading.signed(one.certificate, signer)), None)
        if authority is not None:
            rows.append(
                StationCertificate(
                    station_id=one.station_id, authority_id=authority, state=State.INSTALLED, serial=reading.serial(found),
                    fingerprint=print_, certificate=reading.pem(found), not_before=found.not_valid_before_utc,
                    not_after=found.not_valid_after_utc, created_at=one.at, last_used_at=one.at,
                )
            )  # fmt: skip
    return rows


def replace_older(stations: Collection[int], but: Collection[str]) -> None:
    """What these stations had before is replaced by those with the fingerprints `but`. It is not revoked: who still has it may use it until
    it ends."""
    older = StationCertificate.objects.filter(
        station__in=stations, use=StationCertificate.Use.STATION, state__in=[State.INSTALLED, State.UNDELIVERED]
    )
    older.exclude(fingerprint__in=but).update(state=State.REPLACED)


def runs_on(certificate: StationCertificate, station: Station) -> bool:
    """Whether the station is connected now by this certificate."""
    return station.connected and certificate.last_used_at is not None and certificate.last_used_at == station.connected_at


def _changed(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _bundle(file: str, changed: int) -> tuple[bytes, ...]:
    try:
        return tuple(reading.der(one) for one in reading.read_pem(Path(file).read_text("ascii")))
    except (OSError, ValueError):
        return ()
