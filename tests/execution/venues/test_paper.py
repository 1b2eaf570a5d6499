"""Orders on paper keep the venue's laws, trade what the market gave, and the account is their cash."""

from __future__ import annotations

import json
import math
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.positions import PositionBook, to_units
from tape.execution.venues import liquidity
from tape.execution.venues.ledger import Fees
from tape.execution.venues.market import Step
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import (
    Acked,
    Ended,
    FundingPaid,
    Order,
    Quote,
    Side,
    Traded,
    Transferred,
    Update,
    Venue,
    VenueUnavailable,
    sign,
)
from tests.divided import examples

START = datetime(2025, 11, 1, 7, 59, 30, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "SOLUSDT", "SUIUSDT")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Recorded:
    """A market of given steps of one symbol."""

    def __init__(self, steps: Sequence[Step], symbols: Sequence[str] = ("X",)) -> None:
        self.symbols = symbols
        self._steps = deque(steps)

    def steps(self, until: datetime) -> Iterator[Step]:
        while self._steps and self._steps[0].quote.ts <= until:
            yield self._steps.popleft()


def step(
    seconds: float,
    bid: float = 100.0,
    low: float | None = None,
    high: float | None = None,
    sold: float = 0.0,
    bought: float = 0.0,
) -> Step:
    """One of X, with a spread of 0.1, the mark at the bid."""
    return Step(Quote("X", after(seconds), bid, round(bid + 0.1, 1), bid), low, high, sold, bought)


def venue_of(*steps: Step, equity_usd: float = 100_000.0, seed: int = 1) -> PaperVenue:
    """A venue that stands at the start, where X is 100.0 to 100.1."""
    venue = PaperVenue(Recorded([step(0), *steps]), equity_usd=equity_usd, seed=seed)
    assert venue.advance(START) == []
    return venue


def buy(qty: float, limit_price: float | None = None, post_only: bool = False, key: str = "a") -> Order:
    return Order(key, "X", "BUY", qty, limit_price, post_only)


def sell(qty: float, limit_price: float | None = None, reduce_only: bool = False, key: str = "s") -> Order:
    return Order(key, "X", "SELL", qty, limit_price, reduce_only=reduce_only)


def trades_of(updates: Sequence[Update]) -> list[Traded]:
    return [update for update in updates if isinstance(update, Traded)]


def end_of(updates: Sequence[Update]) -> Ended:
    (end,) = [update for update in updates if isinstance(update, Ended)]
    return end


def queue_of(order_number: int, price: float = 100.0, seed: int = 1) -> float:
    """Base units before the order of X with this number that rests at the touch."""
    drawn = liquidity.chance(seed, order_number)
    return liquidity.OTHER_DEPTH_USD / price * drawn.queue_share


# -- arrival


def test_a_market_order_trades_after_its_latency_at_the_quote_that_stands_then() -> None:
    """In a replay of minute candles that is the quote of the instant it was sent at."""
    venue = venue_of(step(60, bid=120.0, low=90.0, high=130.0, sold=1e6, bought=1e6))
    venue.submit(buy(1))
    acked, *rest = venue.advance(after(60))
    assert isinstance(acked, Acked)
    assert acked.latency_ms is not None
    assert 5 < acked.latency_ms < 500
    assert acked.ts == START + timedelta(milliseconds=acked.latency_ms)
    assert all(100.1 <= trade.price <= 100.2 for trade in trades_of(rest))
    assert sum(trade.qty for trade in trades_of(rest)) == 1


def test_it_trades_at_a_quote_that_came_while_it_was_on_its_way() -> None:
    venue = venue_of(step(0.001, bid=110.0))
    venue.submit(buy(1))
    assert all(trade.price >= 110.1 for trade in trades_of(venue.advance(after(1))))


