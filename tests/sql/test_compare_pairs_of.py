"""compare_pairs_of: shadow decisions with their live side (semantics 10)."""

from datetime import datetime
from typing import Any

import pytest

from tests.conftest import GivenRows, ago

ALL = "from compare_pairs_of(500) order by ts, ingest_seq"


def decide(store: GivenRows, ts: datetime | None = None, *, allowed: bool | None = True, **columns: Any) -> str:
    """A shadow decision: buy 2 at 100, taking at 100.1 or making at 99.9."""
    decision = {
        "intent": {"price": 100.0, "side": "BUY"},
        "risk_decision": {"allowed": allowed, "clamped_qty": 2.0},
        "router_decision": {"policy": {"maker_first": True}, "effective_px": {"maker": 99.9, "taker": 100.1}},
        **columns.pop("decision", {}),
    }
    given = {"symbol": "BTCUSDT", "is_heartbeat": False, **columns}
    return store.add("shadow_decisions", ts, is_allowed=allowed, decision=decision, **given)


def attempt(store: GivenRows, ts: datetime | None = None, **columns: Any) -> str:
    """A live attempt: buy 2 at 80."""
    given = {"symbol": "BTCUSDT", "attempt_id": "a", "qty": 2.0, "price_hint": 80.0, **columns}
    return store.add("order_attempts", ts, **given)


def veto(store: GivenRows, attempt_id: str | None) -> None:
    store.add("vetoes", symbol="BTCUSDT", veto_reason="min_notional", attempt_id=attempt_id)


def test_the_live_side_is_the_attempt_of_the_same_id_whatever_symbol_and_time(store: GivenRows) -> None:
    decide(store, attempt_id="a")
    found = attempt(store, ago(days=3), symbol="ETHUSDT")
    attempt(store, attempt_id="b")
    assert store.one(ALL)["live_event_id"] == found


def test_of_several_attempts_of_the_same_id_the_earliest_counts(store: GivenRows) -> None:
    decide(store, ago(minutes=10), attempt_id="a")
    attempt(store, ago(minutes=8))
    found = attempt(store, ago(days=15))
    attempt(store, ago(minutes=10))
    assert store.one(ALL)["live_event_id"] == found


def test_of_several_attempts_of_the_same_id_at_the_same_time_the_first_stored_counts(store: GivenRows) -> None:
    decide(store, attempt_id="a")
    found = attempt(store, ago(minutes=8))
    attempt(store, ago(minutes=8))
    assert store.one(ALL)["live_event_id"] == found


def test_a_later_attempt_of_an_id_is_no_live_side_by_its_nearness(store: GivenRows) -> None:
    decide(store, ago(minutes=10))
    attempt(store, ago(minutes=10, seconds=-5))
    found = attempt(store, ago(minutes=10, seconds=20))
    assert store.one(ALL)["live_event_id"] == found
    attempt(store, ago(days=2))
    assert store.one(ALL)["live_event_id"] is None


@pytest.mark.parametrize("attempt_id", [None, "unheard"])
def test_where_no_attempt_has_the_id_the_nearest_of_the_symbol_counts(store: GivenRows, attempt_id: str | None) -> None:
    decide(store, ago(minutes=10), attempt_id=attempt_id)
    attempt(store, ago(minutes=10, seconds=50), attempt_id=None)
    found = attempt(store, ago(minutes=10, seconds=-40))
    attempt(store, ago(minutes=10), symbol="ETHUSDT", attempt_id="b")
    row = store.one(ALL)
    assert (row["live_event_id"], row["live_attempt_id"]) == (found, "a")


@pytest.mark.parametrize(("seconds", "is_found"), [(60.0, True), (-60.0, True), (60.001, False), (-60.001, False)])
def test_an_attempt_of_the_symbol_is_at_most_60_seconds_away(store: GivenRows, seconds: float, is_found: bool) -> None:
    decide(store, ago(minutes=10))
    attempt(store, ago(minutes=10, seconds=seconds))
    assert (store.one(ALL)["live_event_id"] is not None) is is_found


def test_of_two_attempts_equally_near_the_earlier_counts(store: GivenRows) -> None:
    decide(store, ago(minutes=10))
    attempt(store, ago(minutes=10, seconds=-5), attempt_id="b")
    found = attempt(store, ago(minutes=10, seconds=5))
    assert store.one(ALL)["live_event_id"] == found


def test_an_attempt_may_be_the_live_side_of_two_decisions(store: GivenRows) -> None:
    decide(store)
    decide(store)
    found = attempt(store)
    assert [row["live_event_id"] for row in store.rows(ALL)] == [found, found]


