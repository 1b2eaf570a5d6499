"""Whatever way an event comes in, the same value is stored, or it is refused with the same words.

Each odd value is given to ``tape import`` (as a line of a log), to ``Journal.write_event`` followed by ingest, and,
where the value can be a Python value of a field, to the typed model followed by ingest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tape.execution.events import (
    EVENTS_BY_TYPE,
    Event,
    EventRefused,
    OrderClosed,
    Ticked,
    document_fields,
    field_paths,
    parse_event,
)
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tests.divided import examples
from tests.store.old_logs import (
    ACK,
    ATTEMPT,
    ATTEMPTED,
    CLOSE,
    EXECUTED,
    FILL,
    HEARTBEAT,
    HEARTBEATS,
    METRIC,
    METRICS,
    NAV,
    VETO,
    VETOES,
    LogStore,
    fresh_store,
)

UNKNOWN = "(unknown)"
REFUSED = "(refused)"
NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)

INSTANTS: list[tuple[Any, Any]] = [
    ("2025-11-01T12:00:00Z", NOON),
    ("2025-11-01t12:00:00z", NOON),
    ("2025-11-01 12:00:00", NOON),
    ("  2025-11-01 12:00:00\t", NOON),
    ("2025-11-01 12:00", NOON),
    ("2025-11-01T12:00:00 UTC", NOON),
    ("2025-11-01T12:00:00 +00:00", NOON),
    ("2025-11-01T17:30:00+0530", NOON),
    ("2025-11-01T17:00:00+05", NOON),
    ("2025-11-02T02:00:00+14:00", NOON),
    ("2025-11-01T12:00:00,123", NOON.replace(microsecond=123_000)),
    ("2025-11-01T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
    ("2025-11-01T12:00:00.9999999Z", NOON.replace(microsecond=999_999)),
    ("2025-11-01", NOON.replace(hour=0)),
    ("1969-12-31T23:59:59Z", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (1761998400, NOON),
    (1761998400.5, NOON.replace(microsecond=500_000)),
    ("1761998400", NOON),
    (" 1761998400.0 ", NOON),
    ("1.7619984e9", NOON),
    (1761998400000, NOON),
    (1761998400000000, NOON),
    (1761998400000000000, NOON),
    ("1761998400000000", NOON),
    (1761998400123456789, NOON.replace(microsecond=123_456)),
    (0, datetime(1970, 1, 1, tzinfo=UTC)),
    (-1.5, datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)),
    (17605324800, datetime(2527, 11, 22, 8, tzinfo=UTC)),
    (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    *((wrong, REFUSED) for wrong in (253402300800, 1e15 * 1e6, "10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z")),
    *((f"2025-11-01 12:00:00 {zone}", REFUSED) for zone in ("Europe/Berlin", "EST", "[America/New_York]")),
    ("2025-11-01T12:00:00+01:00[Europe/Berlin]", REFUSED),
    *((f"2025-11-01T{time}", REFUSED) for time in ("24:00:00Z", "23:59:60Z", "12", "12:00:00+25:00", "12:00:00.Z")),
    *((wrong, REFUSED) for wrong in ("2025-W44-6", "2025-305", "20251101", "20251101120000", "20251101T120000Z")),
    *((wrong, REFUSED) for wrong in ("2025-02-30", "2025-1-1", "now", "epoch", "today", "yesterday", "noon")),
    *((wrong, REFUSED) for wrong in (True, False, [1], {"a": 1}, "2025\u221211\u221201", "\uff11761998400")),
    *((None, REFUSED) for _ in range(1)),
    *((unknown, REFUSED) for unknown in ("", " ", "null", "NaN", "infinity", "-inf", float("nan"), float("inf"))),
]

NUMBERS: list[tuple[Any, Any]] = [
    (0, 0.0),
    (-0.0, 0.0),
    ("-0", 0.0),
    ("1.5", 1.5),
    (" 1.5 ", 1.5),
    ("1.5\u00a0", 1.5),
    ("+1", 1.0),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e3", 1000.0),
    ("1_000", 1000.0),
    (2**53 + 1, 9007199254740992.0),
    (10**30, 1e30),
    ("1" * 60, float("1" * 60)),
    (5e-324, 5e-324),
    *((wrong, REFUSED) for wrong in ("1,000", "1.000,5", "0x10", "1__0", "+-1", "abc", "\uff11", "1e", "1 2", "$1")),
    *((wrong, REFUSED) for wrong in (True, False, "true", [1], [], {"a": 1}, {})),
    *((None, UNKNOWN) for _ in range(1)),
    *((unknown, UNKNOWN) for unknown in ("", " ", "null", "None", "NaN", "nan", "Infinity", "-inf", "1e400")),
    (1e100, 1e100),
    (-1e100, -1e100),
    *((unknown, UNKNOWN) for unknown in (1.1e100, -1e308, "1e101", "-1e308", 10**101)),
    *((unknown, UNKNOWN) for unknown in (float("nan"), float("inf"), float("-inf"), 10**400)),
]

IDS: list[tuple[Any, Any]] = [
    (5, "5"),
    (0, "0"),
    (-5, "-5"),
    ("007", "007"),
    (" a b ", " a b "),
    (2**64 + 1, str(2**64 + 1)),
    (10**30, str(10**30)),
    ("1e5", "1e5"),
    ("1.0", "1.0"),
    ("null", "null"),
    ("true", "true"),
    ("[1]", "[1]"),
    ("a\u0000b", "a\u0000b"),
    ("ä\U0001f600", "ä\U0001f600"),
    ("x\ud800", "x?"),
    ("x" * 5000, "x" * 5000),
    *((wrong, REFUSED) for wrong in (1.0, 1.5, 1e18, True, False, [1], {"a": 1}, [], {})),
    (None, UNKNOWN),
    ("", UNKNOWN),
    (float("nan"), UNKNOWN),
]

TEXTS: list[tuple[Any, Any]] = [
    ("maker", "maker"),
    (" maker ", " maker "),
    ("5", "5"),
    ("-1", "-1"),
    ("true", "true"),
    ("{}", "{}"),
    ("null", "null"),
    ("a\u0000b", "a\u0000b"),
    *((wrong, REFUSED) for wrong in (5, 1.5, -1, True, False, [1], {"a": 1}, {})),
    (None, UNKNOWN),
    ("", UNKNOWN),
]

NAMES: list[tuple[Any, Any]] = [
    ("btcusdt", "BTCUSDT"),
    (" BTCUSDT ", "BTCUSDT"),
    ("\tbtcusdt\n", "BTCUSDT"),
    ("BTCUSDT\u00a0", "BTCUSDT"),
    ("btc/usdt", "BTC/USDT"),
    ("btc usdt", "BTC USDT"),
    ("stra\u00dfe", "STRASSE"),
    ("\u0131", "I"),
    ("\u0130", "\u0130"),
    ("123", "123"),
    *((wrong, REFUSED) for wrong in (5, True, ["BTC"], {"a": 1})),
]

FLAGS: list[tuple[Any, Any]] = [
    *((true, True) for true in (True, "true", "True", " TRUE ", "1", "yes", "on", "t", "y", 1, 1.0)),
    *((false, False) for false in (False, "false", "False", "0", "no", "off", "f", "n", 0, 0.0)),
    *((wrong, REFUSED) for wrong in (2, -1, 0.5, "2", "1.0", "maybe", [True], [], {}, {"a": 1})),
    *((unknown, UNKNOWN) for unknown in (None, "", " ", "null", "None", "NaN", float("nan"))),
]

LISTS: list[tuple[Any, Any]] = [
    ([], []),
    ([1, "2", None, [3]], [1, "2", None, [3]]),
    ([float("nan")], [None]),
    *((wrong, REFUSED) for wrong in ("[1]", "5", 5, True, {"a": 1}, "abc")),
    *((unknown, REFUSED) for unknown in (None, "", "null")),
]

OPTIONAL_KEYS = {
    "latency_ms": ("latency_ms", NUMBERS),
    "attempt_id": ("attempt_id", IDS),
    "strategy": ("strategy", TEXTS),
    "reduceOnly": ("reduce_only", FLAGS),
}
CASES = [
    *(("ts_close", "ts", value, wanted) for value, wanted in INSTANTS),
    *((key, column, value, wanted) for key, (column, values) in OPTIONAL_KEYS.items() for value, wanted in values),
    *(
        ("realizedPnlUsd", "realized_pnl_usd", value, REFUSED if wanted == UNKNOWN else wanted)
        for value, wanted in NUMBERS
    ),
    *(("orderId", "order_id", value, REFUSED if wanted == UNKNOWN else wanted) for value, wanted in IDS),
    *(("symbol", "symbol", value, wanted) for value, wanted in [*NAMES, ("", REFUSED), (" ", REFUSED)]),
    *(("positionSide", "position_side", value, wanted) for value, wanted in [*NAMES, ("", UNKNOWN), (" ", UNKNOWN)]),
]


class Ways:
    """The ways in, each into a store of its own."""

    def __init__(self, imported: LogStore, recorded: LogStore, home: Path) -> None:
        self._imported = imported
        self._recorded = recorded
        self._home = home

    def by_import(self, lines: list[dict[str, Any]], column: str, table: str) -> list[Any]:
        """What each line has in a column; the words where it is refused."""
        marked = [{**line, "event_id": f"e{at}"} for at, line in enumerate(lines)]
        self._imported.lines(EXECUTED, *(json.dumps(line) for line in marked))
        rows = self._imported.connection.execute(f"select event_id, {column} from {table}").fetchall()
        found = dict(rows)
        return [{**found, **_refused(self._imported)}[f"e{at}"] for at in range(len(lines))]

    def by_journal(self, event_type: str, lines: list[dict[str, Any]], column: str, table: str) -> list[Any]:
        """The same of ``write_event``."""
        found: dict[int, Any] = {}
        with Journal(self._home, "test") as journal:
            for at, line in enumerate(lines):
                try:
                    journal.write_event(event_type, {**line, "event_id": f"e{at}"})
                except EventRefused as refusal:
                    found[at] = refusal.reason
        return self._stored(found, len(lines), column, table)

    def by_model(self, event: type[Event], given: list[dict[str, Any]], column: str) -> list[Any]:
        """The same of the typed model; the name of the field where it is refused."""
        found: dict[int, Any] = {}
        with Journal(self._home, "models") as journal:
            for at, fields in enumerate(given):
                try:
                    journal.record([event(**fields, event_id=f"e{at}")])
                except ValidationError as error:
                    found[at] = str(error.errors()[0]["loc"][0])
        return self._stored(found, len(given), column, event.table)

    def _stored(self, found: dict[int, Any], count: int, column: str, table: str) -> list[Any]:
        scratch = self._home / "scratch"
        scratch.mkdir(exist_ok=True)
        ingest = Ingest(self._recorded.connection, self._home, scratch)
        while ingest.run_once().has_more:
            pass
        rows = self._recorded.connection.execute(f"select event_id, {column} from {table}").fetchall()
        reasons = self._recorded.connection.execute("select reason from rejected_events").fetchall()
        stored = dict(rows)
        return [found[at] if at in found else stored.get(f"e{at}", reasons) for at in range(count)]


@pytest.fixture
def ways(imported: LogStore, empty_database: Path, tmp_path: Path) -> Iterator[Ways]:
    with fresh_store(empty_database) as recorded:
        yield Ways(imported, recorded, tmp_path)


def _is_as_wanted(found: Any, key: str, wanted: Any) -> bool:
    if wanted == REFUSED:
        return isinstance(found, str) and found.startswith(f"{key}: expected ")
    return bool(found is None if wanted == UNKNOWN else (type(found), found) == (type(wanted), wanted))


@pytest.mark.rows(4)
@pytest.mark.parametrize("key", list(dict.fromkeys(key for key, *_ in CASES)))
def test_every_way_in_stores_the_same_value_or_refuses_in_the_same_words(ways: Ways, key: str) -> None:
    cases = [(column, value, wanted) for name, column, value, wanted in CASES if name == key]
    column = cases[0][0]
    lines = [{**CLOSE, key: value} for _, value, _ in cases]
    imported = ways.by_import(lines, column, "order_closes")
    recorded = ways.by_journal("order_close", lines, column, "order_closes")
    differ = [(value, a, b) for (_, value, _), a, b in zip(cases, imported, recorded, strict=True) if a != b]
    assert differ == []
    wrong = [
        (value, a) for (_, value, wanted), a in zip(cases, imported, strict=True) if not _is_as_wanted(a, key, wanted)
    ]
    assert wrong == []


def test_lists_and_documents_are_the_same_by_every_way_in(ways: Ways) -> None:
    lines = [{**FILL, "tradeIds": value} for value, _ in LISTS]
    imported = ways.by_import(lines, "trade_ids", "order_fills")
    recorded = ways.by_journal("order_fill", lines, "trade_ids", "order_fills")
    for (value, wanted), a, b in zip(LISTS, imported, recorded, strict=True):
        if wanted == REFUSED:
            assert a == b, value
            assert a.startswith("tradeIds: expected a list, found "), value
        else:
            assert json.loads(a) == json.loads(b) == wanted, value


@pytest.mark.rows(3)
@pytest.mark.parametrize("key", list(dict.fromkeys(key for key, *_ in CASES)))
def test_the_typed_model_reads_the_same_values(ways: Ways, key: str) -> None:
    cases = [(column, value, wanted) for name, column, value, wanted in CASES if name == key]
    column = cases[0][0]
    good = parse_event("order_close", CLOSE).__dict__
    own = {name: value for name, value in good.items() if value is not None and name != "event_id"}
    found = ways.by_model(OrderClosed, [{**own, column: value} for _, value, _ in cases], column)
    for (_, value, wanted), each in zip(cases, found, strict=True):
        if wanted == REFUSED:
            refused_by_store = isinstance(each, list) and value in ("", " ")
            assert refused_by_store or each in (key, column), (value, each)
        else:
            assert _is_as_wanted(each, key, wanted), (value, each)


METRIC_KEYS = '"event_id": "e0", "ts": 1761998400, "symbol": "X"'
ODD_LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("a key twice: the last counts", '"fees_usd": 1, "fees_usd": 2', {"fees_usd": 2.0}),
    ("a key twice, one escaped", r'"fees_usd": 1, "\u0066ees_usd": 2', {"fees_usd": 2.0}),
    ("a key twice below another", '"prices": {"mark": 1, "mark": 2}', {"mark_price": 2.0}),
    (
        "an object twice",
        '"prices": {"mark": 1}, "prices": {"submitted": 2}',
        {"mark_price": None, "submitted_price": 2.0},
    ),
    ("a key twice in a document", '"policy_before": {"a": [{"b": 1, "b": 2}]}', {"policy_before": {"a": [{"b": 2}]}}),
    ("a key twice in what has no column", '"x": {"b": 1, "b": 2}', {"extra": {"x": {"b": 2}}}),
    ("an unknown key twice", '"x": 1, "x": 2', {"extra": {"x": 2}}),
    ("the time twice", '"ts": 1, "ts": 1761998400', {"ts": NOON}),
    (
        "a NaN in a document",
        '"policy_before": {"a": NaN, "b": [-Infinity]}',
        {"policy_before": {"a": None, "b": [None]}},
    ),
    ("a NaN in what has no column", '"x": {"a": NaN}, "y": NaN', {"extra": {"x": {"a": None}, "y": None}}),
    ("a literal key with a dot", '"prices.mark": 5', {"mark_price": None, "extra": {"prices.mark": 5}}),
    ("other cases", '"Fees_Usd": 5', {"fees_usd": None, "extra": {"Fees_Usd": 5}}),
    ("odd keys", '"__proto__": {"a": 1}, "": 2', {"extra": {"__proto__": {"a": 1}, "": 2}}),
    ("the column's name as key", '"mark_price": 5', {"mark_price": 5.0, "extra": None}),
    (
        "the contract's key counts, and the other is kept",
        '"prices": {"mark": 1}, "mark_price": 5',
        {"mark_price": 1.0, "extra": {"mark_price": 5}},
    ),
    (
        "an unknown value goes on to the column's name",
        '"prices": {"mark": "NaN"}, "mark_price": 5',
        {"mark_price": 5.0},
    ),
    ("empty text goes on to the column's name", '"result": {"status": ""}, "status": "F"', {"status": "F"}),
    ("unknown keys are kept, also null and empty", '"x": null, "y": {}', {"extra": {"x": None, "y": {}}}),
    ("an emptied object is not kept", '"prices": {"mark": 1}, "policy": null', {"mark_price": 1.0, "extra": None}),
    ("half a surrogate pair", r'"venue": "a\ud800b", "\udfff": 1', {"venue": "a?b", "extra": {"?": 1}}),
    ("a large integer in a document", '"policy_before": {"a": 123456789012345678901234567890}', {}),
    ("deep nesting", f'"policy_before": {"[" * 50}1{"]" * 50}', {}),
    ("empty text for a document", '"policy_before": ""', {"policy_before": None}),
    ("text for a document", '"policy_before": "x"', {"policy_before": "x"}),
]


@pytest.mark.rows(6)
@pytest.mark.parametrize(("written", "wanted"), [line[1:] for line in ODD_LINES], ids=[line[0] for line in ODD_LINES])
def test_odd_json_is_the_same_row_by_every_way_in(
    imported: LogStore, empty_database: Path, tmp_path: Path, written: str, wanted: dict[str, Any]
) -> None:
    line = f"{{{METRIC_KEYS}, {written}}}"
    imported.lines(METRICS, line)
    assert imported.reasons() == []
    with fresh_store(empty_database) as recorded, Journal(tmp_path, "test") as journal:
        journal.write_event("order_metric", json.loads(line))
        Ingest(recorded.connection, tmp_path, tmp_path).run_once()
        rows = [_contents(store.row("order_metrics")) for store in (imported, recorded)]
    assert rows[0] == rows[1]
    assert {name: rows[0][name] for name in wanted} == wanted


def _contents(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what says who stored it when; documents as values."""
    beside = ("ingest_seq", "received_ts", "producer", "run_id", "hostname", "pid")
    documents = ("policy_before", "policy_after", "extra")
    return {
        name: json.loads(value) if name in documents and value is not None else value
        for name, value in row.items()
        if name not in beside
    }


