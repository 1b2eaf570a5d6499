"""trades_since: closed trades with notional, return and router metric (semantics 1, 3)."""

from typing import Any

import pytest

from tests.conftest import AS_OF, GivenRows, ago

SINCE = "from trades_since(timestamptz '2025-06-13 12:30:00+00')"


def tags(store: GivenRows) -> list[str]:
    found: list[str] = store.one(SINCE)["regime_tags"]
    return found


def test_the_instant_itself_is_excluded(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, ago(days=2))
    store.close("BTCUSDT", 2.0, ago(days=2, microseconds=-1))
    assert [row["realized_pnl_usd"] for row in store.rows(SINCE)] == [2.0]


def test_net_is_pnl_less_fees(store: GivenRows) -> None:
    store.close("BTCUSDT", 0.0, fees_usd=1.5)
    assert store.one(SINCE)["net_pnl_usd"] == -1.5


@pytest.mark.parametrize(
    ("sizes", "notional"),
    [
        ({"closed_qty": 2.0, "position_size_before": 9.0, "position_size_after": 0.0}, 200.0),
        ({"position_size_before": -3.0, "position_size_after": 1.0}, 400.0),
        ({"closed_qty": 0.0, "position_size_before": 9.0, "position_size_after": 0.0}, None),
        ({"position_size_before": 1.0, "position_size_after": 1.0}, None),
        ({"closed_qty": -2.0, "position_size_before": -2.0, "position_size_after": 0.0}, 200.0),
    ],
)
def test_notional_is_the_closed_quantity_at_the_average_price_and_unknown_when_zero(
    store: GivenRows, sizes: dict[str, Any], notional: float | None
) -> None:
    store.close("BTCUSDT", 10.0, order_id="1", **sizes)
    store.add("order_fills", symbol="BTCUSDT", order_id="1", avg_price=100.0)
    row = store.one(SINCE)
    assert row["notional_usd"] == notional
    assert row["return_frac"] == (None if notional is None else 10.0 / notional)


def test_a_row_without_a_quantity_is_no_fill_however_late_it_is(store: GivenRows) -> None:
    store.close("BTCUSDT", 10.0, order_id="1")
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="1", avg_price=100.0, executed_qty=0.5)
    store.add("order_fills", ago(minutes=1), symbol="BTCUSDT", order_id="1", avg_price=0.0, executed_qty=0.0)
    store.close("BTCUSDT", 20.0, order_id="2")
    store.add("order_fills", symbol="BTCUSDT", order_id="2", avg_price=100.0, executed_qty=0.0)
    found = {row["order_id"]: (row["avg_fill_price"], row["return_frac"]) for row in store.rows(SINCE)}
    assert found == {"1": (100.0, 0.1), "2": (None, None)}


@pytest.mark.parametrize(
    ("extra", "net", "is_unpriced"),
    [
        ({"fees_unpriced": {"BNB": 0.001}}, None, True),
        ({"fees_unpriced": {}}, 9.5, False),
        ({"note": 1}, 9.5, False),
        (None, 9.5, False),
    ],
)
def test_after_fees_that_are_not_all_priced_the_net_is_unknown(
    store: GivenRows, extra: dict[str, Any] | None, net: float | None, is_unpriced: bool
) -> None:
    store.close("BTCUSDT", 10.0, fees_usd=0.5, extra=extra)
    row = store.one(SINCE)
    assert (row["net_pnl_usd"], row["fees_usd"], row["is_fee_unpriced"]) == (net, 0.5, is_unpriced)


def test_the_latest_fill_of_the_closing_order_and_symbol_counts(store: GivenRows) -> None:
    store.close("BTCUSDT", 10.0, order_id="1")
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="1", avg_price=100.0)
    store.add("order_fills", ago(hours=2), symbol="BTCUSDT", order_id="1", avg_price=50.0)
    store.add("order_fills", ago(minutes=1), symbol="ETHUSDT", order_id="1", avg_price=7.0)
    assert store.one(SINCE)["avg_fill_price"] == 100.0


