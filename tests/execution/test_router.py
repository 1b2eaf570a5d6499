"""Intents are worked maker first, then taker, and every order ends in the record: once, whole, and with what is known.

A scripted venue stands where a race or a fault is injected; the laws over all of it are checked on the paper venue.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.autotune import Policy
from tape.execution.events import (
    Event,
    OrderAcked,
    OrderAttempted,
    OrderClosed,
    OrderFailed,
    OrderFilled,
    OrderMeasured,
)
from tape.execution.intents import Intent
from tape.execution.positions import PositionBook, to_units
from tape.execution.router import Router, fee_usd, maker_price, slippage_bps, touch
from tape.execution.venues.market import Step
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import (
    WOULD_TAKE,
    Account,
    Acked,
    Ended,
    FundingPaid,
    Order,
    Quote,
    Side,
    Traded,
    Transferred,
    Update,
    sign,
)
from tests.divided import examples

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
MAKER = Policy(offset_bps=10.0, reason="quality=ok; regime=calm")
TAKER = Policy(maker_first=False, reason="quality=broken; regime=calm")
E = TypeVar("E", bound=Event)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def quote_of(symbol: str = "BTCUSDT", bid: float = 99.9, ask: float = 100.1, mark: float = 100.0) -> Quote:
    return Quote(symbol, NOON, bid, ask, mark)


def nearly(value: float, abs_: float | None = None) -> Any:
    return pytest.approx(value, abs=abs_)


def of_kind(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.event_type for event in events]


class Script:
    """A venue that does nothing of its own: what is sent is kept, and the test tells what came of it."""

    name = "scripted"

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.cancels: list[str] = []

    def advance(self, now: datetime) -> Sequence[Update]:
        return []

    def quotes(self) -> Mapping[str, Quote]:
        return {}

    def account(self) -> Account:
        return Account(NOON, 0.0, 0.0, 0.0, ())

    def submit(self, order: Order) -> None:
        self.orders.append(order)

    def cancel(self, client_order_id: str) -> None:
        self.cancels.append(client_order_id)


@dataclass
class Desk:
    """A router over a script. Client order ids are c1, c2, ...; the venue's are v1, v2, ... for them."""

    market: dict[str, Quote] = field(default_factory=lambda: {"BTCUSDT": quote_of()})
    held: float = 0.0
    held_at: float = 100.0

    def __post_init__(self) -> None:
        self.venue, self.book, self.events = Script(), PositionBook(), list[Event]()
        self._trades = count(1)
        self.router = Router(self.venue, self.book, (f"c{n}" for n in count(1)).__next__)
        self.book.open("BTCUSDT", self.held, self.held_at)

    def route(
        self, side: Side, qty: float, policy: Policy = MAKER, *, published: Policy | None = None, reduces: bool = False
    ) -> OrderAttempted:
        """An intent on a signal of 200 ms before noon, decided 50 ms before noon, taken at noon."""
        intent = Intent("i1", "a1", at(-0.05), "BTCUSDT", side, qty, 100.0, "momentum", at(-0.2), reduce_only=reduces)
        return self.router.route(intent, policy, published or policy, quote_of(), NOON)

    def sends(self, side: Side, qty: float, policy: Policy = MAKER, *, reduces: bool = False) -> None:
        self.route(side, qty, policy, reduces=reduces)
        self.router.send(NOON)

    def hears(self, update: Acked | Traded | Ended) -> list[Event]:
        heard = self.router.on_update(update, lambda symbol, _: self.market.get(symbol))
        self.events += heard
        return heard

    def acks(self, key: str, seconds: float, latency_ms: float | None = 60.0) -> list[Event]:
        return self.hears(Acked(key, key.replace("c", "v"), "BTCUSDT", at(seconds), "NEW", latency_ms))

    def trades(
        self,
        key: str,
        seconds: float,
        qty: float,
        price: float,
        *,
        side: Side = "BUY",
        fee: float = 0.0,
        asset: str = "USDT",
        maker: bool = False,
        last: bool = False,
    ) -> list[Event]:
        number = str(next(self._trades))
        order_id, status = key.replace("c", "v"), "FILLED" if last else "PARTIALLY_FILLED"
        return self.hears(
            Traded(key, order_id, number, "BTCUSDT", side, at(seconds), qty, price, fee, asset, maker, status)  # type: ignore[arg-type]
        )

    def ends(self, key: str, seconds: float, status: str = "CANCELED", reason: str = "cancelled") -> list[Event]:
        return self.hears(Ended(key, key.replace("c", "v"), "BTCUSDT", at(seconds), status, reason))  # type: ignore[arg-type]

    @property
    def metric(self) -> OrderMeasured:
        (metric,) = of_kind(self.events, OrderMeasured)
        return metric

    @property
    def closes(self) -> list[OrderClosed]:
        return of_kind(self.events, OrderClosed)


