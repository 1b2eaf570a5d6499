"""realized_today: realised pnl of each symbol since the day began, and its highest running sum (semantics 9)."""

from datetime import UTC, datetime, timedelta

from tests.conftest import GivenRows, ago

MIDNIGHT = datetime(2025, 6, 15, tzinfo=UTC)


def close(store: GivenRows, ts: datetime, pnl: float, symbol: str = "BTCUSDT") -> None:
    store.add("order_closes", ts, symbol=symbol, order_id="o", realized_pnl_usd=pnl, fees_usd=0.0)


def test_the_peak_is_of_the_running_sum_in_the_order_of_time(store: GivenRows) -> None:
    for minutes, pnl in ((10, -7.0), (30, 5.0), (20, 1.0)):
        close(store, ago(minutes=minutes), pnl)
    close(store, ago(minutes=5), -2.0, "ETHUSDT")
    found = {row["symbol"]: (row["peak_usd"], row["total_usd"]) for row in store.rows("realized_today")}
    assert found == {"BTCUSDT": (6.0, -1.0), "ETHUSDT": (-2.0, -2.0)}


def test_the_day_begins_with_midnight_included(store: GivenRows) -> None:
    close(store, MIDNIGHT - timedelta(microseconds=1), 100.0)
    close(store, MIDNIGHT, 3.0)
    assert [row["total_usd"] for row in store.rows("realized_today")] == [3.0]


def test_of_two_closes_at_one_instant_the_one_stored_last_is_the_last(store: GivenRows) -> None:
    close(store, MIDNIGHT, 3.0)
    close(store, MIDNIGHT, -1.0)
    assert [(row["peak_usd"], row["total_usd"]) for row in store.rows("realized_today")] == [(3.0, 2.0)]
