"""Each fault, really made in a home that was healthy, is found by its own words; and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tape.doctor.checks import Check, State
from tape.doctor.examine import checks_of
from tape.doctor.home import Home
from tape.doctor.read_logs import MIRRORS
from tape.execution.events import EventRefused, HeartbeatSent
from tape.exporters.contract import STATE_FILES
from tape.exporters.firestore.sync import status_path
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.exporters.publisher import publication_of
from tape.settings import load_settings
from tape.store.journal.segments import journal_folder
from tape.store.journal.writer import Journal
from tests.runtimes import Runtime, runtime

ORDERS, HEALTH, COMPARE = "execution/orders_executed.jsonl", "router_health.jsonl", "pipeline_v6_compare.jsonl"


class Looked:
    """A home of a runtime that traded until now, without an owner's process."""

    def __init__(self, runtime: Runtime, database: Path) -> None:
        self.runtime = runtime
        self.folder = database.parent.parent
        self.logs = self.folder / "logs"
        self.state = self.logs / "state"
        self.intervals: dict[str, float] = {}

    def checks(self, *, later_s: float = 0.0) -> dict[str, Check]:
        publications = tuple(publication_of(file, self.intervals.get(file.stem)) for file in STATE_FILES)
        settings, now = self.runtime.settings, datetime.now(UTC) + timedelta(seconds=later_s)
        home = Home(self.folder, settings, self.runtime.connection, publications, {}, None)
        return {each.name: each for each in checks_of(home, now)}

    def bad(self, *, later_s: float = 0.0) -> dict[str, str]:
        """What is not well, by name, when one looks so much later."""
        return {name: each.found for name, each in self.checks(later_s=later_s).items() if each.state is not State.OK}

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads((self.state / name).read_bytes())
        change(document)
        (self.state / name).write_text(json.dumps(document, indent=2) + "\n")

    def lines(self, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
        path = self.logs / name
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A home whose runtime has traded for some minutes; copy it."""
    folder = tmp_path_factory.mktemp("traded")
    (folder / "logs").mkdir()
    (folder / "tape.toml").write_text("[backup]\nevery_h = 0\n")
    database = folder / "logs" / "tape.duckdb"
    shutil.copy(empty_database, database)
    with runtime(database, datetime.now(UTC) - timedelta(seconds=400)) as made:
        for _ in range(20):
            made.tick(20)
            made.publish()
    return folder


@pytest.fixture
def looked(traded: Path, tmp_path: Path) -> Iterator[Looked]:
    shutil.copytree(traded, tmp_path, dirs_exist_ok=True)
    database = tmp_path / "logs" / "tape.duckdb"
    with runtime(database, datetime.now(UTC) - timedelta(seconds=1)) as made:
        made.tick()
        made.publish()
        yield Looked(made, database)


def test_a_healthy_home_has_a_line_for_every_file_log_and_invariant_and_all_are_well(looked: Looked) -> None:
    checks = looked.checks()
    assert {file.name for file in STATE_FILES} <= set(checks)
    assert set(MIRRORS) <= set(checks)
    assert len(MIRRORS) == 6
    assert len([each for each in checks.values() if each.group == "invariants"]) == 4
    assert {name: each.found for name, each in checks.items() if each.state is not State.OK} == {}
    assert all((looked.logs / name).exists() for name in (*EVENT_MIRRORS, HEALTH, COMPARE)), "too little happened"


@pytest.mark.thorough
def test_files_of_different_instants_agree(looked: Looked) -> None:
    looked.runtime.tick(3)
    looked.runtime.publish()
    instants = {json.loads((looked.state / file.name).read_bytes()).get("updated_ts") for file in STATE_FILES}
    assert len(instants) > 2
    assert looked.bad() == {}


@pytest.mark.rows(1)
@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: str(file.stem))
def test_a_deleted_file_is_missing_and_a_torn_one_torn(looked: Looked, file: Any) -> None:
    path = looked.state / file.name
    path.write_bytes(path.read_bytes()[:-20])
    assert looked.bad()[file.name].startswith("torn: no JSON at byte")
    path.unlink()
    assert looked.bad()[file.name] == "missing"


def test_a_folder_in_the_place_of_a_file_or_log_cannot_be_read(looked: Looked) -> None:
    for path in (looked.state / "nav.json", looked.logs / ORDERS):
        path.unlink()
        path.mkdir()
    bad = looked.bad()
    assert bad["nav.json"] == bad[ORDERS] == "cannot be read: Is a directory"


def test_a_file_edited_by_hand_is_told_with_the_key_and_both_numbers(looked: Looked) -> None:
    true = json.loads((looked.state / "nav.json").read_bytes())["peak_equity"]
    looked.edit("nav.json", lambda nav: nav.update(peak_equity=1e6))
    assert looked.bad() == {"nav.json": f"edited: peak_equity is 1000000.0, SQL says {true}"}


@pytest.mark.thorough
def test_a_file_in_other_bytes_is_only_degraded(looked: Looked) -> None:
    path = looked.state / "nav.json"
    path.write_text(json.dumps(json.loads(path.read_bytes())))
    check = looked.checks()["nav.json"]
    assert (check.state, check.found.partition(":")[0]) == (State.DEGRADED, "written by somebody else")


def test_a_file_of_a_wrong_shape_names_the_key(looked: Looked) -> None:
    looked.edit("router_health.json", lambda health: health["symbols"][0].update(fallback_rate=7))
    assert looked.bad()["router_health.json"].startswith("wrong shape: symbols.0.fallback_rate: ")
    looked.edit("nav.json", lambda nav: nav.pop("series"))
    assert looked.bad()["nav.json"].startswith("wrong shape: series: field required")


def test_a_file_whose_clock_was_set_forward_is_on_no_record(looked: Looked) -> None:
    def later(probe: dict[str, Any]) -> None:
        probe.update(ts=probe["ts"] + 1.5, ENV="elsewhere")

    looked.edit("v6_runtime_probe.json", later)
    assert looked.bad()["v6_runtime_probe.json"] == (
        'no publication of its instant on record: ENV is "elsewhere", SQL says "dev"'
    )


def test_rows_that_changed_behind_a_file_make_it_say_what_sql_does_not(looked: Looked) -> None:
    looked.runtime.connection.execute("update ticks set equity_usd = 7 where ts = (select max(ts) from ticks)")
    bad = looked.bad()
    assert bad["nav.json"].startswith("does not say what SQL says: ")
    assert bad["synced_state.json"].endswith(", SQL says 7.0")


@pytest.mark.thorough
def test_a_file_published_by_other_sql_is_of_another_version_where_sql_says_something_else(looked: Looked) -> None:
    looked.runtime.connection.execute("update exports set sql_digest = 'an-older-one' where file = 'nav.json'")
    assert "nav.json" not in looked.bad()
    looked.runtime.connection.execute("update ticks set equity_usd = 7 where ts = (select max(ts) from ticks)")
    assert looked.bad()["nav.json"].startswith("of another version: published by SQL an-older, now ")


def test_a_file_that_nobody_publishes_is_behind_and_then_stale(looked: Looked) -> None:
    assert "nav.json" not in looked.bad(later_s=30), "nothing happened since"
    looked.runtime.tick()
    looked.runtime.store()
    behind = looked.bad(later_s=30)
    assert {name for name, found in behind.items() if found.startswith("behind: ")} == {
        "nav.json",
        "positions.json",
        "risk_snapshot.json",
        "router_health.json",
        "symbol_scores_v6.json",
        "synced_state.json",
    } & set(behind)
    assert behind["nav.json"].startswith("behind: rows wait 3")
    stale = looked.bad(later_s=70)
    assert stale["nav.json"].startswith("stale: 7")
    assert "expectancy_v6.json" not in stale
    assert looked.bad(later_s=2000)["expectancy_v6.json"].startswith("stale: 3")


@pytest.mark.thorough
def test_the_cadence_of_the_settings_counts(looked: Looked) -> None:
    looked.intervals = {"nav": 300.0}
    assert "nav.json" not in looked.bad(later_s=70)
    assert "positions.json" in looked.bad(later_s=70)


def test_files_that_do_not_agree_break_what_holds_between_them(looked: Looked) -> None:
    looked.edit("synced_state.json", lambda synced: synced.update(nav=1.0))
    assert looked.bad()["synced_state = positions + nav"].startswith("nav is 1.0, elsewhere ")
    looked.edit("symbol_scores_v6.json", lambda scores: scores["symbols"][0].update(score=0.123))
    assert ".score is 0.123, its components make " in looked.bad()["scores = expectancy x router"]
    looked.edit("pipeline_v6_compare_summary.json", lambda summary: summary.update(is_warmup=not summary["is_warmup"]))
    assert looked.bad()["compare warm-up"].startswith("is_warmup is ")
    (looked.state / "v6_runtime_probe.json").unlink()
    assert looked.bad()["six flags, engine version"].startswith("cannot be checked: v6_runtime_probe.json")


@pytest.mark.rows(1)
@pytest.mark.parametrize("name", EVENT_MIRRORS)
def test_a_line_removed_from_a_log_is_missing_a_doubled_one_doubled(looked: Looked, name: str) -> None:
    log = (looked.logs / name).read_bytes()
    victim = json.loads(log.splitlines()[-2])["event_id"]
    looked.lines(name, lambda lines: [*lines[:-2], lines[-1]])
    assert looked.bad()[name].startswith("missing: 1 of ")
    assert looked.bad()[name].endswith(victim)
    (looked.logs / name).write_bytes(log)
    looked.lines(name, lambda lines: [*lines, lines[-1]])
    assert looked.bad()[name].startswith("doubled: event_id ")


def test_a_log_that_is_cut_torn_deleted_or_added_to_is_told_apart(looked: Looked) -> None:
    path = looked.logs / ORDERS
    log = path.read_bytes()
    path.write_bytes(log[:-10])
    assert looked.bad()[ORDERS].startswith("missing: 1 of ")
    path.write_bytes(log + b'{"event_id": "half')
    assert looked.bad()[ORDERS].startswith("torn: its last line ends after 18 bytes")
    path.write_bytes(log + b'{"event_id": "foreign"}\n')
    assert looked.bad()[ORDERS] == "event_id foreign is not known to the database"
    path.write_bytes(b"x" + log[1:])
    looked.lines(ORDERS, lambda lines: [*lines[:-1], b"not json\n"])
    assert "is no JSON object" in looked.bad()[ORDERS]
    path.unlink()
    assert looked.bad()[ORDERS].startswith("missing: ")


@pytest.mark.thorough
def test_a_computed_line_that_was_edited_or_removed_is_found(looked: Looked) -> None:
    log = (looked.logs / HEALTH).read_bytes()
    looked.lines(HEALTH, lambda lines: [*lines[:-1], lines[-1].replace(b'"quality":"', b'"quality":"x', 1)])
    assert looked.bad()[HEALTH].startswith("edited: the line of ts ")
    (looked.logs / HEALTH).write_bytes(log)
    looked.lines(HEALTH, lambda lines: lines[:1])
    assert looked.bad()[HEALTH].startswith("cut: ")
    looked.lines(COMPARE, lambda lines: lines[1:] if len(lines) > 1 else [])
    assert COMPARE in looked.bad()


def test_rows_without_their_line_are_behind(looked: Looked) -> None:
    looked.runtime.connection.execute(
        "insert into vetoes by name select * replace ('late' as event_id, ingest_seq + 1000000 as ingest_seq,"
        " received_ts - interval 20 second as received_ts) from vetoes order by ts desc limit 1"
    )
    assert looked.bad()["execution/risk_vetoes.jsonl"].startswith("behind: rows wait ")


@pytest.mark.thorough
def test_router_health_that_is_published_and_not_logged_is_behind(looked: Looked) -> None:
    looked.lines(HEALTH, lambda lines: lines[:-1])
    looked.runtime.connection.execute("delete from mirror_watermarks where mirror = ?", [HEALTH])
    assert looked.bad()[HEALTH].startswith("behind: the published file waits ")


def test_a_gap_of_the_journal_is_found(looked: Looked) -> None:
    """A batch that stands in no segment: its line was taken out before it was read."""
    looked.runtime.store()
    with Journal(looked.folder, "feeder") as journal:
        for number in range(3):
            journal.record([HeartbeatSent(ts=datetime.now(UTC), service=f"s{number}")])
    (segment,) = journal_folder(looked.folder).glob("feeder-*")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    looked.runtime.store()
    assert looked.bad() == {"journal feeder": "gaps 1 of 3"}


def test_refused_events_are_counted_with_their_reason(looked: Looked) -> None:
    with Journal(looked.folder, "feeder") as journal, pytest.raises(EventRefused):
        journal.write_event("risk_veto", {"ts": "yesterday", "symbol": "X", "veto_reason": "kill_switch"})
    looked.runtime.store()
    check = looked.checks()["rejected events"]
    assert check.state is State.DEGRADED
    assert check.found.startswith("1 in the last hour, 1 in all; the newest: ")


@pytest.mark.thorough
def test_an_old_backup_is_late_and_a_new_one_is_not(looked: Looked) -> None:
    (looked.folder / "tape.toml").write_text("")
    looked.runtime.settings = load_settings(looked.folder)
    assert looked.bad() == {"backup": "none"}
    copy = looked.logs / "backup" / "tape-20250615T000000Z.duckdb"
    copy.parent.mkdir()
    copy.touch()
    assert looked.bad() == {}
    made = datetime.now(UTC).timestamp() - 30 * 3600
    os.utime(copy, (made, made))
    assert looked.bad() == {"backup": "the last is 30 h old"}


def test_a_sync_that_lags_is_told_with_what_waits(looked: Looked) -> None:
    now = datetime.now(UTC).timestamp()
    status = {"ok_ts": now - 300, "interval_s": 20.0, "is_stopped": False, "error": "UNAVAILABLE", "waiting": ["nav"]}
    path = status_path(looked.folder)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**status, "problems": [], "writes": 3, "stale": 0}))
    assert looked.bad() == {"sync": "fails: UNAVAILABLE; lags 5.0 min, waiting: nav"}


def test_an_executor_that_stopped_is_told(looked: Looked) -> None:
    assert looked.bad(later_s=160)["ticks"].startswith("the newest is 2.")
