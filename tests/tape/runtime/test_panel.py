"""The numbers that are shown: of the owner alone, and of the loop once it runs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from tape.execution.counts import Counts
from tape.execution.executor import Executor
from tape.exporters.publisher import Publisher
from tape.owner.owner import Owner
from tape.runtime.loop import Loop
from tape.runtime.panel import Watched, _span
from tape.settings import load_settings
from tape.store.database import closing, open_database
from tests.conftest import AS_OF


class _Counting:
    """Stands where an executor stands."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts


def _loop(counts: Counts) -> Loop:
    return Loop(cast(Executor, _Counting(counts)), 1.0, lambda: None)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(Owner(tmp_path, load_settings(tmp_path)))


def test_before_anything_runs_there_is_only_the_uptime(watched: Watched) -> None:
    assert list(watched.numbers()) == ["uptime"]


def test_once_the_loop_runs_its_counts_are_shown(watched: Watched) -> None:
    watched.loop = _loop(Counts())
    first = watched.numbers()
    assert (first["NAV"], first["positions"], first["ticks"]) == ("-", "0", "0")
    counts = Counts(
        ticks=1234,
        events=45_678,
        fills=9,
        vetoes=2,
        shadow_allowed=5,
        shadow_vetoed=1,
        overruns=3,
        missed_ticks=4,
        lag_s=0.0127,
        equity_usd=10_012.5,
        positions=2,
        realized_usd=-1.5,
    )
    watched.loop = _loop(counts)
    watched.loop.failures = 6
    shown = watched.numbers()
    assert {name: shown[name] for name in ("NAV", "realized", "positions", "ticks", "events", "fills")} == {
        "NAV": "10,012.50 USD",
        "realized": "-1.50 USD",
        "positions": "2",
        "ticks": "1,234",
        "events": "45,678",
        "fills": "9",
    }
    assert (shown["shadow"], shown["lag"]) == ("5 allowed, 1 vetoed", "13 ms")
    assert shown["left out"] == "3 late, 4 without venue, 6 failed"
    assert "files" not in shown


def test_of_the_owner_it_shows_rows_files_the_oldest_and_what_fails(database: Path) -> None:
    home = database.parent.parent
    owner = Owner(home, load_settings(home))
    with closing(open_database(database)) as connection:
        owner.publisher = Publisher(connection, home / "logs" / "state", configured=owner.settings.configured)
        owner.versions = {"ticks": 1200, "marks": 7}
        watched = Watched(owner)
        assert "files" not in watched.numbers(), "not before it serves"
        owner.serving.set()
        assert (watched.numbers()["files"], watched.numbers()["oldest file"]) == ("0 written, 0 of 14 there", "-")
        owner.publisher.publish_due({}, AS_OF, writing=nullcontext())
        probe = next(each for each in owner.publisher.publications if each.file.stem == "v6_runtime_probe")
        assert probe.published_at is not None
        probe.published_at -= 75
        probe.error = "no"
        shown = watched.numbers()
        owner.publisher.close()
    assert (shown["stored"], shown["files"]) == ("1,200", "14 written, 14 of 14 there")
    assert shown["oldest file"].startswith("v6_runtime_probe.json, 1:")
    assert shown["failing"] == "v6_runtime_probe.json"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (9.96, "9.9 s"),
        (59.99, "59.9 s"),
        (60.0, "1:00"),
        (3599.9, "59:59"),
        (3600.0, "1:00:00"),
        (90_061.0, "25:01:01"),
    ],
)
def test_spans_are_short(seconds: float, text: str) -> None:
    assert _span(seconds) == text
