"""Values of the database as JSON, for an owner's answers and for the output of commands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


def plain(value: object) -> float | str:
    """Convert a value that JSON lacks: an instant to RFC 3339 with its own offset, a decimal to a float, else text."""
    if isinstance(value, Decimal):
        return float(value)
    if not isinstance(value, datetime):
        return str(value)
    return value.isoformat().replace("+00:00", "Z")
