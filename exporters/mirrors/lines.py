"""Writes the six JSONL logs of the contract from the store in full, as of the round's instant.

A line has the contract's field names, further fields that came with the event, and its ``event_id``, so importing it
again stores nothing new. Unknown fields are left out. Computed lines (router health, compare) have an ``event_id`` that
says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tape.execution import events
from tape.exporters.contract import state_file
from tape.exporters.inputs import STALE_KEYS
from tape.exporters.state_files import render, to_json, write_atomically
from tape.store.legacy.staged import COMPUTED
from tape.store.own_files import OwnFiles
from tape.store.query.round import Round, Row

ORDER_EVENTS = (events.OrderAcked, events.OrderFilled, events.OrderClosed, events.OrderFailed)


def write_logs(reading: Round, folder: Path, *, own: OwnFiles | None = None) -> list[Path]:
    """Write the six logs below ``folder`` in the layout of a logs folder; return their paths.

    Raises:
        ForeignFile: with ``own``: one of them belongs to another program; nothing was written.
    """
    logs: dict[str, Iterable[bytes]] = {
        "execution/orders_executed.jsonl": _event_lines(reading, ORDER_EVENTS),
        "execution/order_metrics.jsonl": _event_lines(reading, (events.OrderMeasured,)),
        "execution/risk_vetoes.jsonl": _event_lines(reading, (events.IntentVetoed,)),
        "router_health.jsonl": _router_health_lines(reading),
        "pipeline_v6_shadow.jsonl": _event_lines(reading, (events.ShadowDecided,)),
        "pipeline_v6_compare.jsonl": _compare_lines(reading),
    }
    if own is not None:
        # All are looked at before one is written, so that a refusal changes nothing.
        for name in logs:
            own.refuse(folder / name)
    paths = []
    for name, lines in logs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.append(write_atomically(path, lines, own=own))
    return paths


def _known(event: type[events.Event]) -> str:
    return f"from {event.table} where ts <= as_of() and ingest_seq <= known_seq()"


def _event_lines(reading: Round, kinds: tuple[type[events.Event], ...]) -> Iterator[bytes]:
    """Yield the lines of these events in the order in which they were stored."""
    numbered = " union all ".join(f"select ingest_seq, '{event.table}' as origin {_known(event)}" for event in kinds)
    by_table = {event.table: event for event in kinds}
    streams = {event.table: reading.stream(f"{_known(event)} order by ingest_seq") for event in kinds}
    # Numbers of all tables in one order, and the rows of each table beside it: sorting whole rows would spill to disk.
    for row in reading.stream(f"from ({numbered}) order by ingest_seq"):
        yield dump(contract_line(by_table[row["origin"]], next(streams[row["origin"]])))


def contract_line(event: type[events.Event], row: Row) -> dict[str, Any]:
    """Return a stored row as a line of the contract's JSON: its whole document if it is one, else its known fields."""
    if event.whole is not None and row[event.whole] is not None:
        return {**json.loads(row[event.whole]), "event_id": row["event_id"]}
    line: dict[str, Any] = {}
    for name, path, is_document in _places(event):
        if (value := row[name]) is not None:
            _put(line, path, json.loads(value) if is_document and isinstance(value, str) else _plain(value, event))
    if "ts" not in line:
        line["ts"] = _plain(row["received_ts"], event)
    # A metric of the contract has no event type: its log holds nothing else.
    if event is not events.OrderMeasured:
        line.setdefault("event_type", event.event_type)
    if row["is_test"]:
        line["is_test"] = True
    # Last, and never over a field: what has a column is told by the column.
    _merge(line, json.loads(row["extra"]) if row["extra"] else {})
    return {**line, "event_id": row["event_id"]}


@cache
def _places(event: type[events.Event]) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    """Return, for each field in a line: its name, its path in the line, and whether it is a document."""
    documents = events.document_fields(event)
    return tuple(
        (name, tuple(events.contract_key(name, field).split(".")), name in documents)
        for name, field in event.model_fields.items()
        if name not in ("event_id", "producer", "is_test")
    )


def _put(line: dict[str, Any], path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        line = line.setdefault(part, {})
    line[path[-1]] = value


def _merge(line: dict[str, Any], extra: dict[str, Any]) -> None:
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(line.get(key), dict):
            _merge(line[key], value)
        else:
            line.setdefault(key, value)


def _plain(value: object, event: type[events.Event]) -> object:
    if not isinstance(value, datetime):
        return value
    return value.timestamp() if event is events.OrderMeasured else value.astimezone(UTC).isoformat()


def _router_health_lines(reading: Round) -> Iterator[bytes]:
    """Yield the lines that an old runtime logged, then router health as of the round's instant."""
    yield from _event_lines(reading, (events.RouterHealthLogged,))
    yield dump(router_health_line(json.loads(render(state_file("router_health"), reading))))


def router_health_line(document: dict[str, Any]) -> dict[str, Any]:
    """Return the line of router_health.jsonl for a published router_health.json."""
    return _computed({"ts": document["updated_ts"], **_logged(document)})


def _logged(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what it says of inputs that stopped: that changes while nothing else does."""
    return {key: value for key, value in document.items() if key not in STALE_KEYS}


def _compare_lines(reading: Round) -> Iterator[bytes]:
    """Yield one line per pair, then one with the summary."""
    count = 0
    for pair in reading.rows("compare_log"):
        count += 1
        yield dump(pair_line(pair))
    yield dump(summary_line(json.loads(render(state_file("pipeline_v6_compare_summary"), reading)), count))


def summary_line(document: dict[str, Any], diff_count: int) -> dict[str, Any]:
    """Return the line of pipeline_v6_compare.jsonl that ends a run of ``diff_count`` new pairs."""
    line = {"ts": document["generated_ts"], "diff_count": diff_count, "heartbeat": diff_count == 0}
    return _computed({**line, "summary": _logged(document)})


def pair_line(pair: Row) -> dict[str, Any]:
    """Return the line of pipeline_v6_compare.jsonl for a row of ``compare_pairs_of``; its id is the decision's id."""
    live = {
        "attempt_id": pair["live_attempt_id"],
        "ts": None if pair["live_ts"] is None else pair["live_ts"].timestamp(),
        "allowed": pair["live_allowed"],
        "notional_usd": pair["live_notional_usd"],
        "slippage_bps": pair["realized_slippage_bps"],
    }
    return {
        "symbol": pair["symbol"],
        "ts": pair["ts"].timestamp(),
        "shadow": {
            "event_id": pair["event_id"],
            "attempt_id": pair["attempt_id"],
            "allowed": pair["shadow_allowed"],
            "notional_usd": pair["shadow_notional_usd"],
            "slippage_bps": pair["expected_slippage_bps"],
        },
        "live": None if pair["live_event_id"] is None else live,
        "veto_mismatch": pair["is_veto_mismatch"],
        "size_pct_diff": pair["size_pct_diff"],
        "slippage_diff_bps": pair["slippage_diff_bps"],
        "event_id": f"{COMPUTED}{pair['event_id']}",
    }


def _computed(line: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.md5(orjson.dumps(line), usedforsecurity=False).hexdigest()
    return {**line, "event_id": f"{COMPUTED}{digest}"}


def dump(line: dict[str, Any]) -> bytes:
    """Return one line of a JSONL log."""
    return to_json(line, indent=False)
