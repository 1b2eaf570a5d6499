"""The shapes of the published files, as pydantic models; the JSON Schemas in ``docs/schema/`` are generated from them.

Here are those of the account, of risk, of the router and of the runtime; ``intel_shapes`` has the others. Unknown is
``null``. ``*_ts`` are epoch seconds, ``t`` and ``updated_at`` RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tape.exporters.bounds import (
    AtrRegime,
    Bias,
    Count,
    Float,
    Fraction,
    Instant,
    MakerOffset,
    Name,
    NotNegative,
    NotPositive,
    NotZero,
    OneOrMore,
    Percent,
    Positive,
    Quality,
    RiskFlag,
    Warning,
)


def left_out_while_null(text: str) -> Any:
    """A key that is left out while it is null: its value is unknown, or there is nothing to report."""
    return Field(default=None, exclude_if=lambda value: value is None, description=text)


class Shape(BaseModel):
    """A JSON object of a published file: no unknown keys, and every key present except those that may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StateDocument(Shape):
    """What a published file says of those of its inputs that stopped; both keys are left out while none has."""

    stale_s: NotNegative | None = left_out_while_null("age of the newest row of the input that stopped first, s")
    stale_inputs: dict[str, Instant] | None = left_out_while_null(
        "inputs that stopped, each with the time of its newest row"
    )


class TopVeto(Shape):
    reason: str
    count: OneOrMore


class ExecStats(Shape):
    """Counts of the last 24 hours; ``fill_rate`` is the share of the attempts that have a fill."""

    attempted_24h: Count
    executed_24h: Count
    vetoes_24h: Count
    fill_rate: Fraction | None
    top_vetoes: Annotated[list[TopVeto], Field(max_length=5)]
    last_heartbeats: dict[str, Instant]


class NavPoint(Shape):
    t: Instant
    equity: Positive
    nav: Float
    unrealized_pnl: Float | None
    realized_pnl: Float | None


class EquityPoint(Shape):
    ts: Float
    equity: Positive


class Nav(StateDocument):
    """nav.json: the account, USD and per cent; ``drawdown_pct`` is positive for a loss.

    ``points``, ``drawdown`` and ``realized_pnl`` say what ``series``, ``drawdown_pct`` and ``realized_pnl_today`` say,
    under the keys that readers of other files of NAV know.
    """

    series: Annotated[list[NavPoint], Field(max_length=500)]
    points: Annotated[list[EquityPoint], Field(max_length=500)]
    peak_equity: Positive | None
    total_equity: Positive | None
    gross_exposure_usd: NotNegative
    net_exposure_usd: Float
    largest_position_usd: NotNegative
    unmarked_positions: OneOrMore | None = left_out_while_null("positions whose mark or entry price is unknown")
    drawdown_pct: Percent | None
    drawdown: Percent | None
    drawdown_abs: NotNegative | None
    realized_pnl_today: Float | None
    realized_pnl: Float | None
    unrealized_pnl: Float | None = left_out_while_null("unrealised PnL, USD")
    nav: Float | None
    nav_usd: Float | None
    exec_stats: ExecStats
    updated_at: Instant
    updated_ts: Float


class PositionItem(Shape):
    """One open position; ``qty`` is signed, ``ts`` its time in epoch seconds."""

    symbol: Name
    side: str
    positionSide: str  # noqa: N815 (the contract's key)
    qty: NotZero
    entry_price: Float | None
    mark_price: Float | None
    pnl: Float | None
    leverage: Float | None
    notional: NotNegative | None
    ts: Float
    is_marked: Literal[False] | None = left_out_while_null(
        "false: no mark is known, the entry price is taken and pnl is unknown"
    )


class Positions(StateDocument):
    """positions.json: the open positions and what they expose, USD."""

    items: list[PositionItem]
    gross_exposure_usd: NotNegative
    net_exposure_usd: Float
    largest_position_usd: NotNegative
    unmarked_positions: OneOrMore | None = left_out_while_null("positions whose mark or entry price is unknown")
    exec_stats: ExecStats
    updated_at: Instant
    updated_ts: Float


class SnapshotRouter(Shape):
    maker_fill_ratio: Fraction | None
    fallback_ratio: Fraction | None
    slip_q25: Float | None
    slip_q50: Float | None
    slip_q75: Float | None
    slip_q95: Float | None
    warnings: list[Warning]
    router_warnings: list[Warning]
    maker_offset_bps: MakerOffset
    policy_quality: Quality
    policy_maker_first: bool
    policy_taker_bias: Bias


class ToggleMeta(Shape):
    disabled_ts: Float
    disabled_until: Instant | None
    reason: str | None


class SnapshotRisk(Shape):
    dd_today_pct: NotPositive | None
    risk_flags: list[RiskFlag]
    sharpe_state: Literal["unknown", "poor", "strong", "neutral"]
    toggle_active: bool
    toggle_meta: ToggleMeta | None
    unmarked_positions: OneOrMore | None = left_out_while_null(
        "open positions whose PnL is unknown; dd_today_pct leaves it out"
    )


class SnapshotVol(Shape):
    atr_now: NotNegative | None
    atr_med: NotNegative | None
    atr_ratio: NotNegative | None
    atr_regime: AtrRegime


class SnapshotSizing(Shape):
    sharpe_7d: Float | None
    size_mult_sharpe: Annotated[float, Field(ge=0.25, le=2)]
    size_mult_regime: Annotated[float, Field(ge=0.25, le=1)]
    size_mult_combined: Annotated[float, Field(ge=0.0625, le=2)]
    intel_size_factor: Annotated[float, Field(ge=0.25, le=2)]
    final_size_factor: Annotated[float, Field(ge=0.015625, le=4)]


class SnapshotSymbol(Shape):
    symbol: Name
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
    symbol: Name
    maker_fill_rate: Fraction | None
    fallback_rate: Fraction | None
    slippage_p50: Float | None
    slippage_p95: Float | None
    ack_latency_p50_ms: Float | None
    maker_offset_bps: MakerOffset
    policy: RouterPolicy
    updated_ts: Float


class RouterHealth(StateDocument):
    """router_health.json: how the router does on each symbol, and the policy that follows."""

    updated_ts: Float
    symbols: list[RouterHealthSymbol]


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
    updated_at: Instant
    updated_ts: Float
