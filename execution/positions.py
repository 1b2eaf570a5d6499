"""What is open, as FIFO lots per symbol, and what a trade made of it.

Laws kept here:
- the oldest lot is closed first; a trade through zero closes every lot and opens the rest at its own price;
- a quantity is counted in whole billionths of a base unit (``UNITS``), taken from its shortest decimal form. Sums of
  whole numbers are exact: 0.1 + 0.2 - 0.3 leaves nothing open, with no threshold below which a true rest would vanish.
  Exchanges cut lots no finer than 1e-8, and a quantity of up to 15 digits comes back as the float it was;
- PnL is gross of fees; prices are quote/base, and the quote currency counts as one dollar.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tape.execution.venues.venue import Holding, Traded, sign

UNITS = 1_000_000_000
"""Whole units per base unit."""


def to_units(qty: float) -> int:
    """A quantity in whole units, the nearest.

    Raises:
        ValueError, OverflowError: the quantity is NaN or infinite.
    """
    return int((Decimal(repr(float(qty))) * UNITS).to_integral_value())


def to_qty(units: int) -> float:
    """Whole units in base units: the nearest float, so that 100,000,000 units are 0.1."""
    return units / UNITS


@dataclass(frozen=True, slots=True)
class Lot:
    """What one trade opened and nothing closed yet: ``units`` signed, negative is short; ``price`` quote/base."""

    units: int
    price: float

    def worth_usd(self) -> float:
        return to_qty(self.units) * self.price


@dataclass(frozen=True, slots=True)
class Realized:
    """What a trade closed. Sizes are signed base units, ``closed_qty`` is positive.

    ``pnl_usd``: gross of fees. ``entry_price``: the average of what was closed.
    """

    symbol: str
    pnl_usd: float
    closed_qty: float
    size_before: float
    size_after: float
    entry_price: float


class PositionBook:
    """The open lots of every symbol, oldest first."""

    __slots__ = ("_lots",)

    def __init__(self) -> None:
        self._lots: dict[str, deque[Lot]] = {}

    def apply(self, trade: Traded) -> Realized | None:
        """Books a trade; what it realised, or null where it closed nothing."""
        units = sign(trade.side) * to_units(trade.qty)
        before = self.units(trade.symbol)
        closed = self._close(trade.symbol, units)
        closed_units = sum(lot.units for lot in closed)
        self._open(trade.symbol, units + closed_units, trade.price)
        if not closed:
            return None
        entry_price = _average(closed)
        return Realized(
            symbol=trade.symbol,
            pnl_usd=to_qty(closed_units) * trade.price - sum(lot.worth_usd() for lot in closed),
            closed_qty=to_qty(abs(closed_units)),
            size_before=to_qty(before),
            size_after=to_qty(before + units),
            entry_price=entry_price,
        )

    def symbols(self) -> tuple[str, ...]:
        """The symbols with something open, in the order of their names."""
        return tuple(sorted(self._lots))

    def units(self, symbol: str) -> int:
        """The position in whole units, signed."""
        return sum(lot.units for lot in self._lots.get(symbol, ()))

    def qty(self, symbol: str) -> float:
        """The position in base units, signed; a true 0 where nothing is open."""
        return to_qty(self.units(symbol))

    def entry_price(self, symbol: str) -> float | None:
        """The average price of the open lots, by quantity; null: nothing is open."""
        lots = self._lots.get(symbol)
        return _average(lots) if lots else None

    def lots(self, symbol: str) -> tuple[Lot, ...]:
        """The open lots of a symbol, oldest first."""
        return tuple(self._lots.get(symbol, ()))

    def unrealized_usd(self, marks: Mapping[str, float]) -> float:
        """What closing everything at the marks would realise, gross of fees.

        Raises:
            KeyError: a symbol with something open has no mark.
        """
        return sum(
            to_qty(lot.units) * (marks[symbol] - lot.price) for symbol in self.symbols() for lot in self._lots[symbol]
        )

    def to_json(self) -> dict[str, list[list[float]]]:
        """``{symbol: [[signed quantity, price], ...]}``, oldest lot first."""
        return {symbol: [[to_qty(lot.units), lot.price] for lot in self._lots[symbol]] for symbol in self.symbols()}

    @classmethod
    def from_json(cls, value: Mapping[str, Iterable[Iterable[float]]]) -> PositionBook:
        """The book that ``to_json`` wrote."""
        book = cls()
        for symbol, rows in value.items():
            for qty, price in rows:
                book.open(symbol, qty, float(price))
        return book

    def open(self, symbol: str, qty: float, price: float) -> None:
        """Adds a lot: a signed quantity that was opened before the book began."""
        self._open(symbol, to_units(qty), price)

    def _open(self, symbol: str, units: int, price: float) -> None:
        if units:
            self._lots.setdefault(symbol, deque()).append(Lot(units, price))

    def _close(self, symbol: str, units: int) -> list[Lot]:
        """Takes out what a trade of signed units closes, oldest first; the lots, or parts of them, that went."""
        lots = self._lots.get(symbol, deque())
        closed: list[Lot] = []
        while units and lots and (lots[0].units > 0) != (units > 0):
            lot = lots.popleft()
            part = lot.units if abs(lot.units) <= abs(units) else -units
            if part != lot.units:
                lots.appendleft(Lot(lot.units - part, lot.price))
            closed.append(Lot(part, lot.price))
            units += part
        if not lots:
            self._lots.pop(symbol, None)
        return closed


def _average(lots: Iterable[Lot]) -> float:
    """The average price of lots of one sign, by quantity."""
    rows = list(lots)
    return sum(lot.worth_usd() for lot in rows) / to_qty(sum(lot.units for lot in rows))


def opening(held: Holding | None, trades: Sequence[Traded]) -> tuple[float, float]:
    """The signed quantity there was before some trades of a symbol led to what is held, and its entry price.

    A venue states the average entry of what is held. Of a position that the trades closed or turned nothing is left
    to tell its entry: it begins at the first trade's price, so that its close realises nothing.
    """
    traded = sum(sign(trade.side) * trade.qty for trade in trades)
    qty = held.qty if held is not None else 0.0
    before = qty - traded
    if held is None or before * qty <= 0:
        return before, trades[0].price if trades else 0.0
    cost_usd = qty * held.entry_price - sum(sign(trade.side) * trade.qty * trade.price for trade in trades)
    has_grown = abs(before) < abs(qty) and cost_usd / before > 0
    return before, cost_usd / before if has_grown else held.entry_price
