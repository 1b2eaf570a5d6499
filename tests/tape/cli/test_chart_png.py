"""Charts as PNG."""

from __future__ import annotations

import struct
from datetime import UTC, timedelta

import pytest

from tape.cli import chart_png
from tape.client.series import Bars, Series
from tape.store.errors import StoreError
from tests.conftest import AS_OF

POINTS = [(AS_OF + timedelta(minutes=at), float(at)) for at in (0, 1, 2, 50)]


@pytest.mark.parametrize(
    "drawn",
    [
        Series("x", "USD", POINTS, 4, [], 600.0),
        Series("x", "%", [(at, -value) for at, value in POINTS], 4, [], 600.0, is_loss=True),
        Series("x", "USD", POINTS, 4, ["A", "B"], 600.0),
        Bars("x", "USD", [("a", 1.0), ("b", -1.0), ("c", None)]),
    ],
    ids=["line", "loss", "points", "bars"],
)
def test_it_is_a_picture_of_a_readable_size_and_the_same_every_time(drawn: Series | Bars) -> None:
    content = chart_png.png(drawn, "title", ["told"], UTC)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height > 250) == (1440, True)
    assert chart_png.png(drawn, "title", ["told"], UTC) == content


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(StoreError, match=r"pip install 'tape\[plot\]', or --out NAME.svg"):
        chart_png.png(Bars("x", "", [("a", 1.0)]), "t", ["u"], UTC)
