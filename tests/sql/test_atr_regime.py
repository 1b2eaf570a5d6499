"""atr_regime: <0.7 quiet, <1.5 normal, <2.5 hot, else panic (semantics 3)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        ("0", "quiet"),
        ("0.699", "quiet"),
        ("0.7", "normal"),
        ("1.499", "normal"),
        ("1.5", "hot"),
        ("2.499", "hot"),
        ("2.5", "panic"),
        ("null", "unknown"),
    ],
)
def test_bounds_belong_to_the_higher_regime(store: GivenRows, ratio: str, expected: str) -> None:
    assert store.value(f"atr_regime({ratio})") == expected
