"""A made-up trading runtime's old logs, to try the store on and to measure it with.

`write_sample` tells a story in which one number follows from another: fills add up to their order, a close's
pnl is FIFO over the fills before it, NAV is the start plus realised pnl minus fees plus unrealised pnl.
`write_bench` writes a given number of rows of the same shapes without the story, in bounded memory.
Laws: the same arguments give the same bytes; nothing is later than `end`; every file is in time order.
"""
# fmt: off  (a row is laid out like the log line it becomes, several keys to a line)

import argparse
import gzip
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson

Row = dict[str, object]

ATTEMPTED, EXECUTED = "execution/orders_attempted.jsonl", "execution/orders_executed.jsonl"
METRICS, VETOES = "execution/order_metrics.jsonl", "execution/risk_vetoes.jsonl"
POSITIONS, HEARTBEATS = "execution/position_state.jsonl", "execution/sync_heartbeats.jsonl"
NAV, SHADOW = "nav.jsonl", "pipeline_v6_shadow.jsonl"

DEFAULT_END = datetime(2025, 11, 1, tzinfo=UTC)
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


def _draw_routing(rng: Random, market: Market) -> Routing:
    maker_first = rng.random() < 0.85
    is_maker = maker_first and rng.random() < market.maker_frac
    mean_bps, std_bps = (-0.2, 0.3) if is_maker else (market.taker_slip_bps, market.vol_bps / 4)
    ack_ms = round(market.ack_ms * rng.lognormvariate(0.0, 0.35), 3)
    return Routing(maker_first, is_maker, rng.gauss(mean_bps, std_bps), ack_ms)


def _fill_px(intent: Intent, slip_bps: float) -> float:
    return round(intent.mark_px * (1 + intent.sign * slip_bps * 1e-4), intent.market.px_digits)


def _utc(ts: float) -> datetime:
    return datetime.fromtimestamp(ts, UTC)


def _order_event(event_type: str, order: Order, at: datetime, fields: Row) -> Row:
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


