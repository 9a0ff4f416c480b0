"""The pages of firmware and logs: what is offered to whom, what is refused and why, and the same for many."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations import file_progress, firmware_jobs
from stations.actions import add_firmware, fetch_log
from stations.bulk import KINDS
from stations.controls import situations
from stations.explain import background
from stations.models import Command, FirmwareFile, FirmwareUpdate, Location, Station, StationUpload
from stations.ocpp import schemas
from tenancy.models import AuditEntry, Organization
from tests.conftest import Tree
from tests.stations.sheets import online, page, text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def firmware(organization: Organization, version: str = "6.6.0", **fields: Any) -> FirmwareFile:
    fields = {"vendor": "alfen bv", "model": "NG9*"} | fields
    return add_firmware(actor=None, organization=organization, file=ContentFile(version.encode(), "ng.fw"), version=version, **fields)


def plan(tree: Tree, file: FirmwareFile, **fields: str) -> dict[str, Any]:
    given = {"firmware": str(file.pk), "why": "owner", "asked_for_by": "Cy", "reason": "Display",
             "window_from": "2099-01-02T01:00", "window_until": "2099-01-02T05:00"}  # fmt: skip
    return given | fields


def test_only_what_fits_and_is_shared_is_offered(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    station = online(tree.station)
    url = reverse("station_firmware", args=[station.pk])
    assert "There is no file in the library for this station, Alfen BV NG910." in text(as_bob.get(url).text)
    good = firmware(tree.platform, "6.6.0")
    for version, owner, more in (
        ("unfit", tree.platform, {"model": "NG8*"}), ("above-only", tree.partner, {"below": False}), ("foreign", tree.other_partner, {}),
    ):  # fmt: skip
        firmware(owner, version, **more)  # type: ignore[arg-type]
    FirmwareFile.objects.filter(pk=firmware(tree.platform, "retired").pk).update(retired_at=timezone.now())
    shown = as_bob.get(url).text
    assert "6.6.0" in shown
    assert not [word for word in ("unfit", "above-only", "foreign", "retired") if f">{word}" in shown]
    for wrong in FirmwareFile.objects.exclude(pk=good.pk):
        assert "This cannot be chosen here" in as_bob.post(url, plan(tree, wrong)).text
    assert as_cy.get(url).status_code == 403


def test_planning_asks_why_and_says_what_is_wrong(tree: Tree, as_bob: Client) -> None:
    station, file = online(tree.station), firmware(tree.partner)
    url, now = reverse("station_firmware", args=[station.pk]), timezone.now().astimezone(tree.location.zone)
    answer = text(as_bob.post(url, plan(tree, file, why="", reason="")).text)
    assert (answer.count("Fill this in."), answer.count("Choose one.")) == (1, 1)
    assert "At most 30 days from now." in as_bob.post(url, plan(tree, file)).text
    begin, end = ((now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M") for hours in (1, 3))
    assert "The end lies before the beginning." in as_bob.post(url, plan(tree, file, window_from=end, window_until=begin)).text
    assert as_bob.post(url, plan(tree, file, window_from=begin, window_until=end)).status_code == 302
    update = FirmwareUpdate.objects.get()
    assert (update.before, update.window_from.astimezone(tree.location.zone).strftime("%Y-%m-%dT%H:%M")) == ("6.4.0-4210", begin)
    assert AuditEntry.objects.filter(verb="plan_firmware", object_id=station.pk).exists()
    assert "planned or under way" in as_bob.get(url).text
    shown = text(page(as_bob, station, "station_files"))
    assert "6.6.0 instead of 6.4.0-4210" in shown
    later = update.window_until + timedelta(days=2)
    FirmwareUpdate.objects.filter(pk=update.pk).update(window_until=later)
    listed = text(as_bob.get(reverse("firmware_updates")).text)
    assert f"until {later.astimezone(tree.location.zone).day} " in listed, "a window of several days ends on a day"
    assert "Planned" in shown
    as_bob.post(reverse("update_cancel", args=[update.pk]), {"confirmed": "1"})
    assert "Cancelled" in text(as_bob.get(reverse("firmware_updates") + "?state=cancelled").text)


def test_a_file_is_told_when_it_is_there_already(tree: Tree, as_bob: Client) -> None:
    known = firmware(tree.platform, "6.6.0")
    sent = {"organization": tree.customer.pk, "vendor": "X", "model": "*", "version": "1", "below": "on"}
    answer = as_bob.post(reverse("firmware_add"), sent | {"file": SimpleUploadedFile("a.fw", b"6.6.0")})
    assert f"This very file is in the library already, as {known}." in text(answer.text)
    assert "Choose a file." in as_bob.post(reverse("firmware_add"), sent).text
    assert as_bob.post(reverse("firmware_add"), sent | {"file": SimpleUploadedFile("../b.fw", b"other")}).status_code == 302
    made = FirmwareFile.objects.get(organization=tree.customer)
    assert (made.file_name, made.size, made.created_by) == ("b.fw", 5, tree.bob)
    got = as_bob.get(reverse("firmware_download", args=[made.pk]))
    assert (got.getvalue(), got["Content-Disposition"]) == (b"other", 'attachment; filename="b.fw"')  # type: ignore[attr-defined]
    assert as_bob.get(reverse("firmware_download", args=[known.pk])).status_code == 403
    as_bob.post(reverse("firmware_delete", args=[made.pk]), {"confirmed": "1"})
    assert not FirmwareFile.objects.filter(pk=made.pk).exists()


def test_logs_are_for_those_who_may_fetch_them(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    station = online(tree.station)
    upload = fetch_log(actor=tree.bob, station=station)
    StationUpload.objects.filter(pk=upload.pk).update(state="arrived", file_name='a"<b>.log')
    upload.refresh_from_db()
    upload.file.save("x", ContentFile(b"<script>"))
    assert "Asked for" in text(page(as_bob, station, "station_files"))
    assert "Diagnostics and logs" not in text(page(as_cy, station, "station_files"))
    url = reverse("upload_download", args=[upload.pk])
    assert as_cy.get(url).status_code == 403
    got = as_bob.get(url)
    assert (got["Content-Type"], got["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert got["Content-Disposition"].startswith("attachment")
    assert got.getvalue() == b"<script>"  # type: ignore[attr-defined]
    assert AuditEntry.objects.filter(verb="download_log").exists()
    as_bob.post(reverse("upload_delete", args=[upload.pk]), {"confirmed": "1"})
    assert not StationUpload.objects.exists()


def test_the_security_log_is_asked_for_where_there_is_one(tree: Tree, as_bob: Client) -> None:
    station = online(tree.station)
    station.configuration.create(key="SupportedFeatureProfiles", value="Core,FirmwareManagement", updated_at=timezone.now())
    url = reverse("station_fetch", args=[station.pk])
    assert "lacks the security extension" in as_bob.get(url).text
    station.configuration.create(key="SecurityProfile", value="1", updated_at=timezone.now())
    assert as_bob.post(url, {"kind": "security"}).status_code == 302
    assert Command.objects.get().action == "GetLog"
    assert "drop that one for a new one" in as_bob.get(url).text


def test_both_for_many(tree: Tree, django_assert_max_num_queries: Any) -> None:
    file = firmware(tree.platform)
    online(tree.station)
    online(tree.dc_station, vendor="Other", firmware_version="1")
    stations = list(Station.objects.select_related("location__organization").order_by("identity"))
    looked = situations(tree.ada, stations)
    params = {
        "firmware": file.pk, "name": str(file), "vendor": file.vendor, "model": file.model, "below": True, "path": file.organization.path,
        "version": file.version, "why": "fault", "asked_for_by": "Cy", "reason": "it hangs",
        "window_from": (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT01:00"),
        "window_until": (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT05:00"),
    }  # fmt: skip
    for one in looked:
        one.may("read")
    with django_assert_max_num_queries(0):
        refused = [KINDS["firmware"].refusal(params, one) for one in looked]
    assert [bool(reason) for reason in refused] == [False, True, True]
    done = KINDS["firmware"].step(tree.ada, params, looked[0], None, ())  # type: ignore[arg-type]
    assert done.good  # type: ignore[union-attr]
    update = FirmwareUpdate.objects.get()
    assert update.window_from.astimezone(tree.location.zone).hour == 1, "by the clock of the location"
    (command,) = KINDS["diagnostics"].step(tree.ada, {}, looked[0], None, ())  # type: ignore[arg-type, misc]
    assert command.action == "GetDiagnostics"
    assert KINDS["diagnostics"].refusal({}, looked[2])


def test_the_silent_stations_of_one_block_nobody(tree: Tree, as_bob: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FIRMWARE_AT_ONCE = 2
    now, file, dc_location = timezone.now(), firmware(tree.platform, vendor="*", model="*"), tree.dc_station.location
    others = Location.objects.create(organization=tree.other_partner, name="Elsewhere")

    def planned(identity: str, location: Location, **fields: Any) -> FirmwareUpdate:
        station = online(Station.objects.create(identity=identity, location=location))
        given = {"window_from": now - timedelta(hours=1), "window_until": now + timedelta(hours=1)} | fields
        return FirmwareUpdate.objects.create(station=station, firmware=file, why="fault", asked_for_by="Cy", reason="x", **given)

    for number in range(2):
        planned(f"SILENT-{number}", others, state="sent", state_at=now - timedelta(minutes=1))
    first, second, third = (planned(f"WAITS-{number}", dc_location) for number in range(3))
    assert firmware_jobs.advance() == 1, "its share, although the other has all places"
    for update in (first, second):
        update.refresh_from_db()
    assert (first.state, second.state, second.problem) == ("sent", "planned", "waits_busy")
    assert "It waits for its turn" in text(as_bob.get(reverse("firmware_updates")).text)
    assert (firmware_jobs.advance(), Command.objects.count()) == (0, 1)
    FirmwareUpdate.objects.filter(state="sent").update(state_at=now - timedelta(minutes=4))
    Command.objects.update(state="timed_out")
    assert firmware_jobs.advance() == 2, "who is silent holds no place"
    first.refresh_from_db()
    assert (first.state, first.problem) == ("sent", "not_answered")
    Station.objects.filter(pk=third.station_id).update(connected=False)
    FirmwareUpdate.objects.filter(pk=third.pk).update(state="planned")
    firmware_jobs.advance()
    third.refresh_from_db()
    assert third.problem == "waits_not_connected"
    monkeypatch.setattr(firmware_jobs, "LOOKED_AT", 2)
    FirmwareUpdate.objects.exclude(pk=third.pk).update(state="planned", window_until=now + timedelta(minutes=1))
    Station.objects.filter(pk=third.station_id).update(connected=True)
    FirmwareUpdate.objects.filter(station__location=dc_location).exclude(pk=third.pk).delete()
    assert firmware_jobs.advance() == 2
    third.refresh_from_db()
    assert third.state == "sent", "however many another has planned"


def test_every_state_that_a_station_tells_is_a_sentence() -> None:
    words = set(
        schemas.choices("v16", "FirmwareStatusNotification", "status") | schemas.choices("v16", "DiagnosticsStatusNotification", "status")
    )
    words |= {
        "DownloadScheduled", "DownloadPaused", "InstallRebooting", "InstallScheduled", "InstallVerificationFailed", "InvalidSignature",
        "SignatureVerified", "BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure", "AcceptedCanceled",
    }  # fmt: skip
    bad = re.compile("Fail|Bad|NotSupp|Denied|Invalid")
    for word in words - {"Idle"}:
        state, sentence = background(word) or ("", "")
        assert word not in str(sentence)
        assert (state == "fault") == bool(bad.search(word)), word
        assert file_progress.told(f"status {word}") == f"The station tells: {sentence}."


@pytest.mark.parametrize("route", ["firmware_files", "firmware_updates"])
def test_lists_ask_as_often_for_many_rows_as_for_few(route: str, tree: Tree, as_bob: Client, django_assert_num_queries: Any) -> None:
    now, url = timezone.now(), reverse(route)

    def more(count: int, first: int) -> None:
        for number in range(first, first + count):
            file = firmware(tree.partner, str(number))
            FirmwareUpdate.objects.create(
                station=tree.station, firmware=file, why="fault", asked_for_by="Cy", reason="x", window_from=now, window_until=now,
                state="failed", created_by=tree.bob,
            )  # fmt: skip

    more(3, 0)
    with CaptureQueriesContext(connection) as few:
        as_bob.get(url)
    more(12, 3)
    with django_assert_num_queries(len(few)):
        assert "15 found" in text(as_bob.get(url).text)
