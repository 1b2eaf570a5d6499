"""Risk limits: one pass over a table of checks, from values to a veto or none.

Laws kept here:
- every check uses only the values of the moment and the limits; no clock, no I/O, no memory;
- an intent that is ``reduce_only`` is never vetoed: one must always be able to get out, whatever is stale, lost,
  switched off or too large (the order carries the flag, so the venue holds it to its word);
- a limit that is ``None`` does not apply; a limit of 0 lets nothing through; nan fails every limit;
- sizes and exposures may be *at* their cap; a loss *at* its limit is a veto; rounding (1e-9) never decides;
- exposure is that after the intent, and only intents that add exposure are vetoed: reducing a position, even to
  nothing, is always allowed, even while it is above its cap; the part beyond zero on the other side is new and must
  keep to the caps;
- if equity is unknown and ``fail_closed_on_nav_stale`` is off, limits in shares of NAV do not apply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import JsonValue

from tape.execution.config import Limits, SymbolLimits, Universe, effective
from tape.execution.events import IntentVetoed
from tape.execution.intents import Intent
from tape.execution.venues.venue import Quote, sign

_ROUNDING = 1e-9
"""Share of a limit (of 1, where it is smaller) below which a difference is an artefact of floats."""

Numbers = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class RiskView:
    """The values seen at ``now``.

    ``equity_usd`` and ``nav_age_s`` are None when unknown; an unknown start or peak of the day (in the reset time zone)
    is the equity itself: the day begins with it. ``notional_usd``: signed, by symbol, open positions plus working
    orders; in hedge mode of the position (LONG or SHORT) that the intent moves, and ``apart_usd`` has the other one.
    ``open_positions``: LONG and SHORT of a symbol are two. ``stops``: the last losing close by symbol. ``attempts``: of
    the intent's symbol, at least those of the last hour. ``disabled``: switched-off symbols and when that ends, None:
    until they are switched on again.
    """

    now: datetime
    equity_usd: float | None
    nav_age_s: float | None
    day_start_equity_usd: float | None = None
    peak_equity_usd: float | None = None
    notional_usd: Mapping[str, float] = field(default_factory=dict)
    apart_usd: Mapping[str, float] = field(default_factory=dict)
    open_positions: int = 0
    stops: Mapping[str, datetime] = field(default_factory=dict)
    attempts: Sequence[datetime] = ()
    disabled: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Veto:
    """A refusal at ``ts``: the first reason, all of them in the order of the checks, and the numbers behind them."""

    ts: datetime
    reason: str
    reasons: tuple[str, ...]
    thresholds: Numbers
    observed: Numbers


@dataclass(frozen=True)
class _Case:
    """An intent among what was seen and what holds for its symbol."""

    intent: Intent
    seen: RiskView
    limits: Limits
    universe: Universe

    @cached_property
    def own(self) -> SymbolLimits:
        return effective(self.limits, self.universe, self.intent.symbol)

    @property
    def before_usd(self) -> float:
        """Signed notional of the symbol without the intent."""
        return self.seen.notional_usd.get(self.intent.symbol, 0.0)

    @property
    def after_usd(self) -> float:
        """Signed notional of the symbol with the intent; a rest that is only rounding is 0."""
        after = self.before_usd + sign(self.intent.side) * self.intent.notional_usd
        return 0.0 if abs(after) <= _ROUNDING * abs(self.before_usd) else after

    @property
    def adds(self) -> bool:
        """There is more exposure after than before, or exposure on the other side."""
        return not (abs(self.after_usd) <= abs(self.before_usd) and self.after_usd * self.before_usd >= 0)

    @property
    def others_usd(self) -> float:
        """Gross notional of all other positions: other symbols, and in hedge mode the other one of this symbol."""
        others = [abs(usd) for symbol, usd in self.seen.notional_usd.items() if symbol != self.intent.symbol]
        return math.fsum([*others, *(abs(usd) for usd in self.seen.apart_usd.values())])

    @property
    def apart_usd(self) -> float:
        """Gross notional of the symbol's other position in hedge mode, which the intent does not move."""
        return abs(self.seen.apart_usd.get(self.intent.symbol, 0.0))

    def of_nav(self, share: float | None) -> float | None:
        """A share of NAV in USD; None: no limit, or nothing to take a share of."""
        return None if share is None or self.seen.equity_usd is None else share * self.seen.equity_usd

    @property
    def symbol_cap_usd(self) -> float | None:
        shares = [share for share in (self.own.max_symbol_exposure_frac, self.own.nav_cap_frac) if share is not None]
        return self.of_nav(min(shares, default=None))


Failure = tuple[Numbers, Numbers]
"""Thresholds and observations of a check that failed."""


def _is_above(value: float, cap: float) -> bool:
    return not value <= cap + _ROUNDING * max(abs(cap), 1.0)


def _is_below(value: float, floor: float) -> bool:
    return not value >= floor - _ROUNDING * max(abs(floor), 1.0)


def _over(limit: str, cap: float | None, name: str, value: float) -> Failure | None:
    return ({limit: cap}, {name: value}) if cap is not None and _is_above(value, cap) else None


