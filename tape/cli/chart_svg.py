"""Charts as SVG: one picture for a browser, a report or a chat. Pure: from values to text.

Laws kept here: the picture loads nothing and runs nothing; ``title`` and ``desc`` describe it in words; foreign text is
escaped; a gap in the rows is a gap in the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from tape.cli.chart_scale import number_label, number_ticks, time_ticks
from tape.cli.chart_text import value_range
from tape.client.series import Bars, Series

WIDTH, HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 62, 36
_BAR = 22
"""Height of a bar with its gap."""
_KEY, _VALUE = 190, 110
"""Room for the keys and the values of bars."""
_INK, _RULE, _LINE, _LOSS = "#24292f", "#d8dee4", "#1f6feb", "#cf222e"


def line_svg(series: Series, title: str, told: Sequence[str], zone: tzinfo) -> str:
    """Return a chart of a series; several symbols are drawn as points only. ``told``: the text under the title."""
    low, high = value_range(series)
    first, last = series.points[0][0], series.points[-1][0]
    length_s = (last - first).total_seconds() or 1.0
    across, down = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * down

    placed = [((at - first).total_seconds() / length_s, value) for at, value in series.points]
    parts = list(_value_axis(low, high, y))
    for at, label in time_ticks(first, last, 8, zone):
        x = _LEFT + (at - first).total_seconds() / length_s * across
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - _BOTTOM}" y2="{HEIGHT - _BOTTOM + 5}"/>')
        parts.append(_text(x, HEIGHT - _BOTTOM + 20, label, "middle"))
    dots = [(_LEFT + share * across, y(value)) for share, value in placed]
    parts += _marks(series, dots, length_s, y(min(high, max(low, 0.0))))
    return _picture(title, told, HEIGHT, parts)


def bars_svg(bars: Bars, title: str, told: Sequence[str], texts: Sequence[str]) -> str:
    """Return a chart with a bar per key, from zero, to the left for negative values; ``texts``: the values."""
    known = [value for _, value in bars.bars if value is not None]
    low, high = min(0.0, *known), max(0.0, *known)
    room = WIDTH - _KEY - _VALUE - _RIGHT
    scale = room / (high - low) if high > low else 0.0
    zero = _KEY + _VALUE - low * scale
    parts = []
    for at, ((key, value), text) in enumerate(zip(bars.bars, texts, strict=True)):
        top = _TOP + 8 + at * _BAR
        parts.append(_text(_KEY - 8, top + 14, key if len(key) <= 24 else f"{key[:21]}...", "end"))
        parts.append(_text(_KEY + _VALUE - 12, top + 14, text, "end"))
        if value is not None:
            colour = _LOSS if value < 0 else _LINE
            begin, width = zero + min(0.0, value) * scale, abs(value) * scale
            parts.append(f'<rect x="{begin:.1f}" y="{top}" width="{width:.1f}" height="16" fill="{colour}"/>')
    height = _TOP + 16 + len(bars.bars) * _BAR
    parts.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP}" y2="{height - 8}"/>')
    return _picture(title, told, height, parts)


def _value_axis(low: float, high: float, y: Callable[[float], float]) -> Iterator[str]:
    ticks = number_ticks(low, high, 6)
    for tick in ticks:
        yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        yield _text(_LEFT - 8, y(tick) + 4, number_label(tick, ticks), "end")


def _marks(series: Series, dots: list[tuple[float, float]], length_s: float, zero: float) -> Iterator[str]:
    """Yield the pieces of the line, or the points."""
    colour = _LOSS if series.is_loss else _LINE
    gap = series.gap_s / length_s * (WIDTH - _LEFT - _RIGHT)
    if len(series.symbols) > 1:
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in dots)
        return
    for piece in _pieces(dots, gap):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)
        if series.is_loss:
            area = f"{piece[0][0]:.1f},{zero:.1f} {path} {piece[-1][0]:.1f},{zero:.1f}"
            yield f'<polygon points="{area}" fill="{colour}" fill-opacity="0.2"/>'
        if len(piece) == 1:
            yield f'<circle cx="{piece[0][0]:.1f}" cy="{piece[0][1]:.1f}" r="2" fill="{colour}"/>'
        else:
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _pieces(dots: list[tuple[float, float]], gap: float) -> Iterator[list[tuple[float, float]]]:
    piece = dots[:1]
    for before, dot in pairwise(dots):
        if dot[0] - before[0] > gap:
            yield piece
            piece = []
        piece.append(dot)
    yield piece


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _picture(title: str, told: Sequence[str], height: int, parts: list[str]) -> str:
    # a browser and a viewer without the font take the next one; figures of one width keep columns of numbers straight
    font = 'font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="12" font-variant-numeric="tabular-nums"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'{head} role="img" aria-label={quoteattr(title)} {font}>',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape('; '.join(told))}</desc>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<g fill="{_INK}" stroke="none">',
        f'<text x="16" y="20" font-size="14" font-weight="600">{escape(title)}</text>',
        *(f'<text x="16" y="{36 + 14 * at}" fill-opacity="0.7">{escape(line)}</text>' for at, line in enumerate(told)),
        "</g>",
        f'<g fill="{_INK}">',
        *(part.replace("<line ", f'<line stroke="{_RULE}" ', 1) for part in parts),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
