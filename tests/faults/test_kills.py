"""Whoever dies when, what was recorded is stored, published and mirrored once: producers, owner and exporters killed.

The long run kills a thousand times.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from subprocess import DEVNULL
from typing import Any

from tape.execution.events import ShadowDecided
from tape.exporters.contract import STATE_FILES
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.owner.scratch import scratch_prefix
from tape.store.database import open_database
from tape.store.recovery.backup import backups
from tape.store.schema import EVENT_TABLES
from tests.faults.reading import Reading
from tests.faults.recording import Producers
from tests.programs import Program
from tests.store.old_logs import write_files
from tests.tape.homes import in_order, journalled, mirrored, mirrored_lines, published, reaches, rows
from tests.tape.owners import Serving, wait_for

NAMES = ("alpha", "beta", "gamma")
SETTINGS = """\
[backup]
every_h = 0.002

[intervals]
pipeline_v6_compare_summary = 0.5
router_health = 0.2
"""
PATIENCE_S = 1_800.0
"""A thousand kills leave a long backlog."""


def test_nothing_is_lost_or_doubled_whoever_is_killed(
    tmp_path: Path, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    write_files(tmp_path, {"tape.toml": SETTINGS})
    with Producers(tmp_path, chance) as producers, Reading(tmp_path, pause_s=0.01) as reading:
        for name in NAMES:
            producers.start(name)
        for _ in range(times(12, 25, 1_000)):
            _cycle(tmp_path, chance, producers)
        producers.kill_all()
        journal = journalled(tmp_path)
        _catch_up(tmp_path, [batch for batches in journal.values() for batch in batches])
        seen = reading.end()
    assert seen.wrong == []
    assert seen.versions.keys() >= {file.name for file in STATE_FILES}
    _everything_recorded_is_stored_once(tmp_path, producers.told, journal)
    _every_line_is_mirrored_once_and_in_order(tmp_path)
    for copy in backups(tmp_path / "logs" / "backup"):
        open_database(copy, read_only=True).close()
    assert published(tmp_path) == {file.name for file in STATE_FILES}
    assert _left_behind(tmp_path) == []


def _cycle(home: Path, chance: Random, producers: Producers) -> None:
    """One life of an owner, killed while it starts, stores, publishes, mirrors or backs up; others die meanwhile."""
    serving = Serving(home)
    exporting = (
        Program("-m", "tape", "--home", home, "export", stdout=DEVNULL, stderr=DEVNULL)
        if chance.random() < 0.25
        else None
    )
    try:
        if chance.random() < 0.5:
            wait_for(serving.answers, f"the owner does not answer: {serving.log}")
        time.sleep(chance.uniform(0, 0.6))
        if chance.random() < 0.4:
            name = chance.choice(NAMES)
            producers.kill(name)
            producers.start(name)
        assert serving.process.poll() is None, serving.log
    finally:
        for process in filter(None, (exporting, serving.process)):
            process.kill()
            process.wait()


def _catch_up(home: Path, batches: list[tuple[str, ...]]) -> None:
    """A last owner stores and mirrors what there is, says that nothing is missing, and ends."""
    events = sum(len(batch) for batch in batches)
    with Serving(home) as last:
        wait_for(lambda: _stored(last, EVENT_TABLES) == events, "what is recorded is not stored", PATIENCE_S)
        for name, kinds in EVENT_MIRRORS.items():
            count = _stored(last, [kind.table for kind in kinds])
            wait_for(partial(reaches, home, name, count), f"{name} is behind", PATIENCE_S)
        half = _stored(last, [ShadowDecided.table]) // 2
        for name, count in {"router_health.jsonl": 2, "pipeline_v6_compare.jsonl": half + 2}.items():
            wait_for(partial(reaches, home, name, count), f"{name} is behind", PATIENCE_S)
        assert {each["producer"]: each["gaps"] for each in last.status()["journal"]} == dict.fromkeys(NAMES, 0)
        assert "gaps 0" in last.log
        assert last.end() == 0, last.log


def _stored(owner: Serving, tables: Iterable[str]) -> int:
    parts = " union all ".join(f"select count(*) as rows from {table}" for table in tables)
    return int(owner.value(f"select sum(rows)::bigint from ({parts})"))


def _everything_recorded_is_stored_once(
    home: Path, told: Mapping[str, list[tuple[str, ...]]], journal: Mapping[str, list[tuple[str, ...]]]
) -> None:
    """What was told is in the journal, beside a batch at the most that was under way; what is there is stored."""
    for run, batches in told.items():
        assert journal[run][: len(batches)] == batches, run
        assert len(journal[run]) - len(batches) in (0, 1), run
    union = " union all ".join(f"select event_id from {table}" for table in EVENT_TABLES)
    stored = Counter(event_id for (event_id,) in rows(home, union))
    recorded = Counter(event_id for batches in journal.values() for batch in batches for event_id in batch)
    assert stored == recorded
    assert set(stored.values()) == {1}
    assert rows(home, "select source, reason from rejected_events where reason not like 'line ends too early%'") == []


def _every_line_is_mirrored_once_and_in_order(home: Path) -> None:
    for name in EVENT_MIRRORS:
        assert mirrored(home, name) == in_order(home, name), name
    health = mirrored_lines(home, "router_health.jsonl")
    _each_once_in_time(health)
    compared = mirrored_lines(home, "pipeline_v6_compare.jsonl")
    _each_once_in_time([line for line in compared if "summary" in line])
    pairs = [line["shadow"]["event_id"] for line in compared if "shadow" in line]
    decisions = in_order(home, "pipeline_v6_shadow.jsonl")
    assert pairs == decisions[: len(pairs)]
    assert len(health) > 1
    assert len(pairs) > len(decisions) / 2


def _each_once_in_time(lines: list[dict[str, Any]]) -> None:
    instants = [line["ts"] for line in lines]
    assert instants == sorted(set(instants))
    assert len({line["event_id"] for line in lines}) == len(lines)


def _left_behind(home: Path) -> list[str]:
    """Half written files and folders of scratch of processes that are gone."""
    hidden = [str(path) for path in home.rglob(".*")]
    return hidden + [str(path) for path in Path("/dev/shm").glob(f"{scratch_prefix(home)}*")]  # noqa: S108 (looked at)
