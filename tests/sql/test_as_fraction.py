"""as_fraction: a cap above 1 is a percentage; it is kept within 0 and 1 (semantics 8)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        ("0", 0),
        ("0.3", 0.3),
        ("1", 1),
        ("1.5", 0.015),
        ("25", 0.25),
        ("100", 1),
        ("null", None),
        ("250", 1),
        ("-3", 0),
        ("-0.1", 0),
    ],
)
def test_only_what_is_above_one_is_a_percentage(store: GivenRows, cap: str, expected: float | None) -> None:
    assert store.value(f"as_fraction(cast({cap} as double))") == expected
