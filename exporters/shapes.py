"""The shapes of the published files, as pydantic models; the JSON Schemas in ``docs/schema/`` are generated from them.

Unknown is ``null``. ``*_ts`` are epoch seconds, ``t``, ``updated_at`` and ``generated_ts`` (where it is text) RFC 3339
in UTC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Float = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Bias = Literal["prefer_maker", "balanced", "prefer_taker"]
Quality = Literal["broken", "degraded", "good", "ok"]
AtrRegime = Literal["unknown", "quiet", "normal", "hot", "panic"]
RouterRegime = Literal["unknown", "broken", "fallback_heavy", "slippage_hot", "maker_strong", "balanced"]
RiskMode = Literal["normal", "cautious", "defensive"]


def _told(text: str) -> Any:
    """A key that is left out while it is null: its value is unknown, or there is nothing to report."""
    return Field(default=None, exclude_if=lambda value: value is None, description=text)


class Shape(BaseModel):
    """A JSON object of a published file: no unknown keys, and every key present except those that may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StateDocument(Shape):
    """What a published file says of those of its inputs that stopped; both keys are left out while none has."""

    stale_s: Float | None = _told("age of the newest row of the input that stopped first, s")
    stale_inputs: dict[str, str] | None = _told("inputs that stopped, each with the time of its newest row")


class NoTrade(Shape):
    """``{}``: the symbol has no trade in the window."""


class ExpectancyStats(Shape):
    """Statistics of a group of trades, USD; ``net_expectancy`` is after fees, ``ci95`` half the mean's interval."""

    count: int
    hit_rate: Fraction
    avg_return: Float
    avg_win: Float
    avg_loss: Float
    expectancy: Float
    expectancy_per_risk: Float
    max_drawdown: Float
    drawdown_adjusted: Float
    net_expectancy: Float | None
    std: Float | None
    ci95: Float | None
    unpriced_fees: int | None = _told("trades whose fees are not all priced; net_expectancy leaves them out")


StatsOrNone = Annotated[ExpectancyStats | NoTrade, BeforeValidator(lambda value: NoTrade() if value is None else value)]


class TopVeto(Shape):
    reason: str
    count: int


class ExecStats(Shape):
    """Counts of the last 24 hours; ``fill_rate`` is the share of the attempts that have a fill."""

    attempted_24h: int
    executed_24h: int
    vetoes_24h: int
    fill_rate: Fraction | None
    top_vetoes: list[TopVeto]
    last_heartbeats: dict[str, str]


class NavPoint(Shape):
    t: str
    equity: Float
    nav: Float
    unrealized_pnl: Float | None
    realized_pnl: Float | None


class EquityPoint(Shape):
    ts: Float
    equity: Float


class Nav(StateDocument):
    """nav.json: the account, USD and per cent; ``drawdown_pct`` is positive for a loss.

    ``points``, ``drawdown`` and ``realized_pnl`` say what ``series``, ``drawdown_pct`` and ``realized_pnl_today`` say,
    under the keys that readers of other files of NAV know.
    """

    series: list[NavPoint]
    points: list[EquityPoint]
    peak_equity: Float | None
    total_equity: Float | None
    gross_exposure_usd: Float
    net_exposure_usd: Float
    largest_position_usd: Float
    unmarked_positions: int | None = _told("positions whose mark or entry price is unknown")
    drawdown_pct: Float | None
    drawdown: Float | None
    drawdown_abs: Float | None
    realized_pnl_today: Float | None
    realized_pnl: Float | None
    unrealized_pnl: Float | None = _told("unrealised PnL, USD")
    nav: Float | None
    nav_usd: Float | None
    exec_stats: ExecStats
    updated_at: str
    updated_ts: Float


