"""verdict_of: what an interval of a mean says."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 2, "gains"), (-2, -0.1, "loses"), (-1, 1, "not sure"), (0, 1, "not sure"), (-1, 0, "not sure")],
)
def test_it_is_sure_only_on_one_side_of_zero(store: GivenRows, low: float, high: float, verdict: str) -> None:
    assert store.value(f"verdict_of({low}, {high})") == verdict


def test_without_an_interval_there_are_too_few(store: GivenRows) -> None:
    assert store.value("verdict_of(null, null)") == "too few"
