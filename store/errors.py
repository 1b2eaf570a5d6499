"""The store's exceptions. A message names the thing, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

_LISTED = 12


def one_of(names: Sequence[str], found: str) -> str:
    """Return ``one of a, b, c``, the expected names; of many names only those most similar to the one found."""
    if len(names) <= _LISTED:
        return f"one of {', '.join(names)}"
    return f"one of {len(names)} names, such as {', '.join(get_close_matches(found, names, 5, 0.4) or names[:5])}"


class StoreError(Exception):
    """An error that the user can act on; the command line prints it in one line and exits 1."""

    place = ""
    """Where in somebody's SQL it lies: the line, and under it a caret; empty for all else."""


class DatabaseMissing(StoreError):
    """There is no database at ``path`` yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"no database at {path}: run `tape migrate` or `tape import LOGS_DIR` first;"
            " one that is lost comes back with `tape rebuild --from BACKUP`"
        )


class DatabaseLocked(StoreError):
    """Another process holds the database at ``path``; ``holder`` is DuckDB's description of that process."""

    def __init__(self, path: Path, holder: str) -> None:
        self.path, self.holder = path, holder
        super().__init__(f"database {path} is held by another process: {holder}")


class DatabaseDamaged(StoreError):
    """The files of the database at ``path`` are damaged; ``found`` is the evidence."""

    def __init__(self, path: Path, found: str) -> None:
        self.path, self.found = path, found
        super().__init__(f"database {path} is damaged: {found}: `tape serve` rebuilds it, and so does `tape rebuild`")


class SchemaMismatch(StoreError):
    """The database's revision is not the one that this version of the program works with."""

    def __init__(self, path: Path, found: str | None, expected: str) -> None:
        self.path, self.found, self.expected = path, found, expected
        super().__init__(f"database {path}: expected revision {expected}, found {found or 'none'}: run `tape migrate`")


class DatabaseNewer(StoreError):
    """The database was migrated by a newer version of the program."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        self.path, self.found, self.expected = path, found, expected
        super().__init__(
            f"database {path}: expected a revision up to {expected}, found {found}: run the version that made it"
        )


class NoLogs(StoreError):
    """A folder has no logs that can be imported; ``nearby``: folders one level up and down that do.

    ``unread``: the files that it has instead, each with the reason.
    """

    def __init__(self, folder: Path, expected: str, nearby: Sequence[Path] = (), unread: Sequence[str] = ()) -> None:
        self.folder, self.nearby, self.unread = folder, nearby, unread
        also = f"; and {len(unread) - 5} more" if len(unread) > 5 else ""
        more = f" and in {len(nearby) - 5} more folders" if len(nearby) > 5 else ""
        found = f"; found {'; '.join(unread[:5])}{also}" if unread else ""
        found += f"; there are logs in {' and in '.join(map(str, nearby[:5]))}{more}: import that" if nearby else ""
        super().__init__(f"no logs in {folder}: expected any of {expected}{found}")


class OwnerRuns(StoreError):
    """The database belongs to a running owner process, so this process must not do the work itself."""

    def __init__(self, home: Path, pid: int) -> None:
        self.home, self.pid = home, pid
        super().__init__(f"home {home} has a running owner, pid {pid}: stop it first")


class ExecutorRuns(StoreError):
    """The home has a running executor: a second one would trade the same account."""

    def __init__(self, home: Path, pid: int) -> None:
        self.home, self.pid = home, pid
        super().__init__(f"home {home} has a running executor, pid {pid}: stop it first")


class QueryRefused(StoreError):
    """A query is not one ``select`` over what may be read; ``place``: the line and caret of the offending part."""

    def __init__(self, expected: str, found: str, place: str = "") -> None:
        self.expected, self.found, self.place = expected, found, place
        super().__init__(f"query: expected {expected}, found {found}")


class QueryFailed(StoreError):
    """A query failed in the database: DuckDB's message, and apart from it the place in the query."""

    def __init__(self, words: str, place: str = "") -> None:
        self.place = place
        super().__init__(" ".join(words.split()))

    @classmethod
    def of(cls, text: str) -> QueryFailed:
        """Parse a DuckDB error: ``Parser Error: .. LINE 1: selec 1`` and a line with a caret."""
        words, line, place = text.partition("\nLINE ")
        return cls(words, f"LINE {place.rstrip()}" if line else "")
