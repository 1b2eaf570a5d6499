"""Where the money went: over any stretch between two quiet ticks, the parts on record explain the whole NAV change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tape.execution.config import Config
from tape.execution.events import Event, Ticked
from tape.execution.executor import Executor
from tape.execution.intents import Intent
from tape.execution.published import Published
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import Account, Quote
from tape.store.database import open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tests.execution.test_executor import FLAGS

START = datetime(2025, 11, 1, 7, 58, tzinfo=UTC)
"""Two minutes before funding."""
SYMBOLS = ("BTCUSDT", "ETHUSDT")

PARTS = """
    with
    orders as (
        select
            arg_max(struct_pack(ts, symbol, executed_qty, avg_price, fee_total, fee_asset), (ts, executed_qty)) as last,
        from order_fills
        where ts <= $until
        group by symbol, order_id
    ),
    fees as (
        select
            last.fee_total * case
                when last.fee_asset = 'USDT' or last.fee_total = 0 then 1
                else (
                    select arg_max(mark_price, (marks.ts, marks.ingest_seq))
                    from marks
                    where marks.symbol = last.fee_asset || 'USDT' and marks.ts <= last.ts
                        and marks.ts > last.ts - interval 60 second
                )
            end as fee_usd
        from orders
        where last.ts > $since
    )
    select
        (select equity_usd from ticks where ts = $until) - (select equity_usd from ticks where ts = $since),
        (select coalesce(sum(realized_pnl_usd), 0) from order_closes where ts > $since and ts <= $until),
        (select unrealized_pnl_usd from ticks where ts = $until)
        - (select unrealized_pnl_usd from ticks where ts = $since),
        -(select coalesce(sum(fee_usd), 0) from fees),
        (select coalesce(sum(amount_usd), 0) from funding_payments where ts > $since and ts <= $until),
        (select coalesce(sum(amount_usd), 0) from transfers where ts > $since and ts <= $until),
        (select count(*) from fees where fee_usd is null),
"""
"""NAV change, realised, unrealised change, fees, funding, transfers; orders whose fee has no price."""


class Restless:
    """A strategy that asks for orders of both sides by chance, also such that turn a position over."""

    def __init__(self, seed: int, symbols: Sequence[str]) -> None:
        self._draws, self._symbols, self._count = Random(seed), symbols, 0  # noqa: S311 (seeded on purpose)

    def decide(
        self, now: datetime, quotes: Mapping[str, Quote], account: Account, busy: Callable[[str], bool]
    ) -> list[Intent]:
        draws = self._draws
        intents = []
        for symbol in self._symbols:
            if symbol not in quotes or busy(symbol) or draws.random() < 0.6:
                continue
            self._count += 1
            price, name = quotes[symbol].mid, f"{self._count}"
            intents.append(
                Intent(
                    intent_id=f"i{name}", attempt_id=f"a{name}", ts=now, symbol=symbol,
                    side="BUY" if draws.random() < 0.5 else "SELL",
                    qty=round(draws.choice([300, 1500, 4000]) / price, 3), price=price, strategy="restless",
                    signal_ts=now, reduce_only=draws.random() < 0.3,
                )
            )  # fmt: skip
        return intents


class Hedged(PaperVenue):
    """A paper account in hedge mode."""

    def account(self) -> Account:
        return replace(super().account(), is_hedged=True)


class Run:
    """An executor on paper over ten minutes, funding among them; ``quiet``: ticks at which no order is half done."""

    def __init__(self, database: Path, venue: PaperVenue, seed: int) -> None:
        self.quiet: list[datetime] = []
        self.venue = venue
        home = database.parents[1]
        (home / "scratch").mkdir()
        with Journal(home, "executor") as journal:

            def record(batch: Sequence[Event]) -> None:
                if isinstance(batch[0], Ticked) and all(not each.fills.units for each in executor.at_work().working):
                    self.quiet.append(batch[0].ts)
                journal.record(batch)

            executor = Executor(
                venue,
                record,
                strategy=Restless(seed, SYMBOLS),
                config=Config.of({}, list(SYMBOLS)),
                flags=replace(FLAGS, is_risk_engine_on=False),
                published=Published(home / "none"),
                new_id=journal.new_id,
                maker_wait_s=3.0,
            )
            for second in range(600):
                executor.step(START + timedelta(seconds=second))
                self.moved(second)
        self.connection = open_database(database)
        ingest = Ingest(self.connection, home, home / "scratch")
        while ingest.run_once().has_more:
            pass

    def moved(self, second: int) -> None:
        """What the account's owner does behind a tick."""
        if second in (100, 250, 251):
            self.venue.transfer({100: 1000.0, 250: -333.25, 251: 0.1}[second], f"t{second}")


def explained(connection: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> tuple[float, ...]:
    ((nav_change, *parts, unpriced),) = connection.execute(PARTS, {"since": since, "until": until}).fetchall()
    assert unpriced == 0
    return (nav_change, *parts)


@pytest.mark.parametrize("fee_asset", ["USDT", "BNB"])
@pytest.mark.parametrize("kind", [PaperVenue, Hedged])
def test_the_parts_explain_the_nav_change_between_any_two_quiet_ticks(
    database: Path, kind: type[PaperVenue], fee_asset: str
) -> None:
    market = RegimeMarket([*SYMBOLS, "BNBUSDT"], 7, START)
    run = Run(database, kind(market, equity_usd=20_000.0, seed=3, fee_asset=fee_asset), 5)
    quiet = run.quiet[:: max(1, len(run.quiet) // 40)]
    whole = explained(run.connection, run.quiet[0], run.quiet[-1])
    assert all(abs(part) > 1e-3 for part in whole), whole
    assert whole[-1] == pytest.approx(666.85)
    for since, until in [(run.quiet[0], run.quiet[-1]), *pairwise(quiet)]:
        nav_change, *parts = explained(run.connection, since, until)
        assert nav_change - sum(parts) == pytest.approx(0, abs=1e-6), (since, until, parts)
    query = "select count(*) from order_closes where position_size_before * position_size_after < 0"
    ((flips,),) = run.connection.execute(query).fetchall()
    sides = run.connection.execute("select count(distinct position_side) from order_closes").fetchall()
    assert (flips > 0, sides) == ((False, [(2,)]) if kind is Hedged else (True, [(0,)]))
    run.connection.close()


def spreads(connection: duckdb.DuckDBPyConnection) -> list[tuple[bool, float]]:
    """Of orders filled by one trade: whether as maker, and the price against the mid, positive is cost [quote/base]."""
    return connection.execute(
        """
        select
            maker_qty > 0,
            case side when 'BUY' then 1 else -1 end * (avg_price - (bid_price + ask_price) / 2),
        from order_fills
        where json_array_length(trade_ids) = 1
        """
    ).fetchall()


def test_makers_earn_the_spread_and_takers_pay_it(database: Path) -> None:
    run = Run(database, PaperVenue(RegimeMarket(SYMBOLS, 7, START), equity_usd=20_000.0, seed=3), 5)
    found = spreads(run.connection)
    makers, takers = ([spread for is_maker, spread in found if is_maker == kind] for kind in (True, False))
    assert len(makers) > 5
    assert max(makers) < 0
    assert len(takers) > 5
    assert min(takers) > 0
    ended: list[tuple[Any, ...]] = run.connection.execute(
        "select count(*), count(end_bid_price), count(end_mark_price), count(*) filter (where cancel_reason is null"
        " and status <> 'FILLED') from order_metrics"
    ).fetchall()
    ((count, bids, marks, silent),) = ended
    assert count == bids == marks > 10
    assert silent == 0
    run.connection.close()
