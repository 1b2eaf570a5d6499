"""``tape plot``: draws equity, drawdown or a column of a view, on the terminal or in a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tape.cli.chart_png import png
from tape.cli.chart_svg import bars_svg, line_svg
from tape.cli.chart_text import bar_chart, extremes_of, line_chart
from tape.cli.options import AsOf, Zone, home_of, instant_text
from tape.cli.repl.shell import Shell
from tape.cli.session import Session
from tape.cli.terminal import WIDTH, terminal
from tape.cli.values import Shown, number, texts_of
from tape.client import series
from tape.client.instants import FORMS, shown
from tape.client.series import Bars, Series, Span
from tape.client.symbols import known_symbol
from tape.store.durable import replacing
from tape.store.errors import one_of

_ACCOUNT = ("equity", "drawdown")
_DAY = timedelta(hours=24)
"""Of the account, without ``--from``."""
_HEIGHT, _PICTURE_STEPS = 18, 900
"""Lines of a chart on the terminal; steps of time of a picture."""
_SUFFIXES = (".svg", ".png")


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="WHAT", help="equity, drawdown, or a table or view.")],
    column: Annotated[str | None, typer.Argument(metavar="[COLUMN]", help="A column of numbers of the view.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", parser=instant_text, metavar="T", help=f"Start of the span: {FORMS}.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", parser=instant_text, metavar="T", help="End of the span; else --as-of.")
    ] = None,
    as_of: AsOf = None,
    tz: Zone = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only rows of this symbol.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write NAME.svg or NAME.png (pip install 'tape[plot]').")
    ] = None,
) -> None:
    """Draw equity, drawdown or a column of a view over time; a view without a time gets a bar per row.

    Rows are thinned so that each peak and trough stays. Without --from, equity and drawdown cover the last 24 hours,
    and a view all of its rows.
    """
    if (column is None) != (name in _ACCOUNT):
        told = (
            "no COLUMN" if name in _ACCOUNT else "a COLUMN of numbers, as in `tape plot expectancy_by_hour expectancy`"
        )
        raise typer.BadParameter(f"{name}: expected {told}, found {column or 'none'}")
    if symbol is not None and name in _ACCOUNT:
        raise typer.BadParameter(f"--symbol: {name} is of the account, not of a symbol")
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise typer.BadParameter(f"--out: expected a name that ends in .svg or .png, found {str(out)!r}")
    session, zone = Session(home_of(context)), tz or UTC
    span = _span(session, since, until, as_of, zone, symbol, is_account=name in _ACCOUNT)
    if out is None:
        _print(_drawn(session, name, column, span, 2 * WIDTH), zone)
        return
    _write(out, _drawn(session, name, column, span, _PICTURE_STEPS), zone)
    typer.echo(str(out))


def _span(
    session: Session,
    since: str | None,
    until: str | None,
    as_of: str | None,
    zone: tzinfo,
    symbol: str | None,
    *,
    is_account: bool,
) -> Span:
    """Return the start, end and instant of the chart.

    Raises:
        typer.BadParameter: the end is before the start.
    """
    to = session.at(until or as_of, zone) or datetime.now(UTC)
    at = session.at(as_of or until, zone) or to
    begin = session.at(since, zone) if since is not None else to - _DAY if is_account else None
    if begin is not None and begin >= to:
        raise typer.BadParameter(f"--from: expected an instant before {shown(to, zone)}, found {shown(begin, zone)}")
    return Span(begin, min(to, at), at, None if symbol is None else known_symbol(session.home, symbol))


def _drawn(session: Session, name: str, column: str | None, span: Span, steps: int) -> Series | Bars:
    """Return the data of the chart.

    Raises:
        typer.BadParameter: there is no such table or view.
        StoreError: the view has no such column, or nothing to draw.
    """
    client = session.client
    if name == "equity":
        return series.equity(client, span, steps)
    if name == "drawdown":
        return series.drawdown(client, span, steps)
    relations = Shell(client).relations
    if name not in relations:
        raise typer.BadParameter(f"expected equity, drawdown or {one_of(sorted(relations), name)}, found {name!r}")
    return series.column_of(client, relations[name], str(column), span, steps)


def _print(drawn: Series | Bars, zone: tzinfo) -> None:
    console = terminal()
    width = min(console.width, WIDTH)
    title, told = _title(drawn), _told(drawn, zone)
    console.print(Text(title, style="bold"), soft_wrap=True)
    if isinstance(drawn, Bars):
        lines = bar_chart(drawn, _texts(drawn), width)
    else:
        lines = line_chart(drawn, width, _HEIGHT, zone)
    for line in lines:
        console.print(Text(line, style="red" if isinstance(drawn, Series) and drawn.is_loss else ""), soft_wrap=True)
    for line in told:
        console.print(line, soft_wrap=True)


def _write(out: Path, drawn: Series | Bars, zone: tzinfo) -> None:
    title, told = _title(drawn), _told(drawn, zone)
    if out.suffix.lower() == ".png":
        content = png(drawn, title, told, zone)
    elif isinstance(drawn, Bars):
        content = bars_svg(drawn, title, told, _texts(drawn)).encode()
    else:
        content = line_svg(drawn, title, told, zone).encode()
    with replacing(out, out.with_name(f".{out.name}.new")) as file:
        file.write(content)


def _title(drawn: Series | Bars) -> str:
    unit = f", {drawn.unit}" if drawn.unit not in ("", "1") else ""
    of = ""
    if isinstance(drawn, Series) and drawn.symbols:
        of = f", {drawn.symbols[0]}" if len(drawn.symbols) == 1 else f", {len(drawn.symbols)} symbols"
    return f"{drawn.name}{of}{unit}"


def _texts(bars: Bars) -> list[str]:
    return texts_of(Shown(bars.name, "number", bars.unit), [value for _, value in bars.bars])


def _told(drawn: Series | Bars, zone: tzinfo) -> list[str]:
    """Return the text beside a chart: the number of rows, their span, and the extremes."""
    if isinstance(drawn, Bars):
        unknown = sum(value is None for _, value in drawn.bars)
        return [f"{len(drawn.bars)} rows" + (f", {unknown} of them unknown" if unknown else "")]
    first, (last, value) = drawn.points[0][0], drawn.points[-1]
    extremes = ", ".join(
        f"{name} {number(extreme, drawn.unit)} at {at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        for name, (at, extreme) in extremes_of(drawn)
    )
    rows = f"{drawn.rows:,} {'minutes' if drawn.is_loss else 'rows'}"
    return [f"{rows}, {shown(first, zone)} to {shown(last, zone)}, last {number(value, drawn.unit)}", extremes]
