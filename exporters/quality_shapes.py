"""The shapes of execution_quality.json and reconciliation.json, as pydantic models.

Unknown is ``null``. ``*_ts`` and ``ts`` are epoch seconds; ``*_usd`` is USD, ``*_bps`` basis points, ``*_ms``
milliseconds. Positive costs are paid; positive markouts are good for us.
"""

from __future__ import annotations

from typing import Literal

from tape.exporters.bounds import Float, Fraction
from tape.exporters.shapes import Shape, StateDocument


class Estimate(Shape):
    """A mean with its 95 % interval; ``p_adj`` allows for the number of cells that were looked at."""

    value: Float | None
    lo: Float | None
    hi: Float | None
    n: int
    blocks: int
    p: Fraction | None
    p_adj: Fraction | None
    state: Literal["none", "insufficient", "ok"]


class Markout(Estimate):
    """``missing`` executions have no price at the horizon."""

    missing: int


class Rate(Shape):
    """``k`` of ``n`` with the 95 % interval of the share."""

    k: int
    n: int
    rate: Fraction | None
    lo: Fraction | None
    hi: Fraction | None


class Coverage(Shape):
    """How much of what was traded the figures rest on."""

    attempts: int
    attempts_without_id: int
    measured: int
    decision_mid: int
    decision_mark: int
    arrival_price: int
    with_total: int
    with_parts: int
    executions: int
    execution_ref_price: int
    unpriced_fee_orders: int


class Parts(Shape):
    """The parts of the cost of the ``n`` attempts that know all of them; they add up to the total."""

    n: int
    delay_bps: Float | None
    timing_bps: Float | None
    spread_bps: Float | None
    opportunity_bps: Float | None
    fees_bps: Float | None
    total_bps: Float | None


class Cell(Shape):
    """The attempts that have one key of one dimension in common."""

    dimension: Literal["all", "symbol", "hour", "size", "route", "regime", "strategy"]
    key: str
    attempts: int
    filled_count: int
    partial_count: int
    unfilled_count: int
    rejected_count: int
    unrecorded_count: int
    working_count: int
    filled_share: Rate
    fill_ratio: Float | None
    executed_usd: Float | None
    maker_share: Float | None
    shortfall: Estimate
    shortfall_usd: Float | None
    parts: Parts
    half_spread_bps: Float | None
    markout_1: Markout
    markout_10: Markout
    markout_60: Markout
    markout_300: Markout
    move_1_bps: Float | None
    move_10_bps: Float | None
    move_60_bps: Float | None
    move_300_bps: Float | None
    ack_ms_p50: Float | None
    ack_ms_p95: Float | None
    first_fill_ms_p50: Float | None
    first_fill_ms_p95: Float | None
    last_fill_ms_p50: Float | None
    last_fill_ms_p95: Float | None


class Reject(Shape):
    reason: str
    count: int


class Foregone(Shape):
    """What missed fills or vetoes cost, negative is saved; ``episodes`` are the chances that are valued."""

    source: Literal["missed", "veto"]
    reason: str
    count: int
    episodes: int
    usd_1: Float | None
    usd_10: Float | None
    usd_60: Float | None
    usd_300: Float | None
    bps_1: Estimate
    bps_10: Estimate
    bps_60: Estimate
    bps_300: Estimate


class Edge(Shape):
    """What a closed trade brought, before and after all fees and funding."""

    dimension: Literal["all", "symbol", "strategy"]
    key: str
    expectancy_usd: Estimate
    net_expectancy_usd: Estimate
    hit_rate: Rate
    net_usd: Float | None
    unpriced_fees: int


class Sharpe(Shape):
    """The ratio of hourly returns; ``psr`` is the probability that the true one is above 0."""

    state: Literal["none", "insufficient", "ok"]
    hours: int
    mean: Float | None
    std: Float | None
    sharpe_hourly: Float | None
    psr: Fraction | None
    min_hours: Float | None


class Account(Shape):
    """Where the change of NAV of some days came from; all else null where no second tick lies in them."""

    days: int
    is_partial: bool
    from_ts: Float | None
    to_ts: Float | None
    start_equity_usd: Float | None
    end_equity_usd: Float | None
    nav_change_usd: Float | None
    realized_usd: Float | None
    unrealized_change_usd: Float | None
    fees_usd: Float | None
    unpriced_fees: int | None
    funding_usd: Float | None
    transfers_usd: Float | None
    explained_usd: Float | None
    unexplained_usd: Float | None
    unexplained_bps: Float | None
    execution_cost_usd: Float | None
    twr_pct: Float | None
    unit_drawdown_pct: Float | None
    unit_max_drawdown_pct: Float | None
    sharpe: Sharpe | None


class ShadowVerdict(Shape):
    """The candidate pipeline against the live one; the interval holds however often it is looked at."""

    since_ts: Float | None
    engine_version: str | None
    horizon_s: Float
    decisions: int
    no_live_side: int
    not_valued: int
    both: int
    neither: int
    shadow_only: int
    live_only: int
    valued: int
    blocks: int
    total_usd: Float | None
    mean_usd: Float | None
    lo: Float | None
    hi: Float | None
    verdict: Literal["insufficient", "shadow_better", "live_better", "undecided"]


class ExecutionQuality(StateDocument):
    """execution_quality.json: what orders cost and why, what refusals cost, and how sure each figure is."""

    updated_ts: Float
    lookback_days: Float
    edge_days: Float
    horizons_s: list[int]
    coverage: Coverage
    cells: list[Cell]
    rejects: list[Reject]
    usual_cost_bps: dict[str, Float | None]
    foregone: list[Foregone]
    edge: list[Edge]
    account: list[Account]
    shadow: ShadowVerdict


Severity = Literal["error", "warning"]


class Check(Shape):
    check: str
    severity: Severity
    count: int


class Finding(Shape):
    """Records that cannot be true together, or of which one is missing; ``event_ids`` are the records to look at."""

    check: str
    severity: Severity
    symbol: str | None
    ref: str | None
    ts: Float
    found: Float | None
    expected: Float | None
    event_ids: list[str]


class Reconciliation(StateDocument):
    """reconciliation.json: findings of 7 days; ``items`` are the first 500."""

    updated_ts: Float
    lookback_days: Float
    errors: int
    warnings: int
    checks: list[Check]
    items: list[Finding]
