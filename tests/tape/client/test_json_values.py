"""Values that JSON has no form for are told in one way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from tape.client.json_values import plain

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (datetime(2025, 11, 1, 12, 30, tzinfo=UTC), "2025-11-01T12:30:00Z"),
        (datetime(2025, 11, 1, 14, 30, 0, 250_000, tzinfo=EAST), "2025-11-01T14:30:00.250000+02:00"),
        (datetime(2025, 11, 1, 12, 30), "2025-11-01T12:30:00"),
        (Decimal("0.10"), 0.1),
        (date(2025, 11, 1), "2025-11-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_an_instant_is_told_with_its_offset_a_decimal_as_a_float_and_anything_else_as_its_text(
    value: object, told: float | str
) -> None:
    assert plain(value) == told
    assert type(plain(value)) is type(told)
