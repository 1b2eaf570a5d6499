"""reconciliation_findings: records that cannot be true together.

Its parts are order_findings, attempt_findings, account_findings, position_ticks, fill_rows_37d and attempt_rows_7d.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import BTC, Traded, read


def found(store: GivenRows) -> list[tuple[Any, ...]]:
    keys = ("check", "severity", "ref", "found", "expected")
    return [tuple(row[key] for key in keys) for row in read(store, "reconciliation_findings")]


def test_an_order_that_all_records_agree_on_has_no_finding(traded: Traded) -> None:
    traded.attempt()
    traded.ack()
    traded.fill(fee_total=0.1)
    traded.metric(avg_fill_price=100.5)
    traded.store.close(BTC, 1.0, traded.at(3), order_id="1", closed_qty=2.0, fees_usd=0.104)
    assert found(traded.store) == []


def test_records_of_one_order_that_differ(traded: Traded) -> None:
    traded.attempt()
    ack = traded.ack(request_qty=1.5)
    state = traded.fill(fee_total=0.1, trade_ids=["7", 7, "8"])
    small = traded.fill(seconds=3.0, executed_qty=1.0)
    metric = traded.metric(avg_fill_price=100.6)
    close = traded.store.close(BTC, 1.0, traded.at(3), order_id="1", closed_qty=-2.5, fees_usd=0.2)
    assert found(traded.store) == [
        ("duplicate_trade", "error", "7", 2.0, 1.0),
        ("fill_shrank", "error", "1", 1.0, 2.0),
        ("overclosed", "error", "1", 2.5, 2.0),
        ("overfilled", "error", "1", 2.0, 1.5),
        ("fee_differs", "warning", "1", 0.2, 0.1),
        ("price_differs", "warning", "a", 100.6, 100.5),
    ]
    events = [row["event_ids"] for row in read(traded.store, "reconciliation_findings")]
    expected = [[state], [small, state], [close, state], [state, ack], [close, state], [metric, state]]
    assert events == [sorted(each) for each in expected]


def test_records_that_are_missing(traded: Traded) -> None:
    traded.attempt("unheard")
    traded.attempt("open", 1)
    traded.ack("1", 2, attempt_id="open")
    traded.attempt("twice", 3)
    traded.attempt("twice", 4)
    traded.metric("twice", 5, contracts_qty=2.0)
    traded.ack("2", 6, attempt_id="twice", status="FILLED")
    traded.fill("3", 7, attempt_id="nobody")
    rows = found(traded.store)
    assert ("attempt_without_outcome", "warning", "unheard", None, None) not in rows, "it is just an hour old"
    traded.store.connection.execute("update order_attempts set ts = ts - interval 1 minute")
    traded.store.connection.execute("update order_acks set ts = ts - interval 1 minute")
    assert found(traded.store) == [
        ("metric_without_fill", "error", "twice", 0.0, 2.0),
        ("missing_fill", "error", "2", 0.0, 2.0),
        ("attempt_without_outcome", "warning", "unheard", None, None),
        ("duplicate_attempt", "warning", "twice", 2.0, 1.0),
        ("fill_without_attempt", "warning", "3", 2.0, None),
        ("order_without_end", "warning", "1", 0.0, 2.0),
    ]


@pytest.mark.parametrize(
    ("minutes", "last_qty", "severity"), [(5.0, 1.0, None), (5.0, 1.5, "error"), (2.01, 1.5, "warning")]
)
def test_positions_are_held_against_fills(
    store: GivenRows, minutes: float, last_qty: float, severity: str | None
) -> None:
    for days, qty in [(8, 5.0), (7.5, 3.0), (0, last_qty)]:
        ts = ago(days=days, minutes=2)
        tick_id = store.add("ticks", ts, equity_usd=100.0, position_count=1, unrealized_pnl_usd=0.0)
        store.add("positions", ts, tick_id=tick_id, symbol=BTC, qty=qty)
    ts = ago(minutes=minutes)
    fill = {"symbol": BTC, "side": "SELL", "order_id": "1", "executed_qty": 2.0, "avg_price": 100.0}
    store.add("order_fills", ts, ts_fill_first=ts, fee_total=0.0, fee_asset="USDT", **fill)
    rows = [row for row in read(store, "reconciliation_findings") if row["check"] == "position_differs"]
    assert [(row["severity"], row["found"], row["expected"]) for row in rows] == (
        [] if severity is None else [(severity, last_qty, 1.0)]
    )


@pytest.mark.parametrize(
    ("equity", "severity"), [(10_010.0, None), (10_010.1, "warning"), (10_100.0, "warning"), (10_100.1, "error")]
)
def test_equity_that_nothing_explains(store: GivenRows, equity: float, severity: str | None) -> None:
    first = store.add("ticks", ago(hours=3), equity_usd=10_000.0, position_count=0)
    last = store.add("ticks", ago(hours=1), equity_usd=equity, position_count=0)
    rows = read(store, "reconciliation_findings")
    assert [row["severity"] for row in rows] == ([] if severity is None else [severity])
    assert all(row["event_ids"] == sorted([first, last]) for row in rows)
