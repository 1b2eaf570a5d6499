"""Charts in text: lines of braille dots over time, and bars. Pure: from values to lines of text.

A character holds two by four dots. The thinned series keeps every extreme, so even a peak of one row is a dot. Where
rows are far apart, as in an outage, the line has a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from tape.cli.chart_scale import number_label, number_ticks, time_ticks
from tape.client.series import Bars, Point, Series

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of the dots of a braille letter, by row and column."""
_BRAILLE = 0x2800
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LABEL = 24
"""Letters of a bar's key at the most."""


class Dots:
    """A canvas of dots, two by four in a character."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = 2 * width, 4 * height
        self._letters = [[0] * width for _ in range(height)]

    def add(self, x: int, y: int) -> None:
        """Set a dot; ``y`` counts from the top."""
        self._letters[y // 4][x // 2] |= _BITS[y % 4][x % 2]

    def line(self, begin: tuple[int, int], end: tuple[int, int]) -> None:
        """Set the dots of a line between two dots."""
        (x0, y0), (x1, y1) = begin, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.add(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps))

    def lines(self) -> list[str]:
        return ["".join(chr(_BRAILLE + bits) if bits else " " for bits in row) for row in self._letters]


def line_chart(series: Series, width: int, height: int, zone: tzinfo) -> list[str]:
    """Return a chart of a series: a line; several symbols are drawn as dots only."""
    low, high = value_range(series)
    ticks = number_ticks(low, high, max(2, height // 4))
    labels = {tick: number_label(tick, ticks) for tick in ticks}
    margin = max(map(len, labels.values())) + 1
    dots = Dots(width - margin - 1, height)
    first, last = series.points[0][0], series.points[-1][0]
    length_s = (last - first).total_seconds() or 1.0
    rows = {_row(tick, low, high, dots.height) // 4: label for tick, label in labels.items()}
    before: tuple[float, tuple[int, int]] | None = None
    for at, value in series.points:
        seconds = (at - first).total_seconds()
        dot = (round(seconds / length_s * (dots.width - 1)), _row(value, low, high, dots.height))
        is_joined = before is not None and len(series.symbols) < 2 and seconds - before[0] <= series.gap_s
        dots.line(before[1] if is_joined and before is not None else dot, dot)
        before = seconds, dot
    drawn = [
        f"{rows.get(at, ''):>{margin - 1}} {'┤' if at in rows else '│'}{line}".rstrip()
        for at, line in enumerate(dots.lines())
    ]
    return [*drawn, *_time_axis(series, dots.width // 2, margin, zone)]


def value_range(series: Series) -> tuple[float, float]:
    """Return the lowest and the highest value of the axis; a flat line is in the middle."""
    values = [value for _, value in series.points]
    low, high = min(values), 0.0 if series.is_loss else max(values)
    if low == high:
        return low - (abs(low) / 100 or 1.0), high + (0.0 if series.is_loss else abs(high) / 100 or 1.0)
    return low, high


def _row(value: float, low: float, high: float, height: int) -> int:
    return round((high - value) / (high - low) * (height - 1))


def _time_axis(series: Series, width: int, margin: int, zone: tzinfo) -> list[str]:
    first, last = series.points[0][0], series.points[-1][0]
    length_s = (last - first).total_seconds()
    rule, labels = list("─" * width), list(" " * width)
    free = 0
    for at, label in time_ticks(first, last, width // 16, zone) if length_s else []:
        place = min(width - 1, int((at - first).total_seconds() / length_s * width))
        rule[place] = "┬"
        begin = min(max(0, place - len(label) // 2), width - len(label))
        if begin >= free:
            labels[begin : begin + len(label)] = label
            free = begin + len(label) + 2
    return [f"{' ' * margin}└{''.join(rule)}", f"{' ' * (margin + 1)}{''.join(labels)}".rstrip()]


def bar_chart(bars: Bars, texts: Sequence[str], width: int) -> list[str]:
    """Return a chart with a line per key: its value as text, and its bar from zero, to the left if negative."""
    known = [value for _, value in bars.bars if value is not None]
    keys = [key if len(key) <= _LABEL else f"{key[: _LABEL - 3]}..." for key, _ in bars.bars]
    margin, numbers = max(map(len, keys)), max(map(len, texts))
    low, high = min(0.0, *known), max(0.0, *known)
    room = max(8, width - margin - numbers - 4)
    left = round(room * -low / (high - low)) if high > low else 0
    scale = (room - left) / high if high > 0 else left / -low if low < 0 else 0.0
    scale = min(scale, left / -low) if low < 0 else scale
    lines = []
    for key, (_, value), said in zip(keys, bars.bars, texts, strict=True):
        bar = " " * left + "│" if value is None else _bar(value * scale, left)
        lines.append(f"{key:<{margin}}  {said:>{numbers}}  {bar}".rstrip())
    return lines


def _bar(length: float, left: int) -> str:
    if length < 0:
        return f"{'█' * round(-length) or '▕':>{left}}│" if left else "│"
    whole, part = divmod(round(length * 8), 8)
    return " " * left + "│" + "█" * whole + _EIGHTHS[part].strip()


def extremes_of(series: Series) -> list[tuple[str, Point]]:
    """Return the highest and the lowest point of a series, of losses the worst, each with its name."""
    highest = max(series.points, key=lambda point: point[1])
    lowest = min(series.points, key=lambda point: point[1])
    return [("worst", lowest)] if series.is_loss else [("high", highest), ("low", lowest)]
