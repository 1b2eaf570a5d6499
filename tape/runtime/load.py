"""A load generator: a realistic mix of events through the real journal, for benchmarks and fault tests.

Every second it records one tick with its positions and the marks of all symbols. The rest of the rate are intents:
attempted or vetoed, shadowed, acknowledged, filled, measured, sometimes closed or failed. The same seed makes the same
decisions.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tape.execution.events import (
    ConfigChanged,
    Event,
    FlagsRecorded,
    FundingSettled,
    HeartbeatSent,
    IntentVetoed,
    MarkObserved,
    OrderAcked,
    OrderAttempted,
    OrderClosed,
    OrderFailed,
    OrderFilled,
    OrderMeasured,
    PositionMarked,
    ShadowDecided,
    SymbolToggled,
    Ticked,
    TransferRecorded,
)
from tape.store.journal.writer import Journal

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "LINKUSDT", "LTCUSDT", "SUIUSDT")
_HELD = 4
"""Symbols with an open position."""
_VETO_REASONS = ("min_notional", "max_trade_nav", "position_limit", "symbol_cap", "daily_loss")


@dataclass
class Loaded:
    """Counts of the recorded batches and events by type, and of batches that could not be recorded."""

    producers: list[str] = field(default_factory=list)
    batches: int = 0
    events: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    def add(self, other: Loaded) -> None:
        self.producers += other.producers
        self.batches += other.batches
        self.events += other.events
        self.dropped += other.dropped


def load(home: Path, *, rate: float, seconds: float, producers: int = 1, seed: int = 1) -> Loaded:
    """Record for ``seconds``, ``rate`` events a second over all producers, each a process of its own."""
    total = Loaded()
    context = multiprocessing.get_context("spawn")
    shares = [(home, f"load_{at}", rate / producers, seconds, seed + at) for at in range(producers)]
    with context.Pool(producers) as pool:
        for loaded in pool.starmap(load_one, shares):
            total.add(loaded)
    return total


def load_one(home: Path, producer: str, rate: float, seconds: float, seed: int) -> Loaded:
    """Record as one producer, in this process."""
    loaded = Loaded([producer])
    started = time.monotonic()
    with Journal(home, producer, on_error="drop") as journal:
        market = Market(Random(seed), journal)  # noqa: S311 (seeded on purpose)
        sent = 0
        for batch in market.batches(lambda: time.monotonic() - started):
            late = time.monotonic() - started - sent / rate
            if late < 0:
                time.sleep(-late)
            if time.monotonic() - started >= seconds:
                break
            sent += len(batch)
            if journal.record(batch):
                loaded.batches += 1
                loaded.events.update(event.event_type for event in batch)
        loaded.dropped = journal.dropped
    return loaded


class Market:
    """Random-walk prices, positions, and the orders of an executor on them."""

    def __init__(self, random: Random, journal: Journal) -> None:
        self._random = random
        self._journal = journal
        self._prices = {symbol: 10.0 ** random.uniform(0, 5) for symbol in SYMBOLS}
        self._held = {symbol: random.uniform(-2, 2) for symbol in SYMBOLS[:_HELD]}
        self._equity = 10_000.0

    def batches(self, elapsed_s: Callable[[], float]) -> Iterator[list[Event]]:
        """Yield batches without end; a tick whenever a second of ``elapsed_s()`` has passed."""
        yield self._beginning()
        next_tick = 0.0
        while True:
            if elapsed_s() >= next_tick:
                next_tick += 1.0
                yield self._tick()
            yield from self._intent()

    def _beginning(self) -> list[Event]:
        now = datetime.now(UTC)
        universe = {"universe": [{"symbol": symbol} for symbol in SYMBOLS]}
        return [
            FlagsRecorded(
                ts=now,
                is_intel_on=True,
                is_risk_engine_on=True,
                is_pipeline_shadow_on=True,
                is_router_autotune_on=True,
                is_feedback_allocator_on=True,
                is_router_autotune_apply_on=False,
                env="load",
                dry_run="1",
                testnet="0",
                engine_version="load",
            ),
            ConfigChanged(ts=now, kind="universe", payload=universe),
            SymbolToggled(ts=now, symbol=SYMBOLS[-1], is_disabled=False, reason="load"),
            FundingSettled(ts=now, symbol=SYMBOLS[0], amount_usd=-0.12),
            TransferRecorded(ts=now, amount_usd=self._equity, asset="USDT", amount=self._equity, kind="deposit"),
        ]

    def _tick(self) -> list[Event]:
        now = datetime.now(UTC)
        for symbol in SYMBOLS:
            self._prices[symbol] *= 1 + self._random.gauss(0, 2e-4)
        self._equity += self._random.gauss(0, 2)
        tick_id = self._journal.new_id()
        tick = Ticked(
            event_id=tick_id, ts=now, equity_usd=self._equity, nav_usd=self._equity, position_count=len(self._held)
        )
        positions = [
            PositionMarked(
                tick_id=tick_id, ts=now, symbol=symbol, qty=qty, entry_price=price, mark_price=price, leverage=2
            )
            for symbol, qty in self._held.items()
            for price in [self._prices[symbol]]
        ]
        marks = [
            MarkObserved(ts=now, symbol=symbol, mark_price=price, bid_price=price * 0.9999, ask_price=price * 1.0001)
            for symbol, price in self._prices.items()
        ]
        beat = HeartbeatSent(ts=now, service="load", lag_s=0.0, queue_depth=0)
        return [tick, *positions, *marks, beat]

    def _intent(self) -> Iterator[list[Event]]:
        random, now = self._random, datetime.now(UTC)
        symbol = random.choice(SYMBOLS)
        price, side = self._prices[symbol], random.choice(("BUY", "SELL"))
        attempt, qty = self._journal.new_id(), random.uniform(0.1, 2)
        is_vetoed = random.random() < 0.25
        yield [self._shadow(now, symbol, side, attempt, qty, price)]
        if is_vetoed:
            detail = {"intent": {"attempt_id": attempt, "symbol": symbol}, "limit": 0.2}
            reason = random.choice(_VETO_REASONS)
            yield [
                IntentVetoed(
                    ts=now, symbol=symbol, side=side, veto_reason=reason, attempt_id=attempt, veto_detail=detail
                )
            ]
            return
        yield [
            OrderAttempted(
                ts=now, symbol=symbol, side=side, attempt_id=attempt, qty=qty, price_hint=price, strategy="load"
            )
        ]
        if random.random() < 0.02:
            yield [OrderFailed(ts=now, symbol=symbol, side=side, attempt_id=attempt, error="rejected by the venue")]
            return
        yield from self._order(now, symbol, side, attempt, qty, price)

    def _shadow(self, now: datetime, symbol: str, side: str, attempt: str, qty: float, price: float) -> ShadowDecided:
        is_allowed = self._random.random() < 0.8
        decision = {
            "symbol": symbol,
            "attempt_id": attempt,
            "timestamp": now.isoformat(),
            "intent": {"side": side, "qty": qty, "price": price},
            "risk_decision": {"allowed": is_allowed, "clamped_qty": qty, "reasons": []},
            "size_decision": {"gross_usd": qty * price},
            "router_decision": {"policy": "maker_first", "effective_px": {"maker": price, "taker": price * 1.0002}},
            "heartbeat": False,
        }
        return ShadowDecided(ts=now, symbol=symbol, attempt_id=attempt, is_allowed=is_allowed, decision=decision)

    def _order(
        self, now: datetime, symbol: str, side: str, attempt: str, qty: float, price: float
    ) -> Iterator[list[Event]]:
        random = self._random
        order, slip = self._journal.new_id(), random.gauss(1.5, 2)
        paid = price * (1 + slip / 1e4 * (1 if side == "BUY" else -1))
        ids = {"order_id": order, "client_order_id": f"c-{order}", "attempt_id": attempt}
        is_maker = random.random() < 0.7
        yield [
            OrderAcked(
                ts=now,
                symbol=symbol,
                side=side,
                request_qty=qty,
                order_type="LIMIT",
                status="NEW",
                latency_ms=40,
                **ids,
            )
        ]
        filled = OrderFilled(
            ts=now,
            ts_fill_first=now,
            symbol=symbol,
            side=side,
            executed_qty=qty,
            avg_price=paid,
            fee_total=qty * paid * 2e-4,
            fee_asset="USDT",
            trade_ids=[random.getrandbits(32)],
            status="FILLED",
            **ids,
        )
        measured = OrderMeasured(
            ts=now,
            attempt_id=attempt,
            venue="paper",
            route="maker" if is_maker else "taker",
            symbol=symbol,
            side=side,
            mark_price=price,
            submitted_price=price,
            avg_fill_price=paid,
            contracts_qty=qty,
            notional_usd=qty * paid,
            ack_latency_ms=random.uniform(30, 300),
            slippage_bps=slip,
            maker_start=True,
            is_maker_final=is_maker,
            used_fallback=not is_maker,
            policy_maker_first=True,
            policy_taker_bias="balanced",
            policy_quality="ok",
            status="FILLED",
        )
        yield [filled]
        yield [measured]
        if random.random() < 0.4:
            yield [
                OrderClosed(
                    ts=now,
                    symbol=symbol,
                    realized_pnl_usd=random.gauss(0.5, 8),
                    fees_usd=qty * paid * 2e-4,
                    position_size_before=qty,
                    position_size_after=0,
                    **ids,
                )
            ]
