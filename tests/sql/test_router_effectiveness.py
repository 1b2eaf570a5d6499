"""router_effectiveness: ratios, slippage quantiles and latency of 7 days per symbol (semantics 2)."""

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import by_symbol


def test_ratios_are_over_the_rows_that_know_and_null_fallback_is_false(store: GivenRows) -> None:
    for is_maker_final, maker_start, used_fallback in [
        (True, True, None),
        (True, True, True),
        (False, True, False),
        (None, False, True),
        (None, None, True),
    ]:
        store.add(
            "order_metrics",
            symbol="BTCUSDT",
            is_maker_final=is_maker_final,
            maker_start=maker_start,
            used_fallback=used_fallback,
        )
    row = store.one("router_effectiveness")
    assert row["metric_count"] == 5
    assert (row["maker_fill_ratio"], row["fallback_ratio"]) == pytest.approx((2 / 3, 1 / 3), rel=1e-9)


def test_quantiles_interpolate_linearly_over_known_slippage(store: GivenRows) -> None:
    for bps in (4.0, 1.0, None, 3.0, 2.0):
        store.add("order_metrics", symbol="BTCUSDT", slippage_bps=bps)
    row = store.one("router_effectiveness")
    found = [row[name] for name in ("slip_q25", "slip_q50", "slip_q75", "slip_q95")]
    assert found == pytest.approx([1.75, 2.5, 3.25, 3.85], rel=1e-9)  # position q * (4 - 1) from the lowest


def test_latency_is_the_median_of_what_is_known(store: GivenRows) -> None:
    store.add("order_metrics", symbol="BTCUSDT", ack_latency_ms=100.0, ack_ms=9000.0)
    store.add("order_metrics", symbol="BTCUSDT", ack_ms=300.0)
    store.add("order_metrics", symbol="BTCUSDT")
    assert store.one("router_effectiveness")["ack_latency_p50_ms"] == 200.0


def test_what_nobody_knows_is_null_and_the_router_is_ok(store: GivenRows) -> None:
    store.add("order_metrics", symbol="BTCUSDT")
    assert store.one("router_effectiveness") == {
        "symbol": "BTCUSDT",
        "metric_count": 1,
        "maker_fill_ratio": None,
        "fallback_ratio": None,
        "slip_q25": None,
        "slip_q50": None,
        "slip_q75": None,
        "slip_q95": None,
        "ack_latency_p50_ms": None,
        "quality": "ok",
        "regime": "balanced",
    }


def test_a_true_zero_is_known(store: GivenRows) -> None:
    store.add("order_metrics", symbol="BTCUSDT", is_maker_final=False, maker_start=True, slippage_bps=0.0, ack_ms=0.0)
    row = store.one("router_effectiveness")
    names = ("maker_fill_ratio", "fallback_ratio", "slip_q95", "ack_latency_p50_ms")
    assert [row[name] for name in names] == [0.0, 0.0, 0.0, 0.0]
    assert (row["quality"], row["regime"]) == ("ok", "broken")  # a known maker ratio of 0 is <= 0.2


def test_quality_and_regime_take_the_95th_percentile_of_slippage(store: GivenRows) -> None:
    for bps in [0.0] * 9 + [24.0]:
        store.add("order_metrics", symbol="BTCUSDT", slippage_bps=bps)
    row = store.one("router_effectiveness")
    assert row["slip_q95"] == pytest.approx(0.55 * 24, rel=1e-9)  # position 8.55
    assert (row["quality"], row["regime"]) == ("degraded", "slippage_hot")


def test_symbols_are_apart_and_old_rows_do_not_count(store: GivenRows) -> None:
    store.add("order_metrics", symbol="BTCUSDT", ack_ms=3000.0)
    store.add("order_metrics", symbol="ETHUSDT", ack_ms=10.0)
    store.add("order_metrics", ago(days=7), symbol="ETHUSDT", ack_ms=9000.0)
    found = {symbol: row["regime"] for symbol, row in by_symbol(store, "router_effectiveness").items()}
    assert found == {"BTCUSDT": "broken", "ETHUSDT": "balanced"}
