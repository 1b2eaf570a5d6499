"""The steps from the old files to the store and back, run one by one as the page has them."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from examples.sample_logs import write_sample
from tests.docs.pages import DOCS, PROJECT, fences
from tests.programs import Ended, tape
from tests.tape.owners import Serving, wait_for

_MAY_DIFFER = ("--ignore series", "doctor")
"""Commands that say how far two living folders are apart, or what is wrong: with one of their exit codes."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of an old runtime: its logs, and the state files it published last."""
    logs = tmp_path / "old" / "logs"
    write_sample(logs, days=0.5)
    assert tape("--home", tmp_path / "runtime", "import", logs).code == 0
    assert tape("--home", tmp_path / "runtime", "export", "--as-of", "newest", "--out", logs / "state").code == 0
    return logs


def commands(home: Path, old: Path) -> Iterator[str]:
    """The commands of the page, in this home and on these old logs."""
    for body in fences(DOCS / "moving.md", "sh"):
        for line in body.splitlines():
            yield line.replace("/srv/tape", str(home)).replace("/var/log/executor/logs", str(old))


def run(line: str) -> None:
    words = shlex.split(line)
    if words[0] == "tape":
        ended = tape(*words[1:])
    else:
        done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
        ended = Ended(done.returncode, done.stdout, done.stderr)
    codes = (0, 1, 2) if any(part in line for part in _MAY_DIFFER) else (0,)
    assert ended.code in codes, (line, ended)
    assert "Traceback" not in ended.err, line


def test_every_command_of_the_page_runs_in_its_order(old: Path, tmp_path: Path) -> None:
    home, published = tmp_path / "home", (old / "state" / "nav.json").read_bytes()
    is_switched = False
    with ExitStack() as owners:
        for line in commands(home, old):
            if line.endswith(" serve"):
                owners.enter_context(Serving(home))
                continue
            run(line)
            if line.startswith("ln "):
                wait_for((old / "state" / "nav.json").exists, "nothing is published behind the link")
                is_switched = (old / "state" / "nav.json").samefile(home / "logs" / "state" / "nav.json")
    assert is_switched, "readers of the old path see the new files"
    assert (old / "state" / "nav.json").read_bytes() == published, "the way back ends where it began"
    again = tape("--home", home, "import", home / "back", "--json").json["total"]
    assert (again["stored"], again["rejected"]) == (0, 0)
    assert again["read"] > 0
