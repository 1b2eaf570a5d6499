"""Importing loses nothing, stores nothing twice, and says of every line what became of it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.exporters.state_files import publish
from tape.store.errors import NoLogs
from tape.store.ingest.counter import FileCount
from tape.store.query.round import open_round
from tests.divided import examples
from tests.store.old_logs import (
    ACK,
    ATTEMPTED,
    CLOSE,
    DECISION,
    ERROR,
    EVERY_LOG,
    EXECUTED,
    FILL,
    HEARTBEAT,
    HEARTBEATS,
    METRIC,
    METRICS,
    NAV,
    NAV_POINT,
    NOW,
    POSITIONS,
    SHADOW,
    VETO,
    VETOES,
    Line,
    LogStore,
    fresh_store,
    text,
    without,
)

BROKEN = '{"service": "executor_live", "ts": '
FEW = settings(max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def beat(second: float, **changes: Any) -> Line:
    return {**HEARTBEAT, "ts": 1762000000 + second, **changes}


def every_log() -> dict[str, str | bytes]:
    return {name: text(*lines) for name, lines in EVERY_LOG.items()}


def published(store: LogStore, folder: Path) -> dict[str, bytes]:
    with open_round(store.connection, as_of=NOW) as reading:
        return {path.name: path.read_bytes() for path in publish(reading, folder)}


def test_every_log_is_read_and_every_line_stored(imported: LogStore) -> None:
    report = imported.load(every_log())
    assert {name: count.stored for name, count in report.files.items()} == {
        name: len(lines) for name, lines in EVERY_LOG.items()
    }
    assert imported.reasons() == []


def test_importing_twice_stores_nothing(imported: LogStore) -> None:
    first = imported.load({**every_log(), "risk_limits.json": "{}", HEARTBEATS: text(HEARTBEAT, BROKEN, "[1]", {})})
    before = imported.contents()
    second = imported.load(now=NOW + timedelta(days=1))
    assert imported.contents() == before
    assert second.total == FileCount(read=first.total.read, known=first.total.read)
    assert first.total.rejected == 3


def test_the_numbers_of_a_file_add_up(imported: LogStore) -> None:
    report = imported.lines(HEARTBEATS, beat(1), beat(1), BROKEN, {"ts": 1}, beat(2))
    assert report.files[HEARTBEATS] == FileCount(read=5, stored=2, known=1, rejected=2)


def test_a_longer_snapshot_stores_only_what_is_new(imported: LogStore) -> None:
    imported.lines(HEARTBEATS, beat(1), beat(2))
    report = imported.lines(HEARTBEATS, beat(1), beat(2), beat(3))
    assert report.files[HEARTBEATS] == FileCount(read=3, stored=1, known=2)
    assert imported.column("ingest_seq", "heartbeats") == [1, 2, 3]


def test_a_log_that_rotated_since_is_not_stored_again(imported: LogStore) -> None:
    imported.lines(METRICS, METRIC)
    (imported.folder / METRICS).rename(imported.folder / "execution" / "order_metrics.1.jsonl")
    report = imported.lines(METRICS, {**METRIC, "attempt_id": "sig_9"})
    assert report.total == FileCount(read=2, stored=1, known=1)


def test_byte_identical_lines_are_one_event(imported: LogStore) -> None:
    imported.load({HEARTBEATS: text(beat(1), beat(1)), "execution/sync_heartbeats.1.jsonl": text(beat(1))})
    assert len(imported.column("event_id", "heartbeats")) == 1


def test_an_event_id_of_its_own_is_the_identity(imported: LogStore) -> None:
    again = {**beat(1, event_id="a"), "pid": 7}
    report = imported.lines(HEARTBEATS, beat(1, event_id="a"), again, beat(2, event_id="a"), beat(3, event_id="b"))
    assert imported.column("event_id", "heartbeats") == ["a", "b"]
    assert report.files[HEARTBEATS] == FileCount(read=4, stored=2, known=1, rejected=1)
    assert imported.reasons() == [
        "event_id a: expected the event of 2025-11-01T12:26:41+00:00 that has it,"
        " found one of 2025-11-01T12:26:42+00:00"
    ]


def test_computed_lines_are_no_new_observation(imported: LogStore) -> None:
    report = imported.lines("router_health.jsonl", {"ts": 1, "event_id": "computed:x"}, {"ts": 2})
    assert report.total == FileCount(read=2, stored=1, known=1)


def test_rows_are_numbered_by_time_then_file_then_line(imported: LogStore) -> None:
    imported.load(
        {
            HEARTBEATS: text(beat(3, service="new 3"), beat(1, service="new 1")),
            "execution/sync_heartbeats.1.jsonl": text(beat(1, service="old 1 a"), beat(1, service="old 1 b")),
        }
    )
    assert imported.column("service", "heartbeats") == ["old 1 a", "old 1 b", "new 1", "new 3"]


def test_rotated_parts_are_read_oldest_first(imported: LogStore) -> None:
    names = ["archive/sync_heartbeats-2025-10-01.jsonl.gz", "archive/sync_heartbeats-2025-11-01.jsonl.gz"]
    names += ["sync_heartbeats.10.jsonl", "sync_heartbeats.2.jsonl", "sync_heartbeats.1.jsonl", "sync_heartbeats.jsonl"]
    files: dict[str, str | bytes] = {}
    for name in names:
        content = text(beat(1, service=name))
        files[f"execution/{name}"] = gzip.compress(content.encode()) if name.endswith(".gz") else content
    report = imported.load(files)
    assert imported.column("service", "heartbeats") == names
    assert [file.removeprefix("execution/") for file in report.files] == names


def test_rows_of_several_imports_get_growing_numbers(imported: LogStore) -> None:
    imported.load({HEARTBEATS: text(beat(1), beat(2))})
    imported.load({NAV: text(NAV_POINT)})
    imported.load({HEARTBEATS: text(beat(0))})
    assert imported.column("ingest_seq", "heartbeats") == [1, 2, 4]
    assert imported.column("ingest_seq", "ticks") == [3]


def test_a_broken_line_is_kept_whole_with_file_line_and_reason(imported: LogStore) -> None:
    imported.lines(HEARTBEATS, beat(1), BROKEN, beat(2))
    row = imported.row("rejected_events")
    assert (row["source"], row["line"], row["raw"]) == (HEARTBEATS, 2, BROKEN.strip())
    assert row["rejected_ts"] == NOW
    assert "JSON" in row["reason"]
    assert len(imported.column("event_id", "heartbeats")) == 2


def test_a_truncated_last_line_is_set_aside_and_its_whole_self_stored_later(imported: LogStore) -> None:
    whole = text(beat(1), beat(2))
    assert imported.load({HEARTBEATS: whole[:-20]}).total == FileCount(read=2, stored=1, rejected=1)
    assert "too early" in imported.reasons()[0]
    assert imported.load({HEARTBEATS: whole}).total == FileCount(read=2, stored=1, known=1)


def test_line_numbers_count_blank_lines(imported: LogStore) -> None:
    imported.load(
        {HEARTBEATS: "\n" + text(beat(1)) + "  \n\r\n" + text({"ts": 5}), NAV: "\n\n" + text({"t": "x"}, "{")}
    )
    found = imported.connection.execute("select source, line from rejected_events order by all").fetchall()
    assert found == [(HEARTBEATS, 5), (NAV, 3), (NAV, 4)]


def test_line_numbers_count_lines_that_are_already_there(imported: LogStore) -> None:
    imported.lines(HEARTBEATS, beat(1), beat(2))
    imported.lines(HEARTBEATS, beat(1), beat(2), beat(2), {"ts": 5})
    assert imported.column("line", "rejected_events") == [4]


def test_line_numbers_in_a_compressed_archive(imported: LogStore) -> None:
    content = "\n" + text(beat(1), {"ts": 5})
    imported.load({"execution/archive/sync_heartbeats-1.jsonl.gz": gzip.compress(content.encode())})
    assert imported.column("line", "rejected_events") == [3]


@pytest.mark.parametrize("line", ["[1, 2]", "5", '"text"', "null", "true"])
def test_a_line_that_is_no_object_is_refused(imported: LogStore, line: str) -> None:
    report = imported.lines(HEARTBEATS, beat(1), line)
    assert report.total == FileCount(read=2, stored=1, rejected=1)
    assert imported.reasons()[0].startswith("expected an object, found ")


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)), b'{"service": "\xff\xfe", "ts": 1}', b"\x00\x00\x00", b"\x1f\x8b\x08", b"plain text", b"{}}"],
)
def test_what_is_no_json_is_refused_and_the_rest_goes_on(imported: LogStore, content: bytes) -> None:
    report = imported.load({HEARTBEATS: text(beat(1)).encode() + content + b"\n" + text(beat(2)).encode()})
    assert len(imported.column("event_id", "heartbeats")) == 2
    assert report.total.rejected >= 1
    assert report.total.read == 2 + report.total.rejected


def test_two_objects_on_one_line_are_refused_together(imported: LogStore) -> None:
    line = json.dumps(beat(1)) + json.dumps(beat(2))
    report = imported.lines(HEARTBEATS, line, beat(3))
    assert report.total == FileCount(read=2, stored=1, rejected=1)
    assert imported.column("raw", "rejected_events") == [line]


def test_an_empty_log_is_read_and_holds_nothing(imported: LogStore) -> None:
    assert imported.load({HEARTBEATS: "", NAV: "\n \n"}).total == FileCount()


def test_a_folder_without_logs_is_refused(imported: LogStore) -> None:
    with pytest.raises(NoLogs, match=r"nav\.jsonl") as refused:
        imported.load({"notes.txt": "x", "other.jsonl": text(beat(1))})
    assert refused.value.folder == imported.folder


def test_only_rotated_parts_are_enough(imported: LogStore) -> None:
    assert imported.load({"execution/sync_heartbeats.1.jsonl": text(beat(1))}).total.stored == 1


def test_what_is_left_over_comes_into_extra(imported: LogStore) -> None:
    imported.lines(METRICS, {**METRIC, "venue_time": 5, "prices": {**METRIC["prices"], "index": 1.5}})
    assert json.loads(imported.row("order_metrics")["extra"]) == {"venue_time": 5, "prices": {"index": 1.5}}


def test_extra_is_null_when_nothing_is_left_over(imported: LogStore) -> None:
    imported.load({name: text(*lines) for name, lines in EVERY_LOG.items() if name != EXECUTED})
    for table in ("order_attempts", "order_metrics", "vetoes", "positions", "heartbeats", "ticks", "shadow_decisions"):
        assert imported.column("extra", table) == [None], table


def test_extra_is_null_for_the_lines_without_unknown_keys(imported: LogStore) -> None:
    imported.lines(METRICS, METRIC, {**METRIC, "ts": METRIC["ts"] + 1, "venue_time": 5})
    assert imported.column("extra", "order_metrics") == [None, '{"venue_time":5}']


def test_rows_of_a_smoke_test_are_flagged(imported: LogStore) -> None:
    report = imported.load(
        {
            ATTEMPTED: text(
                {"symbol": "X", "ts": 1, "strategy": "smoke_test"}, {"symbol": "X", "ts": 2, "strategy": "s"}
            ),
            POSITIONS: text({"symbol": "X", "ts": 1, "pos_qty": 1, "strategy": "smoke_test"}),
        }
    )
    assert report.total.stored == 3
    assert imported.column("is_test", "order_attempts") == [True, False]
    assert imported.column("is_test", "positions") == [True]


def test_arrival_is_the_lines_own_ts_else_its_event_time(imported: LogStore) -> None:
    imported.lines(EXECUTED, CLOSE, {**without(CLOSE, "ts"), "orderId": 2})
    closed = datetime(2025, 11, 1, 11, tzinfo=UTC)
    assert imported.column("ts", "order_closes") == [closed, closed]
    assert imported.column("received_ts", "order_closes") == [closed + timedelta(seconds=1), closed]


def test_the_producer_of_an_imported_row_is_its_log(imported: LogStore) -> None:
    imported.load({EXECUTED: text(ACK), "execution/order_metrics.1.jsonl": text(METRIC)})
    assert imported.column("producer", "order_acks") == ["orders_executed"]
    assert imported.column("producer", "order_metrics") == ["order_metrics"]


def test_a_nav_array_is_read_where_there_is_no_nav_log(imported: LogStore) -> None:
    imported.load({"nav_log.json": json.dumps([NAV_POINT, {"t": "x"}, {"ts": 1762000001, "equity": 2}])})
    assert imported.column("nav_usd", "ticks") == [2564.5, 2.0]
    assert imported.column("line", "rejected_events") == [2]


def test_a_nav_array_is_read_beside_a_nav_log_and_a_point_in_both_is_one_tick(imported: LogStore) -> None:
    newest = {"t": "2025-11-01T12:27:00+00:00", "equity": 2570.0, "nav": 2565.25}
    also = {"nav": 2564.5, "equity": 2564.5, "t": 1762000000.5}
    report = imported.load({NAV: text(NAV_POINT), "nav_log.json": json.dumps([also, {**also, "nav": 2564.75}, newest])})
    assert imported.column("nav_usd", "ticks") == [2564.5, 2564.75, 2565.25]
    assert report.files[NAV] == FileCount(read=1, stored=1)
    assert report.files["nav_log.json"] == FileCount(read=3, stored=2, known=1)


def test_a_nav_log_that_comes_after_the_array_stores_only_the_other_points(imported: LogStore) -> None:
    imported.load({"nav_log.json": json.dumps([{"t": 1762000000.5, "nav": 2564.5, "equity": 2564.5}])})
    report = imported.lines(NAV, NAV_POINT, {**NAV_POINT, "t": 1762000001.5})
    assert report.files[NAV] == FileCount(read=2, stored=1, known=1)
    assert imported.load().total.stored == 0


def test_a_nav_array_that_is_none_is_refused_whole(imported: LogStore) -> None:
    imported.load({"nav_log.json": '[{"t": 1},'})
    row = imported.row("rejected_events")
    assert (row["source"], row["line"], row["raw"]) == ("nav_log.json", 1, '[{"t": 1},')


def test_limits_hold_from_1970_and_later_different_ones_from_their_import(imported: LogStore) -> None:
    imported.load({"risk_limits.json": '{"global": {"a": 1}}', "pairs_universe.json": '[{"symbol": "X"}]'})
    later = NOW + timedelta(days=1)
    assert imported.load({"risk_limits.json": '{"global": {"a": 2}}'}, now=later).total == FileCount(2, 1, 1, 0)
    found = imported.connection.execute("select kind, ts, payload from config_snapshots order by ingest_seq").fetchall()
    start = datetime.fromtimestamp(0, UTC)
    assert [(kind, ts, json.loads(payload)) for kind, ts, payload in found] == [
        ("limits", start, {"global": {"a": 1}}),
        ("universe", start, [{"symbol": "X"}]),
        ("limits", later, {"global": {"a": 2}}),
    ]


def test_the_same_limits_in_another_layout_are_the_same(imported: LogStore) -> None:
    imported.load({"risk_limits.json": '{"a": 1, "b": 2}'})
    assert imported.load({"risk_limits.json": '{\n "b": 2,\n "a": 1\n}'}).total == FileCount(read=1, known=1)


def test_limits_that_came_back_hold_again(imported: LogStore) -> None:
    for day, value in enumerate([1, 2, 1]):
        imported.load({"risk_limits.json": json.dumps({"a": value})}, now=NOW + timedelta(days=day))
    newest = imported.connection.execute("select arg_max(payload, ts) from config_snapshots").fetchone()
    assert newest is not None
    assert json.loads(newest[0]) == {"a": 1}


def test_a_limit_that_is_not_finite_is_unknown_and_the_others_hold(imported: LogStore) -> None:
    content = '{"a": NaN, "b": [Infinity, 2], "c": {"d": -Infinity, "e": 1e400, "f": 0.15}}'
    assert imported.load({"risk_limits.json": content}).total == FileCount(read=1, stored=1)
    (payload,) = imported.column("payload", "config_snapshots")
    assert json.loads(payload) == {"a": None, "b": [None, 2], "c": {"d": None, "e": None, "f": 0.15}}
    assert imported.load().total == FileCount(read=1, known=1)


@pytest.mark.parametrize("content", ["", '{"a": ', "5", "null", "NaN", "\x00"])
def test_limits_that_are_no_document_are_refused_once(imported: LogStore, content: str) -> None:
    assert imported.load({"risk_limits.json": content}).total == FileCount(read=1, rejected=1)
    assert imported.load().total == FileCount(read=1, known=1)
    row = imported.row("rejected_events")
    assert (row["source"], row["line"], row["raw"]) == ("risk_limits.json", 1, content)


def test_a_large_log_is_numbered_without_gap_over_its_slices(imported: LogStore) -> None:
    count = 250_000
    imported.load({NAV: "".join(f'{{"t": {1760000000 + (n * 7919) % count}, "nav": {n}}}\n' for n in range(count))})
    found = imported.connection.execute(
        "select count(*), min(ingest_seq), max(ingest_seq), count(distinct ingest_seq),"
        " bool_and(ts >= coalesce(before, ts)) from (select *, lag(ts) over (order by ingest_seq) as before from ticks)"
    ).fetchone()
    assert found == (count, 1, count, count, True)


LINES: list[tuple[str, Line]] = [
    *((EXECUTED, {**FILL, "ts_fill_last": 1762000000 + n, "executedQty": n / 7}) for n in range(6)),
    *((EXECUTED, {**CLOSE, "ts_close": 1762000010 + n, "realizedPnlUsd": n - 2.5, "orderId": n}) for n in range(4)),
    *((METRICS, {**METRIC, "ts": 1762000000.5 + n, "attempt_id": f"a{n}"}) for n in range(5)),
    *((VETOES, {**VETO, "ts": 1762000000 + n / 10}) for n in range(5)),
    *((NAV, {"t": 1762000000 + 60 * n, "nav": 1000 + n * 0.1}) for n in range(5)),
    *((SHADOW, {**DECISION, "timestamp": 1762000000 + n}) for n in range(4)),
    *((HEARTBEATS, beat(n)) for n in range(3)),
]


@FEW
@given(cuts=st.fixed_dictionaries({log: st.integers(0, 10) for log in {log for log, _ in LINES}}))
def test_an_import_in_two_parts_gives_the_same_rows_and_files(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, cuts: dict[str, int]
) -> None:
    logs: dict[str, list[Line]] = {}
    for log, line in LINES:
        logs.setdefault(log, []).append(line)
    whole: dict[str, str | bytes] = {log: text(*lines) for log, lines in logs.items()}
    folder = tmp_path_factory.mktemp("published")
    with fresh_store(empty_database) as at_once, fresh_store(empty_database) as in_parts:
        at_once.load(whole)
        in_parts.load({log: text(*lines[: cuts[log]]) for log, lines in logs.items()})
        in_parts.load(whole)
        assert in_parts.contents() == at_once.contents()
        assert published(in_parts, folder / "parts") == published(at_once, folder / "once")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1.5", "NaN", "x", "2025-11-01T00:00:00Z", " ", "true", "{", "[1]", "é\u2028\\"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["mark", "zz"]), st.integers(0, 3), max_size=2),
)
CHANGED_KEYS = ["ts", "ts_close", "symbol", "orderId", "realizedPnlUsd", "closed_qty", "reduceOnly", "unheard_of"]
CHANGED = st.dictionaries(st.sampled_from(CHANGED_KEYS), VALUES, max_size=3)


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(CHANGED, min_size=1, max_size=12), ascii_only=st.booleans(), blank=st.integers(0, 12))
def test_a_file_read_in_bulk_and_one_read_by_line_give_the_same_rows(
    empty_database: Path, changes: list[dict[str, Any]], ascii_only: bool, blank: int
) -> None:
    lines = [json.dumps({**CLOSE, **change}, ensure_ascii=ascii_only) + "\n" for change in changes]
    lines.insert(blank, " \n")
    content = "".join(lines)
    with fresh_store(empty_database) as in_bulk, fresh_store(empty_database) as by_line:
        bulk = in_bulk.load({EXECUTED: content})
        line = by_line.load({EXECUTED: content + "{broken"})
        by_line.connection.execute("delete from rejected_events where raw = '{broken'")
        assert by_line.contents() == in_bulk.contents()
        assert (bulk.total.stored, bulk.total.known) == (line.total.stored, line.total.known)
        assert bulk.total.rejected + 1 == line.total.rejected


@FEW
@given(order=st.permutations(range(8)))
def test_rows_do_not_depend_on_the_order_of_lines(empty_database: Path, order: list[int]) -> None:
    lines = [beat(n, service=f"s{n}") for n in range(8)]
    with fresh_store(empty_database) as sorted_store, fresh_store(empty_database) as shuffled:
        sorted_store.lines(HEARTBEATS, *lines)
        shuffled.lines(HEARTBEATS, *(lines[at] for at in order))
        assert shuffled.column("service", "heartbeats") == sorted_store.column("service", "heartbeats")


def test_a_deeply_nested_broken_line_is_refused(imported: LogStore) -> None:
    assert imported.lines(HEARTBEATS, "[" * 100_000, beat(1)).total == FileCount(read=2, stored=1, rejected=1)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_an_archive_that_cannot_be_read_does_not_stop_the_import(imported: LogStore, content: bytes) -> None:
    imported.load({"execution/archive/sync_heartbeats-1.jsonl.gz": content, HEARTBEATS: text(beat(1))})
    assert len(imported.column("event_id", "heartbeats")) == 1


def test_empty_event_ids_are_none(imported: LogStore) -> None:
    imported.lines(HEARTBEATS, beat(1, event_id=""), beat(2, event_id=""))
    assert len(imported.column("event_id", "heartbeats")) == 2


def test_order_events_are_numbered_by_time_over_all_their_kinds(imported: LogStore) -> None:
    imported.lines(EXECUTED, CLOSE, FILL, ACK)
    found = imported.connection.execute(
        "select ts from (select ingest_seq, ts from order_acks union all select ingest_seq, ts from order_closes"
        " union all select ingest_seq, ts from order_fills union all select ingest_seq, ts from order_errors)"
        " order by ingest_seq"
    ).fetchall()
    imported.lines(
        EXECUTED,
        {**ERROR, "ts": "2025-11-01T13:00:00Z"},
        {**CLOSE, "ts_close": "2025-11-01T14:00:00Z"},
        {**FILL, "ts_fill_last": "2025-11-01T14:30:00Z"},
    )
    found = imported.connection.execute(
        "select ts from (select ingest_seq, ts from order_errors union all select ingest_seq, ts from order_closes"
        " union all select ingest_seq, ts from order_fills union all select ingest_seq, ts from order_acks)"
        " order by ingest_seq"
    ).fetchall()
    assert found == sorted(found)
