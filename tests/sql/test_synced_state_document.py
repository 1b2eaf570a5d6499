"""synced_state_document: synced_state.json (semantics 11, 12)."""

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document, record_flags


def test_brokers_read_positions_nav_version_and_all_six_flags(store: GivenRows) -> None:
    store.add("ticks", equity_usd=1000.0, nav_usd=1.0)
    store.add("positions", symbol="BTCUSDT", qty=2.0, entry_price=90.0, mark_price=100.0)
    record_flags(store, is_intel_on=False)
    found = document(store, "synced_state")
    assert [item["positionSide"] for item in found["items"]] == ["LONG"]
    assert (found["nav"], found["engine_version"]) == (1000.0, "v6.1")
    assert [name for name, value in found["v6_flags"].items() if not value] == ["INTEL_V6_ENABLED"]
    assert len(found["v6_flags"]) == 6
    assert (found["updated_at"], found["updated_ts"]) == ("2025-06-15T12:30:00Z", AS_OF.timestamp())


def test_without_a_snapshot_the_configured_values_are_shown(store: GivenRows) -> None:
    found = document(
        store,
        "synced_state",
        '{"engine_version": "v7", "ROUTER_AUTOTUNE_V6_APPLY_ENABLED": true, "INTEL_V6_ENABLED": false}',
    )
    assert found["engine_version"] == "v7"
    assert found["v6_flags"]["ROUTER_AUTOTUNE_V6_APPLY_ENABLED"] is True
    assert found["v6_flags"]["INTEL_V6_ENABLED"] is False