# -- sending


def test_nothing_is_sent_before_it_is_on_record() -> None:
    desk = Desk()
    attempted = desk.route("BUY", 1.0)
    assert desk.venue.orders == []
    assert (attempted.ts, attempted.signal_ts, attempted.decision_latency_ms) == (NOON, at(-0.2), 200.0)
    assert (attempted.bid_price, attempted.ask_price, attempted.mark_price) == (99.9, 100.1, 100.0)
    desk.router.send(NOON)
    desk.router.send(at(1))
    assert desk.venue.orders == [Order("c1", "BTCUSDT", "BUY", 1.0, nearly(99.9), post_only=True)]


def test_a_taker_policy_sends_a_market_order() -> None:
    desk = Desk()
    desk.sends("SELL", 1.0, TAKER, reduces=True)
    assert desk.venue.orders == [Order("c1", "BTCUSDT", "SELL", 1.0, None, post_only=False, reduce_only=True)]
    desk.router.send(at(60))
    assert desk.venue.cancels == []


def test_a_clock_that_is_set_back_gives_a_resting_order_up_once() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    desk.router.send(at(-3600))
    desk.router.send(at(-3599))
    assert desk.venue.cancels == ["c1"]


@pytest.mark.parametrize(("bias", "waits_s"), [(0.25, 6.0), (0.5, 4.0), (0.75, 2.0), (1.0, 0.0)])
def test_patience_follows_the_bias_and_a_cancel_is_asked_for_once(bias: float, waits_s: float) -> None:
    desk = Desk()
    desk.route("BUY", 1.0, Policy(taker_bias=bias))
    desk.router.send(NOON)
    if waits_s:
        desk.router.send(at(waits_s - 0.001))
        assert desk.venue.cancels == []
    desk.router.send(at(waits_s))
    desk.router.send(at(waits_s + 1))
    assert desk.venue.cancels == ["c1"]


def test_what_is_about_to_be_sent_counts_as_at_work() -> None:
    desk = Desk()
    desk.route("SELL", 1.0)
    assert desk.router.is_working("BTCUSDT")
    assert not desk.router.is_working("ETHUSDT")
    assert desk.router.working_qty() == {"BTCUSDT": -1.0}
    desk.router.send(NOON)
    desk.trades("c1", 1, 0.25, 100.1, side="SELL", maker=True)
    assert desk.router.working_qty() == {"BTCUSDT": -0.75}
    desk.router.send(at(4))
    desk.ends("c1", 4.1)
    assert desk.router.is_working("BTCUSDT")
    assert desk.router.working_qty() == {"BTCUSDT": -0.75}
    desk.router.send(at(5))
    desk.trades("c2", 5.1, 0.75, 99.9, side="SELL", last=True)
    assert not desk.router.is_working("BTCUSDT")
    assert desk.router.working_qty() == {}


# -- the life of an attempt


def test_a_maker_order_that_is_filled() -> None:
    desk = Desk()
    desk.sends("BUY", 2.0)
    (acked,) = desk.acks("c1", 0.06)
    assert isinstance(acked, OrderAcked)
    assert (acked.order_id, acked.client_order_id, acked.order_type, acked.request_qty) == ("v1", "c1", "LIMIT", 2.0)
    assert (acked.attempt_id, acked.intent_id, acked.strategy) == ("a1", "i1", "momentum")
    events = desk.trades("c1", 1.06, 2.0, 99.9, fee=0.04, maker=True, last=True)
    assert kinds(events) == ["order_fill", "order_metric"]
    metric = desk.metric
    assert (metric.ts, metric.venue, metric.route, metric.status) == (at(1.06), "scripted", "maker", "FILLED")
    assert (metric.mark_price, metric.submitted_price, metric.avg_fill_price) == (100.0, nearly(99.9), 99.9)
    assert (metric.contracts_qty, metric.notional_usd, metric.fees_usd) == (2.0, 199.8, 0.04)
    assert (metric.decision_ms, metric.submit_ms, metric.ack_ms, metric.fill_ms) == (150.0, 50.0, 60.0, 1000.0)
    assert metric.slippage_bps == nearly(-10.0)
    assert (metric.maker_start, metric.is_maker_final, metric.used_fallback) == (True, True, False)
    assert (metric.retries, metric.is_cancelled, metric.autotune_applied) == (0, False, False)
    assert (metric.policy_before, metric.policy_after) == (None, None)


