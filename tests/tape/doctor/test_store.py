"""What the store and its owner tell of themselves, judged at the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tape.doctor import store
from tape.doctor.checks import State
from tape.store.damaged import Rebuilt
from tape.store.gaps import Gap
from tape.store.ingest import Certificate

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
