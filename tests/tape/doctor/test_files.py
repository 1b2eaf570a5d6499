"""A file that is missing, torn, of a wrong shape, stale, behind, edited, or of another version is told apart."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tape.doctor import files
from tape.doctor.checks import Finding, State
from tape.exporters.contract import state_file
from tape.exporters.publisher import Export
from tape.exporters.shapes import Flags

NOW = datetime(2025, 6, 15, 12, 30, tzinfo=UTC)
SUMMARY = state_file("pipeline_v6_compare_summary")
SPREAD = {"mean": 1.0, "p50": None, "p95": None}
CADENCE = files.Cadence(every_s=1, max_age_s=60)


def summary(**changed: Any) -> dict[str, Any]:
    document = {
        "generated_ts": NOW.timestamp(),
        "sample_size": 250,
        "veto_mismatch_pct": 12.5,
        "size_diff_stats": SPREAD,
        "slippage_diff_bps": SPREAD,
        "is_warmup": False,
        "warmup_reason": None,
        "min_sample_size": 200,
    }
    return {**document, **changed}


def raw(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document)


def published(**changed: Any) -> files.Published:
    read = files.read(SUMMARY, raw(summary(**changed)))
    assert isinstance(read, files.Published)
    return read


def refused(content: bytes | None) -> str:
    read = files.read(SUMMARY, content)
    assert isinstance(read, Finding)
    assert read.state is State.BROKEN
    return read.found


def record(content: bytes, sql: str = "sql") -> Export:
    return Export(SUMMARY.name, NOW, 7, sql, hashlib.md5(content, usedforsecurity=False).hexdigest())


def test_a_file_that_is_whole_and_of_its_shape_knows_its_instant() -> None:
    assert published().as_of == NOW


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing"),
        (b"", "torn: empty"),
        (raw(summary())[:40], "torn: no JSON at byte"),
        (b"[]", "wrong shape: document"),
        (raw(summary(sample_size="250")), 'wrong shape: sample_size: input should be a valid integer, found "250"'),
        (raw(summary(more=1)), "wrong shape: more: extra inputs are not permitted, found 1"),
        (raw(summary()).replace(b"12.5", b"NaN"), "torn: no JSON at byte"),
        (raw(summary(generated_ts=1e300)), "wrong shape: its clock is no instant"),
    ],
)
def test_what_cannot_be_used_is_told_why(content: bytes | None, words: str) -> None:
    assert refused(content).startswith(words)


def fresh(age_s: float, *, waiting_s: float | None = None, error: str | None = None) -> list[tuple[State, str]]:
    now = NOW + timedelta(seconds=age_s)
    found = files.freshness(published(), CADENCE, now, waiting_s=waiting_s, error=error)
    return [(each.state, each.found.partition(":")[0]) for each in found]


def test_a_file_is_fresh_up_to_its_cadence_and_some_grace() -> None:
    assert fresh(64) == []
    assert fresh(66) == [(State.BROKEN, "stale")]
    assert fresh(-4) == []
    assert fresh(-60)[0][0] is State.BROKEN


def test_a_file_is_behind_when_rows_wait_longer_than_its_cadence() -> None:
    assert fresh(10, waiting_s=5.5) == []
    assert fresh(10, waiting_s=9) == [(State.DEGRADED, "behind")]
    assert fresh(3, waiting_s=9) == [], "it was just published: what waits came meanwhile, or is older than its arrival"
    assert fresh(1, error="disk full") == [(State.DEGRADED, "cannot be published")]


def test_a_file_that_rests_on_a_stopped_input_is_no_better_than_that() -> None:
    assert list(files.resting(published(), NOW)) == []
    newest = NOW - timedelta(days=22)
    (finding,) = files.resting(published(stale_s=1.0, stale_inputs={"shadow": f"{newest:%Y-%m-%dT%H:%M:%SZ}"}), NOW)
    assert finding.state is State.DEGRADED
    assert finding.found.startswith("rests on inputs that stopped: shadow 22 days old (newest row ")
    assert finding.follows


def agreed(content: bytes, on_record: Export | None, said: bytes, sql: str = "sql") -> list[str]:
    read = files.read(SUMMARY, content)
    assert isinstance(read, files.Published)
    return [each.found for each in files.agreement(read, on_record, said, sql)]


def test_a_file_that_is_what_sql_says_is_equal() -> None:
    content = raw(summary())
    assert agreed(content, record(content), content) == []
    assert agreed(content, None, content) == []


def test_a_file_of_other_sql_that_says_the_same_is_equal() -> None:
    content = raw(summary())
    assert agreed(content, record(content, "old-sql-"), content) == []


def test_a_file_that_differs_is_told_apart_by_what_is_on_record() -> None:
    content, other = raw(summary()), raw(summary(veto_mismatch_pct=13.0))
    what = "veto_mismatch_pct is 12.5, SQL says 13.0"
    assert agreed(content, record(content), other) == [f"does not say what SQL says: {what}"]
    assert agreed(content, record(other), other) == [f"edited: {what}"]
    assert agreed(content, None, other) == [f"no publication of its instant on record: {what}"]
    assert agreed(content, record(content, "old-sql-"), other)[0].startswith(
        "of another version: published by SQL old-"
    )
    assert agreed(content, record(other, "old-sql-"), other) == [f"edited: {what}"]


def test_other_bytes_of_the_same_content_are_no_more_than_a_warning() -> None:
    content, pretty = raw(summary()), orjson.dumps(summary(), option=orjson.OPT_INDENT_2)
    (found,) = files.agreement(replace(published(), raw=pretty), record(content), content, "sql")
    assert (found.state, found.found.partition(":")[0]) == (State.DEGRADED, "written by somebody else")


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ("a.b[1]", 2, 3)),
        ([{"symbol": "X", "v": 1}], [{"symbol": "X", "v": 2}], ("[X].v", 1, 2)),
        ({"a": 1}, {"a": 1, "b": 2}, ("b", "nothing", 2)),
        ({"a": 1, "b": None}, {"a": 1}, ("b", None, "nothing")),
        ({"l": [1]}, {"l": [1, 2]}, ("length of l", 1, 2)),
        ({"a": 0}, {"a": False}, ("a", 0, False)),
        ({"a": 1}, {"a": 1.0}, None),
    ],
)
def test_the_first_difference_is_named_with_both_values(found: Any, expected: Any, difference: Any) -> None:
    assert files.first_difference(found, expected) == difference


def test_the_synced_state_is_positions_and_nav() -> None:
    items = [{"symbol": "X", "qty": 1.0}]
    good: dict[str, Any] = {"items": items, "nav": 5.0}
    assert list(files.synced_state_disagrees(good, {"items": items}, {"total_equity": 5.0})) == []
    (nav,) = files.synced_state_disagrees(good, {"items": items}, {"total_equity": 6.0})
    assert nav == "nav is 5.0, elsewhere 6.0"
    (item,) = files.synced_state_disagrees(good, {"items": [{"symbol": "X", "qty": 2.0}]}, {"total_equity": 5.0})
    assert item == "items[X].qty is 1.0, elsewhere 2.0"


def score(**changed: Any) -> dict[str, Any]:
    parts = {"expectancy": 0.8, "router": 0.6, "slippage_penalty": 0.1}
    item = {
        "symbol": "X",
        "score": 0.55 * 0.8 + 0.35 * 0.6 - 0.1 - 0.05 - 0.3 * 0.2,
        "components": {**parts, "fee_drag_penalty": 0.05, "volatility_penalty": 0.2},
        "inputs": {"expectancy": {"count": 3}, "router": {"maker_fill_rate": 0.9}},
    }
    return {"symbols": [{**item, **changed}]}


def test_scores_are_made_of_expectancy_and_router_health() -> None:
    expectancy, health = {"symbols": {"X": {"count": 3}}}, {"symbols": [{"symbol": "X", "maker_fill_rate": 0.9}]}
    assert list(files.scores_disagree(score(), expectancy, health)) == []
    assert list(files.scores_disagree(score(), {"symbols": {"X": {"count": 4}}}, health)) == [
        "X.inputs.expectancy.count is 3, elsewhere 4"
    ]
    assert list(files.scores_disagree(score(), {"symbols": {}}, health)) == [
        "X.inputs.expectancy.count is 3, elsewhere nothing"
    ]
    assert list(files.scores_disagree(score(), expectancy, {"symbols": []})) == [
        "X.inputs.router.maker_fill_rate is 0.9, elsewhere null"
    ]
    assert list(files.scores_disagree(score(score=0.9), expectancy, health)) == [
        "X.score is 0.9, its components make 0.44"
    ]


def test_all_six_flags_and_an_engine_version_are_there() -> None:
    flags: dict[str, Any] = dict.fromkeys(Flags.model_fields, True)
    synced = {"engine_version": "1", "v6_flags": flags}
    assert len(flags) == 6
    assert list(files.flags_are_incomplete({**flags, "engine_version": "1"}, synced)) == []
    fewer = {key: value for key, value in flags.items() if key != "INTEL_V6_ENABLED"}
    assert list(files.flags_are_incomplete({**fewer, "engine_version": " "}, synced)) == [
        "probe: INTEL_V6_ENABLED is nothing, expected true or false",
        'probe: engine_version is " ", expected a version',
    ]


def test_the_compare_summary_warms_up_exactly_while_its_sample_is_small() -> None:
    reason = "sample_size_below_min"
    assert list(files.warm_up_is_wrong(summary())) == []
    assert list(files.warm_up_is_wrong(summary(sample_size=199, is_warmup=True, warmup_reason=reason))) == []
    assert len(list(files.warm_up_is_wrong(summary(sample_size=199)))) == 1
    assert len(list(files.warm_up_is_wrong(summary(is_warmup=True, warmup_reason=reason)))) == 1
    assert len(list(files.warm_up_is_wrong(summary(warmup_reason=reason)))) == 1