def test_a_maker_order_that_is_partly_filled_is_followed_by_a_taker_order_for_the_exact_rest() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    desk.acks("c1", 0.06)
    desk.trades("c1", 1, 0.9, 99.9, fee=0.018, maker=True)
    desk.router.send(at(4))
    assert desk.ends("c1", 4.05) == []
    assert len(desk.venue.orders) == 1, "what was heard is recorded before the next order goes out"
    desk.router.send(at(5))
    assert desk.venue.orders[1] == Order("c2", "BTCUSDT", "BUY", 0.1)
    desk.acks("c2", 5.08, latency_ms=80.0)
    desk.trades("c2", 5.08, 0.1, 100.2, fee=0.005, last=True)
    fills = of_kind(desk.events, OrderFilled)
    assert [(fill.order_id, fill.executed_qty, fill.avg_price) for fill in fills] == [
        ("v1", 0.9, nearly(99.9)),
        ("v2", 0.1, nearly(100.2)),
    ]
    assert [fill.latency_ms for fill in fills] == [1000.0, 80.0]
    metric = desk.metric
    assert (metric.route, metric.status, metric.retries, metric.used_fallback) == ("maker_taker", "FILLED", 1, True)
    assert (metric.maker_start, metric.is_maker_final, metric.is_cancelled) == (True, False, False)
    assert (metric.contracts_qty, metric.avg_fill_price) == (1.0, nearly(99.93))
    assert metric.slippage_bps == nearly(-7.0)
    assert (metric.fees_usd, metric.ack_ms, metric.fill_ms) == (nearly(0.023), 60.0, 5020.0)
    assert metric.submitted_price == nearly(99.9)


def test_a_fill_that_wins_the_race_against_the_cancel_ends_the_attempt() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    desk.acks("c1", 0.06)
    desk.router.send(at(4))
    assert desk.venue.cancels == ["c1"]
    desk.trades("c1", 4.01, 0.4, 99.9, maker=True)
    desk.trades("c1", 4.02, 0.6, 99.9, maker=True, last=True)
    assert desk.ends("c1", 4.05) == []
    desk.router.send(at(5))
    assert len(desk.venue.orders) == 1
    assert (desk.metric.route, desk.metric.is_maker_final, desk.metric.status) == ("maker", True, "FILLED")


def test_a_maker_order_that_traded_whole_before_it_was_taken_away_is_not_followed() -> None:
    desk = Desk()
    desk.sends("BUY", 0.3)
    desk.router.send(at(4))
    desk.trades("c1", 4.01, 0.1, 99.9, maker=True)
    desk.trades("c1", 4.02, 0.2, 99.9, maker=True)
    desk.ends("c1", 4.05)
    desk.router.send(at(5))
    assert len(desk.venue.orders) == 1
    assert (desk.metric.contracts_qty, desk.metric.used_fallback) == (0.3, False)


def test_an_attempt_that_took_once_was_not_filled_as_maker() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0, TAKER)
    desk.trades("c1", 1, 0.5, 100.1)
    desk.trades("c1", 2, 0.5, 100.1, maker=True, last=True)
    assert desk.metric.is_maker_final is False


def test_a_maker_order_that_would_take_is_followed_by_a_taker_order_and_is_no_failure() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    assert desk.ends("c1", 0.06, "REJECTED", WOULD_TAKE) == []
    desk.router.send(at(1))
    assert desk.venue.orders[1] == Order("c2", "BTCUSDT", "BUY", 1.0)
    desk.acks("c2", 1.07, latency_ms=70.0)
    desk.trades("c2", 1.07, 1.0, 100.1, last=True)
    assert kinds(desk.events) == ["order_ack", "order_fill", "order_metric"]
    assert (desk.metric.route, desk.metric.used_fallback, desk.metric.ack_ms) == ("maker_taker", True, 70.0)
    assert desk.metric.fill_ms == 0.0


@pytest.mark.parametrize("policy", [MAKER, TAKER])
def test_an_order_without_margin_fails_once_and_is_measured_once(policy: Policy) -> None:
    desk = Desk()
    desk.sends("BUY", 1.0, policy)
    failed, metric = desk.ends("c1", 0.06, "REJECTED", "insufficient margin")
    assert isinstance(failed, OrderFailed)
    assert (failed.error, failed.qty, failed.attempt_id, failed.side) == ("insufficient margin", 1.0, "a1", "BUY")
    assert isinstance(metric, OrderMeasured)
    assert (metric.status, metric.contracts_qty, metric.notional_usd, metric.fees_usd) == ("REJECTED", 0.0, 0.0, 0.0)
    unknown = (metric.avg_fill_price, metric.slippage_bps, metric.ack_ms, metric.fill_ms, metric.is_maker_final)
    assert unknown == (None,) * 5
    desk.router.send(at(1))
    assert len(desk.venue.orders) == 1


