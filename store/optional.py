"""Libraries that only some questions need: they are installed with an extra, and loaded at the first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tape.store.errors import StoreError


def optional(name: str, how: str) -> Any:
    """Return the module ``name``.

    Raises:
        StoreError: it is not installed; ``how`` says what needs it and how to install it.
    """
    try:
        return import_module(name)
    except ImportError:
        raise StoreError(how) from None


def pyarrow() -> Any:
    """Return the module of Apache Arrow.

    Raises:
        StoreError: it is not installed.
    """
    return optional("pyarrow", "arrow needs pyarrow: pip install 'tape[arrow]'")
