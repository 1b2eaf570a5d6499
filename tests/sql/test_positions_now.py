"""positions_now: the open positions, signed and marked (semantics 11)."""

from datetime import datetime
from typing import Any

import pytest

from tests.conftest import GivenRows, ago


def position(store: GivenRows, qty: float, ts: datetime | None = None, **columns: Any) -> str:
    given = {"symbol": "BTCUSDT", "entry_price": 100.0, "mark_price": 110.0, **columns}
    return store.add("positions", ts, qty=qty, **given)


def quantities(store: GivenRows) -> dict[tuple[str, str], float]:
    return {(row["symbol"], row["side"]): row["qty"] for row in store.rows("positions_now")}


@pytest.mark.parametrize(
    ("qty", "side", "signed", "shown", "pnl"),
    [
        (2.0, "LONG", 2.0, "LONG", 20.0),
        (2.0, None, 2.0, "LONG", 20.0),
        (-2.0, None, -2.0, "SHORT", -20.0),
        (-2.0, "SHORT", -2.0, "SHORT", -20.0),
        (2.0, "short", -2.0, "SHORT", -20.0),
        (-2.0, "BOTH", -2.0, "BOTH", -20.0),
    ],
)
def test_the_quantity_is_signed_and_a_short_loses_when_the_mark_rises(
    store: GivenRows, qty: float, side: str | None, signed: float, shown: str, pnl: float
) -> None:
    event_id = position(store, qty, ago(minutes=2), side=side, leverage=5.0)
    assert store.one("positions_now") == {
        "symbol": "BTCUSDT",
        "side": shown,
        "qty": signed,
        "entry_price": 100.0,
        "mark_price": 110.0,
        "is_marked": True,
        "pnl_usd": pnl,
        "leverage": 5.0,
        "notional_usd": 220.0,
        "ts": ago(minutes=2),
        "event_id": event_id,
    }


def test_the_positions_are_those_of_the_newest_tick_that_lists_them(store: GivenRows) -> None:
    for minutes, count, qty in [(9, 1, 1.0), (5, 1, 2.0)]:
        tick = store.add("ticks", ago(minutes=minutes), equity_usd=1.0, position_count=count)
        position(store, qty, ago(minutes=minutes), tick_id=tick)
    store.add("ticks", ago(minutes=1), equity_usd=1.0)
    position(store, 7.0, ago(seconds=1))
    assert quantities(store) == {("BTCUSDT", "LONG"): 2.0}


def test_a_tick_that_lists_zero_positions_says_there_are_none(store: GivenRows) -> None:
    position(store, 7.0, ago(minutes=9))
    store.add("ticks", ago(minutes=5), equity_usd=1.0, position_count=0)
    assert quantities(store) == {}


def test_a_tick_without_equity_lists_positions_too(store: GivenRows) -> None:
    tick = store.add("ticks", position_count=1)
    position(store, 2.0, tick_id=tick)
    assert quantities(store) == {("BTCUSDT", "LONG"): 2.0}


def test_before_any_listing_tick_the_newest_snapshot_per_symbol_and_side_counts(store: GivenRows) -> None:
    store.add("ticks", equity_usd=1.0)
    position(store, 1.0, ago(days=9), side="LONG")
    position(store, 2.0, ago(days=8), side="LONG")
    position(store, -3.0, ago(days=30), side="SHORT")
    position(store, 4.0, ago(days=8), symbol="ETHUSDT", side="LONG")
    assert quantities(store) == {("BTCUSDT", "LONG"): 2.0, ("BTCUSDT", "SHORT"): -3.0, ("ETHUSDT", "LONG"): 4.0}


def test_a_quantity_of_zero_ends_a_position(store: GivenRows) -> None:
    position(store, 1.0, ago(minutes=9), side="LONG")
    position(store, 0.0, ago(minutes=8), side="LONG")
    assert quantities(store) == {}


def test_without_a_mark_the_latest_known_mark_of_the_symbol_is_taken(store: GivenRows) -> None:
    position(store, 2.0, mark_price=None)
    store.add("marks", ago(days=30), symbol="BTCUSDT", mark_price=90.0)
    store.add("marks", ago(days=31), symbol="BTCUSDT", mark_price=80.0)
    store.add("marks", ago(days=1), symbol="ETHUSDT", mark_price=7.0)
    row = store.one("positions_now")
    assert (row["mark_price"], row["is_marked"], row["pnl_usd"]) == (90.0, True, -20.0)


def test_without_any_mark_the_entry_price_is_taken_and_the_position_is_not_marked(store: GivenRows) -> None:
    position(store, -2.0, mark_price=None)
    row = store.one("positions_now")
    assert (row["mark_price"], row["is_marked"], row["pnl_usd"], row["notional_usd"]) == (100.0, False, 0.0, 200.0)


def test_without_mark_and_entry_nothing_is_known_of_its_worth(store: GivenRows) -> None:
    position(store, 2.0, mark_price=None, entry_price=None)
    row = store.one("positions_now")
    assert (row["qty"], row["mark_price"], row["pnl_usd"], row["notional_usd"]) == (2.0, None, None, None)
