"""A wrong value in the environment stops the start with one clear sentence."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from energycloud import env
from tests.e2e.portal import free_port

ROOT = Path(__file__).resolve().parents[2]
STRONG = "x1Y" * 20


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0, not 'maybe'."),
        ({"OCPP_HEARTBEAT_INTERVAL": "soon"}, "OCPP_HEARTBEAT_INTERVAL must be a whole number of at least 10, not 'soon'."),
        ({"DATABASE_URL": "mysql://u@h/db", "SECRET_KEY": STRONG}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_URL": "postgresql://u@h:5432/", "SECRET_KEY": STRONG}, "DATABASE_URL names no database"),
        ({"DATABASE_URL": "postgresql://u@h:5432/x"}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"REDIS_URL": "http://localhost"}, "REDIS_URL must look like redis://host:6379/0"),
        ({"ALLOWED_HOSTS": "ok.example,https://x.example/"}, "ALLOWED_HOSTS must be names or addresses such as portal.example.org"),
        ({"ALLOWED_HOSTS": "portal.example.org:8000"}, "separated by commas, not 'portal.example.org:8000'."),
        ({"CSRF_TRUSTED_ORIGINS": "portal.example.org"}, "CSRF_TRUSTED_ORIGINS must be origins such as https://portal.example.org"),
        ({"PLATFORM_TIME_ZONE": "Mars/Olympus"}, "PLATFORM_TIME_ZONE must be a time zone such as Europe/Amsterdam, not 'Mars/Olympus'."),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'LOUD'."),
        ({"ENERGYCLOUD_VAR": "/dev/null/var"}, "ENERGYCLOUD_VAR: the folder /dev/null/var cannot be made"),
        ({"MAP_TILES_URL": "tiles.example.org"}, "MAP_TILES_URL must be a URL such as https://"),
        ({"EMAIL_URL": "mailto:me"}, "EMAIL_URL must look like smtp+tls://"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_wrong_value_stops_the_start_with_one_sentence(variables: dict[str, str], sentence: str, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=clean | {"ENERGYCLOUD_VAR": str(tmp_path)} | variables,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Energy Cloud cannot start: ")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "a sentence, no traceback"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:1/x"}, "The database of DATABASE_URL cannot be reached: "),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "The Redis of REDIS_URL cannot be reached: "),
    ],
    ids=["database", "redis"],
)
def test_an_engine_that_cannot_be_reached_stops_the_start_with_one_sentence(
    variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    clean |= {"ENERGYCLOUD_VAR": str(tmp_path), "SECRET_KEY": STRONG, "PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=clean | variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "a sentence, no traceback"
    assert "geheim" not in done.stderr


def test_a_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    first = env.secret("SECRET_KEY", tmp_path)
    assert len(first) >= 50
    assert env.secret("SECRET_KEY", tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_the_folder_of_the_data_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGYCLOUD_VAR", str(tmp_path / "var"))
    assert stat.S_IMODE(env.folder("ENERGYCLOUD_VAR", tmp_path).stat().st_mode) == 0o700


def test_mail_settings_are_read_from_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp+tls://robot:secret@mail.example.org:587")
    settings = env.mail("EMAIL_URL")
    assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"], settings["EMAIL_USE_TLS"]) == ("mail.example.org", 587, True)
    monkeypatch.delenv("EMAIL_URL")
    assert env.mail("EMAIL_URL") == {}


def test_pictures_may_come_from_the_tile_server_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAP_TILES_URL", "https://{s}.tiles.example.org/{z}/{x}/{y}.png?key=1")
    assert env.origin("MAP_TILES_URL") == "https://*.tiles.example.org"


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("yes", True), ("0", False), ("", False), (None, True)])
def test_flags(raw: str | None, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if raw is None:
        monkeypatch.delenv("SOME_FLAG", raising=False)
    else:
        monkeypatch.setenv("SOME_FLAG", raw)
    assert env.flag("SOME_FLAG", True) is value


def test_numbers_have_a_least_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NUMBER", "4")
    assert env.number("SOME_NUMBER", 9) == 4
    with pytest.raises(ImproperlyConfigured, match="at least 5"):
        env.number("SOME_NUMBER", 9, least=5)
