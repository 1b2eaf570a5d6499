"""What the store and its owner tell of themselves, judged at the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tape.doctor import store
from tape.doctor.checks import State
from tape.store.ingest.ahead import Ahead
from tape.store.ingest.doubled import Doubled
from tape.store.ingest.gaps import Gap
from tape.store.ingest.positions import Certificate
from tape.store.recovery.damaged import Rebuilt

NOW = datetime(2025, 6, 15, 12, 30, tzinfo=UTC)


def test_an_owner_that_says_it_is_not_ready_is_broken() -> None:
    assert store.owner_check({"pid": 7}).state is State.OK
    assert store.owner_check({"pid": 7, "ready": True, "not_ready": []}).state is State.OK
    check = store.owner_check({"pid": 7, "ready": False, "not_ready": ["disk full"]})
    assert (check.state, check.found) == (State.BROKEN, "not ready: disk full")
    assert store.owner_check({"pid": 7, "ready": False}).state is State.BROKEN


def test_a_gap_of_a_journal_is_named_with_its_producer() -> None:
    assert store.journal_check(Certificate("executor", 1, 10, 9, 1)).state is State.OK
    check = store.journal_check(Certificate("executor", 1, 10, 8, 1))
    assert (check.name, check.state, check.found) == ("journal executor", State.DEGRADED, "gaps 1 of 10")


def test_the_newest_gap_of_a_journal_is_told_with_its_segment() -> None:
    gap = Gap("executor", "r", 3, 4, 2, "executor-r-000002.journal", True, "segment executor-r-000002.journal is gone")
    check = store.journal_check(Certificate("executor", 1, 10, 8, 0), [gap, gap])
    assert check.advice is not None
    assert check.advice.startswith(f"{gap} (and 1 more); look in")


def test_a_rebuild_degrades_for_a_day_and_tells_what_was_lost() -> None:
    made = Rebuilt(at=NOW.isoformat(), reason="checksum", backup="tape-20260101T000000Z.duckdb", segments=3)
    check = store.rebuild_check(made, NOW + timedelta(hours=23))
    assert check.state is State.DEGRADED
    assert "from backup tape-20260101T000000Z.duckdb, 3 segments behind it: nothing lost (checksum)" in check.found
    assert store.rebuild_check(made, NOW + timedelta(hours=25)).state is State.OK
    made.lost = ["batch 3 missing"]
    assert "lost: batch 3 missing" in store.rebuild_check(made, NOW).found


def test_only_what_was_refused_lately_degrades() -> None:
    assert store.rejected_check(store.Rejected(5, 0, "old")).found == "none lately, 5 in all"
    check = store.rejected_check(store.Rejected(5, 2, "ts: expected an instant"))
    assert check.state is State.DEGRADED
    assert "2 in the last hour" in check.found
    assert "ts: expected an instant" in check.found


@pytest.mark.parametrize(
    ("free", "state"), [(2**29, "ok"), (2**29 - 1, "degraded"), (2**27, "degraded"), (2**27 - 1, "broken")]
)
def test_a_disk_runs_full_in_two_steps(free: int, state: str) -> None:
    assert store.disk_check(free, "512MiB", "128MiB").state == state


def test_a_write_ahead_log_that_nothing_empties_degrades() -> None:
    assert store.wal_check(200_000_000, "64MB").state is State.OK
    assert store.wal_check(300_000_000, "64MB").state is State.DEGRADED


def backup(age_h: float | None, up_s: float | None, every_h: float = 24) -> State:
    made = None if age_h is None else NOW - timedelta(hours=age_h)
    since = None if up_s is None else NOW - timedelta(seconds=up_s)
    return store.backup_check(made, since, every_h, NOW).state


def test_a_backup_is_late_after_its_period_and_some_time() -> None:
    assert backup(25, 0) is State.OK
    assert backup(28, 0) is State.DEGRADED
    assert backup(80, 0) is State.BROKEN
    assert backup(None, 60) is State.OK
    assert backup(None, 700) is State.DEGRADED
    assert backup(None, None) is State.DEGRADED
    assert backup(None, None, every_h=0) is State.OK


def worker(error: str | None = None, idle_s: float = 0.1) -> dict[str, Any]:
    return {"error": error, "failures": 3, "idle_s": idle_s}


def test_a_worker_that_fails_or_is_stuck_is_named() -> None:
    fine = {"ingest": worker(), "publish": worker(), "housekeeping": worker(idle_s=900)}
    assert store.workers_check(fine).state is State.OK
    assert store.workers_check({**fine, "housekeeping": worker("disk low")}).state is State.DEGRADED
    failing = store.workers_check({**fine, "ingest": worker("no space")})
    assert (failing.state, failing.found) == (State.BROKEN, "ingest fails (3 times): no space")
    assert store.workers_check({**fine, "mirror": worker(idle_s=61)}).state is State.BROKEN


def test_ticks_that_stop_degrade_and_none_at_all_are_none_to_miss() -> None:
    assert store.ticks_check(None, NOW, 150).state is State.OK
    assert store.ticks_check(NOW - timedelta(seconds=149), NOW, 150).state is State.OK
    assert store.ticks_check(NOW - timedelta(seconds=151), NOW, 150).state is State.DEGRADED


SYNCED: dict[str, Any] = {
    "lag_s": 3.0,
    "interval_s": 20.0,
    "is_stopped": False,
    "error": None,
    "waiting": [],
    "problems": [],
    "writes": 12,
    "stale": 0,
}


@pytest.mark.parametrize(
    ("changed", "is_wanted", "words"),
    [
        ({}, True, ""),
        ({"lag_s": 119.0}, True, ""),
        ({"is_stopped": True, "lag_s": 9999.0}, False, ""),
        ({"is_stopped": True}, True, "stopped"),
        ({"lag_s": 200.0, "waiting": ["nav", "positions"]}, True, "lags 3.3 min, waiting: nav, positions"),
        ({"error": "DEADLINE_EXCEEDED"}, True, "fails: DEADLINE_EXCEEDED"),
        ({"problems": ["state/nav: too large"]}, True, "state/nav: too large"),
        ({"stale": 4}, True, "stands still: 4 not set, Firestore has newer ones"),
    ],
)
def test_a_sync_that_is_behind_says_why(changed: dict[str, Any], is_wanted: bool, words: str) -> None:
    check = store.sync_check({**SYNCED, **changed}, is_wanted=is_wanted)
    assert (check.state, check.found if words else "") == (State.DEGRADED if words else State.OK, words)


def ahead(**given: Any) -> Ahead:
    return Ahead(
        **{
            "table": "ticks",
            "source": "bot",
            "is_imported": False,
            "rows": 1,
            "until": NOW + timedelta(hours=5, minutes=30),
            "lead_s": 19_800.0,
            "arrived": NOW,
            "hostname": "vps",
            **given,
        }
    )


def test_a_producer_whose_clock_is_ahead_degrades_and_is_named() -> None:
    check = store.ahead_check([ahead(), ahead(table="heartbeats", rows=7)], NOW)
    assert check.state is State.DEGRADED
    assert check.found.startswith("bot: its clock is 5.5 h ahead of its machine's: 1 of ticks, 7 of heartbeats later")
    assert "vps" in str(check.advice)
    assert store.ahead_check([], NOW).found == "none"


def test_what_is_recorded_by_a_machine_that_is_ahead_names_both_clocks() -> None:
    check = store.ahead_check([ahead(arrived=NOW + timedelta(hours=2), lead_s=0.0)], NOW)
    assert check.state is State.DEGRADED
    assert check.found.startswith("bot: recorded 2.0 h from now: its clock is ahead, or this one was set back")


def test_a_line_of_a_wrong_year_names_its_log_and_degrades_for_an_hour() -> None:
    line = ahead(source="nav", is_imported=True, lead_s=None, until=datetime(2528, 1, 1, tzinfo=UTC))
    check = store.ahead_check([line], NOW)
    assert (check.state, check.found) == (
        State.DEGRADED,
        "imported from nav: 1 of ticks later than now, up to 2528-01-01 00:00:00Z",
    )
    later = store.ahead_check([line], NOW + timedelta(hours=1))
    assert (later.state, later.found) == (State.OK, "none lately; 1 rows of before, up to 2528-01-01 00:00:00Z")


def test_ticks_of_the_future_are_no_fresh_ones() -> None:
    assert store.ticks_check(None, NOW, 150, ahead=1).state is State.DEGRADED
    stale = store.ticks_check(NOW - timedelta(hours=3), NOW, 150, ahead=1)
    assert (stale.state, stale.found) == (State.DEGRADED, "the newest is 3.0 h old, 1 later than now")
    assert store.ticks_check(NOW - timedelta(seconds=9), NOW, 150, ahead=1).state is State.OK


def test_a_clock_that_was_set_is_told_for_an_hour() -> None:
    clock = {"steps": 0, "step_by_s": None, "step_age_s": None, "held": None}
    assert store.clock_check(clock).state is State.OK
    forward = store.clock_check({**clock, "steps": 1, "step_by_s": 7200.0, "step_age_s": 180.0})
    assert (forward.state, forward.found) == (
        State.DEGRADED,
        "set forward by 2.0 h, 3.0 min ago; 1 steps since the start",
    )
    assert store.clock_check({**clock, "steps": 1, "step_by_s": -60.0, "step_age_s": 3601.0}).state is State.OK
    held = store.clock_check({**clock, "held": "nothing is deleted by age"})
    assert (held.state, held.found) == (State.DEGRADED, "nothing is deleted by age")


def test_a_backup_and_a_sync_that_are_dated_ahead_are_not_young() -> None:
    backup = store.backup_check(NOW + timedelta(hours=3), NOW - timedelta(days=1), 24, NOW)
    assert (backup.state, backup.found) == (State.DEGRADED, "the last is dated 3.0 h ahead")
    sync = store.sync_check({**SYNCED, "lag_s": -3600.0}, is_wanted=True)
    assert sync.state is State.DEGRADED
    assert sync.found.startswith("its last cycle is dated 60 min ahead")


def test_events_that_share_an_identity_are_told_with_an_example_and_what_to_do() -> None:
    assert store.doubled_check([], []).state is State.OK
    ids = Doubled(("order_closes", "order_fills"), 1, 2, "x-1", NOW - timedelta(hours=1), NOW)
    check = store.doubled_check([ids], [Doubled(("vetoes",), 3, 7, "run-4", NOW, NOW)])
    assert check.state is State.DEGRADED
    assert check.found == (
        "order_closes and order_fills: 1 event_ids stand in 2 rows, such as x-1 at 2025-06-15 11:30:00Z and"
        " 2025-06-15 12:30:00Z; vetoes: 3 events stand in 7 rows under ids that nobody gave, such as run-4 of"
        " 2025-06-15 12:30:00Z"
    )
    assert check.advice is not None
    assert check.advice.startswith("have the producer give an event_id to one event only")
