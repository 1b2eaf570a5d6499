"""Charts of letters."""

from __future__ import annotations

from datetime import UTC, timedelta

from tape.cli.chart_text import bar_chart, extremes_of, line_chart
from tape.client.series import Bars, Series
from tests.conftest import AS_OF


def series(*values: float, symbols: tuple[str, ...] = (), gap_s: float = 1e9, is_loss: bool = False) -> Series:
    """Values a minute apart."""
    points = [(AS_OF + timedelta(minutes=at), value) for at, value in enumerate(values)]
    return Series("x", "USD", points, len(points), list(symbols), gap_s, is_loss)


def test_a_line_rises_from_the_lower_left_to_the_upper_right() -> None:
    lines = line_chart(series(0, 20, 40), 16, 4, UTC)
    assert (lines[0].split()[0], lines[3].split()[0]) == ("40", "0")
    plots = [line.partition("┤")[2] or line.partition("│")[2] for line in lines[:4]]
    starts = [len(plot) - len(plot.lstrip()) for plot in plots]
    assert starts == sorted(set(starts), reverse=True)
    assert (plots[3][0] != " ", plots[0][-1] != " ", len(plots[0])) == (True, True, 12)


def test_a_peak_of_one_row_is_drawn() -> None:
    lines = line_chart(series(*[1.0] * 50, 9.0, *[1.0] * 49), 60, 8, UTC)
    assert {_dots([line]) for line in lines[:7]} <= {1, 2}
    assert _dots([lines[7]]) > 40


def test_an_outage_is_a_gap_and_symbols_are_not_joined() -> None:
    joined, apart = series(1, 1, gap_s=1e9), series(1, 1, gap_s=30)
    assert _dots(line_chart(joined, 40, 3, UTC)) > 10
    assert _dots(line_chart(apart, 40, 3, UTC)) == 2
    assert _dots(line_chart(series(1, 1, symbols=("A", "B")), 40, 3, UTC)) == 2


def _dots(lines: list[str]) -> int:
    """The letters with dots."""
    return sum(0x2800 < ord(letter) < 0x2900 for line in lines for letter in line)


def test_one_row_and_a_flat_line_have_a_place() -> None:
    assert _dots(line_chart(series(5.0), 40, 5, UTC)) == 1
    assert _dots(line_chart(series(0.0, 0.0), 40, 5, UTC)) > 1
    assert _dots(line_chart(series(0.0, 0.0, is_loss=True), 40, 5, UTC)) > 1


def test_no_line_is_wider_than_the_room() -> None:
    for width in (30, 60, 100):
        assert max(map(len, line_chart(series(1, 123_456.789, -3), width, 12, UTC))) <= width


def test_a_loss_is_drawn_from_zero() -> None:
    assert line_chart(series(-2, -1, is_loss=True), 30, 8, UTC)[0].split()[:2] == ["0", "┤"]


def test_bars_lie_on_both_sides_of_zero() -> None:
    bars = Bars("x", "USD", [("a", -10.0), ("long name", 20.0), ("none", None), ("zero", 0.0)])
    assert bar_chart(bars, ["-10", "20", "-", "0"], 47) == [
        "a          -10  ██████████│",
        "long name   20            │████████████████████",
        "none         -            │",
        "zero         0            │",
    ]


def test_a_long_key_is_shortened_and_small_bars_have_parts() -> None:
    (first, second) = bar_chart(Bars("x", "", [("k" * 40, 100.0), ("b", 1.0)]), ["100", "1"], 60)
    assert first.startswith("k" * 21 + "...")
    assert second.endswith("│▎")


def test_the_extreme_of_a_loss_is_its_worst() -> None:
    assert [(name, value) for name, (_, value) in extremes_of(series(1, 3, 2))] == [("high", 3), ("low", 1)]
    assert [(name, value) for name, (_, value) in extremes_of(series(-1, -3, -2, is_loss=True))] == [("worst", -3)]
