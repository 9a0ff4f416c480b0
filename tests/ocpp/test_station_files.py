"""Firmware and logs of stations: over the socket what they tell, over HTTP what they fetch and leave, by the clock what is due."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils import timezone

from energycloud.simulator import files as simulated
from energycloud.simulator.makes import MAKES
from energycloud.simulator.station import SimulatedStation
from stations import addresses, file_progress, firmware_jobs, station_files
from stations.actions import add_firmware, cancel_update, fetch_log, give_up_update, plan_update
from stations.models import Command, Connector, FirmwareFile, FirmwareUpdate, Frame, Station, StationUpload, Transaction
from tests.conftest import STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

CONTENT = bytes(range(256)) * 20
BOOT = {"chargePointVendor": "Alfen BV", "chargePointModel": "NG910", "firmwareVersion": "6.4.0"}


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def online(gateway: Gateway) -> Wire:
    wire = gateway.connect()
    assert wire.call("BootNotification", BOOT)["status"] == "Accepted"
    return wire


def station() -> Station:
    return Station.objects.select_related("location__organization").get(identity="LUM-0001")


def firmware(tree: Tree, version: str = "6.5.1", content: bytes = CONTENT) -> FirmwareFile:
    file = ContentFile(content, name=f"alfen-{version}.bin")
    return add_firmware(actor=None, organization=tree.partner, file=file, vendor="Alfen*", model="NG9*", version=version)


def planned(tree: Tree, file: FirmwareFile | None = None, **fields: Any) -> FirmwareUpdate:
    now = timezone.now()
    given = {"why": "fault", "asked_for_by": "Cy", "reason": "reader hangs", "window_from": now, "window_until": now + timedelta(hours=4)}
    return plan_update(actor=tree.bob, station=station(), firmware=file or firmware(tree), **(given | fields))


def request(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    asked = urllib.request.Request(url, data=body, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def state(row: Any) -> str:
    row.refresh_from_db()
    return str(row.state)


def told(wire: Wire) -> tuple[str, str]:
    """Let the clock run; the station's message and the address in it."""
    assert firmware_jobs.advance() == 1
    message_id, action, payload = wire.expect_call()
    assert action == "UpdateFirmware"
    wire.answer(message_id, {})
    return message_id, payload["location"]


def says(wire: Wire, *statuses: str) -> None:
    for status in statuses:
        assert wire.call("FirmwareStatusNotification", {"status": status}) == {}


# -- firmware ---------------------------------------------------------------------------------------------------------------------------


def test_an_update_from_plan_to_proof(tree: Tree, gateway: Gateway, online: Wire) -> None:
    update = planned(tree)
    _id, url = told(online)
    assert url.startswith(f"http://127.0.0.1:{gateway.port}/station-files/firmware/"), "where the station connects"
    assert url.endswith("/alfen-6.5.1.bin")
    assert Command.objects.get(action="UpdateFirmware").requested_by == tree.bob, "who planned it"
    assert request(url)[:2] == (200, CONTENT)
    assert state(update) == "downloading", "that it fetches the file is news enough"
    status, part, headers = request(url, Range="bytes=100-199")
    assert (status, part, headers["Content-Range"]) == (206, CONTENT[100:200], f"bytes 100-199/{len(CONTENT)}")
    assert request(url, "HEAD")[:2] == (200, b"")
    assert request(url, Range=f"bytes={len(CONTENT)}-")[0] == 416
    assert request(url, "DELETE")[0] == 405
    says(online, "Downloading", "Downloading", "Downloaded", "Installing", "Idle")
    assert state(update) == "installing"
    online.call("BootNotification", BOOT)
    assert state(update) == "installing", "it starts several times"
    online.call("BootNotification", BOOT | {"firmwareVersion": "6.5.1"})
    assert (state(update), update.before, update.problem) == ("installed", "6.4.0", "")
    says(online, "Installed", "Downloading", "DownloadFailed")
    assert state(update) == "installed", "what is over stays over"
    assert request(url)[0] == 403
    assert "****" in Frame.objects.get(action="UpdateFirmware").call, "who reads the log cannot fetch it"
    assert "****" in str(Command.objects.get(action="UpdateFirmware").payload)