@pytest.mark.parametrize("given", [{"nav": 5}, {"equity": 5}, {"nav": 5, "equity": "NaN"}, {"nav": None, "equity": 5}])
def test_a_tick_that_knows_one_of_equity_and_nav_has_the_other_equal_to_it(given: dict[str, Any]) -> None:
    tick = parse_event("tick", {"t": 0, **given})
    assert (getattr(tick, "equity_usd"), getattr(tick, "nav_usd")) == (5.0, 5.0)  # noqa: B009 (an Event has neither)
    typed = Ticked(ts=NOON, equity_usd=given.get("equity"), nav_usd=given.get("nav"))
    assert (typed.equity_usd, typed.nav_usd) == (5.0, 5.0)


def test_a_nan_falls_back_as_null_does(imported: LogStore) -> None:
    imported.lines(NAV, '{"t": 1761998400, "equity": NaN, "nav": 5}', {"t": 1761998401, "equity": "nan", "nav": 6})
    assert imported.column("equity_usd", "ticks") == [5.0, 6.0]


def test_odd_times_are_numbered_among_the_others(imported: LogStore) -> None:
    odd = {**CLOSE, "ts_close": "2025-11-01 12:00:01,5"}
    imported.lines(EXECUTED, {**CLOSE, "ts_close": "2025-11-01T12:00:02Z"}, odd, {**CLOSE, "ts_close": 1761998400})
    assert [ts.second for ts in imported.column("ts", "order_closes")] == [0, 1, 2]


