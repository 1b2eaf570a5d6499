"""round_6: six decimals as Python rounds them."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (1 / 3, 0.333333),
        (0.0078125, 0.007812),  # exactly half way, to even
        (0.0234375, 0.023438),  # exactly half way, to even
        (3.5e-6, 3e-6),  # its binary value lies just below the half
        (0.0, 0.0),
        (-0.1234567, -0.123457),
    ],
)
def test_halves_of_the_exact_binary_value_go_to_even(store: GivenRows, x: float, expected: float) -> None:
    assert store.value(f"round_6({x!r}::double)") == expected == round(x, 6)


def test_unknown_stays_unknown(store: GivenRows) -> None:
    assert store.value("round_6(null::double)") is None
