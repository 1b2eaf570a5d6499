"""In hedge mode, finds out which position a trade moved if the venue does not say.

Laws kept here:
- a trade that names its position is left as it is, and so is every trade of an account that holds no two positions of
  a symbol and is not said to be in hedge mode;
- the positions before a tick's trades and those that the account lists after them say which one each trade moved. All
  trades of one order move the same position;
- if several explanations fit, the one that closes before it opens is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tape.execution.positions import PositionBook, to_units
from tape.execution.venues.venue import LEGS, Account, Holding, Leg, Traded, Update, sign

_MOST_READINGS, _MOST_TRADES = 10_000, 200
"""Bounds of the search, which doubles with each order of one symbol in one tick; beyond them the nearest is taken."""

Units = dict[Leg, int]
"""Whole units of LONG (never below 0) and of SHORT (never above 0)."""


def holdings_by_leg(account: Account) -> dict[tuple[str, Leg], Holding]:
    """Return the positions of an account, by symbol and side."""
    return {(each.symbol, "LONG" if each.qty > 0 else "SHORT"): each for each in account.holdings if each.qty}


def holds_both(account: Account) -> bool:
    """Return whether the account lists LONG and SHORT of one symbol."""
    legs = holdings_by_leg(account)
    return any((symbol, "SHORT") in legs for symbol, leg in legs if leg == "LONG")


def with_sides(updates: Sequence[Update], book: PositionBook | None, account: Account) -> list[Update]:
    """Return the updates of an account in hedge mode, each trade with the position that it moved.

    ``book``: the positions before the updates; null: unknown, and a trade then counts as one that opened what is held.
    """
    open_trades: dict[str, list[Traded]] = {}
    for update in updates:
        if isinstance(update, Traded):
            open_trades.setdefault(update.symbol, []).append(update)
    held = holdings_by_leg(account)
    sides: dict[int, Leg] = {}
    for symbol, trades in open_trades.items():
        if all(trade.position_side != "BOTH" for trade in trades):
            continue
        after = _after(symbol, held)
        before = None if book is None else {leg: book.units(symbol, leg) for leg in LEGS}
        chosen = _built(trades, after) if before is None else _read(trades, before, after)
        if chosen is not None:
            sides.update({id(trade): chosen[trade.order_id] for trade in trades if trade.position_side == "BOTH"})
    return [
        replace(update, position_side=sides[id(update)])
        if isinstance(update, Traded) and id(update) in sides
        else update
        for update in updates
    ]


def _after(symbol: str, held: Mapping[tuple[str, Leg], Holding]) -> Units:
    return {leg: to_units(held[symbol, leg].qty) if (symbol, leg) in held else 0 for leg in LEGS}


def _units(trade: Traded) -> int:
    return sign(trade.side) * to_units(trade.qty)


def _closing(trade: Traded) -> Leg:
    return "SHORT" if trade.side == "BUY" else "LONG"


def _opening(trade: Traded) -> Leg:
    return "LONG" if trade.side == "BUY" else "SHORT"


def _is_open(units: Units) -> bool:
    return units["LONG"] >= 0 >= units["SHORT"]


def _moved(units: Units, leg: Leg, by: int) -> Units:
    return {**units, leg: units[leg] + by}


def _read(trades: Sequence[Traded], before: Units, after: Units) -> dict[str, Leg] | None:
    """Return the position of each order id, so that the trades lead from before to after.

    Null: one-way netting explains the holdings, and hedge mode does not.
    """
    if len(trades) > _MOST_TRADES:
        return _nearest(trades, before, after)
    tried = 0

    def go(place: int, units: Units, chosen: dict[str, Leg]) -> dict[str, Leg] | None:
        nonlocal tried
        tried += 1
        if tried > _MOST_READINGS:
            return None
        if place == len(trades):
            return chosen if units == after else None
        trade = trades[place]
        known = chosen.get(trade.order_id) if trade.position_side == "BOTH" else trade.position_side
        for leg in (_closing(trade), _opening(trade)) if known is None else (known,):
            moved = _moved(units, leg, _units(trade))
            if _is_open(moved):
                found = go(place + 1, moved, {**chosen, trade.order_id: leg})
                if found is not None:
                    return found
        return None

    found = go(0, before, {})
    if found is not None:
        return found
    net = sum(before.values()) + sum(_units(trade) for trade in trades)
    is_netted = 0 in before.values() and 0 in after.values() and net == sum(after.values())
    return None if is_netted else _nearest(trades, before, after)


def _nearest(trades: Sequence[Traded], before: Units, after: Units) -> dict[str, Leg]:
    """If nothing fits exactly (a trade is not reported yet): an order closes where its other side became smaller."""
    chosen: dict[str, Leg] = {}
    units = before
    for trade in trades:
        closing = _closing(trade)
        is_smaller = abs(after[closing]) < abs(units[closing])
        leg = chosen.setdefault(trade.order_id, closing if is_smaller else _opening(trade))
        units = _moved(units, leg, _units(trade))
    return chosen


def _built(trades: Sequence[Traded], after: Units) -> dict[str, Leg]:
    """If nothing is known from before: an order opened the holding, if the holding is that large."""
    chosen: dict[str, Leg] = {}
    units = after
    for trade in reversed(trades):
        opening = _opening(trade)
        before = _moved(units, opening, -_units(trade))
        leg = chosen.setdefault(trade.order_id, opening if _is_open(before) else _closing(trade))
        units = _moved(units, leg, -_units(trade))
    return chosen
