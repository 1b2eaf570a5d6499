"""Markets read from files: recorded candles, or recorded frames of an exchange's stream.

Laws kept here:
- every candle becomes one step, at its end and never before; nothing of a bar is known while it is open;
- the clock is the exchange's: the end of a candle, the event time of a frame, never the time of reception;
- steps come in the order of time, ties by symbol, the same ones however ``until`` is sliced;
- a candle file is right as a whole or refused, naming the row; a frame that cannot be read is counted and left out.

What candles do not tell is estimated. The spread is one tick (the smallest decimal that the symbol's prices use) or 1 %
of the bar's range, whichever is wider, half of it on either side of the close; the share of the volume that was bought
is where the bar closed between its low and its high, one half where it has no range.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import inf, isfinite
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any, cast

import duckdb
import orjson

from execution.venues.market import Step
from execution.venues.venue import Quote

COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")
SPREAD_OF_RANGE = 0.01
"""Share of a bar's range that its spread is taken to be at least."""
FRAME_STEP_S = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = 4096
_LIMITS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "256MB",
    "threads": 1,
    "temp_directory": f"{gettempdir()}/tape-replay-{os.getpid()}",
}
"""For sorting a file that is larger than this."""
_EDGE = 256
"""Frames at either end of a recording among which its first and last event time are looked for: streams of one
connection overtake each other by some 30 ms."""
_DAY_MS = 86_400_000
_FRAME = re.compile(rb"\d{16,20} \{")
_STREAM = re.compile(rb'"stream":"([^"@]+)@(?:trade|bookTicker)"')
_EVENT_TIME = re.compile(rb'"E":(\d{10,16})\b')


class MarketUnreadable(Exception):
    """A file holds no market that can be replayed.

    ``path``: the file; ``expected`` and ``found``: what it should hold, and what it does.
    """

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"market {path}: expected {expected}, found {found}")
        self.path = path
        self.expected = expected
        self.found = found


class _Recorded:
    """Hands out steps of an iterator up to an instant, and keeps the first one behind it for the next time."""

    def __init__(self) -> None:
        self._coming: Iterator[Step] = iter(())
        self._held: Step | None = None

    def steps(self, until: datetime) -> Iterator[Step]:
        """The steps behind the last one given out, up to and with an instant."""
        while True:
            if self._held is None:
                self._held = next(self._coming, None)
            step = self._held
            if step is None or step.quote.ts > until:
                return
            self._held = None
            yield step


