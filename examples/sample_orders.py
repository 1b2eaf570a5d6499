"""The markets, intents and orders of the made-up runtime, and each as the line that an old log has of it."""
# fmt: off  (a row is laid out like the log line it becomes, several keys to a line)

from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

Row = dict[str, object]

ATTEMPTED, EXECUTED = "execution/orders_attempted.jsonl", "execution/orders_executed.jsonl"
METRICS, VETOES = "execution/order_metrics.jsonl", "execution/risk_vetoes.jsonl"
POSITIONS, HEARTBEATS = "execution/position_state.jsonl", "execution/sync_heartbeats.jsonl"
NAV, SHADOW = "nav.jsonl", "pipeline_v6_shadow.jsonl"

PROCESS: Row = {"run_id": "5f0c2b9e-7d1a-4c55-9a64-0e1b8f3d2c71", "hostname": "sample-vps", "pid": 4242}
START_NAV_USD, BENCH_NAV_USD = 10_000.0, 1_000_000.0
MAKER_FEE_FRAC, TAKER_FEE_FRAC = 0.0002, 0.0005
MIN_NOTIONAL_USD, MAX_TRADE_NAV_FRAC, MAX_POSITIONS = 100.0, 0.2, 4
# The other decisions open, add or are vetoed.
DECISIONS_PER_CLOSED_TRADE = 2.35


class Market(NamedTuple):
    """A symbol's character. Prices in USDT; `vol_bps` is the standard deviation of one minute's return."""

    symbol: str
    tier: str
    enabled: bool
    start_px: float
    px_digits: int
    qty_digits: int
    vol_bps: float
    taker_slip_bps: float
    maker_frac: float
    ack_ms: float
    quality: str
    max_nav_frac: float
    max_leverage: int


MARKETS = (
    Market("BTCUSDT", "CORE", True, 109_500.0, 1, 4, 5.0, 0.8, 0.85, 90.0, "good", 0.25, 4),
    Market("ETHUSDT", "CORE", True, 3_870.0, 2, 3, 7.0, 1.2, 0.80, 110.0, "good", 0.20, 4),
    Market("LINKUSDT", "SATELLITE", True, 17.2, 3, 2, 9.0, 3.5, 0.55, 240.0, "ok", 0.15, 3),
    Market("LTCUSDT", "SATELLITE", True, 97.5, 2, 3, 8.0, 2.8, 0.60, 260.0, "ok", 0.15, 3),
    Market("SOLUSDT", "SATELLITE", True, 187.0, 2, 2, 9.0, 1.6, 0.72, 150.0, "good", 0.15, 3),
    Market("SUIUSDT", "TACTICAL", True, 2.38, 4, 1, 11.0, 9.0, 0.30, 420.0, "degraded", 0.10, 3),
    Market("WIFUSDT", "TACTICAL", False, 0.51, 4, 1, 13.0, 12.0, 0.25, 500.0, "degraded", 0.10, 3),
)
TRADED = tuple(market for market in MARKETS if market.enabled)
TAKER_BIAS = {"good": "prefer_maker", "ok": "balanced", "degraded": "prefer_taker"}
POLICIES: dict[str, Row] = {
    m.symbol: {
        "maker_first": True,
        "taker_bias": TAKER_BIAS[m.quality],
        "quality": m.quality,
        "reason": f"quality={m.quality}; regime=normal",
        "offset_bps": 2.0,
    }
    for m in MARKETS
}


class Intent(NamedTuple):
    """What the strategy wants; all that follows is within `window_s` of `ts`. `sign`: 1 buys, -1 sells."""

    market: Market
    mark_px: float
    sign: int
    qty: float
    reduce_only: bool
    attempt_id: str
    intent_id: str
    leverage: int
    ts: float
    window_s: float

    @property
    def notional_usd(self) -> float:
        return self.qty * self.mark_px

    @property
    def keys(self) -> Row:
        return {
            "symbol": self.market.symbol,
            "side": "BUY" if self.sign > 0 else "SELL",
            "attempt_id": self.attempt_id,
            "intent_id": self.intent_id,
        }


class Routing(NamedTuple):
    maker_first: bool
    is_maker: bool
    slip_bps: float
    ack_ms: float


