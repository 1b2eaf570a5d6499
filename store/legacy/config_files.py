"""Imports limits and universe, each of them one JSON document."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tape.execution.slips import mended, without_effect
from tape.execution.values import number
from tape.store.database import transaction
from tape.store.ingest.counter import FileCount, end_import, last_ingest_seq, reject


def import_config(connection: duckdb.DuckDBPyConnection, path: Path, kind: str, now: datetime) -> FileCount:
    """Store limits or universe if they differ from the newest on record: the first as of 1970, later ones as of now.

    NaN and infinities in the document become null (unknown), as in ``write_event``.
    """
    raw = path.read_text(encoding="utf-8", errors="backslashreplace")
    try:
        # Python reads NaN where JSON has none, and a stored NaN could not be written to a file again.
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
    # Compared by meaning: a file that was only laid out anew is no new version.
    if newest is not None and json.dumps(json.loads(newest[0]), sort_keys=True) == canonical:
        return FileCount(read=1, known=1)
    # The first document holds for all of the imported history: nobody knows what held before.
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


def kept_in_range(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the caps and biases of the newest limits and universe whose value is clipped when it is used."""
    return [sentence for kind, document in _newest(connection) for sentence in _out_of_range(kind, document)]


def without_use(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the entries of the newest limits and universe that limit nothing: unknown keys, impossible values."""
    return [
        sentence
        for kind, document in _newest(connection)
        for sentence in (*without_effect(kind, document), *mended(kind, document)[1])
    ]


def _newest(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Any]]:
    newest = connection.execute(
        "select kind, arg_max(payload, (ts, ingest_seq)) from config_snapshots where kind in ('limits', 'universe')"
        " group by kind order by kind"
    ).fetchall()
    return [(kind, json.loads(payload)) for kind, payload in newest]


_BIASES = ("min_bias", "max_bias")
_GLOBAL_CAPS = ("symbol_notional_share_cap_pct", "max_trade_nav_pct")
_OWN_CAPS = ("max_nav_pct", "max_trade_nav_pct")


def _out_of_range(kind: str, document: object) -> list[str]:
    """Return, in words, the caps and biases of an imported document that are clipped to 0..1 instead of refused.

    ``kind``: ``limits`` or ``universe``. SQL keeps the values within their range (``as_fraction``, ``limits``).
    """
    if kind == "universe":
        listed = document if isinstance(document, list) else _value(document, "universe") or _value(document, "symbols")
        entries = listed if isinstance(listed, list) else []
        places = [(f"{_value(each, 'symbol')}.caps", _value(each, "caps"), _OWN_CAPS) for each in entries]
    else:
        overall, per_symbol = _value(document, "global"), _value(document, "per_symbol")
        autotune = _value(document, "router_autotune")
        places = [("global", overall, _GLOBAL_CAPS)]
        places += [(f"per_symbol.{name}", own, _OWN_CAPS) for name, own in _items(per_symbol)]
        places.append(
            ("router_autotune", _value(overall, "router_autotune") if autotune is None else autotune, _BIASES)
        )
    return [
        f"{kind}: {place}.{key}: expected {expected}, found {found}: {0 if found < 0 else 1} is used"
        for place, values, keys in places
        for highest, expected in [(1, "0 to 1") if keys is _BIASES else (100, "0 to 1, or per cent up to 100")]
        for key in keys
        if (found := _finite(_value(values, key))) is not None and not 0 <= found <= highest
    ]


def _value(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _items(document: object) -> list[tuple[object, object]]:
    return list(document.items()) if isinstance(document, dict) else []


def _finite(value: object) -> float | None:
    """Return a number, also one given as text, as SQL reads it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _reject_config(
    connection: duckdb.DuckDBPyConnection, path: Path, raw: str, reason: str, now: datetime
) -> FileCount:
    # As with lines: the same broken text in another file is another one.
    event_id = _md5(raw)
    known = "from rejected_events where event_id = ? and source = ?"
    if connection.execute(known, [event_id, path.name]).fetchone():
        return FileCount(read=1, known=1)
    reject(connection, event_id=event_id, now=now, source=path.name, line=1, reason=reason, raw=raw)
    return FileCount(read=1, rejected=1)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
