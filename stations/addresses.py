"""Addresses at which stations fetch firmware and leave logs: short-lived, signed, each for one row. They need no login.

A station is sent to the scheme and host by which it reached the portal, so one that knows no TLS is not sent to https://.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http.request import split_domain_port, validate_host

from stations.models import FirmwareUpdate, Station, StationUpload

PREFIX = "/station-files/"
FIRMWARE, LOGS = f"{PREFIX}firmware/", f"{PREFIX}logs/"
CRLS = "/certificates/"
LONGEST = timedelta(days=31)  # of any address, whatever its row says
FETCHED_UNTIL = timedelta(hours=6)  # after the window's end a download that began in it may still be going on

# Also what failed or is stuck: stations try again by themselves, and slow ones take their time
FETCHES = (
    *(state for state in FirmwareUpdate.OPEN if state != FirmwareUpdate.State.PLANNED), FirmwareUpdate.State.FAILED,
    FirmwareUpdate.State.STUCK,
)  # fmt: skip
TAKES = (*StationUpload.OPEN, StationUpload.State.FAILED)


def origin_of(scope: dict[str, Any]) -> str:
    """Scheme and host, for HTTP, of the address by which whoever is behind this ASGI scope reached us; empty where that is not ours."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"x-forwarded-proto")}
    host = headers.get(b"host", "")
    if not host or len(host) > 250 or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return ""
    secure = scope.get("scheme") in ("wss", "https")
    if settings.TRUSTED_PROXIES:
        told = headers.get(b"x-forwarded-proto", "").strip().lower()
        secure = told in ("https", "wss") if told else secure or settings.HTTPS
    return f"{'https' if secure else 'http'}://{host}"


def base_of(station: Station) -> str:
    if settings.STATION_FILES_URL or station.origin:
        return str(settings.STATION_FILES_URL or station.origin)
    host = next((name for name in settings.ALLOWED_HOSTS if name.strip("*.")), "localhost").lstrip(".")
    return f"{'https' if settings.HTTPS else 'http'}://{host}"


def tls_url(station: Station) -> str:
    """Where the station finds us with TLS, up to the slash before its id; empty where it finds us nowhere so."""
    if settings.OCPP_TLS_URL:
        return f"{settings.OCPP_TLS_URL}/ocpp/"
    host = urlsplit(base_of(station)).netloc
    if settings.HTTPS or station.origin.startswith("https://"):
        return f"wss://{host}/ocpp/"
    return f"wss://{split_domain_port(host)[0]}:{settings.OCPP_TLS_PORT}/ocpp/" if settings.OCPP_TLS_PORT else ""


def crl_url(station: Station, fingerprint: str) -> str:
    """Where the list of certificates is that the authority with this fingerprint has revoked."""
    return f"{base_of(station)}{CRLS}{fingerprint}.crl"


def _signer(salt: str) -> TimestampSigner:
    return TimestampSigner(salt=f"stations.{salt}", sep=".")


def _key(salt: str, token: str) -> int | None:
    try:
        return int(_signer(salt).unsign(token, max_age=LONGEST)) if len(token) < 200 else None
    except (BadSignature, ValueError):
        return None


def firmware_url(update: FirmwareUpdate) -> str:
    """The name of the file stands at the end: some stations go by it."""
    token = _signer("firmware").sign(str(update.pk))
    return f"{base_of(update.station)}{FIRMWARE}{token}/{quote(update.firmware.file_name, safe='')}"


def upload_url(upload: StationUpload) -> str:
    return f"{base_of(upload.station)}{LOGS}{_signer('logs').sign(str(upload.pk))}"


def update_of(token: str, now: datetime) -> FirmwareUpdate | None:
    """The update whose firmware may be fetched with `token` now."""
    key = _key("firmware", token)
    if key is None:
        return None
    rows = FirmwareUpdate.objects.filter(pk=key, state__in=FETCHES, window_until__gt=now - FETCHED_UNTIL, station__active=True)
    return rows.select_related("firmware", "station").first()


def upload_of(token: str, now: datetime) -> StationUpload | None:
    """The upload that may be left with `token` now."""
    key = _key("logs", token)
    if key is None:
        return None
    rows = StationUpload.objects.filter(pk=key, state__in=TAKES, expires_at__gt=now, station__active=True)
    return rows.select_related("station").first()
