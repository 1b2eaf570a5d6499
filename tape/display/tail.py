"""Rows as they come, a line each: columns of fixed widths, so that lines of different moments stand under one another.

Laws kept here: at most 100 columns; heads with units; a text that does not fit ends in three dots and is whole in
JSON, a number is never cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from tape.display.console import WIDTH, plain, terminal
from tape.display.values import Kind, Shown, style_of, text_of
from tape.doctor.checks import span
from tape.exporters.state_files import finite
from tape.store.ahead import TOLERATED
from tape.store.catalog import unit_in
from tape.store.columns import unit_by_name
from tape.store.schema import METADATA
from tape.tail import SOURCES

_GAP = "  "
_FIRST = "ts:14 symbol:12 side:5 "
_COLUMNS = {
    "fills": _FIRST + "executed_qty=qty:11 avg_price=price:11 fee_total=fee:9 fee_asset=asset:5 status:9 latency_ms:8",
    "vetoes": _FIRST + "veto_reason=reason:24 qty_req=qty:11 strategy:18",
    "closes": (
        "ts:14 symbol:12 position_side=side:5 realized_pnl_usd=pnl:10 fees_usd=fees:8 closed_qty:11 "
        "position_size_before=before:11 position_size_after=after:11"
    ),
    "ticks": (
        "ts:14 equity_usd:14 nav_usd:14 unrealized_pnl_usd=unrealized:12 realized_pnl_usd=realized:12 "
        "position_count=positions:9"
    ),
    "metrics": (
        f"{_FIRST} route:8 notional_usd:11 avg_fill_price=price:11 slippage_bps=slip:7 ack_latency_ms=ack:7 "
        "used_fallback=fallback:8"
    ),
    "shadow": (
        "ts:14 symbol:12 is_allowed=allowed:7 decision.intent.side=side:5 "
        "decision.size_decision.gross_usd=notional:11 decision.intent.price=price:11 "
        "decision.risk_decision.reasons=reasons:26"
    ),
    "acks": _FIRST + "order_type=type:10 request_qty=qty:11 price:11 status:10 latency_ms:8",
    "attempts": _FIRST + "qty:11 price_hint=price:11 confidence:10 strategy:18",
}
"""``COLUMN=HEAD:WIDTH``, dots lead into a document."""
_KINDS: dict[str, Kind] = {"ts": "instant", "is_allowed": "flag", "used_fallback": "flag", "position_count": "whole"}
_UNITS = {"decision.intent.price": "quote/base"}


class Lines:
    """Prints rows of one source under their heads, which a terminal shows again when they have gone out of sight."""

    def __init__(self, name: str) -> None:
        self._console = terminal()
        self._columns = [(_shown(name, entry), int(width)) for entry, width in _entries(name)]
        self._lines = 0
        """Under the heads that were printed last."""

    def print(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._under_heads()
            found = ((column, width, _at(row, column.name)) for column, width in self._columns)
            self._line(
                _cell(_fitting(column, width, value), column, width, style_of(column, value))
                for column, width, value in found
            )
            if (ahead_s := (row["ts"] - datetime.now(UTC)).total_seconds()) > TOLERATED.total_seconds():
                words = f"stamped {span(ahead_s)} later than now: no number counts it before"
                self._line([Text(words, style="yellow")])

    def _under_heads(self) -> None:
        if self._lines and (not self._console.is_terminal or self._lines < max(self._console.height - 3, 10)):
            self._lines += 1
            return
        self._line(_cell(column.head or "", column, width, "bold") for column, width in self._columns)
        self._line(_cell(column.label, column, width, "dim") for column, width in self._columns)
        self._lines = 1

    def _line(self, cells: Iterable[Text]) -> None:
        text = Text(_GAP).join(cells)
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="crop", width=min(WIDTH, self._console.width))


def print_json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line, every column."""
    for row in rows:
        print(json.dumps(finite(dict(row)), default=plain), flush=True)


def _entries(name: str) -> list[tuple[str, str]]:
    return [(entry, width) for entry, _, width in (word.rpartition(":") for word in _COLUMNS[name].split())]


def _shown(name: str, entry: str) -> Shown:
    column, _, head = entry.partition("=")
    stored = METADATA.tables[SOURCES[name].table].columns.get(column)
    unit = _UNITS.get(column) or (unit_in(stored.comment or "") if stored is not None else unit_by_name(column))
    shown = Shown(column, _KINDS.get(column, "text" if unit is None else "number"), unit, head or None)
    return Shown(shown.name, shown.kind, shown.unit, head or " ".join(shown.words))


def _at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path; null where the document ends before."""
    column, *keys = path.split(".")
    value = row[column]
    if not keys:
        return _short(value) if isinstance(value, datetime) else value
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return ", ".join(map(str, value)) or None if isinstance(value, list) else value


def _short(instant: datetime) -> str:
    return f"{instant:%m-%d %H:%M:%S}"


def _fitting(column: Shown, width: int, value: Any) -> str:
    """A text that fits: a number loses decimals, and is never cut."""
    text = text_of(column, value)
    if len(text) <= width:
        return text
    if column.is_right:
        whole = f"{value:,.0f}"
        return whole if len(whole) <= width else f"{value:.{width - 6}g}"
    return f"{text[: width - 3]}..."


def _cell(text: str, column: Shown, width: int, style: str) -> Text:
    return Text(f"{text:>{width}}" if column.is_right else f"{text:<{width}}", style=style)
