"""What is not given keeps its default, and no default loosens what is given."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.execution.config import ConfigInvalid, SymbolLimits, effective, parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE, with_defaults


def _own(symbol: str, limits: dict[str, Any] | None, universe: Any = None) -> SymbolLimits:
    whole, listed = with_defaults(limits, universe)
    return effective(parse_limits(whole), parse_universe(listed), symbol)


def test_without_anything_given_the_defaults_hold() -> None:
    assert with_defaults(None, None) == (DEFAULT_LIMITS, DEFAULT_UNIVERSE)
    assert with_defaults({}, None) == (DEFAULT_LIMITS, DEFAULT_UNIVERSE)


@pytest.mark.parametrize("key", sorted(DEFAULT_LIMITS["global"]))
def test_setting_one_key_drops_no_other(key: str) -> None:
    given_value = DEFAULT_LIMITS["global"][key]
    whole, _ = with_defaults({"global": {key: given_value}}, None)
    assert {**whole, "per_symbol": None} == {**DEFAULT_LIMITS, "per_symbol": None}
    assert whole["per_symbol"].keys() == DEFAULT_LIMITS["per_symbol"].keys()


def test_setting_one_key_of_a_symbol_drops_no_other() -> None:
    whole, _ = with_defaults({"per_symbol": {"btcusdt": {"max_leverage": 2}}}, None)
    assert whole["per_symbol"] == {
        **DEFAULT_LIMITS["per_symbol"],
        "BTCUSDT": {**DEFAULT_LIMITS["per_symbol"]["BTCUSDT"], "max_leverage": 2},
    }


def test_null_says_that_there_is_no_limit() -> None:
    assert _own("SOLUSDT", {"global": {"max_leverage": None}}).max_leverage is None
    assert _own("SOLUSDT", None).max_leverage == 3


def test_a_default_of_a_symbol_gives_way_to_what_is_stricter_for_the_account() -> None:
    strict = {
        "max_trade_nav_pct": 2,
        "symbol_notional_share_cap_pct": 0.05,
        "max_leverage": 1,
        "min_notional_usdt": 200,
    }
    for symbol in ("BTCUSDT", "LINKUSDT", "SUIUSDT"):
        own = _own(symbol, {"global": strict})
        assert (own.trade_cap_frac, own.nav_cap_frac, own.max_leverage, own.min_notional_usd) == (0.02, 0.05, 1, 200)


def test_a_default_of_a_symbol_stays_where_the_account_may_more() -> None:
    loose = {"max_trade_nav_pct": 50, "symbol_notional_share_cap_pct": 0.5, "max_leverage": 9, "min_notional_usdt": 1}
    own = _own("BTCUSDT", {"global": loose})
    assert (own.trade_cap_frac, own.nav_cap_frac, own.max_leverage, own.min_notional_usd) == (0.15, 0.35, 9, 100)
    assert _own("LINKUSDT", {"global": loose}).max_leverage == 2


def test_what_is_given_for_a_symbol_in_the_universe_comes_before_its_default_limits() -> None:
    listed = [{"symbol": "btcusdt", "min_notional": 5, "caps": {"max_nav_pct": 0.5}}]
    own = _own("BTCUSDT", None, listed)
    assert (own.nav_cap_frac, own.min_notional_usd, own.trade_cap_frac) == (0.5, 5, 0.15)


def test_a_universe_that_is_given_lists_every_symbol_and_its_defaults_stay() -> None:
    whole, listed = with_defaults(None, {"symbols": ["solusdt", "XRPUSDT"], "version": 6})
    assert listed == {"version": 6, "universe": [DEFAULT_UNIVERSE["universe"][2], {"symbol": "XRPUSDT"}]}
    assert whole["per_symbol"] == {"SOLUSDT": DEFAULT_LIMITS["per_symbol"]["SOLUSDT"]}
    assert _own("SOLUSDT", None, ["SOLUSDT"]).nav_cap_frac == 0.2
    assert _own("XRPUSDT", None, ["XRPUSDT"]).nav_cap_frac == 0.25


def test_keys_that_mean_nothing_here_are_kept() -> None:
    whole, _ = with_defaults({"ours": [1], "global": {"theirs": 2}}, None)
    assert (whole["ours"], whole["global"]["theirs"]) == ([1], 2)


@pytest.mark.parametrize(
    ("limits", "universe"), [({"global": {"max_leverage": 0}}, None), (None, []), (None, [5]), (None, {})]
)
def test_impossible_documents_are_refused(limits: Any, universe: Any) -> None:
    with pytest.raises(ConfigInvalid):
        with_defaults(limits, universe)


SHARES = st.none() | st.floats(0.001, 0.99) | st.floats(1.01, 100)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "max_trade_nav_pct": SHARES,
            "symbol_notional_share_cap_pct": SHARES,
            "max_leverage": st.none() | st.floats(0.5, 125),
        },
    ),
    st.sampled_from([entry["symbol"] for entry in DEFAULT_UNIVERSE["universe"]]),
)
def test_no_symbol_may_more_than_is_given_for_the_account(overall: dict[str, Any], symbol: str) -> None:
    before = deepcopy((DEFAULT_LIMITS, DEFAULT_UNIVERSE))
    own, account = _own(symbol, {"global": overall}), parse_limits({"global": overall}).overall
    for may, cap in (
        (own.trade_cap_frac, account.trade_cap_frac),
        (own.nav_cap_frac, account.nav_cap_frac),
        (own.max_leverage, account.max_leverage),
    ):
        assert cap is None or (may is not None and may <= cap)
    assert before == (DEFAULT_LIMITS, DEFAULT_UNIVERSE)