def test_a_fill_is_found_however_old_it_is(store: GivenRows) -> None:
    store.close("BTCUSDT", 10.0, order_id="1")
    store.add("order_fills", ago(days=99), symbol="BTCUSDT", order_id="1", avg_price=50.0)
    store.add("order_fills", ago(days=90), symbol="BTCUSDT", order_id="1", avg_price=80.0)
    assert store.one(SINCE)["notional_usd"] == 80.0


def test_a_close_without_a_fill_has_no_notional_but_is_a_trade(store: GivenRows) -> None:
    store.close("BTCUSDT", 10.0)
    row = store.one(SINCE)
    assert (row["realized_pnl_usd"], row["notional_usd"], row["return_frac"]) == (10.0, None, None)


def test_the_latest_metric_of_the_attempt_counts_however_old(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, attempt_id="a")
    store.add("order_metrics", ago(days=90), attempt_id="a", policy_quality="good")
    store.add("order_metrics", ago(days=91), attempt_id="a", policy_quality="older")
    store.add("order_metrics", ago(days=-1), attempt_id="a", policy_quality="later")
    store.add("order_metrics", ago(days=1), attempt_id="a", policy_quality="close", kind="position_close")
    assert tags(store) == ["policy_good"]


def test_the_latest_metric_counts_also_when_it_knows_less(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, attempt_id="a")
    store.add("order_metrics", ago(hours=2), attempt_id="a", slippage_bps=3.0, used_fallback=True)
    store.add("order_metrics", ago(hours=1), attempt_id="a")
    assert tags(store) == []


def test_a_metric_may_come_after_its_close(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, ago(hours=1), attempt_id="a")
    store.add("order_metrics", AS_OF, attempt_id="a", policy_quality="good")
    assert tags(store) == ["policy_good"]


def test_a_trailing_reduce_is_stripped_only_where_the_full_id_has_no_metric(store: GivenRows) -> None:
    for symbol, attempt_id in [("A", "x_reduce"), ("B", "y_reduce"), ("C", "z_reduce_1"), ("D", "w_reduce")]:
        store.close(symbol, 1.0, attempt_id=attempt_id)
    for days, attempt_id in [(1, "x"), (50, "y_reduce"), (1, "y"), (1, "z"), (50, "w")]:
        store.add("order_metrics", ago(days=days), attempt_id=attempt_id, policy_quality=attempt_id)
    found = {row["symbol"]: row["regime_tags"] for row in store.rows(SINCE)}
    assert found == {"A": ["policy_x"], "B": ["policy_y_reduce"], "C": [], "D": ["policy_w"]}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({}, []),
        ({"is_maker_final": True, "maker_start": True}, ["maker_success"]),
        ({"is_maker_final": True, "maker_start": False}, ["maker_success"]),
        ({"is_maker_final": False, "maker_start": True}, ["maker_attempt"]),
        ({"maker_start": True, "used_fallback": True}, ["maker_attempt", "fallback"]),
        ({"maker_start": False, "used_fallback": False}, []),
        ({"slippage_bps": -4.0}, ["slip_low"]),
        ({"slippage_bps": 1.0}, ["slip_low"]),
        ({"slippage_bps": 1.001}, ["slip_med"]),
        ({"slippage_bps": 5.0}, ["slip_med"]),
        ({"slippage_bps": 5.001}, ["slip_high"]),
        (
            {"policy_quality": "good", "policy_taker_bias": "prefer_maker"},
            ["policy_good", "bias_prefer_maker"],
        ),
    ],
)
def test_regime_tags_come_from_the_router_metric(store: GivenRows, metric: dict[str, Any], expected: list[str]) -> None:
    store.close("BTCUSDT", 1.0, attempt_id="a")
    store.add("order_metrics", attempt_id="a", **metric)
    assert tags(store) == expected


def test_the_slippage_is_that_of_the_router_metric(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, attempt_id="a")
    store.add("order_metrics", attempt_id="a", side="BUY", mark_price=100.0, avg_fill_price=100.05)
    assert store.one(SINCE)["slippage_bps"] == pytest.approx(5.0, rel=1e-9)


def test_a_trade_without_a_metric_has_no_tag(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0)
    assert tags(store) == []
