"""What is read waits for who takes it, in memory and then in a file: all of it, in its order, and nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.client.spool import NotWanted, Put, Spool, apart
from tests.tape.owners import wait_for

MANY = 1_000


def test_who_puts_never_waits_and_who_takes_gets_all_in_order() -> None:
    spool = Spool(None)
    for number in range(MANY):
        spool.put(number)
    taken = spool.parts()
    assert [next(taken) for _ in range(MANY)] == list(range(MANY))
    for number in range(MANY):
        spool.put([number, None])
    spool.end()
    assert list(taken) == [[number, None] for number in range(MANY)]
    spool.close()


def test_the_file_is_empty_again_when_all_of_it_is_taken(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(MANY):
        spool.put(b"x" * number)
    assert spool._file.seek(0, 2) > 0
    taken = spool.parts()
    for _ in range(MANY):
        next(taken)
    assert spool._file.seek(0, 2) == 0
    assert list(tmp_path.iterdir()) == [], "it has no name"
    spool.close()


def test_parts_come_while_others_are_put() -> None:
    def count(put: Put) -> None:
        for number in range(MANY):
            put(number)

    with apart(count, []) as parts:
        assert list(parts) == list(range(MANY))


def test_what_fails_is_raised_behind_what_was_put() -> None:
    def fail(put: Put) -> None:
        put(1)
        raise ValueError("torn")

    with apart(fail, []) as parts:
        assert next(parts) == 1
        with pytest.raises(ValueError, match="torn"):
            next(parts)


def test_no_room_for_the_file_is_an_error_of_who_takes(tmp_path: Path) -> None:
    def count(put: Put) -> None:
        for number in range(MANY):
            put(number)

    taken: list[Any] = []
    with apart(count, [], tmp_path / "nowhere") as parts, pytest.raises(FileNotFoundError):
        threads_end(parts, taken)
    assert taken == list(range(len(taken)))


def threads_end(parts: Iterator[Any], taken: list[Any]) -> None:
    """Takes nothing until the work has ended, then all."""
    wait_for(lambda: not any(each.name == "query" for each in threading.enumerate()), "the work goes on")
    taken.extend(parts)


class _Working:
    """Work that ends only when it is interrupted, as a query does."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()

    def interrupt(self) -> None:
        self.interrupted.set()


def test_who_leaves_early_interrupts_the_work_and_waits_for_its_end() -> None:
    working, told = _Working(), []

    def work(put: Put) -> None:
        put(1)
        assert working.interrupted.wait(60)
        try:
            put(2)
        except NotWanted:
            told.append("not wanted")
            raise

    with apart(work, [working]) as parts:
        assert next(parts) == 1
    assert told == ["not wanted"]
