"""clamp: x kept within lo..hi; null stays null."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("x", "expected"), [("0.4", 0.5), ("0.5", 0.5), ("3", 3), ("8", 8), ("8.1", 8), ("null", None)]
)
def test_bounds_are_included_and_null_is_not_a_bound(store: GivenRows, x: str, expected: float | None) -> None:
    assert store.value(f"cast(clamp({x}, 0.5, 8) as double)") == expected
