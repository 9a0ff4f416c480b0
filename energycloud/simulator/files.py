"""Firmware and logs of a simulated station: it really downloads, installs, restarts and tells of it, and it really uploads."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from energycloud.simulator.base import Station
from energycloud.simulator.certificates import signature_holds
from energycloud.simulator.makes import Make

log = logging.getLogger("energycloud.simulator")

Say = Callable[[str], Awaitable[None]]  # tells the server of a state of the work

MARK = b"SIMULATED FIRMWARE\n"
SIZE = 200_000  # bytes
SECONDS = 30  # that an HTTP request may take
STEP = 20.0  # simulated seconds from one state to the next


def firmware(make: Make, version: str) -> bytes:
    """A firmware file for stations of this vendor: what simulated stations can install."""
    head = MARK + json.dumps({"vendor": make.vendor, "version": version}).encode() + b"\n"
    noise = b"".join(hashlib.sha256(f"{version}{number}".encode()).digest() for number in range(SIZE // 32))
    return head + noise[: SIZE - len(head)]


def version_in(content: bytes, make: Make) -> str:
    """The version in a firmware file; empty where it is not for this make, or none at all."""
    try:
        told = json.loads(content.removeprefix(MARK).split(b"\n", 1)[0]) if content.startswith(MARK) else {}
    except ValueError:
        return ""
    return str(told.get("version", "")) if told.get("vendor") == make.vendor else ""


def diagnostics(station: Station) -> bytes:
    """What it writes down of itself."""
    lines = [f"{station.make.vendor} {station.make.model} {station.serial}, firmware {station.firmware}", f"written {datetime.now(UTC):%c}"]
    lines += [f"outlet {one.number}: {one.status} {one.error_code} {one.register:.0f} Wh" for one in station.outlets.values()]
    lines += [f"{name} = {value}" for name, value in sorted(station.settings().items())]
    lines += [f"server sent {action}" for action, _payload in station.received]
    return ("\n".join(lines) + "\n").encode()


def _request(url: str, tls: ssl.SSLContext | None, body: bytes | None = None) -> bytes:
    """By HTTPS it trusts whom it trusts when it connects."""
    if not url.startswith(("http://", "https://")):
        raise OSError(f"it speaks HTTP only, not {url.partition(':')[0]}")
    asked = urllib.request.Request(url, data=body, method="GET" if body is None else "PUT")  # noqa: S310
    asked.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(asked, timeout=SECONDS, context=tls) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


async def update(
    station: Station, say: Say, url: str, at: str, retries: int, interval: int, *, install_at: str = "", certificate: str = "",
    signature: str = "", signed: bool = False,
) -> None:  # fmt: skip
    """As UpdateFirmware asks (OCPP 1.6 §6.19, 2.0.1 L): from `at` on, when nothing charges. `signed`: tells of more, and verifies."""

    async def tell(status: str) -> None:
        station.firmware_status = status
        await say(status)

    wait = _seconds_until(at)
    if signed and wait > 0:
        await tell("DownloadScheduled")
    await station.pause(wait)
    while any(outlet.session for outlet in station.outlets.values()):
        await station.pause(STEP)
    content = b""
    for attempt in range(retries + 1):
        await tell("Downloading")
        try:
            content = await asyncio.to_thread(_request, url, station.tls)
            break
        except (OSError, ValueError) as error:
            log.warning("%s: the download of firmware failed: %s", station.identity, error)
            await tell("DownloadFailed")
            if attempt == retries:
                return
            await station.pause(interval)
    await station.pause(STEP)
    await tell("Downloaded")
    if certificate:
        await station.pause(STEP)
        if not signature_holds(content, signature, certificate):
            await tell("InvalidSignature")
            await station.security_event("InvalidFirmwareSignature", "The signature does not belong to the file.")
            return
        await tell("SignatureVerified")
    if signed and install_at and (wait := _seconds_until(install_at)) > 0:
        await tell("InstallScheduled")
        await station.pause(wait)
    await station.pause(STEP)
    await tell("Installing")
    await station.pause(STEP)
    version = version_in(content, station.make)
    if not version:
        await tell("InstallationFailed")
        return
    station.firmware = version
    if signed:
        await tell("InstallRebooting")
    await station.restart("Reboot")
    await tell("Installed")
    station.firmware_status = "Idle" if signed else "Installed"


def _seconds_until(at: str) -> float:
    return max(0.0, (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds())


def log_name(station: Station, kind: str) -> str:
    """`kind`: "DiagnosticsLog" or "SecurityLog", as GetLog says it."""
    return f"{station.identity}-{'security' if kind == 'SecurityLog' else 'diagnostics'}.txt"


async def upload(station: Station, say: Say, url: str, kind: str, *, failed: str) -> None:
    """Leave a log at `url`; `failed` is how this version says that it could not."""
    name, body = log_name(station, kind), security_log() if kind == "SecurityLog" else diagnostics(station)
    station.log_status = "Uploading"
    try:
        await say("Uploading")
        await station.pause(STEP)
        try:
            await asyncio.to_thread(_request, f"{url}/{name}", station.tls, body)
        except (OSError, ValueError) as error:
            log.warning("%s: the upload of %s failed: %s", station.identity, name, error)
            await say(failed)
        else:
            await say("Uploaded")
    finally:
        station.log_status = "Idle"


def security_log() -> bytes:
    return f"{datetime.now(UTC):%c} StartupOfTheDevice\n".encode()
