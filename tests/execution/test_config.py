"""Limits and universe are documents parsed once: what is impossible is refused by name, the rest is a frozen value."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tape.execution.config import (
    ConfigInvalid,
    Limits,
    SymbolLimits,
    effective,
    parse_limits,
    parse_universe,
)
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tests.conftest import SHARED

REAL = SHARED / "real_logs"


def _limits(**overall: object) -> Limits:
    return parse_limits({"global": overall})


def test_the_real_documents_parse_and_keep_what_means_nothing_here() -> None:
    if not REAL.is_dir():
        pytest.skip("the real logs are not here")
    limits = parse_limits(json.loads((REAL / "risk_limits.json").read_text()))
    universe = parse_universe(json.loads((REAL / "pairs_universe.json").read_text()))
    assert (limits.model_extra or {})["non_prod"] == {"require_dry_run": True}
    assert (limits.overall.model_extra or {})["tiers"]["CORE"] == {"per_symbol_nav_pct": 30.0}
    assert universe.enabled == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert effective(limits, universe, "SUIUSDT") == SymbolLimits(100.0, 15000.0, 3.0, 0.1, 0.2, 0.4, 0)


def test_empty_limits_limit_nothing_but_the_age_of_the_account() -> None:
    limits = parse_limits({})
    assert (limits.nav_freshness_s, limits.fail_closed_on_nav_stale, limits.reset_timezone) == (150.0, True, "UTC")
    assert effective(limits, parse_universe(["X"]), "X") == SymbolLimits(None, None, None, None, None, None, None)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"global": {"max_leverage": "four"}},
            "global.max_leverage: expected a number above 0, up to 125 (times), found 'four'",
        ),
        ({"global": {"max_leverage": 0}}, "global.max_leverage: expected a number above 0, up to 125 (times), found 0"),
        (
            {"global": {"max_leverage": True}},
            "global.max_leverage: expected a number above 0, up to 125 (times), found True",
        ),
        (
            {"global": {"max_leverage": "4"}},
            "global.max_leverage: expected a number above 0, up to 125 (times), found '4'",
        ),
        (
            {"global": {"max_trade_nav_pct": -0.1}},
            "global.max_trade_nav_pct: expected a share from 0 to 1, or a per cent above 1 up to 100 (of NAV)",
        ),
        ({"global": {"max_concurrent_positions": 1.5}}, "global.max_concurrent_positions: expected a whole number"),
        (
            {"global": {"daily_loss_limit_pct": 0}},
            "global.daily_loss_limit_pct: expected a number above 0, up to 100 (per cent)",
        ),
        ({"global": {"max_nav_drawdown_pct": 101}}, "global.max_nav_drawdown_pct: expected a number above 0"),
        ({"global": {"max_leverage": math.nan}}, "global.max_leverage: expected a finite number, found nan"),
        ({"global": {"of_others": [1, math.inf]}}, "global.of_others.1: expected a finite number, found inf"),
        ({"global": {"since": date(2025, 1, 2)}}, "global.since: expected a JSON value, found 2025-01-02"),
        ({"global": {"max_leverage": 10**400}}, "global.max_leverage: expected a finite number, found 1000"),
        ({"global": 4}, "global: expected an object, found 4"),
        (
            {"per_symbol": {"X": {"max_nav_pct": -1}}},
            "per_symbol.X.max_nav_pct: expected a share from 0 to 1, or a per cent above 1 up to 100 (of NAV)",
        ),
        (
            {"global": {"symbol_notional_share_cap_pct": 250}},
            "global.symbol_notional_share_cap_pct: expected a share from 0 to 1, or a per cent above 1",
        ),
        ({"router_autotune": {"max_bias": 1.5}}, "router_autotune.max_bias: expected a share from 0 to 1, found 1.5"),
        (
            {"global": {"router_autotune": {"min_bias": -0.1}}},
            "global.router_autotune.min_bias: expected a share from 0 to 1, found -0.1",
        ),
        ({"per_symbol": {"X": {"max_order_notional": "lots"}}}, "per_symbol.X.max_order_notional: expected a number"),
        ({"per_symbol": {"x": {}, "X": {}}}, "per_symbol: expected each symbol once, found 'X' twice"),
        ({"per_symbol": ["X"]}, "per_symbol: expected an object, found ['X']"),
        ({"restricted_symbols": "X"}, "restricted_symbols: expected a list, found 'X'"),
        (
            {"nav_freshness_seconds": 0},
            "nav_freshness_seconds: expected a number above 0, up to 86400 (seconds), found 0",
        ),
        (
            {"nav_freshness_seconds": None},
            "nav_freshness_seconds: expected a number above 0, up to 86400 (seconds), found None",
        ),
        ({"fail_closed_on_nav_stale": "no"}, "fail_closed_on_nav_stale: expected true or false, found 'no'"),
        ({"reset_timezone": "Mars/Base"}, "reset_timezone: expected the name of a time zone, found 'Mars/Base'"),
        (
            {"global": {"max_leverage": 126}},
            "global.max_leverage: expected a number above 0, up to 125 (times), found 126",
        ),
        (
            {"global": {"may_exceed_nav": ["max_leverage"]}},
            "global.may_exceed_nav.0: expected 'max_gross_exposure_pct' or",
        ),
        (
            {"router_autotune": {"max_offset_bps": -1}},
            "router_autotune.max_offset_bps: expected a number from 0 to 1000",
        ),
        ([], "the document: expected an object, found []"),
        (None, "the document: expected an object, found None"),
    ],
)
def test_impossible_limits_are_refused_by_key(document: object, message: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_limits(document)
    assert str(refused.value).startswith(f"limits: {message}")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "universe: expected a value, found nothing"),
        ({"universe": []}, "universe: expected at least one symbol, found []"),
        ([], "universe: expected at least one symbol, found []"),
        (["X", "x"], "universe: expected each symbol once, found 'X' twice"),
        ([{}], "universe.0.symbol: expected a value, found nothing"),
        ([" "], "universe.0.symbol: expected a symbol, found ' '"),
        ({"symbols": ["X", 5]}, "symbols.1: expected an object, found 5"),
        ([{"symbol": "X", "enabled": "no"}], "universe.0.enabled: expected true or false, found 'no'"),
        (
            [{"symbol": "X", "caps": {"max_nav_pct": "1"}}],
            "universe.0.caps.max_nav_pct: expected a share from 0 to 1, or a per cent above 1 up to 100",
        ),
        ([{"symbol": "X", "caps": None}], "universe.0.caps: expected an object, found None"),
        ({"universe": ["X"], "as_of": math.nan}, "as_of: expected a finite number, found nan"),
        ("X", "the document: expected an object, found 'X'"),
    ],
)
def test_an_impossible_universe_is_refused_by_key(document: object, message: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_universe(document)
    assert str(refused.value).startswith(f"universe: {message}")


def test_a_refusal_has_typed_attributes() -> None:
    with pytest.raises(ConfigInvalid) as refused:
        _limits(max_leverage="four")
    error = refused.value
    assert (error.kind, error.key, error.expected, error.found) == (
        "limits",
        "global.max_leverage",
        "a number above 0, up to 125 (times)",
        "'four'",
    )


@pytest.mark.parametrize("configured", [(0, 0.0), (0.25, 0.25), (1, 1.0), (1.5, 0.015), (25, 0.25), (None, None)])
def test_a_cap_above_one_is_a_percentage(configured: tuple[float | None, float | None]) -> None:
    given_value, fraction = configured
    overall = _limits(max_trade_nav_pct=given_value, symbol_notional_share_cap_pct=given_value).overall
    assert (overall.trade_cap_frac, overall.nav_cap_frac) == (fraction, fraction)
    listed = parse_universe([{"symbol": "X", "caps": {"max_nav_pct": given_value}}]).listed[0]
    assert listed.caps.nav_cap_frac == fraction


def test_losses_and_exposures_are_per_cent_also_below_one() -> None:
    overall = _limits(
        daily_loss_limit_pct=0.5, max_nav_drawdown_pct=1, max_gross_exposure_pct=150, max_symbol_exposure_pct=0.5
    ).overall
    assert (overall.daily_loss_limit_pct, overall.max_nav_drawdown_pct) == (0.5, 1.0)
    assert (overall.max_gross_exposure_frac, overall.max_symbol_exposure_frac) == (1.5, 0.005)


def test_time_zones_are_found_in_any_case_as_the_store_finds_them() -> None:
    assert parse_limits({"reset_timezone": "asia/tokyo"}).reset_timezone == "Asia/Tokyo"


def test_symbols_are_upper_case_and_on_unless_switched_off() -> None:
    universe = parse_universe({"universe": ["btcusdt", {"symbol": "ethusdt", "enabled": False}], "symbols": ["other"]})
    assert [entry.symbol for entry in universe.listed] == ["BTCUSDT", "ETHUSDT"]
    assert universe.enabled == ("BTCUSDT",)
    assert universe.find("SOLUSDT") is None
    assert parse_limits({"restricted_symbols": ["btcusdt"]}).restricted_symbols == {"BTCUSDT"}


CAP_KEYS = [
    ("nav_cap_frac", "max_nav_pct", "symbol_notional_share_cap_pct"),
    ("trade_cap_frac", "max_trade_nav_pct", "max_trade_nav_pct"),
]


@pytest.mark.parametrize(("field", "key", "global_key"), CAP_KEYS)
def test_a_cap_of_the_symbol_comes_first_then_the_universe_then_the_global_one(
    field: str, key: str, global_key: str
) -> None:
    def found(own: dict[str, Any], caps: dict[str, Any]) -> object:
        limits = parse_limits({"global": {global_key: 0.3}, "per_symbol": {"x": own}})
        return getattr(effective(limits, parse_universe([{"symbol": "X", "caps": caps}]), "X"), field)

    assert found({key: 0.1}, {key: 0.2}) == 0.1
    assert found({key: 0}, {key: 0.2}) == 0.0, "a configured zero is a limit"
    assert found({key: None}, {key: 0.2}) == 0.2
    assert found({}, {}) == 0.3


def test_leverage_and_smallest_size_come_from_the_entry_of_the_universe_before_the_global_ones() -> None:
    limits = parse_limits(
        {"global": {"max_leverage": 4, "min_notional_usdt": 100}, "per_symbol": {"Y": {"max_leverage": 2}}}
    )
    universe = parse_universe(
        [{"symbol": "X", "max_leverage": 3, "min_notional": 50}, {"symbol": "Y", "max_leverage": 9}]
    )
    assert [
        (own.max_leverage, own.min_notional_usd) for own in (effective(limits, universe, name) for name in "XYZ")
    ] == [(3.0, 50.0), (2.0, 100.0), (4.0, 100.0)]


def test_the_number_of_positions_of_the_account_is_no_symbols_own() -> None:
    limits = _limits(max_concurrent_positions=4)
    universe = parse_universe(["X", {"symbol": "Y", "caps": {"max_concurrent_positions": 0}}])
    assert effective(limits, universe, "X").max_concurrent_positions is None
    assert effective(limits, universe, "Y").max_concurrent_positions == 0


def test_the_values_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse_limits({}).nav_freshness_s = 1  # type: ignore[misc]


def test_the_defaults_fit_a_paper_account_of_ten_thousand() -> None:
    limits, universe = parse_limits(DEFAULT_LIMITS), parse_universe(DEFAULT_UNIVERSE)
    assert universe.enabled == ("BTCUSDT", "ETHUSDT", "SOLUSDT", "LINKUSDT", "LTCUSDT", "SUIUSDT")
    assert set(limits.per_symbol) == set(universe.enabled)
    for symbol in universe.enabled:
        own = effective(limits, universe, symbol)
        assert own.min_notional_usd is not None
        assert own.max_order_notional_usd is not None
        assert own.nav_cap_frac is not None
        assert own.trade_cap_frac is not None
        assert own.min_notional_usd < min(own.max_order_notional_usd, own.trade_cap_frac * 10_000)
        assert own.trade_cap_frac <= own.nav_cap_frac
    assert json.loads(json.dumps([DEFAULT_LIMITS, DEFAULT_UNIVERSE])) == [DEFAULT_LIMITS, DEFAULT_UNIVERSE]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["global", "per_symbol", "X", "universe", "symbol", "max_leverage"]), inner)
    ),
    max_leaves=8,
)


def _said(document: object) -> str:
    for parse in (parse_limits, parse_universe):
        try:
            parse(document)
        except ConfigInvalid as refused:
            return str(refused)
    return ""


@given(JSON_VALUES)
def test_any_document_is_parsed_or_refused_in_one_line(document: object) -> None:
    assert "\n" not in _said(document)
    assert _said([document]).startswith(("limits: the document", "limits: 0"))
