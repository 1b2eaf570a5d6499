"""What is due every so many seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tape.execution.every import Every

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)


def test_it_is_due_at_first_then_when_the_seconds_are_over() -> None:
    every = Every(60.0)
    due = [second for second in range(200) if every.is_due(NOW + timedelta(seconds=second))]
    assert due == [0, 60, 120, 180]


def test_time_that_went_back_makes_it_due() -> None:
    every = Every(60.0)
    assert every.is_due(NOW)
    assert every.is_due(NOW - timedelta(hours=1))