def _ack_row(order: Order) -> Row:
    at = _utc(order.ack_ts)
    return _order_event(
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


def _fill_row(order: Order, executed_qty: float, avg_px: float, ts: float, trades: int) -> Row:
    """The order's fills so far: quantity, average price, fee and trade ids are cumulative."""
    at = _utc(ts)
    return _order_event(
        "order_fill",
        order,
        at,
        {
            "ts_fill_first": _utc(order.first_fill_ts),
            "ts_fill_last": at,
            "executedQty": executed_qty,
            "avgPrice": avg_px,
            "fee_total": executed_qty * avg_px * order.fee_frac,
            "feeAsset": "USDT",
            "tradeIds": [str(order.order_id * 10 + i) for i in range(trades)],
            "status": "FILLED" if executed_qty == order.intent.qty else "PARTIALLY_FILLED",
        },
    )


def _close_row(order: Order, pnl_usd: float, qty_before: float, qty_after: float) -> Row:
    at = _utc(order.last_fill_ts)
    return _order_event(
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


def _metric_row(order: Order, ts: float, retries: int = 0) -> Row:
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


class Book:
    """One symbol's mark price and its open lots, oldest first, each (signed quantity, price)."""

    def __init__(self, market: Market) -> None:
        self.market, self.mark_px, self.trend, self._log_px = market, market.start_px, 0.0, 0.0
        self.lots: list[tuple[float, float]] = []

    def advance_minute(self, rng: Random) -> None:
        """A trend for the strategy to find, and a weak pull home so that long samples stay in range."""
        self.trend = 0.95 * self.trend + rng.gauss(0.0, 0.08)
        self._log_px += self.market.vol_bps * 1e-4 * (self.trend + rng.gauss(0.0, 1.0)) - 2e-4 * self._log_px
        self.mark_px = round(self.market.start_px * math.exp(self._log_px), self.market.px_digits)

    @property
    def qty(self) -> float:
        return round(math.fsum(qty for qty, _ in self.lots), self.market.qty_digits)

    @property
    def unrealized_usd(self) -> float:
        return sum(qty * (self.mark_px - px) for qty, px in self.lots)

    def apply(self, qty: float, px: float) -> float:
        """Books a signed fill against the oldest lots first; returns the pnl it realised, gross of fees."""
        pnl_usd, digits = 0.0, self.market.qty_digits
        while self.lots and qty * self.lots[0][0] < 0:
            lot_qty, lot_px = self.lots.pop(0)
            closed_qty = math.copysign(min(abs(qty), abs(lot_qty)), lot_qty)
            pnl_usd += closed_qty * (px - lot_px)
            qty = round(qty + closed_qty, digits)
            if rest_qty := round(lot_qty - closed_qty, digits):
                self.lots.insert(0, (rest_qty, lot_px))
        if qty:
            self.lots.append((qty, px))
        return pnl_usd


class Veto(NamedTuple):
    """A broken limit: `found` was asked for where `threshold` allows `limit`."""

    reason: str
    original_reason: str
    threshold: str
    limit: float
    found: float


def _check(intent: Intent, equity_usd: float, other_positions: int) -> Veto | None:
    """The first limit that an opening intent breaks; closing is always allowed."""
    usd, max_leverage = intent.notional_usd, float(intent.market.max_leverage)
    checks = (
        (usd < MIN_NOTIONAL_USD, Veto("min_notional", "below_min_notional", "min_notional", MIN_NOTIONAL_USD, usd)),
        (
            usd > MAX_TRADE_NAV_FRAC * equity_usd,
            Veto(
                "max_trade_nav", "trade_gt_max_trade_nav_pct", "max_trade_nav_pct", MAX_TRADE_NAV_FRAC, usd / equity_usd
            ),
        ),
        (
            intent.leverage > max_leverage,
            Veto("leverage_cap", "leverage_exceeded", "max_leverage", max_leverage, intent.leverage),
        ),
        (
            other_positions >= MAX_POSITIONS,
            Veto("position_limit", "too_many_positions", "max_concurrent_positions", MAX_POSITIONS, other_positions),
        ),
    )
    return next((veto for is_broken, veto in checks if is_broken and not intent.reduce_only), None)


class Runtime:
    """The executor of the story: its books and cash, and what it has logged: file -> [(instant, row)]."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.books = {market.symbol: Book(market) for market in TRADED}
        self.cash_usd, self.last_order_id = START_NAV_USD, 8_000_000_000
        self.logs: defaultdict[str, list[tuple[float, Row]]] = defaultdict(list)

    @property
    def equity_usd(self) -> float:
        return self.cash_usd + sum(book.unrealized_usd for book in self.books.values())

    def live_minute(self, ts: float, decisions: int) -> None:
        """Decisions share the first 52 s of the minute, so that NAV and heartbeat come after their fills."""
        for book in self.books.values():
            book.advance_minute(self.rng)
        window_s = 50.0 / max(1, decisions)
        for i in range(decisions):
            book = self.rng.choice(list(self.books.values()))
            jitter_s = self.rng.uniform(0.0, window_s / 2)
            self._decide(book, ts + 2.0 + i * window_s + jitter_s, window_s / 2)
        self.logs[NAV].append((ts + 55.0, {"t": ts + 55.0, "nav": self.equity_usd}))
        lag_s = self.rng.uniform(1.5, 4.0)
        beat: Row = {"service": "executor_live", "lag_secs": lag_s, "queue_depth": 0}
        self._log(HEARTBEATS, "heartbeat", ts + 55.0 + lag_s, beat)
        if ts % 600.0 < 60.0:
            self._log_shadow(self._entry(self.books["BTCUSDT"], 1, ts + 58.0, 1.0), None, is_heartbeat=True)

    def _log(self, file: str, event_type: str, ts: float, fields: Row) -> None:
        self.logs[file].append((ts, {**fields, "ts": _utc(ts), "event_type": event_type, **PROCESS}))

    def _decide(self, book: Book, ts: float, window_s: float) -> None:
        """Flat: enter, mostly with the trend. In a position: add, flip, close half or close."""
        roll, held_sign = self.rng.random(), int(math.copysign(1, book.qty))
        if not book.lots:
            intent = self._entry(book, 1 if (book.trend > 0) == (roll < 0.85) else -1, ts, window_s)
        elif roll < 0.20:
            intent = self._entry(book, held_sign if roll < 0.10 else -held_sign, ts, window_s)
        else:
            intent = self._exit(book, 0.5 if roll < 0.35 else 1.0, ts, window_s)
        self._attempt(book, intent)

    def _ids(self) -> tuple[str, str]:
        return f"sig_{self.rng.getrandbits(40):010x}", f"ord_{self.rng.getrandbits(40):010x}"

    def _entry(self, book: Book, sign: int, ts: float, window_s: float) -> Intent:
        """Now and then the strategy asks for dust, for too much, or for too much leverage."""
        scale = self.rng.choices((1.0, 0.05, 3.0), (88, 6, 6))[0]
        leverage = self.rng.choices((2, 3, 8), (60, 35, 5))[0]
        notional_usd = self.equity_usd * self.rng.uniform(0.04, 0.16) * scale
        digits = book.market.qty_digits
        qty = max(round(notional_usd / book.mark_px, digits), 10.0**-digits)
        return Intent(book.market, book.mark_px, sign, qty, False, *self._ids(), leverage, ts, window_s)

    def _exit(self, book: Book, frac: float, ts: float, window_s: float) -> Intent:
        qty = round(abs(book.qty) * frac, book.market.qty_digits) or abs(book.qty)
        sign = -int(math.copysign(1, book.qty))
        return Intent(book.market, book.mark_px, sign, qty, True, *self._ids(), 2, ts, window_s)

    def _attempt(self, book: Book, intent: Intent) -> None:
        """Limits of an order are checked before the attempt is on record, limits of the account after."""
        others = sum(1 for other in self.books.values() if other.lots and other is not book)
        veto = _check(intent, self.equity_usd, others)
        if veto is None or veto.reason == "position_limit":
            self._log_attempt(intent)
        self._log_shadow(intent, veto)
        if veto is not None:
            self._log_veto(intent, veto)
        elif self.rng.random() < 0.015:
            error = "HTTPError('502 Server Error: Bad Gateway')"
            self._log(
                EXECUTED,
                "order_error",
                intent.ts + 0.2,
                {
                    **intent.keys,
                    "exc": error,
                    "order_type": "MARKET",
                    "price": intent.mark_px,
                    "qty": intent.qty,
                    "dry_run": False,
                    "reduce_only": intent.reduce_only,
                },
            )
        else:
            self._send(book, intent)

    def _send(self, book: Book, intent: Intent) -> None:
        """A flip goes out as two orders; the reducing one is the `_reduce` of the attempt."""
        if book.qty * intent.sign < 0 and not intent.reduce_only:
            half_s = intent.window_s / 2
            reduce_id = f"{intent.attempt_id}_reduce"
            exit_intent = self._exit(book, 1.0, intent.ts, half_s)
            self._execute(book, exit_intent._replace(attempt_id=reduce_id, intent_id=intent.intent_id))
            intent = intent._replace(ts=intent.ts + half_s, window_s=half_s)
        self._execute(book, intent)

    def _execute(self, book: Book, intent: Intent) -> None:
        order, fills = self._fill(intent)
        events, metrics, done_ts = self.logs[EXECUTED], self.logs[METRICS], order.last_fill_ts
        events.append((order.ack_ts, _ack_row(order)))
        if not order.routing.maker_first:
            self._log_ack_twin(order)
        events += [(ts, _fill_row(order, qty, px, ts, n)) for n, (qty, px, ts) in enumerate(fills, start=1)]
        before, pnl_usd = book.qty, book.apply(intent.sign * intent.qty, order.avg_px)
        self.cash_usd += pnl_usd - order.fee_usd
        if not intent.attempt_id.endswith("_reduce"):  # of a flip, only the second order was measured
            metrics.append((done_ts, _metric_row(order, done_ts)))
        if intent.reduce_only:
            events.append((done_ts, _close_row(order, pnl_usd, before, book.qty)))
            metrics.append(
                (
                    done_ts,
                    {
                        **intent.keys,
                        "ts": done_ts,
                        "event": "position_close",
                        "pnl_at_close_usd": pnl_usd,
                        "order_status": "FILLED",
                    },
                )
            )
        self._log_positions(book, float(intent.leverage), done_ts)

    def _fill(self, intent: Intent) -> tuple[Order, list[tuple[float, float, float]]]:
        """The filled order, and its fills as (cumulative quantity, average price, instant)."""
        rng, market, routing = self.rng, intent.market, _draw_routing(self.rng, intent.market)
        routing = routing._replace(ack_ms=min(routing.ack_ms, intent.window_s * 300.0))
        ack_ts = round(intent.ts + routing.ack_ms / 1e3, 6)
        fill_s = min(rng.expovariate(0.4 if routing.maker_first else 4.0) + 0.02, intent.window_s * 0.5)
        parts = rng.choices((1, 2, 3), (70, 20, 10))[0]
        fills: list[tuple[float, float, float]] = []
        paid_usd = filled_qty = 0.0
        for part in range(1, parts + 1):
            qty = intent.qty if part == parts else round(intent.qty * part / parts, market.qty_digits)
            if qty > filled_qty:
                paid_usd += (qty - filled_qty) * _fill_px(intent, routing.slip_bps + rng.gauss(0.0, 0.2))
                filled_qty = qty
                fills.append((qty, paid_usd / qty, round(ack_ts + fill_s * part / parts, 6)))
        self.last_order_id += 1
        (_, _, first_ts), (_, avg_px, last_ts) = fills[0], fills[-1]
        return Order(intent, routing, self.last_order_id, avg_px, ack_ts, first_ts, last_ts), fills

    def _log_attempt(self, intent: Intent) -> None:
        usd = {symbol: abs(book.qty) * book.mark_px for symbol, book in self.books.items() if book.lots}
        nav: Row = {"nav_usd": self.equity_usd, "gross_usd": sum(usd.values()), "symbol_gross_usd": usd}
        self._log(
            ATTEMPTED,
            "order_attempt",
            intent.ts,
            {
                **intent.keys,
                "qty": intent.qty,
                "strategy": "trend_15m",
                "signal_ts": _utc(intent.ts - 0.8),
                "local_ts": intent.ts,
                "nav_snapshot": nav,
                "reduce_only": intent.reduce_only,
                "price_hint": intent.mark_px,
                "decision_latency_ms": round(self.rng.uniform(1.0, 9.0), 3),
                "confidence": round(self.rng.uniform(0.5, 0.95), 3),
                "expected_edge": round(self.rng.uniform(0.0004, 0.003), 5),
            },
        )

    def _log_veto(self, intent: Intent, veto: Veto) -> None:
        """The canonical row, and for some the raw twin that the legacy executor wrote just before it."""
        thresholds: Row = {veto.threshold: veto.limit}
        if self.rng.random() < 0.3:
            asked = {**intent.keys, "price": intent.mark_px, "gross_usd": intent.notional_usd}
            self._log(
                VETOES,
                "risk_veto",
                intent.ts + 0.02,
                {
                    "symbol": intent.market.symbol,
                    "side": intent.keys["side"],
                    "position_side": "LONG" if intent.sign > 0 else "SHORT",
                    "veto_reason": veto.original_reason,
                    "veto_detail": {"intent": asked, "thresholds": thresholds},
                    "thresholds": thresholds,
                },
            )
        observed: Row = {"notional": intent.notional_usd, f"observed_{veto.threshold}": veto.found}
        self._log(
            VETOES,
            "risk_veto",
            intent.ts + 0.05,
            {
                **intent.keys,
                "strategy": "trend_15m",
                "veto_reason": veto.reason,
                "original_reason": veto.original_reason,
                "veto_detail": {"reasons": [veto.original_reason], "thresholds": thresholds, "observations": observed},
                "signal_ts": _utc(intent.ts - 0.8),
                "qty_req": intent.qty,
                "context": {"nav": self.equity_usd, "requested_notional": intent.notional_usd, "lev": intent.leverage},
            },
        )

    def _log_ack_twin(self, order: Order) -> None:
        """A market order's ack was logged a second time, by the sender, with strings for numbers."""
        self._log(
            EXECUTED,
            "order_executed",
            order.ack_ts + 0.004,
            {
                "symbol": order.intent.market.symbol,
                "side": order.intent.keys["side"],
                "client_order_id": f"c{order.order_id:x}",
                "exchange": "binance",
                "price": "0.00",
                "qty": "0.000",
                "order_type": order.type,
                "reduce_only": order.intent.reduce_only,
                "latency_ms": order.routing.ack_ms,
                "status": "NEW",
            },
        )

    def _log_positions(self, book: Book, leverage: float, ts: float) -> None:
        """Both sides of a hedge-mode account are written; at most one is open."""
        cost_usd = sum(qty * px for qty, px in book.lots)
        for mode, is_open in (("LONG", book.qty > 0), ("SHORT", book.qty < 0)):
            self._log(
                POSITIONS,
                "position_snapshot",
                ts,
                {
                    "symbol": book.market.symbol,
                    "pos_qty": book.qty if is_open else 0.0,
                    "entry_px": cost_usd / book.qty if is_open else 0.0,
                    "unrealized_pnl": book.unrealized_usd if is_open else None,
                    "leverage": leverage,
                    "mode": mode,
                },
            )

    def _log_shadow(self, intent: Intent, veto: Veto | None, *, is_heartbeat: bool = False) -> None:
        """The candidate pipeline agrees with the live one, but for a stricter or laxer verdict at times."""
        rng, px, market, sign = self.rng, intent.mark_px, intent.market, intent.sign
        allowed = (veto is None) != (rng.random() < 0.04)
        kept_frac = 1.0 if rng.random() < 0.85 else rng.uniform(0.8, 0.99)
        clamped_qty = intent.qty * kept_frac if allowed else 0.0
        offset_bps = rng.uniform(0.5, 3.0)
        effective_px = {
            "maker": px * (1 - sign * offset_bps * 1e-4),
            "taker": px * (1 + sign * market.taker_slip_bps * 1e-4),
        }
        policy = {key: POLICIES[market.symbol][key] for key in ("maker_first", "taker_bias")}
        router: Row = {"policy": policy, "offset_bps": offset_bps, "effective_px": effective_px}
        reasons = [] if allowed else [veto.reason if veto else "symbol_cap"]
        risk: Row = {
            "allowed": allowed,
            "clamped_qty": clamped_qty,
            "reasons": reasons,
            "hit_caps": ["max_nav_pct"] if allowed and kept_frac < 1.0 else [],
            "diagnostics": {"nav_usd": self.equity_usd, "notional_usd": intent.notional_usd},
        }
        self.logs[SHADOW].append(
            (
                intent.ts + 0.1,
                {
                    "symbol": market.symbol,
                    "attempt_id": None if is_heartbeat else intent.attempt_id,
                    "intent": {"symbol": market.symbol, "side": intent.keys["side"], "qty": intent.qty, "price": px},
                    "risk_decision": risk,
                    "size_decision": {"gross_usd": clamped_qty * px} if allowed else None,
                    "router_decision": router if allowed else None,
                    "heartbeat": is_heartbeat,
                    "timestamp": intent.ts + 0.1,
                },
            )
        )


def _universe() -> Row:
    return {
        "version": "v6.0",
        "symbols": [m.symbol for m in MARKETS],
        "universe": [
            {
                "symbol": m.symbol,
                "tier": m.tier,
                "bucket": m.tier,
                "enabled": m.enabled,
                "status": "enabled" if m.enabled else "disabled",
                "target_leverage": 2.0,
                "max_leverage": m.max_leverage,
                "min_notional": MIN_NOTIONAL_USD,
                "min_gross_usd": 10.0,
                "caps": {
                    "max_nav_pct": m.max_nav_frac,
                    "max_order_notional": 25_000,
                    "max_concurrent_positions": int(m.enabled),
                },
            }
            for m in MARKETS
        ],
    }


def _limits() -> Row:
    tiers = {"CORE": 30.0, "SATELLITE": 20.0, "TACTICAL": 10.0}
    return {
        "global": {
            "daily_loss_limit_pct": 5.0,
            "max_trades_per_symbol_per_hour": 10,
            "drawdown_alert_pct": 3.0,
            "max_gross_exposure_pct": 150,
            "max_symbol_exposure_pct": 40,
            "max_concurrent_positions": MAX_POSITIONS,
            "max_leverage": 4,
            "min_notional_usdt": MIN_NOTIONAL_USD,
            "max_trade_nav_pct": MAX_TRADE_NAV_FRAC,
            "symbol_notional_share_cap_pct": 25.0,
            "tiers": {tier: {"per_symbol_nav_pct": pct} for tier, pct in tiers.items()},
        },
        "nav_freshness_seconds": 150,
        "fail_closed_on_nav_stale": True,
        "reset_timezone": "UTC",
        "quote_symbols": ["USDT", "USDC"],
        "restricted_symbols": [],
        "per_symbol": {
            m.symbol: {
                "min_notional": MIN_NOTIONAL_USD,
                "max_order_notional": 25_000,
                "max_leverage": m.max_leverage,
                "max_nav_pct": m.max_nav_frac,
            }
            for m in MARKETS
        },
    }


def _write_config(folder: Path) -> None:
    (folder / "execution").mkdir(parents=True, exist_ok=True)
    for name, config in (("pairs_universe.json", _universe()), ("risk_limits.json", _limits())):
        (folder / name).write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))


