"""slippage_bps: (avg_fill - mark) / mark * 1e4, negated for SELL (semantics 2)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'BUY', 100, 100.05, 9", 5.0),
        ("'SELL', 100, 100.05, 9", -5.0),
        ("'sell', 100, 99.9, null", 10.0),
        ("'BUY', 100, 100, 9", 0.0),
        ("'BUY', 100, 0, 9", None),
        ("'BUY', 0, 100, 9", None),
        ("'BUY', -1, 100, 9", None),
        ("'BUY', null, 100, 9", 9.0),
        ("'SELL', 100, null, 9", 9.0),
        ("'BUY', null, null, null", None),
    ],
)
def test_prices_count_before_the_logged_value_and_a_price_of_zero_is_none(
    store: GivenRows, arguments: str, expected: float | None
) -> None:
    found = store.value(f"slippage_bps({arguments})::double")
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-12))
