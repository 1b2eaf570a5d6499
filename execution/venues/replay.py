"""Markets read from files: recorded candles, or recorded frames of an exchange's stream."""

from __future__ import annotations

import re
import zlib
from itertools import islice
from pathlib import Path

from tape.execution.venues.candles import CandleMarket
from tape.execution.venues.frames import FrameMarket
from tape.execution.venues.recorded import MarketUnreadable, existing, first_line, opened, starts

_FRAME = re.compile(rb"\d{16,20} \{")


def open_market(path: Path | str) -> CandleMarket | FrameMarket:
    """The market in a file, of the kind its content shows.

    Raises:
        MarketUnreadable: the file holds neither candles nor frames.
    """
    path = existing(Path(path))
    if starts(path, b"PAR1"):
        return CandleMarket(path)
    try:
        with opened(path) as file:
            lines = [line[:200] for line in islice(file, 20)]
    except (OSError, EOFError, zlib.error) as error:
        raise MarketUnreadable(path, "Parquet, CSV or frames", first_line(error)) from error
    if any(_FRAME.match(line) for line in lines):
        return FrameMarket(path)
    if not lines:
        raise MarketUnreadable(path, "candles or frames", "an empty file")
    if b"," in lines[0]:
        return CandleMarket(path)
    raise MarketUnreadable(
        path,
        "Parquet, CSV with a header, or lines of '<receive ns> <json>'",
        repr(lines[0][:60].decode("utf-8", "replace")),
    )