def test_a_taker_order_that_is_refused_leaves_what_the_maker_order_filled() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    desk.acks("c1", 0.06)
    desk.trades("c1", 1, 0.4, 99.9, maker=True)
    desk.router.send(at(4))
    desk.ends("c1", 4.05)
    desk.router.send(at(5))
    assert kinds(desk.ends("c2", 5.05, "REJECTED", "insufficient margin")) == ["order_error", "order_metric"]
    assert (desk.metric.status, desk.metric.contracts_qty, desk.metric.used_fallback) == ("REJECTED", 0.4, True)
    assert desk.metric.is_maker_final is True


def test_a_reducing_order_that_expires_is_measured_and_is_no_failure() -> None:
    desk = Desk(held=0.5)
    desk.sends("SELL", 1.0, TAKER, reduces=True)
    desk.acks("c1", 0.06)
    desk.trades("c1", 0.06, 0.5, 101.0, side="SELL", fee=0.02)
    assert kinds(desk.ends("c1", 0.06, "EXPIRED", "nothing to reduce")) == ["order_close", "order_metric"]
    (close,) = desk.closes
    assert (close.realized_pnl_usd, close.closed_qty, close.position_size_after) == (0.5, 0.5, 0.0)
    assert (desk.metric.status, desk.metric.is_cancelled, desk.metric.contracts_qty) == ("EXPIRED", False, 0.5)


def test_a_maker_order_that_expires_while_it_is_cancelled_is_not_followed() -> None:
    desk = Desk(held=0.5)
    desk.sends("SELL", 0.5, reduces=True)
    desk.router.send(at(4))
    desk.ends("c1", 4.02, "EXPIRED", "nothing to reduce")
    desk.router.send(at(5))
    assert len(desk.venue.orders) == 1
    assert desk.metric.status == "EXPIRED"


def test_a_maker_order_that_the_venue_takes_away_is_not_followed() -> None:
    desk = Desk()
    desk.sends("BUY", 1.0)
    desk.acks("c1", 0.06)
    desk.ends("c1", 1)
    desk.router.send(at(5))
    assert len(desk.venue.orders) == 1
    assert (desk.metric.status, desk.metric.is_cancelled, desk.metric.avg_fill_price) == ("CANCELED", True, None)


def test_a_tuned_policy_is_on_record_with_the_one_before() -> None:
    desk = Desk()
    tuned = Policy(taker_bias=0.45, offset_bps=1.0, reason="r")
    desk.route("BUY", 1.0, tuned, published=Policy(offset_bps=2.0, reason="r"))
    desk.router.send(NOON)
    desk.trades("c1", 1, 1.0, 99.9, maker=True, last=True)
    metric = desk.metric
    assert (metric.autotune_applied, metric.policy_taker_bias, metric.policy_offset_bps) == (True, "balanced", 1.0)
    assert metric.policy_before == Policy(offset_bps=2.0, reason="r").numbers()
    assert metric.policy_after == tuned.numbers()


def test_the_submission_is_timed_by_when_it_went_out() -> None:
    desk = Desk()
    desk.route("BUY", 1.0, TAKER)
    desk.router.send(at(0.03))
    desk.trades("c1", 0.13, 1.0, 100.1, last=True)
    assert desk.metric.submit_ms == 80.0
    assert desk.metric.fill_ms is None, "it was never acknowledged"
    (fill,) = of_kind(desk.events, OrderFilled)
    assert fill.latency_ms == 100.0


# -- fills


def test_fills_are_cumulative_per_order() -> None:
    desk = Desk()
    desk.sends("BUY", 0.3, TAKER)
    desk.trades("c1", 1, 0.1, 100.0, fee=0.25)
    desk.trades("c1", 2, 0.2, 103.0, fee=0.5, last=True)
    first, second = of_kind(desk.events, OrderFilled)
    assert (first.executed_qty, first.avg_price, first.fee_total, first.trade_ids) == (0.1, 100.0, 0.25, ["1"])
    assert (second.executed_qty, second.avg_price) == (0.3, nearly(102.0))
    assert (second.fee_total, second.fee_asset, second.trade_ids) == (0.75, "USDT", ["1", "2"])
    assert (first.ts_fill_first, first.ts, second.ts_fill_first, second.ts) == (at(1), at(1), at(1), at(2))
    assert (first.status, second.status) == ("PARTIALLY_FILLED", "FILLED")


