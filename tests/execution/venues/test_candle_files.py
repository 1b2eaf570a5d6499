"""Files of candles as people have them: units of time, headers, odd names and what is refused, naming the column."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tape.execution.venues.candles import CandleMarket
from tape.execution.venues.liquidity import whole_lots
from tape.execution.venues.recorded import MarketUnreadable
from tape.execution.venues.replay import open_market

HEADER = "symbol,open_time,open,high,low,close,volume"
OPENS = datetime(2025, 3, 1, 0, 0, tzinfo=UTC)
EVER = datetime(2300, 1, 1, tzinfo=UTC)
"""2025-03-01T00:00:00Z is 1740787200 s."""


def written(path: Path, times: Sequence[str], header: str = HEADER, prices: str = "100,102,99,101,5") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(f"BTCUSDT,{time},{prices}" for time in times)]) + "\n")
    return path


def parquet(path: Path, open_time: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        query = (
            f"select 'BTCUSDT' as symbol, {open_time} as open_time, 100 as open, 102 as high, 99 as low, 101 as close, "
            "5 as volume from (values (0), (1)) as rows (n)"
        )
        connection.execute(f"set TimeZone = 'Asia/Tokyo'; create table candles as {query}")
        connection.table("candles").write_parquet(str(path))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(MarketUnreadable) as caught:
        open_market(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "times",
    [
        ("1740787200", "1740787260"),
        ("1740787200.0", "1740787260.0"),
        ("1740787200000", "1740787260000"),
        ("1740787200000.0", "1740787260000.0"),
        ("1740787200000000", "1740787260000000"),
        ("1740787200000000000", "1740787260000000000"),
        ("1.7407872e+12", "1.74078726e+12"),
        ("1.7407872E15", "1.74078726E15"),
        ("2025-03-01T00:00:00Z", "2025-03-01T00:01:00Z"),
        ("2025-03-01 00:00:00", "2025-03-01 00:01:00"),
        ("2025-03-01 00:00", "2025-03-01 00:01"),
        ("2025-03-01T02:00:00+02:00", "2025-03-01T02:01:00+02:00"),
        ("2025-02-28T20:00:00-0400", "2025-02-28T20:01:00-0400"),
        ('"2025-03-01 00:00:00,000"', '"2025-03-01 00:01:00,000"'),
        ("2025-03-01 00:00:00.000000000", "2025-03-01 00:01:00.000000000"),
    ],
)
def test_an_open_time_is_read_in_the_unit_that_its_size_shows(tmp_path: Path, times: tuple[str, str]) -> None:
    market = open_market(written(tmp_path / "c.csv", times))
    assert [step.quote.ts for step in market.steps(EVER)] == [
        OPENS + timedelta(minutes=1),
        OPENS + timedelta(minutes=2),
    ]


@pytest.mark.parametrize(
    "open_time",
    [
        "timestamp '2025-03-01' + n * interval 1 minute",
        "(timestamp '2025-03-01' + n * interval 1 minute)::timestamp_ns",
        "(timestamp '2025-03-01' + n * interval 1 minute)::timestamp_ms",
        "timestamptz '2025-03-01 09:00:00+09' + n * interval 1 minute",
        "1740787200::bigint + 60 * n",
        "1740787200000000000::bigint + 60000000000 * n",
        "1740787200000::double + 60000 * n",
        "1740787200::decimal(18, 3) + 60 * n",
        "strftime(timestamp '2025-03-01' + n * interval 1 minute, '%Y-%m-%dT%H:%M:%SZ')",
    ],
)
def test_parquet_times_are_utc_whatever_their_type(tmp_path: Path, open_time: str) -> None:
    market = open_market(parquet(tmp_path / "c.parquet", open_time))
    assert market.first_ts == OPENS + timedelta(minutes=1)
    assert market.step_s == 60.0


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (("0", "60"), "'0' in row 1"),
        (("28928", "28929"), "'28928' in row 1"),
        (("20250301", "20250302"), "'20250301' in row 1"),
        (("-1740787200", "-1740787140"), "'-1740787200' in row 1"),
        (("17407872000000000000000", "1"), "'17407872000000000000000' in row 1"),
        (("2025-03-01 00:00:00 Europe/Berlin", "2025-03-01 00:01:00"), "Europe/Berlin' in row 1"),
        (("2025-03-01 00:00:00", "yesterday"), "'yesterday' in row 2"),
        (("1970-01-21T03:33:07Z", "1970-01-21T03:34:07Z"), "'1970-01-21T03:33:07Z' in row 1"),
        (("infinity", "infinity"), "'infinity' in row 1"),
        (("03/01/2025", "03/02/2025"), "'03/01/2025' in row 1"),
    ],
)
def test_a_time_without_a_unit_is_refused_and_named(tmp_path: Path, times: tuple[str, str], named: str) -> None:
    told = refusal(written(tmp_path / "c.csv", times))
    assert "expected open_time: s, ms, us or ns since 1970, or an ISO 8601 text" in told
    assert named in told


def test_two_units_in_one_file_are_refused(tmp_path: Path) -> None:
    told = refusal(written(tmp_path / "c.csv", ("1740787200", "1740787260000")))
    assert told.endswith(
        "expected open_time in seconds as in the first row, found '1740787260000' (milliseconds) in row 2 of BTCUSDT"
    )
    told = refusal(written(tmp_path / "c.csv", ("2025-03-01T00:00:00Z", "1740787260")))
    assert told.endswith("open_time in text as in the first row, found '1740787260' (seconds) in row 2 of BTCUSDT")


@pytest.mark.parametrize(
    "header",
    [
        "Symbol,Open Time,OPEN,High,low,Close,Volume",
        "symbol,openTime,open,high,low,close,volume",
        "\ufeffsymbol,OPEN_TIME,open,high,low,close,volume",
        ' symbol , "open_time" ,open,high,low,close,volume',
    ],
)
def test_case_blanks_and_underscores_of_a_header_do_not_matter(tmp_path: Path, header: str) -> None:
    assert open_market(written(tmp_path / "c.csv", ("1740787200", "1740787260"), header)).symbols == ("BTCUSDT",)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("symbol,opentime,open_time,open,high,low,close,volume\nBTCUSDT,1,1740787200,1,1,1,1,1\n")
    assert "expected one column open_time" in refusal(path)


def test_symbols_are_trimmed_and_upper_case(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    rows = ["btcusdt ,1740787200,1,1,1,1,1", " BTCUSDT,1740787260,1,1,1,1,1", "Ethusdt,1740787200,1,1,1,1,1"]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert open_market(path).symbols == ("BTCUSDT", "ETHUSDT")


def test_what_is_no_number_is_named_with_its_column(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", ("1740787200",), prices='"1,000",1002,999,1001,5')
    assert refusal(path).endswith("expected a number (open), found '1,000' in row 1 of BTCUSDT")
    many = [f"BTCUSDT,{1740787200 + 60 * n},1,1,1,1,1" for n in range(25_000)]
    path.write_text("\n".join([HEADER, *many, "BTCUSDT,1742287200,1,1,1,one,1"]) + "\n")
    assert refusal(path).endswith("expected a number (close), found 'one' in row 25001 of BTCUSDT")


@pytest.mark.parametrize("name", ["x[1]/c.csv", "a*b/c.csv", "what?/c.csv", "c[1].csv", "c*.csv", "it's/c.csv"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    for neighbour in ("x1/c.csv", "aXb/c.csv", "whatX/c.csv", "c1.csv", "cX.csv"):
        path = written(tmp_path / neighbour, ("1740787200", "1740787260", "1740787320"))
        path.write_text(path.read_text().replace("BTCUSDT", "NEIGHBOUR"))
        parquet(path.with_suffix(".parquet"), "1740787200 + 60 * n")
    market = open_market(written(tmp_path / name, ("1740787200", "1740787260")))
    assert (market.symbols, len(list(market.steps(EVER)))) == (("BTCUSDT",), 2)
    market = open_market(parquet(tmp_path / name.replace(".csv", ".parquet"), "1740787200000 + 60000 * n"))
    assert (market.symbols, len(list(market.steps(EVER)))) == (("BTCUSDT",), 2)


def test_a_folder_named_like_a_column_adds_none(tmp_path: Path) -> None:
    for market in (
        open_market(written(tmp_path / "symbol=FOLDER/c.csv", ("1740787200", "1740787260"))),
        open_market(parquet(tmp_path / "symbol=FOLDER/c.parquet", "1740787200 + 60 * n")),
    ):
        assert market.symbols == ("BTCUSDT",)


def test_a_packed_file_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    path.write_bytes(gzip.compress(b""))
    assert refusal(path).endswith("expected candles or frames, found an empty file")


def test_tiny_prices_keep_their_decimals(tmp_path: Path) -> None:
    path = written(
        tmp_path / "c.csv", ("1740787200", "1740787260"), prices="0.0000000080,8.1e-09,0.0000000079,8.01e-09,1e12"
    )
    first = next(iter(CandleMarket(path).steps(EVER)))
    assert first.quote.mark == 8.01e-09
    assert first.quote.ask - first.quote.bid == pytest.approx(1e-11)
    assert whole_lots(1_234_567_890, 8.01e-09) == 0  # a lot is worth at most a dollar: 100,000,000 base units


def test_a_symbol_may_be_missing_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    rows = [f"A,{1740787200 + 60 * n},1,1,1,1,1" for n in range(5)]
    rows += [f"B,{1740787200 + 60 * n},2,2,2,2,1" for n in (0, 1, 4)]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    market = open_market(path)
    seen = [(step.quote.symbol, (step.quote.ts - OPENS) // timedelta(minutes=1)) for step in market.steps(EVER)]
    assert seen == [("A", 1), ("B", 1), ("A", 2), ("B", 2), ("A", 3), ("A", 4), ("A", 5), ("B", 5)]
