"""Each risk check at its boundary, by hand: an account of 10,000 USD, BTCUSDT at 100, one limit at a time."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tape.execution.config import Limits, Universe, parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.intents import Intent
from tape.execution.risk_limits import CHECKS, SIZE_REASONS, RiskView, Veto, check, largest_allowed_qty, veto_event
from tape.execution.venues.venue import Quote, Side

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
UNIVERSE = parse_universe(["BTCUSDT", "ETHUSDT", {"symbol": "SOLUSDT", "enabled": False}])
WELL = RiskView(now=NOW, equity_usd=10_000.0, nav_age_s=1.0)
SECOND = timedelta(seconds=1)


def buy(usd: float = 1000.0, symbol: str = "BTCUSDT", side: Side = "BUY", **other: Any) -> Intent:
    """An intent of so many USD at a price of 100."""
    asked = Intent("i1", "a1", NOW, symbol, side, usd / 100, 100.0, "trend", NOW - SECOND)
    return replace(asked, **other)


def sell(usd: float = 1000.0, **other: Any) -> Intent:
    return buy(usd, side="SELL", **other)


def overall(**limits: object) -> Limits:
    return parse_limits({"global": limits})


def own(**limits: object) -> Limits:
    return parse_limits({"per_symbol": {"BTCUSDT": limits}})


def reasons(intent: Intent, seen: RiskView, limits: Limits, universe: Universe = UNIVERSE) -> tuple[str, ...]:
    veto = check(intent, seen, limits, universe)
    return () if veto is None else veto.reasons


def test_without_limits_a_listed_symbol_and_a_fresh_account_pass() -> None:
    assert check(buy(), WELL, parse_limits({}), UNIVERSE) is None


@pytest.mark.parametrize(
    ("disabled", "expected"),
    [
        ({}, ()),
        ({"ETHUSDT": None}, ()),
        ({"BTCUSDT": None}, ("symbol_disabled",)),
        ({"BTCUSDT": NOW + SECOND}, ("symbol_disabled",)),
        ({"BTCUSDT": NOW}, ()),
    ],
)
def test_symbol_disabled_holds_until_its_end(disabled: dict[str, datetime | None], expected: tuple[str, ...]) -> None:
    assert reasons(buy(), replace(WELL, disabled=disabled), parse_limits({})) == expected


@pytest.mark.parametrize("symbol", ["DOGEUSDT", "SOLUSDT", "ETHUSDT"])
def test_whitelist_refuses_what_is_not_listed_not_enabled_or_restricted(symbol: str) -> None:
    limits = parse_limits({"restricted_symbols": ["ethusdt"]})
    assert reasons(buy(symbol=symbol), WELL, limits) == ("whitelist",)
    assert reasons(buy(), WELL, limits) == ()


@pytest.mark.parametrize(
    ("age_s", "equity_usd", "expected"),
    [
        (150.0, 1e4, ()),
        (150.1, 1e4, ("nav_stale",)),
        (math.nan, 1e4, ("nav_stale",)),
        (None, 1e4, ("nav_stale",)),
        (1.0, None, ("nav_stale",)),
        (0.0, 1e4, ()),
    ],
)
def test_nav_stale_is_an_old_or_unknown_account(
    age_s: float | None, equity_usd: float | None, expected: tuple[str, ...]
) -> None:
    seen = replace(WELL, nav_age_s=age_s, equity_usd=equity_usd)
    assert reasons(buy(), seen, parse_limits({})) == expected
    assert reasons(buy(), seen, parse_limits({"fail_closed_on_nav_stale": False})) == ()


def test_nav_stale_has_its_own_limit() -> None:
    limits = parse_limits({"nav_freshness_seconds": 90})
    assert reasons(buy(), replace(WELL, nav_age_s=90.0), limits) == ()
    assert reasons(buy(), replace(WELL, nav_age_s=91.0), limits) == ("nav_stale",)


LOSSES = [("daily_loss", "daily_loss_limit_pct", "day_start_equity_usd")]
LOSSES += [("nav_drawdown", "max_nav_drawdown_pct", "peak_equity_usd")]


@pytest.mark.parametrize(("reason", "limit", "high"), LOSSES)
def test_a_loss_at_its_limit_is_a_veto(reason: str, limit: str, high: str) -> None:
    def at(equity_usd: float, high_usd: float | None = 20_000.0) -> tuple[str, ...]:
        known: dict[str, Any] = {high: high_usd}
        return reasons(buy(), replace(WELL, equity_usd=equity_usd, **known), overall(**{limit: 5}))

    assert (at(19_000.01), at(19_000.0), at(0.0)) == ((), (reason,), (reason,))
    assert at(25_000.0) == (), "a gain is no loss"
    assert at(1.0, None) == (), "the day begins with this"
    assert (at(0.0, 0.0), at(-1.0, -5.0), at(100.0, 0.0)) == ((reason,), (reason,), ())


def test_a_loss_at_its_limit_is_a_veto_whatever_the_last_digit() -> None:
    # 100 * (0.3 - 0.27) / 0.3 is 9.999999999999991 in floats
    seen = replace(WELL, equity_usd=0.27, peak_equity_usd=0.3)
    assert reasons(buy(), seen, overall(max_nav_drawdown_pct=10)) == ("nav_drawdown",)


def test_cooldown_ends_when_its_minutes_are_over() -> None:
    limits = overall(cooldown_minutes_after_stop=30)

    def after(minutes: float, symbol: str = "BTCUSDT") -> tuple[str, ...]:
        return reasons(buy(), replace(WELL, stops={symbol: NOW - timedelta(minutes=minutes)}), limits)

    assert (after(29.99), after(30), after(29.99, "ETHUSDT")) == (("cooldown",), (), ())


def test_trade_rate_limit_counts_the_attempts_of_the_last_hour() -> None:
    limits, hour = overall(max_trades_per_symbol_per_hour=2), timedelta(hours=1)
    assert reasons(buy(), replace(WELL, attempts=[NOW - hour, NOW - hour + SECOND]), limits) == ()
    assert reasons(buy(), replace(WELL, attempts=[NOW - hour + SECOND, NOW]), limits) == ("trade_rate_limit",)
    assert reasons(buy(), WELL, overall(max_trades_per_symbol_per_hour=0)) == ("trade_rate_limit",)


def test_leverage_cap() -> None:
    assert reasons(buy(leverage=3.0), WELL, own(max_leverage=3)) == ()
    assert reasons(buy(leverage=3.01), WELL, own(max_leverage=3)) == ("leverage_cap",)


def test_min_notional() -> None:
    assert reasons(buy(100.0), WELL, own(min_notional=100)) == ()
    assert reasons(buy(99.99), WELL, own(min_notional=100)) == ("min_notional",)


def test_per_trade_cap() -> None:
    assert reasons(buy(500.0), WELL, own(max_order_notional=500)) == ()
    assert reasons(buy(500.01), WELL, own(max_order_notional=500)) == ("per_trade_cap",)


def test_max_trade_nav_is_a_share_of_equity() -> None:
    assert reasons(buy(2000.0), WELL, overall(max_trade_nav_pct=0.2)) == ()
    assert reasons(buy(2000.01), WELL, overall(max_trade_nav_pct=20)) == ("max_trade_nav",)


def test_a_quantity_that_only_rounding_puts_above_its_cap_passes() -> None:
    assert 3 * 0.1 * 1000 > 300
    assert reasons(buy(qty=3 * 0.1, price=1000.0), WELL, own(max_order_notional=300)) == ()


@pytest.mark.parametrize("limits", [own(max_nav_pct=0.3), overall(max_symbol_exposure_pct=30)])
@pytest.mark.parametrize(
    ("before", "intent", "expected"),
    [
        (2000.0, buy(1000), ()),
        (2000.0, buy(1000.01), ("symbol_cap",)),
        (-2000.0, sell(1000), ()),
        (-2000.0, sell(1000.01), ("symbol_cap",)),
        (2000.0, sell(5000), ()),  # turned over: 3,000 short
        (2000.0, sell(5000.01), ("symbol_cap",)),
        (-2000.0, buy(5000.01), ("symbol_cap",)),
        (4000.0, sell(500), ()),  # above its cap, and less of it
        (4000.0, sell(4000), ()),
        (4000.0, sell(7500), ("symbol_cap",)),  # above its cap on the other side
        (4000.0, buy(1), ("symbol_cap",)),
    ],
)
def test_symbol_cap_is_on_what_would_be_after(
    limits: Limits, before: float, intent: Intent, expected: tuple[str, ...]
) -> None:
    assert reasons(intent, replace(WELL, notional_usd={"BTCUSDT": before, "ETHUSDT": 9e9}), limits) == expected


def test_a_position_is_closed_whole_whatever_the_last_digit() -> None:
    intent = buy(side="SELL", qty=3 * 0.1, price=1e9)
    assert intent.notional_usd > 3e8
    assert reasons(intent, replace(WELL, notional_usd={"BTCUSDT": 3e8}), own(max_nav_pct=0)) == ()


def test_the_smaller_of_the_two_symbol_caps_counts() -> None:
    limits = parse_limits({"global": {"max_symbol_exposure_pct": 40}, "per_symbol": {"BTCUSDT": {"max_nav_pct": 0.5}}})
    veto = check(buy(4000.01), WELL, limits, UNIVERSE)
    assert veto is not None
    assert veto.thresholds == {"max_symbol_exposure_usd": 4000.0}
    assert veto.observed["symbol_exposure_after_usd"] == pytest.approx(4000.01)


def test_a_cap_of_zero_lets_nothing_through() -> None:
    assert reasons(buy(1), WELL, own(max_nav_pct=0)) == ("symbol_cap",)
    assert reasons(buy(1), WELL, own(max_order_notional=0)) == ("per_trade_cap",)
    assert reasons(buy(1), WELL, overall(max_trade_nav_pct=0)) == ("max_trade_nav",)
    assert reasons(buy(1), WELL, overall(max_gross_exposure_pct=0)) == ("portfolio_cap",)


def test_shares_of_an_equity_of_zero_are_zero_and_of_an_unknown_one_unknown() -> None:
    limits = parse_limits({"global": {"max_trade_nav_pct": 0.2}, "fail_closed_on_nav_stale": False})
    assert reasons(buy(1), replace(WELL, equity_usd=0.0), limits) == ("max_trade_nav",)
    assert reasons(buy(1), replace(WELL, equity_usd=-5.0), limits) == ("max_trade_nav",)
    assert reasons(buy(1), replace(WELL, equity_usd=None), limits) == ()


@pytest.mark.parametrize(
    ("open_positions", "notional", "expected"),
    [
        (1, {"ETHUSDT": 50.0}, ()),
        (2, {"ETHUSDT": 50.0, "SOLUSDT": -50.0}, ("position_limit",)),
        (1, {"ETHUSDT": 50.0, "SOLUSDT": -50.0}, ("position_limit",)),  # one of them a working order
        (2, {"ETHUSDT": 50.0, "BTCUSDT": -50.0}, ()),  # its own is one of them
        (1, {"ETHUSDT": 50.0, "SOLUSDT": 0.0}, ()),
        (2, {"ETHUSDT": 50.0, "SOLUSDT": 0.0}, ("position_limit",)),  # a position and the order that would close it
    ],
)
def test_position_limit_counts_symbols(
    open_positions: int, notional: dict[str, float], expected: tuple[str, ...]
) -> None:
    seen = replace(WELL, open_positions=open_positions, notional_usd=notional)
    assert reasons(buy(), seen, overall(max_concurrent_positions=2)) == expected


def test_a_symbol_that_may_have_no_position_may_only_get_rid_of_one() -> None:
    seen = replace(WELL, notional_usd={"BTCUSDT": 500.0}, open_positions=1)
    assert reasons(buy(), seen, own(max_concurrent_positions=0)) == ("position_limit",)
    assert reasons(sell(500), seen, own(max_concurrent_positions=0)) == ()
    assert reasons(buy(), seen, own(max_concurrent_positions=1)) == ()


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        (buy(1000), ()),
        (buy(1000.01), ("portfolio_cap",)),
        (sell(2000), ()),
        (sell(5000), ()),  # 3,000 short instead of 2,000 long
        (sell(5000.01), ("portfolio_cap",)),
    ],
)
def test_portfolio_cap_is_on_the_gross_of_all_symbols(intent: Intent, expected: tuple[str, ...]) -> None:
    seen = replace(WELL, notional_usd={"BTCUSDT": 2000.0, "ETHUSDT": -12_000.0})
    assert reasons(intent, seen, overall(max_gross_exposure_pct=150)) == expected


def test_a_portfolio_above_its_cap_may_shrink() -> None:
    seen = replace(WELL, notional_usd={"BTCUSDT": 2000.0, "ETHUSDT": 12_000.0})
    limits = overall(max_gross_exposure_pct=50)
    assert (reasons(sell(2000), seen, limits), reasons(sell(2001), seen, limits)) == ((), ("portfolio_cap",))


TIGHT = parse_limits(
    {
        "global": {
            "daily_loss_limit_pct": 1,
            "max_nav_drawdown_pct": 1,
            "cooldown_minutes_after_stop": 30,
            "max_trades_per_symbol_per_hour": 0,
            "max_gross_exposure_pct": 0,
            "max_symbol_exposure_pct": 0,
            "max_concurrent_positions": 0,
            "max_leverage": 1,
            "max_trade_nav_pct": 0,
        },
        "per_symbol": {"DOGEUSDT": {"max_order_notional": 1, "min_notional": 5000}},
    }
)
BAD = RiskView(
    now=NOW,
    equity_usd=9000.0,
    nav_age_s=None,
    day_start_equity_usd=10_000.0,
    peak_equity_usd=10_000.0,
    stops={"DOGEUSDT": NOW},
    disabled={"DOGEUSDT": None},
)


def test_all_that_failed_is_told_in_the_order_of_the_checks_and_the_first_names_the_veto() -> None:
    veto = check(buy(symbol="DOGEUSDT", leverage=2.0), BAD, TIGHT, UNIVERSE)
    assert veto is not None
    assert veto.reasons == tuple(reason for reason, _ in CHECKS)
    assert (veto.reason, veto.ts) == ("symbol_disabled", NOW)
    assert veto.thresholds == {
        "nav_freshness_s": 150.0,
        "daily_loss_limit_pct": 1.0,
        "max_nav_drawdown_pct": 1.0,
        "cooldown_min": 30.0,
        "max_trades_per_symbol_per_hour": 0,
        "max_leverage": 1.0,
        "min_notional_usd": 5000.0,
        "max_order_notional_usd": 1.0,
        "max_trade_nav_usd": 0.0,
        "max_symbol_exposure_usd": 0.0,
        "max_concurrent_positions": 0,
        "max_gross_exposure_usd": 0.0,
    }
    assert veto.observed["daily_loss_pct"] == pytest.approx(10)
    assert (veto.observed["nav_age_s"], veto.observed["equity_usd"], veto.observed["notional_usd"]) == (
        None,
        9000,
        1000,
    )


def test_what_only_reduces_always_gets_out() -> None:
    out = sell(symbol="DOGEUSDT", leverage=2.0, reduce_only=True)
    assert check(out, BAD, TIGHT, UNIVERSE) is None
    assert largest_allowed_qty(out, BAD, TIGHT, UNIVERSE) == out.qty


def test_a_quantity_that_is_no_number_is_vetoed() -> None:
    limits = parse_limits(DEFAULT_LIMITS)
    assert set(reasons(buy(qty=math.nan), WELL, limits)) >= SIZE_REASONS
    assert largest_allowed_qty(buy(qty=math.nan), WELL, limits, UNIVERSE) == 0.0


def test_reasons_are_canonical() -> None:
    aliases = (Path(__file__).parents[2] / "tape/sql/base/canonical_veto_reason.sql").read_text()
    old = {
        line.split("'")[i]
        for line in aliases.splitlines()
        if " when " in line
        for i in range(1, line.count("'") - 1, 2)
    }
    assert "day_loss_limit" in old
    assert not old & {reason for reason, _ in CHECKS}


@pytest.mark.parametrize(
    ("limits", "notional", "intent", "usd"),
    [
        (parse_limits({}), {}, buy(1000), 1000.0),
        (own(max_order_notional=300), {}, buy(1000), 300.0),
        (overall(max_trade_nav_pct=0.05), {}, buy(1000), 500.0),
        (own(max_nav_pct=0.2), {"BTCUSDT": 1500.0}, buy(1000), 500.0),
        (own(max_nav_pct=0.2), {"BTCUSDT": 2500.0}, buy(1000), 0.0),
        (own(max_nav_pct=0.2), {"BTCUSDT": 2500.0}, sell(9000), 4500.0),
        (own(max_nav_pct=0.2), {"BTCUSDT": -2500.0}, buy(9000), 4500.0),
        (overall(max_gross_exposure_pct=50), {"BTCUSDT": 1000.0, "ETHUSDT": -3500.0}, buy(1000), 500.0),
        (overall(max_gross_exposure_pct=50), {"BTCUSDT": 1000.0, "ETHUSDT": -7000.0}, sell(3000), 1000.0),
        (own(max_order_notional=300, min_notional=300), {}, buy(1000), 300.0),
        (own(max_order_notional=300, min_notional=301), {}, buy(1000), 0.0),
        (own(min_notional=100), {}, buy(99), 0.0),
    ],
)
def test_the_largest_allowed_quantity_is_what_the_tightest_cap_leaves(
    limits: Limits, notional: dict[str, float], intent: Intent, usd: float
) -> None:
    found = largest_allowed_qty(intent, replace(WELL, notional_usd=notional), limits, UNIVERSE)
    assert found == pytest.approx(usd / 100)


USD = st.floats(0, 1e6)
SHARES = st.none() | st.floats(0, 1) | st.floats(1, 100)
LIMITS = st.builds(
    lambda trade, gross, symbol, share, most, least: parse_limits(
        {
            "global": {"max_trade_nav_pct": trade, "max_gross_exposure_pct": gross, "max_symbol_exposure_pct": symbol},
            "per_symbol": {"BTCUSDT": {"max_nav_pct": share, "max_order_notional": most, "min_notional": least}},
        }
    ),
    SHARES,
    SHARES,
    SHARES,
    SHARES,
    st.none() | USD,
    st.none() | st.floats(0, 1000),
)
VIEWS = st.builds(
    lambda equity, mine, others: replace(WELL, equity_usd=equity, notional_usd={"BTCUSDT": mine, "ETHUSDT": others}),
    st.none() | st.floats(-1e4, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
)
SIDES = st.sampled_from(["BUY", "SELL"])
QUANTITIES = st.floats(1e-4, 1e4)
PRICES = st.floats(1e-3, 1e5)


def _asked(side: Side, qty: float, price: float) -> Intent:
    return buy(side=side, qty=qty, price=price)


INTENTS = st.builds(_asked, SIDES, QUANTITIES, PRICES)


@given(INTENTS, VIEWS, LIMITS)
def test_an_intent_clamped_to_what_is_allowed_has_no_veto_for_its_size(
    intent: Intent, seen: RiskView, limits: Limits
) -> None:
    qty = largest_allowed_qty(intent, seen, limits, UNIVERSE)
    assert 0 <= qty <= intent.qty
    assume(qty > 0)
    assert not SIZE_REASONS & set(reasons(replace(intent, qty=qty), seen, limits))


@given(INTENTS, VIEWS, LIMITS)
def test_only_an_intent_that_would_be_vetoed_for_its_size_is_cut(
    intent: Intent, seen: RiskView, limits: Limits
) -> None:
    cut = intent.qty - largest_allowed_qty(intent, seen, limits, UNIVERSE)
    assume(cut * intent.price > 1.0)
    assert SIZE_REASONS & set(reasons(intent, seen, limits))


@given(INTENTS, st.floats(1, 100), VIEWS, LIMITS)
def test_more_quantity_never_turns_a_veto_into_a_pass(
    intent: Intent, times: float, seen: RiskView, limits: Limits
) -> None:
    larger = replace(intent, qty=intent.qty * times)
    assert set(reasons(intent, seen, limits)) - {"min_notional"} <= set(reasons(larger, seen, limits))


@given(INTENTS, VIEWS, USD, LIMITS)
def test_more_exposure_elsewhere_never_turns_a_veto_into_a_pass(
    intent: Intent, seen: RiskView, more: float, limits: Limits
) -> None:
    other = seen.notional_usd["ETHUSDT"]
    fuller = replace(seen, notional_usd={**seen.notional_usd, "ETHUSDT": other + math.copysign(more, other)})
    assert set(reasons(intent, seen, limits)) <= set(reasons(intent, fuller, limits))


@given(INTENTS, VIEWS, USD, LIMITS)
def test_more_of_the_same_side_already_held_never_turns_a_veto_into_a_pass(
    intent: Intent, seen: RiskView, more: float, limits: Limits
) -> None:
    held = abs(seen.notional_usd["BTCUSDT"])
    side = 1 if intent.side == "BUY" else -1
    less, fuller = (
        replace(seen, notional_usd={**seen.notional_usd, "BTCUSDT": side * usd}) for usd in (held, held + more)
    )
    assert set(reasons(intent, less, limits)) <= set(reasons(intent, fuller, limits))


def _veto() -> Veto:
    veto = check(buy(4000), replace(WELL, stops={"BTCUSDT": NOW}), overall(cooldown_minutes_after_stop=1), UNIVERSE)
    assert veto is not None
    return veto


def test_a_veto_is_recorded_in_one_row_with_the_market_of_the_moment() -> None:
    event = veto_event(buy(4000), _veto(), Quote("BTCUSDT", NOW, 99.0, 101.0, 100.5), "e1")
    assert (event.event_id, event.ts, event.symbol, event.side, event.veto_reason) == (
        "e1",
        NOW,
        "BTCUSDT",
        "BUY",
        "cooldown",
    )
    assert (event.attempt_id, event.intent_id, event.strategy, event.qty_req) == ("a1", "i1", "trend", 40.0)
    assert (event.signal_ts, event.position_side) == (NOW - SECOND, None)
    assert (event.bid_price, event.ask_price, event.mark_price) == (99.0, 101.0, 100.5)
    assert event.thresholds == {"cooldown_min": 1.0}
    assert event.veto_detail == {
        "reasons": ["cooldown"],
        "observed": {
            "notional_usd": 4000.0,
            "equity_usd": 10_000.0,
            "nav_age_s": 1.0,
            "last_stop_ts": "2025-11-01T12:00:00+00:00",
        },
        "thresholds": {"cooldown_min": 1.0},
        "intent": {
            "intent_id": "i1",
            "attempt_id": "a1",
            "ts": "2025-11-01T12:00:00+00:00",
            "symbol": "BTCUSDT",
            "side": "BUY",
            "qty": 40.0,
            "price": 100.0,
            "strategy": "trend",
            "signal_ts": "2025-11-01T11:59:59+00:00",
            "leverage": 1.0,
            "reduce_only": False,
            "confidence": None,
            "expected_edge": None,
        },
    }


def test_a_veto_without_a_quote_has_no_prices_and_never_nan_in_its_json() -> None:
    intent = buy(qty=math.nan)
    veto = check(intent, WELL, own(max_order_notional=1), UNIVERSE)
    assert veto is not None
    event = veto_event(intent, veto, None)
    assert (event.event_id, event.bid_price, event.ask_price, event.mark_price) == (None, None, None, None)
    json.dumps([event.veto_detail, event.thresholds], allow_nan=False)


def test_the_default_limits_let_a_small_trade_of_each_symbol_through() -> None:
    limits, universe = parse_limits(DEFAULT_LIMITS), parse_universe(DEFAULT_UNIVERSE)
    assert [reasons(buy(300, symbol=symbol), WELL, limits, universe) for symbol in universe.enabled] == [()] * 6


# --- hedge mode: LONG and SHORT of a symbol are two positions ---


@pytest.mark.parametrize(
    ("own_limit", "apart_usd", "expected"),
    [
        (1, {}, ()),
        (1, {"BTCUSDT": -500.0}, ("position_limit",)),
        (2, {"BTCUSDT": -500.0}, ()),
        (1, {"ETHUSDT": -500.0}, ()),
        (1, {"BTCUSDT": 0.0}, ()),
    ],
)
def test_the_other_position_of_a_symbol_is_one_of_its_own(
    own_limit: int, apart_usd: dict[str, float], expected: tuple[str, ...]
) -> None:
    seen = replace(WELL, apart_usd=apart_usd)
    assert reasons(buy(), seen, own(max_concurrent_positions=own_limit)) == expected
    veto = check(buy(), seen, own(max_concurrent_positions=own_limit), UNIVERSE)
    assert veto is None or veto.observed["positions_of_symbol_after"] == 2


@pytest.mark.parametrize(("apart_usd", "expected"), [(-1000.0, ()), (1000.0, ()), (-1001.0, ("symbol_cap",))])
def test_the_other_position_of_a_symbol_takes_of_its_room(apart_usd: float, expected: tuple[str, ...]) -> None:
    limits = overall(max_symbol_exposure_pct=20)
    seen = replace(WELL, apart_usd={"BTCUSDT": apart_usd})
    assert reasons(buy(1000.0), seen, limits) == expected
    assert largest_allowed_qty(buy(5000.0), seen, limits, UNIVERSE) == pytest.approx((2000.0 - abs(apart_usd)) / 100)


@pytest.mark.parametrize(("apart_usd", "expected"), [(-1000.0, ()), (-1001.0, ("portfolio_cap",))])
def test_the_other_position_of_a_symbol_counts_in_the_portfolio(apart_usd: float, expected: tuple[str, ...]) -> None:
    limits = overall(max_gross_exposure_pct=30)
    seen = replace(WELL, notional_usd={"ETHUSDT": -1000.0}, apart_usd={"BTCUSDT": apart_usd})
    assert reasons(buy(1000.0), seen, limits) == expected


def test_positions_of_both_sides_count_in_the_number_of_all() -> None:
    seen = replace(WELL, notional_usd={"ETHUSDT": 5.0}, apart_usd={"BTCUSDT": -5.0, "ETHUSDT": 0.0})
    assert reasons(buy(), seen, overall(max_concurrent_positions=3)) == ()
    assert reasons(buy(), seen, overall(max_concurrent_positions=2)) == ("position_limit",)
