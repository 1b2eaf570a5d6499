"""Opens the database of a home for its owner: waits for other processes, and rebuilds a damaged database.

Laws kept here: a damaged or lost database is rebuilt before it is served, if that loses nothing; otherwise nothing is
changed and the owner does not start. A lock, a missing permission, no memory, a full disk and a newer version are not
damage.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tape.store.database import Resources, migrate, open_database
from tape.store.errors import DatabaseDamaged, DatabaseLocked
from tape.store.home import Layout
from tape.store.recovery.damaged import refuse_damaged, why_behind
from tape.store.recovery.rebuild import RebuildFailed, rebuild

_LOG = logging.getLogger("tape")
_TELL_EVERY_S = 10.0


def open_to_own(home: Path, resources: Resources, stop: threading.Event) -> duckdb.DuckDBPyConnection | None:
    """Open the database of a home, migrated and intact as far as can be seen; ``None`` if stopped meanwhile.

    Raises:
        StoreError: the database cannot be opened, or is damaged and cannot be rebuilt without loss.
    """
    told, is_rebuilt = 0.0, False
    while not stop.is_set():
        try:
            return _open_whole(home, resources)
        except DatabaseLocked as error:
            if time.monotonic() - told >= _TELL_EVERY_S:
                _LOG.warning("waiting: %s", error)
                told = time.monotonic()
            stop.wait(0.2)
        except DatabaseDamaged as error:
            if is_rebuilt:
                raise
            _rebuild(home, resources, error, stop)
            is_rebuilt = True
    return None


def _open_whole(home: Path, resources: Resources) -> duckdb.DuckDBPyConnection:
    """
    Raises:
        DatabaseLocked, DatabaseDamaged.
    """
    database = Layout(home).database
    refuse_damaged(home)
    for line in migrate(database, resources):
        _LOG.info("%s", line)
    connection = open_database(database, resources)
    try:
        found = why_behind(home, connection)
    except BaseException:
        connection.close()
        raise
    if found is not None:
        connection.close()
        raise DatabaseDamaged(database, found)
    return connection


def _rebuild(home: Path, resources: Resources, damage: DatabaseDamaged, stop: threading.Event) -> None:
    """Rebuild in a thread of its own, which is abandoned if the owner is stopped: a rebuild may be killed any time.

    Raises:
        StoreError: the database cannot be rebuilt without loss; nothing was changed.
    """
    _LOG.warning("database %s is damaged, it is rebuilt: %s", damage.path, damage.found)
    apart = ThreadPoolExecutor(1, "rebuild")
    made = apart.submit(rebuild, home, resources, now=datetime.now(UTC), reason=damage.found)
    apart.shutdown(wait=False)
    while not made.done():
        if stop.wait(0.05):
            return
    try:
        done = made.result()
    except RebuildFailed as error:
        raise RebuildFailed(f"database {damage.path} is damaged: {damage.found}: {error}") from error
    for line in [str(done), *done.unusable, *done.notes, *(f"set aside: {path}" for path in done.set_aside)]:
        _LOG.warning("%s", line)
