"""A suggestion moves a policy by its steps at most, and only where every rule of semantics 7, "Applying", lets it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.execution.autotune import Autotune, Policy, RiskMode, bias_label, published_policy

PUBLISHED = Policy(maker_first=True, taker_bias=0.5, offset_bps=2.0, quality="ok", reason="quality=ok; regime=hot")
ON = Autotune(is_on=True)


def suggested(maker_first: bool = True, taker_bias: float = 0.5, offset_bps: float = 2.0) -> Policy:
    return Policy(maker_first, taker_bias, offset_bps, reason="proposed")


FAR = suggested(maker_first=False, taker_bias=0.9, offset_bps=8.0)


@pytest.mark.parametrize(
    ("autotune", "suggestion", "mode", "quality"),
    [
        (Autotune(), FAR, "normal", "ok"),
        (ON, None, "normal", "ok"),
        (replace(ON, allowlist=frozenset({"ETHUSDT"})), FAR, "normal", "ok"),
        (ON, FAR, "defensive", "ok"),
        (ON, FAR, "normal", "degraded"),
        (ON, FAR, "normal", "broken"),
        (replace(ON, qualities=frozenset({"good"})), FAR, "normal", "ok"),
        (replace(ON, qualities=frozenset()), FAR, "normal", "good"),
    ],
    ids=["off", "nothing suggested", "not listed", "defensive", "degraded", "broken", "not allowed", "none allowed"],
)
def test_a_policy_is_left_alone(autotune: Autotune, suggestion: Policy | None, mode: RiskMode, quality: str) -> None:
    policy = replace(PUBLISHED, quality=quality)
    assert replace(autotune, may_flip=True).apply(policy, suggestion, "BTCUSDT", mode) is policy


@pytest.mark.parametrize("allowlist", [frozenset[str](), frozenset({"BTCUSDT"})])
@pytest.mark.parametrize("mode", ["normal", "cautious"])
@pytest.mark.parametrize("quality", ["good", "ok"])
def test_a_policy_is_moved_by_its_steps(allowlist: frozenset[str], mode: RiskMode, quality: str) -> None:
    policy = replace(PUBLISHED, quality=quality)
    moved = replace(ON, allowlist=allowlist).apply(policy, FAR, "BTCUSDT", mode)
    assert moved == replace(policy, taker_bias=0.55, offset_bps=4.0)


@pytest.mark.parametrize(
    ("wanted", "moved"),
    [(0.5, 0.5), (0.52, 0.52), (0.55, 0.55), (0.56, 0.55), (0.48, 0.48), (0.45, 0.45), (0.0, 0.45), (1.0, 0.55)],
)
def test_the_bias_goes_to_what_is_wanted_or_one_step_towards_it(wanted: float, moved: float) -> None:
    assert ON.apply(PUBLISHED, suggested(taker_bias=wanted), "X", "normal").taker_bias == moved


@pytest.mark.parametrize(
    ("published", "wanted", "moved"),
    [
        (2.0, 4.0, 4.0),
        (2.0, 4.1, 4.0),
        (2.0, 0.5, 0.5),
        (5.0, 0.5, 3.0),
        (9.0, 10.0, 10.0),
        (9.0, 10.5, 10.0),
        (9.5, 30.0, 10.0),
        (14.0, 30.0, 12.0),
        (-9.5, -30.0, -10.0),
    ],
)
def test_the_offset_goes_by_its_step_and_not_beyond_its_bound(published: float, wanted: float, moved: float) -> None:
    policy = replace(PUBLISHED, offset_bps=published)
    assert ON.apply(policy, suggested(offset_bps=wanted), "X", "normal").offset_bps == moved


@pytest.mark.parametrize(
    ("may_flip", "mode", "maker_first"),
    [(False, "normal", True), (True, "cautious", True), (True, "normal", False)],
)
def test_maker_first_flips_only_where_it_may_and_in_a_normal_mode(
    may_flip: bool, mode: RiskMode, maker_first: bool
) -> None:
    moved = replace(ON, may_flip=may_flip).apply(PUBLISHED, FAR, "X", mode)
    assert moved.maker_first is maker_first
    assert moved.taker_bias == 0.55


def test_steps_of_zero_move_nothing() -> None:
    still = replace(ON, max_bias_delta=0.0, max_offset_step_bps=0.0)
    assert still.apply(PUBLISHED, FAR, "X", "normal") == PUBLISHED


@given(st.floats(0, 1), st.floats(0.5, 8), st.floats(0, 1), st.floats(0.5, 8))
def test_a_move_is_towards_what_is_wanted_and_no_longer_than_a_step(
    bias: float, offset_bps: float, wanted: float, wanted_bps: float
) -> None:
    policy = replace(PUBLISHED, taker_bias=bias, offset_bps=offset_bps)
    moved = ON.apply(policy, suggested(taker_bias=wanted, offset_bps=wanted_bps), "X", "normal")
    for before, after, aim, step in (
        (bias, moved.taker_bias, wanted, ON.max_bias_delta),
        (offset_bps, moved.offset_bps, wanted_bps, ON.max_offset_step_bps),
    ):
        assert min(before, aim) <= after <= max(before, aim)
        assert abs(after - before) <= step + 1e-12
        assert after == aim or abs(after - before) >= step - 1e-12


@pytest.mark.parametrize(
    ("bias", "label"),
    [
        (0.0, "prefer_maker"),
        (0.25, "prefer_maker"),
        (0.35, "prefer_maker"),
        (0.3501, "balanced"),
        (0.5, "balanced"),
        (0.6499, "balanced"),
        (0.65, "prefer_taker"),
        (0.75, "prefer_taker"),
        (1.0, "prefer_taker"),
    ],
)
def test_the_label_of_a_bias(bias: float, label: str) -> None:
    assert bias_label(bias) == label


@pytest.mark.parametrize("bias", ["prefer_maker", "balanced", "prefer_taker"])
def test_a_published_policy_keeps_its_label(bias: str) -> None:
    policy = {"maker_first": False, "taker_bias": bias, "quality": "degraded", "reason": "quality=degraded"}
    read = published_policy({"symbol": "X", "maker_offset_bps": 3.3, "policy": policy})
    assert (read.maker_first, read.bias_label, read.offset_bps) == (False, bias, 3.3)
    assert (read.quality, read.reason) == ("degraded", "quality=degraded")


def test_without_a_published_policy_the_start_of_semantics_4_counts() -> None:
    policy = published_policy(None)
    assert (policy.maker_first, policy.bias_label, policy.offset_bps) == (True, "balanced", 2.0)


def test_the_numbers_of_a_policy_keep_the_numeric_bias() -> None:
    moved = ON.apply(PUBLISHED, FAR, "X", "normal")
    assert moved.numbers() == {
        "maker_first": True,
        "taker_bias": 0.55,
        "offset_bps": 4.0,
        "quality": "ok",
        "reason": "quality=ok; regime=hot",
    }
