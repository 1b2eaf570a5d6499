"""The page of a first day: commands, and what they print on the sample logs.

Layout of the page: a fence ``sh`` holds commands, and a fence ``text`` right under it what they print. All but the
second is written by hand. The commands run in order, each fence as one script, in a folder that begins empty; a fence
without ``text`` runs too, and what it prints is not shown. A line that ends in ``&`` is an owner: the next fence waits
until it has stored what was recorded, and it ends with the page. A comment ``# ends with 1`` tells the exit code.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tape.client.owner_socket import DoorClosed, ask

_PROJECT = Path(__file__).resolve().parents[2]
_STEP = re.compile(r"^```sh\n(?P<script>.*?)^```\n(?P<shown>\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"# ends with (\d+)")
_HOME = re.compile(r"--home (\S+)")
_PATIENCE_S, _LOOK_S = 120.0, 0.1
"""How long an owner may take to store what was recorded, and from look to look."""


class StepFailed(Exception):
    """A command of the page ended otherwise than the page says."""


def written(page: str, folder: Path) -> str:
    """Return the page with what its commands print now; ``folder``: where they run, empty.

    Raises:
        StepFailed: a command did not end as the page says.
    """
    folder.mkdir(exist_ok=True)
    (folder / "examples").symlink_to(_PROJECT / "examples")
    with ExitStack() as owners:
        return _STEP.sub(lambda step: _run_again(step, folder, owners), page)


def _run_again(step: re.Match[str], folder: Path, owners: ExitStack) -> str:
    """Return a step with what it prints now; one without a second fence stays as it is."""
    lines = step["script"].splitlines()
    printed = _printed("\n".join(line for line in lines if not line.endswith(" &")), folder)
    for line in lines:
        if line.endswith(" &"):
            _start(line.removesuffix(" &"), folder, owners)
    shown = f"\n```text\n{printed}\n```\n" if step["shown"] is not None else ""
    return f"```sh\n{step['script']}```\n{shown}"


def _printed(script: str, folder: Path) -> str:
    """Return what a script prints; where it is to fail, on stderr too."""
    code = _CODE.search(script)
    done = subprocess.run(  # noqa: S603 (the page is the project's own)
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != (int(code[1]) if code else 0):
        raise StepFailed(f"{script}\nended with {done.returncode}: {done.stderr or done.stdout}")
    lines = (done.stdout + (done.stderr if code else "")).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables of a new user: nothing of who builds the page."""
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    return {"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(_PROJECT), "TAPE_HOME": "home"}


def _start(command: str, folder: Path, owners: ExitStack) -> None:
    """Start an owner that ends with the page, and wait until it has stored all that was recorded.

    Raises:
        StepFailed: it ended, or took too long.
    """
    owner = subprocess.Popen(  # noqa: S603
        shlex.split(command),
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    owners.callback(owner.wait)
    owners.callback(owner.terminate)
    home = folder / (_HOME.findall(command) or ["home"])[0]
    until = time.monotonic() + _PATIENCE_S
    while not _has_stored(home):
        if owner.poll() is not None or time.monotonic() > until:
            raise StepFailed(f"{command}: expected an owner that stores what was recorded, found none")
        time.sleep(_LOOK_S)


def _has_stored(home: Path) -> bool:
    """Return whether the owner of a home answers, and has stored every batch of its journal."""
    try:
        journal = ask(home, {"request": "status"})["journal"]
    except DoorClosed:
        return False
    return bool(journal) and all(each["stored"] == each["recorded"] for each in journal)
