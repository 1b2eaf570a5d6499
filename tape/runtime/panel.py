"""The display of a running runtime: a live panel on a terminal, else one log line a minute; a summary at the end."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from tape.owner.owner import Owner
from tape.runtime.loop import Loop

_LOG = logging.getLogger("tape")
_LINE_EVERY_S = 60.0
_REFRESH_S = 0.5
_SHOW_CURSOR = b"\x1b[?25h\n"


@dataclass
class Watched:
    """What the panel shows: the owner, and the loop once it runs."""

    owner: Owner
    loop: Loop | None = None
    started: float = field(default_factory=time.monotonic)

    def numbers(self) -> dict[str, str]:
        """Return label -> text, in the order in which they are shown."""
        shown = {"uptime": _span(time.monotonic() - self.started)}
        if self.loop is not None:
            counts = self.loop.executor.counts
            shown |= {
                "NAV": "-" if counts.equity_usd is None else f"{counts.equity_usd:,.2f} USD",
                "realized": f"{counts.realized_usd:+,.2f} USD",
                "positions": f"{counts.positions}",
                "ticks": f"{counts.ticks:,}",
                "events": f"{counts.events:,}",
                "attempts": f"{counts.attempts:,}",
                "fills": f"{counts.fills:,}",
                "closes": f"{counts.closes:,}",
                "vetoes": f"{counts.vetoes:,}",
                "shadow": f"{counts.shadow_allowed:,} allowed, {counts.shadow_vetoed:,} vetoed",
                "lag": f"{counts.lag_s * 1000:.0f} ms",
                "left out": f"{counts.overruns:,} late, {counts.missed_ticks:,} without venue,"
                f" {self.loop.failures:,} failed",
            }
        if self.owner.serving.is_set():
            published = [each for each in self.owner.publisher.publications if each.published_at is not None]
            ages = {each.file.name: time.monotonic() - each.published_at for each in published if each.published_at}
            oldest = max(ages, key=lambda name: ages[name], default=None)
            shown |= {
                "stored": f"{max(self.owner.versions.values(), default=0):,}",
                "files": f"{sum(each.published for each in published):,} written, {len(published)} of "
                f"{len(self.owner.publisher.publications)} there",
                "oldest file": "-" if oldest is None else f"{oldest}, {_span(ages[oldest])}",
            }
            failing = [each.file.name for each in self.owner.publisher.publications if each.error is not None]
            if failing:
                shown["failing"] = ", ".join(failing)
        return shown


class Panel:
    """Shows the numbers while the block runs."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._console = Console(stderr=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            handler: logging.Handler = RichHandler(console=self._console, show_path=False, markup=False)
            logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
            self._live = Live(self._view(), console=self._console, refresh_per_second=2, transient=True)
            self._live.start()
        else:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_REFRESH_S)
        if self._live is not None:
            self._live.stop()

    def give_back_terminal(self) -> None:
        """Show the cursor again, for a process that ends at once; takes no lock, which its threads may hold."""
        if self._live is not None:
            os.write(sys.stderr.fileno(), _SHOW_CURSOR)

    def sum_up(self) -> None:
        """Print the last numbers."""
        if self._console.is_terminal:
            self._console.print(self._view())
        else:
            _LOG.info("stopped: %s", self._line())

    def _run(self) -> None:
        told = time.monotonic()
        while not self._stop.wait(_REFRESH_S):
            if self._live is not None:
                self._live.update(self._view())
            elif time.monotonic() - told >= _LINE_EVERY_S:
                told = time.monotonic()
                _LOG.info("%s", self._line())

    def _line(self) -> str:
        return ", ".join(f"{label} {text}" for label, text in self._watched.numbers().items())

    def _view(self) -> Group:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", justify="right")
        table.add_column()
        for label, text in self._watched.numbers().items():
            table.add_row(label, text)
        return Group(Text(f"tape {self._watched.owner.home.resolve()}", style="bold"), table)


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    tenths = int(seconds * 10) / 10
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{tenths:.1f} s"
