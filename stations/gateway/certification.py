"""Certificates of stations on the wire: what they ask to have signed, and what their answers to us mean. Called by the ledger.

Nothing is signed here: a request that may be is kept, and stations.certificate_jobs takes it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count

from stations import certificates
from stations.gateway.entries import Consequence, Entry, Handler, Received
from stations.models import Authority, CertificateRequest, Command, InstalledCertificate, SecurityEvent, Station, StationCertificate
from stations.ocpp import intents
from stations.ocpp.events import CertificateWanted
from stations.ocpp.intents import DeleteRoot, GiveCertificate, Installed, InstallRoot, ReadRoots
from stations.ocpp.replies import Answer, Reply
from stations.ocpp.versions import speaker
from stations.pki import reading, requests, signing
from stations.pki.requests import Refused

MOST_AN_HOUR = 10  # requests of a station that are looked at
TOO_OFTEN = "TooManyRequests"
# Our own event beside those of the standard
REQUEST_REFUSED = "CertificateRequestRefused"
SIGNED_BY: dict[str, str] = {StationCertificate.Use.STATION: Authority.Use.STATION, StationCertificate.Use.V2G: Authority.Use.V2G}
State = CertificateRequest.State


def _wanted(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """SignCertificate: 1.6 whitepaper §4.2, 2.0.1 A02 and A03."""
    keys = {entry.state.station_id for entry in entries}
    identities = dict(Station.objects.filter(pk__in=keys).order_by().values_list("pk", "identity"))
    since = min(entry.at for entry in entries) - timedelta(hours=1)
    lately = CertificateRequest.objects.filter(station__in=keys, at__gt=since).order_by().values_list("station").annotate(Count("pk"))
    counted = dict(lately)
    signers = set(Authority.objects.filter(signs=True).order_by().values_list("use", flat=True))
    answers: dict[Entry, Reply | str] = {}
    rows: list[CertificateRequest] = []
    for entry in entries:
        event, pk = entry.event, entry.state.station_id
        assert isinstance(event, CertificateWanted)
        counted[pk] = counted.get(pk, 0) + 1
        if counted[pk] > MOST_AN_HOUR or pk not in identities:
            answers[entry] = Answer("Rejected", TOO_OFTEN)
            continue
        refused = _refusal(event, identities[pk], signers)
        row = CertificateRequest(station_id=pk, at=entry.at, use=event.use)
        if refused:
            row.state, row.reason, row.detail = State.REFUSED, refused.reason, refused.detail[:200]
            answers[entry] = Answer("Rejected", WORDS.get(refused.reason, "CSRError"))
        else:
            row.state, row.csr = State.WAITING, event.csr
            answers[entry] = Answer("Accepted")
        rows.append(row)
        changed.add(pk)
    _keep(rows)
    return answers


# StatusInfoType.reasonCode of 2.0.1
WORDS = {
    requests.UNREADABLE: "InvalidCSR", requests.SIGNATURE: "InvalidCSR", requests.WEAK: "InvalidKey", requests.KIND: "InvalidKey",
    requests.NAME: "InvalidCommonName", requests.NO_AUTHORITY: "NoAuthority", requests.NO_V2G: "UnsupportedRequest",
}  # fmt: skip


def _refusal(event: CertificateWanted, identity: str, signers: set[str]) -> Refused | None:
    use = event.use or StationCertificate.Use.STATION
    if SIGNED_BY.get(use) not in signers:  # also what nobody signs here: V2G20Certificate of 2.1
        return Refused(requests.NO_AUTHORITY if use == StationCertificate.Use.STATION else requests.NO_V2G)
    return requests.refusal(requests.read(event.csr), identity)


def _keep(rows: list[CertificateRequest]) -> None:
    """The newest request of a station and use is the one that counts."""
    if not rows:
        return
    fresh = {(row.station_id, row.use): row for row in rows if row.state == State.WAITING}
    if fresh:
        stations = {station for station, _use in fresh}
        old = CertificateRequest.objects.filter(station__in=stations, state=State.WAITING).values_list("pk", "station_id", "use")
        over = [pk for pk, station, use in old if (station, use) in fresh]
        CertificateRequest.objects.filter(pk__in=over).update(state=State.REPLACED, csr="")
    for row in rows:
        if row.state == State.WAITING and fresh[(row.station_id, row.use)] is not row:
            row.state, row.csr = State.REPLACED, ""
    CertificateRequest.objects.bulk_create(rows)
    refused = [row for row in rows if row.state == State.REFUSED]
    SecurityEvent.objects.bulk_create(
        [
            SecurityEvent(
                station_id=row.station_id, at=row.at, received_at=row.at, type=REQUEST_REFUSED, info=f"{row.reason} {row.detail}".strip()
            )
            for row in refused
        ]
    )


def forget_old() -> int:
    """Of each station the newest requests stay. Called by the clock."""
    gone = 0
    many = (
        CertificateRequest.objects.order_by().values_list("station").annotate(count=Count("pk")).filter(count__gt=CertificateRequest.MOST)
    )
    for station, _count in many[:500]:
        keys = (
            CertificateRequest.objects.filter(station=station)
            .exclude(state=State.WAITING)
            .order_by("-at", "-pk")
            .values_list("pk", flat=True)
        )
        gone += CertificateRequest.objects.filter(pk__in=list(keys[CertificateRequest.MOST :])).delete()[0]
    return gone


HANDLERS: dict[type[Any], Handler] = {CertificateWanted: _wanted}


# -- what stations answer -----------------------------------------------------------------------------------------------------------------


def _given(command: Command, wanted: GiveCertificate, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """What was signed for it has reached the station, or it does not want it."""
    states = StationCertificate.State
    row = StationCertificate.objects.filter(command=command, station=command.station_id).first()
    if row is None or row.state not in (states.SIGNED, states.UNDELIVERED):
        return
    accepted = outcome == intents.ACCEPTED
    state = states.INSTALLED if accepted else states.REFUSED
    StationCertificate.objects.filter(pk=row.pk).update(state=state, next_try_at=None)
    if accepted and row.use == StationCertificate.Use.STATION:
        certificates.replace_older({row.station_id}, {row.fingerprint})


def not_known(command: Command) -> None:
    """It knows no such message: what was signed for it can never reach it."""
    signed = StationCertificate.objects.filter(command=command, station=command.station_id, state=StationCertificate.State.SIGNED)
    signed.update(state=StationCertificate.State.REFUSED, next_try_at=None)


def _installed(command: Command, wanted: InstallRoot, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    found = reading.read_pem(wanted.certificate)
    if outcome != intents.ACCEPTED or not found:
        return
    hashes = signing.hash_data(found[0], found[0], "SHA256")
    rows = InstalledCertificate.objects.filter(station=command.station_id)
    if not any(hashes_of(row) == hashes for row in rows.filter(use=wanted.use)) and rows.count() < InstalledCertificate.MOST:
        root = DeleteRoot(*hashes)
        InstalledCertificate.objects.create(**_fields(command.station_id, Installed(wanted.use, root), at))


def _read(command: Command, wanted: ReadRoots, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    known = InstalledCertificate.Use.values
    if outcome == intents.ACCEPTED:
        told = [one for one in speaker(command.version).installed(wanted, answer) if one.use in known]
    elif answer.get("status") == "NotFound":
        told = []
    else:
        return
    rows = InstalledCertificate.objects.filter(station=command.station_id)
    (rows.filter(use__in=wanted.uses) if wanted.uses else rows).delete()
    room = InstalledCertificate.MOST - rows.count()
    InstalledCertificate.objects.bulk_create([InstalledCertificate(**_fields(command.station_id, one, at)) for one in told[: max(0, room)]])


def _deleted(command: Command, wanted: DeleteRoot, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    if outcome != intents.ACCEPTED and answer.get("status") != "NotFound":
        return
    hashes = signing.HashData(*wanted).folded
    rows = InstalledCertificate.objects.filter(station=command.station_id)
    rows.filter(pk__in=[row.pk for row in rows if hashes_of(row) == hashes]).delete()


def hashes_of(row: InstalledCertificate) -> signing.HashData:
    """As they are compared."""
    return signing.HashData(row.algorithm, row.name_hash, row.key_hash, row.serial).folded


def _fields(station: int, told: Installed, at: datetime) -> dict[str, Any]:
    root = told.root
    return {
        "station_id": station, "use": told.use, "below": told.below, "algorithm": root.algorithm, "name_hash": root.name_hash,
        "key_hash": root.key_hash, "serial": root.serial, "told_at": at,
    }  # fmt: skip


CONSEQUENCES: dict[type[Any], Consequence] = {
    GiveCertificate: _given, InstallRoot: _installed, ReadRoots: _read, DeleteRoot: _deleted,
}  # fmt: skip
