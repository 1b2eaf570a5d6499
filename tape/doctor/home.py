"""What is looked at: a home, its database as far as it can be read, and what its owner says."""

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
    """``connection``: of the database, ``None`` where it cannot be read; readers take cursors of their own."""

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
        """Whether things may be under way."""
        return self.status is not None


def content(path: Path) -> bytes | None:
    """A file's bytes, ``None`` where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
