"""Firmware and logs of a simulated station: it really downloads, installs, restarts and tells of it, and it really uploads."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ocpp.v16 import call

from energycloud.simulator.makes import Make

if TYPE_CHECKING:
    from energycloud.simulator.station import SimulatedStation

log = logging.getLogger("energycloud.simulator")

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


def diagnostics(station: SimulatedStation) -> bytes:
    """What it writes down of itself."""
    lines = [f"{station.make.vendor} {station.make.model} {station.serial}, firmware {station.firmware}", f"written {datetime.now(UTC):%c}"]
    lines += [f"outlet {one.number}: {one.status} {one.error_code} {one.register:.0f} Wh" for one in station.outlets.values()]
    lines += [f"{name} = {'****' if key.secret else key.value}" for name, key in sorted(station.configuration.items())]
    lines += [f"server sent {action}" for action, _payload in station.received]
    return ("\n".join(lines) + "\n").encode()


def _request(url: str, body: bytes | None = None) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise OSError(f"it speaks HTTP only, not {url.partition(':')[0]}")
    asked = urllib.request.Request(url, data=body, method="GET" if body is None else "PUT")  # noqa: S310
    asked.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


async def _say_firmware(station: SimulatedStation, status: str) -> None:
    station.firmware_status = status
    await station.deliver_or_call(call.FirmwareStatusNotification(status=status))


async def update(station: SimulatedStation, url: str, at: str, retries: int, interval: int) -> None:
    """As UpdateFirmware asks (OCPP 1.6 §6.19): from `at` on, when nothing charges."""
    wait = (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()
    await station.pause(max(0.0, wait))
    while any(outlet.session for outlet in station.outlets.values()):
        await station.pause(STEP)
    content = b""
    for attempt in range(retries + 1):
        await _say_firmware(station, "Downloading")
        try:
            content = await asyncio.to_thread(_request, url)
            break
        except (OSError, ValueError) as error:
            log.warning("%s: the download of firmware failed: %s", station.identity, error)
            await _say_firmware(station, "DownloadFailed")
            if attempt == retries:
                return
            await station.pause(interval)
    await station.pause(STEP)
    await _say_firmware(station, "Downloaded")
    await station.pause(STEP)
    await _say_firmware(station, "Installing")
    await station.pause(STEP)
    version = version_in(content, station.make)
    if not version:
        await _say_firmware(station, "InstallationFailed")
        return
    station.firmware = version
    await station.restart("Reboot")
    await _say_firmware(station, "Installed")


async def upload(station: SimulatedStation, url: str, name: str, *, request_id: int | None = None) -> None:
    """Diagnostics, or with `request_id` the security log."""

    async def say(status: str) -> None:
        told: Any = call.DiagnosticsStatusNotification(status=status)
        if request_id is not None:
            told = call.LogStatusNotification(status={"UploadFailed": "UploadFailure"}.get(status, status), request_id=request_id)
        await station.call(told)

    await say("Uploading")
    await station.pause(STEP)
    body = diagnostics(station) if request_id is None else f"{datetime.now(UTC):%c} StartupOfTheDevice\n".encode()
    try:
        await asyncio.to_thread(_request, f"{url}/{name}", body)
    except (OSError, ValueError) as error:
        log.warning("%s: the upload of %s failed: %s", station.identity, name, error)
        await say("UploadFailed")
    else:
        await say("Uploaded")