def _lost(
    limit: str, limit_pct: float | None, name: str, high_usd: float | None, now_usd: float | None
) -> Failure | None:
    """Return the loss from ``high_usd`` in per cent of it, if at or beyond its limit; an account at 0 has lost all."""
    if limit_pct is None or now_usd is None:
        return None
    high = now_usd if high_usd is None else max(high_usd, now_usd)
    lost_pct = 100 * (high - now_usd) / high if high > 0 else 100.0
    return None if _is_below(lost_pct, limit_pct) else ({limit: limit_pct}, {name: lost_pct})


def _symbol_disabled(case: _Case) -> Failure | None:
    symbol, disabled = case.intent.symbol, case.seen.disabled
    if symbol not in disabled:
        return None
    until = disabled[symbol]
    return ({}, {"disabled_until": _json(until)}) if until is None or case.seen.now < until else None


def _whitelist(case: _Case) -> Failure | None:
    symbol = case.intent.symbol
    enabled, restricted = symbol in case.universe.enabled, symbol in case.limits.restricted_symbols
    return None if enabled and not restricted else ({}, {"is_enabled": enabled, "is_restricted": restricted})


def _nav_stale(case: _Case) -> Failure | None:
    age_s, limit_s = case.seen.nav_age_s, case.limits.nav_freshness_s
    fresh = case.seen.equity_usd is not None and age_s is not None and not _is_above(age_s, limit_s)
    if fresh or not case.limits.fail_closed_on_nav_stale:
        return None
    return {"nav_freshness_s": limit_s}, {"nav_age_s": age_s, "equity_usd": case.seen.equity_usd}


def _daily_loss(case: _Case) -> Failure | None:
    seen, limit_pct = case.seen, case.limits.overall.daily_loss_limit_pct
    return _lost("daily_loss_limit_pct", limit_pct, "daily_loss_pct", seen.day_start_equity_usd, seen.equity_usd)


def _nav_drawdown(case: _Case) -> Failure | None:
    seen, limit_pct = case.seen, case.limits.overall.max_nav_drawdown_pct
    return _lost("max_nav_drawdown_pct", limit_pct, "nav_drawdown_pct", seen.peak_equity_usd, seen.equity_usd)


def _cooldown(case: _Case) -> Failure | None:
    stop, wait_min = case.seen.stops.get(case.intent.symbol), case.limits.overall.cooldown_min
    if stop is None or wait_min is None or case.seen.now - stop >= timedelta(minutes=wait_min):
        return None
    return {"cooldown_min": wait_min}, {"last_stop_ts": _json(stop)}


def _trade_rate_limit(case: _Case) -> Failure | None:
    limit, since = case.limits.overall.max_trades_per_symbol_per_hour, case.seen.now - timedelta(hours=1)
    made = sum(since < attempt <= case.seen.now for attempt in case.seen.attempts)
    if limit is None or made < limit:
        return None
    return {"max_trades_per_symbol_per_hour": limit}, {"trades_of_last_hour": made}


def _leverage_cap(case: _Case) -> Failure | None:
    return _over("max_leverage", case.own.max_leverage, "leverage", case.intent.leverage)


def _min_notional(case: _Case) -> Failure | None:
    floor, usd = case.own.min_notional_usd, case.intent.notional_usd
    return ({"min_notional_usd": floor}, {"notional_usd": usd}) if floor is not None and _is_below(usd, floor) else None


def _per_trade_cap(case: _Case) -> Failure | None:
    return _over("max_order_notional_usd", case.own.max_order_notional_usd, "notional_usd", case.intent.notional_usd)


def _max_trade_nav(case: _Case) -> Failure | None:
    cap_usd = case.of_nav(case.own.trade_cap_frac)
    return _over("max_trade_nav_usd", cap_usd, "notional_usd", case.intent.notional_usd)


def _symbol_cap(case: _Case) -> Failure | None:
    cap_usd = case.symbol_cap_usd if case.adds else None
    after_usd = abs(case.after_usd) + case.apart_usd
    return _over("max_symbol_exposure_usd", cap_usd, "symbol_exposure_after_usd", after_usd)


def _position_limit(case: _Case) -> Failure | None:
    """Positions and working orders count, one per symbol; in hedge mode LONG and SHORT of a symbol are two."""
    own, overall = case.own.max_concurrent_positions, case.limits.overall.max_concurrent_positions
    own_after = 1 + (case.apart_usd != 0)
    is_new = case.before_usd == 0
    if case.adds and own is not None and (own < 1 or (is_new and own_after > own)):
        return {"max_concurrent_positions_of_symbol": own}, {"positions_of_symbol_after": own_after}
    held = sum(usd != 0 for usd in [*case.seen.notional_usd.values(), *case.seen.apart_usd.values()])
    after = max(case.seen.open_positions, held) + 1
    if not is_new or overall is None or after <= overall:
        return None
    return {"max_concurrent_positions": overall}, {"positions_after": after}


