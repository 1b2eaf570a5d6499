"""listed_symbols: which symbols are listed where (head of the semantics)."""

from datetime import timedelta

from tests.conftest import GivenRows, ago
from tests.sql.conftest import by_symbol


def test_a_symbol_is_listed_for_being_enabled_routed_or_traded(store: GivenRows) -> None:
    store.universe("ENABLED", {"symbol": "OFF", "enabled": False}, {"symbol": "OFF_ROUTED", "enabled": False})
    store.add("order_metrics", ago(days=7) + timedelta(seconds=1), symbol="OFF_ROUTED")
    store.add("order_metrics", ago(days=7), symbol="ROUTED_LONG_AGO")
    store.close("TRADED", 1.0, ago(hours=47))
    store.close("TRADED_LONG_AGO", 1.0, ago(hours=48))
    names = ("is_enabled", "has_router", "has_trade", "is_router_listed")
    found = {symbol: tuple(row[name] for name in names) for symbol, row in by_symbol(store, "listed_symbols").items()}
    assert found == {
        "ENABLED": (True, False, False, True),
        "OFF_ROUTED": (False, True, False, True),
        "TRADED": (False, False, True, False),
    }


def test_a_symbol_is_listed_once_whatever_speaks_for_it(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    store.add("order_metrics", symbol="BTCUSDT")
    store.close("BTCUSDT", 1.0)
    assert len(store.rows("listed_symbols")) == 1
