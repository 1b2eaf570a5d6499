"""The wall clock is set back and forward while everything runs, and days are 23 and 25 hours long.

An owner's clock is moved for real: a small library in front of the C library's, built here, moves what it says.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytz

from tape.execution.day import Day
from tape.execution.events import IntentVetoed, MarkObserved, Ticked
from tape.exporters.contract import STATE_FILES
from tape.store.journal.writer import Journal
from tape.store.recovery.backup import backups, forget_all_but, is_backup_due, next_name
from tests.conftest import GivenRows
from tests.programs import fails, tape
from tests.store.old_logs import write_files
from tests.tape.homes import in_order, mirrored, reaches, rows
from tests.tape.owners import Serving, wait_for

HOUR_S = 3600
VETOES = "execution/risk_vetoes.jsonl"
OFTEN = "[backup]\nevery_h = 0\n\n[intervals]\nnav = 0.2\n\n"
UNIVERSE = '[universe]\nuniverse = ["BTCUSDT", "ETHUSDT"]\n'


class Clock:
    """The clock of this test and of the owners it starts: the real one, moved by whole seconds."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "stepped.so", folder / "moved"
        self.moved_s = 0.0
        self.set(0)

    def build(self, compiler: str) -> None:
        source = Path(__file__).with_name("stepped.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._library, source], check=True)

    def set(self, moved_s: float) -> None:
        self.moved_s = float(int(moved_s))
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("d", self.moved_s))

    def go_to(self, instant: datetime) -> None:
        self.set((instant - datetime.now(UTC)).total_seconds())

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.moved_s)

    def now_ns(self) -> int:
        return time.time_ns() + int(self.moved_s) * 10**9

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "STEPPED_CLOCK": str(self._file)}


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler: apt-get install gcc")
    clock = Clock(tmp_path)
    clock.build(compiler)
    return clock


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_files(tmp_path / "home", {"tape.toml": OFTEN + UNIVERSE})
    return tmp_path / "home"


def nav(home: Path) -> dict[str, Any]:
    """The published nav.json, which the owner may be about to publish for the first time."""
    wait_for((home / "logs" / "state" / "nav.json").exists, "nav.json is not published")
    return dict(json.loads((home / "logs" / "state" / "nav.json").read_bytes()))


def test_nothing_stalls_is_lost_or_changes_its_order_when_the_clock_is_set_by_an_hour(home: Path, clock: Clock) -> None:
    with (
        Serving(home, **clock.environment) as owner,
        Journal(home, "executor", clock_ns=clock.now_ns) as journal,
    ):
        recorded: list[str] = []
        for moved_s in (0, -HOUR_S, 0, HOUR_S, 0):
            clock.set(moved_s)
            equity, veto = 1000.0 + len(recorded), f"v{len(recorded)}"
            journal.record(
                [
                    Ticked(ts=clock.now(), equity_usd=equity),
                    IntentVetoed(event_id=veto, ts=clock.now(), symbol="BTCUSDT", veto_reason="min_notional"),
                ]
            )
            recorded.append(veto)
            wait_for(partial(_shows, home, equity), f"nav.json stalls where the clock moved by {moved_s}: {owner.log}")
            assert abs(nav(home)["updated_ts"] - clock.now().timestamp()) < HOUR_S / 2
            wait_for(partial(reaches, home, VETOES, len(recorded)), "the log stalls")
            status = owner.status()
            assert not [each for each in [*status["workers"].values(), *status["files"].values()] if each["error"]]
            assert owner.value("select abs(epoch(now()) - epoch(as_of)) < 1 from clock")
        assert owner.log.count("the clock was set back") == 2
        assert [each["gaps"] for each in owner.status()["journal"]] == [0, 0]
        assert owner.end() == 0
    assert mirrored(home, VETOES) == in_order(home, VETOES) == recorded
    assert [number for (number,) in rows(home, "select ingest_seq from ticks order by equity_usd")] == sorted(
        number for (number,) in rows(home, "select ingest_seq from ticks")
    )


def _shows(home: Path, equity: float) -> bool:
    return bool(nav(home)["total_equity"] == equity)


