"""Markets made up for tests: candles and frames of three symbols, the same ones every time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb

START = datetime(2025, 3, 5, 14, 30, tzinfo=UTC)
"""An hour and a half before funding is paid."""
PRICES = {"BTCUSDT": 90_000.0, "ETHUSDT": 3_000.0, "SOLUSDT": 150.0}
_VOLUME_USD = 2_000_000.0


def candles(path: Path, minutes: int, *, step: timedelta = timedelta(minutes=1)) -> Path:
    """Writes a random walk as Parquet or CSV, by the path's suffix."""
    rng = Random(7)  # noqa: S311 (seeded on purpose)
    rows = []
    for symbol, first in PRICES.items():
        price = first
        for at in range(minutes):
            close = price * (1 + rng.gauss(0, 0.0012))
            low, high = min(price, close) * (1 - 0.0003), max(price, close) * (1 + 0.0003)
            values = ", ".join(f"{value:.2f}" for value in (price, high, low, close, _VOLUME_USD / price))
            rows.append(f"('{symbol}', timestamptz '{START + at * step}', {values})")
            price = close
    options = "format parquet" if path.suffix == ".parquet" else "format csv, header true"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"copy (from (values {', '.join(rows)}) as t(symbol, open_time, open, high, low, close, volume))"
            f" to '{path}' ({options})"
        )
    return path


def frames(path: Path, seconds: int) -> Path:
    """Writes best bid and ask, and a trade, of each symbol every second; one line is no frame."""
    rng, prices, lines = Random(7), dict(PRICES), []  # noqa: S311 (seeded on purpose)
    for at in range(seconds * len(prices)):
        symbol = list(prices)[at % len(prices)]
        prices[symbol] *= 1 + rng.gauss(0, 0.0003)
        bid, ask = prices[symbol] * 0.99999, prices[symbol] * 1.00001
        ms = round(START.timestamp() * 1000) + at // len(prices) * 1000
        head = {"s": symbol, "E": ms, "T": ms}
        book = head | {"e": "bookTicker", "u": at, "b": f"{bid:.4f}", "B": "50", "a": f"{ask:.4f}", "A": "50"}
        trade = head | {"e": "trade", "t": at, "p": f"{ask:.4f}", "q": "9", "X": "MARKET", "m": at % 2 == 0}
        for data in (book, trade):
            stream = {"stream": f"{symbol.lower()}@{data['e']}", "data": data}
            lines.append(f"{ms * 1_000_000} {json.dumps(stream, separators=(',', ':'))}")
    lines.insert(20, f"{lines[0].split()[0]} {{torn")
    path.write_text("\n".join(lines) + "\n")
    return path
