"""intel_size_factor: 0.5 at z <= -1, 1.5 at z >= 1.5, else 1 + 0.3 z (semantics 9)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("z", "factor"), [(-9, 0.5), (-1, 0.5), (-0.99, 0.703), (0, 1), (0.5, 1.15), (1.49, 1.447), (1.5, 1.5), (9, 1.5)]
)
def test_the_factor_jumps_at_both_ends(store: GivenRows, z: float, factor: float) -> None:
    assert store.value(f"intel_size_factor({z}::double)::double") == pytest.approx(factor, rel=1e-9)
