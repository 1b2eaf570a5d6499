"""Values as they are written for people."""

from __future__ import annotations

from tape.execution.values import shortened


def test_a_text_that_is_shortened_says_so_and_keeps_to_its_length() -> None:
    assert shortened("a" * 10, 10) == "a" * 10
    assert shortened("a" * 11, 10) == "aaaaaaa..."
