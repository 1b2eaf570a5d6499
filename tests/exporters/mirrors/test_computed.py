"""The computed logs one step at a time: which lines come next is given by the files, the log and the rows there are."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tape.exporters.mirrors.computed import ROUTER_HEALTH_S, CompareMirror, RouterHealthMirror, without_clocks
from tape.exporters.mirrors.mirror import Lines
from tests.conftest import GivenRows

AT = datetime(2025, 6, 15, 12, tzinfo=UTC)
AT_S = AT.timestamp()


def publish(logs: Path, name: str, document: dict[str, Any]) -> None:
    path = logs / "state" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name("new").write_text(json.dumps(document))
    path.with_name("new").rename(path)


def documents(lines: Lines) -> list[dict[str, Any]]:
    found = [json.loads(line) for _, line in lines.lines]
    assert [event_id for event_id, _ in lines.lines] == [each["event_id"] for each in found]
    return found


# --- router health ---


def health(at: float, **item: Any) -> dict[str, Any]:
    return {"updated_ts": at, "symbols": [{"symbol": "BTCUSDT", "fallback_rate": 0.5, "updated_ts": at, **item}]}


def test_what_router_health_says_leaves_out_when_it_was_said_and_nothing_else() -> None:
    assert without_clocks(health(5.0)) == [{"symbol": "BTCUSDT", "fallback_rate": 0.5}]
    assert without_clocks({"symbols": [1, {"a": 1}, None]}) == [{"a": 1}]
    assert without_clocks({"symbols": {"a": 1}}) == []
    assert without_clocks({}) == []


def test_without_a_published_file_there_is_no_news(tmp_path: Path) -> None:
    assert RouterHealthMirror(tmp_path).lines(7) == Lines([], 7, are_all=True)


def test_router_health_is_a_line_once_it_is_published_and_again_when_it_changed(tmp_path: Path) -> None:
    mirror = RouterHealthMirror(tmp_path)
    publish(tmp_path, "router_health.json", health(1.0))
    lines = mirror.lines(7)
    (line,) = documents(lines)
    assert (lines.last_seq, lines.are_all) == (7, True)
    assert {key: line[key] for key in ("ts", "updated_ts", "symbols")} == {"ts": 1.0, **health(1.0)}
    assert next(iter(line)) == "ts"
    assert mirror.lines(7).lines == lines.lines, "not written yet, so it comes again"
    mirror.wrote()
    assert mirror.lines(7).lines == []
    publish(tmp_path, "router_health.json", health(2.0))
    assert mirror.lines(7).lines == [], "another time alone is no change"
    publish(tmp_path, "router_health.json", health(3.0, fallback_rate=0.6))
    assert [line["ts"] for line in documents(mirror.lines(7))] == [3.0]


@pytest.mark.parametrize(("age_s", "count"), [(ROUTER_HEALTH_S - 60, 0), (ROUTER_HEALTH_S + 1, 1), (-5000, 0)])
def test_what_has_not_changed_is_a_line_ten_minutes_after_the_last(tmp_path: Path, age_s: float, count: int) -> None:
    log = tmp_path / "router_health.jsonl"
    log.write_text(json.dumps({**health(1.0), "event_id": "computed:x"}) + "\n")
    written = time.time() - age_s
    os.utime(log, (written, written))
    mirror = RouterHealthMirror(tmp_path)
    publish(tmp_path, "router_health.json", health(2.0))
    assert len(mirror.lines(7).lines) == count


# --- compare ---


class Compared:
    """The compare log of a store."""

    def __init__(self, store: GivenRows, logs: Path) -> None:
        self.store, self.logs = store, logs
        store.connection.execute("set variable as_of = timestamptz 'infinity'")
        self.mirror = CompareMirror(store.connection, logs, "not ingest_seq between 1000 and 1001")

    def decide(self, age_s: float, **columns: Any) -> int:
        """A decision as old as given at AT; returns its number."""
        ts = AT - timedelta(seconds=age_s)
        given = {"symbol": "BTCUSDT", "is_heartbeat": False, "is_allowed": True, "decision": {}, **columns}
        event_id = self.store.add("shadow_decisions", ts, **given)
        return int(event_id.removeprefix("e"))

    def lines(self, last_seq: int = 0, after_s: float = 0.0) -> Lines:
        publish(self.logs, "pipeline_v6_compare_summary.json", {"generated_ts": AT_S + after_s, "sample_size": 1})
        return self.mirror.lines(last_seq)

    def pairs(self, lines: Lines) -> list[str]:
        return [each["shadow"]["event_id"] for each in documents(lines) if "shadow" in each]

    def write(self, lines: Lines) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / CompareMirror.name).open("ab") as file:
            file.writelines(line for _, line in lines.lines)


@pytest.fixture
def compared(store: GivenRows, tmp_path: Path) -> Compared:
    return Compared(store, tmp_path)


def test_without_a_summary_there_is_no_news_and_nobody_looked(compared: Compared) -> None:
    assert compared.mirror.lines(7) == Lines([], 7, are_all=False)


def test_a_run_is_its_pairs_and_a_line_that_counts_them(compared: Compared) -> None:
    first, second = compared.decide(500), compared.decide(400)
    lines = compared.lines()
    *_, summary = documents(lines)
    assert compared.pairs(lines) == [f"e{first}", f"e{second}"]
    assert (lines.last_seq, lines.are_all) == (second, True)
    assert (summary["ts"], summary["diff_count"], summary["heartbeat"]) == (AT_S, 2, False)
    assert summary["summary"] == {"generated_ts": AT_S, "sample_size": 1}


def test_a_run_without_a_new_pair_is_a_heartbeat(compared: Compared) -> None:
    (summary,) = documents(compared.lines())
    assert (summary["diff_count"], summary["heartbeat"]) == (0, True)


@pytest.mark.parametrize(("age_s", "is_ripe"), [(120.0, True), (119.999999, False)])
def test_a_decision_is_ripe_at_120_seconds(compared: Compared, age_s: float, is_ripe: bool) -> None:
    number = compared.decide(age_s)
    lines = compared.lines()
    assert compared.pairs(lines) == ([f"e{number}"] if is_ripe else [])
    assert lines.last_seq == (number if is_ripe else 0)


def test_a_run_ends_before_the_first_decision_that_arrived_too_lately(compared: Compared) -> None:
    first, young, after = compared.decide(500), compared.decide(60), compared.decide(400)
    lines = compared.lines()
    assert compared.pairs(lines) == [f"e{first}"]
    assert (lines.last_seq, lines.are_all) == (first, False)
    lines = compared.lines(last_seq=first, after_s=60)
    assert compared.pairs(lines) == [f"e{young}", f"e{after}"]
    assert (lines.last_seq, lines.are_all) == (after, True)


@pytest.mark.parametrize(
    "column", [{"is_heartbeat": True}, {"is_test": True}, {"ingest_seq": 1000}], ids=["heartbeat", "test", "imported"]
)
def test_what_is_no_decision_of_this_home_holds_no_run_up_and_is_no_pair(
    compared: Compared, column: dict[str, Any]
) -> None:
    compared.decide(500, **column)
    compared.decide(10, **column)
    number = compared.decide(500)
    lines = compared.lines()
    assert compared.pairs(lines) == [f"e{number}"]
    assert lines.are_all


def test_a_publication_is_summed_up_once_also_by_the_next_owner(compared: Compared) -> None:
    number = compared.decide(500)
    lines = compared.lines()
    compared.write(lines)
    assert compared.lines(last_seq=0) == Lines([], 0, are_all=False)
    again = compared.lines(last_seq=0, after_s=1)
    *_, summary = documents(again)
    assert compared.pairs(again) == [f"e{number}"], "the log knows it by its id, and leaves it out"
    assert (summary["diff_count"], summary["heartbeat"]) == (0, True)


def test_a_decision_that_was_passed_over_comes_with_the_first_run_after_its_time(compared: Compared) -> None:
    future = compared.decide(-30, received_ts=AT - timedelta(seconds=500))
    after = compared.decide(400)
    lines = compared.lines()
    compared.write(lines)
    assert (compared.pairs(lines), lines.last_seq) == ([f"e{after}"], after)
    early, due = compared.lines(after, after_s=149), compared.lines(after, after_s=150)
    assert (compared.pairs(early), compared.pairs(due)) == ([], [f"e{future}"])
    compared.write(due)
    assert compared.pairs(compared.lines(after, after_s=151)) == []


def test_what_was_ripe_to_the_instant_in_a_run_is_no_pair_of_the_next(compared: Compared) -> None:
    future = compared.decide(-30, received_ts=AT - timedelta(seconds=500))
    at_the_edge = compared.decide(120)
    lines = compared.lines()
    compared.write(lines)
    assert compared.pairs(lines) == [f"e{at_the_edge}"]
    assert compared.pairs(compared.lines(at_the_edge, after_s=150)) == [f"e{future}"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda line: b"",
        lambda line: line[:-1],
        lambda line: b"[1]\n",
        lambda line: b'{"summary": {}, "diff_count": "2"}\n',
        lambda line: b'{"ts": 1, "diff_count": 2}\n',
    ],
)
def test_a_log_that_ends_otherwise_than_with_a_summary_says_of_no_run(
    compared: Compared, harm: Callable[[bytes], bytes]
) -> None:
    number = compared.decide(500)
    lines = compared.lines()
    compared.write(lines)
    log = compared.logs / CompareMirror.name
    whole = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(whole[:-1]) + harm(whole[-1]))
    compared.mirror.wrote()
    again = compared.lines(last_seq=0, after_s=0)
    assert compared.pairs(again) == [f"e{number}"]
    assert documents(again)[-1]["diff_count"] == 1
