"""limits: the limits in force, one row always (semantics 7, 8, 9)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago

DEFAULTS = {
    "payload": None,
    "reset_timezone": "UTC",
    "nav_freshness_s": 150.0,
    "global_nav_cap_frac": None,
    "global_trade_cap_frac": None,
    "min_bias": 0.0,
    "max_bias": 1.0,
    "max_bias_step": 0.05,
    "min_offset_bps": 0.5,
    "max_offset_bps": 8.0,
    "max_offset_step_bps": 1.0,
}


def test_without_limits_the_defaults_hold(store: GivenRows) -> None:
    assert store.one("limits") == DEFAULTS


def test_an_empty_document_has_the_defaults(store: GivenRows) -> None:
    store.limits()
    assert {**store.one("limits"), "payload": None} == DEFAULTS


def test_the_newest_document_counts_and_the_universe_is_none(store: GivenRows) -> None:
    for days, kind, seconds in [(3, "limits", 1), (1, "limits", 2), (2, "limits", 3), (0.5, "universe", 4)]:
        store.add("config_snapshots", ago(days=days), kind=kind, payload={"nav_freshness_seconds": seconds})
    assert store.one("limits")["nav_freshness_s"] == 2


def test_caps_are_fractions_or_percentages_and_zero_is_zero(store: GivenRows) -> None:
    store.limits(**{"global": {"symbol_notional_share_cap_pct": 25, "max_trade_nav_pct": 0}})
    row = store.one("limits")
    assert (row["global_nav_cap_frac"], row["global_trade_cap_frac"]) == (0.25, 0.0)


@pytest.mark.parametrize("nesting", ["top", "global"])
def test_autotune_bounds_are_found_at_the_top_or_under_global(store: GivenRows, nesting: str) -> None:
    autotune = {"min_bias": 0.1, "max_bias": 0, "min_offset_bps": 0, "max_offset_bps": "4"}
    payload: dict[str, Any] = {"router_autotune": autotune}
    store.limits(**(payload if nesting == "top" else {"global": payload}))
    row = store.one("limits")
    found = [row[name] for name in ("min_bias", "max_bias", "min_offset_bps", "max_offset_bps")]
    assert found == [0.1, 0.0, 0.0, 4.0]


@pytest.mark.parametrize(
    ("bias_step", "offset_step", "expected"), [(0, 0, (0.01, 0.25)), (9, 9, (0.25, 3.0)), (0.2, 2, (0.2, 2.0))]
)
def test_steps_are_kept_within_their_bounds(
    store: GivenRows, bias_step: float, offset_step: float, expected: tuple[float, float]
) -> None:
    store.limits(router_autotune={"max_bias_step": bias_step, "max_offset_step_bps": offset_step})
    row = store.one("limits")
    assert (row["max_bias_step"], row["max_offset_step_bps"]) == expected


@pytest.mark.parametrize(
    ("asked", "zone"),
    [("America/New_York", "America/New_York"), ("asia/tokyo", "Asia/Tokyo"), ("Mars/Olympus", "UTC"), (None, "UTC")],
)
def test_an_unknown_time_zone_is_utc(store: GivenRows, asked: str | None, zone: str) -> None:
    store.limits(reset_timezone=asked)
    assert store.one("limits")["reset_timezone"] == zone


@pytest.mark.parametrize(
    ("configured", "nav_cap"),
    [
        (250, 1.0),
        (-3, 0.0),
        (100, 1.0),
        (100.5, 1.0),
        (1, 1.0),
        (1.5, 0.015),
        ("NaN", None),
        ("inf", None),
        ("x", None),
    ],
)
def test_caps_are_kept_within_0_and_1(store: GivenRows, configured: object, nav_cap: float | None) -> None:
    store.limits(**{"global": {"symbol_notional_share_cap_pct": configured}})
    assert store.one("limits")["global_nav_cap_frac"] == nav_cap


@pytest.mark.parametrize(("low", "high", "expected"), [(-0.5, 1.5, (0.0, 1.0)), (0.2, 0.9, (0.2, 0.9))])
def test_bounds_of_the_bias_are_kept_within_0_and_1(
    store: GivenRows, low: float, high: float, expected: tuple[float, float]
) -> None:
    store.limits(router_autotune={"min_bias": low, "max_bias": high})
    row = store.one("limits")
    assert (row["min_bias"], row["max_bias"]) == expected
