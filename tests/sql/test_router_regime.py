"""router_regime: first match of broken, fallback_heavy, slippage_hot, maker_strong, else balanced (semantics 2)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("0.9, 0.85, 0, 0", "broken"),
        ("0.2, 0, 0, 0", "broken"),
        ("0, 0, 0, 0", "broken"),
        ("0.9, 0, 25, 0", "broken"),
        ("0.9, 0, 0, 3000", "broken"),
        ("0.9, 0.55, 24, 2999", "fallback_heavy"),
        ("0.9, 0.84, 0, 0", "fallback_heavy"),
        ("0.9, 0.54, 12, 0", "slippage_hot"),
        ("0.7, 0.3, 5, 0", "maker_strong"),
        ("0.7, 0.31, 5, 0", "balanced"),
        ("0.7, 0.3, 5.01, 0", "balanced"),
        ("0.69, 0, 0, 0", "balanced"),
        ("0.21, 0, 0, 0", "balanced"),
        ("null, null, null, null", "balanced"),
        ("0.7, null, null, null", "maker_strong"),
        ("0.7, 0.3, null, 2999", "maker_strong"),
        ("null, 0, 12, null", "slippage_hot"),
    ],
)
def test_first_match_counts_and_unknown_satisfies_no_bound(store: GivenRows, arguments: str, expected: str) -> None:
    assert store.value(f"router_regime({arguments})") == expected