def test_impact_grows_with_size() -> None:
    def paid(qty: float) -> float:
        venue = venue_of(equity_usd=1e9)
        venue.submit(buy(qty))
        trades = trades_of(venue.advance(after(1)))
        return sum(trade.qty * trade.price for trade in trades) / qty

    assert 100.1 == paid(0.1) < paid(5_000) < paid(50_000) < 105


def test_a_large_order_trades_twice_and_the_second_trade_is_dearer() -> None:
    for seed in range(20):
        venue = venue_of(equity_usd=1e9, seed=seed)
        venue.submit(buy(10_000))
        first, second = trades_of(venue.advance(after(1)))
        assert first.ts < second.ts <= first.ts + timedelta(milliseconds=20)
        assert first.price < second.price


def test_what_happens_at_the_instant_itself_is_told() -> None:
    venue = venue_of()
    venue.submit(buy(1, 99.0))
    latency = liquidity.chance(1, 1).latency
    assert venue.advance(START + latency - timedelta.resolution) == []
    assert [update.ts for update in venue.advance(START + latency)] == [START + latency]


def test_latencies_are_about_sixty_ms() -> None:
    latencies = sorted(liquidity.chance(1, number).latency.total_seconds() for number in range(1001))
    assert 0.055 < latencies[500] < 0.065
    assert latencies[0] > 0.01
    assert latencies[-1] < 0.4


def test_a_post_only_order_that_would_take_is_refused_without_an_ack() -> None:
    venue = venue_of()
    venue.submit(buy(1, 100.1, post_only=True))
    (end,) = venue.advance(after(1))
    assert isinstance(end, Ended)
    assert (end.status, end.reason, end.order_id) == ("REJECTED", "would take", None)


def test_a_marketable_limit_takes_and_never_pays_more_than_its_limit() -> None:
    venue = venue_of(equity_usd=1e9)
    venue.submit(buy(100_000, 100.2))
    trades = trades_of(venue.advance(after(1)))
    assert trades[-1].status == "FILLED"
    assert not trades[-1].is_maker
    assert max(trade.price for trade in trades) == 100.2


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order("a", "Y", "BUY", 1), "unknown symbol"),
        (Order("a", "Z", "BUY", 1), "no quote"),
        (buy(0), "invalid order"),
        (buy(math.nan), "invalid order"),
        (buy(1, -1.0), "invalid order"),
        (buy(1, None, post_only=True), "invalid order"),
        (buy(6_000), "insufficient margin"),
    ],
)
def test_refusals_name_their_reason(order: Order, reason: str) -> None:
    venue = PaperVenue(Recorded([step(0)], ("X", "Z")), equity_usd=100_000, seed=1)
    venue.advance(START)
    venue.submit(order)
    (end,) = venue.advance(after(1))
    assert isinstance(end, Ended)
    assert (end.status, end.reason) == ("REJECTED", reason)


def test_open_orders_hold_margin() -> None:
    venue = venue_of()
    venue.submit(buy(3_000, 99.0, key="a"))
    venue.submit(buy(3_000, 99.0, key="b"))
    end = end_of(venue.advance(after(1)))
    assert end.reason == "insufficient margin"


def test_closing_needs_no_margin() -> None:
    """A loss has eaten the equity; the position can still be closed."""
    venue = venue_of(step(5, bid=81.0))
    venue.submit(buy(4_900))
    assert trades_of(venue.advance(after(5)))
    venue.submit(sell(4_900))
    assert trades_of(venue.advance(after(10)))[-1].status == "FILLED"
    assert venue.account().holdings == ()


# -- resting


