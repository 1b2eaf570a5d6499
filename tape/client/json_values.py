"""Values of the database as JSON has them, in what an owner answers and in what commands print."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


def plain(value: object) -> float | str:
    """Return what JSON has no form for: an instant as RFC 3339 of its own offset, a decimal as a float, else a text."""
    if isinstance(value, Decimal):
        return float(value)
    if not isinstance(value, datetime):
        return str(value)
    return value.isoformat().replace("+00:00", "Z")