@pytest.mark.parametrize(
    ("statuses", "expected", "problem"),
    [
        (("Downloading", "DownloadFailed"), "failed", "status DownloadFailed"),
        (("Downloading", "Downloaded", "Installing", "InstallationFailed"), "failed", "status InstallationFailed"),
        (("DownloadFailed", "Downloading", "Downloaded", "Installing", "Installed"), "installed", ""),
        (("Installed", "Installed"), "installed", ""),
    ],
)
def test_what_the_station_says_of_it(statuses: tuple[str, ...], expected: str, problem: str, tree: Tree, online: Wire) -> None:
    update = planned(tree)
    told(online)
    says(online, *statuses)
    assert (state(update), update.problem) == (expected, problem)
    online.call("BootNotification", BOOT)
    if expected == "installed":
        assert (state(update), update.problem) == ("failed", "other_version 6.4.0"), "it says so and is not"
        says(online, "InstallationFailed")
        assert (state(update), update.problem) == ("failed", "status InstallationFailed")
        online.call("BootNotification", BOOT | {"firmwareVersion": "6.5.1"})
        assert (state(update), update.problem) == ("installed", "")
    else:
        assert state(update) == expected
        planned(tree, update.firmware)  # the station is free for the next


def test_it_waits_for_its_window_for_the_car_and_for_the_connection(tree: Tree, online: Wire) -> None:
    now, file = timezone.now(), firmware(tree)
    cancel_update(actor=None, update=planned(tree, file, window_from=now + timedelta(hours=1)))
    update = planned(tree, file)
    start = {"connectorId": 1, "idTag": "04A2B3C4D5E680", "meterStart": 1, "timestamp": now.isoformat()}
    transaction = online.call("StartTransaction", start)["transactionId"]
    assert firmware_jobs.advance() == 0
    assert state(update) == "planned"
    with pytest.raises(ValidationError):
        planned(tree, file)
    Transaction.objects.update(ended_at=now)
    assert firmware_jobs.advance() == 1, "nobody charges"
    online.answer(online.expect_call()[0], {})
    for reported in ("Charging", "SuspendedEV", "SuspendedEVSE"):
        FirmwareUpdate.objects.filter(pk=update.pk).update(state="planned")
        Connector.objects.filter(station=update.station_id, number=1).update(status=reported)
        assert firmware_jobs.advance() == 0, "a car charges, whatever we know of it"
    FirmwareUpdate.objects.filter(pk=update.pk).update(window_until=now)
    assert firmware_jobs.advance() == 0
    assert (state(update), update.problem) == ("failed", "window_charging")
    online.call("StopTransaction", {"transactionId": transaction, "meterStop": 2, "timestamp": now.isoformat()})
    Connector.objects.update(status="Available")
    update = planned(tree, file)
    Station.objects.filter(pk=update.station_id).update(connected=False)
    assert firmware_jobs.advance() == 0
    FirmwareUpdate.objects.filter(pk=update.pk).update(window_until=now)
    firmware_jobs.advance()
    assert (state(update), update.problem) == ("failed", "window_not_connected")


def test_no_news_is_stuck_and_can_be_given_up(tree: Tree, online: Wire) -> None:
    update = planned(tree)
    _id, url = told(online)
    old = timezone.now() - timedelta(seconds=settings.FIRMWARE_STUCK_AFTER + 1)
    FirmwareUpdate.objects.filter(pk=update.pk).update(state_at=old)
    firmware_jobs.advance()
    assert (state(update), update.problem) == ("stuck", "no_news")
    says(online, "Installing")
    assert (state(update), update.problem) == ("installing", ""), "it lives"
    FirmwareUpdate.objects.filter(pk=update.pk).update(state="stuck")
    other = planned(tree, update.firmware)
    says(online, "Installing")
    assert state(update) == "stuck", "one at a time"
    cancel_update(actor=None, update=other)
    for before in ("stuck", "downloading"):
        FirmwareUpdate.objects.filter(pk=update.pk).update(state=before, state_at=old)
        assert request(url, Range="bytes=100-199")[0] == 206
        assert (state(update), update.state_at > old) == ("downloading", True), "a slow download is news"
    give_up_update(actor=tree.bob, update=update)
    assert request(url)[0] == 403
    says(online, "Installed")
    assert (state(update), update.problem) == ("cancelled", "given_up")


