"""An instant as a person gives it."""

from __future__ import annotations

from datetime import UTC, datetime

from tape.store.errors import StoreError


class NoInstant(StoreError):
    """A text that says no instant."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"expected RFC 3339 such as 2025-11-05T16:10:00Z, found {found!r}")


def instant(text: str) -> datetime:
    """RFC 3339; without an offset it is UTC.

    Raises:
        NoInstant: it is none.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise NoInstant(text) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
