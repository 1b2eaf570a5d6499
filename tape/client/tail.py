"""The newest rows of what happens, and those that come: each once, in the order in which they were stored.

Laws kept here:
- the order is that of ``ingest_seq``: a row that arrives late is shown when it arrives, and none is shown twice;
- only an owner is asked again and again: a file without one is read once, and stays free for the owner to come;
- an owner that goes away is waited for. When it comes back with less than was seen (a database loses its tail, the
  journal fills it again under other numbers), what was shown is told by its ``event_id``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tape.client.client import Answer, Client, read_documents
from tape.client.owner_socket import DoorClosed
from tape.execution.values import normal_name
from tape.store.errors import StoreError

EVERY_S = 0.5
_PAGE = 500
"""Rows asked for at a time."""
_REMEMBERED = 10_000
_TRIES = 5
"""How often a question is asked again that an owner refuses while it is busy, or about to end."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A table, and which of its rows are worth a look."""

    table: str
    has_symbol: bool = True
    only: str = "true"


SOURCES = {
    "fills": Source("order_fills"),
    "vetoes": Source("vetoes"),
    "closes": Source("order_closes"),
    "ticks": Source("ticks", has_symbol=False),
    "metrics": Source("order_metrics", only="kind is distinct from 'position_close'"),
    "shadow": Source("shadow_decisions", only="not is_heartbeat"),
    "acks": Source("order_acks"),
    "attempts": Source("order_attempts"),
}


class Tail:
    """The end of one source; test noise is left out."""

    def __init__(self, client: Client, source: Source, symbol: str | None = None) -> None:
        self._client = client
        named = "" if symbol is None else f" and symbol = '{normal_name(symbol).replace(chr(39), chr(39) * 2)}'"
        self._from = f"from {source.table} where not is_test and {source.only}{named}"
        self._page = min(_PAGE, client.settings.door.max_rows)
        self._seen = 0
        self._shown: deque[str] = deque(maxlen=_REMEMBERED)

    def newest(self, count: int) -> list[Row]:
        """The last rows that are stored, the oldest first."""
        answer = self._client.query(f"{self._from} order by ingest_seq desc limit {count}")
        return self._remember(_rows(answer)[::-1])

    def follow(self, tell: Callable[[str], None]) -> Iterator[list[Row]]:
        """What comes, in batches, for ever; ``tell`` hears of an owner that goes and comes.

        Raises:
            StoreError: the owner is there, and refuses again and again.
        """
        refused = 0
        while True:
            try:
                rows = self._behind(self._seen)
                refused = 0
            except DoorClosed:
                self._wait(tell)
                continue
            except StoreError:
                refused += 1
                if refused > _TRIES:
                    raise
                time.sleep(EVERY_S)
                continue
            if new := self._remember(rows):
                yield new
            if len(rows) < self._page:
                time.sleep(EVERY_S)

    def _behind(self, seq: int) -> list[Row]:
        query = f"{self._from} and ingest_seq > {seq} order by ingest_seq limit {self._page}"
        return _rows(self._client.ask_owner(query))

    def _remember(self, rows: list[Row]) -> list[Row]:
        """Those that were not shown before."""
        if not rows:
            return rows
        self._seen = rows[-1]["ingest_seq"]
        known = set(self._shown)
        new = [row for row in rows if row["event_id"] not in known]
        self._shown.extend(row["event_id"] for row in new)
        return new

    def _wait(self, tell: Callable[[str], None]) -> None:
        """Until an owner answers again."""
        tell("the owner is gone: waiting for the next")
        while True:
            time.sleep(EVERY_S)
            try:
                ((last,),) = self._client.ask_owner("select last_ingest_seq from ingest_counter").rows
            except StoreError:
                continue
            self._seen = min(self._seen, last)
            tell("an owner is there again")
            return


def _rows(answer: Answer) -> list[Row]:
    """Rows by column, their documents read."""
    return [dict(zip(answer.columns, row, strict=True)) for row in read_documents(answer.rows, answer.types)]
