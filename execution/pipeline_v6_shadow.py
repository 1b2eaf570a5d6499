"""The candidate pipeline: what it would do with the live pipeline's intents, on the same inputs (semantics 10).

The candidate differs from the live pipeline in three ways: it cuts orders that are too large to the limits instead of
refusing them, it sizes by the published size factor of the symbol (never above the intent), and it routes by the
proposed policy. It sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tape.execution.autotune import Policy
from tape.execution.config import Limits, Universe
from tape.execution.events import ShadowDecided
from tape.execution.intents import Intent
from tape.execution.risk_limits import SIZE_REASONS, RiskView, Veto, check, largest_allowed_qty
from tape.execution.router import maker_price, touch
from tape.execution.venues.venue import Quote

NO_SIZE = "no_size"
"""The reason where nothing is left of an intent that no limit refuses: a size factor of 0."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The inputs of the candidate pipeline. ``size_factor``: of the symbol, null while nothing is published."""

    limits: Limits
    universe: Universe
    policy: Policy
    size_factor: float | None


def decide(intent: Intent, seen: RiskView, candidate: Candidate, quote: Quote) -> ShadowDecided:
    """Return the candidate's decision on an intent."""
    limits, universe = candidate.limits, candidate.universe
    wanted = intent if intent.reduce_only else replace(intent, qty=intent.qty * _factor(candidate))
    qty = largest_allowed_qty(wanted, seen, limits, universe)
    veto = check(replace(wanted, qty=qty) if qty > 0 else wanted, seen, limits, universe)
    reasons = list(veto.reasons) if veto is not None else [] if qty > 0 else [NO_SIZE]
    is_allowed = not reasons
    hit_caps = [] if qty == wanted.qty else sorted(_caps(check(wanted, seen, limits, universe)))
    decision: dict[str, Any] = {
        "symbol": intent.symbol,
        "attempt_id": intent.attempt_id,
        "timestamp": seen.now.isoformat(),
        "intent": {
            "side": intent.side,
            "qty": intent.qty,
            "price": intent.price,
            "strategy": intent.strategy,
            "reduce_only": intent.reduce_only,
        },
        "risk_decision": {
            "allowed": is_allowed,
            "clamped_qty": qty if is_allowed else 0.0,
            "reasons": reasons,
            "hit_caps": hit_caps,
            "diagnostics": {"size_factor": candidate.size_factor, **(veto.observed if veto is not None else {})},
        },
        "heartbeat": False,
    }
    if is_allowed:
        decision["size_decision"] = {"gross_usd": qty * intent.price, "qty": qty}
        decision["router_decision"] = _route(intent, candidate.policy, quote)
    return ShadowDecided(
        ts=seen.now,
        symbol=intent.symbol,
        attempt_id=intent.attempt_id,
        is_allowed=is_allowed,
        decision=decision,
    )


def heartbeat(now: datetime, symbol: str | None, allowed: int, vetoed: int) -> ShadowDecided:
    """Return a heartbeat, which is never counted as a decision."""
    decision = {
        "symbol": symbol,
        "timestamp": now.isoformat(),
        "heartbeat": True,
        "decided": {"allowed": allowed, "vetoed": vetoed},
    }
    return ShadowDecided(ts=now, symbol=symbol, is_heartbeat=True, decision=decision)


def _factor(candidate: Candidate) -> float:
    return 1.0 if candidate.size_factor is None else min(candidate.size_factor, 1.0)


def _caps(veto: Veto | None) -> frozenset[str]:
    return frozenset() if veto is None else SIZE_REASONS.intersection(veto.reasons)


def _route(intent: Intent, policy: Policy, quote: Quote) -> dict[str, Any]:
    return {
        "policy": "maker_first" if policy.maker_first else "taker",
        "taker_bias": policy.bias_label,
        "quality": policy.quality,
        "offset_bps": policy.offset_bps,
        "effective_px": {
            "maker": maker_price(intent.side, quote, policy.offset_bps),
            "taker": touch(intent.side, quote),
        },
    }
