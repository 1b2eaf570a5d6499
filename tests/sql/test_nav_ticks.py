"""nav_ticks: ticks with a known equity above zero (semantics 11)."""

from tests.conftest import GivenRows


def test_an_equity_that_is_unknown_or_not_positive_does_not_count(store: GivenRows) -> None:
    for equity in (None, 0.0, -5.0, 0.01):
        store.add("ticks", equity_usd=equity)
    assert [row["equity_usd"] for row in store.rows("nav_ticks")] == [0.01]


def test_nav_is_the_equity_where_it_is_unknown_but_a_true_zero_stays(store: GivenRows) -> None:
    store.add("ticks", equity_usd=10.0)
    store.add("ticks", equity_usd=20.0, nav_usd=0.0)
    store.add("ticks", equity_usd=30.0, nav_usd=31.0)
    assert [row["nav_usd"] for row in store.rows("from nav_ticks order by ingest_seq")] == [10.0, 0.0, 31.0]


def test_a_tick_that_lists_no_position_has_an_unrealized_pnl_of_zero(store: GivenRows) -> None:
    for reported, count in [(None, 0), (None, 1), (None, None), (7.0, 0)]:
        store.add("ticks", equity_usd=10.0, unrealized_pnl_usd=reported, position_count=count)
    found = [row["unrealized_pnl_usd"] for row in store.rows("from nav_ticks order by ingest_seq")]
    assert found == [0.0, None, None, 7.0]
