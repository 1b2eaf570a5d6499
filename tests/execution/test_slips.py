"""Keys of limits and universe that mean nothing where they stand are named with the ones that were probably meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tape.execution.config import parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.slips import KEYS, mended, nearest, said_of, strays, unclear, without_effect
from tests.conftest import SHARED

REAL = SHARED / "real_logs"
MEANT = "expected a key of [{}], found none of this name; did you mean {}?"


@pytest.mark.parametrize(
    ("kind", "document", "said"),
    [
        ("limits", {"global": {"max_trade_nav_pc": 2}}, MEANT.format("limits.global", "max_trade_nav_pct")),
        (
            "limits",
            {"max_trade_nav_pc": 2},
            MEANT.format("limits", "max_trade_nav_pct, which stands in [limits.global]"),
        ),
        ("limits", {"max_trade_nav_pct": 2}, "expected in [limits.global], found in [limits]"),
        ("limits", {"BTCUSDT": {"max_leverage": 2}}, "expected in [limits.per_symbol.BTCUSDT], found in [limits]"),
        ("limits", {"nav_freshness": 90}, MEANT.format("limits", "nav_freshness_seconds")),
        (
            "limits",
            {"per_symbol": {"BTCUSDT": {"max_order_notionals": 2}}},
            MEANT.format("limits.per_symbol.SYMBOL", "max_order_notional"),
        ),
        (
            "limits",
            {"global": {"router_autotune": {"max_offset_bp": 2}}},
            MEANT.format("limits.router_autotune", "max_offset_bps"),
        ),
        ("limits", {"global": {"max_nav_pct": 9}}, "expected in [limits.per_symbol.SYMBOL], found in [limits.global]"),
        ("universe", [{"symbol": "X", "enbled": False}], MEANT.format("universe.universe", "enabled")),
        (
            "universe",
            [{"symbol": "X", "max_nav_pct": 9}],
            "expected in [universe.universe.caps], found in [universe.universe]",
        ),
        (
            "universe",
            {"universe": [{"symbol": "X", "caps": {"max_trade_nav": 1}}]},
            MEANT.format("universe.universe.caps", "max_trade_nav_pct"),
        ),
        ("universe", {"universe": ["X"], "symbols": ["Y"]}, "expected universe or symbols, found both"),
        ("universe", {"universe": ["X"], "note": 1}, "expected one of universe, symbols, found none of these names"),
    ],
)
def test_a_key_that_means_nothing_is_named_with_the_one_meant(kind: str, document: Any, said: str) -> None:
    (found,) = strays(kind, document)
    assert str(found).partition(": ")[2] == said


def test_every_known_key_means_something_where_it_belongs() -> None:
    for key in KEYS["limits.global"]:
        assert strays("limits", {"global": {key: None}}) == []
    assert strays("limits", DEFAULT_LIMITS) == strays("universe", DEFAULT_UNIVERSE) == []
    assert (
        unclear("limits", DEFAULT_LIMITS | {"global": DEFAULT_LIMITS["global"] | {"max_gross_exposure_pct": 100}}) == []
    )


def test_keys_of_another_runtime_are_counted_and_named_once_for_every_symbol() -> None:
    if not REAL.is_dir():
        pytest.skip("the real logs are not here")
    found = [
        without_effect(kind, json.loads((REAL / f"{name}.json").read_text()))
        for kind, name in (("limits", "risk_limits"), ("universe", "pairs_universe"))
    ]
    assert found == [
        [
            "limits: 5 keys are kept without effect: quote_symbols, non_prod, global.drawdown_alert_pct,"
            " global.trade_equity_nav_pct, global.tiers"
        ],
        [
            "universe: 30 keys are kept without effect: version, symbols, universe.*.bucket, universe.*.status,"
            " universe.*.target_leverage, universe.*.min_gross_usd"
        ],
    ]


def test_a_slip_among_them_has_a_sentence_of_its_own() -> None:
    assert without_effect("limits", {"global": {"max_leverag": 2}}) == [
        "limits: 1 key is kept without effect: global.max_leverag",
        "limits: global.max_leverag: expected a key of [limits.global], found none of this name; did you mean"
        " max_leverage?",
    ]


@pytest.mark.parametrize(
    ("kind", "document", "key"),
    [
        ("limits", {"global": {"max_trade_nav_pct": 1}}, "global.max_trade_nav_pct"),
        ("limits", {"global": {"symbol_notional_share_cap_pct": 1.0}}, "global.symbol_notional_share_cap_pct"),
        ("limits", {"per_symbol": {"X": {"max_nav_pct": 1}}}, "per_symbol.X.max_nav_pct"),
        ("universe", [{"symbol": "X", "caps": {"max_trade_nav_pct": 1}}], "universe.X.caps.max_trade_nav_pct"),
    ],
)
def test_a_cap_of_one_may_be_a_per_cent_or_all_of_nav(kind: str, document: Any, key: str) -> None:
    assert [said.partition(":")[0] for said in unclear(kind, document)] == [key]


@pytest.mark.parametrize("value", [0, 0.01, 0.99, 1.01, 2, 100, None])
def test_other_caps_are_clear(value: float | None) -> None:
    assert unclear("limits", {"global": {"max_trade_nav_pct": value, "max_leverage": 1}}) == []


def test_an_exposure_above_nav_has_to_be_said_twice() -> None:
    overall: dict[str, Any] = {"max_gross_exposure_pct": 150, "max_symbol_exposure_pct": 100}
    (said,) = unclear("limits", {"global": overall})
    assert said.startswith("global.max_gross_exposure_pct: expected up to 100 per cent of NAV, or may_exceed_nav = [")
    assert unclear("limits", {"global": {**overall, "may_exceed_nav": ["max_symbol_exposure_pct"]}}) == [said]
    assert unclear("limits", {"global": {**overall, "may_exceed_nav": ["max_gross_exposure_pct"]}}) == []


def test_what_an_executor_would_refuse_is_left_out_and_the_rest_holds() -> None:
    document = {
        "global": {"max_leverage": "four", "max_trade_nav_pct": 250, "daily_loss_limit_pct": 3},
        "per_symbol": {"X": {"max_nav_pct": -1}, "Y": 7},
        "reset_timezone": "Mars",
    }
    usable, said = mended("limits", document)
    limits = parse_limits(usable)
    assert (limits.overall.max_leverage, limits.overall.trade_cap_frac, limits.overall.daily_loss_limit_pct) == (
        None,
        1,
        3,
    )
    assert limits.per_symbol["X"].nav_cap_frac == 0
    assert sorted(each.split(": ")[1] for each in said) == ["global.max_leverage", "per_symbol.Y", "reset_timezone"]
    assert document["reset_timezone"] == "Mars", "the document itself stays as it was"


def test_a_universe_loses_only_the_entries_that_cannot_be_used() -> None:
    usable, said = mended("universe", ["X", 5, {"symbol": "Y", "enabled": "maybe"}])
    assert parse_universe(usable).enabled == ("X", "Y")
    assert len(said) == 2


@pytest.mark.parametrize("document", [[], {}, {"universe": 5}, {"symbols": []}])
def test_a_document_of_which_nothing_can_be_used_comes_back_empty(document: Any) -> None:
    usable, said = mended("universe", document)
    assert (usable, bool(said)) == ({}, True)


@pytest.mark.parametrize(
    ("key", "section", "near"),
    [
        ("leverag_", "limits.global", ("max_leverage", "limits.global")),  # likeness 2 * 7 / 20, at the bound
        ("levera__", "limits.global", None),  # 2 * 6 / 20
        ("daily", "limits.global", ("daily_loss_limit_pct", "limits.global")),  # a beginning is as like as 0.8
        ("daily", "limits", ("daily_loss_limit_pct", "limits.global")),
        ("leverag_", "limits", None),  # in another section it would have to be more like
        ("MAX_LEVERAGE", "limits.global", ("max_leverage", "limits.global")),
        ("max_nav_pct", "limits.global", ("max_nav_pct", "limits.per_symbol.SYMBOL")),
        ("max_nav_pct", "universe.universe", ("max_nav_pct", "universe.universe.caps")),
        ("zzz", "limits", None),
        ("", "limits", None),
    ],
)
def test_the_key_that_was_meant_is_the_most_like_one_of_its_section_and_then_of_others(
    key: str, section: str, near: tuple[str, str] | None
) -> None:
    assert nearest(key, section, KEYS) == near


@pytest.mark.parametrize(
    ("document", "is_slip"),
    [
        ({"global": {"daily": 1}}, True),
        ({"global": {"leverag_": 1}}, False),
        ({"max_leverage": 1}, True),
        ({"globl": {}}, False),
        ({"zzz": 1}, False),
    ],
)
def test_a_slip_is_much_like_a_key_that_limits_something(document: Any, is_slip: bool) -> None:
    (found,) = strays("limits", document)
    assert found.is_slip is is_slip
    assert len(without_effect("limits", document)) == 1 + is_slip


def test_a_slip_of_a_key_that_limits_nothing_has_no_sentence_of_its_own() -> None:
    assert without_effect("universe", [{"symbol": "X", "enbled": False}]) == [
        "universe: 1 key is kept without effect: universe.*.enbled"
    ]


def test_of_a_section_with_many_keys_the_first_fourteen_are_listed() -> None:
    def said(count: int) -> str:
        return said_of("zz", "s", None, {"s": [f"k{at:02}" for at in range(count)]})

    assert said(14) == f"expected one of {', '.join(f'k{at:02}' for at in range(14))}, found none of these names"
    assert said(15) == (
        f"expected one of {', '.join(f'k{at:02}' for at in range(14))} and 1 more, found none of these names"
    )


def test_a_stray_says_where_it_stands_from_the_top_of_the_document() -> None:
    document = {"per_symbol": {"X": {"a": 1}}, "global": {"router_autotune": {"b": 1}}, "router_autotune": {"c": 1}}
    assert [(each.path, each.section) for each in strays("limits", document)] == [
        ("router_autotune.c", "limits.router_autotune"),
        ("global.router_autotune.b", "limits.router_autotune"),
        ("per_symbol.X.a", "limits.per_symbol.SYMBOL"),
    ]
    assert strays("limits", 7) == strays("universe", "x") == strays("universe", None) == []


@pytest.mark.parametrize(("value", "is_clear"), [(100, True), (100.01, False), (True, True), ("101", True)])
def test_an_exposure_of_all_of_nav_is_clear(value: Any, is_clear: bool) -> None:
    for section in ("global", "per_symbol"):
        caps = {"max_symbol_exposure_pct": value}
        document = {section: caps if section == "global" else {"X": caps}}
        assert (unclear("limits", document) == []) is (is_clear or section == "per_symbol")


def test_shares_and_biases_outside_their_range_are_kept_within_it() -> None:
    document = {
        "global": {"max_trade_nav_pct": 250, "symbol_notional_share_cap_pct": -1},
        "router_autotune": {"min_bias": -0.5, "max_bias": 5},
        "per_symbol": {"X": {"max_nav_pct": 101}},
    }
    assert mended("limits", document) == (
        {
            "global": {"max_trade_nav_pct": 100, "symbol_notional_share_cap_pct": 0},
            "router_autotune": {"min_bias": 0, "max_bias": 1},
            "per_symbol": {"X": {"max_nav_pct": 100}},
        },
        [],
    )
    assert mended("limits", {"global": {"max_trade_nav_pct": True}})[1] != []
