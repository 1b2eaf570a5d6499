"""Lots are FIFO, a trade through zero turns the position, nothing is left of what was closed, and PnL is the cash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.execution.positions import Lot, PositionBook, Realized, opening, to_qty, to_units
from tape.execution.venues.venue import Holding, Side, Traded, sign

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "SUIUSDT")

Deal = tuple[str, Side, float, float]
SIDES: tuple[Side, ...] = ("BUY", "SELL")
DEALS = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.sampled_from(SIDES),
        st.integers(1, 5000).map(lambda thousandths: thousandths / 1000),
        st.integers(1, 200_000).map(lambda cents: cents / 100),
    ),
    max_size=30,
)


def traded(symbol: str, side: Side, qty: float, price: float) -> Traded:
    return Traded("c", "1", "1", symbol, side, NOON, qty, price, 0.0, "USDT", False, "FILLED")


def booked(deals: Sequence[Deal]) -> tuple[PositionBook, list[Realized | None]]:
    book = PositionBook()
    return book, [book.apply(traded(*deal)) for deal in deals]


def test_a_close_takes_the_oldest_lot_first() -> None:
    book, results = booked([("X", "BUY", 1, 10), ("X", "BUY", 2, 20), ("X", "SELL", 1.5, 30)])
    assert results[:2] == [None, None]
    assert results[2] == Realized("X", (30 - 10) + 0.5 * (30 - 20), 1.5, 3, 1.5, (10 + 0.5 * 20) / 1.5)
    assert book.lots("X") == (Lot(1_500_000_000, 20),)
    assert book.entry_price("X") == 20


def test_a_trade_through_zero_closes_every_lot_and_opens_the_rest() -> None:
    book, results = booked([("X", "SELL", 1, 10), ("X", "SELL", 1, 14), ("X", "BUY", 5, 9)])
    assert results[2] == Realized("X", 1 + 5, 2, -2, 3, 12)
    assert (book.qty("X"), book.entry_price("X")) == (3, 9)


@pytest.mark.parametrize(
    ("qty", "units"),
    [
        (0.1 + 0.7, 800_000_000),  # 0.7999999999999999
        (0.1 + 0.2, 300_000_000),  # 0.30000000000000004
        (1e-9, 1),
        (0.0000000004, 0),
        (0.0000000006, 1),
        (-1.5, -1_500_000_000),
        (123_456.789, 123_456_789_000_000),
        (0.0, 0),
    ],
)
def test_a_quantity_is_the_nearest_number_of_billionths(qty: float, units: int) -> None:
    assert to_units(qty) == units


def test_units_come_back_as_the_quantity_they_are() -> None:
    assert (to_qty(100_000_000), to_qty(-1_500_000_000), to_qty(1)) == (0.1, -1.5, 1e-9)


def test_float_dust_leaves_nothing_open() -> None:
    book, results = booked([("X", "BUY", 0.1, 10), ("X", "BUY", 0.2, 10), ("X", "SELL", 0.3, 10)])
    assert book.symbols() == ()
    assert results[2] is not None
    assert results[2].size_after == 0.0
    assert (book.qty("X"), book.entry_price("X")) == (0.0, None)


def test_a_computed_quantity_counts_as_the_decimal_it_stands_for() -> None:
    book, _ = booked([("X", "BUY", 0.1 + 0.2, 10), ("X", "SELL", 0.3, 10)])
    assert book.symbols() == ()


def test_a_small_rest_is_a_rest() -> None:
    book, _ = booked([("X", "BUY", 1, 10), ("X", "SELL", 0.99999999, 10)])
    assert book.qty("X") == 1e-8


def test_unrealised_needs_a_mark_of_what_is_open() -> None:
    book, _ = booked([("X", "SELL", 2, 10)])
    assert book.unrealized_usd({"X": 9}) == 2
    with pytest.raises(KeyError):
        book.unrealized_usd({})


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_quantities_of_fifteen_digits_come_back(units: int) -> None:
    assert to_units(to_qty(units)) == units


@given(DEALS, st.fixed_dictionaries({symbol: st.floats(1, 2000) for symbol in SYMBOLS}))
def test_realised_and_unrealised_are_the_cash_flow(deals: list[Deal], marks: dict[str, float]) -> None:
    """What was paid for buying and got for selling, plus what the rest is worth."""
    book, results = booked(deals)
    cash = -sum(sign(side) * qty * price for _, side, qty, price in deals)
    worth = sum(sign(side) * qty * marks[symbol] for symbol, side, qty, _ in deals)
    realized = sum(result.pnl_usd for result in results if result)
    assert realized + book.unrealized_usd(marks) == pytest.approx(cash + worth, abs=1e-6)


@given(DEALS)
def test_lots_are_the_newest_opening_trades_in_their_order(deals: list[Deal]) -> None:
    """FIFO leaves the youngest: the open lots are the tail of the trades on the position's side."""
    book, _ = booked(deals)
    for symbol in SYMBOLS:
        position = book.units(symbol)
        left = abs(position)
        expected: list[tuple[int, float]] = []
        for _, side, qty, price in reversed([deal for deal in deals if deal[0] == symbol]):
            if left and sign(side) * position > 0:
                part = min(left, to_units(qty))
                expected.insert(0, (sign(side) * part, price))
                left -= part
        assert [(lot.units, lot.price) for lot in book.lots(symbol)] == expected
        assert position == sum(sign(side) * to_units(qty) for name, side, qty, _ in deals if name == symbol)


