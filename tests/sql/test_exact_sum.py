"""exact_sum: the same last bit in whatever order the rows come."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import GivenRows

AMOUNTS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=AMOUNTS)
def test_the_order_of_the_rows_does_not_matter(store: GivenRows, amounts: list[float]) -> None:
    shuffled = random.Random(1).sample(amounts, len(amounts))  # noqa: S311
    found, other = (
        store.value(f"(select exact_sum(x) from (select unnest({rows}::double[]) as x))")
        for rows in (amounts, shuffled)
    )
    assert found == other
    assert abs(found - sum(amounts)) <= 1e-9


def test_nothing_has_no_sum_and_what_is_no_amount_of_money_is_summed_plainly(store: GivenRows) -> None:
    assert store.value("(select exact_sum(x) from (select null::double as x))") is None
    assert store.value("(select exact_sum(x) from (select unnest([1e30, 1e30]) as x))") == 2e30