def test_the_market_of_the_moment_is_unknown_where_there_was_none() -> None:
    desk = Desk(market={})
    desk.sends("BUY", 1.0)
    (acked,) = desk.acks("c1", 0.06, latency_ms=None)
    filled, metric = desk.trades("c1", 1, 1.0, 99.9, maker=True, last=True)
    for event in (acked, filled):
        assert isinstance(event, OrderAcked | OrderFilled)
        assert (event.bid_price, event.ask_price, event.mark_price) == (None, None, None)
    assert isinstance(metric, OrderMeasured)
    assert metric.ack_ms is None
    assert metric.mark_price == 100.0, "the decision's market was known"


# -- closes


def test_an_order_closes_once_with_all_that_its_trades_closed() -> None:
    desk = Desk(held=0.3)
    desk.sends("SELL", 0.3, TAKER, reduces=True)
    desk.trades("c1", 1, 0.1, 110.0, side="SELL", fee=0.01)
    assert desk.closes == []
    events = desk.trades("c1", 2, 0.2, 95.0, side="SELL", fee=0.02, last=True)
    assert kinds(events) == ["order_fill", "order_close", "order_metric"]
    (close,) = desk.closes
    assert (close.ts, close.order_id, close.client_order_id) == (at(2), "v1", "c1")
    assert close.realized_pnl_usd == nearly(0.1 * 10 - 0.2 * 5)
    assert (close.position_size_before, close.position_size_after, close.closed_qty) == (0.3, 0.0, 0.3)
    assert (close.fees_usd, close.latency_ms, close.attempt_id, close.reduce_only) == (0.03, 2000.0, "a1", True)


def test_a_close_has_the_time_at_which_its_order_was_over() -> None:
    """The last trade was earlier: told then, it would be younger than ticks that are on record already."""
    desk = Desk(held=1.0)
    desk.sends("SELL", 1.0, reduces=True)
    desk.trades("c1", 1, 0.4, 101.0, side="SELL", maker=True)
    desk.router.send(at(4))
    (close,) = desk.ends("c1", 4.05)
    assert isinstance(close, OrderClosed)
    assert (close.ts, close.closed_qty, close.position_size_after) == (at(4.05), 0.4, 0.6)
    desk.router.send(at(5))
    desk.trades("c2", 5.05, 0.6, 99.0, side="SELL", last=True)
    assert [(each.client_order_id, each.realized_pnl_usd) for each in desk.closes] == [
        ("c1", nearly(0.4)),
        ("c2", nearly(-0.6)),
    ]
    assert [event.ts for event in desk.events] == sorted(event.ts for event in desk.events)


def test_a_trade_through_zero_closes_what_was_open_and_opens_the_rest() -> None:
    desk = Desk(held=0.2)
    desk.sends("SELL", 0.5, TAKER)
    desk.trades("c1", 1, 0.3, 110.0, side="SELL", fee=0.03)
    desk.trades("c1", 2, 0.2, 108.0, side="SELL", fee=0.02, last=True)
    (close,) = desk.closes
    assert (close.realized_pnl_usd, close.closed_qty, close.fees_usd) == (nearly(2.0), 0.2, 0.05)
    assert (close.position_size_before, close.position_size_after) == (0.2, -0.1)
    assert desk.book.qty("BTCUSDT") == -0.3
    assert desk.metric.contracts_qty == 0.5


def test_a_close_without_gain_or_loss_is_a_close() -> None:
    desk = Desk(held=1.0)
    desk.sends("SELL", 1.0, TAKER)
    desk.trades("c1", 1, 1.0, 100.0, side="SELL", last=True)
    assert [close.realized_pnl_usd for close in desk.closes] == [0.0]


# -- fees


def fee_of(asset: str, market: Mapping[str, Quote], symbol: str = "BTCUSDT") -> float | None:
    trade = Traded("c1", "v1", "1", symbol, "BUY", NOON, 1.0, 200.0, 0.5, asset, False, "FILLED")
    return fee_usd(trade, lambda name, _: market.get(name))


