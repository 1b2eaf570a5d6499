"""expectancy_document: expectancy_v6.json (semantics 1)."""

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import document, record_flags


def trade(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=1000.0)
    store.close("BTCUSDT", 3.0, ago(hours=1), attempt_id="a")
    store.close("ETHUSDT", 0.0, ago(hours=3))
    store.add("order_metrics", attempt_id="a", is_maker_final=True, slippage_bps=0.0)


def test_trades_are_grouped_by_symbol_hour_and_regime_and_counted_once(store: GivenRows) -> None:
    trade(store)
    found = document(store, "expectancy_v6")
    assert {group: list(found[group]) for group in ("symbols", "hours", "regimes")} == {
        "symbols": ["BTCUSDT", "ETHUSDT"],
        "hours": ["11", "9"],
        "regimes": ["maker_success", "slip_low"],
    }
    assert (found["sample_count"], found["lookback_hours"], found["updated_ts"]) == (2, 48.0, AS_OF.timestamp())
    assert found["metadata"] == {"nav_snapshot": {"equity": 1000.0, "t": "2025-06-15T12:29:00Z"}}
    assert found["symbols"]["BTCUSDT"]["expectancy"] == 3.0


def test_with_intel_off_every_group_is_empty(store: GivenRows) -> None:
    trade(store)
    record_flags(store, is_intel_on=False)
    found = document(store, "expectancy_v6")
    assert (found["symbols"], found["hours"], found["regimes"], found["sample_count"]) == ({}, {}, {}, 0)


def test_a_configured_flag_empties_nothing(store: GivenRows) -> None:
    trade(store)
    assert document(store, "expectancy_v6", '{"INTEL_V6_ENABLED": false}')["sample_count"] == 2
