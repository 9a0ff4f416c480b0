"""Maintenance windows, notes, documents and contacts of stations and locations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations import actions
from stations.actions import care
from stations.bulk.kinds import maintenance as kind
from stations.controls import Situation
from stations.maintenance import in_maintenance
from stations.models import BulkItem, Contact, Document, MaintenanceWindow, Note, Station
from tenancy.models import User
from tests.conftest import Tree
from tests.stations.sheets import page, said, text
from tests.tenancy.people import somebody

HOUR = timedelta(hours=1)
XSS = "<script>alert(1)</script> https://example.org"


def planned(station: Station, start: datetime, end: datetime, **fields: Any) -> MaintenanceWindow:
    """As if it had been planned in time."""
    return MaintenanceWindow.objects.create(station=station, starts_at=start, ends_at=end, comment="New cable", **fields)


# -- maintenance --------------------------------------------------------------------------------------------------------------------------


def test_maintenance_is_planned_in_the_time_of_the_location_and_overlaps_are_told(tree: Tree, as_bob: Client) -> None:
    url = reverse("station_maintenance_add", args=[tree.station.pk])
    day = (timezone.now() + timedelta(days=3)).astimezone(ZoneInfo("Europe/Amsterdam")).date()
    typed = {"connector_number": "0", "starts_at": f"{day}T14:00", "ends_at": f"{day}T16:00", "comment": "New meter"}
    assert said(as_bob.post(url, typed, follow=True)) == ["Maintenance planned."]
    window = MaintenanceWindow.objects.get()
    assert window.starts_at == datetime(day.year, day.month, day.day, 14, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert (window.station, window.created_by) == (tree.station, tree.bob)
    answer = as_bob.post(url, typed | {"connector_number": "2", "starts_at": f"{day}T15:00"}, follow=True)
    assert any("overlaps" in one and "New meter" in one for one in said(answer))
    assert "overlaps with another" in text(answer.content.decode())


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [(-2 * timedelta(minutes=1), HOUR, "starts_at"), (HOUR, HOUR, "ends_at"), (HOUR, timedelta(days=900), "ends_at")],
)
def test_what_cannot_be_planned(start: timedelta, end: timedelta, field: str, tree: Tree) -> None:
    now = timezone.now()
    with pytest.raises(ValidationError) as refused:
        actions.plan_maintenance(actor=None, stations=[tree.station], starts_at=now + start, ends_at=now + end, comment="x")
    assert set(refused.value.error_dict) == {field}
    with pytest.raises(ValidationError, match="no connector 7"):
        actions.plan_maintenance(
            actor=None, stations=[tree.station], starts_at=now, ends_at=now + HOUR, comment="x", connector_number=7
        )  # fmt: skip
    assert not MaintenanceWindow.objects.exists()


def test_a_running_one_is_prolonged_or_ended_and_a_past_one_stays(tree: Tree, as_bob: Client) -> None:
    now = timezone.now()
    running, past = planned(tree.station, now - HOUR, now + HOUR), planned(tree.station, now - 5 * HOUR, now - 4 * HOUR)
    shown = page(as_bob, tree.station)
    assert "In maintenance until" in text(shown)
    edit = reverse("maintenance_edit", args=[running.pk])
    assert 'name="starts_at"' not in as_bob.get(edit).content.decode()
    zone = tree.location.zone
    later = (now + 3 * HOUR).astimezone(zone)
    as_bob.post(edit, {"ends_at": f"{later:%Y-%m-%dT%H:%M}", "comment": "New cable"})
    running.refresh_from_db()
    assert running.ends_at == later.replace(second=0, microsecond=0)
    with pytest.raises(ValidationError, match="begun"):
        actions.edit_maintenance(actor=None, window=running, starts_at=now + HOUR)
    as_bob.post(reverse("maintenance_end", args=[running.pk]), {"confirmed": "1"})
    running.refresh_from_db()
    assert running.ends_at <= timezone.now()
    assert "In maintenance until" not in text(page(as_bob, tree.station))
    assert "it stays as it is" in text(as_bob.post(reverse("maintenance_edit", args=[past.pk]), {"comment": "x"}).content.decode())
    with pytest.raises(ValidationError, match="over"):
        actions.edit_maintenance(actor=None, window=past, comment="x")
    coming = planned(tree.station, now + HOUR, now + 2 * HOUR)
    actions.end_maintenance(actor=None, window=coming)
    assert not MaintenanceWindow.objects.filter(pk=coming.pk).exists()


def test_who_is_in_maintenance_is_one_question_for_many(tree: Tree) -> None:
    now = timezone.now()
    whole, one = planned(tree.station, now - HOUR, now + HOUR), planned(tree.dc_station, now - HOUR, now + HOUR, connector_number=1)
    planned(tree.dc_station, now - 2 * HOUR, now)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = in_maintenance([tree.station.pk, tree.dc_station.pk, tree.other_station.pk], now)
    assert found == {tree.station.pk: [whole], tree.dc_station.pk: [one]}
    assert len(queries) == 1


def test_the_list_has_running_coming_and_past(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    now = timezone.now()
    for start, comment in ((-1, "runs"), (2, "comes"), (-9, "is over")):
        MaintenanceWindow.objects.create(
            station=tree.station, starts_at=now + start * HOUR, ends_at=now + (start + 2) * HOUR, comment=f"This {comment}"
        )
    url = reverse("maintenance_windows")
    for state, comment in (("running", "runs"), ("coming", "comes"), ("past", "is over")):
        shown = text(as_bob.get(url, {"state": state}).content.decode())
        assert [one for one in ("runs", "comes", "is over") if f"This {one}" in shown] == [comment]
    assert "Gate LUM-0001 · Quay 7" in shown
    assert "This runs" not in as_dan.get(url).content.decode()
    with CaptureQueriesContext(connection) as few:
        as_bob.get(url)
    for number in range(20):
        planned(tree.dc_station, now + HOUR, now + (number + 2) * HOUR)
    with CaptureQueriesContext(connection) as many:
        as_bob.get(url)
    assert len(many) == len(few)


def test_maintenance_of_many_begins_by_the_clock_of_each_location(tree: Tree) -> None:
    now = timezone.now()
    form = kind.PlanForm({"starts_at": f"{now:%Y}-01-05T02:00", "ends_at": f"{now.year + 1}-01-05T04:00", "comment": "Meters"})
    assert form.is_valid(), form.errors
    params = form.params() | {"starts_at": f"{now.year + 1}-01-05T02:00:00"}
    situation = Situation(tree.bob, Station.objects.select_related("location__organization").get(pk=tree.station.pk))
    assert kind.refusal(form.params(), situation) == "At this location the beginning was in the past already."
    assert kind.refusal(params, situation) == ""
    assert kind.refusal(params, Situation(tree.cy, situation.station)).startswith("Your role")
    assert kind.step(tree.bob, params, situation, BulkItem(), []).good
    assert MaintenanceWindow.objects.get().starts_at == datetime(now.year + 1, 1, 5, 1, tzinfo=UTC)
    assert "1 station is in maintenance" in kind.consequences(params, [situation])[0]


# -- notes, documents, contacts -----------------------------------------------------------------------------------------------------------


def test_notes_are_text_and_belong_to_their_author(tree: Tree, as_bob: Client, client_of: Callable[[User], Client]) -> None:
    as_bob.post(reverse("station_note_add", args=[tree.station.pk]), {"text": XSS, "pinned": "on"})
    note = Note.objects.get()
    assert (note.location, note.station, note.created_by, note.pinned) == (tree.location, tree.station, tree.bob, True)
    shown = page(as_bob, tree.station, "station_care")
    assert "<script>alert" not in shown
    assert 'href="https://example.org' not in shown
    keeper, reader = somebody(tree.customer, ["keep_notes"]), somebody(tree.customer, ["personal_data"])
    assert "alert(1)" in text(page(client_of(reader), tree.station, "station_care"))
    assert client_of(reader).get(reverse("note_edit", args=[note.pk])).status_code == 403
    client_of(keeper).post(reverse("note_edit", args=[note.pk]), {"text": "Better", "drawn": "{}"})
    note.refresh_from_db()
    assert (note.text, note.created_by) == ("Better", tree.bob)
    assert note.edited_at is not None
    as_bob.post(reverse("note_delete", args=[note.pk]), {"confirmed": "1"})
    assert not Note.objects.exists()


def test_contacts_of_the_location_are_shown_at_its_stations_and_masked_to_some(
    tree: Tree, as_bob: Client, client_of: Callable[[User], Client]
) -> None:
    url = reverse("location_contact_add", args=[tree.location.pk])
    typed = {"kind": "technician", "name": "Joost", "phone": "+31 (0)10 123", "email": "j@example.org", "company": "Fix BV"}
    assert "Write the number" in text(as_bob.post(url, typed | {"phone": "javascript:alert(1)"}).content.decode())
    as_bob.post(url, typed)
    shown = page(as_bob, tree.station, "station_care")
    assert 'href="tel:+3110123"' in shown
    assert 'href="mailto:j@example.org"' in shown
    assert "of the location" in text(shown)
    assert "Joost" in as_bob.get(reverse("location", args=[tree.location.pk])).content.decode()
    for address in (reverse("station_care", args=[tree.station.pk]), reverse("location", args=[tree.location.pk])):
        masked = client_of(somebody(tree.customer, [])).get(address).content.decode()
        assert "Fix BV" in masked
        assert not [one for one in ("Joost", "tel:", "j@example.org") if one in masked]
    for route in ("station_history",):
        told = page(client_of(somebody(tree.customer, ["read_audit"])), tree.station, route)
        assert "Joost" not in told


def test_a_document_is_only_ever_saved_and_its_file_goes_with_it(
    tree: Tree, as_bob: Client, client_of: Callable[[User], Client], settings: Any, tmp_path: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    settings.MEDIA_ROOT = tmp_path
    url = reverse("station_document_add", args=[tree.station.pk])
    evil = SimpleUploadedFile("../../x<b>.html", b"<script>alert(1)</script>", content_type="text/html")
    as_bob.post(url, {"file": evil, "title": ""})
    document = Document.objects.get()
    assert document.file.name.startswith("documents/")
    assert "html" not in document.file.name
    answer = as_bob.get(reverse("document", args=[document.pk]))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"  # type: ignore[attr-defined]
    assert client_of(somebody(tree.customer, [])).get(reverse("document", args=[document.pk])).status_code == 403
    settings.DOCUMENT_MAX_MB = 0
    assert "larger than 0 MB" in text(as_bob.post(url, {"file": SimpleUploadedFile("a", b"x"), "title": ""}).content.decode())
    kept = tmp_path / document.file.name
    assert kept.exists()
    with django_capture_on_commit_callbacks(execute=True):
        actions.delete_station(actor=None, station=tree.station)
    assert not Document.objects.exists()
    assert not kept.exists()


def test_a_place_keeps_so_many_documents_and_no_more(tree: Tree, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setitem(care.MOST_OF_A_PLACE, Document, 1)
    add = {"actor": None, "location": tree.location, "title": "Plan", "file_name": "plan.pdf"}
    actions.add_document(**add, file=ContentFile(b"x"))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="1 documents here already"):
        actions.add_document(**add, file=ContentFile(b"x"))  # type: ignore[arg-type]
    assert len(list((tmp_path / "documents").iterdir())) == 1
    actions.add_document(**add, file=ContentFile(b"x"), station=tree.station)  # type: ignore[arg-type]


def test_what_belongs_to_a_station_moves_with_it(tree: Tree) -> None:
    there = actions.create_location(actor=None, organization=tree.partner, name="Yard")
    own = [
        actions.add_note(actor=None, location=tree.location, station=tree.station, text="a"),
        actions.add_contact(actor=None, location=tree.location, station=tree.station, name="b"),
    ]
    stays = actions.add_note(actor=None, location=tree.location, text="c")
    actions.edit_station(actor=None, station=tree.station, location=there)
    for one in (*own, stays):
        one.refresh_from_db()
    assert [one.location for one in own] == [there, there]
    assert stays.location == tree.location


def test_the_tab_costs_the_same_with_few_and_many(tree: Tree, as_bob: Client) -> None:
    url, now = reverse("station_care", args=[tree.station.pk]), timezone.now()
    counts = []
    for _round in range(2):
        for number in range(5):
            planned(tree.station, now + HOUR, now + (number + 2) * HOUR, created_by=tree.ada)
            Note.objects.create(location=tree.location, station=tree.station, text="x", created_by=tree.bob)
            Contact.objects.create(location=tree.location, name="x", created_by=tree.bob)
            Document.objects.create(location=tree.location, title="x", file="documents/x", file_name="x", size=1)
        with CaptureQueriesContext(connection) as queries:
            as_bob.get(url)
        counts.append(len(queries))
    assert counts[0] == counts[1]
