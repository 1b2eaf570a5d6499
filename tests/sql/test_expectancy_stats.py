"""expectancy_stats: statistics of the trades of 48 h by symbol, hour and regime (semantics 1)."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import pytest

from tests.conftest import GivenRows, ago


def stats(store: GivenRows, dimension: str = "symbol") -> dict[str, dict[str, Any]]:
    rows = store.rows(f"from expectancy_stats where dimension = '{dimension}'")
    return {row["key"]: row for row in rows}


def close_in_order(store: GivenRows, pnls: Sequence[float], **columns: Any) -> None:
    for position, pnl in enumerate(pnls):
        store.close("BTCUSDT", pnl, ago(hours=1, seconds=-position), **columns)


def test_every_number_of_a_group(store: GivenRows) -> None:
    close_in_order(store, [-2.0, 5.0, 0.0, -3.0, 4.0], fees_usd=0.5)
    row = stats(store)["BTCUSDT"]
    std = sqrt((2.8**2 + 4.2**2 + 0.8**2 + 3.8**2 + 3.2**2) / 4)
    expected = {
        "count": 5,
        "hit_rate": 2 / 5,
        "avg_return": 4 / 5,
        "avg_win": 4.5,
        "avg_loss": -2.5,
        "expectancy": 0.4 * 4.5 - 0.4 * 2.5,
        "expectancy_per_risk": 0.8 / 2.5,
        "max_drawdown": 3.0,  # cum -2, 3, 3, 0, 4
        "drawdown_adjusted": 0.8 - 3 / 5,
        "net_expectancy": 0.8 - 0.5,
        "std": std,
        "ci95": 1.96 * std / sqrt(5),
        "pnl_usd": 4.0,
        "fees_usd": 2.5,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_an_opening_loss_is_a_drawdown(store: GivenRows) -> None:
    close_in_order(store, [-7.0, 3.0])
    row = stats(store)["BTCUSDT"]
    assert (row["max_drawdown"], row["drawdown_adjusted"]) == (7.0, -2.0 - 3.5)


def test_without_a_loss_the_risk_is_one_and_the_drawdown_zero(store: GivenRows) -> None:
    close_in_order(store, [2.0, 0.0])
    row = stats(store)["BTCUSDT"]
    names = ("avg_win", "avg_loss", "expectancy", "expectancy_per_risk", "max_drawdown")
    assert [row[name] for name in names] == [2.0, 0.0, 1.0, 1.0, 0.0]


def test_without_a_win_the_average_win_is_zero(store: GivenRows) -> None:
    close_in_order(store, [-2.0, -4.0])
    row = stats(store)["BTCUSDT"]
    names = ("hit_rate", "avg_win", "avg_loss", "expectancy", "expectancy_per_risk")
    assert [row[name] for name in names] == [0.0, 0.0, -3.0, -3.0, -1.0]


def test_a_single_trade_has_no_spread(store: GivenRows) -> None:
    close_in_order(store, [2.0])
    row = stats(store)["BTCUSDT"]
    assert (row["count"], row["std"], row["ci95"]) == (1, None, None)


def test_trades_at_the_same_instant_are_taken_in_the_order_of_arrival(store: GivenRows) -> None:
    for seq, pnl in [(12, 4.0), (11, -3.0), (13, -3.0)]:
        store.close("BTCUSDT", pnl, ago(hours=1), ingest_seq=seq)
    assert stats(store)["BTCUSDT"]["max_drawdown"] == 3.0  # -3, 1, -2; in the order of writing it were 6


def test_a_late_arrival_takes_its_place_by_event_time(store: GivenRows) -> None:
    for minutes, pnl in [(1, -3.0), (3, -3.0), (2, 4.0)]:
        store.close("BTCUSDT", pnl, ago(minutes=minutes))
    assert stats(store)["BTCUSDT"]["max_drawdown"] == 3.0  # -3, 1, -2


def test_hours_are_hours_of_the_day_in_utc_without_leading_zero(store: GivenRows) -> None:
    store.limits(reset_timezone="America/New_York")
    for before in ({"hours": 1}, {"hours": 1, "minutes": 30}, {"hours": 25}, {"hours": 6}):
        store.close("BTCUSDT", 1.0, ago(**before))
    assert {key: row["count"] for key, row in stats(store, "hour").items()} == {"11": 3, "6": 1}


def test_a_trade_counts_once_under_each_of_its_regimes(store: GivenRows) -> None:
    store.close("BTCUSDT", 3.0, attempt_id="a")
    store.close("ETHUSDT", -1.0, attempt_id="b")
    store.close("SOLUSDT", 9.0)
    store.add("order_metrics", attempt_id="a", is_maker_final=True, slippage_bps=0.5, policy_quality="good")
    store.add("order_metrics", attempt_id="b", maker_start=True, used_fallback=True, slippage_bps=0.5)
    found = {key: (row["count"], row["avg_return"]) for key, row in stats(store, "regime").items()}
    assert found == {
        "maker_success": (1, 3.0),
        "maker_attempt": (1, -1.0),
        "fallback": (1, -1.0),
        "slip_low": (2, 1.0),
        "policy_good": (1, 3.0),
    }


def test_without_a_trade_in_48_hours_there_is_no_group(store: GivenRows) -> None:
    store.close("BTCUSDT", 1.0, ago(hours=48))
    assert store.rows("expectancy_stats") == []


def test_trades_whose_fees_are_not_priced_are_left_out_of_the_net_and_counted(store: GivenRows) -> None:
    store.close("BTCUSDT", 4.0, fees_usd=1.0)
    store.close("BTCUSDT", 8.0, fees_usd=0.0, extra={"fees_unpriced": {"BNB": 0.01}})
    store.close("ETHUSDT", 8.0, fees_usd=0.0, extra={"fees_unpriced": {"BNB": 0.01}})
    found = {
        row["key"]: (row["expectancy"], row["net_expectancy"], row["fees_usd"], row["unpriced_fees"])
        for row in store.rows("select * from expectancy_stats where dimension = 'symbol'")
    }
    assert found == {"BTCUSDT": (6.0, 3.0, 1.0, 1), "ETHUSDT": (8.0, None, 0.0, 1)}
