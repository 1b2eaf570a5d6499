"""The data of a chart: a column over time, thinned so that every peak and trough stays, or one bar per key.

The rows are divided into steps of time, as many as the chart has columns. The first, lowest, highest and last row of
each step are kept, so that thousands of rows leave at most 4 points per column, and no extreme is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tape.client.client import Client
from tape.client.instants import instant_sql
from tape.client.runs import runs_of
from tape.store.errors import StoreError, one_of
from tape.store.views.catalog import Column, Relation, unit_in
from tape.store.views.column_comments import quoted, unit_by_name

Point = tuple[datetime, float]

MAX_BARS = 60
"""Of a view without a time."""
_NUMBERS = ("DOUBLE", "FLOAT", "BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "DECIMAL", "SMALLINT", "TINYINT")
_GAP = 5
"""Times the mean distance of rows: so far apart they are not joined by a line."""


@dataclass(frozen=True)
class Span:
    """The start, the end, the instant and the symbol of a chart; ``since`` null: from the first row on."""

    since: datetime | None
    until: datetime
    as_of: datetime
    symbol: str | None = None


@dataclass(frozen=True)
class Series:
    """Values over time; ``symbols``: those that have rows, none if the rows have no symbol."""

    name: str
    unit: str
    points: list[Point]
    rows: int
    symbols: list[str]
    gap_s: float
    """Points further apart than this have an outage between them."""
    is_loss: bool = False
    """Drawn from 0 downwards."""


@dataclass(frozen=True)
class Bars:
    """A value per key, in the order of the view, or of numeric keys by number; unknown values are null."""

    name: str
    unit: str
    bars: list[tuple[str, float | None]]


class NothingToDraw(StoreError):
    """No row with a known value is within the span."""

    def __init__(self, name: str, expected: str, newest: str) -> None:
        self.name = name
        super().__init__(f"{name}: expected a known value {expected}, found none; {newest}")


def equity(client: Client, span: Span, steps: int) -> Series:
    """Return the equity of the account's ticks, without processes that have a NAV of their own."""
    apart = _apart(client, span)
    source = (
        "(select ts, ingest_seq, equity_usd as value, cast(null as varchar) as symbol from seen_ticks"
        f" where equity_usd > 0 and not list_contains({apart}, process_of(hostname, pid)))"
    )
    return _series(client, "equity", "USD", source, span, steps)


def drawdown(client: Client, span: Span, steps: int) -> Series:
    """Return how far the equity is below its highest value in the span so far, in per cent; a loss is positive."""
    apart = _apart(client, span)
    ticks = f"seen_ticks where equity_usd > 0 and not list_contains({apart}, process_of(hostname, pid))"
    before = "null" if span.since is None else f"max(ts) filter (where ts <= {instant_sql(span.since)})"
    ((since,),) = client.query(f"select coalesce({before}, min(ts)) from {ticks}", as_of=span.as_of).rows
    source = (
        "(select trough_ts as ts, 0 as ingest_seq, -fall_pct as value, cast(null as varchar) as symbol"
        f" from falls_since({instant_sql(since or span.until)}, {apart}))"
    )
    return _series(client, "drawdown", "%", source, span, steps, is_loss=True)


def column_of(client: Client, relation: Relation, column: str, span: Span, steps: int) -> Series | Bars:
    """Return a column of a table or view: over time if it has a time, else a bar per row.

    Raises:
        StoreError: the view has no such column of numbers, or too many rows for bars.
    """
    columns = {each.name: each for each in relation.columns}
    numbers = [each.name for each in relation.columns if each.type.partition("(")[0] in _NUMBERS]
    if column not in numbers:
        raise StoreError(f"{relation.name}: expected a column of numbers, {one_of(numbers, column)}, found {column!r}")
    unit = unit_in(columns[column].comment) or unit_by_name(column) or ""
    time = next((each.name for each in relation.columns if each.type == "TIMESTAMP WITH TIME ZONE"), None)
    symbol = "symbol" if "symbol" in columns else None
    if span.symbol is not None and symbol is None:
        raise StoreError(f"--symbol: {relation.name} has no symbols")
    if time is None:
        return _bars(client, relation, columns[column], unit, span)
    order = "ingest_seq" if "ingest_seq" in columns else "0"
    test = " where not is_test" if "is_test" in columns else ""
    source = (
        f'(select "{time}" as ts, {order} as ingest_seq, cast("{column}" as double) as value,'
        f' {symbol or "cast(null as varchar)"} as symbol from "{relation.name}"{test})'
    )
    return _series(client, f"{column} of {relation.name}", unit, source, span, steps)


