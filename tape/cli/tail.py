"""``tape tail``: the newest rows and all later ones, one line each.

Laws kept here: columns have fixed widths, so that lines printed at different times align; at most 100 columns; heads
have units; text that does not fit ends in three dots and is complete in JSON; a number is never cut.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tape.cli.options import Zone, home_of
from tape.cli.session import Session
from tape.cli.terminal import WIDTH, terminal
from tape.cli.values import Kind, Shown, style_of, text_of
from tape.client.instants import span
from tape.client.json_values import plain
from tape.client.symbols import UnknownSymbol, known_symbols, normal
from tape.client.tail import SOURCES, Tail
from tape.exporters.state_files import finite
from tape.store.ingest.ahead import TOLERATED
from tape.store.schema import METADATA
from tape.store.views.catalog import unit_in
from tape.store.views.column_comments import unit_by_name

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


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(SOURCES)}.")],
    count: Annotated[int, typer.Option("-n", min=0, help="Number of newest rows to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with new rows, until Ctrl-C.")] = True,
    symbol: Annotated[str | None, typer.Option(help="Only this instrument, e.g. BTCUSDT.")] = None,
    tz: Zone = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, with every column.")] = False,
) -> None:
    """Show the newest rows, then new rows as they are stored."""
    if name not in SOURCES:
        raise typer.BadParameter(f"expected one of {', '.join(SOURCES)}, found {name!r}")
    if symbol is not None and name == "ticks":
        raise typer.BadParameter("--symbol: a tick is of the account, not of a symbol")

    client = Session(home_of(context)).client
    if symbol is not None:
        symbol = _normal_symbol(client.home, symbol)
    ending = Tail(client, SOURCES[name], symbol)
    show_rows = partial(print_json_lines, zone=tz or UTC) if as_json else Lines(name, tz or UTC).print
    try:
        show_rows(ending.newest(count))
        if follow and not client.has_owner:
            _note("no owner runs: nothing follows")
        elif follow:
            for rows in ending.follow(_note):
                show_rows(rows)
    except KeyboardInterrupt:
        return


def _normal_symbol(home: Path, symbol: str) -> str:
    """Return the symbol as it is stored; warn if it is unknown, since its first row may still come."""
    name = normal(symbol)
    known, fault = known_symbols(home)
    if name not in known and fault is None:
        _note(str(UnknownSymbol(name, known)))
    return name


def _note(text: str) -> None:
    print(f"tape: {text}", file=sys.stderr, flush=True)


class Lines:
    """Prints rows of one source; on a terminal the heads are repeated when they have scrolled out of sight."""

    def __init__(self, name: str, zone: tzinfo = UTC) -> None:
        self._console, self._zone = terminal(), zone
        self._columns = [(replace(_shown(name, entry), zone=zone), int(width)) for entry, width in _entries(name)]
        self._lines = 0
        """Under the heads that were printed last."""

    def print(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._under_heads()
            found = ((column, width, _at(row, column.name, self._zone)) for column, width in self._columns)
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
        labels = ((column.label, column, width) for column, width in self._columns)
        self._line(_cell(_short_label(label, width), column, width, "dim") for label, column, width in labels)
        self._lines = 1

    def _line(self, cells: Iterable[Text]) -> None:
        text = Text(_GAP).join(cells)
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="crop", width=min(WIDTH, self._console.width))


def print_json_lines(rows: Iterable[Mapping[str, Any]], zone: tzinfo = UTC) -> None:
    """Print one object per line, with every column."""
    for row in rows:
        moved = {name: value.astimezone(zone) if isinstance(value, datetime) else value for name, value in row.items()}
        print(json.dumps(finite(moved), default=plain), flush=True)


def _entries(name: str) -> list[tuple[str, str]]:
    return [(entry, width) for entry, _, width in (word.rpartition(":") for word in _COLUMNS[name].split())]


def _shown(name: str, entry: str) -> Shown:
    column, _, head = entry.partition("=")
    stored = METADATA.tables[SOURCES[name].table].columns.get(column)
    unit = _UNITS.get(column) or (unit_in(stored.comment or "") if stored is not None else unit_by_name(column))
    shown = Shown(column, _KINDS.get(column, "text" if unit is None else "number"), unit, head or None)
    return Shown(shown.name, shown.kind, shown.unit, head or " ".join(shown.words))


def _at(row: Mapping[str, Any], path: str, zone: tzinfo) -> Any:
    """Return the value at a path; null if the document ends before."""
    column, *keys = path.split(".")
    value = row[column]
    if not keys:
        return _short(value.astimezone(zone)) if isinstance(value, datetime) else value
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return ", ".join(map(str, value)) or None if isinstance(value, list) else value


def _short_label(label: str, width: int) -> str:
    """Return a unit; a long name of a zone is shortened to its city."""
    return label if len(label) <= width else label.rpartition("/")[2][:width]


def _short(instant: datetime) -> str:
    return f"{instant:%m-%d %H:%M:%S}"


def _fitting(column: Shown, width: int, value: Any) -> str:
    """Return text that fits: a number loses decimals, but is never cut."""
    text = text_of(column, value)
    if len(text) <= width:
        return text
    if column.is_right:
        whole = f"{value:,.0f}"
        return whole if len(whole) <= width else f"{value:.{width - 6}g}"
    return f"{text[: width - 3]}..."


def _cell(text: str, column: Shown, width: int, style: str) -> Text:
    return Text(f"{text:>{width}}" if column.is_right else f"{text:<{width}}", style=style)
