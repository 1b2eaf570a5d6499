"""router_quality: first match of broken, degraded, good, else ok (semantics 2)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("0.5, 0.9, 0, 0", "broken"),
        ("0.5, 0, 20, 0", "broken"),
        ("0.5, 0, 0, 2500", "broken"),
        ("0.5, 0.899, 0, 0", "degraded"),
        ("0.9, 0, 8, 0", "degraded"),
        ("0.9, 0, 0, 1500", "degraded"),
        ("0.7, 0.4, 4, 800", "good"),
        ("0.7, 0.41, 4, 800", "ok"),
        ("0.69, 0, 0, 0", "ok"),
        ("null, null, null, null", "ok"),
        ("0.7, null, null, null", "good"),
    ],
)
def test_first_match_counts_and_unknown_is_zero(store: GivenRows, arguments: str, expected: str) -> None:
    assert store.value(f"router_quality({arguments})") == expected