@pytest.mark.parametrize("problem", ["window_busy", "refused Rejected"])
def test_of_what_it_never_got_a_station_tells_nothing(problem: str, tree: Tree, online: Wire) -> None:
    update = planned(tree)
    FirmwareUpdate.objects.filter(pk=update.pk).update(state="failed", problem=problem)
    says(online, "Downloading", "Installed", "InstallationFailed")
    online.call("BootNotification", BOOT | {"firmwareVersion": "6.5.1"})
    assert (state(update), update.problem) == ("failed", problem)


@pytest.mark.parametrize("answer", ["rejected", "expired"])
def test_what_the_station_answers(answer: str, tree: Tree, online: Wire) -> None:
    update = planned(tree)
    assert firmware_jobs.advance() == 1
    message_id, _action, _payload = online.expect_call()
    if answer == "rejected":
        online.socket.send(f'[4,"{message_id}","NotSupported","no",{{}}]')
        until(lambda: state(update) == "failed")
        assert file_progress.told(update.problem) == "The station does not support this command. no"
    else:
        Command.objects.update(state="expired")
        file_progress.follow_up()
        assert state(update) == "planned", "never delivered: again as long as the window is open"


# -- logs ---------------------------------------------------------------------------------------------------------------------------------


def asked(wire: Wire, answer: dict[str, Any], *, security: bool = False) -> tuple[StationUpload, str, Any]:
    upload = fetch_log(actor=None, station=station(), security=security)
    message_id, action, payload = wire.expect_call()
    assert action == ("GetLog" if security else "GetDiagnostics")
    wire.answer(message_id, answer)
    until(lambda: Command.objects.get(pk=upload.command_id).state not in ("queued", "sent"))
    return upload, payload["log"]["remoteLocation"] if security else payload["location"], payload


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../etc/day<1>.zip"\r\n'
    b"Content-Type: application/zip\r\n\r\nlines\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("send", "name"),
    [
        (lambda url: request(url, "PUT", b"lines"), "diag.txt"),
        (lambda url: request(f"{url}/D%C3%A9p%2F1.log", "POST", b"lines", Content_Type="text/plain"), "1.log"),
        (lambda url: request(url, "POST", FORM, Content_Type="multipart/form-data; boundary=b"), "day1.zip"),
    ],
)
def test_a_log_arrives(send: Callable[[str], tuple[int, bytes, Any]], name: str, tree: Tree, online: Wire) -> None:
    upload, url, _payload = asked(online, {"fileName": "diag.txt"})
    online.call("DiagnosticsStatusNotification", {"status": "Uploading"})
    assert state(upload) == "uploading"
    assert request(url)[0] == 405
    assert send(url)[0] == 201
    online.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    assert (state(upload), upload.file_name, upload.size, upload.problem) == ("arrived", name, 5, "")
    with upload.file.open() as file:
        assert file.read() == b"lines"
    assert send(url)[0] == 403, "one file each"
    online.call("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert state(upload) == "arrived"


FORM_OF = "multipart/form-data; boundary=b"
FIELDS = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n' * 1001 + b"--b--\r\n"
FILES = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nx\r\n' * 101 + b"--b--\r\n"
FIELD = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"x" * 1_000_000 + b"\r\n--b--\r\n"


def test_what_does_not_arrive(tree: Tree, gateway: Gateway, online: Wire, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, _url, _payload = asked(online, {})
    until(lambda: state(nothing) == "failed")
    assert nothing.problem == "nothing"
    upload, url, _payload = asked(online, {"fileName": "d.txt"})
    online.call("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert (state(upload), upload.problem) == ("failed", "status UploadFailed")
    settings.STATION_LOG_MAX_MB = 0
    assert request(url, "PUT", b"x")[0] == 413, "before it is read"
    settings.STATION_LOG_MAX_MB, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1, 100_000
    for body, kind, expected in ((b"", "text/plain", 400), (FIELDS, FORM_OF, 400), (FIELD, FORM_OF, 413), (FILES, FORM_OF, 400)):
        assert request(url, "POST", body, Content_Type=kind)[0] == expected
        assert (state(upload), upload.problem) == ("failed", "no_file")
    half = f"PUT {urlsplit(url).path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
    with socket.create_connection(("127.0.0.1", gateway.port)) as broken:
        broken.sendall(half.encode())
        until(lambda: state(upload) == "uploading")
    until(lambda: (state(upload), upload.problem) == ("failed", "broken_off"))
    with monkeypatch.context() as patched:
        patched.setattr(station_files, "_keep", lambda *given: 1 / 0)
        assert request(url, "PUT", b"x")[0] == 500
    assert (state(upload), upload.problem) == ("failed", "not_kept")
    said, _url, _payload = asked(online, {"fileName": "d.txt"})
    online.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    assert state(said) == "requested"
    StationUpload.objects.filter(pk=said.pk).update(problem=f"not_arrived {(timezone.now() - timedelta(minutes=6)).isoformat()}")
    file_progress.follow_up()
    assert state(said) == "failed"
    assert request(url, "PUT", b"again")[0] == 201, "stations try again by themselves"
    late, url, _payload = asked(online, {"fileName": "d.txt"})
    StationUpload.objects.filter(pk=late.pk).update(expires_at=timezone.now())
    assert request(url, "PUT", b"x")[0] == 403
    firmware_jobs.advance()
    assert state(late) == "expired"
    StationUpload.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert file_progress.purge_uploads() == 4
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_security_log_is_told_by_its_number(tree: Tree, online: Wire) -> None:
    upload, _url, payload = asked(online, {"status": "Accepted", "filename": "sec.log"}, security=True)
    assert (payload["logType"], payload["requestId"]) == ("SecurityLog", upload.pk)
    online.call("LogStatusNotification", {"status": "Uploading", "requestId": upload.pk + 1})
    online.call("LogStatusNotification", {"status": "Uploading", "requestId": 10**30})
    online.call("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert (state(upload), upload.file_name) == ("requested", "sec.log")
    online.call("LogStatusNotification", {"status": "PermissionDenied", "requestId": upload.pk})
    assert state(upload) == "failed"


def test_strangers_get_nothing_and_fill_no_disk(tree: Tree, gateway: Gateway, online: Wire) -> None:
    base = f"http://127.0.0.1:{gateway.port}/station-files"
    upload, url, _payload = asked(online, {"fileName": "d"})
    token = url.rpartition("/")[2]
    forged = token.replace(token.partition(".")[0], str(upload.pk + 1), 1)
    for path in (f"logs/{forged}", "logs/", "logs/1", f"firmware/{token}", "firmware/x.y.z", "x"):
        for method in ("GET", "PUT"):
            assert request(f"{base}/{path}", method, b"x" if method == "PUT" else None)[0] in (403, 404, 405), path
    Station.objects.update(active=False)
    assert request(url, "PUT", b"x")[0] == 403
    assert addresses.upload_of("1" * 300, timezone.now()) is None


def test_a_simulated_station_does_both(tree: Tree, gateway: Gateway) -> None:
    make = MAKES["alfen-double"]
    file = ContentFile(simulated.firmware(make, "9.9"), name="sim.fw")
    made = add_firmware(actor=None, organization=tree.partner, file=file, vendor=make.vendor, model=make.model, version="9.9")
    simulator = SimulatedStation(gateway.url, "LUM-0001", STATION_PASSWORD, make=make, speed=1000)
    simulator.reboot_seconds = 0.1

    async def live() -> None:
        alive = asyncio.create_task(simulator.run())
        await asyncio.to_thread(ended.wait, 30)
        alive.cancel()
        await simulator.aclose()

    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        until(lambda: station().firmware_version == make.firmware and station().connected)
        upload = fetch_log(actor=None, station=station())
        until(lambda: state(upload) == "arrived")
        update = planned(tree, made)
        until(lambda: firmware_jobs.advance() == 1)
        until(lambda: state(update) == "installed" and station().firmware_status == "Installed")
        assert (update.before, update.problem, station().firmware_version) == (make.firmware, "", "9.9")
    finally:
        ended.set()
        thread.join(10)


@pytest.mark.parametrize(
    ("scheme", "host", "forwarded", "proxies", "expected"),
    [
        ("ws", "127.0.0.1:8000", "", 0, "http://127.0.0.1:8000"),
        ("wss", "localhost", "", 0, "https://localhost"),
        ("ws", "localhost", "https", 0, "http://localhost"),
        ("ws", "localhost", "https", 1, "https://localhost"),
        ("ws", "localhost", "http", 1, "http://localhost"),
        ("ws", "evil.example", "", 0, ""),
    ],
)
def test_files_are_where_a_station_connects(scheme: str, host: str, forwarded: str, proxies: int, expected: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = [(b"host", host.encode()), (b"x-forwarded-proto", forwarded.encode())]
    assert addresses.origin_of({"scheme": scheme, "headers": headers}) == expected
