"""The exchange's answers as values: rows of JSON in, what the venue speaks of out.

A number that a row does not state is an error that names it, never a zero; field names are those of the exchange's
documentation (developers.binance.com, USDⓈ-M Futures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, cast

from tape.execution.venues.venue import Holding, Side, VenueUnavailable

Row = Mapping[str, Any]
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


def holding_of(row: Row) -> Holding:
    """An open position. Kept apart (hedge mode), LONG is positive and SHORT negative whatever sign is stated."""
    side, stated = text_of(row, "positionSide"), number_of(row, "positionAmt")
    qty = stated if side == "BOTH" else abs(stated) if side == "LONG" else -abs(stated)
    if "leverage" in row:
        leverage = number_of(row, "leverage")
    else:  # V3 states the margin, which is the notional over the leverage
        margin = number_of(row, "positionInitialMargin")
        if margin <= 0:
            raise VenueUnavailable(f"leverage of {row.get('symbol')}: expected an initial margin, found {margin}")
        leverage = round(abs(number_of(row, "notional")) / margin, 2)
    return Holding(text_of(row, "symbol"), qty, number_of(row, "entryPrice"), leverage)


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
        fee_asset=text_of(row, "commissionAsset"),
        is_maker=flag_of(row, "maker"),
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
