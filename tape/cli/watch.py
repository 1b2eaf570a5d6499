"""Repeated looks: refreshed on a terminal, else one line for each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.live import Live

from tape.cli.terminal import terminal
from tape.client.json_values import plain

Seen = TypeVar("Seen")


def watching(
    look: Callable[[], Seen],
    view: Callable[[Seen, Console], RenderableType],
    *,
    line: Callable[[Seen], str] | None,
    every_s: float,
) -> Seen:
    """Look until Ctrl-C, which never interrupts a look after the first; return the last look.

    ``line`` gives the text of a look without a terminal; ``None``: JSON for each look, also on a terminal.

    Raises:
        KeyboardInterrupt: Ctrl-C during the first look.
    """
    console = terminal()
    live = Live(console=console, auto_refresh=False) if line is not None and console.is_terminal else None
    seen = look()
    try:
        with nullcontext() if live is None else live:
            while True:
                if live is not None:
                    live.update(view(seen, console), refresh=True)
                else:
                    print(json.dumps(_as_json(seen), default=plain) if line is None else line(seen), flush=True)
                time.sleep(every_s)
                seen = look()
    except KeyboardInterrupt:
        return seen


def _as_json(seen: Any) -> Any:
    return seen.as_json() if hasattr(seen, "as_json") else seen
