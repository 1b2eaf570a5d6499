"""The picture of a terminal in the README: what the commands print on the sample home, as SVG.

Laws kept here: the same every time; every letter comes from a command that ran; no font is fetched by who looks at it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from docs.build.sample_home import AS_OF
from tape.cli.terminal import WIDTH

_AS_OF = AS_OF.isoformat().replace("+00:00", "Z")
SHOWN = (
    (f"show symbol_scores --as-of {_AS_OF}", None),
    ("explain symbol_scores_v6 SUIUSDT components.slippage_penalty", 34),
)
"""Commands, and how many lines of each there is room for; ``None``: for all."""


def terminal_picture(home: Path) -> str:
    """The picture. ``home``: as ``make_home`` leaves it.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    screen = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    for command, room in SHOWN:
        screen.print(Text.assemble(("$ ", "bold green"), (f"tape {command}", "bold")), soft_wrap=True)
        lines = _printed(command, home).splitlines()[:room]
        screen.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
        screen.print()
    svg = screen.export_svg(title="tape", unique_id="tape")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def _printed(command: str, home: Path) -> str:
    coloured = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    coloured.pop("NO_COLOR", None)
    run = [sys.executable, "-m", "tape", "--home", str(home), *shlex.split(command)]
    return subprocess.run(run, env=coloured, capture_output=True, text=True, check=True).stdout  # noqa: S603
