"""The same for many stations: the look before, the work, what becomes of crashes, two workers, lost rights, retry and cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations import actions
from stations.bulk import KINDS, Done, Kind, jobs
from stations.models import BulkItem, BulkJob, Command, Location, MaintenanceWindow, OutOfService, Station
from stations.ocpp.intents import Reset
from tenancy import rights
from tenancy.models import AuditEntry, User
from tests.conftest import Tree
from tests.stations.sheets import charging, online, report, text
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db


def fleet(location: Location, count: int, **fields: Any) -> list[Station]:
    stations = Station.objects.bulk_create(
        [Station(location=location, identity=f"M-{number:04}", password_digest="x") for number in range(count)]
    )
    now = timezone.now()
    known = {"connected": True, "first_connected_at": now, "connected_at": now, "last_message_at": now, "ocpp_version": "1.6"}
    Station.objects.filter(identity__startswith="M-").update(**(known | fields))
    return stations


def chosen(tree: Tree, slug: str = "reset-soft", **params: Any) -> BulkJob:
    """A job of Bob's at the stations of `fleet`, looked at."""
    return actions.look_at_many(actor=tree.bob, kind=KINDS[slug], stations=Station.objects.filter(identity__startswith="M-"), params=params)


def begun(tree: Tree, at_once: int = 20, slug: str = "reset-soft", **params: Any) -> BulkJob:
    job = chosen(tree, slug, **params)
    actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS[slug], at_once=at_once)
    return job


def work(job: BulkJob) -> dict[str, int]:
    """A turn of the worker; how many items are how."""
    jobs.run(job.pk)
    job.refresh_from_db()
    return jobs.counted(job.items.all())


def answer(state: str = "accepted", **fields: Any) -> int:
    status = {"accepted": "Accepted", "rejected": "Rejected"}.get(state, "")
    return Command.objects.filter(state__in=Command.OPEN).update(state=state, answer={"status": status}, **fields)