class PositionItem(Shape):
    """One open position; ``qty`` is signed, ``ts`` its time in epoch seconds."""

    symbol: str
    side: str
    positionSide: str  # noqa: N815 (the contract's key)
    qty: Float
    entry_price: Float | None
    mark_price: Float | None
    pnl: Float | None
    leverage: Float | None
    notional: Float | None
    ts: Float
    is_marked: Literal[False] | None = _told("false: no mark is known, the entry price is taken and pnl is unknown")


class Positions(StateDocument):
    """positions.json: the open positions and what they expose, USD."""

    items: list[PositionItem]
    gross_exposure_usd: Float
    net_exposure_usd: Float
    largest_position_usd: Float
    unmarked_positions: int | None = _told("positions whose mark or entry price is unknown")
    exec_stats: ExecStats
    updated_at: str
    updated_ts: Float


class SnapshotRouter(Shape):
    maker_fill_ratio: Fraction | None
    fallback_ratio: Fraction | None
    slip_q25: Float | None
    slip_q50: Float | None
    slip_q75: Float | None
    slip_q95: Float | None
    warnings: list[str]
    router_warnings: list[str]
    maker_offset_bps: Float
    policy_quality: Quality
    policy_maker_first: bool
    policy_taker_bias: Bias


class ToggleMeta(Shape):
    disabled_ts: Float
    disabled_until: str | None
    reason: str | None


class SnapshotRisk(Shape):
    dd_today_pct: Float | None
    risk_flags: list[str]
    sharpe_state: Literal["unknown", "poor", "strong", "neutral"]
    toggle_active: bool
    toggle_meta: ToggleMeta | None
    unmarked_positions: int | None = _told("open positions whose PnL is unknown; dd_today_pct leaves it out")


class SnapshotVol(Shape):
    atr_now: Float | None
    atr_med: Float | None
    atr_ratio: Float | None
    atr_regime: AtrRegime


class SnapshotSizing(Shape):
    sharpe_7d: Float | None
    size_mult_sharpe: Float
    size_mult_regime: Float
    size_mult_combined: Float
    intel_size_factor: Float
    final_size_factor: Float


class SnapshotSymbol(Shape):
    symbol: str
    router: SnapshotRouter
    risk: SnapshotRisk
    vol: SnapshotVol
    sizing: SnapshotSizing
    updated_ts: Float


class RiskSnapshot(StateDocument):
    """risk_snapshot.json: router, risk, volatility and sizing per symbol."""

    updated_ts: Float
    symbols: list[SnapshotSymbol]


class RouterPolicy(Shape):
    """``reason`` names quality and volatility regime, ``branch`` says in words what was decided and why."""

    maker_first: bool
    taker_bias: Bias
    quality: Quality
    reason: str
    branch: str


class RouterHealthSymbol(Shape):
    symbol: str
    maker_fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slippage_p50: Float | None
    slippage_p95: Float | None
    ack_latency_p50_ms: Float | None
    maker_offset_bps: Float
    policy: RouterPolicy
    updated_ts: Float


class RouterHealth(StateDocument):
    """router_health.json: how the router does on each symbol, and the policy that follows."""

    updated_ts: Float
    symbols: list[RouterHealthSymbol]


class NavSnapshot(Shape):
    equity: Float | None
    t: str | None


class ExpectancyMetadata(Shape):
    nav_snapshot: NavSnapshot


class Expectancy(StateDocument):
    """expectancy_v6.json: statistics of the closed trades of 48 hours by symbol, UTC hour and regime tag."""

    symbols: dict[str, ExpectancyStats]
    hours: dict[str, ExpectancyStats]
    regimes: dict[str, ExpectancyStats]
    sample_count: int
    lookback_hours: Float
    updated_ts: Float
    metadata: ExpectancyMetadata


class ScoreComponents(Shape):
    expectancy: Float
    router: Float
    slippage_penalty: Float
    fee_drag_penalty: Float
    volatility_penalty: Float


class ScoreRouterInputs(Shape):
    maker_fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slippage_p50: Float | None


