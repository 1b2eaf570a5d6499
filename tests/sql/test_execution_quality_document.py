"""execution_quality_document: what trading costs, as it is published. Parts: quality_coverage, reject_reasons."""

from __future__ import annotations

import pytest

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import Traded, document, record_flags


def test_nothing_recorded_is_counts_of_0_and_values_of_null(store: GivenRows) -> None:
    found = document(store, "execution_quality")
    assert (found["updated_ts"], found["horizons_s"]) == (AS_OF.timestamp(), [1, 10, 60, 300])
    assert set(found["coverage"].values()) == {0}
    assert (found["cells"], found["rejects"], found["foregone"], found["edge"]) == ([], [], [], [])
    assert found["usual_cost_bps"] == {}
    assert [each["days"] for each in found["account"]] == [1, 7, 30]
    assert (found["shadow"]["verdict"], found["shadow"]["mean_usd"]) == ("insufficient", None)


def test_no_flag_empties_it(traded: Traded) -> None:
    off = ("intel", "risk_engine", "pipeline_shadow", "router_autotune", "feedback_allocator", "router_autotune_apply")
    record_flags(traded.store, ago(minutes=1), **{f"is_{name}_on": False for name in off})
    traded.attempt()
    assert document(traded.store, "execution_quality")["cells"][0]["attempts"] == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ('400 Client Error: x {"code": -2019, "msg": "Margin"}', "code -2019"),
        ('{"code":5}', "code 5"),
        ("503 Server Error: Service Unavailable", "http 503"),
        ("  no money " + 60 * "x", "no money " + 49 * "x"),
        (None, "unknown"),
        ("", "unknown"),
    ],
)
def test_why_orders_were_refused(store: GivenRows, error: str | None, reason: str) -> None:
    store.add("order_errors", symbol="BTCUSDT", error=error)
    store.add("order_errors", ago(days=7), symbol="BTCUSDT", error="older")
    assert document(store, "execution_quality")["rejects"] == [{"reason": reason, "count": 1}]


def test_coverage_tells_what_the_figures_rest_on(traded: Traded) -> None:
    traded.attempt("a")
    traded.fill("1", attempt_id="a", bid_price=1.0, ask_price=2.0, fee_asset="XYZ", fee_total=1.0)
    traded.attempt("b", bid_price=None, ask_price=None, mark_price=5.0)
    traded.store.add("order_attempts", traded.at(1), symbol="BTCUSDT", side="BUY", qty=1.0)
    assert document(traded.store, "execution_quality")["coverage"] == {
        "attempts": 3,
        "attempts_without_id": 1,
        "measured": 2,
        "decision_mid": 1,
        "decision_mark": 1,
        "arrival_price": 0,
        "with_total": 0,
        "with_parts": 0,
        "executions": 1,
        "execution_ref_price": 1,
        "unpriced_fee_orders": 1,
    }