@pytest.mark.parametrize(
    ("shadow", "has_live", "vetoed", "live", "mismatch"),
    [
        (True, True, False, True, False),
        (True, True, True, False, True),
        (False, True, False, True, True),
        (False, True, True, False, False),
        (None, True, True, False, False),
        (True, False, False, None, True),
        (False, False, False, None, False),
    ],
)
def test_a_mismatch_is_a_different_answer_and_without_a_live_side_a_shadow_that_allows(
    store: GivenRows, shadow: bool | None, has_live: bool, vetoed: bool, live: bool | None, mismatch: bool
) -> None:
    decide(store, allowed=shadow)
    if has_live:
        attempt(store)
    if vetoed:
        veto(store, "a")
        veto(store, "a")
    row = store.one(ALL)
    assert (row["live_allowed"], row["is_veto_mismatch"]) == (live, mismatch)


def test_a_veto_of_another_attempt_or_of_none_does_not_count(store: GivenRows) -> None:
    decide(store)
    attempt(store)
    veto(store, "b")
    veto(store, None)
    assert store.one(ALL)["live_allowed"] is True


@pytest.mark.parametrize(
    ("size_decision", "notional", "pct"),
    [
        ({"gross_usd": 240.0}, 240.0, 50.0),
        ({"gross_usd": 0.0}, 0.0, -100.0),
        ({"gross_usd": None}, 200.0, 25.0),
        ({}, 200.0, 25.0),
    ],
)
def test_the_shadow_notional_is_its_gross_size_else_quantity_times_price(
    store: GivenRows, size_decision: dict[str, Any], notional: float, pct: float
) -> None:
    decide(store, decision={"size_decision": size_decision})
    attempt(store)
    row = store.one(ALL)
    assert (row["shadow_notional_usd"], row["live_notional_usd"]) == (notional, 160.0)
    assert row["size_pct_diff"] == pytest.approx(pct, rel=1e-9)


@pytest.mark.parametrize("live", [{"qty": 0.0}, {"price_hint": None}])
def test_a_live_notional_of_zero_or_unknown_gives_no_difference(store: GivenRows, live: dict[str, Any]) -> None:
    decide(store)
    attempt(store, **live)
    assert store.one(ALL)["size_pct_diff"] is None


@pytest.mark.parametrize(("shadow", "vetoed"), [(False, False), (True, True)])
def test_differences_are_only_between_sides_that_both_allow(store: GivenRows, shadow: bool, vetoed: bool) -> None:
    decide(store, allowed=shadow)
    attempt(store)
    store.add("order_metrics", attempt_id="a", slippage_bps=3.0)
    if vetoed:
        veto(store, "a")
    row = store.one(ALL)
    assert (row["size_pct_diff"], row["slippage_diff_bps"]) == (None, None)


@pytest.mark.parametrize(
    ("policy", "side", "expected"),
    [
        ({"maker_first": True}, "BUY", -10.0),
        ({"maker_first": False}, "BUY", 10.0),
        ({"maker_first": False}, "SELL", -10.0),
        ({"maker_first": True}, "sell", 10.0),
        ("maker_first", "BUY", -10.0),
        ("taker", "BUY", 10.0),
        (None, "BUY", 10.0),
    ],
)
def test_expected_slippage_is_that_of_the_shadows_route(
    store: GivenRows, policy: Any, side: str, expected: float
) -> None:
    router = {"policy": policy, "effective_px": {"maker": 99.9, "taker": 100.1}}
    decide(store, decision={"intent": {"price": 100.0, "side": side}, "router_decision": router})
    attempt(store)
    store.add("order_metrics", attempt_id="a", side="BUY", mark_price=100.0, avg_fill_price=100.04)
    row = store.one(ALL)
    assert row["expected_slippage_bps"] == pytest.approx(expected, rel=1e-9)
    assert row["slippage_diff_bps"] == pytest.approx(expected - 4.0, rel=1e-9)


@pytest.mark.parametrize("price", [0.0, None])
def test_without_an_intent_price_no_slippage_is_expected(store: GivenRows, price: float | None) -> None:
    decide(store, decision={"intent": {"price": price, "side": "BUY"}})
    attempt(store)
    store.add("order_metrics", attempt_id="a", slippage_bps=3.0)
    row = store.one(ALL)
    assert (row["expected_slippage_bps"], row["slippage_diff_bps"]) == (None, None)


def test_realised_slippage_is_that_of_the_latest_metric_also_when_it_is_unknown(store: GivenRows) -> None:
    decide(store)
    attempt(store)
    store.add("order_metrics", ago(hours=1), attempt_id="a", slippage_bps=3.0)
    assert store.one(ALL)["realized_slippage_bps"] == 3.0
    store.add("order_metrics", ago(minutes=1), attempt_id="a")
    assert store.one(ALL)["realized_slippage_bps"] is None


def test_heartbeats_are_no_decisions_and_the_last_ones_are_taken(store: GivenRows) -> None:
    decide(store, ago(minutes=9))
    kept = [decide(store, ago(minutes=8)), decide(store, ago(minutes=8))]
    decide(store, ago(minutes=1), is_heartbeat=True)
    rows = store.rows("from compare_pairs_of(2) order by ts, ingest_seq")
    assert [row["event_id"] for row in rows] == kept
