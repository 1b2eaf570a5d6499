"""Which exceptions are told in one line: those a user can act on. Any other one is a mistake of this program."""

from __future__ import annotations

import duckdb

from tape.store.database import is_interrupt as is_interrupt
from tape.store.errors import StoreError


def is_expected(error: Exception) -> bool:
    """Return whether the message of an error is all that a user needs."""
    return isinstance(error, (StoreError, duckdb.Error))
