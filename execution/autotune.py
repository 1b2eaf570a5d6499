"""The routing policy of a symbol, and how a published suggestion moves it (semantics 7, "Applying").

Laws kept here: a policy is moved only if autotune is switched on, by at most its steps, for symbols on the list, with
an allowed router quality and a risk mode that is not defensive; the old policy is kept beside the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

RiskMode = Literal["normal", "cautious", "defensive"]
BIAS_NUMBERS = {"prefer_maker": 0.25, "balanced": 0.5, "prefer_taker": 0.75}


def bias_label(bias: float) -> str:
    """Return the label of a taker bias (semantics 7)."""
    if bias <= 0.35:
        return "prefer_maker"
    return "prefer_taker" if bias >= 0.65 else "balanced"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the router works an order. ``taker_bias`` 0..1, higher is less patient; ``offset_bps`` from the mid."""

    maker_first: bool = True
    taker_bias: float = 0.5
    offset_bps: float = 2.0
    quality: str = "ok"
    reason: str = "nothing is published yet"

    @property
    def bias_label(self) -> str:
        return bias_label(self.taker_bias)

    def numbers(self) -> dict[str, Any]:
        """Return the policy as JSON values."""
        return asdict(self)


def published_policy(health: Mapping[str, Any] | None) -> Policy:
    """Return the policy that router health publishes for a symbol; the default policy if there is none."""
    if health is None:
        return Policy()
    policy = health["policy"]
    return Policy(
        maker_first=bool(policy["maker_first"]),
        taker_bias=BIAS_NUMBERS.get(policy["taker_bias"], 0.5),
        offset_bps=float(health["maker_offset_bps"]),
        quality=str(policy["quality"]),
        reason=str(policy["reason"]),
    )


@dataclass(frozen=True, slots=True)
class Autotune:
    """Limits for applying suggestions. An empty ``allowlist`` means every symbol.

    ``max_offset_abs_bps``: no offset is moved beyond it; a published offset beyond it comes back step by step.
    """

    is_on: bool = False
    allowlist: frozenset[str] = frozenset()
    max_bias_delta: float = 0.05
    max_offset_step_bps: float = 2.0
    max_offset_abs_bps: float = 10.0
    may_flip: bool = False
    qualities: frozenset[str] = frozenset({"good", "ok"})

    def apply(self, policy: Policy, proposed: Policy | None, symbol: str, mode: RiskMode) -> Policy:
        """Return the policy moved towards a proposed one, or the policy unchanged."""
        if not self.is_on or proposed is None or mode == "defensive":
            return policy
        if (self.allowlist and symbol not in self.allowlist) or policy.quality not in self.qualities:
            return policy
        farthest = self.max_offset_abs_bps
        wanted_bps = max(-farthest, min(farthest, proposed.offset_bps))
        flips = self.may_flip and mode == "normal"
        return replace(
            policy,
            taker_bias=_towards(policy.taker_bias, proposed.taker_bias, self.max_bias_delta),
            offset_bps=_towards(policy.offset_bps, wanted_bps, self.max_offset_step_bps),
            maker_first=proposed.maker_first if flips else policy.maker_first,
        )


def _towards(value: float, wanted: float, step: float) -> float:
    """Return the wanted value if one step reaches it, else a value one step nearer."""
    return max(value - step, min(value + step, wanted))
