"""The contract: the compare scheduler writes its log and respects its interval."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import AS_OF
from tests.runtimes import runtime

LOG = "pipeline_v6_compare.jsonl"


def test_the_compare_scheduler_writes_entries_and_respects_its_interval(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick()
        assert "pipeline_v6_compare_summary.json" in run.publish()
        assert [line.get("heartbeat") for line in run.lines(LOG)] == [True]

        run.tick(880)
        assert "pipeline_v6_compare_summary.json" not in run.publish()
        assert len(run.lines(LOG)) == 1

        run.tick(20)
        assert "pipeline_v6_compare_summary.json" in run.publish()
        *pairs, last = run.lines(LOG)[1:]
        assert pairs, "no pair was old enough"
        assert (last["diff_count"], last["heartbeat"]) == (len(pairs), False)
        assert all({"symbol", "ts", "shadow", "live", "veto_mismatch"} <= pair.keys() for pair in pairs)


def test_no_pair_is_written_twice(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        for _ in range(3):
            run.tick(300, every_s=3)
            run.publish()
        pairs = [line["event_id"] for line in run.lines(LOG) if "shadow" in line]
        assert len(pairs) == len(set(pairs)) > 10


def test_without_new_decisions_a_run_is_a_heartbeat(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick()
        run.publish()
        run.now = run.now.replace(hour=run.now.hour + 1)
        assert "pipeline_v6_compare_summary.json" in run.publish()
        assert [line["diff_count"] for line in run.lines(LOG)] == [0, 0]
