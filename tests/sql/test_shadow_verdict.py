"""shadow_verdict: the candidate pipeline against the live one.

Its parts are engine_since, shadow_decisions_ripe, shadow_pairs, frozen_costs and shadow_outcomes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import BTC, Traded, read, read_one, record_flags


def decide(store: GivenRows, attempt_id: str, ts: datetime, gross_usd: float | None = 200.0, **intent: Any) -> None:
    decision = {"intent": {"side": "BUY", "price": 100.0, **intent}, "size_decision": {"gross_usd": gross_usd}}
    columns = {"symbol": BTC, "is_allowed": gross_usd is not None, "is_heartbeat": False, "decision": decision}
    store.add("shadow_decisions", ts, attempt_id=attempt_id, **columns)


def test_a_block_counts_when_it_has_been_over_for_five_minutes(store: GivenRows) -> None:
    start = datetime.fromisoformat("2025-06-15T12:00:00+00:00")
    decide(store, "a", start)
    decide(store, "b", start + timedelta(minutes=9, seconds=59))
    decide(store, "a", start + timedelta(minutes=2))
    for minute, second, count in [(14, 59, 0), (15, 0, 2)]:
        row = read_one(store, "shadow_verdict", start.replace(minute=minute, second=second))
        assert (row["decisions"], row["no_live_side"]) == (count, count)


def test_the_engines_version_begins_the_sequence(store: GivenRows) -> None:
    for hours, version in [(9, "2"), (8, "1"), (7, "2"), (6, "2")]:
        record_flags(store, AS_OF - timedelta(hours=hours), engine_version=version)
    decide(store, "a", AS_OF - timedelta(hours=8))
    decide(store, "b", AS_OF - timedelta(hours=7))
    row = read_one(store, "shadow_verdict")
    assert (row["since_ts"], row["engine_version"], row["decisions"]) == (AS_OF - timedelta(hours=7), "2", 1)


def test_the_usual_cost_is_that_of_the_end_of_the_block(traded: Traded) -> None:
    """20 orders at 5 bps before the block is over; what is filled after it changes nothing."""
    for at in range(20):
        traded.attempt(f"w{at}", at, price_hint=100.0, qty=1.0)
        traded.fill(f"w{at}", at, attempt_id=f"w{at}", executed_qty=1.0, avg_price=100.0, fee_total=0.05)
    decide(traded.store, "w0", traded.at(100))
    traded.mark(395, 103.0)
    # the block of the decision is over at 11:40, 600 s after the first attempt
    for at in range(20):
        traded.attempt(f"x{at}", 601 + at, qty=1.0)
        traded.fill(f"x{at}", 601 + at, attempt_id=f"x{at}", executed_qty=1.0, avg_price=100.0, fee_total=5.0)
    traded.fill("w0", 700, attempt_id="w0", executed_qty=2.0, avg_price=200.0, fee_total=9.0)
    (row,) = read(traded.store, "shadow_outcomes")
    assert row["usual_cost_bps"] == pytest.approx(5.0)
    # 100 USD more, 3 % up, 10 bps in and out
    assert row["gain_usd"] == pytest.approx(100 * (0.03 - 0.001))
    verdict = read_one(traded.store, "shadow_verdict")
    assert (verdict["both"], verdict["valued"], verdict["blocks"], verdict["verdict"]) == (1, 1, 1, "insufficient")


@pytest.mark.parametrize(
    ("intent", "live", "count"),
    [({"reduceOnly": True}, {}, 0), ({}, {"reduce_only": True}, 0), ({}, {"price_hint": None}, 1)],
)
def test_reductions_are_left_out_and_what_is_not_known_is_not_valued(
    traded: Traded, intent: dict[str, Any], live: dict[str, Any], count: int
) -> None:
    traded.attempt("a", **{"price_hint": 100.0, **live})
    decide(traded.store, "a", traded.at(0), **intent)
    row = read_one(traded.store, "shadow_verdict")
    assert (row["decisions"], row["not_valued"], row["total_usd"]) == (count, count, None)
