"""The shapes of expectancy, scores, suggestions, allocations, and of the candidate pipeline beside the live one.

Unknown is ``null``. ``*_ts`` are epoch seconds, or RFC 3339 in UTC where ``generated_ts`` is text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tape.exporters.bounds import (
    Bias,
    Count,
    Float,
    Fraction,
    Hour,
    Instant,
    Name,
    NotNegative,
    NotPositive,
    OneOrMore,
    Percent,
    Positive,
    Quality,
    RegimeTag,
    RiskMode,
    RouterRegime,
)
from tape.exporters.shapes import Shape, StateDocument, left_out_while_null


class NoTrade(Shape):
    """``{}``: the symbol has no trade in the window."""


class ExpectancyStats(Shape):
    """Statistics of a group of trades, USD; ``net_expectancy`` is after fees, ``ci95`` half the mean's interval."""

    count: OneOrMore
    hit_rate: Fraction
    avg_return: Float
    avg_win: NotNegative
    avg_loss: NotPositive
    expectancy: Float
    expectancy_per_risk: Float
    max_drawdown: NotNegative
    drawdown_adjusted: Float
    net_expectancy: Float | None
    std: NotNegative | None
    ci95: NotNegative | None
    unpriced_fees: OneOrMore | None = left_out_while_null(
        "trades whose fees are not all priced; net_expectancy leaves them out"
    )


StatsOrNone = Annotated[ExpectancyStats | NoTrade, BeforeValidator(lambda value: NoTrade() if value is None else value)]


class NavSnapshot(Shape):
    equity: Positive | None
    t: Instant | None


class ExpectancyMetadata(Shape):
    nav_snapshot: NavSnapshot


class Expectancy(StateDocument):
    """expectancy_v6.json: statistics of the closed trades of 48 hours by symbol, UTC hour and regime tag."""

    symbols: dict[Name, ExpectancyStats]
    hours: dict[Hour, ExpectancyStats]
    regimes: dict[RegimeTag, ExpectancyStats]
    sample_count: Count
    lookback_hours: Positive
    updated_ts: Float
    metadata: ExpectancyMetadata


class ScoreComponents(Shape):
    expectancy: Fraction
    router: Fraction
    slippage_penalty: Annotated[float, Field(ge=0, le=0.4)]
    fee_drag_penalty: Annotated[float, Field(ge=0, le=0.4)]
    volatility_penalty: Annotated[float, Field(ge=0, le=0.5)]


class ScoreRouterInputs(Shape):
    maker_fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slippage_p50: Float | None


class ScoreInputs(Shape):
    expectancy: StatsOrNone
    router: ScoreRouterInputs


class SymbolScore(Shape):
    symbol: Name
    score: Fraction
    components: ScoreComponents
    inputs: ScoreInputs


class SymbolScores(StateDocument):
    """symbol_scores_v6.json: scores 0..1, best first."""

    updated_ts: Float
    symbols: list[SymbolScore]


class NumericPolicy(Shape):
    """A router policy with its bias as a number 0..1."""

    maker_first: bool
    taker_bias: Fraction
    bias_label: Bias
    offset_bps: NotNegative


class SuggestionMetrics(Shape):
    fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slip_p50_bps: Float | None
    slip_p95_bps: Float | None
    latency_p50_ms: Float | None


class SuggestionScore(Shape):
    score: Fraction


class RouterPolicySuggestion(Shape):
    symbol: Name
    regime: RouterRegime
    quality: Quality
    lookback_days: Positive
    metrics: SuggestionMetrics
    current_policy: NumericPolicy
    proposed_policy: NumericPolicy
    rationale: list[str]
    expectancy_inputs: StatsOrNone
    score_inputs: SuggestionScore


class RouterPolicySuggestions(StateDocument):
    """router_policy_suggestions_v6.json: current and proposed router policy per symbol."""

    generated_ts: Instant
    lookback_days: Positive
    symbols: list[RouterPolicySuggestion]


class AllocationExpectancy(Shape):
    expectancy: Float | None
    avg_return: Float | None
    hit_rate: Fraction | None
    regime: RouterRegime


class AllocationPolicies(Shape):
    current: NumericPolicy
    proposed: NumericPolicy


class CurrentCaps(Shape):
    current_max_nav_pct: Fraction
    current_max_trade_nav_pct: Fraction
    current_max_concurrent_positions: Count | None


class SuggestedCaps(Shape):
    max_nav_pct: Fraction
    max_trade_nav_pct: Fraction
    max_concurrent_positions: Count | None


class AllocationSuggestion(Shape):
    """Caps and weight are fractions of NAV, whatever their keys say."""

    symbol: Name
    score: Fraction
    expectancy: AllocationExpectancy
    router_policy: AllocationPolicies
    caps: CurrentCaps
    suggested_caps: SuggestedCaps
    suggested_weight: Fraction
    rationale: list[str]


class AllocationGlobal(Shape):
    current_equity_usd: Positive | None
    current_drawdown_pct: NotNegative | None
    risk_mode: RiskMode
    unmarked_positions: OneOrMore | None = left_out_while_null(
        "open positions whose PnL is unknown; the drawdown leaves it out"
    )


class RiskAllocationSuggestions(StateDocument):
    """risk_allocation_suggestions_v6.json: suggested weights and caps of the enabled symbols."""

    generated_ts: Instant
    lookback_days: Positive
    global_: AllocationGlobal = Field(alias="global")
    symbols: list[AllocationSuggestion]


class ShadowHead(StateDocument):
    """pipeline_v6_shadow_head.json: shadow decisions of 24 hours; the latest one whole, as its producer wrote it."""

    total: Count
    allowed: Count
    vetoed: Count
    generated_ts: Float
    last_decision: dict[str, Any] | None
    lookback_hours: Positive


class Spread(Shape):
    mean: Float | None
    p50: Float | None
    p95: Float | None


class AbsoluteSpread(Shape):
    """Of absolute values."""

    mean: NotNegative | None
    p50: NotNegative | None
    p95: NotNegative | None


class CompareSummary(StateDocument):
    """pipeline_v6_compare_summary.json: shadow against live; informational while ``is_warmup``."""

    generated_ts: Float
    sample_size: Annotated[int, Field(ge=0, le=500)]
    veto_mismatch_pct: Percent | None
    size_diff_stats: AbsoluteSpread
    slippage_diff_bps: Spread
    is_warmup: bool
    warmup_reason: Literal["sample_size_below_min"] | None
    min_sample_size: OneOrMore
