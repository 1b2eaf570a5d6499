"""A market read from the recorded frames of an exchange's stream.

Laws kept here:
- the clock is the exchange's: the event time of a frame, never the time of its reception;
- steps come in the order of time, ties by symbol, the same ones however ``until`` is sliced;
- a frame that cannot be read is counted and left out.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, isfinite
from pathlib import Path
from typing import Any

import orjson

from tape.execution.venues.market import Step
from tape.execution.venues.recorded import MarketUnreadable, Recorded, existing, first_line, instant, opened
from tape.execution.venues.venue import Quote

FRAME_STEP_S = 0.1
_EDGE = 256
"""Frames at either end of a recording among which its first and last event time are looked for: streams of one
connection overtake each other by some 30 ms."""
_DAY_MS = 86_400_000
_STREAM = re.compile(rb'"stream":"([^"@]+)@(?:trade|bookTicker)"')
_EVENT_TIME = re.compile(rb'"E":(\d{10,16})\b')


@dataclass(slots=True)
class _Tape:
    """What is known of one symbol, and what was traded since its last step."""

    bid: float = 0.0
    ask: float = 0.0
    last: float | None = None
    low: float = inf
    high: float = -inf
    sold: float = 0.0
    bought: float = 0.0
    trade_id: int = -1
    update_id: int = -1
    touched_ms: int = 0
    """When it last changed, ms; 0: not since its last step."""

    def step(self, symbol: str) -> Step:
        """The step at its last change; what was traded begins anew behind it."""
        mark = (self.bid + self.ask) / 2 if self.last is None else self.last
        was_traded = self.high > 0
        quote = Quote(symbol, instant(self.touched_ms * 1000), self.bid, self.ask, mark)
        step = Step(quote, self.low if was_traded else None, self.high if was_traded else None, self.sold, self.bought)
        self.low, self.high, self.sold, self.bought, self.touched_ms = inf, -inf, 0.0, 0.0, 0
        return step


class FrameMarket(Recorded):
    """Raw frames of Binance USD-M streams, plain or gzipped, one per line: ``<local receive ns> <json>``, the JSON as
    in ``{"stream": "btcusdt@trade", "data": {"e": "trade", "E": <event time ms>, "s": ..}}``.

    ``bookTicker`` gives bid and ask, ``trade`` the range and what was sold (``m``: the buyer was the maker) and bought;
    other streams and snapshots of the book are read over. The mark is the last trade's price, else the mid. A symbol
    has at most one step per ``step_s``, at its last event in it; a frame older than that clock counts as of now. Trades
    and tickers whose number is not above the last one's came twice and count once; trades that are none of the order
    book's (``X`` other than ``MARKET``) do not count.

    Raises:
        MarketUnreadable: no such file, or no frame in it.
    """

    def __init__(self, path: Path | str, *, step_s: float = FRAME_STEP_S) -> None:
        super().__init__()
        if not step_s >= 0.001:
            raise ValueError(f"step_s: expected 0.001 or more, found {step_s}")
        self.path = existing(Path(path))
        self.step_s = step_s
        self.rejected = 0
        """Frames that could not be read so far; a torn end of the file counts as one."""
        self.first_rejection: str | None = None
        """``line 17: why`` of the first of them."""
        self._tapes: dict[str, _Tape] = {}
        self._survey()
        self._coming = self._read()

    def _survey(self) -> None:
        """Looks through the file once, without reading the frames, for its symbols and its ends."""
        names: set[bytes] = set()
        head: list[bytes] = []
        tail: deque[bytes] = deque(maxlen=_EDGE)
        for line in self._lines(is_survey=True):
            found = _STREAM.search(line, 0, 96)
            if found is None:
                continue
            names.add(found[1])
            if len(head) < _EDGE:
                head.append(line)
            tail.append(line)
        first = [int(found[1]) for line in head if (found := _EVENT_TIME.search(line))]
        last = [int(found[1]) for line in tail if (found := _EVENT_TIME.search(line))]
        if not first or not last:
            raise MarketUnreadable(self.path, "frames of @trade or @bookTicker streams", "none")
        self.symbols: Sequence[str] = tuple(sorted(name.decode("ascii", "replace").upper() for name in names))
        self.first_ts: datetime = instant(min(first) * 1000)
        self.last_ts: datetime = instant(max(last) * 1000)

    def _lines(self, *, is_survey: bool = False) -> Iterator[bytes]:
        count = 0
        with opened(self.path) as file:
            try:
                for count, line in enumerate(file, 1):  # noqa: B007 - the number of the line that tore
                    yield line
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                if not is_survey:
                    self._reject(count + 1, f"the file is torn: {error}")

    def _read(self) -> Iterator[Step]:
        step_ms = max(1, round(self.step_s * 1000))
        changes = {"bookTicker": self._quoted, "trade": self._traded}
        clock_ms = end_ms = 0
        for number, line in enumerate(self._lines(), 1):
            try:
                at_ms, kind, data = _parsed(line)
                change = changes.get(kind)
                if change is None:
                    continue
                if at_ms >= end_ms:
                    yield from self._close()
                    end_ms = (at_ms // step_ms + 1) * step_ms
                clock_ms = max(clock_ms, at_ms)
                change(data, clock_ms)
            except _Unreadable as reason:
                self._reject(number, str(reason))
        yield from self._close()

    def _close(self) -> list[Step]:
        """The steps of the interval that ended, for the symbols that something happened to."""
        steps = [tape.step(symbol) for symbol, tape in self._tapes.items() if tape.touched_ms and tape.bid > 0]
        return sorted(steps, key=lambda step: (step.quote.ts, step.quote.symbol))

    def _quoted(self, data: dict[str, Any], clock_ms: int) -> None:
        symbol, bid, ask, number = _text(data, "s"), _positive(data, "b"), _positive(data, "a"), _whole(data, "u")
        if bid > ask:
            raise _Unreadable(f"bid {bid} above ask {ask}")
        tape = self._tape(symbol)
        if number > tape.update_id:
            tape.bid, tape.ask, tape.update_id, tape.touched_ms = bid, ask, number, clock_ms

    def _traded(self, data: dict[str, Any], clock_ms: int) -> None:
        if data.get("X", "MARKET") != "MARKET":
            return
        symbol, price, qty, number = _text(data, "s"), _positive(data, "p"), _positive(data, "q"), _whole(data, "t")
        was_sold = data.get("m")
        if not isinstance(was_sold, bool):
            raise _Unreadable(f"m: expected true or false, found {was_sold!r}")
        tape = self._tape(symbol)
        if number <= tape.trade_id:
            return
        tape.trade_id, tape.last, tape.touched_ms = number, price, clock_ms
        tape.low, tape.high = min(tape.low, price), max(tape.high, price)
        if was_sold:
            tape.sold += qty
        else:
            tape.bought += qty

    def _tape(self, symbol: str) -> _Tape:
        return self._tapes.setdefault(symbol, _Tape())

    def _reject(self, number: int, reason: str) -> None:
        self.rejected += 1
        if self.first_rejection is None:
            self.first_rejection = f"line {number}: {reason}"


class _Unreadable(Exception):
    """Why a frame cannot be read."""


def _parsed(line: bytes) -> tuple[int, str, dict[str, Any]]:
    """Event time in ms, kind and payload of a frame; kind ``""`` where there is nothing to be read from it."""
    received, _, text = line.partition(b" ")
    if not received.isdigit():
        raise _Unreadable("expected '<receive ns> <json>'")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Unreadable(first_line(error)) from error
    if not isinstance(frame, dict):
        raise _Unreadable(f"expected an object, found {type(frame).__name__}")
    data = frame if "lastUpdateId" in frame else frame.get("data")
    if not isinstance(data, dict):
        raise _Unreadable("no object under data")
    at_ms = _whole(data, "E") if "E" in data else _whole(data, "T")
    if abs(at_ms - int(received) // 1_000_000) > _DAY_MS:
        raise _Unreadable(f"event time {at_ms} ms is more than a day from its reception")
    kind = data.get("e", "")
    return at_ms, kind if isinstance(kind, str) else "", data


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if isinstance(value, str) and value:
        return value
    raise _Unreadable(f"{key}: expected a name, found {value!r}")


def _positive(data: dict[str, Any], key: str) -> float:
    value = data.get(key)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0.0
    if isfinite(number) and number > 0:
        return number
    raise _Unreadable(f"{key}: expected a positive number, found {value!r}")


def _whole(data: dict[str, Any], key: str) -> int:
    value = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _Unreadable(f"{key}: expected a whole number, found {value!r}")
