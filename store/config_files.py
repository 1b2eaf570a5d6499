"""Imports limits and universe, which are one JSON document each."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import duckdb

from tape.execution.values import number
from tape.store.counter import FileCount, end_import, last_ingest_seq, reject
from tape.store.database import transaction


def import_config(connection: duckdb.DuckDBPyConnection, path: Path, kind: str, now: datetime) -> FileCount:
    """Stores limits or universe when they differ from the newest on record: the first as of 1970, a later as of now.

    NaN and the infinities in the document are unknown: null, as by ``write_event``.
    """
    raw = path.read_text(encoding="utf-8", errors="backslashreplace")
    try:
        payload = json.loads(raw, parse_constant=lambda _: None, parse_float=number)
        canonical = json.dumps(payload, sort_keys=True, allow_nan=False)
    except (ValueError, RecursionError) as error:
        return _reject_config(connection, path, raw, f"expected JSON, found {error}", now)
    if not isinstance(payload, (dict, list)):
        found = type(payload).__name__
        return _reject_config(connection, path, raw, f"expected an object, found {found}", now)
    newest = connection.execute(
        "select payload from config_snapshots where kind = ? order by ts desc, ingest_seq desc limit 1", [kind]
    ).fetchone()
    if newest is not None and json.dumps(json.loads(newest[0]), sort_keys=True) == canonical:
        return FileCount(read=1, known=1)
    ts = now if newest is not None else datetime.fromtimestamp(0, now.tzinfo)
    with transaction(connection):
        seq = last_ingest_seq(connection) + 1
        connection.execute(
            "insert into config_snapshots by name select ? as event_id, ? as ts, ? as kind, ? as payload,"
            " false as is_test, ? as producer, ? as received_ts, ? as ingest_seq",
            [_md5(f"{kind} {ts.isoformat()} {canonical}"), ts, kind, json.dumps(payload), path.name, now, seq],
        )
        end_import(connection, path.name, seq - 1, 1, now)
    return FileCount(read=1, stored=1)


def _reject_config(
    connection: duckdb.DuckDBPyConnection, path: Path, raw: str, reason: str, now: datetime
) -> FileCount:
    event_id = _md5(raw)
    if connection.execute("from rejected_events where event_id = ?", [event_id]).fetchone():
        return FileCount(read=1, known=1)
    reject(connection, event_id=event_id, now=now, source=path.name, line=1, reason=reason, raw=raw)
    return FileCount(read=1, rejected=1)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
