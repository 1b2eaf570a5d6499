"""estimate, with its parts block_squares, two_sided_p, adjusted and normal_cdf: a mean and how sure it is."""

import math

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize("x", [-9.0, -8.0, -3.5, -1.0, -1e-9, 0.0, 1e-9, 0.5, 1.959963984540054, 6.0, 7.99, 9.0])
def test_the_normal_distribution_is_exact(store: GivenRows, x: float) -> None:
    assert store.value(f"normal_cdf(cast({x} as double))") == pytest.approx(0.5 * math.erfc(-x / 2**0.5), abs=1e-12)


def test_two_blocks_of_equal_weight_have_the_standard_error_of_two_values(store: GivenRows) -> None:
    # 1 and 3 over weights of 1: mean 2, standard error of the mean 1
    total = " + ".join(f"block_squares(1, {x}, 1, 2, 4, 2)" for x in (1, 3))
    assert store.value(f"sqrt(2 / (2 - 1) * ({total})) / 2") == 1.0


def test_a_p_of_one_is_a_mean_of_nothing_and_none_is_told_where_nothing_varies(store: GivenRows) -> None:
    assert store.value("two_sided_p(0e0, 1e0, 19e0)") == 1.0
    assert store.value("two_sided_p(2.0930240544082634e0, 1e0, 19e0)") == pytest.approx(0.05, abs=1e-4)
    assert store.value("two_sided_p(1e3, 1e0, 19e0)") == pytest.approx(0.0, abs=1e-12)
    assert store.value("two_sided_p(1e0, 1e-10, 19e0)") is None
    assert store.value("two_sided_p(0e0, 0e0, 19e0)") is None


@pytest.mark.parametrize(
    ("n", "blocks", "state"),
    [(0, 0, "none"), (29, 25, "insufficient"), (30, 19, "insufficient"), (30, 20, "ok")],
)
def test_an_interval_takes_30_rows_in_20_blocks(store: GivenRows, n: int, blocks: int, state: str) -> None:
    found = store.value(f"estimate(1e4, {n}, {blocks}, 2e0, 100e0, 400e0)")
    assert (found["state"], found["value"], found["n"], found["blocks"]) == (state, 200.0, n, blocks)
    assert (found["lo"] is not None) == (found["p"] is not None) == (state == "ok")


def test_the_interval_is_as_wide_as_students_t_says(store: GivenRows) -> None:
    found = store.value("estimate(1e0, 40, 20, 100e0, 10e0, 400e0)")
    # standard error sqrt(20 / 19 * 400) / 20
    half = 2.0932 * math.sqrt(20 / 19 * 400) / 20
    assert (found["lo"], found["hi"]) == (pytest.approx(10 - half, rel=1e-4), pytest.approx(10 + half, rel=1e-4))


def test_a_weight_of_nothing_has_no_mean(store: GivenRows) -> None:
    found = store.value("estimate(1e4, 40, 20, 2e0, 0e0, null)")
    assert (found["value"], found["lo"], found["p"], found["state"]) == (None, None, None, "ok")


def test_p_is_told_for_the_number_of_cells_looked_at(store: GivenRows) -> None:
    found = store.value("adjusted(estimate(1e0, 40, 20, 100e0, 10e0, 400e0), 1000000)")
    assert found["p"] < 1e-6 or found["p_adj"] == 1.0
    assert store.value("adjusted(estimate(1e0, 1, 1, 1e0, 1e0, 0e0), 2)")["p_adj"] is None
