"""suggestion_strength: how strongly results speak for the router (semantics 7).

Arguments: expectancy, hit rate, score.
"""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("5, 0.5, 0.5", 1.5),
        ("4.99, 0.5, 0.5", 0.75),
        ("1, 0.5, 0.5", 0.75),
        ("0.99, 0.5, 0.5", 0),
        ("-0.99, 0.5, 0.5", 0),
        ("-1, 0.5, 0.5", -0.75),
        ("-2.99, 0.5, 0.5", -0.75),
        ("-3, 0.5, 0.5", -1.5),
        ("0, 0.65, 0.5", 0.25),
        ("0, 0.64, 0.46", 0),
        ("0, 0.45, 0.5", -0.25),
        ("0, 0.5, 0.7", 0.75),
        ("0, 0.5, 0.3", -0.75),
        ("0, 0.5, 0", -0.75),
        ("5, 1, 1", 2.5),
        ("-3, 0, 0", -2.5),
        ("null, 0.5, 0.5", 0),
    ],
)
def test_bounds_belong_to_the_stronger_side(store: GivenRows, arguments: str, expected: float) -> None:
    assert store.value(f"suggestion_strength({arguments})::double") == pytest.approx(expected, rel=1e-9)
