"""Open positions as FIFO lots, and the result of each trade.

Laws kept here:
- the oldest lot is closed first; in one-way mode a trade through zero closes every lot and opens the rest at its own
  price; in hedge mode LONG and SHORT of a symbol are two positions, and opening one never closes the other;
- a quantity is counted in whole billionths of a base unit (``UNITS``), taken from its shortest decimal form. Sums of
  whole numbers are exact: 0.1 + 0.2 - 0.3 leaves nothing open, without a threshold that would hide a true rest.
  Exchanges cut lots no finer than 1e-8, and a quantity of up to 15 digits comes back as the float it was;
- PnL is gross of fees; prices are quote/base, and the quote currency counts as one dollar.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tape.execution.venues.venue import LEGS, Holding, Leg, PositionSide, Traded, sign

_LOG = logging.getLogger(__name__)

UNITS = 1_000_000_000
"""Whole units per base unit."""


def to_units(qty: float) -> int:
    """Convert a quantity to the nearest whole units.

    Raises:
        ValueError, OverflowError: the quantity is NaN or infinite.
    """
    return int((Decimal(repr(float(qty))) * UNITS).to_integral_value())


def to_qty(units: int) -> float:
    """Convert whole units to base units: the nearest float, so that 100,000,000 units are 0.1."""
    return units / UNITS


@dataclass(frozen=True, slots=True)
class Lot:
    """The open part of one trade: ``units`` signed, negative is short; ``price`` quote/base."""

    units: int
    price: float

    def worth_usd(self) -> float:
        return to_qty(self.units) * self.price


@dataclass(frozen=True, slots=True)
class Realized:
    """The closed part of a trade. Sizes are signed base units, ``closed_qty`` is positive.

    ``pnl_usd``: gross of fees. ``entry_price``: the average entry of the closed lots.
    """

    symbol: str
    pnl_usd: float
    closed_qty: float
    size_before: float
    size_after: float
    entry_price: float


class PositionBook:
    """The open lots of every symbol, oldest first, LONG and SHORT apart.

    In one-way mode one of the two is empty: a trade closes the other one before it opens its own. In hedge mode both
    may be open, and a trade moves the one that it names.
    """

    __slots__ = ("_lots",)

    def __init__(self) -> None:
        self._lots: dict[tuple[str, Leg], deque[Lot]] = {}

    def apply(self, trade: Traded) -> Realized | None:
        """Book a trade; return what it realised, or null if it closed nothing.

        Sizes are those of the position that the trade names, in one-way mode of the only one.
        """
        units = sign(trade.side) * to_units(trade.qty)
        before = self.units(trade.symbol, trade.position_side)
        against: Leg = "SHORT" if units > 0 else "LONG"
        closed: list[Lot] = []
        if trade.position_side in ("BOTH", against):
            closed = self._close((trade.symbol, against), units)
        closed_units = sum(lot.units for lot in closed)
        rest = units + closed_units
        if trade.position_side != against:
            self._open(trade.symbol, rest, trade.price)
        elif rest:  # an exchange never closes more than there is: the book did not know of all of it
            _LOG.warning(
                "%s %s: expected to close at most %s, found a trade of %s (%s): the rest was opened unseen",
                *(trade.symbol, trade.position_side, to_qty(abs(before)), trade.qty, trade.trade_id),
            )
        if not closed:
            return None
        entry_price = _average(closed)
        return Realized(
            symbol=trade.symbol,
            pnl_usd=to_qty(closed_units) * trade.price - sum(lot.worth_usd() for lot in closed),
            closed_qty=to_qty(abs(closed_units)),
            size_before=to_qty(before),
            size_after=to_qty(self.units(trade.symbol, trade.position_side)),
            entry_price=entry_price,
        )

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols with an open position, in the order of their names."""
        return tuple(sorted({symbol for symbol, _ in self._lots}))

    def legs(self) -> tuple[tuple[str, Leg], ...]:
        """Return every open position, as symbol and side, in the order of their names."""
        return tuple(sorted(self._lots))

    def units(self, symbol: str, position_side: PositionSide = "BOTH") -> int:
        """Return a position in whole units, signed; BOTH: LONG and SHORT together."""
        return sum(lot.units for lot in self.lots(symbol, position_side))

    def qty(self, symbol: str, position_side: PositionSide = "BOTH") -> float:
        """Return a position in base units, signed; a true 0 if nothing is open."""
        return to_qty(self.units(symbol, position_side))

    def entry_price(self, symbol: str, position_side: PositionSide = "BOTH") -> float | None:
        """Return the average price of the open lots of a position, by quantity; null: nothing is open.

        BOTH is of the only position; null also where there are two, since two have no entry in common.
        """
        open_lots = [lots for leg in _legs(position_side) if (lots := self._lots.get((symbol, leg)))]
        return _average(open_lots[0]) if len(open_lots) == 1 else None

    def lots(self, symbol: str, position_side: PositionSide = "BOTH") -> tuple[Lot, ...]:
        """Return the open lots of a position, oldest first; BOTH: those of LONG, then those of SHORT."""
        return tuple(lot for leg in _legs(position_side) for lot in self._lots.get((symbol, leg), ()))

    def unrealized_usd(self, marks: Mapping[str, float]) -> float:
        """Return what closing everything at the marks would realise, gross of fees.

        Raises:
            KeyError: a symbol with something open has no mark.
        """
        return sum(
            to_qty(lot.units) * (marks[symbol] - lot.price) for symbol in self.symbols() for lot in self.lots(symbol)
        )

    def to_json(self) -> dict[str, list[list[float]]]:
        """Return ``{symbol: [[signed quantity, price], ...]}``, oldest lot first, LONG before SHORT."""
        return {symbol: [[to_qty(lot.units), lot.price] for lot in self.lots(symbol)] for symbol in self.symbols()}

    @classmethod
    def from_json(cls, value: Mapping[str, Iterable[Iterable[float]]]) -> PositionBook:
        """Return the book that ``to_json`` wrote."""
        book = cls()
        for symbol, rows in value.items():
            for qty, price in rows:
                book.open(symbol, qty, float(price))
        return book

    def open(self, symbol: str, qty: float, price: float) -> None:
        """Add a lot: a signed quantity that was opened before the book began."""
        self._open(symbol, to_units(qty), price)

    def _open(self, symbol: str, units: int, price: float) -> None:
        if units:
            leg: Leg = "LONG" if units > 0 else "SHORT"
            self._lots.setdefault((symbol, leg), deque()).append(Lot(units, price))

    def _close(self, leg: tuple[str, Leg], units: int) -> list[Lot]:
        """Remove what a trade of signed units closes, oldest first; return the removed lots, or parts of them."""
        lots = self._lots.get(leg, deque())
        closed: list[Lot] = []
        while units and lots:
            lot = lots.popleft()
            part = lot.units if abs(lot.units) <= abs(units) else -units
            if part != lot.units:
                lots.appendleft(Lot(lot.units - part, lot.price))
            closed.append(Lot(part, lot.price))
            units += part
        if not lots:
            self._lots.pop(leg, None)
        return closed


def _legs(position_side: PositionSide) -> tuple[Leg, ...]:
    return LEGS if position_side == "BOTH" else (position_side,)


def _average(lots: Iterable[Lot]) -> float:
    """Return the average price of lots of one sign, by quantity."""
    rows = list(lots)
    return sum(lot.worth_usd() for lot in rows) / to_qty(sum(lot.units for lot in rows))


def opening(held: Holding | None, trades: Sequence[Traded]) -> tuple[float, float]:
    """Return the signed quantity before some trades of a symbol led to the present holding, and its entry price.

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
