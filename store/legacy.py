"""The old logs of a trading runtime: which file holds what, in which shapes, and where its parts lie.

Facts only; ``importer.py`` does the reading. A shape names the event its lines become and the keys under which older
lines hid a field; everything else follows from ``tape.execution.events``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tape.execution import events
from tape.store.json_rows import Shape


@dataclass(frozen=True)
class Log:
    """One log: where it lies below the folder, and the shapes its lines come in."""

    stem: str
    shapes: tuple[Shape, ...]

    @property
    def name(self) -> str:
        return self.stem.rpartition("/")[2]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The ``event_type`` values its lines may have; empty where lines of one kind need none."""
        return tuple(dict.fromkeys(kind for shape in self.shapes if (kind := shape.kind)))

    @property
    def tables(self) -> dict[type[events.Event], dict[int, Shape]]:
        """Its shapes by the event they become, with their numbers."""
        return {
            event: {number: shape for number, shape in enumerate(self.shapes) if shape.event is event}
            for event in dict.fromkeys(shape.event for shape in self.shapes)
        }


_IS_OLD_ACK = (
    "(case when contains(json, '\"raw\"') then json_extract_string(json, '$.raw.orderId') is not null"
    " and json_extract_string(json, '$.orderId') is null else false end)"
)
"""Old acks have what the venue answered in ``raw``, and no id beside it."""

LOGS = (
    Log(
        "execution/orders_attempted",
        (Shape(events.OrderAttempted),),
    ),
    Log(
        "execution/orders_executed",
        (
            Shape(events.OrderAcked, kind="order_ack", when=f"not {_IS_OLD_ACK}"),
            Shape(
                events.OrderAcked,
                kind="order_ack",
                when=_IS_OLD_ACK,
                keys={
                    "ts": ("ts",),
                    "symbol": ("symbol", "raw.symbol"),
                    "side": ("side", "raw.side"),
                    "order_id": ("order_id", "raw.orderId"),
                    "client_order_id": ("raw.clientOrderId", "request_id"),
                    "request_qty": ("raw.origQty", "qty"),
                    "order_type": ("raw.type",),
                    "status": ("raw.status",),
                    "price": ("raw.avgPrice", "price"),
                    "position_side": ("raw.positionSide",),
                    "reduce_only": ("raw.reduceOnly",),
                },
            ),
            Shape(
                events.OrderAcked,
                kind="order_executed",
                keys={
                    "ts": ("ts_ack", "ts"),
                    "client_order_id": ("client_order_id", "clientOrderId"),
                    "request_qty": ("qty", "request_qty"),
                    "reduce_only": ("reduce_only", "reduceOnly"),
                },
                optional=frozenset({"side", "order_id", "order_type", "status", "request_qty"}),
            ),
            Shape(events.OrderFilled, kind="order_fill"),
            Shape(events.OrderClosed, kind="order_close"),
            Shape(events.OrderFailed, kind="order_error"),
        ),
    ),
    Log("execution/order_metrics", (Shape(events.OrderMeasured),)),
    Log(
        "execution/risk_vetoes",
        (Shape(events.IntentVetoed),),
    ),
    Log(
        "execution/position_state",
        (
            Shape(
                events.PositionMarked,
                keys={
                    "qty": ("pos_qty", "qty"),
                    "entry_price": ("entry_px", "entry_price"),
                    "mark_price": ("mark_price", "mark_px"),
                    "side": ("mode", "side", "position_side", "positionSide"),
                },
            ),
        ),
    ),
    Log("execution/sync_heartbeats", (Shape(events.HeartbeatSent),)),
    Log(
        "pipeline_v6_shadow",
        (
            Shape(
                events.ShadowDecided,
                keys={
                    "ts": ("timestamp", "ts"),
                    "symbol": ("symbol", "intent.symbol"),
                    "attempt_id": ("attempt_id", "intent.attempt_id"),
                    "is_heartbeat": ("heartbeat", "is_heartbeat"),
                },
                whole="decision",
            ),
        ),
    ),
    Log("router_health", (Shape(events.RouterHealthLogged, whole="payload"),)),
    Log(
        "nav",
        (
            Shape(
                events.Ticked,
                keys={
                    "ts": ("t", "ts"),
                    "equity_usd": ("equity", "nav", "nav_usd"),
                    "nav_usd": ("nav", "nav_usd", "equity"),
                },
            ),
        ),
    ),
)
CONFIGS = {"risk_limits.json": "limits", "pairs_universe.json": "universe"}


def log_files(folder: Path) -> list[tuple[Log, list[Path]]]:
    """The files of each log that is there, oldest first: archives by name, rotated parts, then the live file."""
    found = []
    for log in LOGS:
        at = folder / log.stem
        if paths := [path for path in _parts(at) if path.is_file()]:
            found.append((log, paths))
        elif log.stem == "nav" and (array := folder / "nav_log.json").is_file():
            found.append((log, [array]))
    return found


def _parts(at: Path) -> list[Path]:
    name = re.escape(at.name)
    archived = re.compile(rf"{name}(([^a-z_]|_\d).*)?\.(gz|jsonl)")
    archives = sorted(
        path
        for folder in (at.parent / "archive", at.parent.parent / "archive" if at.parent.name == "execution" else None)
        if folder is not None and folder.is_dir()
        for path in folder.iterdir()
        if archived.fullmatch(path.name)
    )
    rotated: dict[Path, int] = {}
    if at.parent.is_dir():
        for path in at.parent.iterdir():
            if part := re.fullmatch(rf"{name}\.(\d+)\.jsonl(\.gz)?|{name}\.jsonl\.(\d+)(\.gz)?", path.name):
                rotated[path] = int(part[1] or part[3])
    live = at.parent / f"{at.name}.jsonl"
    return [*archives, *sorted(rotated, key=lambda path: -rotated[path]), live]
