"""The four logs whose lines are events, one line per row."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from tape.execution import events
from tape.exporters.mirrors.lines import ORDER_EVENTS, contract_line, dump
from tape.exporters.mirrors.mirror import Lines
from tape.store.database import transaction
from tape.store.query.round import Row, fetch_rows

_SLICE = 1_000
"""Rows appended at a time: so many of the longest fit into memory, and are done before somebody dies again."""
EVENT_MIRRORS: dict[str, tuple[type[events.Event], ...]] = {
    "execution/orders_executed.jsonl": ORDER_EVENTS,
    "execution/order_metrics.jsonl": (events.OrderMeasured,),
    "execution/risk_vetoes.jsonl": (events.IntentVetoed,),
    "pipeline_v6_shadow.jsonl": (events.ShadowDecided,),
}


def not_imported(cursor: duckdb.DuckDBPyConnection) -> str:
    """SQL: the condition that a row was not imported; imports happen only while no owner runs."""
    spans: list[list[int]] = []
    for first, last in cursor.execute("select first_seq, last_seq from imports order by first_seq").fetchall():
        # Imports follow one another without a hole: a year of them is one condition, not hundreds.
        if spans and first <= spans[-1][1] + 1:
            spans[-1][1] = max(spans[-1][1], last)
        else:
            spans.append([first, last])
    return " and ".join(["true", *(f"not ingest_seq between {first} and {last}" for first, last in spans)])


class EventMirror:
    """The rows of some event tables as the contract's lines, in the order in which they were stored."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        name: str,
        kinds: tuple[type[events.Event], ...],
        not_imported: str,
    ) -> None:
        self.name = name
        self.tables = tuple(kind.table for kind in kinds)
        self._cursor = cursor
        self._kinds = kinds
        self._not_imported = not_imported

    def lines(self, last_seq: int) -> Lines:
        rows: list[tuple[int, type[events.Event], Row]] = []
        # all tables as of one commit: what came into one between the reading of another and its own would pass it by
        with transaction(self._cursor):
            if (reached := self._reached(last_seq)) is None:
                return Lines([], last_seq, are_all=True)
            for event in self._kinds:
                rows += [(row["ingest_seq"], event, row) for row in self._rows(event, last_seq, reached)]
        rows.sort(key=lambda item: item[0])
        lines = [(row["event_id"], dump(contract_line(event, row))) for _, event, row in rows]
        return Lines(lines, reached, are_all=len(rows) < _SLICE)

    def wrote(self) -> None:
        """Do nothing: the watermark is the only state."""

    def _reached(self, last_seq: int) -> int | None:
        """Return the number of the last row of the next slice, by numbers alone: a long backlog is not sorted whole."""
        numbers = " union all ".join(f"select ingest_seq from {table}" for table in self.tables)
        ((reached,),) = self._cursor.execute(
            f"select max(ingest_seq) from (select ingest_seq from ({numbers})"
            f" where ingest_seq > ? and {self._not_imported} order by ingest_seq limit {_SLICE})",
            [last_seq],
        ).fetchall()
        return None if reached is None else int(reached)

    def _rows(self, event: type[events.Event], last_seq: int, reached: int) -> Iterator[Row]:
        return fetch_rows(
            self._cursor.execute(
                f"from {event.table} where ingest_seq > ? and ingest_seq <= ? and {self._not_imported}",
                [last_seq, reached],
            )
        )
