"""The layout of a report on a terminal, and as rows of one CSV file.

Laws kept here: an unknown value is ``-``, never 0; every sum stands under its parts; omissions are reported; at most
100 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Literal

from rich.text import Text

from tape.cli.terminal import cell, new_table, print_whole, printable, terminal
from tape.cli.values import Kind, Shown, number, style_of, texts_of
from tape.client.instants import shown, span
from tape.client.report import Report, Row

_REASONS = 20
"""Veto reasons that are shown; JSON has all."""
_COLUMNS: dict[str, tuple[str, Kind, str | None]] = {
    "symbol": ("symbol", "text", None),
    "reason": ("reason", "text", None),
    "run": ("run", "text", None),
    "table_name": ("table", "text", None),
    "verdict": ("verdict", "text", None),
    "slippage_of": ("slippage of", "text", None),
    "hours_of": ("hours", "text", None),
    "executed_usd": ("executed", "number", "USD"),
    "pnl_usd": ("pnl", "number", "USD"),
    "fees_usd": ("fees", "number", "USD"),
    "funding_usd": ("funding", "number", "USD"),
    "net_usd": ("net pnl", "number", "USD"),
    "net_per_trade_usd": ("net pnl a trade", "number", "USD"),
    "net_low_usd": ("at least", "number", "USD"),
    "net_high_usd": ("at most", "number", "USD"),
    "slippage_bps": ("slippage", "number", "bps"),
    "slippage_p95_bps": ("p95", "number", "bps"),
    "slippage_usd": ("slippage", "number", "USD"),
    "maker_ratio": ("maker", "number", "0..1"),
    "nav_low_usd": ("nav from", "number", "USD"),
    "nav_high_usd": ("to", "number", "USD"),
    "vetoes_apart": ("in runs apart", "whole", None),
    "test_rows": ("test noise", "whole", None),
    "first_ts": ("first", "instant", None),
    "last_ts": ("last", "instant", None),
}
"""Head, kind and unit of a column; one that is not listed is a count with its own name."""
_MONEY = "symbol orders executed_usd trades wins pnl_usd fees_usd funding_usd net_usd"
_LUCK = "symbol trades net_per_trade_usd net_low_usd net_high_usd verdict"
_ROUTING = "symbol attempts errors orders slippage_bps slippage_p95_bps slippage_usd slippage_of maker_ratio"
_VETOES = "reason vetoes vetoes_apart symbols first_ts last_ts"
_RUNS = "run processes nav_low_usd nav_high_usd attempts vetoes fills closes first_ts"
_COVERAGE = "table_name rows test_rows first_ts last_ts hours_of"

_INPUTS = {
    "equity": ("equity", "ticks", "no equity, no drawdown"),
    "unrealized_pnl": ("unrealised PnL", "ticks", "unrealised PnL is unknown but for positions that ticks list"),
    "positions": ("lists of positions", "ticks", "open positions are those of the last snapshots"),
    "marks": ("marks", "symbols", "no price bars: volatility, markouts and unrealised PnL rest on other prices"),
    "fees": ("priced fees", "orders", "net PnL is unknown where a fee is"),
    "fills_of_closes": ("fills", "closed trades", "the fees of orders without a fill on record are missing"),
    "funding": ("funding payments", "symbols", "net PnL is without funding where none is on record"),
    "slippage": ("slippage", "order metrics", "slippage is that of the metrics that tell it"),
    "maker_flags": ("maker flags", "order metrics", "maker ratios rest on the metrics that tell it"),
    "ack_latency": ("acknowledgement latency", "order metrics", "latencies rest on the metrics that tell it"),
    "nav_of_attempts": ("NAV", "order attempts", "processes without a NAV count as the account's"),
    "attempt_of_fills": ("attempt ids", "filled orders", "fills without one belong to no attempt"),
    "vetoed_quantity": ("side and quantity", "vetoes", "what the others would have done is unknown"),
}
"""What is told, by what, and what follows where it is missing."""


def print_report(report: Report, zone: tzinfo) -> None:
    """Print a report with instants in a time zone."""
    of = "" if report.symbol is None else f", {printable(report.symbol)}"
    length = span((report.until - report.since).total_seconds())
    title = f"report{of}: {shown(report.since, zone)} to {shown(report.until, zone)}, {length}"
    terminal().print(Text(title, style="bold"), soft_wrap=True)
    _print_lines("account", _account_lines(report, zone), is_whole=report.symbol is not None)
    results = [_with_texts(row) for row in report.results]
    if report.symbol is None and len(results) < 2:
        results = []
    _print_table("money", _MONEY, results, zone)
    _print_table("luck: the mean net PnL of a trade lies in the interval with 95 %", _LUCK, results, zone)
    _print_table("orders", _ROUTING, results, zone)
    _print_vetoes(report, zone)
    _print_runs(report, zone)
    _print_coverage(report, zone)
    _print_lines("missing", [*_empty_tables(report), *_missing(report)])


def csv_rows(document: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield the head and the rows of a report as one table: part, row, name and value; unknown is empty."""
    yield "part", "row", "name", "value"
    for part, value in document.items():
        yield from _flat(part, "", value)