class CandleMarket(_Recorded):
    """Candles of a Parquet or CSV file (also gzipped) with the columns ``symbol, open_time, open, high, low, close,
    volume``; more columns are ignored.

    ``open_time`` is an instant, UTC where it has no offset, or a whole number of milliseconds since 1970 as the
    exchange writes it; prices are quote/base, volume base units. A symbol's candles stand in the order of time;
    symbols may take turns or follow one another. The length of a candle is the smallest distance between two of a
    symbol; gaps are whole multiples of it.

    Raises:
        MarketUnreadable: no such file, columns missing, no rows, or a row that cannot be.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self.path = _existing(Path(path))
        self._connection = duckdb.connect(":memory:", config=_LIMITS)
        try:
            self._prepare()
        except duckdb.Error as error:
            raise self._unreadable("a Parquet or CSV file of candles", _first_line(error)) from error
        self._coming = self._read()

    def _prepare(self) -> None:
        """Names the file's rows ``candles``, refuses what is wrong in it, and measures it."""
        self._connection.execute("set TimeZone = 'UTC'")
        types = {name: str(kind) for name, kind, *_ in self._all(f"describe select * from {self._source()}")}
        missing = [name for name in COLUMNS if name not in types]
        if missing:
            raise self._unreadable(f"columns {', '.join(COLUMNS)}", f"no {', '.join(missing)} among {', '.join(types)}")
        number = types["open_time"] in {"BIGINT", "INTEGER", "UBIGINT"}
        open_us = "open_time * 1000" if number else "epoch_us(open_time::timestamptz)"
        self._connection.execute(
            f"create temp view candles as select row_number() over () as row_number, symbol::varchar as symbol, "
            f"{open_us} as open_us, open::double as open, high::double as high, low::double as low, "
            f"close::double as close, volume::double as volume from {self._source()}"
        )
        self._refuse_wrong_rows()
        self.symbols: Sequence[str] = tuple(
            row[0] for row in self._all("select distinct symbol from candles order by 1")
        )
        if not self.symbols:
            raise self._unreadable("candles", "no row")
        self._length_us = self._find_length_us()
        self._find_ticks()
        ((first_us, last_us),) = self._all("select min(open_us), max(open_us) from candles")
        self.step_s: float = self._length_us / 1e6
        self.first_ts: datetime = _instant(first_us + self._length_us)
        self.last_ts: datetime = _instant(last_us + self._length_us)

    def _refuse_wrong_rows(self) -> None:
        wrong = self._all(
            "select row_number, symbol, open_us, open, high, low, close, volume from candles where not coalesce("
            "symbol <> '' and open_us is not null and isfinite(open + high + low + close + volume) and low > 0 "
            "and volume >= 0 and low <= least(open, close) and high >= greatest(open, close), false) "
            "order by row_number limit 1"
        )
        if not wrong:
            return
        row_number, symbol, open_us, *numbers = wrong[0]
        values = dict(zip(COLUMNS[2:], numbers, strict=True))
        where = f"row {row_number} of {symbol or 'no symbol'}"
        for name, value in (("symbol", symbol), ("open_time", open_us), *values.items()):
            if value is None or value == "":
                raise self._unreadable(f"a value in every column ({name})", f"none in {where}")
        for name, value in values.items():
            if not isfinite(value) or value < 0 or (value == 0 and name != "volume"):
                expected = "a volume of zero or more" if name == "volume" else f"a positive price ({name})"
                raise self._unreadable(expected, f"{value} in {where}")
        found = ", ".join(f"{name} {value}" for name, value in values.items() if name != "volume")
        raise self._unreadable("low <= open, close <= high", f"{found} in {where}")

    def _find_length_us(self) -> int:
        """Microseconds from one candle to the next, once their order is known to be right."""
        distances = (
            "select row_number, symbol, open_us, open_us - lag(open_us) over (partition by symbol order by row_number) "
            "as distance_us from candles"
        )
        found_us = [
            row[0] for row in self._all(f"select distinct distance_us from ({distances})") if row[0] is not None
        ]
        if not found_us:
            raise self._unreadable("two candles of a symbol, to see how long one is", "one")
        length_us = min(found_us)
        if length_us > 0 and all(distance_us % length_us == 0 for distance_us in found_us):
            return int(length_us)
        length_us = min((distance_us for distance_us in found_us if distance_us > 0), default=1)
        wrong = self._all(
            f"select row_number, symbol, open_us, distance_us from ({distances}) "
            f"where distance_us <= 0 or distance_us % {length_us} <> 0 order by row_number limit 1"
        )
        row_number, symbol, open_us, distance_us = wrong[0]
        found = f"{_instant(open_us):%Y-%m-%dT%H:%M:%S.%fZ} in row {row_number} of {symbol}"
        if distance_us == 0:
            raise self._unreadable("each candle once", f"{found} twice")
        if distance_us < 0:
            raise self._unreadable("candles in the order of time per symbol", f"{found}, behind a later one")
        raise self._unreadable(
            f"candles {length_us / 1e6:g} s apart", f"{found}, {distance_us / 1e6:g} s behind the last"
        )

    def _find_ticks(self) -> None:
        """The smallest step of each symbol's price: a unit of the last decimal that any of its prices uses."""
        self._connection.execute(
            "create temp table ticks as select symbol, 0.1::double ** max(decimals) as tick from (select symbol, "
            "length(rtrim(split_part(unnest([open, high, low, close])::decimal(38, 12)::varchar, '.', 2), '0')) "
            "as decimals from candles) group by symbol"
        )

    def _read(self) -> Iterator[Step]:
        rows = self._connection.execute(
            f"select symbol, open_us + {self._length_us}, close - spread / 2, close + spread / 2, close, "
            f"if(volume > 0, low, null), if(volume > 0, high, null), volume - bought, bought from (select candles.*, "
            f"least(greatest(tick, {SPREAD_OF_RANGE} * (high - low)), close) as spread, "
            f"volume * if(high > low, (close - low) / (high - low), 0.5) as bought "
            f"from candles join ticks using (symbol)) order by open_us, symbol"
        )
        last_us, ts = -1, _EPOCH
        while chunk := rows.fetchmany(_ROWS):
            for symbol, end_us, bid, ask, mark, low, high, sold, bought in chunk:
                if end_us != last_us:
                    last_us, ts = end_us, _instant(end_us)
                yield Step(Quote(symbol, ts, bid, ask, mark), low, high, sold, bought)

    def _source(self) -> str:
        name = str(self.path).replace("'", "''")
        if _starts(self.path, b"PAR1"):
            return f"read_parquet('{name}')"
        compression = "gzip" if _starts(self.path, b"\x1f\x8b") else "none"
        return f"read_csv('{name}', header = true, compression = '{compression}')"

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _unreadable(self, expected: str, found: str) -> MarketUnreadable:
        return MarketUnreadable(self.path, expected, found)


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
        quote = Quote(symbol, _instant(self.touched_ms * 1000), self.bid, self.ask, mark)
        step = Step(quote, self.low if was_traded else None, self.high if was_traded else None, self.sold, self.bought)
        self.low, self.high, self.sold, self.bought, self.touched_ms = inf, -inf, 0.0, 0.0, 0
        return step


class FrameMarket(_Recorded):
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
        self.path = _existing(Path(path))
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
        self.first_ts: datetime = _instant(min(first) * 1000)
        self.last_ts: datetime = _instant(max(last) * 1000)

    def _lines(self, *, is_survey: bool = False) -> Iterator[bytes]:
        count = 0
        with _opened(self.path) as file:
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


def open_market(path: Path | str) -> CandleMarket | FrameMarket:
    """The market in a file, of the kind its content shows.

    Raises:
        MarketUnreadable: the file holds neither candles nor frames.
    """
    path = _existing(Path(path))
    if _starts(path, b"PAR1"):
        return CandleMarket(path)
    try:
        with _opened(path) as file:
            lines = [line[:200] for line in islice(file, 20)]
    except (OSError, EOFError, zlib.error) as error:
        raise MarketUnreadable(path, "Parquet, CSV or frames", _first_line(error)) from error
    if any(_FRAME.match(line) for line in lines):
        return FrameMarket(path)
    if b"," in lines[0]:
        return CandleMarket(path)
    raise MarketUnreadable(
        path,
        "Parquet, CSV with a header, or lines of '<receive ns> <json>'",
        repr(lines[0][:60].decode("utf-8", "replace")),
    )


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
        raise _Unreadable(_first_line(error)) from error
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


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise MarketUnreadable(path, "a file", "a folder" if path.is_dir() else "no such file")
    if path.stat().st_size == 0:
        raise MarketUnreadable(path, "candles or frames", "an empty file")
    return path


def _opened(path: Path) -> IO[bytes]:
    if _starts(path, b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(path))
    return path.open("rb")


def _starts(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
