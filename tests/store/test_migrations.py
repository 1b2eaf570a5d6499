"""Migrations build the schema of ``tape.store.schema`` and take it down again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from duckdb_sqlalchemy import ConnectionWrapper

from tape.store.alembic_run import run_alembic
from tape.store.database import closing, migrate, open_database
from tape.store.errors import DatabaseDamaged, DatabaseLocked, DatabaseMissing, DatabaseNewer, SchemaMismatch
from tape.store.revisions import head_revision, revision
from tape.store.schema import EVENT_TABLES, METADATA


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}


def test_an_empty_folder_gets_a_database_at_the_head_revision(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "tape.duckdb"
    done = migrate(path)
    assert done[0] == f"schema empty -> {head_revision()}"
    with closing(open_database(path)) as connection:
        assert revision(connection) == head_revision()
        assert _tables(connection) >= EVENT_TABLES.keys()


def test_migrating_twice_does_nothing_the_second_time(database: Path) -> None:
    before = database.read_bytes()
    assert migrate(database) == []
    assert database.read_bytes() == before


def test_downgrade_to_base_and_up_again(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        run_alembic(connection, "base")
        assert _tables(connection) == {"alembic_version"}
        assert connection.execute("from duckdb_views() where not internal").fetchall() == []
        run_alembic(connection, "head")
        assert _tables(connection) == METADATA.tables.keys() | {"alembic_version"}
    assert migrate(database) != []
    with closing(open_database(database)) as connection:
        assert revision(connection) == head_revision()


def test_the_migrated_schema_is_the_declared_one(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        engine = sa.create_engine(
            "duckdb://", creator=lambda: ConnectionWrapper(connection.cursor()), poolclass=sa.pool.NullPool
        )
        with engine.connect() as opened:
            context = MigrationContext.configure(opened, opts={"compare_type": True})
            assert compare_metadata(context, METADATA) == []


def test_the_file_has_the_storage_version_that_later_releases_read(database: Path) -> None:
    with closing(duckdb.connect(database, read_only=True)) as connection:
        tags = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchone()
    assert tags == ("v1.5.0+",)


def test_a_migration_keeps_the_rows_there_are(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        connection.execute(
            "insert into marks (event_id, ts, symbol, mark_price, is_test, received_ts, ingest_seq)"
            " values ('m', now(), 'X', 1, false, now(), 1)"
        )
        connection.execute("delete from applied_sql")
    assert migrate(database) != []
    with closing(open_database(database)) as connection:
        assert connection.execute("select event_id from marks").fetchall() == [("m",)]


def test_what_older_versions_kept_beside_the_columns_moves_into_those_that_0009_adds(database: Path) -> None:
    kept = {
        "whole": '{"maker_qty": "0.5", "fees_by_asset": {"BNB": 1}}',
        "odd": '{"maker_qty": "half", "fees_by_asset": [1]}',
        "more": '{"maker_qty": 0, "beside": null}',
        "none": None,
    }
    with closing(duckdb.connect(database)) as connection:
        run_alembic(connection, "base")
        run_alembic(connection, "0008")
        for event_id, extra in kept.items():
            connection.execute(
                "insert into order_fills (event_id, ts, is_test, received_ts, ingest_seq, extra)"
                " values (?, now(), false, now(), 1, ?)",
                [event_id, extra],
            )
        connection.execute(
            "insert into order_metrics (event_id, ts, is_test, received_ts, ingest_seq, extra) values"
            """ ('m', now(), false, now(), 1, '{"end_bid_price": 99.5, "cancel_reason": "too late"}')"""
        )
    assert migrate(database)[0] == f"schema 0008 -> {head_revision()}"
    with closing(open_database(database)) as connection:
        fills = connection.execute("select event_id, maker_qty, fees_by_asset, extra from order_fills").fetchall()
        assert sorted(fills) == [
            ("more", 0.0, None, '{"beside":null}'),
            ("none", None, None, None),
            ("odd", None, None, kept["odd"]),
            ("whole", 0.5, '{"BNB":1}', None),
        ]
        metrics = "select end_bid_price, end_ask_price, cancel_reason, extra from order_metrics"
        assert connection.execute(metrics).fetchall() == [(99.5, None, "too late", None)]


def test_a_database_of_another_revision_is_refused(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SchemaMismatch, match=f"expected revision {head_revision()}, found 9999") as refused:
        open_database(database)
    assert (refused.value.path, refused.value.found) == (database, "9999")


def test_a_database_without_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tape.duckdb"
    duckdb.connect(path).close()
    with pytest.raises(SchemaMismatch, match="found none"):
        open_database(path, read_only=True)


def test_a_database_with_older_views_is_refused_and_stays_closed(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        connection.execute("update applied_sql set digest = 'older' where name = 'nav_now'")
    with pytest.raises(SchemaMismatch, match="older macros and views"):
        open_database(database)
    assert migrate(database) == ["1 macros and views applied"]
    open_database(database).close()


def test_a_missing_database_is_not_created_by_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "tape.duckdb"
    with pytest.raises(DatabaseMissing):
        open_database(path, read_only=True)
    with pytest.raises(DatabaseMissing):
        open_database(path)
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tape.duckdb"
    path.write_text("no database")
    with pytest.raises(DatabaseDamaged, match=r"is damaged: .*not a valid DuckDB database file") as refused:
        open_database(path)
    assert "\n" not in str(refused.value)


def test_a_reader_does_not_change_the_file(database: Path) -> None:
    before = database.read_bytes()
    with closing(open_database(database, read_only=True)) as connection:
        connection.execute("from nav_now").fetchall()
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("delete from ticks")
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_a_database_held_by_another_process_is_refused_with_its_holder(database: Path) -> None:
    hold = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DatabaseLocked) as refused:
            open_database(database, read_only=True)
        holder.communicate()
    assert f"PID {holder.pid}" in str(refused.value)
    open_database(database).close()


def test_a_database_of_a_newer_program_is_left_as_it_is(database: Path) -> None:
    with closing(duckdb.connect(database)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(DatabaseNewer, match=f"expected a revision up to {head_revision()}, found 9999"):
        migrate(database)
    with closing(duckdb.connect(database)) as connection:
        assert connection.execute("from alembic_version").fetchall() == [("9999",)]
