"""Libraries for optional features: installed with an extra, and loaded at the first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tape.store.errors import StoreError


def optional(name: str, how: str) -> Any:
    """Import and return the module ``name``.

    Raises:
        StoreError: the module is not installed; ``how`` says what needs it and how to install it.
    """
    try:
        return import_module(name)
    except ImportError:
        raise StoreError(how) from None


def pyarrow() -> Any:
    """Import and return Apache Arrow.

    Raises:
        StoreError: it is not installed.
    """
    return optional("pyarrow", "arrow needs pyarrow: pip install 'tape[arrow]'")
