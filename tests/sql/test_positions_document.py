"""positions_document: positions.json (semantics 11)."""

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document


def test_positions_are_listed_with_what_they_expose(store: GivenRows) -> None:
    store.add("positions", symbol="BTCUSDT", qty=2.0, entry_price=90.0, mark_price=100.0)
    store.add("positions", symbol="ETHUSDT", qty=-1.0, entry_price=40.0, mark_price=50.0)
    store.add("order_attempts", attempt_id="a")
    found = document(store, "positions")
    assert [(item["symbol"], item["pnl"]) for item in found["items"]] == [("BTCUSDT", 20.0), ("ETHUSDT", -10.0)]
    names = ("gross_exposure_usd", "net_exposure_usd", "largest_position_usd")
    assert [found[name] for name in names] == [250.0, 150.0, 200.0]
    assert found["exec_stats"]["attempted_24h"] == 1
    assert (found["updated_at"], found["updated_ts"]) == ("2025-06-15T12:30:00Z", AS_OF.timestamp())
