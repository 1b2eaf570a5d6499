"""The inputs of the published files: what a file rests on, and which of it stopped.

The view ``inputs_now`` says what each input's newest row is, and how old it may be. A document's SQL names the inputs
that it rests on, in ``staleness([..])``; other views rest on what their tables belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from tape.store.query.round import Round, content_tables
from tape.store.query.tree import object_named
from tape.store.schema import EVENT_TABLES

INPUTS_QUERY = "select input, newest_ts, age_s, stops_after_s, is_stopped from inputs_now"
STALE_KEYS = ("stale_s", "stale_inputs")
"""Keys of a published file that says of inputs that they stopped."""

_NAMED = re.compile(r"\bstaleness\(\[([^\]]*)\]\)")
_OF_TABLES = {
    "ticks": "ticks",
    "positions": "positions",
    "marks": "marks",
    "shadow_decisions": "shadow",
    **dict.fromkeys(
        (*(name for name in EVENT_TABLES if name.startswith("order_")), "vetoes", "flag_snapshots"), "executor"
    ),
}


@dataclass(frozen=True)
class Input:
    """One input as of an instant, as ``inputs_now`` has it; ``newest``: ``None`` before it has begun."""

    name: str
    newest: datetime | None
    age_s: float | None
    stops_after_s: float
    is_stopped: bool

    @property
    def stops_at(self) -> datetime | None:
        """When it counts as stopped unless a newer row comes; ``None``: it stopped, or has not begun."""
        if self.newest is None or self.is_stopped:
            return None
        return self.newest + timedelta(seconds=self.stops_after_s)


def read_inputs(reading: Round) -> list[Input]:
    """Every input as of a round's instant."""
    return [Input(*row) for row in reading.answer(INPUTS_QUERY).fetchall()]


@cache
def inputs_of(view: str) -> frozenset[str]:
    """The names of the inputs that a view or table rests on."""
    if (item := object_named(view)) is None:
        return frozenset({_OF_TABLES[view]} if view in _OF_TABLES else ())
    if named := _NAMED.search(item.text):
        return frozenset(re.findall(r"'(\w+)'", named[1]))
    return frozenset(_OF_TABLES[table] for table in content_tables(view) if table in _OF_TABLES)


def stopped(inputs: Iterable[Input], names: Iterable[str]) -> list[Input]:
    """Those of the named inputs that stopped, the one that stopped first before the others."""
    wanted = frozenset(names)
    found = (each for each in inputs if each.is_stopped and each.name in wanted)
    return sorted(found, key=lambda each: -(each.age_s or 0.0))


def first_stop(inputs: Iterable[Input], names: Iterable[str]) -> datetime | None:
    """When the first of the named inputs that are alive counts as stopped; ``None``: none is alive."""
    wanted = frozenset(names)
    return min((at for each in inputs if each.name in wanted and (at := each.stops_at) is not None), default=None)
