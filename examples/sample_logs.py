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
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson

from examples.sample_orders import (
    ATTEMPTED,
    BENCH_NAV_USD,
    DECISIONS_PER_CLOSED_TRADE,
    EXECUTED,
    HEARTBEATS,
    MARKETS,
    MAX_POSITIONS,
    MAX_TRADE_NAV_FRAC,
    METRICS,
    MIN_NOTIONAL_USD,
    NAV,
    POSITIONS,
    SHADOW,
    TRADED,
    VETOES,
    Intent,
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
from examples.sample_runtime import Runtime

DEFAULT_END = datetime(2025, 11, 1, tzinfo=UTC)


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
        (archive / f"{path.stem}-{utc(split_ts):%Y-%m-%d}.jsonl.gz").write_bytes(gzip.compress(old, mtime=0))
    else:
        new = old + new
    path.write_bytes(new)


def _bench_orders(count: int, start_ts: float, slot_s: float, seed: int) -> Iterator[tuple[Order, float]]:
    """Each symbol opens and closes in turn, in equal sizes; yields the order and the pnl it realised."""
    rng, pool = Random(seed), 1021
    # Drawn once and reused in turn, because drawing costs more than writing a row.
    routings = [[draw_routing(rng, market) for _ in range(pool)] for market in TRADED]
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
        avg_px = fill_px(intent, routing.slip_bps)
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
    rows = [ack_row(order), fill_row(order, intent.qty, order.avg_px, order.last_fill_ts, 1)]
    if intent.reduce_only:
        rows.append(close_row(order, pnl_usd, -intent.sign * intent.qty, 0.0))
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
                metrics_file.write(_line(metric_row(order, ts, retries)))
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