def test_what_is_configured_is_in_force_also_when_it_was_recorded_by_a_clock_that_was_ahead(
    home: Path, clock: Clock
) -> None:
    clock.set(HOUR_S)
    with Serving(home, **clock.environment) as owner:
        wait_for(lambda: (home / "logs" / "state" / STATE_FILES[-1].name).exists(), "nothing is published")
        clock.set(0)
        wait_for(lambda: "the clock was set back" in owner.log, "the step is not seen")
        wait_for(lambda: owner.value("select count(*) from configured_symbols") == 2, "nothing is configured")
    clock.set(HOUR_S)
    clock.set(0)
    with Serving(home, **clock.environment) as again:
        assert again.value("select count(*) from configured_symbols") == 2
        assert again.value("select count(*) from config_snapshots") == 2


def test_a_clock_that_is_set_to_another_year_deletes_nothing_and_is_told(home: Path, clock: Clock) -> None:
    """Marks of the last minutes are years old by the clock of 2030, and none of them goes."""
    with Journal(home, "executor", clock_ns=clock.now_ns) as journal:
        for each in range(200):
            ts = clock.now() - timedelta(days=each / 10)
            journal.record([MarkObserved(ts=ts, symbol="BTCUSDT", mark_price=100.0)])
    with Serving(home, **clock.environment) as owner:
        wait_for(lambda: owner.value("select count(*) from marks") == 200, "the marks are not stored")
        before = nav(home)["updated_ts"]
        clock.go_to(datetime(2030, 6, 1, tzinfo=UTC))
        wait_for(lambda: "the clock was set forward by" in owner.log, "the step is not seen")
        wait_for(lambda: nav(home)["updated_ts"] > before + 365 * 86_400, "the files do not follow")
        wait_for(lambda: "nothing is deleted by age" in owner.log, "nobody looks after what is old", seconds=120)
        assert owner.value("select count(*) from marks") == 200
        checks = tape("--home", home, "doctor", "--json").json["checks"]
        told = next(each for each in checks if each["name"] == "clock")
        assert told["state"] == "degraded"
        assert "nothing is deleted by age" in told["found"]
        assert "set forward by 1,2" in told["found"] or "set forward by 1,3" in told["found"], told
        files = [each for each in checks if each["group"] == "files" and each["state"] != "ok"]
        dated = [each["name"] for each in files if not each["found"].startswith("rests on inputs that stopped: ")]
        assert dated == [], "every file is published anew by the new time, and says only that the marks are old"
        clock.set(0)
        wait_for(lambda: "the clock was set back" in owner.log, "the step back is not seen")
        wait_for(lambda: nav(home)["updated_ts"] < before + 86_400, "the files do not come back")
        assert owner.value("select count(*) from marks") == 200
        assert owner.end() == 0


def test_a_producer_whose_clock_is_ahead_is_named_and_shows_nothing_before_its_time(home: Path, clock: Clock) -> None:
    with Serving(home) as owner, Journal(home, "bot") as journal:
        journal.record([Ticked(ts=clock.now() - timedelta(seconds=1), equity_usd=1000.0)])
        wait_for(partial(_shows, home, 1000.0), "the tick is not shown")
        ahead = clock.now() + timedelta(hours=5, minutes=30)
        journal.record([Ticked(ts=ahead, equity_usd=2000.0)])
        soon = clock.now() + timedelta(seconds=8)
        journal.record([Ticked(ts=soon, equity_usd=1500.0)])
        wait_for(lambda: "bot: its clock is 5.5 h ahead of its machine's" in owner.log, "nobody is told")
        wait_for(lambda: owner.value("select count(*) from ticks") == 3, "the ticks are not stored")
        if clock.now() < soon:
            seen = nav(home)
            assert seen["total_equity"] == 1000.0 or seen["updated_ts"] >= soon.timestamp()
        wait_for(partial(_shows, home, 1500.0), "the tick does not become visible when its time comes")
        assert nav(home)["updated_ts"] >= soon.timestamp()
        doctor = tape("--home", home, "doctor", "--json").json
        told = {each["name"]: each for each in doctor["checks"]}
        assert told["events ahead"]["state"] == "degraded"
        assert told["events ahead"]["found"].startswith("bot: its clock is 5.5 h ahead of its machine's")
        assert "1 later than now" in told["ticks"]["found"]
        assert "0.0 s old" not in told["ticks"]["found"]
        said = tape("--home", home, "status").out
        assert "later than now, up to" in said
        assert owner.log.count("its clock is 5.5 h ahead") == 1, "once per producer"
        out = home / "out"
        assert tape("--home", home, "export", "nav", "--as-of", "newest", "--out", out).code == 0
        assert json.loads((out / "nav.json").read_bytes())["total_equity"] == 1500.0
        assert owner.end() == 0


