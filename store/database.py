"""The database file: opening, migrating, and the session's two clocks.

Laws kept here:
- one process opens read-write; readers open read-only, and never create or change the file;
- the file is created with storage version v1.5.0, which DuckDB 1.5 and 2.0 both read;
- migrations run before anything else opens the file, and the macros and views of ``sql/`` are brought up to date in
  the same step, so an open database is a complete one;
- damage is distinguished from other trouble: a lock, a missing permission, no memory, a full disk, a failing disk or a
  newer version are not damage. Blocks carry checksums and are read on demand, so any query may find damage.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tape.store.canonical_json import add_functions
from tape.store.durable import sync_folder
from tape.store.errors import (
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseNewer,
    SchemaMismatch,
    StoreError,
)
from tape.store.revisions import head_revision, revision
from tape.store.views.apply import apply_views, pending_views

if TYPE_CHECKING:
    from collections.abc import Iterator

STORAGE_VERSION = "v1.5.0"


@dataclass(frozen=True)
class Resources:
    """Memory, threads and disk that the database may use. RSS is up to ``memory_limit`` plus 300 MB."""

    memory_limit: str = "400MB"
    threads: int = 2
    temp_limit: str = "2GB"
    """Disk that may be spilled to, at most half of what is free when the database is opened."""
    checkpoint_wal: str = "64MB"
    """Size of the write-ahead log at which it is moved into the file."""


def bytes_of(text: str) -> int:
    """Return a size such as ``64MB`` or ``2 GiB``, written as for DuckDB, in bytes.

    Raises:
        ValueError: the text is not a size.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([KMGT])(i?)B", text)
    if found is None:
        raise ValueError(f"expected a size such as 64MB, found {text!r}")
    base = 1024.0 if found[3] else 1000.0
    return round(float(found[1]) * base ** (1 + "KMGT".index(found[2])))


def migrate(path: Path, resources: Resources | None = None) -> list[str]:
    """Create the database or upgrade it to the head revision, and update macros and views.

    Returns the changes, one sentence each; empty if everything was up to date.

    Raises:
        DatabaseLocked, DatabaseDamaged, DatabaseNewer.
    """
    _check_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Asked before DuckDB is, which makes the file.
    is_new = not path.exists()
    done = []
    with naming_damage(path), closing(_connect(path, resources or Resources(), read_only=False)) as connection:
        found, head = revision(connection), head_revision()
        if found is not None and found > head:
            raise DatabaseNewer(path, found, head)
        if found != head:
            from tape.store.alembic_run import run_alembic  # loads sqlalchemy, only where there is something to do

            run_alembic(connection, head)
            done.append(f"schema {found or 'empty'} -> {head}")
        # After the tables, and in the same step: a view is bound to the columns that its tables have now.
        if names := apply_views(connection):
            done.append(f"{len(names)} macros and views applied")
        if done:
            # So that no later start has changed tables and views in its log to replay.
            connection.execute("checkpoint")
    if is_new or done:
        sync_folder(path.parent)
    return done


