"""One writes at a time, and the folder is synced when the log is another file, and only then."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tape.store import write_lock as module
from tape.store.write_lock import Writing
from tests.conftest import GivenRows


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were synced."""
    done: list[Path] = []
    monkeypatch.setattr(module, "sync_folder", done.append)
    return done


def test_a_new_log_is_synced_by_name_once_and_again_after_a_checkpoint(
    store: GivenRows, database: Path, syncs: list[Path]
) -> None:
    writing = Writing(database)
    for expected in (1, 2, 3):
        for _ in range(3):
            with writing:
                store.add("ticks", equity_usd=1.0)
        assert syncs == [database.parent] * expected
        store.connection.execute("checkpoint")


def test_a_log_that_is_gone_is_synced_too(store: GivenRows, database: Path, syncs: list[Path]) -> None:
    writing = Writing(database)
    with writing:
        store.add("ticks", equity_usd=1.0)
    with writing:
        store.connection.execute("checkpoint")
    for _ in range(3):
        with writing:
            pass
    assert syncs == [database.parent] * 2


def test_a_failed_sync_is_raised_lets_go_and_is_tried_again(
    store: GivenRows, database: Path, monkeypatch: pytest.MonkeyPatch, syncs: list[Path]
) -> None:
    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    writing = Writing(database)
    with monkeypatch.context() as failing:
        failing.setattr(module, "sync_folder", fail)
        with pytest.raises(OSError, match="Input/output"), writing:
            store.add("ticks", equity_usd=1.0)
    assert syncs == []
    thread = threading.Thread(target=_hold, args=(writing,))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert syncs == [database.parent]


def _hold(writing: Writing) -> None:
    with writing, writing:
        pass


def test_one_holds_it_at_a_time(database: Path) -> None:
    writing, order = Writing(database), list[str]()

    def other() -> None:
        _hold(writing)
        order.append("other")

    thread = threading.Thread(target=other)
    with writing:
        thread.start()
        thread.join(0.2)
        order.append("this")
    thread.join(60)
    assert order == ["this", "other"]
