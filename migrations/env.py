"""Alembic's entry: runs the migrations on the connection the program hands over, or on the ini file's database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import context

from tape.store.schema import METADATA


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _url() -> sa.URL:
    """``-x database=PATH`` on alembic's command line, else the database of the checkout; a path is no URL."""
    folder = Path(context.config.config_file_name or "alembic.ini").resolve().parent
    path = context.get_x_argument(as_dictionary=True).get("database")
    return sa.URL.create("duckdb", database=path or str(folder / "logs" / "tape.duckdb"))


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    with sa.create_engine(_url(), poolclass=sa.pool.NullPool).connect() as opened:
        _run(opened)
