"""account_since: equity at both ends, what its change is made of, and its worst fall."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import GivenRows, ago

SINCE = "2025-06-15 11:30:00+00"


def account(store: GivenRows, *apart: str) -> dict[str, Any]:
    names = ", ".join(f"'{name}'" for name in apart)
    return store.one(f"from account_since(timestamptz '{SINCE}', cast([{names}] as varchar[]))")


def tick(store: GivenRows, minutes: float, equity_usd: float | None, **columns: Any) -> str:
    return store.add("ticks", ago(minutes=minutes), equity_usd=equity_usd, **columns)


def test_the_change_is_the_sum_of_its_parts(store: GivenRows) -> None:
    tick(store, 90, 500.0, unrealized_pnl_usd=7.0)
    tick(store, 70, 1000.0, unrealized_pnl_usd=5.0)
    tick(store, 10, 1017.0, unrealized_pnl_usd=8.0)
    store.close("BTCUSDT", 100.0, ago(minutes=80))  # before the first tick
    store.close("BTCUSDT", 20.0, ago(minutes=65))  # before the span, after its first tick
    store.close("ETHUSDT", -6.0, ago(minutes=10))
    store.close("ETHUSDT", 55.0, ago(minutes=9))  # after the last tick
    order = {"symbol": "BTCUSDT", "avg_price": 100.0, "fee_asset": "USDT"}
    store.add("order_fills", ago(minutes=65), order_id="o1", fee_total=1.5, **order)
    store.add("order_fills", ago(minutes=5), order_id="o2", fee_total=9.0, **order)
    store.add("funding_payments", ago(minutes=30), symbol="BTCUSDT", amount_usd=-0.25)
    for minutes in (31, 30):  # told twice
        store.add("transfers", ago(minutes=minutes), transfer_id="t1", amount_usd=2.0)
    store.add("transfers", ago(minutes=5), transfer_id="t2", amount_usd=77.0)
    found = account(store)
    assert (found["start_ts"], found["end_ts"], found["ticks"]) == (ago(minutes=70), ago(minutes=10), 1)
    assert (found["start_equity_usd"], found["end_equity_usd"], found["change_usd"]) == (1000.0, 1017.0, 17.0)
    assert (found["closes"], found["realized_usd"], found["fees_usd"], found["funding_usd"]) == (2, 14.0, 1.5, -0.25)
    assert found["transfers_usd"] == 2.0
    # 17 - (14 - 1.5 - 0.25 + 2) = 2.75, of which 8 - 5 are unrealised
    assert found["rest_usd"] == pytest.approx(2.75)
    assert found["unrealized_change_usd"] == pytest.approx(3.0)
    assert found["unexplained_usd"] == pytest.approx(-0.25)


def test_without_a_tick_before_the_span_its_first_one_is_the_start(store: GivenRows) -> None:
    tick(store, 50, 100.0)
    tick(store, 40, 101.0)
    found = account(store)
    assert (found["start_ts"], found["change_usd"], found["ticks"]) == (ago(minutes=50), 1.0, 2)


def test_without_a_tick_in_the_span_the_end_is_unknown(store: GivenRows) -> None:
    tick(store, 90, 100.0)
    store.close("BTCUSDT", 3.0, ago(minutes=30))
    found = account(store)
    assert (found["start_equity_usd"], found["end_ts"], found["change_usd"]) == (100.0, None, None)
    assert [found[name] for name in ("realized_usd", "rest_usd", "drawdown_pct", "closes")] == [None] * 4


def test_without_any_tick_all_is_unknown(store: GivenRows) -> None:
    tick(store, 30, 0.0)
    tick(store, 20, None)
    found = account(store)
    assert found.pop("ticks") == 0
    assert set(found.values()) == {None}


def test_a_fee_without_a_price_is_counted_and_left_out(store: GivenRows) -> None:
    tick(store, 50, 100.0)
    tick(store, 10, 99.0)
    order = {"symbol": "BTCUSDT", "avg_price": 100.0, "fee_total": 0.5}
    store.add("order_fills", ago(minutes=30), order_id="o1", fee_asset="USDT", **order)
    store.add("order_fills", ago(minutes=29), order_id="o2", fee_asset="BNB", **order)
    found = account(store)
    assert (found["fees_usd"], found["unpriced_fees"], found["rest_usd"]) == (0.5, 1, -0.5)


def test_the_positions_of_a_tick_tell_its_unrealised_pnl(store: GivenRows) -> None:
    first = tick(store, 50, 100.0, position_count=2)
    tick(store, 10, 100.0, position_count=0)
    held = {"tick_id": first, "entry_price": 10.0, "mark_price": 12.0}
    store.add("positions", ago(minutes=50), symbol="BTCUSDT", qty=2.0, **held)
    store.add("positions", ago(minutes=50), symbol="ETHUSDT", qty=1.0, side="SHORT", **held)
    found = account(store)
    assert found["unrealized_change_usd"] == pytest.approx(-2.0)  # 0 - (2 * 2 - 1 * 2)
    assert found["unexplained_usd"] == pytest.approx(2.0)


def test_a_position_that_is_missing_leaves_it_unknown(store: GivenRows) -> None:
    first = tick(store, 50, 100.0, position_count=2)
    tick(store, 10, 100.0, position_count=0)
    store.add("positions", ago(minutes=50), tick_id=first, symbol="BTCUSDT", qty=2.0, entry_price=10.0, mark_price=12.0)
    found = account(store)
    assert (found["unrealized_change_usd"], found["unexplained_usd"], found["rest_usd"]) == (None, None, 0.0)


def test_processes_apart_are_left_out(store: GivenRows) -> None:
    live: dict[str, Any] = {"hostname": "vps", "pid": 1}
    test: dict[str, Any] = {"hostname": "vps", "pid": 2}
    tick(store, 50, 100.0, **live)
    tick(store, 30, 5.0, **test)
    tick(store, 10, 101.0, **live)
    store.close("BTCUSDT", 40.0, ago(minutes=20), **test)
    order = {"symbol": "BTCUSDT", "avg_price": 100.0, "fee_asset": "USDT", "fee_total": 3.0}
    store.add("order_fills", ago(minutes=20), order_id="o1", **order, **test)
    store.add("funding_payments", ago(minutes=20), symbol="BTCUSDT", amount_usd=2.0, **test)
    found = account(store, "vps:2")
    assert (found["ticks"], found["change_usd"], found["closes"], found["drawdown_pct"]) == (2, 1.0, 0, 0.0)
    assert (found["fees_usd"], found["funding_usd"], found["rest_usd"]) == (0.0, 0.0, 1.0)
    assert account(store)["drawdown_pct"] == pytest.approx(95.0)


def test_the_worst_fall_is_found_with_its_times(store: GivenRows) -> None:
    for minutes, equity in ((70, 100.0), (55, 120.0), (50, 120.0), (49.5, 108.0), (40, 115.0), (35, 90.0)):
        tick(store, minutes, equity)
    tick(store, 30, 95.0)
    found = account(store)
    assert (found["drawdown_pct"], found["drawdown_usd"]) == (pytest.approx(25.0), 30.0)
    assert (found["peak_ts"], found["peak_equity_usd"]) == (ago(minutes=50), 120.0)
    assert (found["trough_ts"], found["trough_equity_usd"]) == (ago(minutes=35), 90.0)
    assert found["recovered_ts"] is None
    tick(store, 20, 120.0)
    assert account(store)["recovered_ts"] == ago(minutes=20)


def test_a_fall_within_one_minute_is_seen(store: GivenRows) -> None:
    at = 40.0
    for seconds, equity in ((0, 100.0), (10, 110.0), (20, 88.0), (30, 112.0)):
        store.add("ticks", ago(minutes=at, seconds=-seconds), equity_usd=equity)
    found = account(store)
    assert (found["drawdown_pct"], found["trough_ts"]) == (pytest.approx(20.0), ago(minutes=at, seconds=-20))


def test_the_equity_before_the_span_counts_as_its_first(store: GivenRows) -> None:
    tick(store, 70, 100.0)
    tick(store, 30, 90.0)
    assert account(store)["drawdown_pct"] == pytest.approx(10.0)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(50, 150), min_size=2, max_size=60), st.integers(1, 40))
def test_it_is_the_worst_fall_from_a_running_peak(store: GivenRows, equities: list[int], step_s: int) -> None:
    """Ticks ``step_s`` apart, so that one minute has one to sixty; the store is emptied before each example."""
    store.connection.execute("delete from ticks")
    store.connection.execute(
        "insert into ticks by name select 'e' || i as event_id, timestamptz '2025-06-15 11:31:00+00'"
        " + to_seconds(i * ?) as ts, ts as received_ts, i as ingest_seq, false as is_test, ?[i] as equity_usd"
        " from range(1, ?) as steps (i)",
        [step_s, [float(each) for each in equities], len(equities) + 1],
    )
    falls = [(max(equities[: at + 1]) - each) / max(equities[: at + 1]) for at, each in enumerate(equities)]
    found = account(store)
    assert found["drawdown_pct"] == pytest.approx(100 * max(falls), abs=1e-12)
    seconds = (found["trough_ts"] - datetime.fromisoformat("2025-06-15T11:31:00+00:00")).total_seconds()
    assert seconds == (falls.index(max(falls)) + 1) * step_s
