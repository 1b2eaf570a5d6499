"""Alembic's entry: runs the migrations on the connection the program hands over, or on the ini file's database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from store.schema import METADATA


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=sa.pool.NullPool)
    with engine.connect() as opened:
        _run(opened)