def _flat(part: str, row: str, value: Any) -> Iterator[Sequence[Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, list) and item and isinstance(item[0], Mapping):
                yield from _flat(f"{part}.{name}", row, item)
            else:
                yield part, row, name, "" if item is None else cell(item)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for at, item in enumerate(value, start=1):
            key = next((str(item[name]) for name in _KEYS if name in item), str(at))
            yield from _flat(part, key, item)
    else:
        yield part, row, "", "" if value is None else cell(value)


_KEYS = ("symbol", "reason", "table_name", "input")
"""Columns that name a row."""


def _with_texts(row: Row) -> Row:
    """Return a result with its description in words."""
    verdict = row["verdict"]
    if verdict == "too few":
        verdict = f"too few trades to tell: {row['trades']} of {row['trades_needed']}" if row["trades"] else "no trade"
    if row["unpriced_fees"]:
        verdict = f"not known: {row['unpriced_fees']} fees without a price"
    return {**row, "verdict": verdict, "slippage_of": f"{row['slippage_known']:,} of {row['metrics']:,}"}


def _account_lines(report: Report, zone: tzinfo) -> Iterator[tuple[str, str, str]]:
    account = report.account
    if account["start_ts"] is None:
        yield "equity", "-", "no tick on record up to the end of the span"
    else:
        yield "equity at the start", _usd(account["start_equity_usd"]), _start_told(report, zone)
        yield "equity at the end", _usd(account["end_equity_usd"]), _end_told(report, zone)
    if account["change_usd"] is not None:
        yield from _change_lines(account)
        yield from _drawdown_lines(account, zone)
    derived = report.derived
    if derived["navs"] and (account["end_ts"] is None or derived["last_ts"] > account["end_ts"]):
        told = f"{shown(derived['last_ts'], zone)}: derived, told by attempts and vetoes; not in the numbers above"
        yield "NAV told later", _usd(derived["last_usd"]), told


def _start_told(report: Report, zone: tzinfo) -> str:
    at = report.account["start_ts"]
    since = (report.since - at).total_seconds()
    place = f"{span(since)} before the span" if since >= 0 else f"the first tick, {span(-since)} into the span"
    return f"{shown(at, zone)}: {place}"


def _end_told(report: Report, zone: tzinfo) -> str:
    at = report.account["end_ts"]
    if at is None:
        return "no later tick in the span"
    left = (report.until - at).total_seconds()
    return f"{shown(at, zone)}: {span(left)} before the end"


def _change_lines(account: Row) -> Iterator[tuple[str, str, str]]:
    change, start = account["change_usd"], account["start_equity_usd"]
    yield "change", _usd(change, sign=True), f"{_sign(100 * change / start, '%')} between these two ticks, of which"
    yield "  realised PnL", _usd(account["realized_usd"], sign=True), _count(account["closes"], "closed trade")
    unpriced = account["unpriced_fees"]
    yield "  fees", _usd(-account["fees_usd"], sign=True), f"{unpriced} orders not priced" if unpriced else ""
    yield "  funding", _usd(account["funding_usd"], sign=True), ""
    yield "  transfers", _usd(account["transfers_usd"], sign=True), ""
    yield "  rest", _usd(account["rest_usd"], sign=True), _rest_told(account)


def _rest_told(account: Row) -> str:
    if account["unrealized_change_usd"] is None:
        return "unrealised PnL (not known), and what was not recorded"
    unrealized, unexplained = _usd(account["unrealized_change_usd"], sign=True), account["unexplained_usd"]
    return f"unrealised PnL {unrealized}; {_usd(unexplained, sign=True)} not explained: not recorded"


def _drawdown_lines(account: Row, zone: tzinfo) -> Iterator[tuple[str, str, str]]:
    if not account["drawdown_usd"]:
        yield "worst drawdown", f"{_sign(0.0, '%')}", "the equity was never below an earlier one"
        return
    fell = f"{_usd(account['peak_equity_usd'])} at {shown(account['peak_ts'], zone)}"
    to = f"{_usd(account['trough_equity_usd'])} at {shown(account['trough_ts'], zone)}"
    back = account["recovered_ts"]
    yield "worst drawdown", f"{number(account['drawdown_pct'], '%', 2)} %", f"{_usd(account['drawdown_usd'])} USD"
    yield "  from", "", fell
    yield "  to", "", to
    yield "  back", "", "not yet" if back is None else shown(back, zone)


def _print_vetoes(report: Report, zone: tzinfo) -> None:
    total, rows = report.veto_total, report.vetoes
    listed = rows[:_REASONS]
    rest = total["reasons"] - len(listed)
    if rest > 0:
        others = {name: total[name] - sum(row[name] for row in listed) for name in ("vetoes", "vetoes_apart")}
        listed = [*listed, {"reason": f"{rest} more reasons", **others}]
    if len(rows) > 1:
        listed = [*listed, {"reason": "all", "vetoes": total["vetoes"], "vetoes_apart": total["vetoes_apart"]}]
    columns = _VETOES if total["vetoes_apart"] else _VETOES.replace("vetoes_apart ", "")
    _print_table("vetoes", columns, listed, zone)


def _print_runs(report: Report, zone: tzinfo) -> None:
    told = [run.told() for run in report.runs]
    if len(told) < 2:
        return
    rows = [{**row, "run": row["kind"], "processes": len(row["processes"])} for row in told]
    _print_table("runs", _RUNS, rows, zone)
    if report.apart:
        count = _count(len(report.apart), "process", "processes")
        told_apart = f"{count} with a NAV of another account, as test runs have, left out above; --all-runs counts them"
        terminal().print(told_apart, soft_wrap=True)


def _print_coverage(report: Report, zone: tzinfo) -> None:
    rows = [_with_hours(row) for row in report.coverage if _has_rows(row)]
    columns = _COVERAGE if any(row["test_rows"] for row in rows) else _COVERAGE.replace("test_rows ", "")
    _print_table("rows on record", columns, rows, zone)


def _has_rows(row: Row) -> bool:
    return bool(row["rows"] or row["test_rows"])


def _with_hours(row: Row) -> Row:
    return {**row, "hours_of": f"{row['hours']:,} of {row['span_hours']:,.0f}"}


def _empty_tables(report: Report) -> Iterator[tuple[str, str, str]]:
    names = [row["table_name"] for row in report.coverage if not _has_rows(row)]
    if names and not report.is_empty:
        yield "no rows", "", ", ".join(names)


def _missing(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield the inputs that some rows lack, and what follows from that."""
    for row in report.inputs:
        if row["known"] < row["rows"]:
            label, of, then = _INPUTS[row["input"]]
            yield label, f"{row['known']:,} of {row['rows']:,} {of}", then


def _print_lines(title: str, lines: Iterator[tuple[str, str, str]] | list[Any], *, is_whole: bool = False) -> None:
    listed = list(lines)
    if not listed:
        return
    table = new_table()
    table.show_header, table.box, table.padding = False, None, (0, 2, 0, 0)
    table.add_column(no_wrap=True)
    table.add_column(justify="right" if title == "account" else "left", no_wrap=True)
    table.add_column(overflow="fold")
    for line in listed:
        table.add_row(*line)
    terminal().print()
    terminal().print(Text(f"{title}{', of all symbols' if is_whole else ''}", style="bold"))
    print_whole(terminal(), table)


def _print_table(title: str, columns: str, rows: Sequence[Row], zone: tzinfo) -> None:
    if not rows:
        return
    table = new_table()
    table.padding, table.show_edge = (0, 1, 0, 0), False
    cells: list[list[Text]] = []
    for name in columns.split():
        head, kind, unit = _COLUMNS.get(name, (name, "whole", None))
        column = replace(Shown(name, kind, unit), zone=zone)
        values = [row.get(name) for row in rows]
        justify: Literal["right", "left"] = "right" if column.is_right else "left"
        table.add_column(f"{head}\n{column.label}", justify=justify, no_wrap=True)
        texts = texts_of(column, values)
        cells.append([Text(text, style=style_of(column, value)) for text, value in zip(texts, values, strict=True)])
    for at in range(len(rows)):
        table.add_row(*(column[at] for column in cells))
    terminal().print()
    terminal().print(Text(title, style="bold"))
    print_whole(terminal(), table)


def _count(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _usd(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{'+' if sign and value > 0 else ''}{number(value, 'USD', 2)}"


def _sign(value: float, unit: str) -> str:
    return f"{'+' if value > 0 else ''}{number(value, unit, 2)} %"