def test_volume_at_the_price_takes_the_queue_first() -> None:
    queue = queue_of(1)
    venue = venue_of(
        step(1, low=100.0, high=100.1, sold=1.0),
        step(2, low=100.0, high=100.1, sold=queue),
        step(3, low=100.0, high=100.1, sold=100.0),
    )
    venue.submit(buy(20, 100.0, post_only=True))
    assert trades_of(venue.advance(after(1))) == []
    (part,) = trades_of(venue.advance(after(2)))
    assert part.status == "PARTIALLY_FILLED"
    assert 0.8 <= part.qty <= 1.0
    (rest,) = trades_of(venue.advance(after(3)))
    assert (rest.status, rest.price, rest.is_maker, rest.ts) == ("FILLED", 100.0, True, after(3))
    assert to_units(part.qty) + to_units(rest.qty) == to_units(20)


def test_nothing_stands_before_an_order_inside_the_spread() -> None:
    venue = venue_of(step(1), step(2, low=100.05, sold=5.0))
    venue.submit(buy(5, 100.05, post_only=True))
    assert [trade.qty for trade in trades_of(venue.advance(after(2)))] == [5]


def test_a_range_through_the_price_fills_at_once_up_to_the_volume() -> None:
    venue = venue_of(
        step(1, low=100.0, high=100.1), step(2, low=99.9, high=100.1, sold=12.0), step(3, low=99.9, sold=1e6)
    )
    venue.submit(buy(20, 100.0))
    assert trades_of(venue.advance(after(1))) == []
    assert [trade.qty for trade in trades_of(venue.advance(after(2)))] == [12]
    assert [trade.qty for trade in trades_of(venue.advance(after(3)))] == [8]


def test_sells_are_filled_by_what_was_bought() -> None:
    venue = venue_of(step(1), step(2, low=100.0, high=100.3, sold=1e6, bought=5.0))
    venue.submit(sell(20, 100.2))
    assert [(trade.qty, trade.price) for trade in trades_of(venue.advance(after(2)))] == [(5, 100.2)]


def test_own_orders_share_the_volume_the_better_price_first() -> None:
    venue = venue_of(step(1, low=100.0), step(2, low=90.0, sold=15.0))
    venue.submit(buy(10, 99.0, key="worse"))
    venue.submit(buy(10, 99.5, key="better"))
    trades = trades_of(venue.advance(after(2)))
    assert [(trade.client_order_id, trade.qty) for trade in trades] == [("better", 10), ("worse", 5)]


def test_the_volume_of_the_time_before_it_came_does_not_count() -> None:
    """The order came late in a step of one second: it has its share of what was sold in it."""
    venue = venue_of(step(1, low=99.0, sold=10.0))
    venue.advance(after(0.5))
    venue.submit(buy(10, 100.0))
    (trade,) = trades_of(venue.advance(after(1)))
    assert trade.qty == pytest.approx(10 * (0.5 - liquidity.chance(1, 1).latency.total_seconds()), abs=0.01)


def test_a_crossing_quote_without_trades_stands_for_the_depth() -> None:
    venue = venue_of(step(1), step(2, bid=98.0))
    venue.submit(buy(1_000, 99.0))
    assert [round(trade.qty) for trade in trades_of(venue.advance(after(2)))] == [round(30_000 / 99)]


def test_a_cancel_ends_an_order_after_its_own_latency() -> None:
    venue = venue_of()
    venue.submit(buy(1, 99.0))
    venue.advance(after(1))
    venue.cancel("a")
    assert venue.advance(after(1.001)) == []
    end = end_of(venue.advance(after(2)))
    assert (end.status, end.order_id, end.ts) == ("CANCELED", "1", after(1) + liquidity.chance(1, 1).cancel_latency)


def test_a_fill_may_win_the_race() -> None:
    venue = venue_of(step(1.002, low=90.0, sold=1e6))
    venue.submit(buy(1, 99.0))
    venue.advance(after(1))
    venue.cancel("a")
    (trade,) = venue.advance(after(2))
    assert isinstance(trade, Traded)
    assert trade.status == "FILLED"


def test_a_cancel_never_overtakes_its_order() -> None:
    venue = venue_of()
    venue.submit(buy(1, 99.0))
    venue.cancel("a")
    venue.cancel("unknown")
    assert [type(update) for update in venue.advance(after(1))] == [Acked, Ended]


