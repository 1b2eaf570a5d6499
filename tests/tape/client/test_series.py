"""Series: thinned so that no peak and no trough is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.client import series
from tape.client.client import Answer, Client
from tape.client.series import Bars, NothingToDraw, Series, Span
from tape.store.errors import StoreError
from tape.store.views.catalog import CATALOG_SQL, Relation, relations_of
from tests.conftest import AS_OF, GivenRows, ago

DAY = Span(ago(hours=24), AS_OF, AS_OF)


@pytest.fixture
def client(store: GivenRows, tmp_path: Path) -> Client:
    """A client of the store's home; the store has to be closed before it asks."""
    return Client(tmp_path)


def relation(client: Client, name: str) -> Relation:
    return relations_of(client.query(CATALOG_SQL).rows[0][0])[name]


def drawn(client: Client, name: str, column: str, span: Span = DAY, steps: int = 10) -> Series | Bars:
    return series.column_of(client, relation(client, name), column, span, steps)


@settings(max_examples=15, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(1, 1000), min_size=1, max_size=200), st.integers(1, 20))
def test_each_step_keeps_its_first_lowest_highest_and_last_row(
    store: GivenRows, values: list[float], steps: int
) -> None:
    store.connection.execute("delete from ticks")
    for at, value in enumerate(values):
        store.add("ticks", ago(minutes=300 - at), equity_usd=value)
    found = _of_cursor(store, steps)
    kept = dict(found.points)
    rows = {ago(minutes=300 - at): value for at, value in enumerate(values)}
    assert all(rows[ts] == value for ts, value in kept.items())
    assert (min(kept), max(kept), found.rows) == (min(rows), max(rows), len(values))
    length = (len(values) - 1) or 1
    for step in range(steps):
        inside = {
            ts: each for at, (ts, each) in enumerate(rows.items()) if min(steps - 1, steps * at // length) == step
        }
        if inside:
            here = [value for ts, value in kept.items() if ts in inside]
            assert len(here) <= 4
            assert (min(here), max(here)) == (min(inside.values()), max(inside.values()))


def _of_cursor(store: GivenRows, steps: int) -> Series:
    """The series as the open store says it: what the client asks is asked of the test's own connection."""

    class Asking(Client):
        def __init__(self) -> None:
            """No home is needed."""

        def query(self, sql: str, **_: object) -> Answer:
            rows = store.rows(sql)
            return Answer(list(rows[0]) if rows else [], [], [list(row.values()) for row in rows])

    return series.equity(Asking(), DAY, steps)


def test_an_outage_is_longer_than_the_gap(store: GivenRows, client: Client) -> None:
    for minutes in (*range(600, 500, -1), *range(100, 0, -1)):
        store.add("ticks", ago(minutes=minutes), equity_usd=100.0)
    store.connection.close()
    found = series.equity(client, DAY, 100)
    longest = max(
        (later - earlier for (earlier, _), (later, _) in zip(found.points, found.points[1:], strict=False)),
        default=timedelta(),
    )
    assert longest.total_seconds() > found.gap_s
    close = [
        later - earlier
        for (earlier, _), (later, _) in zip(found.points, found.points[1:], strict=False)
        if later - earlier != longest
    ]
    assert max(close).total_seconds() <= found.gap_s


def test_processes_with_a_nav_of_their_own_are_left_out(store: GivenRows, client: Client) -> None:
    for minutes in (50, 30, 10):
        store.add("ticks", ago(minutes=minutes), equity_usd=100.0, hostname="vps", pid=1)
    store.add("ticks", ago(minutes=20), equity_usd=5.0, hostname="vps", pid=2)
    store.connection.close()
    assert {value for _, value in series.equity(client, DAY, 10).points} == {100.0}
    assert {value for _, value in series.drawdown(client, DAY, 10).points} == {0.0}


def test_drawdown_is_a_loss_from_the_peak_since_the_last_tick_before(store: GivenRows, client: Client) -> None:
    for hours, equity in ((25, 200.0), (20, 150.0), (10, 100.0)):
        store.add("ticks", ago(hours=hours), equity_usd=equity)
    store.connection.close()
    found = series.drawdown(client, DAY, 10)
    assert ([value for _, value in found.points], found.is_loss) == ([-25.0, -50.0], True)
    whole = series.drawdown(client, Span(None, AS_OF, AS_OF), 10)
    assert [value for _, value in whole.points] == [0.0, -25.0, -50.0]


def test_a_column_has_its_symbols_and_its_unit(store: GivenRows, client: Client) -> None:
    for symbol, pnl in (("BTCUSDT", 1.0), ("ETHUSDT", 2.0)):
        store.close(symbol, pnl, ago(hours=1))
    store.add("order_closes", ago(hours=2), symbol="BTCUSDT", realized_pnl_usd=9.0, is_test=True)
    store.connection.close()
    found = drawn(client, "order_closes", "realized_pnl_usd")
    assert isinstance(found, Series)
    assert (found.symbols, found.unit, found.rows) == (["BTCUSDT", "ETHUSDT"], "USD", 2)
    one = drawn(client, "order_closes", "realized_pnl_usd", Span(None, AS_OF, AS_OF, "ETHUSDT"))
    assert isinstance(one, Series)
    assert (one.symbols, one.points) == (["ETHUSDT"], [(ago(hours=1), 2.0)])


def test_a_view_without_a_time_is_bars_with_hours_in_order(store: GivenRows, client: Client) -> None:
    for hour, pnl in ((9, 1.0), (10, -2.0)):
        store.close("BTCUSDT", pnl, datetime(2025, 6, 15, hour, 30, tzinfo=UTC))
    store.connection.close()
    found = drawn(client, "expectancy_by_hour", "expectancy")
    assert found == Bars("expectancy of expectancy_by_hour", "USD", [("9", 1.0), ("10", -2.0)])


def test_nothing_to_draw_says_where_the_newest_row_is(store: GivenRows, client: Client) -> None:
    store.add("ticks", ago(hours=30), equity_usd=1.0)
    store.connection.close()
    told = "the newest is of 2025-06-14 06:30:00 UTC: try --from newest-24h --to newest"
    with pytest.raises(NothingToDraw, match=told):
        series.equity(client, DAY, 10)
    with pytest.raises(NothingToDraw, match=r"order_closes: .* found none; no row has one"):
        drawn(client, "order_closes", "realized_pnl_usd")


@pytest.mark.parametrize("column", ["symbol", "realized_pnl"])
def test_a_column_that_is_no_number_is_told(store: GivenRows, client: Client, column: str) -> None:
    store.connection.close()
    with pytest.raises(StoreError, match=f"order_closes: expected a column of numbers, .*found '{column}'"):
        drawn(client, "order_closes", column)
