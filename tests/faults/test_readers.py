"""Whoever reads what is published reads whole files that never grow older, and every line of a log once.

The long run reads the files a million times.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from subprocess import PIPE

from tape.client.owner_socket import ask
from tape.execution.events import IntentVetoed
from tape.exporters.contract import STATE_FILES
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.exporters.mirrors.files import ROTATE_BYTES
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal
from tests.faults.reading import PEAK_STATE, Reading
from tests.faults.recording import Producers
from tests.programs import Program
from tests.store.old_logs import write_files
from tests.tape.homes import log_content, mirrored, reaches
from tests.tape.owners import Serving, wait_for

OFTEN = "[backup]\nevery_h = 0\n\n[intervals]\n" + "".join(f"{file.stem} = 0.05\n" for file in STATE_FILES)


@contextmanager
def killed_at_the_end(*words: str | Path) -> Iterator[Program]:
    """A Python process beside the owner."""
    with Program(*words, stdin=PIPE, stdout=PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def exporting_for_ever(home: Path, ends: threading.Event) -> None:
    """Asks for the state files as ``tape export`` does, beside those that the owner publishes by itself."""
    request = {"request": "export", "files": [file.name for file in STATE_FILES], "out": str(home / "logs" / "state")}
    while not ends.is_set():
        try:
            ask(home, request)
        except StoreError:  # killed, or not there yet
            time.sleep(0.1)


def test_files_are_whole_and_never_grow_older_while_owners_and_exporters_are_killed(
    tmp_path: Path, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    write_files(tmp_path, {"tape.toml": OFTEN})
    ends, reads = threading.Event(), times(15_000, 50_000, 1_000_000)
    exporter = threading.Thread(target=exporting_for_ever, args=(tmp_path, ends))
    with Producers(tmp_path, chance, rate=40.0) as producers, Reading(tmp_path, reads=reads) as reading:
        producers.start("alpha")
        try:
            lives = times(3, 4, 100)
            for life in range(lives):
                with Serving(tmp_path) as owner:
                    # so that there are two versions of each file at least
                    due = [file.name for file in STATE_FILES] if life in (0, lives - 1) else ["nav.json"]
                    wait_for(partial(_has_published, owner, due), f"not published: {due}")
                    if life == 0:
                        exporter.start()
                    time.sleep(chance.uniform(0.2, 2))
                    assert owner.process.poll() is None, owner.log
                    owner.kill()
        finally:
            ends.set()
            exporter.join()
        seen = reading.end()
    assert seen.wrong == []
    assert seen.reads >= reads
    names = {file.name for file in STATE_FILES} | {Path(PEAK_STATE).name}
    assert seen.versions.keys() == names
    assert [name for name, count in seen.versions.items() if count < 2] == []


def _has_published(owner: Serving, names: list[str]) -> bool:
    files = owner.status()["files"]
    return all(files[name]["published"] for name in names)


def vetoes(first: int, count: int) -> list[IntentVetoed]:
    """Vetoes that differ in their time alone: two of one content would be one event."""
    start = datetime(2025, 6, 15, tzinfo=UTC)
    return [
        IntentVetoed(
            ts=start + timedelta(seconds=number),
            symbol="BTCUSDT",
            veto_reason="min_notional",
            veto_detail={"padding": "x" * 100_000},
        )
        for number in range(first, first + count)
    ]


VETOES = "execution/risk_vetoes.jsonl"
_PER_CYCLE = ROTATE_BYTES // 100_000 + 5


def test_a_tail_sees_every_line_once_while_logs_rotate_and_owners_are_killed(
    tmp_path: Path, chance: Random, times: Callable[[int, int, int], int]
) -> None:
    write_files(tmp_path, {"tape.toml": "[backup]\nevery_h = 0\n"})
    cycles = times(2, 4, 100)
    with killed_at_the_end("-m", "tests.faults.tailing", tmp_path, *EVENT_MIRRORS) as tail:
        with Journal(tmp_path, "executor") as journal:
            for cycle in range(1, cycles + 1):
                with Serving(tmp_path) as owner:
                    for _ in range(_PER_CYCLE // 5):
                        journal.record(vetoes(journal.recorded_events, 5))
                    if cycle % 2:
                        time.sleep(chance.uniform(0, 0.5))
                    else:
                        wait_for(partial(reaches, tmp_path, VETOES, cycle * (_PER_CYCLE // 5) * 5), "a log is behind")
                    owner.kill()
        with Serving(tmp_path) as last:
            wait_for(partial(reaches, tmp_path, VETOES, journal.recorded_events), "the last lines are not written")
            assert last.end() == 0
        out = tail.communicate()
    seen = json.loads(out)
    assert seen[VETOES] == mirrored(tmp_path, VETOES)
    assert len(seen[VETOES]) == len(set(seen[VETOES])) == journal.recorded_events
    archived = list((tmp_path / "logs" / "execution" / "archive").iterdir())
    assert len(archived) >= cycles / 2
    assert len(log_content(tmp_path, VETOES)) > 100_000 * journal.recorded_events
