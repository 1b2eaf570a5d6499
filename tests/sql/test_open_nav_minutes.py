"""open_nav_minutes: the minutes that no roll-up holds yet."""

from tape.store.ingest.roll_ups import roll_up
from tests.conftest import GivenRows, ago


def test_a_minute_is_its_last_tick_and_its_highest_equity(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=1, seconds=30), equity_usd=12.0)
    store.add("ticks", ago(minutes=1, seconds=20), equity_usd=10.0, unrealized_pnl_usd=-2.0)
    row = store.one("open_nav_minutes")
    assert (row["minute"], row["ts"]) == (ago(minutes=2), ago(minutes=1, seconds=20))
    assert (row["equity_usd"], row["nav_usd"], row["peak_equity_usd"]) == (10.0, 10.0, 12.0)
    assert (row["unrealized_pnl_usd"], row["realized_pnl_usd"]) == (-2.0, None)


def test_what_is_rolled_up_is_left_out(store: GivenRows) -> None:
    for minutes in (5, 4, 1):
        store.add("ticks", ago(minutes=minutes), equity_usd=float(minutes))
    roll_up(store.connection, 0)
    assert [row["equity_usd"] for row in store.rows("open_nav_minutes")] == [1.0]
    assert len(store.rows("open_nav_minutes", known_seq=100)) == 3


def test_of_two_ticks_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=2.0, nav_usd=0.0)
    store.add("ticks", ago(minutes=1), equity_usd=1.0)
    row = store.one("open_nav_minutes")
    assert (row["equity_usd"], row["nav_usd"], row["peak_equity_usd"]) == (1.0, 1.0, 2.0)


def test_ticks_that_do_not_count_make_no_minute(store: GivenRows) -> None:
    store.add("ticks", ago(minutes=1), equity_usd=0.0)
    store.add("ticks", ago(minutes=1))
    store.add("ticks", ago(minutes=1), equity_usd=5.0, is_test=True)
    store.add("ticks", ago(microseconds=-1), equity_usd=5.0)
    assert store.rows("open_nav_minutes") == []
