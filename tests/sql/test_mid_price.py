"""mid_price, positive, side_sign and elapsed_ms: what is known of a quote, a number, a side and a time."""

from typing import Any

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("mid_price(99.5, 100.5)", 100.0),
        ("mid_price(100, 100)", 100.0),
        ("mid_price(101, 100)", None),
        ("mid_price(0, 100)", None),
        ("mid_price(null, 100)", None),
        ("positive(2)", 2),
        ("positive(0)", None),
        ("positive(-1)", None),
        ("side_sign('buy')", 1),
        ("side_sign('SELL')", -1),
        ("side_sign('LONG')", None),
        ("side_sign(null)", None),
        ("elapsed_ms(timestamptz '2025-01-01', timestamptz '2025-01-01' + interval 1500 microsecond)", 1.5),
        ("elapsed_ms(timestamptz '2025-01-01', timestamptz '2025-01-01')", 0.0),
        ("elapsed_ms(timestamptz '2025-01-02', timestamptz '2025-01-01')", None),
        ("elapsed_ms(timestamptz '2025-01-02', null::timestamptz)", None),
    ],
)
def test_what_is_not_known_is_null(store: GivenRows, expression: str, value: Any) -> None:
    found = store.value(expression)
    assert (None if found is None else float(found)) == value