def test_a_fee_is_worth_its_asset() -> None:
    bnb = {"BNBUSDT": quote_of("BNBUSDT", 599.0, 601.0, 600.0)}
    assert fee_of("USDT", {}) == fee_of("USDC", {}) == 0.5
    assert fee_of("BTC", {}) == 100.0, "the traded asset at the trade's price"
    assert fee_of("BNB", bnb) == 300.0
    assert fee_of("BNB", {}) is None
    assert fee_of("BTC", bnb, symbol="BTCDOMUSDT") is None, "BTCDOM is not BTC"


def test_a_fee_without_a_price_is_unknown_and_stands_beside_the_close() -> None:
    desk = Desk(held=1.0)
    desk.sends("SELL", 1.0, TAKER)
    desk.trades("c1", 1, 0.5, 100.0, side="SELL", fee=0.02)
    desk.trades("c1", 2, 0.5, 100.0, side="SELL", fee=0.001, asset="BNB", last=True)
    first, second = of_kind(desk.events, OrderFilled)
    assert (first.fee_total, first.fee_asset, first.fees_by_asset) == (0.02, "USDT", None)
    assert (second.fee_total, second.fee_asset) == (0.001, "BNB")
    assert second.fees_by_asset == {"USDT": 0.02, "BNB": 0.001}
    (close,) = desk.closes
    assert (close.fees_usd, close.model_extra) == (0.02, {"fees_unpriced": {"BNB": 0.001}})
    assert desk.metric.fees_usd is None


# -- orders that nobody routed here


def test_an_order_of_the_owner_is_recorded_and_counts_as_none_at_work() -> None:
    desk = Desk(held=1.0)
    events = desk.trades("web_1", 1, 0.4, 101.0, side="SELL", fee=0.02)
    filled, close = events
    assert isinstance(filled, OrderFilled)
    assert isinstance(close, OrderClosed)
    assert (filled.attempt_id, filled.intent_id, filled.strategy) == (None, None, None)
    assert (filled.reduce_only, filled.latency_ms, close.reduce_only, close.latency_ms) == (None, None, None, None)
    assert (close.realized_pnl_usd, close.closed_qty, close.order_id) == (nearly(0.4), 0.4, "web_1")
    assert not desk.router.is_working("BTCUSDT")
    assert desk.router.working_qty() == {}


def test_each_trade_of_an_owners_order_that_closes_is_a_close_and_its_fills_are_cumulative() -> None:
    """Nobody tells when it is over, so nothing waits for that."""
    desk = Desk(held=1.0)
    desk.trades("web_1", 1, 0.4, 101.0, side="SELL", fee=0.02)
    desk.trades("web_1", 2, 0.8, 102.0, side="SELL", fee=0.04, last=True)
    assert [fill.executed_qty for fill in of_kind(desk.events, OrderFilled)] == [0.4, 1.2]
    assert [fill.fee_total for fill in of_kind(desk.events, OrderFilled)] == [0.02, nearly(0.06)]
    assert [(close.closed_qty, close.fees_usd, close.position_size_after) for close in desk.closes] == [
        (0.4, 0.02, 0.6),
        (0.6, 0.04, -0.2),
    ]
    assert of_kind(desk.events, OrderMeasured) == []


def test_what_is_heard_of_an_order_of_a_run_before_is_nothing() -> None:
    desk = Desk()
    assert desk.acks("old", 1) == []
    assert desk.ends("old", 1, "CANCELED", "cancelled at restart") == []


# -- prices


@pytest.mark.parametrize(
    ("side", "offset_bps", "price"),
    [("BUY", 0.0, 99.9), ("BUY", 10.0, 99.9), ("BUY", 20.0, 99.8), ("SELL", 5.0, 100.1), ("SELL", 20.0, 100.2)],
)
def test_a_maker_order_rests_at_its_offset_from_the_mid_or_at_the_touch(
    side: Side, offset_bps: float, price: float
) -> None:
    assert maker_price(side, quote_of(), offset_bps) == nearly(price)


@given(st.sampled_from(("BUY", "SELL")), st.floats(0, 50))
def test_a_maker_price_never_takes(side: Side, offset_bps: float) -> None:
    assert sign(side) * (touch(side, quote_of()) - maker_price(side, quote_of(), offset_bps)) > 0


@pytest.mark.parametrize(
    ("side", "fill", "cost_bps"),
    [("BUY", 101.0, 100.0), ("BUY", 99.0, -100.0), ("SELL", 99.0, 100.0), ("SELL", 101.0, -100.0)],
)
def test_slippage_is_positive_where_it_costs(side: Side, fill: float, cost_bps: float) -> None:
    assert slippage_bps(side, fill, 100.0) == nearly(cost_bps)


# -- all laws, on paper