def _portfolio_cap(case: _Case) -> Failure | None:
    cap_usd = case.of_nav(case.limits.overall.max_gross_exposure_frac) if case.adds else None
    after_usd = case.others_usd + abs(case.after_usd)
    return _over("max_gross_exposure_usd", cap_usd, "gross_exposure_after_usd", after_usd)


CHECKS: tuple[tuple[str, Callable[[_Case], Failure | None]], ...] = (
    ("symbol_disabled", _symbol_disabled),
    ("whitelist", _whitelist),
    ("nav_stale", _nav_stale),
    ("daily_loss", _daily_loss),
    ("nav_drawdown", _nav_drawdown),
    ("cooldown", _cooldown),
    ("trade_rate_limit", _trade_rate_limit),
    ("leverage_cap", _leverage_cap),
    ("min_notional", _min_notional),
    ("per_trade_cap", _per_trade_cap),
    ("max_trade_nav", _max_trade_nav),
    ("symbol_cap", _symbol_cap),
    ("position_limit", _position_limit),
    ("portfolio_cap", _portfolio_cap),
)
"""Every check by its canonical reason (semantics 14), in order: may it be traded, is the account well, is it too fast,
is it too small or large, is there room. The first that fails names the veto."""

SIZE_REASONS = frozenset({"min_notional", "per_trade_cap", "max_trade_nav", "symbol_cap", "portfolio_cap"})
"""Reasons that another quantity can do away with."""


def check(intent: Intent, seen: RiskView, limits: Limits, universe: Universe) -> Veto | None:
    """Return the veto with every reason and the numbers for each; None: the intent may go on."""
    if intent.reduce_only:
        return None
    case = _Case(intent, seen, limits, universe)
    failed = {reason: failure for reason, fails in CHECKS if (failure := fails(case)) is not None}
    if not failed:
        return None
    thresholds: Numbers = {}
    observed: Numbers = {
        "notional_usd": intent.notional_usd,
        "equity_usd": seen.equity_usd,
        "nav_age_s": seen.nav_age_s,
    }
    for limit, found in failed.values():
        thresholds.update(limit)
        observed.update(found)
    return Veto(seen.now, next(iter(failed)), tuple(failed), thresholds, observed)


def largest_allowed_qty(intent: Intent, seen: RiskView, limits: Limits, universe: Universe) -> float:
    """Return how much of the quantity the size and exposure caps allow, base units; 0: none, or below the minimum.

    What ``check`` says of the account, the symbol, its pace and the number of positions stands beside it.
    """
    if intent.reduce_only:
        return intent.qty
    case = _Case(intent, seen, limits, universe)
    room_usd = _room_usd(case)
    qty = room_usd / intent.price if intent.notional_usd > room_usd else intent.qty
    floor_usd = case.own.min_notional_usd or 0.0
    return 0.0 if _is_below(qty * intent.price, floor_usd) else qty


def _room_usd(case: _Case) -> float:
    """Return the largest notional that no cap on size or exposure vetoes."""
    gross_usd = case.of_nav(case.limits.overall.max_gross_exposure_frac)
    own = case.own
    rooms = (
        own.max_order_notional_usd,
        case.of_nav(own.trade_cap_frac),
        _room_to(case, None if case.symbol_cap_usd is None else case.symbol_cap_usd - case.apart_usd),
        _room_to(case, None if gross_usd is None else gross_usd - case.others_usd),
    )
    return max(0.0, min((room for room in rooms if room is not None), default=math.inf))


def _room_to(case: _Case, cap_usd: float | None) -> float | None:
    """From the exposure of the symbol to a cap, through zero where the intent goes the other way; below 0: none."""
    if cap_usd is None:
        return None
    return max(cap_usd, 0.0) - sign(case.intent.side) * case.before_usd


def veto_event(intent: Intent, veto: Veto, quote: Quote | None, event_id: str | None = None) -> IntentVetoed:
    """Return the veto for the record: one row with a canonical reason, and the market of the moment if known.

    ``position_side`` stays unknown: its presence marks a raw row of an old executor.
    """
    thresholds, observed = _as_json(veto.thresholds), _as_json(veto.observed)
    return IntentVetoed(
        event_id=event_id,
        ts=veto.ts,
        symbol=intent.symbol,
        veto_reason=veto.reason,
        side=intent.side,
        strategy=intent.strategy,
        qty_req=intent.qty,
        signal_ts=intent.signal_ts,
        attempt_id=intent.attempt_id,
        intent_id=intent.intent_id,
        veto_detail={
            "reasons": list(veto.reasons),
            "observed": observed,
            "thresholds": thresholds,
            "intent": _as_json(asdict(intent)),
        },
        thresholds=thresholds,
        bid_price=None if quote is None else quote.bid,
        ask_price=None if quote is None else quote.ask,
        mark_price=None if quote is None else quote.mark,
    )


def _as_json(found: Mapping[str, object]) -> Numbers:
    return {name: _json(value) for name, value in found.items()}


def _json(value: object) -> JsonValue:
    """Return a value as JSON has it: instants as RFC 3339; NaN and infinity are unknown."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) else None
