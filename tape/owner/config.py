"""Records limits and universe from the settings of a home."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tape.execution.default_limits import with_defaults
from tape.execution.events import ConfigChanged
from tape.settings import Settings
from tape.store.database import closing
from tape.store.journal.writer import Journal


def record_config(home: Path, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Record the configured limits and universe, whole, if they differ from those in force."""
    limits, universe = with_defaults(settings.limits, settings.universe)
    given = {
        "limits": None if settings.limits is None else limits,
        "universe": None if settings.universe is None else universe,
    }
    now, changed = datetime.now(UTC), []
    query = "select payload from config_snapshots where kind = ? and ts <= ? order by ts desc, ingest_seq desc limit 1"
    for kind, payload in given.items():
        with closing(connection.cursor()) as cursor:
            row = cursor.execute(query, [kind, now]).fetchone()
        if payload is not None and (row is None or json.loads(row[0]) != payload):
            changed.append(ConfigChanged(ts=now, kind=kind, payload=payload))
    if changed:
        with Journal(home, "tape") as journal:
            journal.record(changed, durable=True)