SYMBOLS = ("BTCUSDT", "SOLUSDT", "SUIUSDT")
BEGIN = datetime(2025, 11, 1, 7, 59, 20, tzinfo=UTC)
EQUITY_USD = 20_000.0


class Remembered:
    """A market that remembers its quotes."""

    def __init__(self, market: RegimeMarket) -> None:
        self.symbols, self._market = market.symbols, market
        self._times: dict[str, list[datetime]] = defaultdict(list)
        self._quotes: dict[str, list[Quote]] = defaultdict(list)

    def steps(self, until: datetime) -> Iterator[Step]:
        for step in self._market.steps(until):
            self._times[step.quote.symbol].append(step.quote.ts)
            self._quotes[step.quote.symbol].append(step.quote)
            yield step

    def at(self, symbol: str, ts: datetime) -> Quote | None:
        index = bisect_right(self._times[symbol], ts)
        return self._quotes[symbol][index - 1] if index else None


class Played:
    """Random intents, several at once and through zero, too large and reducing, worked until nothing is at work.

    Now and then the account's owner trades beside them.
    """

    def __init__(self, seed: int, tick_s: float) -> None:
        self.random = Random(seed)  # noqa: S311 (seeded on purpose)
        self.market = Remembered(RegimeMarket(SYMBOLS, seed, BEGIN))
        self.venue = PaperVenue(self.market, equity_usd=EQUITY_USD, seed=seed)
        self.book, self.events, self.funding_usd = PositionBook(), list[Event](), 0.0
        self._numbers = count(1)
        self.router = Router(self.venue, self.book, self._new_id, maker_wait_s=3.0)
        ticks = int(90 / tick_s)
        for tick in range(3 * ticks):
            now = BEGIN + timedelta(seconds=tick * tick_s)
            self._hear(now)
            if tick < ticks:
                self._ask(now)
            elif not any(map(self.router.is_working, SYMBOLS)):
                break
            self.router.send(now)

    def _new_id(self) -> str:
        return f"n{next(self._numbers)}"

    def _hear(self, now: datetime) -> None:
        for update in self.venue.advance(now):
            if isinstance(update, FundingPaid):
                self.funding_usd += update.amount_usd
                continue
            assert not isinstance(update, Transferred)
            events = self.router.on_update(update, self.market.at)
            assert all(event.ts == update.ts <= now for event in events)
            self.events += events

    def _ask(self, now: datetime) -> None:
        for symbol, quote in self.venue.quotes().items():
            if self.random.random() > 0.3:
                continue
            usd = self.random.choice((50, 2_000, 15_000, 60_000, 200_000))
            side: Side = self.random.choice(("BUY", "SELL"))
            qty = round(usd / quote.mid * self.random.uniform(0.5, 1.5), 9)
            if self.random.random() < 0.1:  # the owner trades by hand
                self.venue.submit(Order(self._new_id(), symbol, side, qty))
                continue
            intent = Intent(
                intent_id=self._new_id(),
                attempt_id=self._new_id(),
                ts=now,
                symbol=symbol,
                side=side,
                qty=qty,
                price=quote.mid,
                strategy="random",
                signal_ts=quote.ts,
                reduce_only=self.random.random() < 0.3,
            )
            policy = Policy(
                maker_first=self.random.random() < 0.8,
                taker_bias=self.random.random(),
                offset_bps=self.random.uniform(-5.0, 4.0),
            )
            self.events.append(self.router.route(intent, policy, policy, quote, now))

    def of(self, kind: type[E]) -> list[E]:
        return of_kind(self.events, kind)


def latest_fills(events: Sequence[OrderFilled]) -> list[OrderFilled]:
    return list({(event.symbol, event.order_id): event for event in events}.values())


def check(played: Played) -> None:
    assert not any(map(played.router.is_working, SYMBOLS))
    assert [later.ts >= earlier.ts for earlier, later in pairwise(played.events)].count(False) == 0
    for event in played.events:
        assert type(event).model_validate_json(event.model_dump_json()) == event
        if isinstance(event, OrderAttempted):
            quote = played.market.at(event.symbol, event.ts)
            assert quote is not None
            assert (event.bid_price, event.ask_price, event.mark_price) == (quote.bid, quote.ask, quote.mark)
        if isinstance(event, OrderAcked | OrderFilled):
            assert event.bid_price is not None
            assert event.ask_price is not None
            assert 0 < event.bid_price <= event.ask_price
        if isinstance(event, OrderFilled) and len(event.trade_ids) == 1 and event.maker_qty == 0:
            assert event.bid_price is not None
            assert event.ask_price is not None
            paid = (1 if event.side == "BUY" else -1) * (event.avg_price - (event.bid_price + event.ask_price) / 2)
            assert paid > 0, "a taker pays against the market before the trade"
        if isinstance(event, OrderFilled):
            assert event.maker_qty is not None
            assert 0 <= event.maker_qty <= event.executed_qty
    check_attempts(played)
    check_account(played)


