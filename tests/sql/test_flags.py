"""flags: the newest recorded snapshot, else what is configured (semantics 12)."""

import json

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import record_flags

COMPUTED = ("is_intel_on", "is_pipeline_shadow_on", "is_router_autotune_on", "is_feedback_allocator_on")


def test_without_a_snapshot_everything_is_on_but_apply(store: GivenRows) -> None:
    row = store.one("flags")
    assert all(row[name] for name in COMPUTED)
    assert {name for name, value in row["v6_flags"].items() if not value} == {"ROUTER_AUTOTUNE_V6_APPLY_ENABLED"}
    assert (row["env"], row["dry_run"], row["testnet"], row["engine_version"]) == ("dev", "1", "0", "tape")


def test_the_newest_snapshot_counts(store: GivenRows) -> None:
    record_flags(store, ago(hours=1), is_intel_on=False, is_risk_engine_on=False)
    record_flags(store, ago(hours=2), is_router_autotune_on=False, env="old")
    row = store.one("flags")
    assert [row[name] for name in COMPUTED] == [False, True, True, True]
    assert row["v6_flags"] == {
        "INTEL_V6_ENABLED": False,
        "RISK_ENGINE_V6_ENABLED": False,
        "PIPELINE_V6_SHADOW_ENABLED": True,
        "ROUTER_AUTOTUNE_V6_ENABLED": True,
        "FEEDBACK_ALLOCATOR_V6_ENABLED": True,
        "ROUTER_AUTOTUNE_V6_APPLY_ENABLED": True,
    }
    assert (row["env"], row["dry_run"], row["testnet"], row["engine_version"]) == ("prod", "0", "1", "v6.1")


def test_a_configured_value_is_shown_where_none_is_recorded_but_switches_nothing_off(store: GivenRows) -> None:
    store.connection.execute(
        """set variable configured = '{"INTEL_V6_ENABLED": false, "ROUTER_AUTOTUNE_V6_APPLY_ENABLED": true,
        "ENV": "test", "DRY_RUN": "0", "BINANCE_TESTNET": "1", "engine_version": "v9"}'"""
    )
    row = store.one("flags")
    assert row["is_intel_on"]
    assert (row["v6_flags"]["INTEL_V6_ENABLED"], row["v6_flags"]["RISK_ENGINE_V6_ENABLED"]) == (False, True)
    assert row["v6_flags"]["ROUTER_AUTOTUNE_V6_APPLY_ENABLED"]
    assert (row["env"], row["dry_run"], row["testnet"], row["engine_version"]) == ("test", "0", "1", "v9")


def test_a_recorded_value_counts_before_a_configured_one(store: GivenRows) -> None:
    store.connection.execute("""set variable configured = '{"INTEL_V6_ENABLED": false, "ENV": "test"}'""")
    record_flags(store)
    row = store.one("flags")
    assert (row["v6_flags"]["INTEL_V6_ENABLED"], row["env"]) == (True, "prod")


def test_the_engine_version_is_never_empty(store: GivenRows) -> None:
    record_flags(store, engine_version="")
    assert store.one("flags")["engine_version"] == "tape"


RECORDED = {
    "is_risk_engine_on": "RISK_ENGINE_V6_ENABLED",
    "is_intel_on": "INTEL_V6_ENABLED",
    "is_pipeline_shadow_on": "PIPELINE_V6_SHADOW_ENABLED",
    "is_router_autotune_on": "ROUTER_AUTOTUNE_V6_ENABLED",
    "is_feedback_allocator_on": "FEEDBACK_ALLOCATOR_V6_ENABLED",
    "is_router_autotune_apply_on": "ROUTER_AUTOTUNE_V6_APPLY_ENABLED",
}


@pytest.mark.parametrize("column", RECORDED)
@pytest.mark.parametrize("value", [True, False])
def test_each_flag_is_shown_as_recorded_and_before_what_is_configured(
    store: GivenRows, column: str, value: bool
) -> None:
    configured = {RECORDED[column]: not value}
    store.connection.execute(f"set variable configured = '{json.dumps(configured)}'")
    record_flags(store, None, **{**dict.fromkeys(RECORDED, not value), column: value})
    row = store.one("flags")
    assert {name for name, shown in row["v6_flags"].items() if shown is value} == {RECORDED[column]}
    assert [row[name] for name in COMPUTED] == [(name == column) is value for name in COMPUTED]


@pytest.mark.parametrize("column", RECORDED)
def test_each_flag_that_is_not_recorded_is_shown_as_configured_and_switches_nothing(
    store: GivenRows, column: str
) -> None:
    record_flags(store, **{column: None})
    assert store.one("flags")["v6_flags"][RECORDED[column]] is (column != "is_router_autotune_apply_on")
    for value in (True, False):
        store.connection.execute(f"set variable configured = '{json.dumps({RECORDED[column]: value})}'")
        row = store.one("flags")
        assert row["v6_flags"][RECORDED[column]] is value
        assert all(row[name] for name in COMPUTED)


def test_of_two_snapshots_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    record_flags(store, ago(hours=1), env="first", is_intel_on=False)
    record_flags(store, ago(hours=1), env="second")
    row = store.one("flags")
    assert (row["env"], row["is_intel_on"]) == ("second", True)
