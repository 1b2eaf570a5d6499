"""Charts as PNG, drawn by matplotlib (``pip install 'tape[plot]'``), which brings its own fonts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import Any

from tape.cli.chart_scale import time_ticks
from tape.client.series import Bars, Series
from tape.store.optional import optional

_HOW = "a PNG needs matplotlib: pip install 'tape[plot]', or --out NAME.svg"
_INCHES, _DPI = (9.6, 4.0), 150
_LINE, _LOSS = "#1f6feb", "#cf222e"


def png(drawn: Series | Bars, title: str, told: Sequence[str], zone: tzinfo) -> bytes:
    """Return a chart as PNG.

    Raises:
        StoreError: matplotlib is not installed.
    """
    optional("matplotlib", _HOW).use("Agg")
    plots = optional("matplotlib.pyplot", _HOW)
    height = _INCHES[1] if isinstance(drawn, Series) else 1.2 + 0.24 * len(drawn.bars)
    figure, axes = plots.subplots(figsize=(_INCHES[0], height), dpi=_DPI, layout="constrained")
    try:
        if isinstance(drawn, Series):
            _draw_line(axes, drawn, zone)
        else:
            _draw_bars(axes, drawn)
        axes.set_title("\n".join([title, *told]), loc="left", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    finally:
        plots.close(figure)
    return content.getvalue()


def _draw_line(axes: Any, series: Series, zone: tzinfo) -> None:
    colour = _LOSS if series.is_loss else _LINE
    times = [at.astimezone(zone) for at, _ in series.points]
    values = [value for _, value in series.points]
    if len(series.symbols) > 1:
        axes.plot(times, values, ".", color=colour, markersize=3)
    else:
        broken_times, broken = times[:1], values[:1]
        for (before, _), (at, value) in pairwise(series.points):
            if (at - before).total_seconds() > series.gap_s:
                broken_times.append(at.astimezone(zone))
                broken.append(float("nan"))
            broken_times.append(at.astimezone(zone))
            broken.append(value)
        axes.plot(broken_times, broken, color=colour, linewidth=1)
        if series.is_loss:
            axes.fill_between(broken_times, broken, 0.0, color=colour, alpha=0.2, linewidth=0)
    axes.xaxis_date(zone)
    ticks = time_ticks(series.points[0][0], series.points[-1][0], 8, zone)
    axes.set_xticks([at for at, _ in ticks], [label for _, label in ticks])
    axes.grid(axis="y", color="#d8dee4", linewidth=0.6)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _draw_bars(axes: Any, bars: Bars) -> None:
    places = list(range(len(bars.bars)))
    values = [float("nan") if value is None else value for _, value in bars.bars]
    axes.barh(places, values, color=[_LOSS if value < 0 else _LINE for value in values])
    axes.set_yticks(places, [key for key, _ in bars.bars])
    axes.invert_yaxis()
    axes.axvline(0.0, color="#24292f", linewidth=0.8)
    axes.grid(axis="x", color="#d8dee4", linewidth=0.6)
