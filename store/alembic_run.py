"""Runs the migrations of a database with alembic.

Loading sqlalchemy takes a third of a second, so callers import this module only if there is something to migrate.
"""

from __future__ import annotations

import logging

import duckdb
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from duckdb_sqlalchemy import ConnectionWrapper

from tape.store.revisions import MIGRATIONS
from tape.store.views.apply import drop_views


def run_alembic(connection: duckdb.DuckDBPyConnection, target: str) -> None:
    """Upgrade or downgrade an open database to ``target`` (a revision, ``head`` or ``base``)."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    engine = sa.create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(connection.cursor()), poolclass=sa.pool.NullPool
    )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    drop_views(connection)
    with engine.connect() as opened:
        config.attributes["connection"] = opened
        (command.downgrade if target == "base" else command.upgrade)(config, target)
        opened.commit()
