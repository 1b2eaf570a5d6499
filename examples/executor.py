"""A trading executor on record: ``python examples/executor.py HOME [TICKS]``. It needs nothing of the database."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

from tape import Journal, MarkObserved, PositionMarked, Ticked

BUY = {"symbol": "BTCUSDT", "side": "BUY", "attempt_id": "a1", "orderId": 1, "clientOrderId": "c1"}
SELL = {"symbol": "BTCUSDT", "side": "SELL", "attempt_id": "a2", "orderId": 2, "clientOrderId": "c2"}


def tick(journal: Journal, equity_usd: float, qty: float, mark: float) -> None:
    """Every pass of the loop: the account, what it holds and what the market says, in one batch."""
    now, tick_id = datetime.now(UTC), journal.new_id()
    account = Ticked(event_id=tick_id, ts=now, equity_usd=equity_usd, nav_usd=equity_usd, position_count=1)
    held = PositionMarked(tick_id=tick_id, ts=now, symbol="BTCUSDT", qty=qty, entry_price=109_500, mark_price=mark)
    journal.record([account, held, MarkObserved(ts=now, symbol="BTCUSDT", mark_price=mark)])
    journal.write_event("heartbeat", {"service": "executor_live", "ts": now, "lag_secs": 0.1, "queue_depth": 0})


def order(journal: Journal, ids: dict[str, Any], qty: float, price: float, mark: float) -> None:
    """What becomes of an order, in the contract's own dictionaries: tried, accepted, filled, measured."""
    now = datetime.now(UTC)
    tried = {"ts": now, "qty": qty, "price_hint": mark, "strategy": "breakout"}
    accepted = {"ts_ack": now, "request_qty": qty, "order_type": "LIMIT", "status": "NEW", "latency_ms": 80.0}
    filled = {"ts_fill_first": now, "ts_fill_last": now, "executedQty": qty, "avgPrice": price, "status": "FILLED"}
    routed = {"ts": now, "route": "maker_first", "maker_start": True, "is_maker_final": True, "used_fallback": False}
    journal.write_event("order_attempt", ids | tried)
    journal.write_event("order_ack", ids | accepted)
    journal.write_event("order_fill", ids | filled | {"fee_total": 0.22, "feeAsset": "USDT", "tradeIds": [7]})
    journal.write_event("order_metric", ids | routed | {"prices": {"mark": mark, "avg_fill": price}, "fees_usd": 0.22})


def main(home: str, ticks: int) -> None:
    with Journal(home, producer="executor") as journal:
        order(journal, BUY, qty=0.02, price=109_500, mark=109_510)
        for _ in range(ticks):
            tick(journal, equity_usd=10_005.78, qty=0.02, mark=109_800)
            time.sleep(1)

        order(journal, SELL, qty=0.01, price=109_800, mark=109_790)
        gained = {"ts_close": datetime.now(UTC), "realizedPnlUsd": 3.0, "fees_total": 0.22}
        journal.write_event("order_close", SELL | gained | {"position_size_before": 0.02, "position_size_after": 0.01})

        refused = {"symbol": "ETHUSDT", "side": "BUY", "attempt_id": "a3", "qty_req": 0.8, "ts": datetime.now(UTC)}
        seen = {"thresholds": {"max_trade_nav_pct": 0.2}, "observations": {"trade_nav_pct": 0.31}}
        journal.write_event("risk_veto", refused | {"veto_reason": "max_trade_nav", "veto_detail": seen})
        tick(journal, equity_usd=10_005.56, qty=0.01, mark=109_800)


if __name__ == "__main__":
    main(sys.argv[1], ticks=int(sys.argv[2]) if len(sys.argv) > 2 else 3)