class ScoreInputs(Shape):
    expectancy: StatsOrNone
    router: ScoreRouterInputs


class SymbolScore(Shape):
    symbol: str
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
    taker_bias: Float
    bias_label: Bias
    offset_bps: Float


class SuggestionMetrics(Shape):
    fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slip_p50_bps: Float | None
    slip_p95_bps: Float | None
    latency_p50_ms: Float | None


class SuggestionScore(Shape):
    score: Fraction


class RouterPolicySuggestion(Shape):
    symbol: str
    regime: RouterRegime
    quality: Quality
    lookback_days: Float
    metrics: SuggestionMetrics
    current_policy: NumericPolicy
    proposed_policy: NumericPolicy
    rationale: list[str]
    expectancy_inputs: StatsOrNone
    score_inputs: SuggestionScore


class RouterPolicySuggestions(StateDocument):
    """router_policy_suggestions_v6.json: current and proposed router policy per symbol."""

    generated_ts: str
    lookback_days: Float
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
    current_max_nav_pct: Float
    current_max_trade_nav_pct: Float
    current_max_concurrent_positions: int | None


class SuggestedCaps(Shape):
    max_nav_pct: Float
    max_trade_nav_pct: Float
    max_concurrent_positions: int | None


class AllocationSuggestion(Shape):
    """Caps and weight are fractions of NAV, whatever their keys say."""

    symbol: str
    score: Fraction
    expectancy: AllocationExpectancy
    router_policy: AllocationPolicies
    caps: CurrentCaps
    suggested_caps: SuggestedCaps
    suggested_weight: Fraction
    rationale: list[str]


class AllocationGlobal(Shape):
    current_equity_usd: Float | None
    current_drawdown_pct: Float | None
    risk_mode: RiskMode
    unmarked_positions: int | None = _told("open positions whose PnL is unknown; the drawdown leaves it out")


class RiskAllocationSuggestions(StateDocument):
    """risk_allocation_suggestions_v6.json: suggested weights and caps of the enabled symbols."""

    generated_ts: str
    lookback_days: Float
    global_: AllocationGlobal = Field(alias="global")
    symbols: list[AllocationSuggestion]


class ShadowHead(StateDocument):
    """pipeline_v6_shadow_head.json: shadow decisions of 24 hours; the latest one whole, as its producer wrote it."""

    total: int
    allowed: int
    vetoed: int
    generated_ts: Float
    last_decision: dict[str, Any] | None
    lookback_hours: Float


class Spread(Shape):
    mean: Float | None
    p50: Float | None
    p95: Float | None


class CompareSummary(StateDocument):
    """pipeline_v6_compare_summary.json: shadow against live; informational while ``is_warmup``."""

    generated_ts: Float
    sample_size: int
    veto_mismatch_pct: Float | None
    size_diff_stats: Spread
    slippage_diff_bps: Spread
    is_warmup: bool
    warmup_reason: str | None
    min_sample_size: int


class Flags(Shape):
    """The six flags of the runtime."""

    INTEL_V6_ENABLED: bool
    RISK_ENGINE_V6_ENABLED: bool
    PIPELINE_V6_SHADOW_ENABLED: bool
    ROUTER_AUTOTUNE_V6_ENABLED: bool
    FEEDBACK_ALLOCATOR_V6_ENABLED: bool
    ROUTER_AUTOTUNE_V6_APPLY_ENABLED: bool


class RuntimeProbe(Flags, StateDocument):
    """v6_runtime_probe.json: flags and mode of the runtime."""

    ENV: str
    DRY_RUN: str
    BINANCE_TESTNET: str
    engine_version: str = Field(min_length=1)
    ts: Float


class SyncedState(StateDocument):
    """synced_state.json: what downstream brokers read: positions, NAV, engine version and flags."""

    items: list[PositionItem]
    nav: Float | None
    engine_version: str = Field(min_length=1)
    v6_flags: Flags
    updated_at: str
    updated_ts: Float