def test_a_home_whose_events_are_all_of_the_future_says_so(home: Path, clock: Clock) -> None:
    with Journal(home, "bot") as journal:
        journal.record([Ticked(ts=datetime(2528, 1, 1, tzinfo=UTC), equity_usd=2000.0)])
    words = ("newest: expected an event that is over, found only later ones", "2528-01-01T00:00:00Z")
    with Serving(home) as owner:
        wait_for(lambda: owner.value("select count(*) from ticks") == 1, "the tick is not stored")
        fails(tape("--home", home, "export", "--as-of", "newest", "--out", home / "out"), 1, *words)
        assert owner.end() == 0
    fails(tape("--home", home, "export", "--as-of", "newest", "--out", home / "out"), 1, *words)


MIDNIGHTS = [
    ("Europe/Berlin", datetime(2027, 3, 28, 22, tzinfo=UTC)),  # behind a day of 23 hours
    ("Europe/Berlin", datetime(2027, 10, 31, 23, tzinfo=UTC)),  # behind one of 25
    ("UTC", datetime(2028, 2, 29, tzinfo=UTC)),
    ("UTC", datetime(2028, 3, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2028, 1, 1, 5, tzinfo=UTC)),
]


def test_the_drawdown_is_reset_at_the_very_midnight(
    home: Path, clock: Clock, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    for zone, midnight in chance.sample(MIDNIGHTS, times(1, 1, len(MIDNIGHTS))):
        shutil.rmtree(home)
        write_files(home, {"tape.toml": f'{OFTEN}[limits]\nreset_timezone = "{zone}"\n'})
        clock.go_to(midnight - timedelta(hours=1))
        with Serving(home, **clock.environment), Journal(home, "executor", clock_ns=clock.now_ns) as journal:
            clock.go_to(midnight - timedelta(seconds=3))
            journal.record([Ticked(ts=clock.now(), equity_usd=1000.0)])
            seen: dict[float, float] = {}

            def has_come(
                journal: Journal = journal, seen: dict[float, float] = seen, midnight: datetime = midnight
            ) -> bool:
                journal.record([Ticked(ts=clock.now(), equity_usd=900.0)])
                document = nav(home)
                if document["total_equity"] == 900.0:
                    seen[document["updated_ts"]] = document["drawdown_pct"]
                return max(seen, default=0.0) > midnight.timestamp() + 1

            wait_for(has_come, "midnight does not come")
        at = midnight.timestamp()
        assert {drawdown for ts, drawdown in seen.items() if ts < at} <= {10.0}, (zone, midnight)
        # the first tick of the day may come a moment after it: until then it starts at the latest equity
        assert {drawdown for ts, drawdown in seen.items() if ts >= at} == {0.0}, (zone, midnight)


DAYS = [
    ("Europe/Berlin", date(2025, 3, 30), datetime(2025, 3, 29, 23, tzinfo=UTC), 23),
    ("Europe/Berlin", date(2025, 10, 26), datetime(2025, 10, 25, 22, tzinfo=UTC), 25),
    ("America/New_York", date(2025, 3, 9), datetime(2025, 3, 9, 5, tzinfo=UTC), 23),
    ("America/New_York", date(2025, 11, 2), datetime(2025, 11, 2, 4, tzinfo=UTC), 25),
    ("Australia/Lord_Howe", date(2025, 4, 6), datetime(2025, 4, 5, 13, tzinfo=UTC), 24.5),
    ("UTC", date(2028, 2, 29), datetime(2028, 2, 29, tzinfo=UTC), 24),
    ("Asia/Kolkata", date(2028, 1, 1), datetime(2027, 12, 31, 18, 30, tzinfo=UTC), 24),
]
_MOMENT = timedelta(microseconds=1)


@pytest.mark.rows(3)
@pytest.mark.parametrize(("zone", "day", "start", "hours"), DAYS)
def test_today_begins_and_ends_at_the_hand_computed_instants(
    store: GivenRows, zone: str, day: date, start: datetime, hours: float
) -> None:
    end = start + timedelta(hours=hours)
    store.limits(reset_timezone=zone)
    for at, equity in (
        (start - _MOMENT, 2000.0),
        (start, 900.0),
        (start + (end - start) / 2, 1000.0),
        (end - _MOMENT, 950.0),
        (end, 800.0),
    ):
        store.add("ticks", at, equity_usd=equity)
        store.close("BTCUSDT", pnl=equity, ts=at)
    assert (start + timedelta(hours=12)).astimezone(pytz.timezone(zone)).date() == day
    for as_of, begins, drawdown_pct, realized_usd in (
        (start - _MOMENT, None, 0.0, 2000.0),
        (start, start, 0.0, 900.0),
        (end - _MOMENT, start, 5.0, 900.0 + 1000.0 + 950.0),
        (end, end, 0.0, 800.0),
    ):
        if begins is not None:
            assert store.one("today", as_of)["day_start"] == begins
        account = store.one("nav_now", as_of)
        assert (account["drawdown_pct"], account["realized_pnl_today_usd"]) == (drawdown_pct, realized_usd), as_of
    assert (Day(zone).end(start), Day(zone).end(end - _MOMENT)) == (end, end)
    assert Day(zone).end(start - _MOMENT) == start


@pytest.mark.rows(3)
@pytest.mark.parametrize(("zone", "day", "start", "hours"), DAYS)
def test_windows_are_as_long_as_they_say_on_every_day(
    store: GivenRows, zone: str, day: date, start: datetime, hours: float
) -> None:
    store.limits(reset_timezone=zone)
    as_of = start + timedelta(hours=hours / 2)
    for window, length in (("vetoes", timedelta(hours=24)), ("order_closes", timedelta(days=7))):
        for name, at in (
            ("gone", as_of - length),
            ("first", as_of - length + _MOMENT),
            ("last", as_of),
            ("ahead", as_of + _MOMENT),
        ):
            given = {"realized_pnl_usd": 1.0} if window == "order_closes" else {"veto_reason": name}
            store.add(window, at, symbol=name.upper(), **given)
    for view in ("vetoes_24h", "trades_7d"):
        found = [row["symbol"] for row in store.rows(f"select symbol from {view} order by ts", as_of)]
        assert found == ["FIRST", "LAST"], day


def test_backups_keep_their_order_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """Times of files are set as the clock that was moved would have set them."""
    now, hour = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC), timedelta(hours=1)

    def back_up(at: datetime) -> str:
        path = tmp_path / next_name(tmp_path, at)
        path.touch(exist_ok=False)
        _set_time(path, at)
        forget_all_but(tmp_path, 2)
        return path.name

    made = [back_up(now), back_up(now + hour), back_up(now), back_up(now)]
    assert made == sorted(set(made))
    assert [path.name for path in backups(tmp_path)] == made[-2:]
    assert back_up(now + 2 * hour) == "tape-20260301T140030Z.duckdb"
    assert [path.name for path in backups(tmp_path)] == [made[-1], "tape-20260301T140030Z.duckdb"]


def test_a_backup_of_a_clock_that_was_ahead_does_not_put_the_next_one_off(tmp_path: Path) -> None:
    now, every = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=24)
    path = tmp_path / next_name(tmp_path, now + timedelta(days=30))
    path.touch()
    _set_time(path, now + timedelta(days=30))
    assert is_backup_due(tmp_path, every, now, 0)
    second = tmp_path / next_name(tmp_path, now)
    second.touch()
    _set_time(second, now)
    assert not is_backup_due(tmp_path, every, now + timedelta(hours=23), 0)
    assert is_backup_due(tmp_path, every, now + every, 0)


def _set_time(path: Path, at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))
