"""Whatever way an event comes in, the same value is stored, or it is refused with the same words.

Each odd value is given to ``tape import`` (as a line of a log), to ``Journal.write_event`` followed by ingest, and,
where the value can be a Python value of a field, to the typed model followed by ingest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tape.execution.events import Event, EventRefused, OrderClosed, parse_event
from tape.store.ingest import Ingest
from tape.store.journal import Journal
from tests.store.old_logs import CLOSE, EXECUTED, FILL, LogStore, fresh_store

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
        refused = self._imported.connection.execute("select event_id, reason from rejected_events").fetchall()
        return [{**found, **dict(refused)}[f"e{at}"] for at in range(len(lines))]

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
