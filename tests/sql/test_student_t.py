"""student_t: half the width of a 95 % interval in standard errors."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(("freedom", "tabled", "within"), [(9, 2.2622, 4e-3), (19, 2.0930, 3e-4), (29, 2.0452, 2e-4)])
def test_it_is_that_of_the_tables(store: GivenRows, freedom: int, tabled: float, within: float) -> None:
    assert store.value(f"student_t({freedom})") == pytest.approx(tabled, abs=within)


def test_it_is_the_formula_to_the_last_digits(store: GivenRows) -> None:
    # v = 4: c = 35/33; sqrt(4 * (exp((1.959963984540054 * 35/33)^2 / 4) - 1))
    assert store.value("student_t(4)") == pytest.approx(2.789668984037109, rel=1e-12)
    assert store.value("round(student_t(19), 4)") == 2.0932


def test_many_degrees_are_the_normal_quantile(store: GivenRows) -> None:
    assert store.value("student_t(1000000)") == pytest.approx(1.95996, abs=1e-5)


def test_two_values_are_needed_at_least(store: GivenRows) -> None:
    assert store.value("student_t(0)") is None
    assert store.value("student_t(null)") is None
