"""A recorded market gives out what its file holds, once and in the order of time, and says what it cannot read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.venues.candles import COLUMNS, CandleMarket
from tape.execution.venues.frames import FrameMarket
from tape.execution.venues.market import Step
from tape.execution.venues.recorded import MarketUnreadable
from tape.execution.venues.replay import open_market
from tests.conftest import SHARED
from tests.divided import examples

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=365)
NOON_MS = 1_748_779_200_000

Candle = tuple[Any, ...]
Write = Callable[[Path, Sequence[Candle]], Path]


def candle(minute: int, symbol: str = "BTCUSDT", **given: Any) -> Candle:
    """One minute that opens ``minute`` minutes after noon."""
    row = {"open": 100.0, "high": 102.0, "low": 98.0, "close": 101.0, "volume": 8.0, **given}
    return (symbol, NOON + timedelta(minutes=minute), *row.values())


def write_csv(path: Path, candles: Sequence[Candle]) -> Path:
    lines = [",".join(COLUMNS)]
    lines += [
        ",".join("" if v is None else str(v) for v in (s, f"{at:%Y-%m-%dT%H:%M:%SZ}", *n)) for s, at, *n in candles
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, candles: Sequence[Candle]) -> Path:
    with duckdb.connect() as connection:
        connection.execute(
            "create table candles (symbol varchar, open_time timestamptz, open double, high double, low double, "
            "close double, volume double)"
        )
        connection.executemany("insert into candles values (?, ?, ?, ?, ?, ?, ?)", [list(row) for row in candles])
        connection.execute(f"copy candles to '{path}' (format parquet)")
    return path


def frame(at_ms: int, kind: str, **fields: Any) -> str:
    """One line of a recording: an event ``at_ms`` after noon, received 1.27 s before that by the local clock."""
    symbol = fields.setdefault("s", "BTCUSDT")
    data = {"e": kind, "E": NOON_MS + at_ms, "T": NOON_MS + at_ms, **fields}
    text = json.dumps({"stream": f"{symbol.lower()}@{kind}", "data": data}, separators=(",", ":"))
    return f"{(NOON_MS + at_ms - 1270) * 1_000_000} {text}\n"


def ticker(at_ms: int, number: int, bid: str, ask: str, **more: Any) -> str:
    return frame(at_ms, "bookTicker", u=number, b=bid, B="1", a=ask, A="1", **more)


def trade(at_ms: int, number: int, price: str, qty: str, *, sold: bool, **more: Any) -> str:
    return frame(at_ms, "trade", **{"t": number, "p": price, "q": qty, "X": "MARKET", "m": sold, **more})


def write_frames(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def assert_lawful(steps: Sequence[Step]) -> None:
    """In the order of time, ties by symbol, and every number possible."""
    keys = [(step.quote.ts, step.quote.symbol) for step in steps]
    assert all(one < other for one, other in pairwise(keys))
    for step in steps:
        assert 0 < step.quote.bid <= step.quote.ask
        assert step.quote.mark > 0
        assert (step.low is None) == (step.high is None)
        assert step.low is None or step.high is None or 0 < step.low <= step.high
        assert step.sold >= 0
        assert step.bought >= 0


# candles


@pytest.mark.parametrize(("name", "write"), [("c.csv", write_csv), ("c.parquet", write_parquet)])
def test_a_candle_becomes_a_step_at_its_end(tmp_path: Path, name: str, write: Write) -> None:
    market = open_market(write(tmp_path / name, [candle(0), candle(1, close=98.0, volume=0.0)]))
    assert isinstance(market, CandleMarket)
    assert list(market.steps(NOON + timedelta(seconds=59))) == []
    (first,) = market.steps(NOON + timedelta(minutes=1))
    (second,) = market.steps(LATER)
    assert first.quote.ts == market.first_ts == NOON + timedelta(minutes=1)
    assert (first.quote.mark, first.low, first.high) == (101.0, 98.0, 102.0)
    assert (first.sold, first.bought) == (2.0, 6.0)  # it closed at three quarters of its range
    assert first.quote.ask - first.quote.bid == pytest.approx(1.0)  # the tick is wider than 1 % of a range of 4
    assert (second.low, second.high, second.sold, second.bought) == (None, None, 0.0, 0.0)
    assert (market.symbols, market.step_s) == (("BTCUSDT",), 60.0)
    assert second.quote.ts == market.last_ts


def test_the_spread_is_a_tick_or_one_percent_of_the_range(tmp_path: Path) -> None:
    calm = candle(0, open=100.01, high=100.02, low=100.01, close=100.02)
    wild = candle(1, open=100.0, high=200.0, low=100.0, close=150.0)
    market = CandleMarket(write_csv(tmp_path / "c.csv", [calm, wild]))
    spreads = [step.quote.ask - step.quote.bid for step in market.steps(LATER)]
    assert spreads == pytest.approx([0.01, 1.0])


def test_a_bar_without_range_was_bought_and_sold_alike(tmp_path: Path) -> None:
    flat: dict[str, Any] = {"open": 5.0, "high": 5.0, "low": 5.0, "close": 5.0}
    market = CandleMarket(write_csv(tmp_path / "c.csv", [candle(0, **flat), candle(1, **flat)]))
    assert [(step.sold, step.bought) for step in market.steps(LATER)] == [(4.0, 4.0)] * 2


def test_symbols_one_after_the_other_come_out_by_time(tmp_path: Path) -> None:
    rows = [candle(minute, symbol) for symbol in ("SOLUSDT", "BTCUSDT") for minute in range(3)]
    market = CandleMarket(write_parquet(tmp_path / "c.parquet", rows))
    steps = list(market.steps(LATER))
    assert [step.quote.symbol for step in steps] == ["BTCUSDT", "SOLUSDT"] * 3
    assert_lawful(steps)


def test_a_gap_is_a_gap(tmp_path: Path) -> None:
    market = CandleMarket(write_csv(tmp_path / "c.csv", [candle(0), candle(1), candle(5)]))
    assert market.step_s == 60.0
    assert [step.quote.ts for step in market.steps(LATER)] == [NOON + timedelta(minutes=m) for m in (1, 2, 6)]


def test_a_whole_number_is_milliseconds_and_a_file_may_be_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    rows = [f"BTCUSDT,{NOON_MS + minute * 60_000},1,1,1,1,1" for minute in range(2)]
    path.write_bytes(gzip.compress("\n".join([",".join(COLUMNS), *rows]).encode()))
    assert [step.quote.ts for step in open_market(path).steps(LATER)] == [
        NOON + timedelta(minutes=1),
        NOON + timedelta(minutes=2),
    ]


bars = st.tuples(*[st.integers(1, 10**7).map(lambda n: n / 100)] * 4, st.integers(0, 10**6).map(float))


@settings(max_examples=examples(25), deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["AUSDT", "BUSDT", "CUSDT"]), st.integers(0, 40), bars), max_size=40),
    cuts=st.lists(st.integers(0, 45 * 60), max_size=8).map(sorted),
)
def test_every_candle_comes_once_however_until_is_sliced(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, Any]], cuts: list[int]
) -> None:
    chosen = {("AUSDT", 0): (1.0, 1.0, 1.0, 1.0, 0.0), ("AUSDT", 1): (1.0, 1.0, 1.0, 1.0, 1.0)}
    chosen |= {(symbol, minute): bar for symbol, minute, bar in rows}
    candles = [
        candle(minute, symbol, open=o, high=max(o, h, low, c), low=min(o, h, low, c), close=c, volume=v)
        for (symbol, minute), (o, h, low, c, v) in sorted(chosen.items())
    ]
    market = CandleMarket(write_csv(tmp_path_factory.mktemp("market") / "c.csv", candles))
    steps: list[Step] = []
    for cut in [*cuts, 10**6]:
        until = NOON + timedelta(seconds=cut)
        steps += (slice_ := list(market.steps(until)))
        assert all(step.quote.ts <= until for step in slice_)
    assert_lawful(steps)
    told = {(step.quote.symbol, step.quote.ts): step for step in steps}
    assert told.keys() == {(symbol, at + timedelta(minutes=1)) for symbol, at, *_ in candles}
    for symbol, at, _open, high, low, close, volume in candles:
        step = told[symbol, at + timedelta(minutes=1)]
        assert step.quote.mark == close
        assert step.sold + step.bought == pytest.approx(volume)
        assert (step.low, step.high) == ((low, high) if volume else (None, None))


@pytest.mark.parametrize(
    ("rows", "expected", "found"),
    [
        ([candle(0), candle(1, open=-3.0, low=-3.0)], "positive price (open)", "-3.0 in row 2 of BTCUSDT"),
        ([candle(0), candle(1, low=0.0)], "positive price (low)", "0.0 in row 2 of BTCUSDT"),
        ([candle(0, volume=-1.0), candle(1)], "volume of zero or more", "-1.0 in row 1 of BTCUSDT"),
        ([candle(0), candle(1, close="nan")], "positive price (close)", "nan in row 2 of BTCUSDT"),
        ([candle(0), candle(1, close=None)], "(close)", "none in row 2 of BTCUSDT"),
        ([candle(0), candle(1, high=99.0)], "low <= open, close <= high", "high 99.0"),
        (
            [candle(0), candle(1), candle(1)],
            "each candle once",
            "2025-06-01T12:01:00.000000Z in row 3 of BTCUSDT twice",
        ),
        ([candle(0), candle(2), candle(1)], "order of time", "row 3 of BTCUSDT, behind a later one"),
        ([candle(0), candle(2), candle(5)], "120 s apart", "180 s behind the last"),
        ([candle(0), candle(0, "ETHUSDT")], "two candles of a symbol", "one"),
        ([], "candles", "no row"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: list[Candle], expected: str, found: str) -> None:
    path = write_csv(tmp_path / "c.csv", rows)
    with pytest.raises(MarketUnreadable) as error:
        CandleMarket(path)
    assert expected in error.value.expected
    assert found in error.value.found
    assert error.value.path == path
    assert str(path) in str(error.value)


def test_a_file_that_is_no_market_is_refused(tmp_path: Path) -> None:
    texts = {
        "columns.csv": ("symbol,open_time,open\nBTCUSDT,2025-06-01T12:00:00Z,1\n", "no high, low, close, volume"),
        "empty.csv": ("", "an empty file"),
        "prose.txt": ("to be or not to be\n", "to be or not to be"),
        "broken.parquet": ("PAR1 and nothing else", ""),
    }
    for name, (text, found) in texts.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MarketUnreadable) as error:
            open_market(tmp_path / name)
        assert found in error.value.found
    for path, found in ((tmp_path / "nowhere.csv", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(MarketUnreadable, match=found):
            open_market(path)


# frames


def test_frames_are_condensed_to_one_step_per_interval(tmp_path: Path) -> None:
    path = write_frames(
        tmp_path / "frames",
        ticker(0, 1, "100.0", "100.1"),
        trade(10, 1, "100.1", "2", sold=False),
        trade(20, 2, "99.9", "3", sold=True),
        ticker(90, 2, "99.8", "99.9"),
        ticker(150, 3, "99.7", "99.9"),
    )
    market = open_market(path)
    assert isinstance(market, FrameMarket)
    assert (market.symbols, market.step_s) == (("BTCUSDT",), 0.1)
    (first,) = market.steps(NOON + timedelta(milliseconds=149))
    assert first.quote.ts == NOON + timedelta(milliseconds=90)
    assert (first.quote.bid, first.quote.ask, first.quote.mark) == (99.8, 99.9, 99.9)
    assert (first.low, first.high, first.sold, first.bought) == (99.9, 100.1, 3.0, 2.0)
    (second,) = market.steps(LATER)
    assert second.quote.ts == market.last_ts
    assert (second.low, second.high, second.sold, second.bought) == (None, None, 0.0, 0.0)
    assert (market.rejected, market.first_rejection) == (0, None)


def test_the_mark_is_the_mid_until_something_trades(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "f", ticker(0, 1, "10", "11"), trade(200, 1, "11", "1", sold=False))
    assert [step.quote.mark for step in FrameMarket(path).steps(LATER)] == [10.5, 11.0]


def test_frames_that_come_late_twice_or_from_elsewhere_do_no_harm(tmp_path: Path) -> None:
    path = write_frames(
        tmp_path / "f",
        ticker(0, 5, "10", "11"),
        trade(5, 7, "10", "1", sold=True),
        trade(5, 7, "10", "1", sold=True),  # a second connection recorded it too
        ticker(6, 4, "1", "2"),  # older than the one above
        trade(8, 8, "0", "0", sold=True, X="NA"),  # none of the book's
        ticker(110, 6, "10", "12"),
        trade(95, 9, "11", "4", sold=False),  # overtaken by the frame above
        frame(500, "depthUpdate", b=[], a=[]),
        f'{(NOON_MS + 600) * 1_000_000} {{"lastUpdateId":1,"E":{NOON_MS + 600},"bids":[],"asks":[]}}\n',
    )
    market = FrameMarket(path)
    steps = list(market.steps(LATER))
    assert_lawful(steps)
    assert [(step.sold, step.bought, step.quote.ask) for step in steps] == [(1.0, 0.0, 11.0), (0.0, 4.0, 12.0)]
    assert steps[1].quote.ts == NOON + timedelta(milliseconds=110)
    assert market.rejected == 0


def test_two_symbols_come_in_the_order_of_time_and_ties_by_symbol(tmp_path: Path) -> None:
    path = write_frames(
        tmp_path / "f",
        ticker(0, 1, "10", "11", s="SOLUSDT"),
        ticker(0, 1, "20", "21", s="BTCUSDT"),
        ticker(120, 2, "20", "21", s="BTCUSDT"),
        ticker(130, 2, "10", "11", s="SOLUSDT"),
        ticker(140, 3, "20", "21", s="BTCUSDT"),
    )
    market = FrameMarket(path)
    steps = list(market.steps(LATER))
    assert_lawful(steps)
    assert [step.quote.symbol for step in steps] == ["BTCUSDT", "SOLUSDT", "SOLUSDT", "BTCUSDT"]
    assert market.symbols == ("BTCUSDT", "SOLUSDT")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense\n", "receive ns"),
        (f"{NOON_MS * 1_000_000} {{\n", "unexpected end of data"),
        (f"{NOON_MS * 1_000_000} [1]\n", "found list"),
        (f'{NOON_MS * 1_000_000} {{"result":null}}\n', "no object under data"),
        (ticker(50, 9, "0", "1"), "b: expected a positive number, found '0'"),
        (ticker(50, 9, "nan", "1"), "found 'nan'"),
        (ticker(50, 9, "12", "11"), "bid 12.0 above ask 11.0"),
        (trade(50, 9, "x", "1", sold=True), "p: expected a positive number, found 'x'"),
        (frame(50, "trade", p="1", q="1", m=True), "t: expected a whole number, found None"),
        (frame(50, "trade", t=1, p="1", q="1"), "m: expected true or false"),
        (ticker(50, 9, "1", "2", E="soon"), "E: expected a whole number"),
        (ticker(50, 9, "1", "2", E=NOON_MS * 10), "more than a day"),
    ],
)
def test_a_frame_that_cannot_be_read_is_counted_and_left_out(tmp_path: Path, line: str, reason: str) -> None:
    path = write_frames(tmp_path / "f", ticker(0, 1, "10", "11"), line, line, ticker(300, 10, "10", "11"))
    market = FrameMarket(path)
    steps = list(market.steps(LATER))
    assert [step.quote.ts for step in steps] == [NOON, NOON + timedelta(milliseconds=300)]
    assert market.rejected == 2
    assert market.first_rejection is not None
    assert market.first_rejection.startswith("line 2: ")
    assert reason in market.first_rejection


def test_a_torn_file_ends_the_market_with_what_was_read(tmp_path: Path) -> None:
    lines = [ticker(100 * n, n + 1, f"{100 + n * 7 % 13}.{n % 9}", "150") for n in range(4000)]
    whole = gzip.compress("".join(lines).encode())
    path = tmp_path / "f.gz"
    path.write_bytes(whole[: len(whole) // 2])
    market = FrameMarket(path)
    steps = list(market.steps(LATER))
    assert_lawful(steps)
    assert 500 < len(steps) < 4000
    assert market.last_ts == steps[-1].quote.ts
    assert market.rejected == 1
    assert "the file is torn" in str(market.first_rejection)

    plain = write_frames(tmp_path / "f", *lines[:3], lines[3][:60])
    market = FrameMarket(plain)
    assert len(list(market.steps(LATER))) == 3
    assert market.rejected == 1


def test_a_recording_without_quotes_or_trades_is_refused(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "f", frame(0, "depthUpdate", b=[], a=[]))
    with pytest.raises(MarketUnreadable, match="found none"):
        open_market(path)


frames = st.lists(
    st.tuples(
        st.sampled_from(["AUSDT", "BUSDT"]),
        st.integers(0, 60),
        st.booleans(),
        st.integers(1, 99),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=examples(50), deadline=None)
@given(events=frames, cuts=st.lists(st.integers(0, 4000), max_size=6).map(sorted))
def test_what_was_traded_is_told_once_however_until_is_sliced(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, bool, int, int, bool]], cuts: list[int]
) -> None:
    lines = [ticker(0, 1, "10", "11", s="AUSDT"), ticker(0, 1, "10", "11", s="BUSDT")]
    at_ms = sold = bought = 0
    for number, (symbol, later_ms, is_trade, price, qty, was_sold) in enumerate(events, 2):
        at_ms += later_ms - 10  # some are overtaken
        if is_trade:
            lines.append(trade(at_ms, number, str(price), str(qty), sold=was_sold, s=symbol))
            sold, bought = (sold + qty, bought) if was_sold else (sold, bought + qty)
        else:
            lines.append(ticker(at_ms, number, str(price), str(price + 1), s=symbol))
    path = write_frames(tmp_path_factory.mktemp("market") / "f", *lines)
    at_once = list(FrameMarket(path).steps(LATER))
    assert_lawful(at_once)
    assert (sum(step.sold for step in at_once), sum(step.bought for step in at_once)) == (sold, bought)
    market = FrameMarket(path)
    sliced = [step for cut in cuts for step in market.steps(NOON + timedelta(milliseconds=cut))]
    assert [*sliced, *market.steps(LATER)] == at_once


# real data


def real(name: str) -> Path:
    path = SHARED / "market" / name
    if not path.is_file():
        pytest.skip(f"needs a recorded market in {path}")
    return path


def test_25_days_of_real_candles_come_out_each_once() -> None:
    market = open_market(real("binance_um_1m.parquet"))
    steps = list(market.steps(market.last_ts))
    assert len(steps) == 214_998
    assert (len(market.symbols), market.step_s) == (6, 60.0)
    assert_lawful(steps)


def test_real_frames_are_read_without_loss() -> None:
    market = open_market(real("usdm_btcusdt_20240808.gz"))
    assert isinstance(market, FrameMarket)
    steps = list(market.steps(market.last_ts))
    assert_lawful(steps)
    assert (market.rejected, market.symbols) == (0, ("BTCUSDT",))
    assert steps[-1].quote.ts == market.last_ts
    assert len(steps) < 3455  # 345.4 s
    assert sum(step.sold + step.bought for step in steps) == pytest.approx(2429.366)
