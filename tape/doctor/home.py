"""The subject of the checks: a home, its database if readable, and its owner's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tape.exporters.publisher import Export, Publication
from tape.settings import Settings
from tape.store.home import Layout


@dataclass(frozen=True)
class Home:
    """``connection`` is the database, ``None`` if it cannot be read; readers take cursors of their own."""

    folder: Path
    settings: Settings
    connection: duckdb.DuckDBPyConnection | None
    publications: tuple[Publication, ...]
    latest: Mapping[str, Export]
    """The owner's newest publications, which may not be on record yet."""
    status: Mapping[str, Any] | None
    """What the owner says of itself, ``None`` without one."""

    @property
    def places(self) -> Layout:
        return Layout(self.folder)

    @property
    def has_owner(self) -> bool:
        """Return whether an owner runs, so that work may be in progress."""
        return self.status is not None


def content(path: Path) -> bytes | None:
    """Return a file's bytes; ``None`` if it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
