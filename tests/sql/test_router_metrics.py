"""router_metrics: order metrics that measure the router (semantics 1, 2)."""

import pytest

from tests.conftest import GivenRows


def test_notes_about_closes_are_no_router_metrics(store: GivenRows) -> None:
    store.add("order_metrics", kind="position_close", attempt_id="close")
    store.add("order_metrics", attempt_id="plain")
    store.add("order_metrics", kind="order_metric", attempt_id="named")
    assert {row["attempt_id"] for row in store.rows("router_metrics")} == {"plain", "named"}


def test_slippage_comes_from_the_prices_where_both_are_there(store: GivenRows) -> None:
    store.add("order_metrics", side="SELL", mark_price=200.0, avg_fill_price=199.9, slippage_bps=77.0)
    store.add("order_metrics", side="BUY", mark_price=200.0, slippage_bps=77.0)
    found = [row["slippage_bps"] for row in store.rows("from router_metrics order by ingest_seq")]
    assert found == pytest.approx([5.0, 77.0], rel=1e-9)  # -(199.9 - 200) / 200 * 1e4


def test_the_logged_ack_latency_counts_before_the_timing_and_zero_is_a_latency(store: GivenRows) -> None:
    store.add("order_metrics", ack_latency_ms=0.0, ack_ms=50.0)
    store.add("order_metrics", ack_ms=50.0)
    store.add("order_metrics")
    found = [row["ack_latency_ms"] for row in store.rows("from router_metrics order by ingest_seq")]
    assert found == [0.0, 50.0, None]
