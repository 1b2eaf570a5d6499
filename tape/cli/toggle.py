"""``tape toggle``: switches symbols off and on again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from tape.cli.options import home_of
from tape.cli.session import Session
from tape.client.symbols import UnknownSymbol, known_symbols, live_symbols, normal
from tape.execution.events import SymbolToggled
from tape.store.journal.writer import Journal


def command(
    context: typer.Context,
    off: Annotated[bool, typer.Option("--off/--on", help="Off: no new positions; on: new positions again.")],
    symbol: Annotated[str | None, typer.Argument(metavar="[SYMBOL]", help="Instrument, e.g. BTCUSDT.")] = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="Switch every symbol that is configured, listed, held or off.")
    ] = False,
    insist: Annotated[bool, typer.Option("--insist", help="Switch the symbol even if it is unknown here.")] = False,
    minutes: Annotated[float | None, typer.Option(min=0, help="Duration of --off; else until --on.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason, kept with the record.")] = None,
) -> None:
    """Switch a symbol off or on again: a record that the executor reads back from the published risk snapshot."""
    if is_all == (symbol is not None):
        found = "both" if is_all else "neither"
        raise typer.BadParameter(f"expected a SYMBOL or --all, found {found}")
    session = Session(home_of(context))
    symbols = live_symbols(session.home)[0] if symbol is None else [_switchable(session.home, symbol, insist)]
    if not symbols:
        raise typer.BadParameter("--all: expected a symbol that is configured, listed or held, found none")
    now = datetime.now(UTC)
    until = now + timedelta(minutes=minutes) if off and minutes is not None else None
    toggled = [SymbolToggled(ts=now, symbol=each, is_disabled=off, until_ts=until, reason=reason) for each in symbols]
    with Journal(session.home, "ops") as journal:
        journal.record(toggled, durable=True)
    ends = "" if until is None else f" until {until:%Y-%m-%d %H:%M:%S} UTC"
    names = ", ".join(each.symbol for each in toggled)
    typer.echo(f"{names} {'off' if off else 'on'}{ends}: on record, in force with the next risk snapshot")


def _switchable(home: Path, symbol: str, insist: bool) -> str:
    """Return the symbol as it is stored, if it is known or the user insists.

    If the store cannot be read, a dangerous symbol can still be switched off; a warning says that the symbol was not
    checked.
    """
    name = normal(symbol)
    if not name:
        raise typer.BadParameter(f"symbol: expected a name, found {symbol!r}")
    if insist:
        return name
    known, fault = known_symbols(home)
    if name in known:
        return name
    if fault is not None and name != "ALL":
        typer.echo(f"tape: {name} is not configured, and the store could not be asked for it: {fault}", err=True)
        return name
    more = "; --all switches every symbol" if name == "ALL" else "; --insist switches it all the same"
    raise typer.BadParameter(str(UnknownSymbol(name, known, more)))
