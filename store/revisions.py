"""The revisions of the schema: the newest revision, and the revision of a database."""

from __future__ import annotations

from pathlib import Path

import duckdb

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def head_revision() -> str:
    """Return the newest revision in ``migrations/versions``, whose file names begin with their revision."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the revision of a database; ``None`` for an empty one."""
    if not connection.execute("from duckdb_tables() where table_name = 'alembic_version'").fetchall():
        return None
    row = connection.execute("select version_num from alembic_version").fetchone()
    return None if row is None else str(row[0])
