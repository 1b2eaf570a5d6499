"""The limits of a home for people: the account's, the symbols', and remarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from rich.table import Table
from rich.text import Text

from tape.cli.terminal import new_table, terminal
from tape.cli.terminal import shown as shown_value
from tape.client.instants import shown
from tape.client.limits_in_force import InForce, Shown, ShownSymbol, of_nav


def print_limits(found: InForce, home: Path, *, as_of: datetime | None, as_json: bool, zone: tzinfo = UTC) -> None:
    """Print every limit with its unit, beside the default, and the limits of each symbol."""
    if as_json:
        print(json.dumps(found.as_json()))
        return
    console = terminal()
    instant = "" if as_of is None else f" as of {shown(as_of, zone)}"
    console.print(Text.assemble(("limits", "bold"), instant))
    if found.since is None:
        console.print(Text(f"none are on record in {home}: an executor would begin with these"), soft_wrap=True)
    else:
        # the first document that is imported counts from 1970 on, so that it holds for all that was imported
        since = f"since {shown(found.since, zone)}" if found.since.timestamp() else "for the whole history"
        console.print(Text(f"on record {since}, from {found.producer}"), soft_wrap=True)
    console.print(_account(found.account), _symbols(found.symbols))
    for note in found.notes:
        console.print(Text(note), soft_wrap=True)
    console.print("-: no limit of its own; the view the files are made from: tape show limits --all")


def _account(limits: Sequence[Shown]) -> Table:
    table = new_table()
    for name in ("limit", "value", "default", "meaning"):
        table.add_column(name, overflow="fold")
    for each in limits:
        style = "" if each.is_default else "bold"
        table.add_row(
            Text(each.limit.rpartition(".")[2], style=style),
            Text(each.value, style=style),
            Text("" if each.is_default else each.default),
            Text(each.meaning, style="dim"),
        )
    return table


def _symbols(symbols: Sequence[ShownSymbol]) -> Table:
    table = new_table()
    table.add_column("symbol", no_wrap=True)
    table.add_column("opens", no_wrap=True)
    for name in _OF_SYMBOL:
        table.add_column(name, justify="right")
    for each in symbols:
        own = each.limits
        table.add_row(
            each.symbol,
            shown_value(each.is_enabled),
            shown_value(own.min_notional_usd),
            shown_value(own.max_order_notional_usd),
            _of_nav(own.trade_cap_frac),
            _of_nav(each.position_frac),
            shown_value(own.max_leverage),
            shown_value(own.max_concurrent_positions),
        )
    return table


_OF_SYMBOL = ("least order USD", "largest order USD", "largest order", "position", "leverage", "positions")


def _of_nav(share: float | None) -> str:
    return "-" if share is None else of_nav(share)
