"""maker_offset_bps: 2 bps and what moves it, within 0.5..8 (semantics 4).

Arguments: volatility regime, maker ratio, fallback ratio, slippage, edge of the hour.
"""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'normal', 0.7, 0.5, 1, 0", 2.0),
        ("'unknown', 0.7, 0.5, 5, null", 2.0),
        ("'quiet', 0.7, 0.5, 1, 0", 1.5),
        ("'hot', 0.7, 0.5, 1, 0", 2.5),
        ("'panic', 0.7, 0.5, 1, 0", 3.0),
        ("'normal', 0.71, 0.5, 1, 0", 1.5),
        ("'normal', 0.7, 0.51, 1, 0", 3.0),
        ("'normal', 0.7, 0.8, 1, 0", 3.0),
        ("'normal', 0.7, 0.81, 1, 0", 4.5),
        ("'normal', 0.7, 0.5, 5.01, 0", 2.8),
        ("'normal', 0.7, 0.5, 0.99, 0", 1.8),
        ("'normal', 0.7, 0.5, -3, 0", 1.8),
        ("'normal', 0.7, 0.5, null, 0", 1.8),
        ("'normal', 0.7, 0.5, 1, 0.001", 1.8),
        ("'normal', 0.7, 0.5, 1, -0.001", 2.2),
        ("'normal', null, null, null, null", 1.8),
        ("'quiet', 0.9, 0, 0, 1", 0.6),  # 2 - 0.5 - 0.5 - 0.2 - 0.2
        ("'panic', 0.7, 0.9, 9, -1", 6.5),  # 2 + 1 + 1 + 1.5 + 0.8 + 0.2
    ],
)
def test_each_part_moves_the_offset_by_its_amount(store: GivenRows, arguments: str, expected: float) -> None:
    assert store.value(f"maker_offset_bps({arguments})::double") == pytest.approx(expected, rel=1e-9)
