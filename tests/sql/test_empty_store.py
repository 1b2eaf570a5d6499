"""Every document exists, in its shape, when nothing is recorded and when everything is switched off."""

import pytest

from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.state_files import render
from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document, record_flags

FILES = pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)


@FILES
def test_an_empty_store_has_every_document(store: GivenRows, file: StateFile) -> None:
    with open_round(store.connection, as_of=AS_OF) as reading:
        assert len(reading.rows(file.view)) == 1
        file.model.model_validate_json(render(file, reading))


@FILES
def test_with_every_flag_off_every_document_exists(store: GivenRows, file: StateFile) -> None:
    record_flags(
        store,
        is_intel_on=False,
        is_risk_engine_on=False,
        is_pipeline_shadow_on=False,
        is_router_autotune_on=False,
        is_feedback_allocator_on=False,
        is_router_autotune_apply_on=False,
    )
    store.universe("BTCUSDT")
    store.close("BTCUSDT", 1.0)
    with open_round(store.connection, as_of=AS_OF) as reading:
        file.model.model_validate_json(render(file, reading))


def test_without_a_tick_what_depends_on_equity_is_null(store: GivenRows) -> None:
    nav = document(store, "nav")
    for name in ("peak_equity", "total_equity", "nav", "drawdown_pct", "drawdown_abs"):
        assert nav[name] is None
    assert "unrealized_pnl" not in nav
    assert nav["realized_pnl_today"] == 0.0
    assert (nav["series"], nav["gross_exposure_usd"], nav["exec_stats"]["fill_rate"]) == ([], 0.0, None)
    allocation = document(store, "risk_allocation_suggestions_v6")
    assert allocation["global"] == {
        "current_equity_usd": None,
        "current_drawdown_pct": None,
        "risk_mode": "cautious",
    }
    assert allocation["symbols"] == []


def test_without_trades_expectancy_is_published_with_empty_groups(store: GivenRows) -> None:
    found = document(store, "expectancy_v6")
    assert (found["symbols"], found["hours"], found["regimes"], found["sample_count"]) == ({}, {}, {}, 0)
    assert found["metadata"] == {"nav_snapshot": {"equity": None, "t": None}}
