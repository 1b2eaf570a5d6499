"""Outcomes and failures of sending a document to Firestore; light to import.

Google's own libraries take a second to load, so only ``tape.exporters.firestore.library`` imports them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from tape.execution.values import shortened
from tape.store.errors import StoreError

_PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN")
_WRONG_DOCUMENT = ("INVALID_ARGUMENT", "OUT_OF_RANGE")
Outcome = Literal["sent", "there", "stale"]


class ExtraMissing(StoreError):
    def __init__(self) -> None:
        super().__init__("sync: google-cloud-firestore is not installed: pip install 'tape[firestore]'")


class RemoteFailed(StoreError):
    """Firestore did not do the request; ``is_passing``: a retry may succeed, once the server is back."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.is_passing = code in _PASSING
        self.is_document = code in _WRONG_DOCUMENT
        super().__init__(f"firestore: {code}: {shortened(message, 200)}")


def require_extra() -> None:
    """Check that the extra is installed, without importing it.

    Raises:
        ExtraMissing: the ``firestore`` extra is not installed.
    """
    try:
        found = find_spec("google.cloud.firestore_v1")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ExtraMissing
