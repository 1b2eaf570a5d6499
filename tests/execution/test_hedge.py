"""Hedge mode: LONG and SHORT of one symbol are two positions, from the book to the limits and what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tape.execution.events import Event, IntentVetoed, OrderAcked, OrderClosed, OrderFilled, PositionMarked, Ticked
from tape.execution.hedge import with_sides
from tape.execution.intents import Intent
from tape.execution.positions import PositionBook
from tape.execution.venues.venue import Account, Acked, Holding, Leg, Order, PositionSide, Side, Traded
from tests.execution.test_executor import START, Bench, at, of

B = "BTCUSDT"


def holds(*positions: tuple[float, float], symbol: str = B) -> tuple[Holding, ...]:
    return tuple(Holding(symbol, qty, price, 5.0) for qty, price in positions)


def trade(number: int, side: Side, qty: float, price: float, named: PositionSide = "BOTH", **more: Any) -> Traded:
    name = str(number)
    told = Traded(f"web{name}", name, f"t{name}", B, side, at(number), qty, price, 0.0, "USDT", False, "FILLED", named)
    return replace(told, **more)


def account(*positions: tuple[float, float]) -> Account:
    return Account(START, 1000.0, 1000.0, 0.0, holds(*positions))


def book_of(*lots: tuple[float, float]) -> PositionBook:
    book = PositionBook()
    for qty, price in lots:
        book.open(B, qty, price)
    return book


def intent(side: Side, qty: float, **more: Any) -> Intent:
    given = {"intent_id": f"i{side}", "attempt_id": f"a{side}", "strategy": "s"} | more
    return Intent(ts=START, signal_ts=START, symbol=B, side=side, qty=qty, price=100.0, **given)


# the book


def test_a_trade_that_names_its_position_leaves_the_other_one_alone() -> None:
    book = book_of((2.0, 100.0), (-3.0, 90.0))
    realized = book.apply(trade(1, "SELL", 1.5, 110.0, "LONG"))
    assert realized is not None
    assert (realized.pnl_usd, realized.closed_qty) == (15.0, 1.5)
    assert (realized.size_before, realized.size_after) == (2.0, 0.5)
    assert book.apply(trade(2, "SELL", 1.0, 95.0, "SHORT")) is None
    assert book.to_json() == {B: [[0.5, 100.0], [-3.0, 90.0], [-1.0, 95.0]]}
    assert (book.entry_price(B, "LONG"), book.entry_price(B, "SHORT"), book.entry_price(B)) == (100.0, 91.25, None)
    assert book.unrealized_usd({B: 100.0}) == 0.0 - 30.0 - 5.0


def test_a_book_with_both_positions_comes_back_from_json() -> None:
    book = book_of((1.0, 100.0), (-1.0, 104.0))
    again = PositionBook.from_json(book.to_json())
    assert again.legs() == ((B, "LONG"), (B, "SHORT"))
    realized = again.apply(trade(1, "BUY", 1.0, 102.0, "SHORT"))
    assert realized is not None
    assert (realized.pnl_usd, realized.size_before, realized.size_after) == (2.0, -1.0, 0.0)


def test_closing_more_than_is_known_turns_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    book = book_of((1.0, 100.0))
    realized = book.apply(trade(1, "SELL", 1.5, 110.0, "LONG"))
    assert realized is not None
    assert (realized.pnl_usd, realized.size_after) == (10.0, 0.0)
    assert book.legs() == ()
    assert "BTCUSDT LONG: expected to close at most 1.0, found a trade of 1.5" in caplog.text


# which position a trade moved


@pytest.mark.parametrize(
    ("before", "trades", "after", "expected"),
    [
        ([(1.0, 1.0), (-1.0, 1.0)], [("SELL", 1.0)], [(-1.0, 1.0)], ["LONG"]),
        ([(1.0, 1.0), (-1.0, 1.0)], [("SELL", 1.0)], [(1.0, 1.0), (-2.0, 1.0)], ["SHORT"]),
        ([(1.0, 1.0), (-1.0, 1.0)], [("BUY", 1.0)], [(1.0, 1.0)], ["SHORT"]),
        ([(1.0, 1.0)], [("SELL", 1.0)], [(1.0, 1.0), (-1.0, 1.0)], ["SHORT"]),
        ([(-2.0, 1.0)], [("BUY", 0.5)], [(0.5, 1.0), (-2.0, 1.0)], ["LONG"]),
        ([(3.0, 1.0), (-2.0, 1.0)], [("SELL", 1.0), ("SELL", 2.0)], [(1.0, 1.0), (-3.0, 1.0)], ["SHORT", "LONG"]),
        ([(1.0, 1.0), (-1.0, 1.0)], [("SELL", 1.0), ("BUY", 1.0)], [], ["LONG", "SHORT"]),
        ([], [("BUY", 2.0), ("SELL", 1.0)], [(2.0, 1.0), (-1.0, 1.0)], ["LONG", "SHORT"]),
        # a trade that is not told yet: the side that became smaller was closed
        ([(5.0, 1.0), (-5.0, 1.0)], [("SELL", 1.0)], [(3.0, 1.0), (-5.0, 1.0)], ["LONG"]),
        # one-way mode: a trade through zero
        ([(1.0, 1.0)], [("SELL", 3.0)], [(-2.0, 1.0)], ["BOTH"]),
    ],
)
def test_holdings_say_which_position_a_trade_moved(
    before: Sequence[tuple[float, float]],
    trades: Sequence[tuple[Side, float]],
    after: Sequence[tuple[float, float]],
    expected: Sequence[PositionSide],
) -> None:
    told = [trade(n, side, qty, 100.0) for n, (side, qty) in enumerate(trades, 1)]
    found = with_sides(told, book_of(*before), account(*after))
    assert [each.position_side for each in found if isinstance(each, Traded)] == expected


def test_all_trades_of_an_order_move_one_position() -> None:
    told = [
        trade(1, "SELL", 1.0, 100.0, order_id="7"),
        trade(2, "SELL", 1.0, 101.0, order_id="8"),
        trade(3, "SELL", 1.0, 102.0, order_id="7"),
    ]
    found = with_sides(told, book_of((2.0, 90.0), (-1.0, 95.0)), account((-2.0, 97.0)))
    assert [each.position_side for each in found if isinstance(each, Traded)] == ["LONG", "SHORT", "LONG"]


def test_many_trades_of_one_tick_are_told_apart_in_time() -> None:
    told = [trade(n, "SELL", 1.0, 100.0) for n in range(1, 400)]
    found = with_sides(told, book_of((200.0, 90.0), (-1.0, 95.0)), account((-200.0, 97.0)))
    sides = [each.position_side for each in found if isinstance(each, Traded)]
    assert (sides.count("LONG"), sides.count("SHORT")) == (200, 199)


# the executor


def vetoes(events: Sequence[Event]) -> list[str]:
    return [each.veto_reason for each in of(events, IntentVetoed)]


def closes(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    return [
        (each.order_id, each.position_side, each.realized_pnl_usd, each.position_size_before, each.position_size_after)
        for each in events
        if isinstance(each, OrderClosed)
    ]


def test_closing_one_of_two_positions_books_its_profit_and_keeps_the_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((1.0, 100.0), (-1.0, 100.0)))
    bench.step(0)
    bench.venue.holdings = holds((-1.0, 100.0))
    bench.venue.updates = [trade(1, "SELL", 1.0, 110.0)]
    events = bench.step(1)
    assert closes(events) == [("1", "LONG", 10.0, 1.0, 0.0)]
    assert [each.position_side for each in of(events, OrderFilled)] == ["LONG"]
    assert bench.executor.book.to_json() == {B: [[-1.0, 100.0]]}


def test_opening_the_other_side_is_no_close_and_each_side_is_closed_at_its_own_entry(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.step(0)
    told = []
    for n, side, price, held in (
        (1, "BUY", 100.0, ((1.0, 100.0),)),
        (2, "SELL", 110.0, ((1.0, 100.0), (-1.0, 110.0))),
        (3, "BUY", 105.0, ((1.0, 100.0),)),
        (4, "SELL", 120.0, ()),
    ):
        bench.venue.holdings, bench.venue.updates = holds(*held), [trade(n, side, 1.0, price)]  # type: ignore[arg-type]
        told += closes(bench.step(n))
    assert told == [("3", "SHORT", 5.0, -1.0, 0.0), ("4", "LONG", 20.0, 1.0, 0.0)]
    assert bench.executor.day.pnl_usd == 25.0


def test_a_venue_that_names_positions_is_believed_whatever_it_holds(tmp_path: Path) -> None:
    """Both sides are opened and closed between two looks, so that the holdings tell nothing."""
    bench = Bench(tmp_path)
    bench.step(0)
    legs: tuple[tuple[int, Side, float, Leg], ...] = (
        (1, "BUY", 100.0, "LONG"),
        (2, "SELL", 110.0, "SHORT"),
        (3, "BUY", 104.0, "SHORT"),
        (4, "SELL", 101.0, "LONG"),
    )
    bench.venue.updates = [trade(n, side, 1.0, price, leg) for n, side, price, leg in legs]
    assert closes(bench.step(5)) == [("3", "SHORT", 6.0, -1.0, 0.0), ("4", "LONG", 1.0, 1.0, 0.0)]


def test_a_start_in_hedge_mode_opens_the_book_before_what_it_hears(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((3.0, 100.0), (-1.0, 120.0)))
    bench.venue.updates = [trade(1, "SELL", 2.0, 110.0, "LONG")]
    assert closes(bench.step(2)) == [("1", "LONG", 20.0, 5.0, 3.0)]
    assert bench.executor.book.to_json() == {B: [[3.0, 100.0], [-1.0, 120.0]]}


def test_one_way_mode_turns_a_position_through_zero(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((1.0, 100.0)))
    bench.step(0)
    bench.venue.holdings, bench.venue.updates = holds((-2.0, 110.0)), [trade(1, "SELL", 3.0, 110.0)]
    assert closes(bench.step(1)) == [("1", None, 10.0, 1.0, -2.0)]


def test_a_flat_account_may_have_left_hedge_mode(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((1.0, 100.0), (-1.0, 100.0)))
    bench.step(0)
    bench.venue.holdings = ()
    bench.venue.updates = [trade(1, "SELL", 1.0, 100.0), trade(2, "BUY", 1.0, 100.0)]
    bench.step(3)
    bench.venue.holdings, bench.venue.updates = holds((1.0, 100.0)), [trade(4, "BUY", 1.0, 100.0)]
    bench.step(4)
    bench.venue.holdings, bench.venue.updates = holds((-1.0, 103.0)), [trade(5, "SELL", 2.0, 103.0)]
    assert closes(bench.step(5)) == [("5", None, 3.0, 1.0, -1.0)]


def test_both_positions_are_on_record_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((1.0, 90.0), (-0.5, 110.0)))
    events = bench.step(0)
    assert [(each.qty, each.entry_price) for each in of(events, PositionMarked)] == [(1.0, 90.0), (-0.5, 110.0)]
    assert [each.position_count for each in of(events, Ticked)] == [2]


def test_own_orders_name_the_position_that_they_move(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *holds((1.0, 100.0), (-1.0, 100.0)))
    bench.step(0, intent("SELL", 0.5, reduce_only=True))
    (sent,) = [each for each in bench.diary if isinstance(each, Order)]
    assert (sent.side, sent.position_side) == ("SELL", "LONG")
    bench.venue.updates = [Acked(sent.client_order_id, "9", B, at(1), "NEW", 5.0)]
    assert [each.position_side for each in of(bench.step(1), OrderAcked)] == ["LONG"]
    bench.venue.updates = [trade(2, "SELL", 0.5, 110.0, "LONG", client_order_id=sent.client_order_id, order_id="9")]
    assert closes(bench.step(2)) == [("9", "LONG", 5.0, 1.0, 0.5)]


# the limits: LONG 1 and SHORT 1 at 100 are 200 USD, not nothing


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_symbol_exposure_pct": 2.5}, "symbol_cap"),
        ({"max_gross_exposure_pct": 2.5}, "portfolio_cap"),
        ({"max_concurrent_positions": 1}, None),
        ({"max_symbol_exposure_pct": 3.0, "max_gross_exposure_pct": 3.0, "max_concurrent_positions": 2}, None),
    ],
)
def test_the_caps_count_both_positions(tmp_path: Path, limits: dict[str, float], expected: str | None) -> None:
    bench = Bench(tmp_path, *holds((1.0, 100.0), (-1.0, 100.0)), limits={"global": limits})
    assert vetoes(bench.step(0, intent("SELL", 1.0))) == ([] if expected is None else [expected])


@pytest.mark.parametrize(("most", "expected"), [(1, ["position_limit"]), (2, [])])
@pytest.mark.parametrize("whose", ["account", "symbol"])
def test_opening_the_other_side_takes_a_position_of_its_own(
    tmp_path: Path, whose: str, most: int, expected: list[str]
) -> None:
    limit = {"max_concurrent_positions": most}
    bench = Bench(
        tmp_path,
        *holds((1.0, 100.0), (-1.0, 100.0)),
        limits={"global": limit} if whose == "account" else {"per_symbol": {B: limit}},
    )
    bench.step(0)
    bench.venue.holdings, bench.venue.updates = holds((1.0, 100.0)), [trade(1, "BUY", 1.0, 100.0)]
    assert vetoes(bench.step(1, intent("SELL", 1.0))) == expected


def test_a_reduction_is_never_vetoed(tmp_path: Path) -> None:
    limits = {"global": {"max_gross_exposure_pct": 0, "max_concurrent_positions": 0}}
    bench = Bench(tmp_path, *holds((1.0, 100.0), (-1.0, 100.0)), limits=limits)
    assert vetoes(bench.step(0, intent("BUY", 1.0, reduce_only=True))) == []
    (sent,) = [each for each in bench.diary if isinstance(each, Order)]
    assert sent.position_side == "SHORT"
