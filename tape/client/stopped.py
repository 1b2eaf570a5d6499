"""Inputs that stopped, as people read it: which, how old its newest row is, and when that was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from tape.client.client import Client
from tape.client.instants import shown, span
from tape.exporters.documents import DocumentRefused, sequence
from tape.exporters.inputs import INPUTS_QUERY, Input, inputs_of, stopped
from tape.store.query.tree import object_named

_START = datetime(1970, 1, 1, tzinfo=UTC)
Newest = Mapping[str, datetime]
"""Input that stopped to the time of its newest row."""


def stopped_beneath(client: Client, view: str, as_of: datetime | None) -> list[Input]:
    """Return the inputs of a view that stopped, the oldest first; none of a table or of what shows the inputs itself.

    Raises:
        StoreError: the store cannot be asked.
    """
    item = object_named(view)
    if item is None or item.is_macro or view == "inputs_now" or view.startswith("seen_"):
        return []
    if not (names := inputs_of(view)):
        return []
    return stopped([Input(*row) for row in client.query(INPUTS_QUERY, as_of=as_of).rows], names)


def stopped_in(document: Mapping[str, Any]) -> dict[str, datetime]:
    """Return the inputs that a published file names as stopped; none where the file is no such document."""
    told = document.get("stale_inputs")
    if not isinstance(told, Mapping):
        return {}
    return {str(name): datetime.fromisoformat(str(text)) for name, text in told.items()}


def told_of(newest: Newest, at: datetime, zone: tzinfo = UTC) -> str:
    """Return ``ticks 22 days old (newest row 2025-10-14 20:39:48 UTC)`` for each input, the oldest first."""
    ordered = sorted(newest.items(), key=lambda each: each[1])
    return ", ".join(
        f"{name} {span((at - ts).total_seconds())} old (newest row {shown(ts, zone)})" for name, ts in ordered
    )


def newest_of(inputs: Iterable[Input]) -> dict[str, datetime]:
    return {each.name: each.newest for each in inputs if each.newest is not None}


@dataclass(frozen=True)
class Stopped:
    """The inputs that a file names as stopped, as of the file's own instant."""

    at: datetime = _START
    newest: Mapping[str, datetime] = field(default_factory=dict)

    def __str__(self) -> str:
        return told_of(self.newest, self.at)


def stopped_by_side(path: Path) -> Stopped:
    """Return what one of two compared files says.

    Nothing where the file is torn, missing or another program's: the comparison itself tells of that.
    """
    with suppress(OSError, ValueError, OverflowError, DocumentRefused):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and (newest := stopped_in(document)):
            return Stopped(_START + timedelta(microseconds=sequence(path.name, document)), newest)
    return Stopped()
