"""Certificates of stations on their way: requests are signed, what was signed is delivered, and what ends soon is asked for anew.

Called by the clock. What is asked of a station are commands of the durable queue; what was not delivered is tried again, later each time.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from stations import addresses, authorities, nudges
from stations.actions.commands import CommandRefused, ask
from stations.gateway.certification import SIGNED_BY, forget_old
from stations.models import Authority, CertificateRequest, Command, StationCertificate
from stations.ocpp.intents import AskForRequest, GiveCertificate
from stations.pki import reading, requests, signing

log = logging.getLogger("stations.certificates")

Use, State = StationCertificate.Use, StationCertificate.State
ORIGIN = "certificates"
AT_ONCE = 100
# After each try to deliver, until the next; after the last it is given up
PAUSES = (timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# After each time a new one was asked for, until the next
RENEWALS = (timedelta(hours=6), timedelta(days=1), timedelta(days=3))
SETTLED = timedelta(minutes=15)  # connected for so long before it is asked for anything


def advance() -> int:
    """Sign what waits, and deliver what is due; returns how many were moved on."""
    return sign_waiting() + deliver_due()


def sign_waiting() -> int:
    now = timezone.now()
    keys = list(
        CertificateRequest.objects.filter(state=CertificateRequest.State.WAITING).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    )
    if not keys:
        return 0
    signers = {row.use: row for row in Authority.objects.filter(signs=True)}
    for pk in keys:
        with transaction.atomic():
            row = CertificateRequest.objects.select_related("station").get(pk=pk)
            done = _sign(row, signers, now)
            left = CertificateRequest.objects.filter(pk=pk, state=CertificateRequest.State.WAITING)
            if not left.update(state=done.state, reason=done.reason, detail=done.detail, csr=""):
                transaction.set_rollback(True)  # a newer request has replaced it meanwhile
            else:
                nudges.stations_changed(row.station_id)
    return len(keys)


def _sign(row: CertificateRequest, signers: dict[str, Authority], now: datetime) -> CertificateRequest:
    """Make a certificate of it, to be delivered at once; or say why that cannot be."""
    use = Use(row.use or Use.STATION)
    authority, csr = signers.get(SIGNED_BY[use]), requests.read(row.csr)
    refused = requests.refusal(csr, row.station.identity)
    key = authorities.key_of(authority) if authority else None
    if refused is None and (authority is None or key is None or authority.not_after <= now + timedelta(days=1)):
        refused = requests.Refused(requests.NO_V2G if use == Use.V2G else requests.NO_AUTHORITY)
    if refused or authority is None or key is None or csr is None:
        row.state, row.reason, row.detail = (
            CertificateRequest.State.REFUSED,
            refused.reason if refused else "",
            refused.detail if refused else "",
        )
        return row
    made = signing.sign_station(
        csr, row.station.identity, reading.kept(authority.certificate), key, settings.CERTIFICATE_DAYS, now,
        crl_url=addresses.crl_url(row.station, authority.fingerprint), for_cars=use == Use.V2G,
    )  # fmt: skip
    # What was signed before and never arrived is not waited for any more
    StationCertificate.objects.filter(station=row.station, use=use, state=State.SIGNED).update(state=State.UNDELIVERED, next_try_at=None)
    StationCertificate.objects.create(
        station=row.station, use=use, asked_use=row.use, state=State.SIGNED, authority=authority, serial=reading.serial(made),
        fingerprint=reading.fingerprint(reading.der(made)), certificate=reading.pem(made), not_before=made.not_valid_before_utc,
        not_after=made.not_valid_after_utc, created_at=now, next_try_at=now,
    )  # fmt: skip
    row.state = CertificateRequest.State.SIGNED
    return row


def deliver_due() -> int:
    """Those of stations that are connected: being away costs no try."""
    now = timezone.now()
    due = StationCertificate.objects.filter(state=State.SIGNED, next_try_at__lte=now)
    waiting = due.filter(station__connected=True, station__active=True).exclude(command__state__in=Command.OPEN)
    rows = list(waiting.select_related("station__location__organization").order_by("next_try_at", "pk")[:AT_ONCE])
    for row in rows:
        with transaction.atomic():
            _deliver(row, now)
    return len(rows)


def _deliver(row: StationCertificate, now: datetime) -> None:
    left = StationCertificate.objects.filter(pk=row.pk, state=State.SIGNED)
    if row.tries >= len(PAUSES) or row.not_after <= now:
        left.update(state=State.UNDELIVERED, next_try_at=None)
        nudges.stations_changed(row.station_id)
        return
    try:
        sent = ask(actor=None, station=row.station, intent=GiveCertificate(row.certificate, row.asked_use), origin=ORIGIN, recorded=False)
    except CommandRefused as refusal:
        if refusal.code == "invalid":
            log.warning("a certificate cannot be sent to station %s: %s", row.station_id, refusal)
            left.update(state=State.UNDELIVERED, next_try_at=None)
        else:
            left.update(next_try_at=now + timedelta(minutes=1))
        return
    left.update(command=sent, tries=row.tries + 1, next_try_at=now + PAUSES[row.tries])


# -- what ends soon -----------------------------------------------------------------------------------------------------------------------


def ending(rows: QuerySet[StationCertificate], now: datetime) -> QuerySet[StationCertificate]:
    """Those among `rows` that stations have, and that have ended or end within CERTIFICATE_RENEW_DAYS."""
    return rows.filter(state=State.INSTALLED, not_after__lt=now + timedelta(days=settings.CERTIFICATE_RENEW_DAYS))


def renew() -> int:
    """Ask stations for a CSR before their certificates end: those that have been connected for a while, and again where nothing came of it.
    Returns how many were asked."""
    now = timezone.now()
    if not Authority.objects.filter(signs=True, use=Authority.Use.STATION, not_after__gt=now).exists():
        return 0
    rows = ending(StationCertificate.objects.filter(use=Use.STATION), now)
    rows = rows.filter(Q(renew_at=None) | Q(renew_at__lte=now), station__connected=True, station__active=True)
    rows = rows.filter(station__connected_at__lte=now - SETTLED)
    under_way = StationCertificate.objects.filter(use=Use.STATION, state=State.SIGNED).values("station")
    waiting = CertificateRequest.objects.filter(state=CertificateRequest.State.WAITING).values("station")
    asked = 0
    rows = rows.exclude(station__in=under_way).exclude(station__in=waiting)
    for row in rows.select_related("station__location__organization").order_by("not_after", "pk")[:AT_ONCE]:
        with transaction.atomic():
            pause = RENEWALS[min(row.renewals, len(RENEWALS) - 1)]
            StationCertificate.objects.filter(pk=row.pk).update(renewals=row.renewals + 1, renew_at=now + pause)
            try:
                ask(actor=None, station=row.station, intent=AskForRequest(), origin=ORIGIN, recorded=False)
                asked += 1
            except CommandRefused as refusal:
                log.info("station %s was not asked for a new certificate: %s", row.station_id, refusal)
    return asked


def tidy() -> int:
    return forget_old()
