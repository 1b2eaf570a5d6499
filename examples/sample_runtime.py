"""The made-up trading runtime: prices that move, a strategy that trades them, and what it writes into its logs.

One number follows from another: fills add up to their order, a close's pnl is FIFO over the fills before it, NAV is the
start plus realised pnl minus fees plus unrealised pnl.
"""
# fmt: off  (a row is laid out like the log line it becomes, several keys to a line)

import math
from collections import defaultdict
from random import Random
from typing import NamedTuple

from examples.sample_orders import (
    ATTEMPTED,
    EXECUTED,
    HEARTBEATS,
    MAX_POSITIONS,
    MAX_TRADE_NAV_FRAC,
    METRICS,
    MIN_NOTIONAL_USD,
    NAV,
    POLICIES,
    POSITIONS,
    PROCESS,
    SHADOW,
    START_NAV_USD,
    TRADED,
    VETOES,
    Intent,
    Market,
    Order,
    Row,
    ack_row,
    close_row,
    draw_routing,
    fill_px,
    fill_row,
    metric_row,
    utc,
)


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


def check_intent(intent: Intent, equity_usd: float, other_positions: int) -> Veto | None:
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
        self.logs[file].append((ts, {**fields, "ts": utc(ts), "event_type": event_type, **PROCESS}))

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
        veto = check_intent(intent, self.equity_usd, others)
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
        events.append((order.ack_ts, ack_row(order)))
        if not order.routing.maker_first:
            self._log_ack_twin(order)
        events += [(ts, fill_row(order, qty, px, ts, n)) for n, (qty, px, ts) in enumerate(fills, start=1)]
        before, pnl_usd = book.qty, book.apply(intent.sign * intent.qty, order.avg_px)
        self.cash_usd += pnl_usd - order.fee_usd
        if not intent.attempt_id.endswith("_reduce"):  # of a flip, only the second order was measured
            metrics.append((done_ts, metric_row(order, done_ts)))
        if intent.reduce_only:
            events.append((done_ts, close_row(order, pnl_usd, before, book.qty)))
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
        rng, market, routing = self.rng, intent.market, draw_routing(self.rng, intent.market)
        routing = routing._replace(ack_ms=min(routing.ack_ms, intent.window_s * 300.0))
        ack_ts = round(intent.ts + routing.ack_ms / 1e3, 6)
        fill_s = min(rng.expovariate(0.4 if routing.maker_first else 4.0) + 0.02, intent.window_s * 0.5)
        parts = rng.choices((1, 2, 3), (70, 20, 10))[0]
        fills: list[tuple[float, float, float]] = []
        paid_usd = filled_qty = 0.0
        for part in range(1, parts + 1):
            qty = intent.qty if part == parts else round(intent.qty * part / parts, market.qty_digits)
            if qty > filled_qty:
                paid_usd += (qty - filled_qty) * fill_px(intent, routing.slip_bps + rng.gauss(0.0, 0.2))
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
                "signal_ts": utc(intent.ts - 0.8),
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
                "signal_ts": utc(intent.ts - 0.8),
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