def _line(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def write_sample(
    folder: Path, *, seed: int = 7, end: datetime = DEFAULT_END, days: float = 3.0, trades_per_day: int = 60
) -> None:
    """Writes the logs of `days` days up to `end`, with about `trades_per_day` closed trades a day.

    The first third of the order metrics stands in the rotated part, that of the order events in the archive.
    """
    minutes = max(1, round(days * 1440))
    start_ts = end.timestamp() - minutes * 60.0
    runtime = Runtime(seed)
    decisions = round(days * trades_per_day * DECISIONS_PER_CLOSED_TRADE)
    due = Counter(runtime.rng.randrange(minutes) for _ in range(decisions))
    for minute in range(minutes):
        runtime.live_minute(start_ts + minute * 60.0, due[minute])
    _write_config(folder)
    for file in (ATTEMPTED, EXECUTED, METRICS, VETOES, POSITIONS, HEARTBEATS, NAV, SHADOW):
        rows = sorted(runtime.logs[file], key=lambda timed_row: timed_row[0])
        _write_log(folder, file, rows, split_ts=start_ts + minutes * 20.0)


def _write_log(folder: Path, file: str, rows: list[tuple[float, Row]], split_ts: float) -> None:
    path = folder / file
    old = b"".join(_line(row) for ts, row in rows if ts < split_ts)
    new = b"".join(_line(row) for ts, row in rows if ts >= split_ts)
    if file == METRICS:
        path.with_suffix(".1.jsonl").write_bytes(old)
    elif file == EXECUTED:
        archive = path.parent / "archive"
        archive.mkdir(exist_ok=True)
        (archive / f"{path.stem}-{_utc(split_ts):%Y-%m-%d}.jsonl.gz").write_bytes(gzip.compress(old, mtime=0))
    else:
        new = old + new
    path.write_bytes(new)


def _bench_orders(count: int, start_ts: float, slot_s: float, seed: int) -> Iterator[tuple[Order, float]]:
    """Each symbol opens and closes in turn, in equal sizes; yields the order and the pnl it realised."""
    rng, pool = Random(seed), 1021
    # Drawn once and reused in turn, because drawing costs more than writing a row.
    routings = [[_draw_routing(rng, market) for _ in range(pool)] for market in TRADED]
    moves = [[rng.gauss(0.0, market.vol_bps * 3e-4) for _ in range(pool)] for market in TRADED]
    signs = [[rng.choice((1, -1)) for _ in range(pool)] for _ in TRADED]
    log_pxs, entry_pxs = [0.0] * len(TRADED), [0.0] * len(TRADED)
    for number in range(count):
        visit, i = divmod(number, len(TRADED))
        market, is_close, held_sign = TRADED[i], visit % 2 == 1, signs[i][visit // 2 % pool]
        # An edge a little above the costs keeps NAV in range over millions of orders.
        log_pxs[i] = 0.999 * log_pxs[i] + moves[i][visit % pool] + (held_sign * 1.5e-3 if is_close else 0.0)
        mark_px = round(market.start_px * math.exp(log_pxs[i]), market.px_digits)
        qty, ack_ts = round(250.0 / market.start_px, market.qty_digits), start_ts + number * slot_s
        intent = Intent(
            market,
            mark_px,
            -held_sign if is_close else held_sign,
            qty,
            is_close,
            f"sig_{number:010x}",
            f"ord_{number:010x}",
            2,
            ack_ts,
            slot_s,
        )
        routing, fill_ts = routings[i][visit % pool], ack_ts + min(slot_s / 4, 5.0)
        avg_px = _fill_px(intent, routing.slip_bps)
        pnl_usd = held_sign * qty * (avg_px - entry_pxs[i]) if is_close else 0.0
        entry_pxs[i] = avg_px
        yield Order(intent, routing, 8_000_000_000 + number, avg_px, ack_ts, fill_ts, fill_ts), pnl_usd


def _orders_holding(events: int) -> int:
    """How many bench orders hold that many events: an opening one holds two, a closing one three."""
    rounds, rest = divmod(events, 5 * len(TRADED))
    opens, closes = min(len(TRADED), math.ceil(rest / 2)), max(0, math.ceil((rest - 2 * len(TRADED)) / 3))
    return rounds * 2 * len(TRADED) + opens + closes


def _bench_events(order: Order, pnl_usd: float) -> list[Row]:
    intent = order.intent
    rows = [_ack_row(order), _fill_row(order, intent.qty, order.avg_px, order.last_fill_ts, 1)]
    if intent.reduce_only:
        rows.append(_close_row(order, pnl_usd, -intent.sign * intent.qty, 0.0))
    return rows


def write_bench(
    folder: Path, *, order_metrics: int, order_events: int, span_days: float, end: datetime, seed: int = 7
) -> None:
    """Writes exactly that many order metrics and order events, spread evenly over `span_days` up to `end`.

    With more metrics than orders an order has several, one per try, under one attempt_id. NAV has one point a
    minute over the last 3 days and moves by realised pnl and fees only.
    """
    _write_config(folder)
    end_ts, orders = end.timestamp(), _orders_holding(order_events) or order_metrics
    slot_s = span_days * 86_400.0 / max(1, orders)
    events_left, metrics_done, nav_usd = order_events, 0, BENCH_NAV_USD
    nav_times, navs = [end_ts - 60.0 * back for back in range(3 * 1440 - 1, -1, -1)], list[float]()
    with (
        (folder / METRICS).open("wb", buffering=1 << 20) as metrics_file,
        (folder / EXECUTED).open("wb", buffering=1 << 20) as events_file,
    ):
        bench_orders = _bench_orders(orders, end_ts - orders * slot_s, slot_s, seed)
        for number, (order, pnl_usd) in enumerate(bench_orders, start=1):
            while len(navs) < len(nav_times) and nav_times[len(navs)] < order.last_fill_ts:
                navs.append(nav_usd)
            nav_usd += pnl_usd - order.fee_usd
            rows = _bench_events(order, pnl_usd)[:events_left]
            events_file.writelines(map(_line, rows))
            events_left -= len(rows)
            tries = order_metrics * number // orders - metrics_done
            metrics_done += tries
            for retries in range(tries):
                ts = order.last_fill_ts + slot_s / 2 * retries / tries
                metrics_file.write(_line(_metric_row(order, ts, retries)))
    navs += [nav_usd] * (len(nav_times) - len(navs))
    lines = (_line({"t": ts, "nav": nav}) for ts, nav in zip(nav_times, navs, strict=True))
    (folder / NAV).write_bytes(b"".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser("python -m examples.sample_logs", description="Writes a folder of sample logs.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=float, default=3.0)
    arguments = parser.parse_args()
    write_sample(arguments.folder, seed=arguments.seed, days=arguments.days)


if __name__ == "__main__":
    main()
