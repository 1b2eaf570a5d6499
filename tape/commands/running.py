"""Commands that run something until it is stopped, and what tells a running executor something."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.commands.session import Session, TakeOver

MAX = "max"


def serve(context: typer.Context, take_over: TakeOver = False) -> None:
    """Own the database: store what is recorded, publish every file, answer queries. Ends with SIGTERM or Ctrl-C.

    Where another program keeps files of the same names, it ends at once, names the first one and writes nothing.
    """
    from tape.service import serve as serve_home

    session: Session = context.obj
    serve_home(session.home, session.settings, take_over=take_over)


def _speed(text: str) -> float | str:
    if text == MAX:
        return MAX
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"expected {MAX} or a multiple of real time such as 60, found {text!r}")
    return speed


def run_runtime(
    context: typer.Context,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; else with Ctrl-C.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="MARKET", help="Trade recorded candles (Parquet, CSV) or raw Binance frames instead."),
    ] = None,
    speed: Annotated[str, typer.Option(parser=_speed, metavar="X", help="Replay: max, or x times real time.")] = "max",
    seed: Annotated[int, typer.Option(help="Replay: the same seed gives the same database.")] = 1,
    interval: Annotated[
        float | None, typer.Option(min=0.05, help="Replay: seconds from tick to tick; else the market's own.")
    ] = None,
    publish_every: Annotated[
        float | None, typer.Option(min=1, help="Replay: its seconds from export to export; else two hours.")
    ] = None,
    take_over: TakeOver = False,
) -> None:
    """Run a whole trading runtime: executor, owner and exporters in one process, on paper money unless configured.

    With --replay it trades a recorded market on that market's clock, in a home without history, and ends with it.
    """
    session: Session = context.obj
    if replay is None:
        from tape.run import run as run_home

        run_home(session.home, session.settings, seconds=seconds, take_over=take_over)
        return
    from tape.display.reports import print_replayed, replay_progress
    from tape.replay import PUBLISH_EVERY_S
    from tape.replay import replay as replay_home

    with replay_progress() as tell:
        done = replay_home(
            session.home,
            session.settings,
            replay,
            speed=None if isinstance(speed, str) else speed,
            seed=seed,
            interval_s=interval,
            publish_every_s=publish_every or PUBLISH_EVERY_S,
            tell=tell,
        )
    print_replayed(done)


def toggle(
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
    from datetime import timedelta

    from tape.execution.events import SymbolToggled
    from tape.store.journal import Journal
    from tape.symbols import live_symbols

    if is_all == (symbol is not None):
        found = "both" if is_all else "neither"
        raise typer.BadParameter(f"expected a SYMBOL or --all, found {found}")
    session: Session = context.obj
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
    from tape.symbols import UnknownSymbol, known_symbols, normal

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


def execute(
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Home folder; else TAPE_HOME, else, in a checkout of Tape, this folder."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; else with Ctrl-C.")] = None,
) -> None:
    """Run the executor alone, beside `tape serve`."""
    from tape.run import run_executor
    from tape.settings import is_checkout, named_home

    # Other runtimes have a module of this name too. Started by mistake in such a runtime's folder, this command must
    # not begin to trade there on paper.
    if named_home(home) is None and not is_checkout(Path.cwd()):
        raise typer.BadParameter(
            f"home: expected --home DIR or TAPE_HOME outside a checkout of Tape, found neither in {Path.cwd()}"
        )
    session = Session(home)
    run_executor(session.home, session.settings, seconds=seconds)
