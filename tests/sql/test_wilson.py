"""wilson: a share with its interval."""

import pytest

from tests.conftest import GivenRows


def test_the_interval_of_wilson(store: GivenRows) -> None:
    # (k + z2 / 2 -+ z sqrt(k (n - k) / n + z2 / 4)) / (n + z2) with z2 = 3.8414588
    found = store.value("wilson(5, 10)")
    assert (found["k"], found["n"], found["rate"]) == (5, 10, 0.5)
    assert (found["lo"], found["hi"]) == (pytest.approx(0.2365930905), pytest.approx(0.7634069095))


def test_it_stays_within_0_and_1_and_nothing_has_none(store: GivenRows) -> None:
    assert store.value("wilson(0, 4)")["lo"] == 0.0
    assert store.value("wilson(4, 4)")["hi"] == 1.0
    assert store.value("wilson(0, 0)") == {"k": 0, "n": 0, "rate": None, "lo": None, "hi": None}
