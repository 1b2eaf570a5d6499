"""sharpe_part: -1 at <= -1, +1 at >= 2, else half; unknown 0 (semantics 9)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("sharpe", "part"),
    [("-7", -1), ("-1", -1), ("-0.99", -0.495), ("0", 0), ("1.5", 0.75), ("1.99", 0.995), ("2", 1), ("null", 0)],
)
def test_the_part_jumps_at_minus_one_and_ends_at_two(store: GivenRows, sharpe: str, part: float) -> None:
    assert store.value(f"sharpe_part({sharpe}::double)::double") == pytest.approx(part, rel=1e-9)