def _bars(client: Client, relation: Relation, column: Column, unit: str, span: Span) -> Bars:
    name = f"{column.name} of {relation.name}"
    only = "" if span.symbol is None else f" where symbol = {quoted(span.symbol)}"
    key = relation.columns[0].name
    answer = client.first(
        MAX_BARS, f'select "{key}", cast("{column.name}" as double) from "{relation.name}"{only}', as_of=span.as_of
    )
    if answer.is_cut:
        raise StoreError(f"{name}: expected at most {MAX_BARS} rows of a view without a time, found more")
    if all(value is None for _, value in answer.rows):
        raise NothingToDraw(name, "in a row", f"{len(answer.rows)} rows")
    found = [(str(label), value) for label, value in answer.rows]
    if all(label.isdecimal() for label, _ in found):  # hours of a day, which the view has as text
        found.sort(key=lambda bar: int(bar[0]))
    return Bars(name, unit, found)


def _series(
    client: Client, name: str, unit: str, source: str, span: Span, steps: int, *, is_loss: bool = False
) -> Series:
    since = "" if span.since is None else f" and ts > {instant_sql(span.since)}"
    only = "" if span.symbol is None else f" and symbol = {quoted(span.symbol)}"
    answer = client.query(
        f"""
        with known as (
            from {source}
            where value is not null and isfinite(value) and ts <= {instant_sql(span.until)}{since}{only}
        ),
        edges as (
            select epoch_us(min(ts)) as first_us, greatest(1, epoch_us(max(ts)) - epoch_us(min(ts))) as length_us
            from known
        )
        select
            least({steps} - 1, cast(floor({steps} * (epoch_us(ts) - first_us) / length_us) as bigint)) as step,
            count(*),
            min(ts), arg_min(value, (ts, ingest_seq)),
            arg_min(ts, (value, ts)), min(value),
            arg_max(ts, (value, -epoch_us(ts))), max(value),
            max(ts), arg_max(value, (ts, ingest_seq)),
            list(distinct symbol) filter (where symbol is not null)
        from known
        cross join edges
        group by step
        order by step
        """,
        as_of=span.as_of,
    )
    if not answer.rows:
        raise NothingToDraw(name, _within(span), _newest(client, source, only, span))
    points: list[Point] = []
    for row in answer.rows:
        points += [(row[at], float(row[at + 1])) for at in (2, 4, 6, 8)]
    symbols = sorted({str(symbol) for row in answer.rows for symbol in row[10] or ()})
    rows = sum(int(row[1]) for row in answer.rows)
    in_order = sorted(dict.fromkeys(points), key=lambda point: point[0])
    length_s = (in_order[-1][0] - in_order[0][0]).total_seconds()
    # thinning alone leaves two neighbours up to two steps apart
    gap_s = max(_GAP * length_s / max(1, rows - 1), 2 * length_s / steps)
    return Series(name, unit, in_order, rows, symbols, gap_s, is_loss)


def _within(span: Span) -> str:
    since = "up to" if span.since is None else f"after {_utc(span.since)}, up to"
    of = "" if span.symbol is None else f" of {span.symbol}"
    return f"{since} {_utc(span.until)}{of}"


def _newest(client: Client, source: str, only: str, span: Span) -> str:
    """Return the time of the newest row with a value that the session sees."""
    query = f"select max(ts) from {source} where value is not null{only}"
    ((newest,),) = client.query(query, as_of=span.as_of).rows
    if newest is None:
        return "no row has one" if span.as_of == span.until else f"nor has any row up to {_utc(span.as_of)}"
    return f"the newest is of {_utc(newest)}: try --from newest-24h --to newest"


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _apart(client: Client, span: Span) -> str:
    """Return the processes with a NAV of their own as a list in SQL."""
    since = "timestamptz '-infinity'" if span.since is None else instant_sql(span.since)
    answer = client.query(f"from processes_since({since})", as_of=span.as_of)
    processes: list[dict[str, Any]] = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    names = [name for run in runs_of(processes) if run.kind == "apart" for name in run.names]
    return f"cast([{', '.join(map(quoted, names))}] as varchar[])"
