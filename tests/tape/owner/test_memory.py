"""The memory of the process is what it has for itself, as the system says it."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from tape.owner import memory
from tape.owner.memory import own_bytes


def test_what_is_taken_is_counted_and_what_is_given_back_is_not() -> None:
    before = own_bytes()
    held = bytearray(b"x") * 200_000_000
    assert 190_000_000 < own_bytes() - before < 250_000_000
    del held
    assert own_bytes() - before < 50_000_000


def test_what_others_may_have_too_is_not_counted() -> None:
    before = own_bytes()
    with mmap.mmap(-1, 100_000_000) as shared:
        for at in range(0, len(shared), mmap.PAGESIZE):
            shared[at] = 1
        assert own_bytes() - before < 50_000_000


def test_where_the_system_does_not_say_it_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STATM", Path("/nowhere/statm"))
    assert own_bytes() == 0
