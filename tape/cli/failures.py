"""Failures told in one line: exceptions that a user can act on. Any other exception is a bug of this program."""

from __future__ import annotations

from typing import Any

import duckdb
from pydantic import ValidationError

from tape.mistakes import value_told
from tape.store.database import is_interrupt as is_interrupt
from tape.store.errors import StoreError


def usage_told(error: Any) -> str:
    """Return the message of a usage error; for a value that typer refuses, what was expected and what was found."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        error.message = value_told(cause.errors()[0])
    return str(error.format_message())


def place_of(error: Exception) -> str:
    """Return the place of an error in the user's SQL, in two lines; empty for any other error."""
    return error.place if isinstance(error, StoreError) else ""


def is_expected(error: Exception) -> bool:
    """Return whether an error is one that a user can act on, so that its message is enough."""
    return isinstance(error, (StoreError, duckdb.Error))
