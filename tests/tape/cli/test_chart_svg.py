"""Charts as SVG: well formed, within the picture, and said in words too."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from xml.etree import ElementTree

from tape.cli.chart_svg import HEIGHT, WIDTH, bars_svg, line_svg
from tape.client.series import Bars, Series
from tests.conftest import AS_OF

SVG = "{http://www.w3.org/2000/svg}"


def series(*values: float, symbols: tuple[str, ...] = (), gap_s: float = 1e9, is_loss: bool = False) -> Series:
    points = [(AS_OF + timedelta(minutes=at), value) for at, value in enumerate(values)]
    return Series("x", "USD", points, len(points), list(symbols), gap_s, is_loss)


def drawn(found: Series, title: str = "title") -> ElementTree.Element:
    return ElementTree.fromstring(line_svg(found, title, ["told"], UTC))  # noqa: S314


def test_it_says_what_it_shows_and_escapes_what_is_foreign() -> None:
    picture = drawn(series(1, 2), 'pnl of "<script>" & more')
    assert picture.findtext(f"{SVG}title") == 'pnl of "<script>" & more'
    assert picture.findtext(f"{SVG}desc") == "told"
    assert picture.get("aria-label") == 'pnl of "<script>" & more'
    assert not picture.findall(f".//{SVG}script")


def test_nothing_is_fetched() -> None:
    text = line_svg(series(1, 2), "t", ["u"], UTC)
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_every_point_lies_within_the_picture() -> None:
    for found in (series(1, 1e9, -5), series(0.0), series(-3, -1, is_loss=True), series(7, 7, 7)):
        for line in drawn(found).iter(f"{SVG}polyline"):
            for pair in str(line.get("points")).split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= WIDTH
                assert 0 <= y <= HEIGHT


def test_an_outage_cuts_the_line_and_symbols_are_points() -> None:
    assert len(list(drawn(series(1, 2, 3)).iter(f"{SVG}polyline"))) == 1
    assert len(list(drawn(series(1, 2, 3, gap_s=30)).iter(f"{SVG}circle"))) == 3
    found = drawn(series(1, 2, 3, symbols=("A", "B")))
    assert (len(list(found.iter(f"{SVG}circle"))), list(found.iter(f"{SVG}polyline"))) == (3, [])


def test_a_loss_is_an_area() -> None:
    assert len(list(drawn(series(-1, -2, is_loss=True)).iter(f"{SVG}polygon"))) == 1


def test_bars_begin_at_zero_and_unknown_has_none() -> None:
    bars = Bars("x", "USD", [("loss", -10.0), ("gain", 20.0), ("none", None)])
    text = bars_svg(bars, "t", ["u"], ["-10", "20", "-"])
    rects = [each for each in ElementTree.fromstring(text).iter(f"{SVG}rect") if each.get("width") != "100%"]  # noqa: S314
    loss, gain = ({name: float(str(each.get(name))) for name in ("x", "width")} for each in rects)
    assert loss["x"] + loss["width"] == gain["x"]
    assert abs(gain["width"] - 2 * loss["width"]) <= 0.2