def open_database(
    path: Path, resources: Resources | None = None, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a migrated database.

    Raises:
        DatabaseMissing, DatabaseLocked, DatabaseDamaged, SchemaMismatch.
    """
    connection = open_any_revision(path, resources, read_only=read_only)
    try:
        with naming_damage(path):
            _refuse_mismatch(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_mismatch(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    found, head = revision(connection), head_revision()
    # A view of another version answers without an error, and wrongly.
    if found != head or pending_views(connection):
        raise SchemaMismatch(path, found if found != head else f"{found} with older macros and views", head)


def open_any_revision(
    path: Path, resources: Resources | None = None, *, read_only: bool = True
) -> duckdb.DuckDBPyConnection:
    """Open a database of any revision, to read tables that all revisions have.

    Raises:
        DatabaseMissing, DatabaseLocked, DatabaseDamaged.
    """
    if not path.exists():
        raise DatabaseMissing(path)
    return _connect(path, resources or Resources(), read_only=read_only)


def _check_path(path: Path) -> None:
    """Refuse a path that DuckDB reads as a URL with a query: it would look for the WAL under another name.

    Raises:
        StoreError: there is a ``?`` in the path, or in the path that its links lead to.
    """
    if "?" in str(path.resolve()):
        raise StoreError(
            f"database {path}: expected a path without ?, which DuckDB cannot open, found {path.resolve()}"
        )


def _connect(path: Path, resources: Resources, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    _check_path(path)
    free = shutil.disk_usage(path.parent).free
    config: dict[str, Any] = {
        "memory_limit": resources.memory_limit,
        "threads": resources.threads,
        "temp_directory": str(path.with_suffix(".tmp")),
        # Half of the free disk: the other half is for the journal, which must never wait for a query.
        "max_temp_directory_size": f"{min(bytes_of(resources.temp_limit), free // 2)} bytes",
        # Else a query could read any Python variable by its name.
        "python_enable_replacements": False,
    }
    if not read_only:
        config["storage_compatibility_version"] = STORAGE_VERSION
        config["checkpoint_threshold"] = resources.checkpoint_wal
    try:
        connection = duckdb.connect(path, read_only=read_only, config=config)
    except duckdb.Error as error:
        words = _first_line(error)
        if "Could not set lock" in str(error):
            holder = re.search(r"Conflicting lock is held in (.*?\(PID \d+\))", str(error))
            raise DatabaseLocked(path, holder[1] if holder else words) from error
        if is_damage(error) or isinstance(error, _DAMAGE_AT_OPEN):
            raise DatabaseDamaged(path, words) from error
        raise StoreError(f"database {path} cannot be opened: {words}") from error
    # For this session and for every cursor to come: a day must not begin at another hour on another machine.
    connection.execute("set global TimeZone = 'UTC'")
    connection.execute("set TimeZone = 'UTC'")
    if not read_only:
        add_functions(connection)
    return connection


def set_clocks(
    cursor: duckdb.DuckDBPyConnection, *, as_of: datetime | None = None, known_seq: int | None = None
) -> None:
    """Set the session's instant and its last visible ``ingest_seq``; ``None`` means now, and all rows."""
    for name, value, kind in (("as_of", as_of, "timestamptz"), ("known_seq", known_seq, "bigint")):
        if value is None:
            cursor.execute(f"reset variable {name}")
        else:
            cursor.execute(f"set variable {name} = cast(? as {kind})", [value])


def is_fatal(error: BaseException) -> bool:
    """Return whether an error makes the open database unusable, so that only a new process helps."""
    return (
        isinstance(error, (duckdb.FatalException, duckdb.InternalException))
        or (isinstance(error, duckdb.Error) and "database has been invalidated" in str(error))
        or is_damage(error)
    )


_DAMAGE = re.compile(
    r"corrupt(ed)? (database|WAL|file)|is not a valid DuckDB database file|Failure while replaying WAL file"
    r"|WAL was created for|WAL does not match|Could not read enough bytes from file \"[^\"]*\.duckdb[^\"/]*\"",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"No space left|quota exceeded|Permission denied|Read-only file system|Too many open files|File too large"
    r"|Cannot allocate memory|Input/output error|Could not set lock|Failed to read WAL of version",
    re.IGNORECASE,
)
_DAMAGE_AT_OPEN = (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
_SAID_OF_FILES = (duckdb.IOException, *_DAMAGE_AT_OPEN)


def is_damage(error: BaseException) -> bool:
    """Return whether an error shows that the database's files do not hold what was written.

    Only errors about files count: an error about a query's own values may contain the same words.
    """
    error = getattr(error, "orig", None) or error  # as SQLAlchemy wraps it
    words = str(error)
    # Asked first: trouble with a disk may be told in words of damage, too.
    if _TROUBLE.search(words) or not isinstance(error, duckdb.Error):
        return isinstance(error, DatabaseDamaged)
    # a log that cannot be replayed is told with any type of error
    is_about_files = isinstance(error, _SAID_OF_FILES) or words.startswith("Failure while replaying")
    return is_about_files and _DAMAGE.search(words) is not None


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Raise errors that show damage of the database at ``path`` as ``DatabaseDamaged``."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        if not is_damage(error):
            raise
        raise DatabaseDamaged(path, _first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]


def read_all(connection: duckdb.DuckDBPyConnection) -> int:
    """Read every block of the tables and the catalog of an open database; return the number of rows.

    Raises:
        duckdb.Error: a block is not as it was written.
    """
    tables = connection.execute("select table_name from duckdb_tables() where database_name = current_database()")
    count = 0
    for (table,) in tables.fetchall():
        # A hash of each row: a mere count would be answered from the headers, without reading the blocks.
        ((rows, _),) = connection.execute(f'select count(*), bit_xor(hash(each)) from "{table}" as each').fetchall()
        count += rows
    return count


def is_interrupt(error: BaseException) -> bool:
    """Return whether Ctrl-C caused an error; DuckDB raises an error of its own for Ctrl-C during a query."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, RuntimeError) and str(error) == "Query interrupted"
    )


def is_memory_short(error: BaseException) -> bool:
    """Return whether an error means that memory ran out; the work may be retried once there is memory."""
    return isinstance(error, (MemoryError, duckdb.OutOfMemoryException))


def lock_down(connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
    """Forbid file access and changes of settings to all queries of this database, for good; ``scratch`` stays readable.

    ``memory_limit`` can still be set: setting it returns memory that the allocator keeps.
    """
    connection.execute(f"set allowed_directories = ['{scratch}/']")
    connection.execute("set enable_external_access = false")
    connection.execute("set allowed_configs = ['memory_limit']")
    # Last, as it locks the settings before it too.
    connection.execute("set lock_configuration = true")


@contextmanager
def closing(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Close a connection or cursor at the end of the block."""
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in one transaction: committed at its end, rolled back and raised again on any exception.

    If memory is so short that even the rollback fails, call ``roll_back`` before the cursor is used again.
    """
    cursor.execute("begin transaction")
    try:
        yield
        cursor.execute("commit")
    except BaseException:
        with suppress(duckdb.OutOfMemoryException):
            roll_back(cursor)
        raise


def roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Roll back the open transaction, if there is one."""
    with suppress(duckdb.TransactionException):
        cursor.execute("rollback")
