"""Holds a file of cases against the product: ``python -m benchmarks.vectors FILE``.

A case is a set of rows by table, the instant and the knowledge that are asked for, and the numbers that must come out.
The rows go into the tables of a real database, the numbers are read from the two published files of execution quality
and from the views beneath them. Prints ``N of M numbers right`` and each number that is not.

A number is named by its path: dots between keys, ``[2]`` the third item of a list, ``[symbol=BTCUSDT;days=1]`` the
first item whose values are these. The first key is a file (``quality``, ``reconciliation``) or a view (``attempts``,
``executions``, ``foregone``, ``findings``); instants in views are microseconds since 1970.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tape.exporters.contract import state_file
from tape.exporters.state_files import render
from tape.store.database import closing, migrate, open_database, transaction
from tape.store.ingest.roll_ups import ROLL_UPS, roll_up
from tape.store.query.round import Round, open_round
from tape.store.schema import EVENT_TABLES

FILES = {"quality": "execution_quality", "reconciliation": "reconciliation"}
VIEWS = {
    "attempts": "order_quality",
    "executions": "executions",
    "foregone": "foregone_outcomes",
    "findings": "reconciliation_findings",
}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\[([^\]]*=[^\]]*)\]")
_MISSING = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wrong:
    """A number that did not come out."""

    case: str
    path: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        found = "nothing there" if self.found is _MISSING else repr(self.found)
        return f"{self.case}: {self.path}: expected {self.expected!r}, found {found}"


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A migrated, empty database of its own, gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="vectors-") as folder:
        path = Path(folder) / "tape.duckdb"
        migrate(path)
        with closing(open_database(path)) as connection:
            yield connection


def check_case(connection: duckdb.DuckDBPyConnection, case: Mapping[str, Any], tolerance: float) -> list[Wrong]:
    """Load one case into the empty database, compare its numbers, and leave the database empty."""
    as_of = datetime.fromisoformat(case["as_of"])
    with transaction(connection):
        load(connection, case["tables"])
    try:
        with open_round(connection, as_of=as_of, known_seq=case.get("known_seq")) as reading:
            found = Found(reading)
            wrong = []
            for path, expected in case["expect"].items():
                value = found.at(path)
                if not agree(expected, value, tolerance):
                    wrong.append(Wrong(case["name"], path, expected, value))
            return wrong
    finally:
        with transaction(connection):
            empty(connection)


def load(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """Insert rows into their tables; a key without a column goes into ``extra``. Brings the roll-ups up to date."""
    connection.execute("insert into ingest_counter select 1000000 where not exists (from ingest_counter)")
    for table, rows in tables.items():
        if rows:
            _insert(connection, table, rows)
    roll_up(connection, -1)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    types = dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where table_name = ? and schema_name = 'main'", [table]
        ).fetchall()
    )
    if not types:
        raise ValueError(f"table {table}: expected one of the database, found none such")
    filled = [_row(row, types) for row in rows]
    connection.execute(
        f"insert into {table} by name select row.* from (select unnest(from_json(?, ?)) as row)",
        [json.dumps(filled), json.dumps([types])],
    )


def _row(row: dict[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    known = {key: value for key, value in row.items() if key in types}
    rest = {key: value for key, value in row.items() if key not in types and value is not None}
    given = known.get("extra") or {}
    filled = {"received_ts": row["ts"], "is_test": False, **known}
    return filled | ({"extra": {**given, **rest}} if given or rest else {})


def empty(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete what ``load`` inserted."""
    for table in (*EVENT_TABLES, *(each.table for each in ROLL_UPS), "price_lookups"):
        connection.execute(f"delete from {table}")


class Found:
    """The values of a round, by path; files and views are computed when first asked for."""

    def __init__(self, reading: Round) -> None:
        self._reading = reading
        self._roots: dict[str, Any] = {}

    def at(self, path: str) -> Any:
        """The value at a path; ``_MISSING`` where there is none."""
        steps = list(_STEP.finditer(path))
        name = steps[0][0]
        if name not in self._roots:
            self._roots[name] = self._root(name)
        value = self._roots[name]
        for step in steps[1:]:
            value = _step(value, step)
        return value

    def _root(self, name: str) -> Any:
        if name in FILES:
            return json.loads(render(state_file(FILES[name]), self._reading))
        return [{key: _plain(value) for key, value in row.items()} for row in self._reading.rows(VIEWS[name])]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // (datetime.resolution)
    return value


def _step(value: Any, step: re.Match[str]) -> Any:
    key, index, conditions = step.groups()
    if value is _MISSING or value is None:
        return _MISSING
    if key is not None:
        return value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
    if not isinstance(value, list):
        return _MISSING
    if index is not None:
        return value[int(index)] if int(index) < len(value) else _MISSING
    wanted = dict(each.split("=", 1) for each in conditions.split(";"))
    matching = (item for item in value if all(str(item.get(name)) == text for name, text in wanted.items()))
    return next(matching, _MISSING)


def agree(expected: Any, found: Any, tolerance: float) -> bool:
    """Whether a value is the expected one: numbers within the tolerance, all else equal."""
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(agree(one, other, tolerance) for one, other in zip(expected, found, strict=True))
        )
    if _is_number(expected) and _is_number(found):
        return bool(abs(expected - found) <= tolerance * max(1.0, abs(expected), abs(found)))
    return type(expected) is type(found) and bool(expected == found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main() -> int:
    """Print how many numbers are right, and those that are not; return 1 where one is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--case", action="append", help="only this case; may be given several times")
    arguments = parser.parse_args()
    document = json.loads(arguments.file.read_bytes())
    cases = [case for case in document["cases"] if not arguments.case or case["name"] in arguments.case]
    with database() as connection:
        wrong = [each for case in cases for each in check_case(connection, case, document["tolerance"])]
    count = sum(len(case["expect"]) for case in cases)
    print(f"{count - len(wrong)} of {count} numbers right")
    for each in wrong:
        print(each)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