def test_many_are_looked_at_then_asked_so_many_at_a_time_until_all_have_answered(tree: Tree, as_bob: Client) -> None:
    fleet(tree.location, 5)
    charging(online(tree.station))
    keys = list(Station.objects.filter(location=tree.location).values_list("pk", flat=True))
    asked = as_bob.post(reverse("stations"), {"grouped": "reset-soft", "select": [*keys, tree.other_station.pk]}, follow=True)
    job = BulkJob.objects.get()
    assert (job.state, job.organization) == ("planned", tree.customer)
    assert "Will be done 6 Left out 1" in text(asked.text)
    assert "6 stations start again" in text(asked.text)
    assert "1 car is charging there; its transaction ends." in text(asked.text)
    assert "1 · The station has never connected." in text(asked.text)
    assert not Command.objects.exists()
    as_bob.post(reverse("bulk_job_begin", args=[job.pk]), {"at_once": "4"})
    assert work(job) == {"refused": 1, "running": 4, "waiting": 2}
    assert work(job) == {"refused": 1, "running": 4, "waiting": 2}
    answer()
    assert work(job) == {"refused": 1, "done": 4, "running": 2}
    answer("rejected")
    assert work(job) == {"refused": 1, "done": 4, "failed": 2}
    assert job.state == "done"
    page = text(as_bob.get(reverse("bulk_job", args=[job.pk]), {"state": "failed"}).text)
    assert "Reset refused by the station" in page
    assert "Try the 2 that failed again" in page
    lines = b"".join(as_bob.get(reverse("bulk_job", args=[job.pk]), {"export": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert lines.count("Reset accepted") == 4
    assert {entry.verb for entry in AuditEntry.objects.filter(object_type="stations.bulkjob")} == {"bulk_look", "bulk_begin"}
    assert "Began “ Soft reset ” at many stations Stations" in text(as_bob.get(reverse("history")).text)


def test_many_are_looked_at_by_a_worker_which_the_clock_reminds(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tree.location, 7)
    reminded: list[int] = []
    monkeypatch.setattr(jobs, "IN_REQUEST", 5)
    monkeypatch.setattr(jobs, "PORTION", 3)
    monkeypatch.setattr(jobs, "SLICE", 0)
    monkeypatch.setattr(jobs.django_rq, "enqueue", lambda job, pk: reminded.append(pk))
    job = chosen(tree, "inoperative")
    assert "Each station is looked at, nothing is done: 0 of 7." in text(as_bob.get(reverse("bulk_job", args=[job.pk])).text)
    jobs.enqueue_due()
    assert work(job) == {"waiting": 3, "looking": 4}
    assert "3 of 7." in text(as_bob.get(reverse("bulk_job_live", args=[job.pk])).text)
    assert work(job) == {"waiting": 6, "looking": 1}
    assert (work(job), job.state) == ({"waiting": 7}, "planning")
    assert (work(job), job.state) == ({"waiting": 7}, "planned")
    assert job.consequences == ["Nobody can start charging at 7 stations until they are put in service again."]
    jobs.enqueue_due()
    assert reminded == [job.pk] * 4
    as_bob.post(reverse("bulk_job_cancel", args=[job.pk]))
    assert (work(job), job.state) == ({"cancelled": 7}, "cancelled")


def test_what_failed_is_tried_again_and_the_rest_cancelled(tree: Tree, as_bob: Client) -> None:
    fleet(tree.location, 6)
    job = begun(tree, at_once=2)
    work(job)
    answer("timed_out")
    assert work(job) == {"failed": 2, "running": 2, "waiting": 2}
    as_bob.post(reverse("bulk_job_cancel", args=[job.pk]))
    assert work(job) == {"failed": 2, "running": 2, "cancelled": 2}
    page = text(as_bob.get(reverse("bulk_job", args=[job.pk])).text)
    assert "2 of 4 stations are over." in page
    assert "Failed, because 2 · No answer within" in page
    assert job.state == "running"
    answer()
    assert work(job) == {"failed": 2, "done": 2, "cancelled": 2}
    assert job.state == "cancelled"
    as_bob.post(reverse("bulk_job_retry", args=[job.pk]))
    assert work(job) == {"running": 2, "done": 2, "cancelled": 2}
    answer()
    assert work(job) == {"done": 4, "cancelled": 2}
    assert (job.state, Command.objects.count()) == ("cancelled", 6)
    assert sorted(job.items.values_list("attempt", flat=True)) == [1, 1, 1, 1, 2, 2]


def test_a_right_that_is_lost_and_a_station_that_went_away_end_in_a_reason(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tree.location, 3)
    job = begun(tree, at_once=1)
    Station.objects.filter(identity="M-0000").update(connected=False, disconnected_at=timezone.now() - timedelta(hours=1))
    assert work(job) == {"failed": 1, "running": 1, "waiting": 1}
    assert job.items.get(state="failed").text.startswith("The station is offline.")
    answer()
    granted = rights.reach
    monkeypatch.setattr(rights, "reach", lambda user, right="read": rights.NOWHERE if right == "reset_stations" else granted(user, right))
    work(job)
    # What was asked keeps its answer; what was not is not asked
    told = job.items.exclude(station__identity="M-0000").values_list("state", "text")
    assert sorted(told) == [
        ("done", "Reset accepted. The station comes back by itself within minutes."),
        ("failed", "The right “Reset stations” is missing there."),
    ]
    assert Command.objects.count() == 1


def test_after_a_right_is_lost_no_further_step_is_taken(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(actor: User, params: Any, situation: Any, item: BulkItem, answered: Sequence[Command]) -> Any:
        return [actions.ask(actor=actor, station=situation.station, intent=Reset(), item=item)]

    monkeypatch.setitem(KINDS, "test", kind_of(step))
    fleet(tree.location, 1)
    job = begun(tree, slug="test")
    work(job)
    answer()
    monkeypatch.setattr(rights, "reach", lambda user, right="read": rights.NOWHERE)
    assert work(job) == {"failed": 1}
    assert Command.objects.count() == 1


def test_who_has_no_login_any_more_does_nothing(tree: Tree) -> None:
    fleet(tree.location, 2)
    job = begun(tree)
    User.objects.filter(pk=tree.bob.pk).update(is_active=False)
    assert work(job) == {"failed": 2}
    assert not Command.objects.exists()


def kind_of(step: Callable[..., Any], refusal: Callable[..., str] = lambda params, situation: "") -> Kind:
    return Kind("test", "Test", "refresh", rights.RESET_STATIONS, refusal, step, lambda params: "Test")


def test_a_crash_in_the_middle_loses_nothing_and_repeats_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tree.location, 4)
    died: list[int] = []

    def step(actor: User, params: Any, situation: Any, item: BulkItem, answered: Sequence[Command]) -> Any:
        if answered:
            return Done("Well.")
        command = actions.ask(actor=actor, station=situation.station, intent=Reset(), item=item)
        if situation.station.identity == "M-0002" and not died:
            died.append(1)
            raise KeyboardInterrupt  # the process ends between the command and the commit
        return [command]

    monkeypatch.setitem(KINDS, "test", kind_of(step))
    job = begun(tree, slug="test")
    with pytest.raises(KeyboardInterrupt):
        jobs.run(job.pk)
    assert Command.objects.count() == 2
    BulkJob.objects.filter(pk=job.pk).update(leased_until=timezone.now() + timedelta(seconds=30))
    assert work(job) == {"running": 2, "waiting": 2}, "somebody seems to be at it"
    BulkJob.objects.filter(pk=job.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    assert work(job) == {"running": 4}
    assert sorted(Command.objects.values_list("station__identity", flat=True)) == ["M-0000", "M-0001", "M-0002", "M-0003"]
    answer()
    assert work(job) == {"done": 4}


def test_a_fault_at_one_station_is_its_own(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tree.location, 4)
    tried: list[str] = []

    def step(actor: User, params: Any, situation: Any, item: BulkItem, answered: Sequence[Command]) -> Any:
        tried.append(situation.station.identity)
        Station.objects.filter(pk=situation.station.pk).update(alias="half done")
        if situation.station.identity == "M-0001":
            raise ZeroDivisionError
        if situation.station.identity == "M-0002" and tried.count("M-0002") == 1:
            raise OperationalError("deadlock")
        return Done()

    def refusal(params: Any, situation: Any) -> str:
        return str(1 / 0) if situation.station.identity == "M-0003" else ""

    monkeypatch.setitem(KINDS, "test", kind_of(step, refusal))
    assert work(begun(tree, slug="test")) == {"done": 2, "failed": 1, "refused": 1}
    assert tried == ["M-0000", "M-0001", "M-0002", "M-0002"]
    assert set(Station.objects.filter(alias="half done").values_list("identity", flat=True)) == {"M-0000", "M-0002"}


@pytest.mark.engines
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_ask_no_station_twice(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when both believe to hold the lease, and both go on from the same answers."""
    fleet(tree.location, 40)
    monkeypatch.setattr(jobs.django_rq, "enqueue", lambda *given: None)

    def step(actor: User, params: Any, situation: Any, item: BulkItem, answered: Sequence[Command]) -> Any:
        return Done() if len(answered) > 1 else [actions.ask(actor=actor, station=situation.station, intent=Reset(), item=item)]

    monkeypatch.setitem(KINDS, "test", kind_of(step))
    monkeypatch.setattr(jobs, "_lease", lambda job: True)
    job = begun(tree, at_once=200, slug="test")
    failed: list[BaseException] = []

    def both() -> None:
        start = threading.Barrier(2)

        def worker() -> None:
            try:
                start.wait()
                jobs._work(BulkJob.objects.select_related("actor__organization").get(pk=job.pk), 1e12)
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=worker) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for total in (40, 80, 80):
        both()
        assert not failed
        assert Command.objects.count() == total
        answer()
    job.refresh_from_db()
    assert (job.state, jobs.counted(job.items.all())) == ("done", {"done": 40})


def test_the_same_number_of_queries_for_three_stations_and_for_thirty(
    tree: Tree, as_bob: Client, django_assert_max_num_queries: Any
) -> None:
    fleet(tree.location, 60)
    report(tree.station, 1, "Available")
    with django_assert_max_num_queries(30):
        job = chosen(tree)
    Station.objects.filter(identity__startswith="M-").update(connected=False)
    with django_assert_max_num_queries(30):
        assert chosen(tree).items.filter(state="refused").count() == 60
    for url in (reverse("bulk_job", args=[job.pk]), reverse("bulk_jobs")):
        with django_assert_max_num_queries(16):
            as_bob.get(url)


def test_each_sees_of_a_job_what_they_see_of_stations(
    tree: Tree, client_of: Callable[[User], Client], as_cy: Client, as_ada: Client
) -> None:
    stations = Station.objects.filter(pk__in=[tree.station.pk, tree.other_station.pk])
    job = actions.look_at_many(actor=tree.ada, kind=KINDS["reset-soft"], stations=stations)
    assert job.organization == tree.platform
    url = reverse("bulk_job", args=[job.pk])
    assert as_cy.get(url).status_code == 404
    assert "VOLT-0001" in as_ada.get(url).text
    job.items.update(state="waiting")
    BulkJob.objects.filter(pk=job.pk).update(consequences=["8 of 8 passes will no longer work."])
    assert "8 of 8 passes" in as_ada.get(url).text
    assert "8 of 8 passes" not in client_of(tree.bob).get(url).text  # that was counted for Ada
    BulkJob.objects.filter(pk=job.pk).update(actor=tree.bob)
    own = client_of(tree.bob).get(url).text
    assert "LUM-0001" in own
    assert "VOLT-0001" not in own
    looking = somebody(tree.platform, ["read_logs"])
    assert client_of(looking).get(url).status_code == 403
    assert job.pk not in [row.record.pk for row in client_of(looking).get(reverse("bulk_jobs")).context["table"].rows]
    answer = as_ada.post(reverse("bulk_job_begin", args=[job.pk]), {"at_once": "5"}, follow=True)
    assert "Bob chose these stations, and it is done with the rights of who chose them" in text(answer.text)
    blind = client_of(somebody(tree.platform, ["reset_stations"])).post(
        reverse("bulk_job_begin", args=[job.pk]), {"at_once": "5"}, follow=True
    )
    assert "it is done with the rights of who chose them" in text(blind.text)
    assert "Bob" not in text(blind.text)


@pytest.mark.parametrize(
    ("slug", "params", "state", "asked"),
    [
        ("unlock", {}, "running", [("UnlockConnector", {"connectorId": 1}), ("UnlockConnector", {"connectorId": 2})]),
        ("trigger", {"message": "Heartbeat"}, "running", [("TriggerMessage", {"requestedMessage": "Heartbeat"})]),
        (
            "inoperative",
            {"until": "2039-01-01T08:00:00+00:00", "comment": "New meter"},
            "running",
            [("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})],
        ),
        ("operative", {}, "It is in service already.", []),
        ("stop", {}, "Nothing is charging here.", []),
        ("activate", {}, "It may connect already.", []),
        ("deactivate", {}, "Deactivated.", []),
        ("data", {"phases": 1, "max_current": None}, "Changed.", []),
        ("data", {"phases": 3}, "It is so already.", []),
    ],
)
def test_kinds(slug: str, params: dict[str, Any], state: str, asked: list[Any], tree: Tree) -> None:
    online(tree.station)
    job = actions.look_at_many(actor=tree.bob, kind=KINDS[slug], stations=Station.objects.filter(pk=tree.station.pk), params=params)
    assert KINDS[slug].title(params)
    if job.items.get().state == "waiting":
        actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS[slug], at_once=1)
        work(job)
    item = job.items.get()
    assert state in (item.state, item.text)
    assert [(command.action, command.payload) for command in Command.objects.order_by("pk")] == asked
    expected = {"inoperative": ["New meter"], "deactivate": [""]}.get(slug, [])
    assert list(OutOfService.objects.values_list("comment", flat=True)) == expected
    tree.station.refresh_from_db()
    assert (tree.station.active, tree.station.phases) == (slug != "deactivate", params.get("phases", 3))


def test_forms_ask_first_and_only_what_is_ticked_is_changed(tree: Tree, as_bob: Client) -> None:
    data = {"grouped": "data", "select": [tree.station.pk, tree.dc_station.pk], "confirmed": "1", "phases": "1", "voltage": "115"}
    assert "Tick what is to be changed." in text(as_bob.post(reverse("stations"), data).text)
    page = as_bob.post(reverse("stations"), data | {"change_phases": "on"}, follow=True)
    assert "Change: Phases: 1" in text(page.text)
    job = BulkJob.objects.get()
    assert job.params == {"phases": 1}
    actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS["data"], at_once=2)
    assert work(job) == {"done": 2}
    assert set(Station.objects.filter(location=tree.location).values_list("phases", "voltage")) == {(1, 230), (1, 400)}


def test_technical_data_are_checked_and_told_before_connectors_too(tree: Tree, as_bob: Client) -> None:
    data = {"grouped": "data", "select": [tree.station.pk, tree.dc_station.pk], "confirmed": "1"}
    for name, value, said in (
        ("voltage", "0", "Enter 100 or more"),
        ("voltage", "32767", "Enter 1500 or less"),
        ("max_current", "0", "Enter 1 or more"),
    ):
        assert said in text(as_bob.post(reverse("stations"), data | {f"change_{name}": "on", name: value}).text), (name, value)
    assert not BulkJob.objects.exists()
    as_bob.post(reverse("stations"), data | {"change_current_type": "on", "current_type": "DC"})
    (said, warning) = BulkJob.objects.get().consequences
    assert said == "Current: AC → DC at 1 station"
    assert warning.startswith("At 1 station no connector fits this current then")
    more = {"change_plug": "on", "plug": "CCS", "change_format": "on", "format": "cable", "change_connector_current": "on"}
    as_bob.post(reverse("stations"), data | {"change_current_type": "on", "current_type": "DC", "connector_current": "80"} | more)
    job = BulkJob.objects.latest("pk")
    assert "Plug: Type 2 → CCS at 2 connectors" in job.consequences
    assert not any("fits" in one for one in job.consequences)
    actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS["data"], at_once=2)
    assert work(job) == {"done": 2}
    rows = tree.station.connectors.filter(number__gt=0)
    assert set(rows.values_list("format", "plug", "max_current")) == {("cable", "CCS", 80)}


def test_a_hardware_template_is_taken_over_at_many(tree: Tree, as_bob: Client) -> None:
    fields = {"current_type": "DC", "voltage": 400, "connectors": 3, "format": "cable", "plug": "CCS", "connector_current": 125}
    own = actions.create_hardware_template(actor=None, organization=tree.customer, name="Fast", **fields)
    other = actions.create_hardware_template(actor=None, organization=tree.partner, name="Kept", below=False, **fields)
    data = {"grouped": "hardware-template", "select": [tree.station.pk, tree.dc_station.pk], "confirmed": "1"}
    as_bob.post(reverse("stations"), data | {"template": other.pk})
    assert {item.text for item in BulkItem.objects.all()} == {"The template belongs to another organization and does not serve here."}
    as_bob.post(reverse("stations"), data | {"template": own.pk})
    job = BulkJob.objects.latest("pk")
    assert {"Current: AC → DC at 1 station", "Plug: Type 2 → CCS at 2 connectors"} <= set(job.consequences)
    actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS["hardware-template"], at_once=2)
    assert work(job) == {"done": 2}
    for station in (tree.station, tree.dc_station):
        assert list(station.connectors.filter(number__gt=0).values_list("plug", "max_current")) == [("CCS", 125)] * 3


def test_maintenance_of_many_is_ended_or_cancelled_again(tree: Tree, as_bob: Client) -> None:
    now = timezone.now()
    stations = fleet(tree.location, 3)
    for start, comment in ((now, "Meters"), (now + timedelta(days=1), "Meters"), (now + timedelta(days=1), "Roof")):
        actions.plan_maintenance(
            actor=None, stations=stations[:2], starts_at=start, ends_at=start + timedelta(hours=4), comment=comment
        )  # fmt: skip
    data = {"grouped": "end-maintenance", "select": [one.pk for one in stations], "confirmed": "1", "comment": "Meters"}
    assert "Tick what is to be ended" in text(as_bob.post(reverse("stations"), data).text)
    as_bob.post(reverse("stations"), data | {"running": "on", "coming": "on"})
    job = BulkJob.objects.get()
    assert [one.split(" ")[0] for one in job.consequences] == ["2", "2"]
    actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS["end-maintenance"], at_once=5)
    assert work(job) == {"refused": 1, "done": 2}
    assert set(MaintenanceWindow.objects.filter(ends_at__gt=timezone.now()).values_list("comment", flat=True)) == {"Roof"}


def test_stations_move_within_their_organization_only(tree: Tree, as_bob: Client) -> None:
    def located(owner: Any, name: str) -> Location:
        return actions.create_location(actor=None, organization=owner, name=name, city="Rotterdam", country="NL")

    for to, came in ((located(tree.customer, "Quay 8"), "Moved."), (located(tree.partner, "Yard"), "It belongs to another organization")):
        as_bob.post(reverse("stations"), {"grouped": "move", "select": tree.station.pk, "confirmed": "1", "location": to.pk})
        job = BulkJob.objects.latest("pk")
        if job.items.get().state == "waiting":
            actions.begin_bulk_job(actor=tree.bob, job=job, kind=KINDS["move"], at_once=2)
            work(job)
        assert job.items.get().text.startswith(came)
    tree.station.refresh_from_db()
    assert tree.station.location.name == "Quay 8"
