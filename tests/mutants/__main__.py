"""``make mutants``: whether the tests see a mistake.

Each mistake of ``mistakes.py`` is put into a copy of the project, one at a time. First the tests that mirror the file
run, then those of its room. A mistake that no test sees is printed, with its file and what was changed.

Exit codes: 0 every mistake is seen; 1 some are not; 2 the run says nothing: the tests fail without any mistake, or the
text of a mistake stands nowhere in its file, or stands there twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.mutants.mistakes import MISTAKES, Mistake

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "logs", "__pycache__", ".*_cache", ".hypothesis")
_ENDLESS_S = 600
"""After so long a test run counts as one that a mistake made endless, and so as one that saw it."""
_FAILED, _PASSED = 1, 0


class Unusable(Exception):
    """The run can say nothing about the tests."""


def faults_of(mistake: Mistake, root: Path = ROOT) -> list[str]:
    """Say why a mistake cannot be made in a tree; nothing where it can."""
    path = root / mistake.file
    if not path.is_file():
        return [f"{mistake}: expected a file, found none"]
    count = path.read_text(encoding="utf-8").count(mistake.text)
    found = [] if count == 1 else [f"{mistake}: expected its text once in the file, found it {count} times"]
    if not mistake.tests or not all((root / each).exists() for each in mistake.tests):
        found.append(f"{mistake}: expected tests that mirror the file, found {list(mistake.tests)}")
    return found


@contextmanager
def made(mistake: Mistake, tree: Path) -> Iterator[None]:
    """Put a mistake into a tree for as long as the block runs."""
    path = tree / mistake.file
    before = path.read_text(encoding="utf-8")
    _write(path, before.replace(mistake.text, mistake.instead))
    try:
        yield
    finally:
        _write(path, before)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # compiled files are told apart by second and size alone, which a mistake may leave as they were
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()


def run_tests(tree: Path, tests: Iterable[str]) -> int:
    """Run tests in a tree up to the first that fails; return pytest's exit code.

    Raises:
        Unusable: pytest did not get as far as the tests.
    """
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "-x", *tests]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_ENDLESS_S)
    except subprocess.TimeoutExpired:
        return _FAILED
    if done.returncode == 5 or (done.returncode > 1 and "error" not in done.stdout.lower() + done.stderr.lower()):
        raise Unusable(f"pytest {' '.join(tests)}: expected tests, found exit code {done.returncode}:\n{done.stdout}")
    return done.returncode


def is_seen(mistake: Mistake, tree: Path, *, ask_room: bool) -> bool:
    """Whether a test fails: one of those that mirror the file, else with ``ask_room`` one of its room."""
    with made(mistake, tree):
        if run_tests(tree, mistake.tests) != _PASSED:
            return True
        return ask_room and run_tests(tree, [mistake.room]) != _PASSED


def survivors(mistakes: Sequence[Mistake], *, workers: int, ask_room: bool) -> list[Mistake]:
    """Make each mistake, and return those that no test sees.

    Raises:
        Unusable: the tests fail without any mistake.
    """
    with TemporaryDirectory(prefix="tape-mutants-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            tree = Path(folder) / str(number)
            shutil.copytree(ROOT, tree, symlinks=True, ignore=_LEFT_OUT)
            trees.put(tree)
        tests = sorted({test for mistake in mistakes for test in mistake.tests})
        tree = trees.get()
        if (code := run_tests(tree, tests)) != _PASSED:
            raise Unusable(f"expected tests that pass without a mistake, found exit code {code}")
        trees.put(tree)
        printing = threading.Lock()

        def try_one(mistake: Mistake) -> bool:
            tree, began = trees.get(), time.monotonic()
            try:
                seen = is_seen(mistake, tree, ask_room=ask_room)
            finally:
                trees.put(tree)
            with printing:
                print(f"{'seen    ' if seen else 'SURVIVES'} {time.monotonic() - began:5.1f} s  {mistake}", flush=True)
            return seen

        with ThreadPoolExecutor(workers) as pool:
            seen = list(pool.map(try_one, mistakes))
    return [mistake for mistake, found in zip(mistakes, seen, strict=True) if not found]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the mistakes whose file has one of the given words in its path, or all, and print what survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORD", help="only files with this word in their path")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="copies of the project")
    parser.add_argument("--mirrored", action="store_true", help="ask the mirrored tests only, not those of the room")
    parser.add_argument("--list", action="store_true", help="print the mistakes and make none")
    given = parser.parse_args(arguments)
    chosen = [each for each in MISTAKES if not given.words or any(word in each.file for word in given.words)]
    if faults := [fault for mistake in chosen for fault in faults_of(mistake)]:
        print(*faults, sep="\n", file=sys.stderr)
        return 2
    if given.list:
        print(*chosen, sep="\n")
        return 0
    try:
        left = survivors(chosen, workers=given.workers, ask_room=not given.mirrored)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(chosen):,} mistakes, {len(chosen) - len(left):,} seen, {len(left):,} survive")
    for mistake in left:
        print(f"\n{mistake.file}\n- {mistake.text}\n+ {mistake.instead}")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