def check_attempts(played: Played) -> None:
    asked = {event.attempt_id: event for event in played.of(OrderAttempted)}
    metrics = {event.attempt_id: event for event in played.of(OrderMeasured)}
    assert len(played.of(OrderMeasured)) == len(metrics)
    assert metrics.keys() == asked.keys()
    refused = Counter(event.attempt_id for event in played.of(OrderFailed))
    assert dict(refused) == {key: 1 for key, metric in metrics.items() if metric.status == "REJECTED"}
    by_attempt: dict[Any, list[OrderFilled]] = defaultdict(list)
    for fill in latest_fills(played.of(OrderFilled)):
        by_attempt[fill.attempt_id].append(fill)
    assert len({event.order_id for event in played.of(OrderAcked)}) == len(played.of(OrderAcked))
    for key, metric in metrics.items():
        fills = by_attempt[key]
        filled = sum(to_units(fill.executed_qty) for fill in fills)
        assert to_units(metric.contracts_qty or 0.0) == filled
        assert filled <= to_units(asked[key].qty or 0.0)
        assert (filled == to_units(asked[key].qty or 0.0)) is (metric.status == "FILLED")
        assert metric.notional_usd == nearly(math.fsum(fill.executed_qty * fill.avg_price for fill in fills))
        assert metric.fees_usd == nearly(math.fsum(fill.fee_total for fill in fills))
        assert len(fills) <= 1 + bool(metric.used_fallback)
        assert (metric.avg_fill_price is None) is (filled == 0)
        assert (metric.is_maker_final is None) is (filled == 0)


def check_account(played: Played) -> None:
    account, fills, closes = played.venue.account(), latest_fills(played.of(OrderFilled)), played.of(OrderClosed)
    units: Counter[str] = Counter()
    for fill in fills:
        units[fill.symbol] += to_units(fill.executed_qty) * (1 if fill.side == "BUY" else -1)
    held = {holding.symbol: to_units(holding.qty) for holding in account.holdings}
    assert {symbol: rest for symbol, rest in units.items() if rest} == held
    opened_or_closed: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    for fill in fills:
        opened_or_closed[fill.symbol] += to_units(fill.executed_qty)
    by_id = {(fill.symbol, fill.order_id): fill for fill in fills}
    routed = [close for close in closes if close.attempt_id]
    assert len({(close.symbol, close.order_id) for close in routed}) == len(routed)
    for close in closes:
        closed[close.symbol] += to_units(close.closed_qty or 0.0)
        fill = by_id[close.symbol, close.order_id]
        assert to_units(close.closed_qty or 0.0) <= to_units(fill.executed_qty)
        assert close.attempt_id is None or close.fees_usd == nearly(fill.fee_total)
    for symbol, total in opened_or_closed.items():
        assert total == 2 * closed[symbol] + abs(units[symbol]), "what was closed had been opened"
    told = math.fsum(close.realized_pnl_usd for close in closes) - math.fsum(fill.fee_total for fill in fills)
    told += played.funding_usd + account.unrealized_pnl_usd
    assert told == nearly(account.equity_usd - EQUITY_USD, abs_=0.005)
    assert played.book.to_json() == played.venue.state()["lots"]


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((0.25, 1.0, 2.5)))
def test_the_record_of_random_intents_adds_up_to_the_account(seed: int, tick_s: float) -> None:
    check(Played(seed, tick_s))


def test_random_intents_come_to_every_end() -> None:
    """So that the law above is one about all of them."""
    played = [Played(seed, 1.0) for seed in range(4)]
    metrics = [metric for each in played for metric in each.of(OrderMeasured)]
    assert {metric.route for metric in metrics} == {"maker", "taker", "maker_taker"}
    assert {metric.status for metric in metrics} == {"FILLED", "EXPIRED", "REJECTED"}
    assert {metric.is_maker_final for metric in metrics} == {True, False, None}
    closes = [close for each in played for close in each.of(OrderClosed)]
    assert any(close.position_size_before * close.position_size_after < 0 for close in closes)
    assert any(close.attempt_id is None for close in closes)
    assert any(each.funding_usd for each in played)
    for each in played:
        check(each)