# -- reduce only


def test_reduce_only_is_cut_to_the_position_and_then_expires() -> None:
    venue = venue_of()
    venue.submit(buy(3))
    venue.advance(after(1))
    venue.submit(sell(5, reduce_only=True))
    updates = venue.advance(after(2))
    assert sum(trade.qty for trade in trades_of(updates)) == 3
    assert {trade.status for trade in trades_of(updates)} == {"PARTIALLY_FILLED"}
    assert end_of(updates).status == "EXPIRED"
    assert updates[-1] == end_of(updates)
    assert venue.account().holdings == ()


def test_reduce_only_with_nothing_to_reduce_expires() -> None:
    venue = venue_of()
    venue.submit(sell(5, reduce_only=True))
    assert [type(update) for update in venue.advance(after(1))] == [Acked, Ended]


def test_resting_reducers_expire_with_the_position() -> None:
    venue = venue_of()
    venue.submit(buy(3))
    venue.advance(after(1))
    venue.submit(sell(3, 101.0, reduce_only=True, key="resting"))
    venue.advance(after(2))
    venue.submit(sell(3, key="now"))
    end = end_of(venue.advance(after(3)))
    assert (end.client_order_id, end.status) == ("resting", "EXPIRED")


# -- account


def test_fees_are_the_makers_and_the_takers() -> None:
    venue = PaperVenue(
        Recorded([step(0), step(1), step(2, low=90.0, sold=1e6)]), equity_usd=1e5, seed=1, fees=Fees(-1, 10)
    )
    venue.advance(START)
    venue.submit(buy(10, 99.0, key="maker"))
    venue.submit(buy(10, key="taker"))
    trades = trades_of(venue.advance(after(2)))
    assert {trade.is_maker for trade in trades} == {True, False}
    for trade in trades:
        assert trade.fee == pytest.approx(trade.qty * trade.price * (-1e-4 if trade.is_maker else 1e-3))
        assert trade.fee_asset == "USDT"


def test_funding_is_paid_by_longs_at_eight_and_sixteen() -> None:
    venue = venue_of(equity_usd=1e6)
    venue.submit(buy(10))
    paid = [update for update in venue.advance(after(9 * 3600)) if isinstance(update, FundingPaid)]
    assert [funding.ts.hour for funding in paid] == [8, 16]
    rate = liquidity.funding_rate(1, "X", paid[0].ts.isoformat())
    assert paid[0].amount_usd == pytest.approx(-10 * 100.0 * rate)
    assert 0 < abs(rate) <= 3e-4


def test_the_account_states_holdings_at_their_average_entry() -> None:
    venue = venue_of(step(2, bid=110.0))
    venue.submit(buy(1, key="a"))
    venue.advance(after(1))
    venue.submit(sell(3, key="b"))
    venue.advance(after(3))
    account = venue.account()
    (holding,) = account.holdings
    assert (holding.symbol, holding.qty, account.ts) == ("X", -2, after(3))
    assert 99.9 <= holding.entry_price <= 110
    assert account.equity_usd == account.wallet_usd + account.unrealized_pnl_usd


def test_a_venue_that_never_went_on_has_no_instant() -> None:
    venue = PaperVenue(Recorded([step(0)]), equity_usd=1, seed=1)
    with pytest.raises(VenueUnavailable):
        venue.account()
    with pytest.raises(VenueUnavailable):
        venue.submit(buy(1))


def test_an_open_id_cannot_be_used_again() -> None:
    venue = venue_of()
    venue.submit(buy(1, 99.0))
    with pytest.raises(ValueError, match="order a: expected a new client order id"):
        venue.submit(buy(1, 99.0))


# -- laws over random orders