def test_a_name_that_an_older_version_recorded_untrimmed_is_made_normal(imported: LogStore, tmp_path: Path) -> None:
    close = OrderClosed.model_construct(**{**parse_event("order_close", CLOSE).__dict__, "symbol": " btcusdt "})
    with Journal(tmp_path, "test") as journal:
        journal.record([close])
        Ingest(imported.connection, tmp_path, tmp_path).run_once()
    assert imported.column("symbol", "order_closes") == ["BTCUSDT"]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**22), 10**22),
    st.floats(),
    st.sampled_from([value for value, _ in [*INSTANTS, *NUMBERS, *IDS, *NAMES, *FLAGS]]),
    st.from_regex(r"\A[-+]?[0-9_.,eE:TtZ -]{1,24}\Z"),
    st.text(max_size=6),
)
ODD = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2))
LOG_OF = {
    "order_ack": (EXECUTED, ACK),
    "order_fill": (EXECUTED, FILL),
    "order_close": (EXECUTED, CLOSE),
    "order_metric": (METRICS, METRIC),
    "order_attempt": (ATTEMPTED, ATTEMPT),
    "risk_veto": (VETOES, VETO),
    "heartbeat": (HEARTBEATS, HEARTBEAT),
}


@pytest.mark.rows(3)
@settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("event_type", list(LOG_OF))
def test_any_value_of_any_field_is_the_same_by_import_and_write_event(
    empty_database: Path, event_type: str, data: st.DataObject
) -> None:
    log, good = LOG_OF[event_type]
    event = EVENTS_BY_TYPE[event_type]
    keys = [
        (name, path)
        for name, field in event.model_fields.items()
        if name not in ("event_id", "producer", "is_test")
        for path in field_paths(name, field)[:1]
        if path != "event_type"
    ]
    lines = []
    for at in range(12):
        line = json.loads(json.dumps(good))
        _, path = data.draw(st.sampled_from(keys))
        *parents, leaf = path.split(".")
        holder = line
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[leaf] = data.draw(ODD)
        lines.append({**line, "event_id": f"e{at}"})
    with (
        TemporaryDirectory() as folder,
        fresh_store(empty_database) as imported,
        fresh_store(empty_database) as recorded,
    ):
        imported.lines(log, *(json.dumps(line) for line in lines))
        refused = {}
        with Journal(folder, "test", run_id="r") as journal:
            for line in lines:
                try:
                    journal.write_event(event_type, line)
                except EventRefused as refusal:
                    refused[line["event_id"]] = refusal.reason
            Ingest(recorded.connection, Path(folder), Path(folder)).run_once()
        names = [name for name in event.model_fields if name not in ("producer", "run_id", "hostname", "pid")]
        wanted = f"select {', '.join(names)} from {event.table} order by event_id"
        kept = [_rows(store, wanted, names, document_fields(event)) for store in (imported, recorded)]
        reasons = _refused(imported)
    assert reasons == refused
    assert kept[0] == kept[1]


def _refused(store: LogStore) -> dict[str, str]:
    """Why lines were refused, by the event id that they give."""
    rows = store.connection.execute("select raw, reason from rejected_events").fetchall()
    return {json.loads(raw)["event_id"]: reason for raw, reason in rows}


def _rows(store: LogStore, query: str, names: list[str], documents: frozenset[str]) -> list[list[Any]]:
    return [
        [
            json.loads(item) if name in documents and item is not None else item
            for name, item in zip(names, row, strict=True)
        ]
        for row in store.connection.execute(query).fetchall()
    ]
