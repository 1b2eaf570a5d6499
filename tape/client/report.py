"""The numbers of a report: what an account did in a span of time.

The SQL macros that end in ``_since`` compute them. They read the session's clock, so a report is as of its end: it
contains no later events, and with a ``known_seq`` no rows stored later either. A span holds the events after its start,
up to and including its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tape.client.client import Answer, Client
from tape.client.instants import instant_sql
from tape.client.runs import Run, runs_of
from tape.store.schema import EVENT_TABLES
from tape.store.views.column_comments import quoted

Row = dict[str, Any]

REASONS = 1_000
"""Veto reasons of a report; the total counts all."""
_STATES = ("config_snapshots", "flag_snapshots", "symbol_toggles")
"""Tables whose rows hold until the next one: a span without any lacks nothing."""


@dataclass(frozen=True)
class Report:
    """The numbers of one span. Unknown is ``None``; counts of known values stand beside."""

    since: datetime
    until: datetime
    symbol: str | None
    account: Row
    """The row of ``account_since``: of the whole account, also where one symbol is asked for."""
    derived: Row
    """The first and the last NAV that attempts and vetoes told within the span."""
    results: list[Row]
    """Rows of ``symbol_results_since``, each with its verdict; the last one is ``all``."""
    vetoes: list[Row]
    """Reason, vetoes, vetoes_apart, symbols, first_ts, last_ts; the most frequent first."""
    veto_total: Row
    runs: list[Run]
    """Those with an event in the span."""
    apart: list[str]
    """The processes whose events are left out."""
    coverage: list[Row]
    """Of each table: rows, test noise, first and last time, hours with a row, hours of the span."""
    inputs: list[Row]
    """Rows of ``inputs_since``."""

    @property
    def is_empty(self) -> bool:
        """Return whether no table has a row within the span."""
        return not any(row["rows"] for row in self.coverage)

    def told(self) -> Row:
        """Return the report as a document."""
        return {
            "from": self.since,
            "to": self.until,
            "symbol": self.symbol,
            "account": self.account,
            "derived_nav": self.derived,
            "symbols": self.results,
            "vetoes": {**self.veto_total, "by_reason": self.vetoes},
            "runs": [run.told() for run in self.runs],
            "processes_left_out": self.apart,
            "coverage": self.coverage,
            "inputs": self.inputs,
        }


def report_of(
    client: Client,
    since: datetime,
    until: datetime,
    *,
    symbol: str | None = None,
    with_runs_apart: bool = False,
    known_seq: int | None = None,
) -> Report:
    """Return the numbers of a span.

    ``symbol`` limits all numbers but the account's to this symbol; ``with_runs_apart`` includes processes with another
    NAV.

    Raises:
        StoreError: the store cannot be read.
    """
    processes = _asked(client, [f"from processes_since({instant_sql(since)})"], until, known_seq)[0]
    runs = [run for run in runs_of(processes) if any(process["last_ts"] > since for process in run.processes)]
    apart = [] if with_runs_apart else [name for run in runs if run.kind == "apart" for name in run.names]
    account, derived, results, vetoes, veto_total, inputs, coverage = _asked(
        client, _queries(since, apart, symbol), until, known_seq
    )
    return Report(
        since=since,
        until=until,
        symbol=symbol,
        account=account[0],
        derived=derived[0],
        results=results,
        vetoes=vetoes,
        veto_total=veto_total[0],
        runs=runs,
        apart=apart,
        coverage=coverage,
        inputs=inputs,
    )


def _queries(since: datetime, apart: Sequence[str], symbol: str | None) -> list[str]:
    """Return the queries of a report, in the order of their answers."""
    at = instant_sql(since)
    names = f"cast([{', '.join(map(quoted, apart))}] as varchar[])"
    only = "" if symbol is None else f" where symbol = {quoted(symbol)}"
    reasons = f"veto_reasons_since({at}, {names}){only}"
    return [
        f"from account_since({at}, {names})",
        "select min(ts) as first_ts, arg_min(nav_usd, (ts, ingest_seq)) as first_usd, max(ts) as last_ts,"
        " arg_max(nav_usd, (ts, ingest_seq)) as last_usd, count(*) as navs from told_navs"
        f" where source <> 'tick' and ts > {at} and not list_contains({names}, process)",
        f"select *, verdict_of(net_low_usd, net_high_usd) as verdict from symbol_results_since({at}, {names}){only}",
        "select reason, cast(sum(vetoes) as bigint) as vetoes, cast(sum(vetoes_apart) as bigint) as vetoes_apart,"
        f" count(*) as symbols, min(first_ts) as first_ts, max(last_ts) as last_ts from {reasons}"
        f" group by reason order by vetoes desc, vetoes_apart desc, reason limit {REASONS}",
        "select cast(coalesce(sum(vetoes), 0) as bigint) as vetoes, cast(coalesce(sum(vetoes_apart), 0) as bigint)"
        f" as vetoes_apart, count(distinct reason) as reasons from {reasons}",
        f"from inputs_since({at}, {names})",
        " union all ".join(_coverage(table, at) for table in EVENT_TABLES if table not in _STATES),
    ]


def _coverage(table: str, at: str) -> str:
    seen = f"ts > {at} and ts <= as_of() and ingest_seq <= known_seq()"
    return (
        f"select '{table}' as table_name, count(*) filter (not is_test) as rows,"
        " count(*) filter (is_test) as test_rows, min(ts) filter (not is_test) as first_ts,"
        " max(ts) filter (not is_test) as last_ts,"
        " count(distinct epoch_us(ts) // 3600000000) filter (not is_test) as hours,"
        f" ceil((epoch_us(as_of()) - epoch_us({at})) / 3.6e9) as span_hours from {table} where {seen}"
    )


def _asked(client: Client, queries: Sequence[str], until: datetime, known_seq: int | None) -> list[list[Row]]:
    return [_rows(answer) for answer in client.round(queries, as_of=until, known_seq=known_seq)]


def _rows(answer: Answer) -> list[Row]:
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
