"""order_quality: what an attempt cost, and why.

Its parts are attempts_37d, acks_37d, fills_37d, metrics_37d, errors_37d, fill_steps, order_records, filled_orders,
attempt_outcomes, dollar_assets, fee_parts, record_fees, order_fees, mark_bars_37d and attempt_regimes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import Traded, add_bars, read, read_one

PARTS = ("delay_usd", "timing_usd", "spread_usd", "opportunity_usd", "fees_usd")


def test_the_parts_of_an_order_add_up_to_its_cost(traded: Traded) -> None:
    # asked for 4 at 100; 1 filled at 100.5 and 1 at 101.5; the market: 100.2 at the ack, 100.4 and 101 at the fills
    traded.attempt(qty=4.0)
    traded.ack(request_qty=4.0, bid_price=100.0, ask_price=100.4)
    traded.fill(executed_qty=1.0, avg_price=100.5, bid_price=100.3, ask_price=100.5)
    traded.fill(seconds=4.0, executed_qty=2.0, avg_price=101.0, fee_total=0.25, bid_price=100.9, ask_price=101.1)
    traded.metric(seconds=9.0, status="CANCELED", end_bid_price=102.0, end_ask_price=104.0)
    row = read_one(traded.store, "order_quality")
    assert row["status"] == "partial"
    expected = {"delay_usd": 0.4, "timing_usd": 1.0, "spread_usd": 0.6, "opportunity_usd": 6.0, "fees_usd": 0.25}
    assert {part: row[part] for part in PARTS} == pytest.approx(expected, abs=1e-9)
    assert row["total_usd"] == pytest.approx(8.25, abs=1e-9)
    assert row["total_bps"] == pytest.approx(1e4 * 8.25 / 400, rel=1e-9)
    assert row["is_complete"]
    assert (row["ack_ms"], row["first_fill_ms"], row["last_fill_ms"]) == (1000.0, 2000.0, 4000.0)


def test_a_part_whose_input_is_unknown_is_null_and_the_total_stays(traded: Traded) -> None:
    traded.attempt()
    traded.ack()
    traded.fill(bid_price=100.0, ask_price=101.0)
    row = read_one(traded.store, "order_quality")
    assert (row["delay_usd"], row["timing_usd"], row["arrival_price"]) == (None, None, None)
    assert (row["spread_usd"], row["total_usd"], row["is_complete"]) == (0.0, 1.0, False)


@pytest.mark.parametrize(
    ("metric", "executed", "error", "acked", "status"),
    [
        (None, 0.0, False, True, "working"),
        ("NEW", 0.0, False, True, "working"),
        ("PARTIALLY_FILLED", 1.0, False, True, "working"),
        ("NEW", 2.0, False, True, "filled"),
        ("CANCELED", 1.0, False, True, "partial"),
        ("FILLED", 0.0, False, True, "unrecorded"),
        ("CANCELED", 0.0, False, True, "unfilled"),
        (None, 0.0, True, True, "working"),
        (None, 0.0, True, False, "rejected"),
        ("EXPIRED", 0.0, True, False, "rejected"),
    ],
)
def test_the_status_of_an_attempt(
    traded: Traded, metric: str | None, executed: float, error: bool, acked: bool, status: str
) -> None:
    traded.attempt()
    if acked:
        traded.ack()
    if executed:
        traded.fill(executed_qty=executed)
    if error:
        traded.store.add("order_errors", traded.at(2), symbol="BTCUSDT", attempt_id="a", error="no")
    if metric:
        traded.metric(status=metric)
    row = read_one(traded.store, "order_quality")
    assert row["status"] == status
    assert (row["execution_usd"] is None) == (status in ("working", "unrecorded"))


def test_an_order_belongs_to_the_attempt_of_its_ack_where_the_fill_names_none(traded: Traded) -> None:
    traded.attempt()
    traded.ack()
    traded.fill(attempt_id=None)
    traded.fill("2", attempt_id="a_reduce")
    assert read_one(traded.store, "order_quality")["executed_qty"] == 2.0


def test_of_two_rows_of_an_attempt_the_earlier_counts_also_outside_the_window(traded: Traded) -> None:
    traded.attempt("old", -8 * 86400)
    traded.attempt("old", 0)
    traded.attempt("new", 1, qty=None)
    traded.attempt("none", 2, side="LONG")
    assert read(traded.store, "order_quality") == []


@pytest.mark.parametrize(
    ("columns", "marks", "fee"),
    [
        ({"fee_total": 0.5, "fee_asset": "usdc"}, {}, 0.5),
        ({"fee_total": 0.0, "fee_asset": "XYZ"}, {}, 0.0),
        ({"fee_total": 0.01, "fee_asset": "BTC"}, {}, 1.005),
        ({"fee_total": 0.01, "fee_asset": "BNB"}, {"BNBUSDC": 600.0}, 6.0),
        ({"fee_total": 0.01, "fee_asset": "BNB"}, {"BNBUSDC": 600.0, "BNBUSDT": 500.0}, 5.0),
        ({"fee_total": 0.01, "fee_asset": "BNB"}, {}, None),
        ({"fees_by_asset": {"USDT": 0.5, "BNB": 0.01}}, {"BNBUSDT": 500.0}, 5.5),
        ({"fees_by_asset": {"USDT": 0.5, "BNB": 0.01}}, {}, None),
        ({"fees_by_asset": {}}, {}, 0.0),
        ({"fee_total": None, "fee_asset": "USDT"}, {}, None),
    ],
)
def test_the_fee_of_an_order_in_dollars(
    traded: Traded, columns: dict[str, Any], marks: dict[str, float], fee: float | None
) -> None:
    traded.attempt()
    traded.fill(**columns)
    for symbol, price in marks.items():
        traded.mark(-50, price, symbol)
    found = read_one(traded.store, "order_quality")["fees_usd"]
    assert found == (None if fee is None else pytest.approx(fee, abs=1e-9))


def test_a_fee_asset_is_priced_with_a_mark_of_less_than_a_minute(traded: Traded) -> None:
    traded.attempt()
    traded.fill(seconds=60.0, fee_total=0.01, fee_asset="BNB")
    traded.mark(0.0, 600.0, "BNBUSDT")
    assert read_one(traded.store, "order_quality")["fees_usd"] is None


def test_a_price_that_was_looked_up_before_stands_before_the_marks(traded: Traded) -> None:
    traded.attempt()
    traded.ack()
    traded.fill(bid_price=100.0, ask_price=101.0)
    traded.mark(0.5, 105.0)
    for seq, price in [(900, 102.0), (950, 103.0), (990, 104.0)]:
        traded.store.connection.execute(
            "insert into price_lookups values ('BTCUSDT', 'mid', ?, 2, ?, ?, ?)",
            [traded.at(1), price, traded.at(0.5), seq],
        )
    assert read_one(traded.store, "order_quality")["arrival_price"] == 104.0
    known = traded.store.rows("select arrival_price from order_quality", known_seq=960)
    assert known == [{"arrival_price": 103.0}]


@pytest.mark.parametrize(
    ("columns", "metric", "share"),
    [
        ({"maker_qty": 0.5}, {"is_maker_final": True}, 0.25),
        ({"maker_qty": 0.0}, {"is_maker_final": True}, 0.0),
        ({}, {"is_maker_final": True}, 1.0),
        ({}, {"is_maker_final": False, "route": "TAKER"}, 0.0),
        ({}, {"is_maker_final": False, "route": "maker_taker"}, None),
        ({}, {}, None),
    ],
)
def test_the_share_that_was_filled_as_maker(
    traded: Traded, columns: dict[str, Any], metric: dict[str, Any], share: float | None
) -> None:
    traded.attempt()
    traded.fill(**columns)
    traded.metric(**metric)
    assert read_one(traded.store, "order_quality")["maker_share"] == share


@pytest.mark.parametrize("is_rolled_up", [True, False])
@pytest.mark.parametrize(("minutes", "regime"), [(0, "normal"), (10, "normal"), (11, "unknown")])
def test_the_regime_is_that_of_the_last_minute_that_was_over(
    store: GivenRows, traded: Traded, minutes: int, regime: str, is_rolled_up: bool
) -> None:
    add_bars(store, "BTCUSDT", [100.0 + at % 2 for at in range(60)])
    if is_rolled_up:
        roll_up(store.connection, -1)
    # the last mark stands at AS_OF itself, so its minute is over a minute after it
    traded.start = AS_OF + timedelta(minutes=minutes)
    traded.attempt()
    rows = read(store, "order_quality", as_of=AS_OF + timedelta(minutes=minutes))
    assert [row["regime"] for row in rows] == [regime]
