"""Sizes are read as DuckDB reads them."""

from __future__ import annotations

import pytest

from store.database import bytes_of


@pytest.mark.parametrize(
    ("text", "count"),
    [("64MB", 64_000_000), ("2GiB", 2**31), ("1.5 MB", 1_500_000), ("1 KiB", 1024), ("3TB", 3 * 10**12)],
)
def test_a_size_is_a_number_of_bytes(text: str, count: int) -> None:
    assert bytes_of(text) == count


def test_what_is_no_size_is_refused_with_what_was_found() -> None:
    with pytest.raises(ValueError, match="expected a size such as 64MB, found 'much'"):
        bytes_of("much")
