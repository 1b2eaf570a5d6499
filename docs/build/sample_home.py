"""The home folder whose numbers the cookbook shows: eight days of sample logs, then two hours live up to ``AS_OF``.

Laws kept here: made-up, the same every time, and no wall clock in it. The live part holds what old logs have none of:
an executor's ticks with positions, a service that falls silent, a late event, an order that never fills, funding, a
symbol switched off, and publications on record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from math import sin
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import duckdb

from examples.sample_logs import write_sample
from tape.execution.events import (
    Event,
    FundingSettled,
    HeartbeatSent,
    MarkObserved,
    OrderAcked,
    OrderAttempted,
    OrderFilled,
    PositionMarked,
    SymbolToggled,
    Ticked,
)
from tape.exporters.publisher import Publisher
from tape.settings import load_settings
from tape.store.database import Resources, closing, migrate, open_database, set_clocks
from tape.store.home import Layout
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tape.store.legacy.importer import import_logs

AS_OF = datetime(2025, 10, 31, 18, tzinfo=UTC)
_LIVE_FROM = AS_OF - timedelta(hours=2)
_SILENT_FROM = AS_OF - timedelta(minutes=50)
_PUBLISHED_FROM = AS_OF - timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
Held = list[tuple[str, float, float, float]]
"""Symbol, signed quantity, entry and mark price of the open positions."""


def make_home(home: Path) -> None:
    """Makes the home in an empty folder."""
    resources = Resources(threads=1)  # sums in one order, whatever the machine
    database = Layout(home).database
    migrate(database, resources)
    write_sample(home / "old", end=_LIVE_FROM, days=8.0)
    _damage(home / "old" / "execution" / "orders_executed.jsonl")
    with closing(open_database(database, resources)) as connection:
        import_logs(connection, home / "old", now=_LIVE_FROM)
        held, equity_usd = _account(connection)
        _live(home, connection, held, equity_usd)


def _damage(log: Path) -> None:
    """What old logs hold too: a close without its PnL, and a line that a crash tore."""
    close = {"event_type": "order_close", "symbol": "BTCUSDT", "ts_close": _LIVE_FROM.timestamp(), "orderId": "1"}
    with log.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(close) + "\n" + json.dumps(close)[:40] + "\n")


def _account(connection: duckdb.DuckDBPyConnection) -> tuple[Held, float]:
    set_clocks(connection, as_of=_LIVE_FROM)
    held = connection.execute("select symbol, qty, entry_price, mark_price from positions_now").fetchall()
    ((equity_usd,),) = connection.execute("select equity_usd from nav_now").fetchall()
    return held, float(equity_usd)


class _Clock:
    """The instant at which a batch is recorded."""

    now = _LIVE_FROM

    def ns(self) -> int:
        return round(self.now.timestamp() * 1e6) * 1000


def _live(home: Path, connection: duckdb.DuckDBPyConnection, held: Held, equity_usd: float) -> None:
    """Two hours, minute by minute; in the last ones everything is stored and published as it comes."""
    clock = _Clock()
    at_last = {AS_OF - 12 * _MINUTE: _unfilled(held[0]), AS_OF - 2 * _MINUTE: _by_hand(held), AS_OF: _late(held[0])}
    with (
        Journal(home, "executor", run_id="cookbook", clock_ns=clock.ns) as executor,
        Journal(home, "shadow", run_id="cookbook", clock_ns=clock.ns) as shadow,
        _Owner(connection, home) as owner,
    ):
        while clock.now < AS_OF:
            clock.now += _MINUTE
            executor.record(_tick(clock.now, executor.new_id(), held, equity_usd))
            executor.record(at_last.get(clock.now, []))
            if clock.now <= _SILENT_FROM:
                shadow.record([HeartbeatSent(ts=clock.now, service="pipeline_shadow", lag_s=0.2, queue_depth=0)])
            if clock.now >= _PUBLISHED_FROM:
                owner.publish(clock.now)


class _Owner:
    """Stores what is recorded, and publishes every file that has news."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, home: Path) -> None:
        self._scratch = TemporaryDirectory()
        self._ingest = Ingest(connection, home, Path(self._scratch.name), now=lambda: AS_OF)
        self._publisher = Publisher(connection, Layout(home).state, configured=load_settings(home).configured)
        self._versions: dict[str, int] = {}

    def publish(self, now: datetime) -> None:
        while (done := self._ingest.run_once()).events:
            self._versions.update(dict.fromkeys(done.tables, done.last_seq))
        self._publisher.publish_due(self._versions, now, writing=nullcontext(), at=now.timestamp())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._publisher.close()
        self._scratch.cleanup()


def _tick(now: datetime, tick_id: str, held: Held, equity_usd: float) -> Iterator[Event]:
    """A minute of the executor: prices swing by some ten basis points."""
    minute = (now - _LIVE_FROM) / _MINUTE
    marks = {symbol: mark * (1 + 1e-3 * sin(minute / 9 + at)) for at, (symbol, _, _, mark) in enumerate(held)}
    gains = {symbol: qty * (marks[symbol] - mark) for symbol, qty, _, mark in held}
    now_usd = equity_usd + sum(gains.values())
    yield Ticked(event_id=tick_id, ts=now, equity_usd=now_usd, nav_usd=now_usd, position_count=len(held))
    yield HeartbeatSent(ts=now, service="executor_live", lag_s=0.1, queue_depth=0)
    for symbol, qty, entry, _ in held:
        yield MarkObserved(ts=now, symbol=symbol, mark_price=marks[symbol])
        yield PositionMarked(
            tick_id=tick_id, ts=now, symbol=symbol, qty=qty, entry_price=entry, mark_price=marks[symbol], leverage=2
        )


def _unfilled(position: tuple[str, float, float, float]) -> list[Event]:
    """An order that nobody filled."""
    symbol, qty, _, mark = position
    side, at = "BUY" if qty > 0 else "SELL", AS_OF - 12 * _MINUTE
    attempt = OrderAttempted(ts=at, symbol=symbol, side=side, attempt_id="sig_unfilled", qty=0.01, price_hint=mark)
    ack = OrderAcked(
        ts=at,
        symbol=symbol,
        side=side,
        order_id="9000000001",
        client_order_id="c1",
        request_qty=0.01,
        order_type="LIMIT",
        status="NEW",
        attempt_id="sig_unfilled",
        source="order_ack",
    )
    return [attempt, ack]


def _late(position: tuple[str, float, float, float]) -> list[Event]:
    """A fill that was heard of 40 s late."""
    symbol, qty, _, mark = position
    at = AS_OF - timedelta(seconds=40)
    fill = OrderFilled(
        ts=at,
        ts_fill_first=at,
        symbol=symbol,
        side="BUY" if qty > 0 else "SELL",
        order_id="9000000002",
        client_order_id="c2",
        executed_qty=0.001,
        avg_price=mark,
        fee_total=0.0,
        fee_asset="USDT",
        trade_ids=["1"],
        status="FILLED",
    )
    return [fill]


def _by_hand(held: Held) -> list[Event]:
    """Funding of every position, and a symbol that somebody switched off."""
    at = AS_OF - 2 * _MINUTE
    payments = [FundingSettled(ts=at, symbol=symbol, amount_usd=-qty * mark * 1e-4) for symbol, qty, _, mark in held]
    until = AS_OF + timedelta(minutes=30)
    return [*payments, SymbolToggled(ts=at, symbol="SUIUSDT", is_disabled=True, until_ts=until, reason="maintenance")]
