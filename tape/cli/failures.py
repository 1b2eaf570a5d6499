"""Which exceptions are told in one line: those a user can act on. Any other one is a mistake of this program."""

from __future__ import annotations

from typing import Any

import duckdb
from pydantic import ValidationError

from tape.mistakes import value_told
from tape.store.database import is_interrupt as is_interrupt
from tape.store.errors import StoreError


def usage_told(error: Any) -> str:
    """Return the message of a wrong usage: of a value that typer refuses, what was expected and what was found."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        error.message = value_told(cause.errors()[0])
    return str(error.format_message())


def place_of(error: Exception) -> str:
    """Return where in somebody's SQL an error lies, in two lines; empty for any other error."""
    return error.place if isinstance(error, StoreError) else ""


def is_expected(error: Exception) -> bool:
    """Return whether the message of an error is all that a user needs."""
    return isinstance(error, (StoreError, duckdb.Error))
