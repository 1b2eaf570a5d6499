"""Whether an owner is ready: it answers a query, stores, publishes and mirrors, and has space to go on.

A failing backup does not make the owner unready, because no reader waits for it. ``tape doctor`` reports it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import duckdb

from tape.client.instants import span
from tape.doctor.store import STUCK_S
from tape.owner.live import Live
from tape.store.database import closing

_BESIDE = ("housekeeping", "caches")
"""Workers that nobody waits for."""


def not_ready(live: Live) -> list[str]:
    """Return why this owner is not ready, one sentence per reason; none if it is ready. Runs a query."""
    return [*_of_database(live), *_of_workers(live), *_of_journal(live), *_of_files(live)]


def _of_database(live: Live) -> Iterator[str]:
    try:
        with closing(live.connection.cursor()) as cursor:
            cursor.execute("select last_ingest_seq from ingest_counter").fetchall()
    except duckdb.Error as error:
        yield f"query: {' '.join(str(error).split())}"


def _of_workers(live: Live) -> Iterator[str]:
    now = time.monotonic()
    for worker in live.workers:
        if worker.name in _BESIDE:
            continue
        if worker.error is not None:
            yield f"{worker.name}: {worker.error}"
        elif now - worker.worked_at > STUCK_S:
            yield f"{worker.name}: has finished nothing for {span(now - worker.worked_at)}"


def _of_journal(live: Live) -> Iterator[str]:
    for name, error in live.ingest.unreadable.copy().items():
        yield f"segment {name} cannot be read: {error}"


def _of_files(live: Live) -> Iterator[str]:
    for publication in live.publisher.publications:
        if publication.error is not None:
            yield f"{publication.file.name}: {publication.error}"
    for name, error in live.mirrors.errors.copy().items():
        yield f"mirror {name}: {error}"
