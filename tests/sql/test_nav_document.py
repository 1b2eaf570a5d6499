"""nav_document: nav.json (semantics 11)."""

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import document


def test_the_account_is_told_with_series_exposure_and_drawdown(store: GivenRows) -> None:
    store.add("ticks", ago(days=2), equity_usd=2000.0)
    store.add("ticks", ago(minutes=2), equity_usd=1000.0, nav_usd=1001.0, realized_pnl_usd=4.0)
    store.add("ticks", ago(minutes=1), equity_usd=950.0, unrealized_pnl_usd=-50.0)
    store.add("positions", symbol="BTCUSDT", qty=-2.0, entry_price=75.0, mark_price=100.0)
    store.close("ETHUSDT", 5.0)
    found = document(store, "nav")
    assert found["series"] == [
        {"t": "2025-06-13T12:30:00Z", "equity": 2000.0, "nav": 2000.0, "unrealized_pnl": None, "realized_pnl": None},
        {"t": "2025-06-15T12:28:00Z", "equity": 1000.0, "nav": 1001.0, "unrealized_pnl": None, "realized_pnl": 4.0},
        {"t": "2025-06-15T12:29:00Z", "equity": 950.0, "nav": 950.0, "unrealized_pnl": -50.0, "realized_pnl": None},
    ]
    assert found["points"] == [
        {"ts": 1749817800.0, "equity": 2000.0},
        {"ts": 1749990480.0, "equity": 1000.0},
        {"ts": 1749990540.0, "equity": 950.0},
    ]
    assert {name: found[name] for name in found if name not in ("series", "points", "exec_stats")} == {
        "peak_equity": 2000.0,
        "total_equity": 950.0,
        "gross_exposure_usd": 200.0,
        "net_exposure_usd": -200.0,
        "largest_position_usd": 200.0,
        "drawdown_pct": 5.0,
        "drawdown": 5.0,
        "drawdown_abs": 50.0,
        "realized_pnl_today": 5.0,
        "realized_pnl": 5.0,
        "unrealized_pnl": -50.0,
        "nav": 950.0,
        "nav_usd": 950.0,
        "updated_at": "2025-06-15T12:30:00Z",
        "updated_ts": AS_OF.timestamp(),
    }
