"""attempts_24h: order attempts with as_of - 24 h < ts <= as_of."""

from datetime import timedelta

import pytest

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.add("order_attempts", ago(hours=24), attempt_id="edge")
    store.add("order_attempts", ago(hours=24) + timedelta(microseconds=1), attempt_id="just_inside")
    store.add("order_attempts", AS_OF, attempt_id="now")
    store.add("order_attempts", AS_OF + timedelta(seconds=1), attempt_id="later")
    assert {row["attempt_id"] for row in store.rows("attempts_24h")} == {"just_inside", "now"}


def test_of_several_rows_of_one_attempt_the_earliest_counts_and_at_one_instant_the_one_stored_first(
    store: GivenRows,
) -> None:
    store.add("order_attempts", ago(hours=2), attempt_id="a", qty=1.0)
    store.add("order_attempts", ago(hours=3), attempt_id="a", qty=2.0)
    store.add("order_attempts", ago(hours=3), attempt_id="a", qty=3.0)
    store.add("order_attempts", ago(hours=1), attempt_id=None, qty=4.0)
    store.add("order_attempts", ago(hours=1), attempt_id=None, qty=5.0)
    assert sorted(row["qty"] for row in store.rows("attempts_24h")) == [2.0, 4.0, 5.0]


@pytest.mark.parametrize(("hours", "count"), [(24, 0), (23.999, 1), (48, 0)])
def test_an_attempt_that_began_before_the_window_or_at_its_edge_is_none_of_it(
    store: GivenRows, hours: float, count: int
) -> None:
    store.add("order_attempts", ago(hours=hours), attempt_id="a")
    store.add("order_attempts", ago(hours=1), attempt_id="a")
    assert len(store.rows("attempts_24h")) == count
