"""Tables derive from the events: none is missing, and every column says in the database what it means."""

from __future__ import annotations

from tape.execution.events import EVENTS, unit_of
from tape.store.schema import EVENT_TABLES, METADATA, summary
from tests.conftest import GivenRows

STORE_COLUMNS = {"received_ts", "ingest_seq", "extra"}


def test_every_event_has_a_table_and_no_table_is_without_event(store: GivenRows) -> None:
    assert EVENT_TABLES.keys() == {event.table for event in EVENTS}
    held = {name for (name,) in store.connection.execute("select table_name from duckdb_tables()").fetchall()}
    assert held >= EVENT_TABLES.keys()
    assert held - METADATA.tables.keys() == {"alembic_version"}


def test_a_table_has_a_column_per_field_and_the_stores_own(store: GivenRows) -> None:
    for event in EVENTS:
        described = store.connection.execute(f"describe {event.table}").fetchall()
        assert {name for name, *_ in described} == event.model_fields.keys() | STORE_COLUMNS, event.table


def test_every_column_has_a_comment(store: GivenRows) -> None:
    bare = store.connection.execute(
        "select table_name, column_name from duckdb_columns()"
        " where not internal and schema_name = 'main' and coalesce(comment, '') = ''"
        " and table_name in (select table_name from duckdb_tables()) and table_name <> 'alembic_version'"
    ).fetchall()
    assert bare == []


def test_comments_are_the_fields_descriptions_with_units(store: GivenRows) -> None:
    comments = {
        (table, column): comment
        for table, column, comment in store.connection.execute(
            "select table_name, column_name, comment from duckdb_columns()"
        ).fetchall()
    }
    for event in EVENTS:
        for name, field in event.model_fields.items():
            unit = unit_of(field)
            expected = f"{field.description} [{unit}]" if unit else field.description
            assert comments[event.table, name] == expected


def test_a_tables_comment_is_the_events_summary(store: GivenRows) -> None:
    found = dict(store.connection.execute("select table_name, comment from duckdb_tables()").fetchall())
    assert {event.table: summary(event) for event in EVENTS}.items() <= found.items()


def test_there_are_no_indexes_and_no_keys(store: GivenRows) -> None:
    assert store.connection.execute("from duckdb_indexes()").fetchall() == []
    kinds = store.connection.execute("select distinct constraint_type from duckdb_constraints()").fetchall()
    assert {kind for (kind,) in kinds} <= {"NOT NULL", "PRIMARY KEY"}
    keyed = store.connection.execute(
        "select table_name from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
    ).fetchall()
    assert {name for (name,) in keyed} <= {"alembic_version"}


def test_identity_time_and_number_of_a_row_are_never_null(store: GivenRows) -> None:
    for table in EVENT_TABLES:
        described = store.connection.execute(f"describe {table}").fetchall()
        required = {name for name, _, null, *_ in described if null == "NO"}
        assert required == {"event_id", "ts", "is_test", "received_ts", "ingest_seq"}, table
