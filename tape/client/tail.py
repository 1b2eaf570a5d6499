"""The newest rows and all later ones: each once, in the order in which they were stored.

Laws kept here:
- the order is that of ``ingest_seq``: a late row is shown when it arrives, and no row is shown twice;
- only an owner is polled: without an owner the file is read once, so that it stays free for a later owner;
- if the owner goes away, the tail waits for the next one. If that owner has fewer rows than were shown (a database lost
  its tail, and the journal fills it again with other numbers), rows shown before are recognised by ``event_id``.
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
    """A table, and which of its rows are shown."""

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
    """The end of one source, without test noise."""

    def __init__(self, client: Client, source: Source, symbol: str | None = None) -> None:
        self._client = client
        named = "" if symbol is None else f" and symbol = '{normal_name(symbol).replace(chr(39), chr(39) * 2)}'"
        self._from = f"from {source.table} where not is_test and {source.only}{named}"
        self._page = min(_PAGE, client.settings.door.max_rows)
        self._seen = 0
        self._shown: deque[str] = deque(maxlen=_REMEMBERED)

    def newest(self, count: int) -> list[Row]:
        """Return the last stored rows, the oldest first."""
        answer = self._client.query(f"{self._from} order by ingest_seq desc limit {count}")
        return self._remember(_rows(answer)[::-1])

    def follow(self, tell: Callable[[str], None]) -> Iterator[list[Row]]:
        """Yield new rows in batches, for ever; ``tell`` is called when an owner goes away and comes back.

        Raises:
            StoreError: the owner answers, but refuses repeatedly.
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
        """Return the rows that were not shown before."""
        if not rows:
            return rows
        self._seen = rows[-1]["ingest_seq"]
        known = set(self._shown)
        new = [row for row in rows if row["event_id"] not in known]
        self._shown.extend(row["event_id"] for row in new)
        return new

    def _wait(self, tell: Callable[[str], None]) -> None:
        """Wait until an owner answers again."""
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
    """Return rows by column, with parsed documents."""
    return [dict(zip(answer.columns, row, strict=True)) for row in read_documents(answer.rows, answer.types)]
