"""Why a view shows nothing: the newest rows that it could show, of a store with a few given rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tape.client.client import Client
from tape.client.empty import why_empty
from tape.store.database import closing, open_database
from tests.conftest import AS_OF, GivenRows, ago

Row = tuple[str, datetime, bool]


def said(database: Path, names: Iterable[str], rows: Iterable[Row], as_of: datetime | None = None) -> str | None:
    with closing(open_database(database)) as connection:
        for table, ts, is_test in rows:
            GivenRows(connection).add(table, ts, event_id=f"{table}{ts}", is_test=is_test)
    return why_empty(Client(database.parents[1]), names, as_of, AS_OF)


def test_what_is_no_view_has_no_word(database: Path) -> None:
    assert said(database, ["order_fills", "clamp", "nothing"], []) is None


def test_a_view_of_tables_without_rows_says_which(database: Path) -> None:
    assert said(database, ["vetoes_24h"], []) == "no rows yet in vetoes"


@pytest.mark.parametrize(
    ("as_of", "more"),
    [(None, "; try --as-of newest"), (ago(hours=1), ""), (ago(minutes=59, seconds=59), "; try --as-of newest")],
)
def test_the_newest_row_is_told_and_where_the_instant_is_behind_it_what_to_try(
    database: Path, as_of: datetime | None, more: str
) -> None:
    rows = [("vetoes", ago(hours=2), False), ("vetoes", ago(hours=1), False)]
    assert said(database, ["vetoes_24h"], rows, as_of) == f"newest rows: vetoes 2025-06-15 11:30:00 UTC{more}"


def test_test_noise_and_what_is_later_than_now_are_no_newest_rows(database: Path) -> None:
    rows = [
        ("vetoes", ago(hours=3), False),
        ("vetoes", ago(hours=1), True),
        ("vetoes", AS_OF + timedelta(seconds=1), False),
    ]
    assert said(database, ["vetoes_24h"], rows) == ("newest rows: vetoes 2025-06-15 09:30:00 UTC; try --as-of newest")


def test_of_many_tables_three_are_named_the_newest_first(database: Path) -> None:
    tables = ("ticks", "positions", "marks", "order_closes")
    rows = [(table, ago(hours=at), False) for at, table in enumerate(tables, 1)]
    found = said(database, ["symbol_drawdowns"], rows)
    assert found is not None
    assert found.startswith("newest rows: ticks 2025-06-15 11:30:00 UTC, positions 2025-06-15 10:30:00 UTC, marks ")
    assert " and older ones in 1 more tables" in found