def random_order(rng: Random, number: int, quote: Quote) -> Order:
    side: Side = rng.choice(("BUY", "SELL"))
    limit_price = rng.choice([None, quote.bid, quote.ask, quote.mid * (1 + rng.gauss(0, 3e-4))])
    return Order(
        client_order_id=f"c{number}",
        symbol=quote.symbol if rng.random() < 0.97 else "NOSUCH",
        side=side,
        qty=round(10 ** rng.uniform(1.5, 5.3) / quote.mid, 3),
        limit_price=limit_price,
        post_only=limit_price is not None and rng.random() < 0.5,
        reduce_only=rng.random() < 0.3,
    )


class Run:
    """A strategy of chance on a made-up market: what it sent, and what it was told; checked at every step."""

    def __init__(self, seed: int, slices: int = 1, equity_usd: float = 50_000.0) -> None:
        self.venue: Venue = PaperVenue(RegimeMarket(SYMBOLS, seed, START), equity_usd=equity_usd, seed=seed)
        self.seed, self.slices, self.equity_usd = seed, slices, equity_usd
        self.orders: dict[str, Order] = {}
        self.updates: list[Update] = []
        self.book, self.cash_usd = PositionBook(), 0.0

    def go(self, ticks: int = 60) -> Run:
        """Orders for some ticks of random length, then a cancel of everything."""
        rng, now = Random(self.seed), START  # noqa: S311 (seeded on purpose)
        self.advance(START, START)
        for tick in range(ticks):
            for _ in range(rng.choice((0, 0, 1, 2))):
                quote = rng.choice(sorted(self.venue.quotes().values(), key=lambda quote: quote.symbol))
                order = random_order(rng, len(self.orders), quote)
                self.orders[order.client_order_id] = order
                self.venue.submit(order)
            if self.orders and rng.random() < 0.3:
                self.venue.cancel(rng.choice(list(self.orders)))
            if tick == ticks - 1:
                for key in self.orders:
                    self.venue.cancel(key)
            before, now = now, now + timedelta(seconds=rng.choice((0.03, 0.5, 1.0, 7.0)))
            self.advance(before, now)
        self.advance(now, now + timedelta(seconds=5))
        return self

    def advance(self, before: datetime, now: datetime) -> None:
        for part in range(1, self.slices + 1):
            instant = before + (now - before) * part / self.slices
            told = self.venue.advance(instant)
            assert all(update.ts <= instant for update in told)
            self.updates += told
            self.account(told)
            self.check()

    def account(self, told: Sequence[Update]) -> None:
        for update in told:
            if isinstance(update, Traded):
                realized = self.book.apply(update)
                self.cash_usd += (realized.pnl_usd if realized else 0.0) - update.fee
            elif isinstance(update, FundingPaid):
                self.cash_usd += update.amount_usd

    def check(self) -> None:
        """Equity is the start, what was realised, less fees, with funding, and what is open at the marks."""
        account, marks = self.venue.account(), {key: quote.mark for key, quote in self.venue.quotes().items()}
        unrealized = self.book.unrealized_usd(marks)
        assert account.equity_usd == pytest.approx(self.equity_usd + self.cash_usd + unrealized, abs=0.005)
        assert account.wallet_usd == pytest.approx(self.equity_usd + self.cash_usd, abs=0.005)
        assert {held.symbol: held.qty for held in account.holdings} == {
            symbol: self.book.qty(symbol) for symbol in self.book.symbols()
        }


SEEDS = st.integers(0, 10_000)


@settings(max_examples=examples(25), deadline=None)
@given(SEEDS)
def test_every_order_has_one_fate_and_its_updates_follow_the_protocol(seed: int) -> None:
    run = Run(seed).go()
    assert all(one.ts <= two.ts for one, two in pairwise(run.updates))
    told: dict[str, list[Update]] = defaultdict(list)
    for update in run.updates:
        if not isinstance(update, (FundingPaid, Transferred)):
            told[update.client_order_id].append(update)
    assert set(told) == set(run.orders)
    for key, order in run.orders.items():
        _check_fate(order, told[key])
    ids = [update.trade_id for update in run.updates if isinstance(update, Traded)]
    assert ids == [str(number) for number in range(1, len(ids) + 1)]


