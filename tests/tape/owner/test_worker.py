"""A step that fails is counted, and one that finds no memory is done again where there is room."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from tape.owner.worker import Worker


class Step:
    """Raises what it is given, one after another, then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.room_made = 0
        self.in_room: list[bool] = []
        self._is_alone = False

    def __call__(self) -> None:
        self.in_room.append(self._is_alone)
        if self.errors:
            raise self.errors.pop(0)

    @contextmanager
    def room(self) -> Iterator[None]:
        self.room_made += 1
        self._is_alone = True
        yield
        self._is_alone = False


def once(step: Step) -> tuple[Worker, list[Exception]]:
    fatal: list[Exception] = []
    worker = Worker("step", 1.0, step, room=step.room)
    worker.once(fatal.append)
    return worker, fatal


@pytest.mark.parametrize("error", [MemoryError(), duckdb.OutOfMemoryException("no memory for that")])
def test_a_step_that_finds_no_memory_is_done_again_with_room_and_has_not_failed(error: Exception) -> None:
    step = Step(error)
    worker, fatal = once(step)
    assert step.in_room == [False, True]
    assert (worker.failures, worker.error, fatal) == (0, None, [])


def test_a_step_that_finds_no_memory_even_then_has_failed() -> None:
    worker, fatal = once(Step(MemoryError(), duckdb.OutOfMemoryException("no memory for that")))
    assert (worker.failures, worker.error, fatal) == (1, "no memory for that", [])


def test_a_step_that_fails_otherwise_is_not_done_again_and_counted() -> None:
    step = Step(duckdb.IOException("unreadable"))
    worker, fatal = once(step)
    assert (step.room_made, worker.failures, worker.error, fatal) == (0, 1, "unreadable", [])


def test_a_broken_database_is_told_and_no_failure() -> None:
    broken = duckdb.FatalException("gone")
    worker, fatal = once(Step(broken))
    assert (worker.failures, fatal) == (0, [broken])


def test_a_step_that_has_more_to_do_is_done_again_at_once_and_has_room_for_itself_alone() -> None:
    more = iter([True, True, False])
    stop, waited = threading.Event(), threading.Event()
    step = Step(MemoryError())

    def slices() -> bool:
        step()
        has_more = next(more)
        if not has_more:
            stop.set()
        return has_more

    worker = Worker("slices", 3_600.0, slices, room=step.room, wake=waited)
    waited.set()
    worker.run(stop, lambda _: None)
    assert step.in_room == [False, True, False, False]


def test_it_works_until_it_is_stopped() -> None:
    step, stop = Step(), threading.Event()
    worker = Worker("step", 0.001, step)
    thread = threading.Thread(target=worker.run, args=(stop, lambda _: None))
    thread.start()
    while len(step.in_room) < 3:
        pass
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
