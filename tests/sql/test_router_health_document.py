"""router_health_document: router_health.json (semantics 5)."""

import pytest

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document


def test_the_router_of_each_symbol_is_told_in_order(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    store.close("TRADED", 1.0)
    for slippage in (1.0, 3.0):
        store.add("order_metrics", symbol="AAVEUSDT", is_maker_final=True, slippage_bps=slippage, ack_ms=20.0)
    found = document(store, "router_health")
    assert [row["symbol"] for row in found["symbols"]] == ["AAVEUSDT", "BTCUSDT"]
    assert found["symbols"][0] == {
        "symbol": "AAVEUSDT",
        "maker_fill_rate": 1.0,
        "fallback_rate": None,
        "slippage_p50": 2.0,
        "slippage_p95": pytest.approx(2.9, rel=1e-9),
        "ack_latency_p50_ms": 20.0,
        "maker_offset_bps": pytest.approx(1.5, rel=1e-9),
        "policy": {
            "maker_first": True,
            "taker_bias": "prefer_maker",
            "quality": "good",
            "reason": "quality=good; regime=unknown",
            "branch": found["symbols"][0]["policy"]["branch"],
        },
        "updated_ts": AS_OF.timestamp(),
    }
    assert found["updated_ts"] == AS_OF.timestamp()
