"""Opening, locking and transactions of the database file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tape.store.database import bytes_of, is_memory_short, lock_down, roll_back, transaction


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with a table of no row."""
    with duckdb.connect(tmp_path / "tape.duckdb") as opened:
        opened.execute("create table numbers (x int)")
        yield opened


def count(connection: duckdb.DuckDBPyConnection) -> int:
    ((found,),) = connection.cursor().execute("select count(*) from numbers").fetchall()
    return int(found)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MB", 64_000_000),
        ("64 MB", 64_000_000),
        ("2GiB", 2 * 1024**3),
        ("1.5GB", 1_500_000_000),
        ("0.001TB", 10**9),
        ("65536KiB", 2**26),
    ],
)
def test_a_size_is_read_as_the_database_reads_it(text: str, size: int) -> None:
    assert bytes_of(text) == size
    with duckdb.connect(config={"memory_limit": text}) as opened:
        ((shown,),) = opened.execute("select current_setting('memory_limit')").fetchall()
    number, unit = shown.split()
    assert float(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB"].index(unit) == pytest.approx(size, rel=0.1)


@pytest.mark.parametrize(
    "text",
    ["", "64", "MB", "64mb", "64 MB ", "-1MB", "1e3MB", "64MBB", "64 M", "٦MB", "64MB\n", "1.2.3MB", ".MB", "1.MB"],
)
def test_what_is_no_size_is_refused_by_what_was_found(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 64MB, found"):
        bytes_of(text)


def test_a_transaction_that_fails_leaves_nothing_and_its_cursor_usable(connection: duckdb.DuckDBPyConnection) -> None:
    cursor = connection.cursor()
    with pytest.raises(duckdb.ConversionException), transaction(cursor):  # noqa: PT012 (the second of two fails)
        cursor.execute("insert into numbers values (1)")
        cursor.execute("insert into numbers values ('x'::int)")
    with transaction(cursor):
        cursor.execute("insert into numbers values (2)")
    assert count(connection) == 1


class OutOfMemoryAtRollback:
    """A cursor whose rollback finds no memory, as beside a query that has it all."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.failing = True

    def execute(self, sql: str) -> object:
        if sql == "rollback" and self.failing:
            raise duckdb.OutOfMemoryException("no memory for that")
        return self.cursor.execute(sql)


def test_a_transaction_that_could_not_even_be_rolled_back_says_why_it_failed_and_is_ended_later(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    short = OutOfMemoryAtRollback(connection.cursor())
    with pytest.raises(ZeroDivisionError), transaction(short):  # type: ignore[arg-type]  # noqa: PT012
        short.execute("insert into numbers values (1)")
        raise ZeroDivisionError
    short.failing = False
    roll_back(short)  # type: ignore[arg-type]
    roll_back(short)  # type: ignore[arg-type]
    with transaction(short):  # type: ignore[arg-type]
        short.execute("insert into numbers values (2)")
    assert count(connection) == 1


@pytest.mark.parametrize(
    ("error", "is_short"),
    [(MemoryError(), True), (duckdb.OutOfMemoryException("x"), True), (duckdb.IOException("x"), False)],
)
def test_only_a_want_of_memory_is_one(error: Exception, is_short: bool) -> None:
    assert is_memory_short(error) is is_short


@pytest.mark.parametrize(
    "sql",
    [
        "set threads = 2",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set allowed_configs = ['threads']",
        "set allowed_directories = ['/']",
        "set temp_directory = '/tmp'",
        "reset threads",
        "from read_text('/etc/hostname')",
        "copy numbers to '/tmp/leak.csv'",
        "attach '/tmp/leak.duckdb' as other",
        "install httpfs",
        "load httpfs",
    ],
)
def test_a_locked_database_reads_no_file_and_changes_no_setting_but_its_memory(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    lock_down(connection, tmp_path)
    with pytest.raises(duckdb.Error):
        connection.execute(sql)
    connection.execute("set memory_limit = '100MB'")