class Order(NamedTuple):
    """An order the venue has filled."""

    intent: Intent
    routing: Routing
    order_id: int
    avg_px: float
    ack_ts: float
    first_fill_ts: float
    last_fill_ts: float

    @property
    def fee_frac(self) -> float:
        return MAKER_FEE_FRAC if self.routing.is_maker else TAKER_FEE_FRAC

    @property
    def fee_usd(self) -> float:
        return self.intent.qty * self.avg_px * self.fee_frac

    @property
    def type(self) -> str:
        return "LIMIT" if self.routing.maker_first else "MARKET"


def draw_routing(rng: Random, market: Market) -> Routing:
    maker_first = rng.random() < 0.85
    is_maker = maker_first and rng.random() < market.maker_frac
    mean_bps, std_bps = (-0.2, 0.3) if is_maker else (market.taker_slip_bps, market.vol_bps / 4)
    ack_ms = round(market.ack_ms * rng.lognormvariate(0.0, 0.35), 3)
    return Routing(maker_first, is_maker, rng.gauss(mean_bps, std_bps), ack_ms)


def fill_px(intent: Intent, slip_bps: float) -> float:
    return round(intent.mark_px * (1 + intent.sign * slip_bps * 1e-4), intent.market.px_digits)


def utc(ts: float) -> datetime:
    return datetime.fromtimestamp(ts, UTC)


def order_event(event_type: str, order: Order, at: datetime, fields: Row) -> Row:
    intent = order.intent
    is_long = (intent.sign > 0) != intent.reduce_only
    row = {
        **intent.keys,
        "orderId": order.order_id,
        "clientOrderId": f"c{order.order_id:x}",
        "positionSide": "LONG" if is_long else "SHORT",
        **fields,
    }
    if intent.reduce_only:  # the legacy writer left the key out otherwise
        row["reduceOnly"] = True
    return {**row, "ts": at, "event_type": event_type, **PROCESS}


def ack_row(order: Order) -> Row:
    at = utc(order.ack_ts)
    return order_event(
        "order_ack",
        order,
        at,
        {
            "ts_ack": at,
            "request_qty": order.intent.qty,
            "order_type": order.type,
            "status": "NEW",
            "latency_ms": order.routing.ack_ms,
        },
    )


def fill_row(order: Order, executed_qty: float, avg_px: float, ts: float, trades: int) -> Row:
    """The order's fills so far: quantity, average price, fee and trade ids are cumulative."""
    at = utc(ts)
    return order_event(
        "order_fill",
        order,
        at,
        {
            "ts_fill_first": utc(order.first_fill_ts),
            "ts_fill_last": at,
            "executedQty": executed_qty,
            "avgPrice": avg_px,
            "fee_total": executed_qty * avg_px * order.fee_frac,
            "feeAsset": "USDT",
            "tradeIds": [str(order.order_id * 10 + i) for i in range(trades)],
            "status": "FILLED" if executed_qty == order.intent.qty else "PARTIALLY_FILLED",
        },
    )


def close_row(order: Order, pnl_usd: float, qty_before: float, qty_after: float) -> Row:
    at = utc(order.last_fill_ts)
    return order_event(
        "order_close",
        order,
        at,
        {
            "ts_close": at,
            "realizedPnlUsd": pnl_usd,
            "fees_total": order.fee_usd,
            "closed_qty": order.intent.qty,
            "position_size_before": qty_before,
            "position_size_after": qty_after,
        },
    )


def metric_row(order: Order, ts: float, retries: int = 0) -> Row:
    intent, (maker_first, is_maker, _, ack_ms) = order.intent, order.routing
    fill_ms = ack_ms + (order.last_fill_ts - order.ack_ts) * 1e3
    return {
        **intent.keys,
        "ts": ts,
        "venue": "binance_futures",
        "route": "maker_first" if maker_first else "market",
        "prices": {"mark": intent.mark_px, "submitted": intent.mark_px, "avg_fill": order.avg_px},
        "qty": {"contracts": intent.qty, "notional_usd": intent.qty * order.avg_px},
        "timing_ms": {"decision": 4.0, "submit": 1.5, "ack": ack_ms, "fill": fill_ms},
        "result": {"status": "FILLED", "retries": retries, "cancelled": False},
        "fees_usd": order.fee_usd,
        "slippage_bps": (order.avg_px - intent.mark_px) / intent.mark_px * 1e4 * intent.sign,
        "ack_latency_ms": ack_ms,
        "maker_start": maker_first,
        "is_maker_final": is_maker,
        "used_fallback": maker_first and not is_maker,
        "policy": POLICIES[intent.market.symbol],
    }
