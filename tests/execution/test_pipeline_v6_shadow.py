"""The candidate pipeline: the shape of a decision as the SQL reads it, what it cuts, what it refuses, how it routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tape.execution.autotune import Policy
from tape.execution.config import parse_limits, parse_universe
from tape.execution.events import ShadowDecided, parse_event
from tape.execution.intents import Intent
from tape.execution.pipeline_v6_shadow import Candidate, decide, heartbeat
from tape.execution.risk_limits import RiskView
from tape.execution.venues.venue import Quote, Side

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
QUOTE = Quote("BTCUSDT", NOW, 99.9, 100.1, 100.0)
WELL = RiskView(now=NOW, equity_usd=10_000.0, nav_age_s=1.0)
UNIVERSE = parse_universe(["BTCUSDT"])


def intent(qty: float = 10.0, side: Side = "BUY", **other: Any) -> Intent:
    return replace(Intent("i1", "a1", NOW, "BTCUSDT", side, qty, 100.0, "trend", NOW), **other)


def decided(
    asked: Intent, policy: Policy | None = None, factor: float | None = None, seen: RiskView = WELL, **limits: object
) -> tuple[ShadowDecided, dict[str, Any]]:
    """The event, and its document."""
    candidate = Candidate(parse_limits({"global": limits}), UNIVERSE, policy or Policy(), factor)
    event = decide(asked, seen, candidate, QUOTE)
    assert isinstance(event.decision, dict)
    return event, dict(event.decision)


def expected_slippage_bps(decision: dict[str, Any]) -> float:
    """As sql/intel/compare_pairs_of.sql has it."""
    router, asked = decision["router_decision"], decision["intent"]
    price = router["effective_px"]["maker" if router["policy"] == "maker_first" else "taker"]
    bps: float = (price - asked["price"]) / asked["price"] * 1e4
    return -bps if asked["side"] == "SELL" else bps


def test_an_allowed_decision_has_every_part_of_the_contract() -> None:
    event, decision = decided(intent(), Policy(offset_bps=20.0))
    assert decision == {
        "symbol": "BTCUSDT",
        "attempt_id": "a1",
        "timestamp": "2025-11-01T12:00:00+00:00",
        "intent": {"side": "BUY", "qty": 10.0, "price": 100.0, "strategy": "trend", "reduce_only": False},
        "risk_decision": {
            "allowed": True,
            "clamped_qty": 10.0,
            "reasons": [],
            "hit_caps": [],
            "diagnostics": {"size_factor": None},
        },
        "heartbeat": False,
        "size_decision": {"gross_usd": 1000.0, "qty": 10.0},
        "router_decision": {
            "policy": "maker_first",
            "taker_bias": "balanced",
            "quality": "ok",
            "offset_bps": 20.0,
            "effective_px": {"maker": 99.8, "taker": 100.1},
        },
    }
    assert (event.ts, event.symbol, event.attempt_id, event.is_allowed) == (NOW, "BTCUSDT", "a1", True)


def test_the_logged_document_reads_back_as_the_event() -> None:
    for leverage in (1.0, 9.0):
        event, decision = decided(intent(leverage=leverage), max_leverage=3)
        assert parse_event("shadow_decision", decision) == event


def test_what_is_too_large_is_cut_to_what_the_limits_leave() -> None:
    event, decision = decided(intent(), max_trade_nav_pct=0.05)
    assert event.is_allowed
    assert decision["risk_decision"]["clamped_qty"] == pytest.approx(5.0)
    assert decision["risk_decision"]["hit_caps"] == ["max_trade_nav"]
    assert decision["size_decision"]["gross_usd"] == pytest.approx(500.0)
    assert decision["intent"]["qty"] == 10.0


def test_what_no_size_mends_is_vetoed() -> None:
    event, decision = decided(intent(leverage=9.0), max_leverage=3, max_trade_nav_pct=0.05)
    assert event.is_allowed is False
    assert decision["risk_decision"]["reasons"] == ["leverage_cap"]
    assert decision["risk_decision"]["hit_caps"] == ["max_trade_nav"]
    assert decision["risk_decision"]["clamped_qty"] == 0.0
    assert decision["risk_decision"]["diagnostics"]["leverage"] == 9.0
    assert "size_decision" not in decision
    assert "router_decision" not in decision


def test_a_cap_that_leaves_less_than_the_minimum_is_a_veto() -> None:
    event, decision = decided(intent(), max_trade_nav_pct=0.001, min_notional_usdt=20)
    assert event.is_allowed is False
    assert decision["risk_decision"]["reasons"] == ["max_trade_nav"]


@pytest.mark.parametrize(("factor", "qty"), [(None, 10.0), (0.5, 5.0), (1.0, 10.0), (2.5, 10.0)])
def test_the_size_factor_sizes_down_and_never_above_what_was_asked(factor: float | None, qty: float) -> None:
    _, decision = decided(intent(), factor=factor)
    assert decision["risk_decision"]["clamped_qty"] == qty
    assert decision["risk_decision"]["hit_caps"] == []
    assert decision["risk_decision"]["diagnostics"] == {"size_factor": factor}


def test_nothing_is_never_allowed() -> None:
    event, decision = decided(intent(), factor=0.0)
    assert event.is_allowed is False
    assert decision["risk_decision"]["reasons"] == ["no_size"]


def test_an_exit_is_neither_sized_nor_cut_nor_vetoed() -> None:
    event, decision = decided(intent(reduce_only=True), factor=0.1, max_trade_nav_pct=0.001, max_gross_exposure_pct=1)
    assert event.is_allowed
    assert decision["risk_decision"]["clamped_qty"] == 10.0


@pytest.mark.parametrize(
    ("side", "maker_first", "bps"),
    [("BUY", True, -20.0), ("SELL", True, -20.0), ("BUY", False, 10.0), ("SELL", False, 10.0)],
)
def test_the_expected_slippage_is_that_of_the_proposed_route(side: Side, maker_first: bool, bps: float) -> None:
    _, decision = decided(intent(side=side), Policy(maker_first=maker_first, offset_bps=20.0))
    assert expected_slippage_bps(decision) == pytest.approx(bps)


def test_a_heartbeat_is_no_decision() -> None:
    event = heartbeat(NOW, None, 3, 2)
    assert (event.is_heartbeat, event.is_allowed, event.symbol, event.attempt_id) == (True, None, None, None)
    assert isinstance(event.decision, dict)
    assert parse_event("shadow_decision", event.decision) == event
    assert event.decision["decided"] == {"allowed": 3, "vetoed": 2}
