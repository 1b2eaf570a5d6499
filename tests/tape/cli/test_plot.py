"""``tape plot``: on a terminal, piped, and into files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.programs import fails, tape
from tests.tape.owners import wait_for
from tests.tape.terminals import Terminal
from tests.templates import day_home

DAY = ("--from", "2025-10-31", "--to", "2025-11-01")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder into which a sample of a day was imported; tests only read it."""
    return Path(shutil.copytree(day_home(), tmp_path_factory.mktemp("plot") / "home"))


def plot(home: Path, *words: str | Path) -> str:
    ended = tape("--home", home, "plot", *words)
    assert ended.code == 0, ended.err
    return ended.out


def test_piped_it_has_no_colour_and_a_fixed_width(home: Path) -> None:
    text = plot(home, "equity", *DAY)
    assert "\x1b" not in text
    assert text.startswith("equity, USD\n")
    assert "1,440 rows, 2025-10-31 00:00:55 UTC to 2025-10-31 23:59:55 UTC, last 10,010.53\nhigh " in text
    assert max(map(len, text.splitlines())) <= 100
    assert any(0x2800 < ord(letter) < 0x2900 for letter in text)


def test_drawdown_is_red_on_a_terminal(home: Path) -> None:
    terminal = Terminal()
    process = terminal.start("--home", home, "plot", "drawdown", *DAY)
    wait_for(lambda: "worst -" in terminal.text, "no chart on the terminal")
    assert process.wait() == 0
    assert "\x1b[31m" in terminal.raw


def test_instants_are_of_a_zone(home: Path) -> None:
    text = plot(home, "equity", "--from", "newest-2h", "--to", "newest", "--tz", "Europe/Berlin")
    assert "2025-11-01 00:59:55 Europe/Berlin, last " in text


def test_a_view_over_time_and_of_one_symbol(home: Path) -> None:
    text = plot(home, "router_metrics", "slippage_bps", "--as-of", "2025-11-01")
    assert text.startswith("slippage_bps of router_metrics, 6 symbols, bps\n")
    one = plot(home, "router_metrics", "slippage_bps", "--as-of", "2025-11-01", "--symbol", "btcusdt")
    assert one.startswith("slippage_bps of router_metrics, BTCUSDT, bps\n")


@pytest.mark.thorough
def test_a_view_without_a_time_has_a_bar_per_row(home: Path) -> None:
    text = plot(home, "expectancy_by_symbol", "expectancy", "--as-of", "2025-11-01")
    assert text.startswith("expectancy of expectancy_by_symbol, USD\nBTCUSDT ")
    assert "█" in text
    assert text.endswith("6 rows\n")


@pytest.mark.rows(1)
@pytest.mark.parametrize(("name", "begins"), [("a.svg", b"<svg "), ("a.PNG", b"\x89PNG")])
def test_a_file_has_the_picture_whole(home: Path, tmp_path: Path, name: str, begins: bytes) -> None:
    for words in (("equity", *DAY), ("expectancy_by_hour", "expectancy", "--as-of", "2025-11-01")):
        assert plot(home, *words, "--out", tmp_path / name) == f"{tmp_path / name}\n"
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_to_draw_says_where_the_newest_row_is(home: Path) -> None:
    fails(tape("--home", home, "plot", "equity"), 1, "found none; the newest is of 2025-10-31 23:59:55 UTC: try --from")


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("equity", "pnl"), "equity: expected no COLUMN, found pnl"),
        (("router_metrics",), "router_metrics: expected a COLUMN of numbers, as in `tape plot"),
        (("router_metric", "x"), "such as router_metrics, "),
        (("equity", "--symbol", "BTCUSDT"), "--symbol: equity is of the account"),
        (("equity", "--out", "a.jpg"), "--out: expected a name that ends in .svg or .png, found 'a.jpg'"),
        (("equity", "--from", "2025-11-01", "--to", "2025-10-31"), "--from: expected an instant before"),
    ],
)
def test_wrong_usage_is_told(home: Path, words: tuple[str, ...], told: str) -> None:
    fails(tape("--home", home, "plot", *words), 2, told)


@pytest.mark.thorough
def test_an_unknown_symbol_and_column_are_told(home: Path) -> None:
    fails(tape("--home", home, "plot", "router_metrics", "slippage", "--as-of", "newest"), 1, "such as slippage_bps")
    fails(tape("--home", home, "plot", "marks", "mark_price", "--symbol", "BTC"), 1, "found 'BTC'")
