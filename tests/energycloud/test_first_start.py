"""The first administrator, the demo, and what `up` refuses."""

from __future__ import annotations

import io
import json
import re
import socket
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from energycloud.demo import data, stations_file
from energycloud.management.commands import up
from stations import credentials
from stations.models import CapacityUse, Knock, MeterSample, Station, Transaction
from tenancy.models import Organization, User


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path, settings: object) -> Path:
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    return tmp_path


class TestFirstAdministrator:
    @pytest.fixture(autouse=True)
    def _clean(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("ENERGYCLOUD_ADMIN_EMAIL", "ENERGYCLOUD_ADMIN_PASSWORD"):
            monkeypatch.delenv(name, raising=False)

    def test_gets_a_random_password_that_is_printed_once(self) -> None:
        told = run("first_administrator")
        password = re.search(r"Password: (\S{20})  ", told)
        assert password
        user = User.objects.get()
        assert user.email == "admin@localhost"
        assert user.check_password(password[1])
        assert user.organization == Organization.objects.get(parent=None)
        assert run("first_administrator") == ""
        assert User.objects.count() == 1

    def test_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENERGYCLOUD_ADMIN_EMAIL", "Grace@Example.org")
        monkeypatch.setenv("ENERGYCLOUD_ADMIN_PASSWORD", "violet-turbine-41")
        assert "violet-turbine-41" not in run("first_administrator")
        assert User.objects.get(email="grace@example.org").check_password("violet-turbine-41")

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [("ENERGYCLOUD_ADMIN_EMAIL", "nobody", "must be an e-mail address"), ("ENERGYCLOUD_ADMIN_PASSWORD", "password", "will not do")],
    )
    def test_a_wrong_value_says_so_and_makes_nobody(self, name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(CommandError, match=f"{name}.*{sentence}"):
            run("first_administrator")
        assert not User.objects.exists()

    def test_can_log_in_with_a_renewed_password(self) -> None:
        run("first_administrator")
        told = run("first_administrator", "--new-password")
        password = told.split(": ")[1].split()[0]
        client = Client()
        client.post(reverse("account_login"), {"login": "admin@localhost", "password": password})
        assert client.session.get("_auth_user_id") == str(User.objects.get().pk)


class TestDemo:
    def test_needs_a_platform(self, db: None, folder: Path) -> None:
        with pytest.raises(CommandError, match="first_administrator"):
            run("demo")

    @pytest.mark.django_db(transaction=True)
    def test_is_a_small_believable_tree_and_is_made_once(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENERGYCLOUD_ADMIN_PASSWORD", "violet-turbine-41")
        run("first_administrator")
        told = run("demo")
        kinds = list(Organization.objects.values_list("kind", flat=True))
        assert (kinds.count("partner"), kinds.count("customer"), kinds.count("sub")) == (2, 5, 2)
        assert Station.objects.count() == 40
        assert Station.objects.filter(first_connected_at=None).count() >= 3
        assert len(set(Station.objects.exclude(vendor="").values_list("vendor", flat=True))) >= 9
        assert Transaction.objects.count() > 300
        assert MeterSample.objects.count() > 5000
        assert Knock.objects.get().identity == data.STRANGER[1]
        sharing = Station.objects.filter(location__capacity__active=True, active=True)
        assert set(sharing.values_list("ocpp_version", flat=True)) >= {"1.6", "2.0.1"}
        assert CapacityUse.objects.filter(connector__station__in=sharing, energy__gt=0).count() > 100
        for email, password in re.findall(r"  (\S+@\S+)  (\S+)", told):
            assert User.objects.get(email=email).check_password(password)

        kept = json.loads(stations_file().read_text())
        assert stat.S_IMODE(stations_file().stat().st_mode) == 0o600
        assert len(kept["stations"]) >= 20
        for entry in kept["stations"]:
            assert Station.objects.get(identity=entry["identity"]).password_digest == credentials.digest(entry["password"])
            assert entry["cards"], "its drivers need a card that is accepted"

        before = Transaction.objects.count()
        assert run("demo") == ""
        assert (Station.objects.count(), Transaction.objects.count()) == (40, before)

        # The file is lost: the stations get new passwords, or the simulator could never connect again.
        stations_file().unlink()
        assert "new passwords" in run("demo")
        renewed = json.loads(stations_file().read_text())["stations"]
        assert {entry["identity"] for entry in renewed} == {entry["identity"] for entry in kept["stations"]}
        assert Station.objects.get(identity=renewed[0]["identity"]).password_digest == credentials.digest(renewed[0]["password"])

    @pytest.mark.django_db(transaction=True)
    def test_every_past_transaction_is_plausible_but_the_planted_ones(self, folder: Path) -> None:
        run("first_administrator")
        run("demo")
        odd = [t for t in Transaction.objects.all() if t.ended_at is None or t.energy_wh < 0 or t.ended_at <= t.started_at or t.problems]
        assert len(odd) == 5
        for station in Station.objects.all():
            last = None
            for number in {c.pk for c in station.connectors.all()}:
                last = None
                for row in Transaction.objects.filter(connector=number, problems=[]).exclude(ended_at=None).order_by("started_at"):
                    assert last is None or (last.ended_at and row.started_at >= last.ended_at), "one car at a time"
                    assert row.transaction_id == str(row.pk)
                    last = row


class TestUp:
    def test_a_port_in_use_is_said_before_anything_starts(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(CommandError, match=r"Port \d+ of 127\.0\.0\.1 cannot be used"):
                up.check_free("127.0.0.1", taken.getsockname()[1])

    def test_static_files_are_collected_again_only_when_one_has_changed(
        self, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "a.css").write_text("a{}")
        settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], tmp_path / "collected"  # type: ignore[attr-defined]
        calls: list[str] = []
        monkeypatch.setattr(up, "call_command", lambda name, **_options: calls.append(name))
        up.collect_static()
        up.collect_static()
        assert calls == ["collectstatic"]
        (source / "a.css").write_text("a{color:red}")
        up.collect_static()
        assert len(calls) == 2


class TestSimulate:
    def test_without_a_demo_it_says_what_to_do(self, folder: Path) -> None:
        with pytest.raises(CommandError, match=r"manage\.py demo"):
            run("simulate")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--identity", "A", "--identity", "B", "--identity", "C", "--password", "x", "--password", "y"], "as many × --password"),
            (["--url", "http://127.0.0.1/"], "must begin with ws://"),
            (["--speed", "0"], "must be above 0"),
            (["--identity", "A", "--security-profile", "3"], "needs --certificate and --key"),
            (["--identity", "A", "--password", "x", "--trust", "/nowhere.pem"], "cannot be read"),
        ],
    )
    def test_wrong_options_are_refused(self, arguments: list[str], sentence: str, folder: Path) -> None:
        with pytest.raises(CommandError, match=sentence):
            run("simulate", *arguments)
