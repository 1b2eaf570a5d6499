"""Reads the values for the checks of the store and its owner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tape.doctor import store
from tape.doctor.checks import Check
from tape.doctor.home import Home
from tape.execution.events import Ticked
from tape.exporters.firestore.sync import sync_status
from tape.exporters.inputs import read_inputs
from tape.store.database import closing
from tape.store.disk_space import free_bytes
from tape.store.ingest.ahead import events_ahead
from tape.store.ingest.doubled import shared_contents, shared_ids
from tape.store.ingest.gaps import gaps
from tape.store.ingest.positions import certificates
from tape.store.journal.segments import journal_folder
from tape.store.legacy.config_files import kept_in_range
from tape.store.query.round import open_round
from tape.store.recovery.backup import backups
from tape.store.recovery.damaged import last_rebuild

_NAV_FRESHNESS_S = 150.0
"""Where the limits say nothing else (their nav_freshness_seconds)."""


def store_checks(home: Home, now: datetime, *, is_deep: bool = False) -> Iterator[Check]:
    """Return the checks of the store and its owner; ``is_deep``: the whole history is read too."""
    if home.connection is not None:
        with closing(home.connection.cursor()) as cursor:
            missing = gaps(cursor, home.folder)
            for each in certificates(cursor):
                yield store.journal_check(each, [gap for gap in missing if gap.producer == each.producer])
            row = cursor.execute(
                "select count(*), count(*) filter (where rejected_ts > ?), arg_max(reason, rejected_ts)"
                " from rejected_events",
                [now - store.RECENT],
            ).fetchall()[0]
            yield store.rejected_check(store.Rejected(*row))
            yield store.config_check(kept_in_range(cursor))
            ((newest,),) = cursor.execute("select max(ts) from ticks where ts <= ?", [now]).fetchall()
            ahead = events_ahead(cursor, now)
            with open_round(cursor, as_of=now, configured=home.settings.configured) as reading:
                inputs = read_inputs(reading)
            if is_deep:
                yield store.doubled_check(shared_ids(cursor), shared_contents(cursor))
        limits = home.settings.limits or {}
        ticks = sum(each.rows for each in ahead if each.table == Ticked.table)
        yield store.ticks_check(newest, now, float(limits.get("nav_freshness_seconds", _NAV_FRESHNESS_S)), ticks)
        yield store.inputs_check(inputs)
        yield store.ahead_check(ahead, now)
    if home.status is not None:
        yield store.workers_check(home.status["workers"])
        yield store.clock_check(home.status["clock"])
    free, settings = min(map(free_bytes, (home.places.logs, journal_folder(home.folder)))), home.settings.store
    yield store.disk_check(free, settings.warn_free, settings.keep_free)
    wal = home.places.database.with_name("tape.duckdb.wal")
    yield store.wal_check(wal.stat().st_size if wal.exists() else 0, settings.checkpoint_wal)
    started = None if home.status is None else datetime.fromisoformat(home.status["started"])
    if (done := last_rebuild(home.folder)) is not None:
        yield store.rebuild_check(done, now)
    made = _last_backup(home.places.backups)
    yield store.backup_check(made, started, home.settings.backup.every_h, now)
    if (synced := sync_status(home.folder, time.time())) is not None:
        is_wanted = home.has_owner and home.settings.sync.enabled and home.settings.firestore_enabled
        yield store.sync_check(synced, is_wanted=is_wanted)


def _last_backup(folder: Path) -> datetime | None:
    """Return when the newest copy was made; a copy gets its name once it is verified."""
    found = backups(folder)
    return datetime.fromtimestamp(found[-1].stat().st_mtime, UTC) if found else None
