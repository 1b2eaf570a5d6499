"""runtime_probe_document: v6_runtime_probe.json (semantics 12)."""

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document, record_flags

FLAGS = (
    "INTEL_V6_ENABLED",
    "RISK_ENGINE_V6_ENABLED",
    "PIPELINE_V6_SHADOW_ENABLED",
    "ROUTER_AUTOTUNE_V6_ENABLED",
    "FEEDBACK_ALLOCATOR_V6_ENABLED",
    "ROUTER_AUTOTUNE_V6_APPLY_ENABLED",
)


def test_flags_and_mode_stand_at_the_top(store: GivenRows) -> None:
    record_flags(store, is_router_autotune_apply_on=False)
    assert document(store, "v6_runtime_probe") == {
        **dict.fromkeys(FLAGS, True),
        "ROUTER_AUTOTUNE_V6_APPLY_ENABLED": False,
        "ENV": "prod",
        "DRY_RUN": "0",
        "BINANCE_TESTNET": "1",
        "engine_version": "v6.1",
        "ts": AS_OF.timestamp(),
    }


def test_without_a_snapshot_the_configured_values_are_shown(store: GivenRows) -> None:
    found = document(store, "v6_runtime_probe", '{"ENV": "test", "DRY_RUN": "0", "RISK_ENGINE_V6_ENABLED": false}')
    assert (found["ENV"], found["DRY_RUN"], found["BINANCE_TESTNET"]) == ("test", "0", "0")
    assert [name for name in FLAGS if not found[name]] == ["RISK_ENGINE_V6_ENABLED", "ROUTER_AUTOTUNE_V6_APPLY_ENABLED"]
