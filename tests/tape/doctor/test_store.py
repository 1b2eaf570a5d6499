"""What the store and its owner tell of themselves, judged at the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tape.doctor import store
from tape.doctor.checks import State
from tape.exporters.inputs import Input
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


# --- at the bounds ---


def test_an_owner_that_does_not_say_why_it_is_not_ready_is_told_so() -> None:
    assert store.owner_check({"pid": 7, "ready": False}).found == "not ready: it does not say why"
    assert store.owner_check({"pid": 7, "not_ready": ["a", "b"]}).found == "not ready: a; b"
    assert store.owner_check({"pid": 7}).found == "pid 7"


def test_a_journal_without_gaps_says_what_it_counted() -> None:
    said = [
        store.journal_check(Certificate("x", 1, recorded, 9000, refused)).found
        for recorded, refused in ((9000, 0), (9001, 1))
    ]
    assert said == ["recorded 9,000, stored 9,000, gaps 0", "recorded 9,001, stored 9,000, refused 1, gaps 0"]


def test_one_gap_of_a_journal_is_told_alone() -> None:
    gap = Gap("executor", "r", 3, 4, 2, "executor-r-000002.journal", True, "segment executor-r-000002.journal is gone")
    check = store.journal_check(Certificate("executor", 1, 10, 8, 0), [gap])
    assert check.advice == f"{gap}; look in executor's log for batches it could not write: disk full, file damaged"


def test_a_rebuild_is_a_reason_to_look_for_less_than_a_day() -> None:
    made = Rebuilt(at=NOW.isoformat(), reason="checksum")
    day = timedelta(days=1)
    assert store.rebuild_check(made, NOW + day - timedelta(microseconds=1)).state is State.DEGRADED
    assert store.rebuild_check(made, NOW + day).state is State.OK
    advice = store.rebuild_check(made, NOW).advice
    assert advice is not None
    assert "see what is missing" not in advice
    made.lost = ["batch 3 missing"]
    assert str(store.rebuild_check(made, NOW).advice).startswith("see what is missing in logs/damaged/tape-*.json; ")


def test_caps_that_are_used_otherwise_than_configured_degrade() -> None:
    assert store.config_check([]).state is State.OK
    check = store.config_check(["a is kept within 1", "b is kept within 0"])
    assert (check.state, check.found) == (State.DEGRADED, "a is kept within 1; b is kept within 0")


@pytest.mark.parametrize(("more", "state"), [(0, State.OK), (1, State.DEGRADED)])
def test_a_write_ahead_log_of_four_times_its_size_is_the_most(more: int, state: State) -> None:
    assert store.wal_check(4 * 64_000_000 + more, "64MB").state is state


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (27.4 * 3600, State.OK),  # 1.1 times 24 h and one more
        (27.4 * 3600 + 1, State.DEGRADED),
        (73 * 3600, State.DEGRADED),  # 3 times 24 h and one more
        (73 * 3600 + 1, State.BROKEN),
        (-5, State.OK),
        (-6, State.DEGRADED),
    ],
)
def test_a_backup_is_late_from_a_tenth_and_an_hour_beyond_its_period(age_s: float, state: State) -> None:
    check = store.backup_check(NOW - timedelta(seconds=age_s), NOW, 24, NOW)
    assert check.state is state
    assert check.follows is (state is not State.OK and age_s > 0)


@pytest.mark.parametrize(("up_s", "state"), [(600, State.OK), (600.001, State.DEGRADED)])
def test_the_first_backup_may_take_ten_minutes(up_s: float, state: State) -> None:
    check = store.backup_check(None, NOW - timedelta(seconds=up_s), 24, NOW)
    assert (check.state, check.follows) == (state, state is not State.OK)


@pytest.mark.parametrize(
    ("name", "error", "idle_s", "state"),
    [
        ("ingest", None, 60.0, State.OK),
        ("ingest", None, 60.1, State.BROKEN),
        ("caches", None, 60.1, State.BROKEN),
        ("caches", "no room", 0.0, State.DEGRADED),
        ("housekeeping", "no room", 0.0, State.DEGRADED),
        ("housekeeping", None, 9e9, State.OK),
        ("sync", "no room", 0.0, State.BROKEN),
    ],
)
def test_a_worker_is_stuck_after_a_minute_and_a_failing_one_is_as_bad_as_who_waits_for_it(
    name: str, error: str | None, idle_s: float, state: State
) -> None:
    assert store.workers_check({name: worker(error, idle_s)}).state is state


def test_workers_that_do_well_are_named() -> None:
    assert store.workers_check({"ingest": worker(), "publish": worker()}).found == "ingest, publish"


@pytest.mark.parametrize(
    ("age_s", "ahead", "state", "follows"),
    [
        (150.0, 0, State.OK, False),
        (150.001, 0, State.DEGRADED, True),
        (150.0, 1, State.OK, False),
        (150.001, 1, State.DEGRADED, False),
    ],
)
def test_ticks_are_old_beyond_the_freshness_of_the_limits(
    age_s: float, ahead: int, state: State, follows: bool
) -> None:
    check = store.ticks_check(NOW - timedelta(seconds=age_s), NOW, 150, ahead=ahead)
    assert (check.state, check.follows) == (state, follows)


def test_ticks_say_what_is_to_be_done() -> None:
    assert store.ticks_check(NOW - timedelta(hours=1), NOW, 150).advice == "start the executor, or see its log"
    assert store.ticks_check(NOW - timedelta(hours=1), NOW, 150, ahead=2).advice == (
        "set the executor's clock right: see events ahead"
    )
    assert store.ticks_check(None, NOW, 150).found == "none yet"


def test_of_several_sources_ahead_each_is_counted_for_itself_and_only_late_arrivals_are_told() -> None:
    hour = timedelta(hours=1)
    rows = [
        ahead(rows=3, until=NOW + hour),
        ahead(source="old", rows=4, arrived=NOW - hour, until=NOW + 2 * hour),
        ahead(source="lately", arrived=NOW - hour + timedelta(microseconds=1), lead_s=60.0),
        ahead(table="marks", rows=2, lead_s=7200.0, until=NOW + 3 * hour, hostname=None),
    ]
    check = store.ahead_check(rows, NOW)
    assert check.found == (
        "bot: its clock is 5.5 h ahead of its machine's: 3 of ticks, 2 of marks later than now,"
        " up to 2025-06-15 15:30:00Z;"
        " lately: its clock is 60 s ahead of its machine's: 1 of ticks later than now, up to 2025-06-15 18:00:00Z"
    )
    assert store.ahead_check(rows[1:2], NOW).found == "none lately; 4 rows of before, up to 2025-06-15 14:30:00Z"


@pytest.mark.parametrize(("arrived_s", "words"), [(5.0, "its clock is"), (5.1, "recorded 5.1 s from now")])
def test_clocks_of_two_machines_may_differ_by_five_seconds(arrived_s: float, words: str) -> None:
    found = store.ahead_check([ahead(arrived=NOW + timedelta(seconds=arrived_s))], NOW).found
    assert found.startswith(f"bot: {words}")


@pytest.mark.parametrize(
    ("by_s", "age_s", "state", "found"),
    [
        (-60.0, 3599.9, State.DEGRADED, "set back by 60 s, 60 min ago; 3 steps since the start"),
        (60.0, 3600.0, State.OK, "not set lately, 3 steps since the start"),
    ],
)
def test_a_step_of_the_clock_is_told_for_less_than_an_hour(by_s: float, age_s: float, state: State, found: str) -> None:
    check = store.clock_check({"steps": 3, "step_by_s": by_s, "step_age_s": age_s, "held": None})
    assert (check.state, check.found) == (state, found)


@pytest.mark.parametrize(
    ("lag_s", "interval_s", "state"),
    [
        (120.0, 20.0, State.OK),
        (120.1, 20.0, State.DEGRADED),
        (180.0, 60.0, State.OK),
        (180.1, 60.0, State.DEGRADED),
        (-5.0, 20.0, State.OK),
        (-5.1, 20.0, State.DEGRADED),
    ],
)
def test_a_sync_lags_after_two_minutes_or_three_cycles(lag_s: float, interval_s: float, state: State) -> None:
    check = store.sync_check({**SYNCED, "lag_s": lag_s, "interval_s": interval_s}, is_wanted=True)
    assert check.state is state


def test_a_sync_says_how_it_does() -> None:
    assert store.sync_check({**SYNCED, "writes": 1200}, is_wanted=True).found == "lag 3.0 s, 1,200 documents set"
    stopped = {**SYNCED, "is_stopped": True, "error": "gone", "waiting": ["nav"]}
    assert store.sync_check(stopped, is_wanted=False).found == "stopped"
    assert store.sync_check(stopped, is_wanted=True).found == "stopped, waiting: nav"


def test_an_id_that_stands_twice_at_one_time_is_told_with_that_time() -> None:
    ids = Doubled(("vetoes",), 1, 2, "x-1", NOW, NOW)
    assert store.doubled_check([ids], []).found == (
        "vetoes: 1 event_ids stand in 2 rows, such as x-1 at 2025-06-15 12:30:00Z"
    )


def _input(name: str, age_s: float | None, stops_after_s: float = 150.0) -> Input:
    newest = None if age_s is None else NOW - timedelta(seconds=age_s)
    return Input(name, newest, age_s, stops_after_s, is_stopped=age_s is not None and age_s > stops_after_s)


def test_inputs_that_stopped_are_named_with_their_age_and_newest_row() -> None:
    check = store.inputs_check([_input("executor", 7200.0, 900.0), _input("marks", 1.0), _input("shadow", None)])
    assert check.state is State.DEGRADED
    newest = f"{NOW - timedelta(hours=2):%Y-%m-%d %H:%M:%S} UTC"
    assert check.found == f"executor stopped: 2.0 h old (newest row {newest})"
    assert check.expected == "at most 15 min old"
    assert check.follows, "where no owner runs, that is what is wrong"


def test_inputs_that_come_in_are_listed_and_ticks_have_a_line_of_their_own() -> None:
    check = store.inputs_check([_input("executor", 1.0, 900.0), _input("marks", 2.0), _input("ticks", 500.0)])
    assert (check.state, check.found) == (State.OK, "executor 1.0 s old, marks 2.0 s old")
    assert store.inputs_check([_input("shadow", None)]).found == "none yet"
