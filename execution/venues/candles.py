"""A market read from recorded candles.

Laws kept here:
- every candle becomes one step, at its end and never before; nothing of a bar is known while it is open;
- steps come in the order of time, ties by symbol, the same ones however ``until`` is sliced;
- a file is right as a whole or refused, naming the row.

What candles do not tell is estimated. The spread is one tick (the smallest decimal that the symbol's prices use) or 1 %
of the bar's range, whichever is wider, half of it on either side of the close; the share of the volume that was bought
is where the bar closed between its low and its high, one half where it has no range.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import duckdb

from tape.execution.venues import open_time
from tape.execution.venues.market import Step
from tape.execution.venues.recorded import (
    EPOCH,
    MarketUnreadable,
    Recorded,
    existing,
    first_line,
    instant,
    literal,
    starts,
)
from tape.execution.venues.venue import Quote

COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")
_WORDS = {column.replace("_", ""): column for column in COLUMNS}
SPREAD_OF_RANGE = 0.01
"""Share of a bar's range that its spread is taken to be at least."""
_ROWS = 4096
_LIMITS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "256MB",
    "threads": 1,
    "temp_directory": f"{gettempdir()}/tape-replay-{os.getpid()}",
}
"""For sorting a file that is larger than this."""


class CandleMarket(Recorded):
    """Candles of a Parquet or CSV file (also gzipped) with the columns ``symbol, open_time, open, high, low, close,
    volume``; more columns are ignored.

    Case, blanks and underscores of a column's name do not matter. ``open_time`` is an instant, UTC where it has no
    offset, or a number since 1970 in the unit that its size shows (``open_time``), the same in every row; prices are
    quote/base, volume base units. A symbol's candles stand in the order of time;
    symbols may take turns or follow one another. The length of a candle is the smallest distance between two of a
    symbol; gaps are whole multiples of it.

    Raises:
        MarketUnreadable: no such file, columns missing, no rows, or a row that cannot be.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self.path = existing(Path(path))
        self._connection = duckdb.connect(":memory:", config=_LIMITS)
        try:
            self._prepare()
        except duckdb.Error as error:
            raise self._unreadable("a Parquet or CSV file of candles", first_line(error)) from error
        self._coming = self._read()

    def _prepare(self) -> None:
        """Names the file's rows ``candles``, refuses what is wrong in it, and measures it."""
        self._connection.execute("set TimeZone = 'UTC'")
        names, kinds = self._columns()
        time, numbers = open_time.sql(names["open_time"], kinds["open_time"]), []
        for column in COLUMNS[2:]:
            numbers.append(
                f"try_cast({names[column]} as double) as {column}, {names[column]}::varchar as {column}_text"
            )
        self._connection.execute(
            f"create temp view candles as select *, {open_time.as_us('time_number', 'time_text')} as open_us, "
            f"{open_time.unit('time_number')} as unit from (select row_number() over () as row_number, "
            f"upper(trim({names['symbol']}::varchar)) as symbol, {time}, {', '.join(numbers)} from {self._source()})"
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
        self.first_ts: datetime = instant(first_us + self._length_us)
        self.last_ts: datetime = instant(last_us + self._length_us)

    def _columns(self) -> tuple[dict[str, str], dict[str, str]]:
        """Every column that is read, as it is quoted in SQL, and its type."""
        found = [(name, str(kind)) for name, kind, *_ in self._all(f"describe select * from {self._source()}")]
        names: dict[str, str] = {}
        kinds: dict[str, str] = {}
        for name, kind in found:
            column = _WORDS.get(re.sub(r"[^a-z]", "", name.lower()))
            if column is None:
                continue
            if column in names:
                raise self._unreadable(f"one column {column}", f"{names[column]} and {name!r}")
            names[column], kinds[column] = '"' + name.replace('"', '""') + '"', kind
        if missing := [column for column in COLUMNS if column not in names]:
            there = ", ".join(name for name, _ in found)
            raise self._unreadable(f"columns {', '.join(COLUMNS)}", f"no {', '.join(missing)} among {there:.200}")
        return names, kinds

    def _refuse_wrong_rows(self) -> None:
        texts = ", ".join(f"{column}_text" for column in COLUMNS[2:])
        wrong = self._all(
            f"select row_number, symbol, open_us, time_text, open, high, low, close, volume, {texts} from candles "
            "where not coalesce("
            "symbol <> '' and open_us is not null and isfinite(open + high + low + close + volume) and low > 0 "
            "and volume >= 0 and low <= least(open, close) and high >= greatest(open, close), false) "
            "order by row_number limit 1"
        )
        if not wrong:
            self._refuse_two_units()
            return
        row_number, symbol, open_us, time_text, *rest = wrong[0]
        values = dict(zip(COLUMNS[2:], rest[:5], strict=True))
        stated = {"symbol": symbol, "open_time": time_text, **dict(zip(COLUMNS[2:], rest[5:], strict=True))}
        where = f"row {row_number} of {symbol or 'no symbol'}"
        for name, text in stated.items():
            if text is None or text == "":
                raise self._unreadable(f"a value in every column ({name})", f"none in {where}")
        if open_us is None:
            raise self._unreadable(f"open_time: {open_time.EXPECTED}", f"{time_text!r:.60} in {where}")
        for name, value in values.items():
            if value is None:
                raise self._unreadable(f"a number ({name})", f"{stated[name]!r:.60} in {where}")
            if not isfinite(value) or value < 0 or (value == 0 and name != "volume"):
                expected = "a volume of zero or more" if name == "volume" else f"a positive price ({name})"
                raise self._unreadable(expected, f"{value} in {where}")
        found = ", ".join(f"{name} {value}" for name, value in values.items() if name != "volume")
        raise self._unreadable("low <= open, close <= high", f"{found} in {where}")

    def _refuse_two_units(self) -> None:
        other = self._all(
            "select row_number, symbol, time_text, unit, (select unit from candles where row_number = 1) as first_unit "
            "from candles where unit is distinct from first_unit order by row_number limit 1"
        )
        if other:
            row_number, symbol, text, unit, first_unit = other[0]
            found = f"{text!r:.60} ({unit or 'text'}) in row {row_number} of {symbol}"
            raise self._unreadable(f"open_time in {first_unit or 'text'} as in the first row", found)

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
        found = f"{instant(open_us):%Y-%m-%dT%H:%M:%S.%fZ} in row {row_number} of {symbol}"
        if distance_us == 0:
            raise self._unreadable("each candle once (open_time)", f"{found} twice")
        if distance_us < 0:
            raise self._unreadable(
                "candles in the order of time per symbol (open_time)", f"{found}, behind a later one"
            )
        raise self._unreadable(
            f"candles {length_us / 1e6:g} s apart", f"{found}, {distance_us / 1e6:g} s behind the last"
        )

    def _find_ticks(self) -> None:
        """The smallest step of each symbol's price: a unit of the last decimal that any of its prices uses."""
        self._connection.execute(
            "create temp table ticks as select symbol, 0.1::double ** max(greatest(0, "
            "length(rtrim(split_part(split_part(price, 'e', 1), '.', 2), '0')) "
            "- coalesce(try_cast(split_part(price, 'e', 2) as integer), 0))) as tick "
            "from (select symbol, unnest([open, high, low, close])::varchar as price from candles) group by symbol"
        )

    def _read(self) -> Iterator[Step]:
        rows = self._connection.execute(
            f"select symbol, open_us + {self._length_us}, close - spread / 2, close + spread / 2, close, "
            f"if(volume > 0, low, null), if(volume > 0, high, null), volume - bought, bought from (select candles.*, "
            f"least(greatest(tick, {SPREAD_OF_RANGE} * (high - low)), close) as spread, "
            f"volume * if(high > low, (close - low) / (high - low), 0.5) as bought "
            f"from candles join ticks using (symbol)) order by open_us, symbol"
        )
        last_us, ts = -1, EPOCH
        while chunk := rows.fetchmany(_ROWS):
            for symbol, end_us, bid, ask, mark, low, high, sold, bought in chunk:
                if end_us != last_us:
                    last_us, ts = end_us, instant(end_us)
                yield Step(Quote(symbol, ts, bid, ask, mark), low, high, sold, bought)

    def _source(self) -> str:
        name = literal(self.path)
        if starts(self.path, b"PAR1"):
            return f"read_parquet({name}, hive_partitioning = false)"
        compression = "gzip" if starts(self.path, b"\x1f\x8b") else "none"
        # types guessed from the first rows would refuse what comes later, in words about the guess
        return (
            f"read_csv({name}, header = true, delim = ',', all_varchar = true, hive_partitioning = false, "
            f"compression = '{compression}')"
        )

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _unreadable(self, expected: str, found: str) -> MarketUnreadable:
        return MarketUnreadable(self.path, expected, found)