def _check_fate(order: Order, told: list[Update]) -> None:
    kinds = [type(update) for update in told]
    trades, last = trades_of(told), told[-1]
    filled = sum(to_units(trade.qty) for trade in trades)
    if isinstance(last, Ended) and last.status == "REJECTED":
        assert len(told) == 1
        return
    ended = 1 if isinstance(last, Ended) else 0
    assert kinds == [Acked] + [Traded] * (len(told) - 1 - ended) + [Ended] * ended
    assert [trade.status for trade in trades] == (
        ["PARTIALLY_FILLED"] * len(trades) if ended else ["PARTIALLY_FILLED"] * (len(trades) - 1) + ["FILLED"]
    )
    assert filled < to_units(order.qty) if ended else filled == to_units(order.qty)
    assert len({trade.order_id for trade in trades}) <= 1
    for trade in trades:
        assert trade.qty > 0
        assert (trade.symbol, trade.side) == (order.symbol, order.side)
        assert order.limit_price is None or sign(order.side) * (order.limit_price - trade.price) >= 0
        assert not trade.is_maker or trade.price == order.limit_price
        assert trade.is_maker or not order.post_only


@settings(max_examples=examples(10), deadline=None)
@given(SEEDS, st.integers(2, 9))
def test_slicing_changes_nothing(seed: int, slices: int) -> None:
    assert Run(seed, slices).go(30).updates == Run(seed).go(30).updates


def test_the_same_seed_tells_the_same_and_another_does_not() -> None:
    assert Run(3).go().updates == Run(3).go().updates
    assert Run(3).go().updates != Run(4).go().updates


def test_a_run_sees_every_kind_of_fate() -> None:
    """The laws above are not kept for want of cases."""
    updates = [update for seed in range(8) for update in Run(seed).go().updates]
    seen = {(update.status, update.reason) for update in updates if isinstance(update, Ended)}
    assert {
        ("REJECTED", "would take"),
        ("REJECTED", "insufficient margin"),
        ("REJECTED", "unknown symbol"),
        ("EXPIRED", "nothing to reduce"),
        ("CANCELED", "cancelled by client"),
    } <= seen
    kinds = {(trade.is_maker, trade.status) for trade in trades_of(updates)}
    assert len(kinds) == 4
    assert any(isinstance(update, FundingPaid) for update in updates)


# -- going on


def test_a_restored_account_goes_on_where_it_was() -> None:
    venue = venue_of(equity_usd=1e6)
    venue.submit(buy(2, key="a"))
    venue.submit(buy(1, 99.0, key="resting"))
    venue.advance(after(1))
    venue.submit(buy(1, key="on its way"))
    state = json.loads(json.dumps(venue.state()))

    again = PaperVenue(Recorded([step(20 * 3600)]), equity_usd=5.0, seed=1)
    again.restore(state)
    assert again.account() == venue.account()
    assert again.quotes() == venue.quotes()
    told = again.advance(after(20 * 3600))
    ends = [(end.client_order_id, end.order_id, end.status) for end in told if isinstance(end, Ended)]
    assert ends == [("resting", "2", "CANCELED"), ("on its way", None, "CANCELED")]
    assert [update.ts.hour for update in told if isinstance(update, FundingPaid)] == [8, 16, 0]
    again.submit(sell(2))
    trades = trades_of(again.advance(after(20 * 3600 + 1)))
    assert {trade.order_id for trade in trades} == {"4"}
    assert again.account().holdings == ()


def test_a_venue_that_has_gone_on_takes_no_state() -> None:
    venue = venue_of()
    with pytest.raises(ValueError, match="never asked to go on"):
        venue.restore(venue.state())
