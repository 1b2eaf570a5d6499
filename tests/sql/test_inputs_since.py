"""inputs_since: how many rows tell what the numbers of a span rest on."""

from typing import Any

from tests.conftest import GivenRows, ago


def inputs(store: GivenRows, *apart: str) -> dict[str, tuple[int, int]]:
    names = ", ".join(f"'{name}'" for name in apart)
    rows = store.rows(f"from inputs_since(timestamptz '2025-06-15 11:30:00+00', cast([{names}] as varchar[]))")
    return {row["input"]: (row["known"], row["rows"]) for row in rows}


def test_an_empty_span_lacks_nothing(store: GivenRows) -> None:
    assert set(inputs(store).values()) == {(0, 0)}


def test_each_input_counts_what_tells_it(store: GivenRows) -> None:
    at = ago(minutes=30)
    store.add("ticks", at, equity_usd=100.0, unrealized_pnl_usd=1.0, position_count=1, pid=1)
    store.add("ticks", at, equity_usd=0.0, position_count=0, pid=1)
    store.add("ticks", at, equity_usd=100.0, pid=1)
    store.add("order_attempts", at, symbol="BTCUSDT", pid=1)
    store.add("order_attempts", at, symbol="ETHUSDT", pid=2, nav_snapshot={"nav_usd": 5.0})
    store.add("order_attempts", at, symbol="ETHUSDT", pid=2, nav_snapshot={"nav_usd": 0.0})
    store.add("marks", at, symbol="ETHUSDT", mark_price=3.0)
    fill: dict[str, Any] = {"symbol": "BTCUSDT", "avg_price": 1.0, "fee_total": 1.0}
    store.add("order_fills", at, order_id="o1", fee_asset="USDT", attempt_id="a1", **fill)
    store.add("order_fills", at, order_id="o2", fee_asset="BNB", **fill)
    store.close("BTCUSDT", 1.0, at, order_id="o1")
    store.close("SOLUSDT", 1.0, at, order_id="o9")
    store.add("funding_payments", at, symbol="BTCUSDT", amount_usd=1.0)
    store.add("order_metrics", at, symbol="BTCUSDT", slippage_bps=1.0, is_maker_final=True, ack_ms=3.0)
    store.add("order_metrics", at, symbol="BTCUSDT")
    store.add("vetoes", at, symbol="BTCUSDT", veto_reason="x", side="BUY", qty_req=1.0)
    intent = {"gross_usd": 10.0, "price": 2.0}
    store.add("vetoes", at, symbol="BTCUSDT", veto_reason="x", side="BUY", veto_detail={"intent": intent})
    store.add("vetoes", at, symbol="BTCUSDT", veto_reason="x", side="BUY")
    assert inputs(store) == {
        "equity": (2, 3),
        "unrealized_pnl": (2, 3),
        "positions": (2, 3),
        "marks": (1, 3),
        "fees": (1, 2),
        "fills_of_closes": (1, 2),
        "funding": (1, 3),
        "slippage": (1, 2),
        "maker_flags": (1, 2),
        "ack_latency": (1, 2),
        "nav_of_attempts": (1, 2),
        "attempt_of_fills": (1, 2),
        "vetoed_quantity": (2, 3),
    }


def test_processes_apart_are_left_out(store: GivenRows) -> None:
    test: dict[str, Any] = {"hostname": "vps", "pid": 2}
    store.add("ticks", ago(minutes=30), equity_usd=1.0, **test)
    store.add("vetoes", ago(minutes=30), symbol="BTCUSDT", veto_reason="x", **test)
    store.add("order_metrics", ago(minutes=30), symbol="BTCUSDT", **test)
    assert set(inputs(store, "vps:2").values()) == {(0, 0)}
