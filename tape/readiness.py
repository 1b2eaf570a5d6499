"""Whether an owner is ready: it answers a query, stores, publishes and mirrors, and has room to go on.

A backup that fails is no reason: nobody who reads the store waits for it. ``tape doctor`` tells of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import duckdb

from tape.doctor.checks import span
from tape.doctor.store import STUCK_S
from tape.store.database import closing

if TYPE_CHECKING:
    from tape.service import Owner

_BESIDE = ("housekeeping", "caches")
"""Workers that nobody waits for."""


def not_ready(owner: Owner) -> list[str]:
    """Why nobody may rely on this owner now, a sentence each; none when it is ready. Runs a query."""
    return [*_of_database(owner), *_of_workers(owner), *_of_journal(owner), *_of_files(owner)]


def _of_database(owner: Owner) -> Iterator[str]:
    try:
        with closing(owner.connection.cursor()) as cursor:
            cursor.execute("select last_ingest_seq from ingest_counter").fetchall()
    except duckdb.Error as error:
        yield f"query: {' '.join(str(error).split())}"


def _of_workers(owner: Owner) -> Iterator[str]:
    now = time.monotonic()
    for worker in owner.workers:
        if worker.name in _BESIDE:
            continue
        if worker.error is not None:
            yield f"{worker.name}: {worker.error}"
        elif now - worker.worked_at > STUCK_S:
            yield f"{worker.name}: has finished nothing for {span(now - worker.worked_at)}"


def _of_journal(owner: Owner) -> Iterator[str]:
    for name, error in owner.ingest.unreadable.copy().items():
        yield f"segment {name} cannot be read: {error}"


def _of_files(owner: Owner) -> Iterator[str]:
    for publication in owner.publisher.publications:
        if publication.error is not None:
            yield f"{publication.file.name}: {publication.error}"
    for name, error in owner.mirrors.errors.copy().items():
        yield f"mirror {name}: {error}"