@given(DEALS)
def test_sizes_follow_each_other(deals: list[Deal]) -> None:
    book = PositionBook()
    for deal in deals:
        before = book.qty(deal[0])
        result = book.apply(traded(*deal))
        after = book.qty(deal[0])
        if result is None:
            assert abs(after) > abs(before)
        else:
            assert (result.size_before, result.size_after) == (before, after)
            assert result.closed_qty == min(abs(before), deal[2])


@given(DEALS)
def test_a_book_comes_back_from_json(deals: list[Deal]) -> None:
    book, _ = booked(deals)
    again = PositionBook.from_json(json.loads(json.dumps(book.to_json())))
    assert again.to_json() == book.to_json()
    assert [again.lots(symbol) for symbol in SYMBOLS] == [book.lots(symbol) for symbol in SYMBOLS]


@pytest.mark.parametrize(
    ("held", "trades", "expected"),
    [
        (Holding("BTCUSDT", 1.5, 100.0, 1.0), [], (1.5, 100.0)),
        (Holding("BTCUSDT", 1.5, 100.0, 1.0), [traded("BTCUSDT", "SELL", 0.5, 120.0)], (2.0, 100.0)),  # reduced
        (Holding("BTCUSDT", 2.0, 110.0, 1.0), [traded("BTCUSDT", "BUY", 1.0, 120.0)], (1.0, 100.0)),  # grown
        (Holding("BTCUSDT", -2.0, 110.0, 1.0), [traded("BTCUSDT", "SELL", 1.0, 120.0)], (-1.0, 100.0)),
        (Holding("BTCUSDT", 1.0, 120.0, 1.0), [traded("BTCUSDT", "BUY", 1.0, 120.0)], (0.0, 120.0)),  # opened
        (None, [traded("BTCUSDT", "SELL", 1.0, 120.0)], (1.0, 120.0)),  # closed: its entry is not known any more
        (Holding("BTCUSDT", -1.0, 120.0, 1.0), [traded("BTCUSDT", "SELL", 3.0, 120.0)], (2.0, 120.0)),  # turned
    ],
)
def test_what_there_was_before_trades_led_to_what_is_held(
    held: Holding | None, trades: list[Traded], expected: tuple[float, float]
) -> None:
    assert opening(held, trades) == expected
