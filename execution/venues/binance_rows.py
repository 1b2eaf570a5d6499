"""The exchange's answers as values: rows of JSON in, what the venue speaks of out.

A number that a row does not state is an error that names it, never a zero; field names are those of the exchange's
documentation (developers.binance.com, USDⓈ-M Futures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, cast, get_args

from tape.execution.venues.venue import Holding, PositionSide, Quote, Side, VenueUnavailable

Row = Mapping[str, Any]
OrderKey = tuple[str, str]
"""Symbol and order id: the exchange numbers the orders of each symbol apart."""
UNKNOWN_ASSET = "unknown"
"""The asset of a fee where the exchange states none: it has no price."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trade:
    """An own trade as the exchange states it."""

    number: int
    order_id: str
    symbol: str
    side: Side
    ts: datetime
    qty: float
    price: float
    fee: float
    fee_asset: str
    is_maker: bool
    position_side: PositionSide = "BOTH"

    @property
    def order(self) -> OrderKey:
        return self.symbol, self.order_id


def holding_of(row: Row) -> Holding:
    """An open position. Kept apart (hedge mode), LONG is positive and SHORT negative whatever sign is stated."""
    side, stated = position_side_of(row), number_of(row, "positionAmt")
    qty = stated if side == "BOTH" else abs(stated) if side == "LONG" else -abs(stated)
    leverage: float | None
    if "leverage" in row:
        leverage = number_of(row, "leverage")
    else:  # V3 states the margin, which is the notional over the leverage
        margin = number_of(row, "positionInitialMargin")
        leverage = round(abs(number_of(row, "notional")) / margin, 2) if margin > 0 else None
    return Holding(text_of(row, "symbol"), qty, number_of(row, "entryPrice"), leverage)


def position_side_of(row: Row) -> PositionSide:
    """LONG or SHORT in hedge mode, else BOTH."""
    stated = row.get("positionSide") or "BOTH"
    if stated not in get_args(PositionSide):
        raise VenueUnavailable(f"positionSide: expected BOTH, LONG or SHORT, found {stated!r}")
    return cast(PositionSide, stated)


def quote_of(symbol: str, book: Row, mark: Row, is_price_only: bool) -> Quote | None:
    """The market of a symbol; null where a side of its book is empty, which is stated as 0."""
    bid, ask, price = number_of(book, "bidPrice"), number_of(book, "askPrice"), number_of(mark, "markPrice")
    if not (0 < bid <= ask and price > 0):
        return None
    return Quote(symbol, instant_of(book if "time" in book else mark, "time"), bid, ask, price, is_price_only)


def trade_of(row: Row) -> Trade:
    side = text_of(row, "side")
    if side not in ("BUY", "SELL"):
        raise VenueUnavailable(f"side: expected BUY or SELL, found {side!r}")
    return Trade(
        number=whole_of(row, "id"),
        order_id=text_of(row, "orderId"),
        symbol=text_of(row, "symbol"),
        side=cast(Side, side),
        ts=instant_of(row, "time"),
        qty=number_of(row, "qty"),
        price=number_of(row, "price"),
        fee=number_of(row, "commission"),
        fee_asset=str(row.get("commissionAsset") or "").strip().upper() or UNKNOWN_ASSET,
        is_maker=flag_of(row, "maker"),
        position_side=position_side_of(row),
    )


def text_of(row: Row, key: str) -> str:
    value = row.get(key)
    if value is None or value == "":
        raise VenueUnavailable(f"{key}: expected a text, found {value!r}")
    return str(value)


def number_of(row: Row, key: str) -> float:
    value = row.get(key)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise VenueUnavailable(f"{key}: expected a number, found {value!r}")
    return number


def whole_of(row: Row, key: str) -> int:
    text = str(row.get(key))
    if not text.isascii() or not text.isdigit():
        raise VenueUnavailable(f"{key}: expected a whole number, found {text!r}")
    return int(text)


def flag_of(row: Row, key: str) -> bool:
    value = row.get(key)
    if not isinstance(value, bool):
        raise VenueUnavailable(f"{key}: expected true or false, found {value!r}")
    return value


def instant_of(row: Row, key: str) -> datetime:
    return _EPOCH + timedelta(milliseconds=whole_of(row, key))


def ms_of(instant: datetime) -> int:
    return int((instant - _EPOCH) / timedelta(milliseconds=1))
