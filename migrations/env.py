"""Alembic's entry: runs the migrations on the connection the program hands over, or on the ini file's database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from tape.store.schema import METADATA


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _url() -> str:
    """``-x database=PATH`` on alembic's command line, else the ini file's database."""
    path = context.get_x_argument(as_dictionary=True).get("database")
    return f"duckdb:///{path}" if path else context.config.get_main_option("sqlalchemy.url") or ""


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    with sa.create_engine(_url(), poolclass=sa.pool.NullPool).connect() as opened:
        _run(opened)
