"""executions: fills against the market at the time and after it.

Its parts are horizons, order_executions, attempt_fills, price_questions, known_price_lookups and looked_up_prices.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import GivenRows
from tests.sql.conftest import Traded, read, read_one


def test_a_markout_is_the_move_less_the_spread(traded: Traded) -> None:
    traded.attempt(side="SELL")
    traded.fill(side="SELL", avg_price=99.0, bid_price=99.0, ask_price=101.0)
    traded.mark(2.9, 98.0)
    traded.mark(11.5, 97.0)
    row = read_one(traded.store, "executions")
    assert (row["kind"], row["ref_price"], row["spread_usd"]) == ("mid", 100.0, 2.0)
    assert (row["move_usd_1"], row["markout_usd_1"]) == (4.0, 2.0)
    assert (row["move_usd_10"], row["markout_usd_10"]) == (6.0, 4.0)
    assert (row["markout_usd_60"], row["is_missing_60"]) == (None, True)


def test_a_later_row_without_the_kind_hides_nothing(traded: Traded) -> None:
    traded.attempt()
    traded.fill(bid_price=100.0, ask_price=101.0)
    traded.mark(2.5, 102.0)
    traded.mark(2.8, 200.0, bid_price=None, ask_price=None)
    traded.mark(2.9, 200.0, bid_price=201.0, ask_price=200.0)
    assert read_one(traded.store, "executions")["markout_usd_1"] == 3.0


def test_of_two_marks_of_one_instant_the_later_stored_counts(traded: Traded) -> None:
    traded.attempt()
    traded.fill(bid_price=100.0, ask_price=101.0)
    traded.mark(3.0, 101.0)
    traded.mark(3.0, 102.5)
    assert read_one(traded.store, "executions")["markout_usd_1"] == 4.0


def test_what_shrank_is_no_execution_and_a_price_below_0_is_none(traded: Traded) -> None:
    traded.attempt(qty=9.0)
    traded.fill(executed_qty=2.0, avg_price=100.0)
    traded.fill(seconds=3.0, executed_qty=1.0, avg_price=90.0)
    traded.fill(seconds=4.0, executed_qty=3.0, avg_price=10.0)
    found = [(row["qty"], row["price"]) for row in read(traded.store, "executions")]
    assert found == [(2.0, 100.0), (1.0, 10.0)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(4)), threads=st.sampled_from([1, 2]))
def test_the_order_in_which_rows_came_and_the_threads_do_not_matter(
    store: GivenRows, order: list[int], threads: int
) -> None:
    traded = Traded(store)
    store.connection.execute(f"set threads = {threads}")
    traded.attempt(qty=4.0)
    for at in order:
        traded.fill(seconds=2.0 + at // 2, executed_qty=0.1 + at, avg_price=100.1 + at / 3, mark_price=100.0)
    found = [(row["qty"], row["price"], row["spread_usd"]) for row in read(store, "executions")]
    quality = {key: value for key, value in read_one(store, "order_quality").items() if key.endswith("_usd")}
    store.connection.execute("delete from order_fills")
    store.connection.execute("delete from order_attempts")
    store.connection.execute("set threads = 2")
    expected = _EXPECTED.setdefault("rows", (found, quality))
    assert (found, quality) == expected


_EXPECTED: dict[str, object] = {}


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 1), (-7 * 86400.0 + 3600.0, 0)])
def test_executions_are_those_of_the_windows_attempts(traded: Traded, seconds: float, count: int) -> None:
    traded.attempt(seconds=seconds)
    traded.fill()
    assert len(read(traded.store, "executions")) == count
