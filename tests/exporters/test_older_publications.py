"""What an older version published comes out of this one again, to the byte."""

from __future__ import annotations

import hashlib
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tape.exporters.contract import STATE_FILES, state_file
from tape.exporters.publisher import code_digest, republish
from tape.store.database import closing, migrate, open_database

OLDER = Path(__file__).with_name("home_86c8267") / "tape.duckdb.xz"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database of an older home, migrated."""
    database = tmp_path_factory.mktemp("older") / "logs" / "tape.duckdb"
    database.parent.mkdir()
    database.write_bytes(lzma.decompress(OLDER.read_bytes()))
    migrate(database)
    with closing(open_database(database)) as connection:
        yield connection


def test_every_publication_of_an_older_version_comes_out_again(
    upgraded: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    recorded = upgraded.execute("select export_id, file, md5, sql_digest from exports").fetchall()
    rounds = Counter(file for _, file, _, _ in recorded)
    added_since = {"execution_quality.json", "reconciliation.json"}
    assert rounds.keys() == {file.name for file in STATE_FILES} - added_since
    assert set(rounds.values()) == {3, 8}, "what is published every tick, and what is published every five minutes"
    for export_id, name, md5, sql_digest in recorded:
        assert sql_digest != code_digest(state_file(name))
        content = republish(upgraded, export_id, tmp_path).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5, f"{name} of export {export_id}"


def test_it_holds_what_makes_that_hard(upgraded: duckdb.DuckDBPyConnection) -> None:
    """Trades, positions, vetoes and shadow decisions; and rows that arrived after a publication they would change."""
    late = """
        select count(*) from exports where file = 'nav.json' and exists (
            select 1 from ticks where ticks.ts <= exports.as_of and ticks.ingest_seq > exports.known_seq
        )
    """
    assert upgraded.execute(late).fetchone() == (6,), "each live round"
    for table in (
        "order_closes",
        "order_metrics",
        "positions",
        "vetoes",
        "shadow_decisions",
        "marks",
        "order_attempts",
    ):
        ((count,),) = upgraded.execute(f"select count(*) from {table}").fetchall()
        assert count > 10, table
