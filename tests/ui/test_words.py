"""The small words of every page."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from ui.lists import harmless
from ui.templatetags import ui

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("ago", "words"),
    [(0, "just now"), (30, "30 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (3 * 3600 + 5, "3 h ago")],
)
def test_times_are_relative_within_a_day_and_exact_on_hover(ago: float, words: str) -> None:
    shown = ui.when(timezone.now() - timedelta(seconds=ago + 0.2), "Europe/Amsterdam")
    assert f">{words}<" in shown
    assert "CET" in shown or "CEST" in shown


def test_older_and_future_times_are_dates_in_the_zone() -> None:
    assert ">24 Oct 2021 02:30<" in ui.when(datetime(2021, 10, 24, 0, 30, tzinfo=UTC), "Europe/Amsterdam")
    assert ">31 Oct 2021 02:30<" in ui.when(datetime(2021, 10, 31, 1, 30, tzinfo=UTC), "Europe/Amsterdam"), "the second half past two"
    assert " ago" not in ui.when(timezone.now() + timedelta(hours=2))
    assert ui.when(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (-1, "–"),
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (90, "2 min"),
        (3599, "1 h 00 min"),
        (50 * 3600 + 1800, "2 days 3 h"),
        (3661, "1 h 01 min"),
        (47 * 3600, "47 h 00 min"),
        (50 * 3600, "2 days 2 h"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert ui.duration(seconds) == words
    if seconds is not None:
        assert ui.duration(timedelta(seconds=seconds)) == words


def test_numbers_have_their_unit() -> None:
    assert ui.kwh(12_944) == "12.94\N{NO-BREAK SPACE}kWh"
    assert ui.kwh(-990) == "-0.99\N{NO-BREAK SPACE}kWh"
    assert ui.kwh(0) == "0.00\N{NO-BREAK SPACE}kWh"
    assert ui.kwh(None) == ui.kw(None) == "–"
    assert (ui.grouped(7), ui.grouped(1_204_000)) == ("7", "1,204,000")
    assert ui.kw(10_849) == "10.8\N{NO-BREAK SPACE}kW"


def test_a_state_is_a_dot_and_a_word_and_its_word_is_escaped() -> None:
    assert ui.state("fault", "<b>") == '<span class="state state-fault">&lt;b&gt;</span>'
    with pytest.raises(AssertionError):
        ui.state("green", "fine")


def test_the_scope_is_kept_in_links() -> None:
    template = Template("{% keep page=2 q='a&b' none='' %}")
    request = RequestFactory().get("/", {"in": "o12", "page": "7"})
    assert template.render(Context({"request": request})) == "?in=o12&amp;page=2&amp;q=a%26b"
    assert Template("{% keep %}").render(Context({"request": RequestFactory().get("/")})) == ""


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+31", "'+31"),
        ("-5 kW", "'-5 kW"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        (-5, -5),
        (1.5, 1.5),
        ("a=1", "a=1"),
        (None, None),
    ],
)
def test_a_cell_is_never_a_formula_and_a_number_stays_one(value: object, cell: object) -> None:
    assert harmless(value) == cell


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    done = subprocess.run([sys.executable, "scripts/frontend.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sprite = (ROOT / "var" / "frontend" / "icons.svg").read_text()
    assert sprite.count("<symbol ") > 20
    assert "<script" not in sprite
