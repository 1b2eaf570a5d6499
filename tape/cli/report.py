"""``tape report``: reports what an account did in a span of time."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

import typer

from tape.cli.options import Json, Zone, home_of, instant_text
from tape.cli.report_text import csv_rows, print_report
from tape.cli.session import Session
from tape.cli.terminal import terminal
from tape.client.instants import FORMS, Newest, shown
from tape.client.json_values import plain
from tape.client.report import Report, report_of
from tape.client.symbols import known_symbol
from tape.exporters.state_files import finite
from tape.store.status import NothingYet

_FORMATS = ("table", "json", "csv")
_SPAN = timedelta(hours=24)
"""Of a report without ``--from``."""


def command(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option("--from", parser=instant_text, metavar="T", help=f"Start of the span: {FORMS}.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", parser=instant_text, metavar="T", help="End of the span; else now.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only events of this symbol.")] = None,
    tz: Zone = None,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="Also count processes with another NAV.")] = False,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json or csv.")] = "table",
    as_json: Json = False,
) -> None:
    """Say what an account did in a span, else in its last 24 hours: equity, drawdown, PnL, costs, vetoes.

    The end of the report shows the rows of each table and the missing inputs. Processes with another NAV, such as test
    runs, are listed and left out.
    """
    if output not in _FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(_FORMATS)}, found {output!r}")
    session, zone = Session(home_of(context)), tz or UTC
    to = session.at(until, zone) or datetime.now(UTC)
    begin = session.at(since, zone) or to - _SPAN
    if begin >= to:
        raise typer.BadParameter(f"--from: expected an instant before {shown(to, zone)}, found {shown(begin, zone)}")
    name = None if symbol is None else known_symbol(session.home, symbol)
    report = report_of(session.client, begin, to, symbol=name, with_runs_apart=all_runs)
    if as_json or output == "json":
        print(json.dumps(finite(_in_zone(report.told(), zone)), default=plain))
    elif output == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(_in_zone(report.told(), zone)))
    else:
        print_report(report, zone)
        _say_why_empty(session, report, zone)


def _say_why_empty(session: Session, report: Report, zone: tzinfo) -> None:
    """Say for a span without rows when the newest event was."""
    if not report.is_empty:
        return
    try:
        newest = session.client.at(Newest())
    except NothingYet:
        told = "nothing is on record yet"
    else:
        told = f"nothing is on record in this span; the newest event is of {shown(newest or report.until, zone)}"
        told += "; try --from newest-24h --to newest" if newest is not None and newest <= report.since else ""
    terminal().print(told, soft_wrap=True)


def _in_zone(value: Any, zone: tzinfo) -> Any:
    """Return a document with its instants in a time zone."""
    if isinstance(value, dict):
        return {key: _in_zone(item, zone) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_zone(item, zone) for item in value]
    return value.astimezone(zone) if isinstance(value, datetime) else value
