"""``tape toggle``: symbols switched off and on again."""

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
    off: Annotated[bool, typer.Option("--off/--on", help="No new positions, or new positions again.")],
    symbol: Annotated[str | None, typer.Argument(metavar="[SYMBOL]", help="Instrument, e.g. BTCUSDT.")] = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="Every symbol that is configured, listed, held or switched off.")
    ] = False,
    insist: Annotated[bool, typer.Option("--insist", help="Also a symbol that nothing here knows.")] = False,
    minutes: Annotated[float | None, typer.Option(min=0, help="How long it is off; else until it is on again.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
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
    """Return the symbol as it is stored, once something knows it or the user insists.

    A store that cannot be asked stops nobody from switching off what is dangerous: that it was not asked is said.
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
