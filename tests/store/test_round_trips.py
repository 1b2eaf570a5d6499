"""Whatever way round the events of a home go, out and in again, they stay the same events."""

from __future__ import annotations

import lzma
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from examples.sample_logs import DEFAULT_END, write_sample
from tape.exporters.mirrors.lines import write_logs
from tape.store.database import Resources, closing, migrate, open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tape.store.legacy.importer import import_logs
from tape.store.query.round import open_round
from tape.store.recovery.rebuild import rebuild
from tape.store.schema import EVENT_TABLES

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
OLDER = Path(__file__).parents[1] / "exporters" / "home_86c8267" / "tape.duckdb.xz"
CLOSE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "ts_close": "2025-11-01T11:00:00.000001Z",
    "orderId": 7,
    "clientOrderId": "c7",
    "realizedPnlUsd": 10,
    "fees_total": 1.0,
    "position_size_before": 1,
    "position_size_after": 0,
}
GIVEN = {**CLOSE, "event_id": "close-1", "orderId": 8}
VETO = {"symbol": "BTCUSDT", "ts": 1761994800.25, "veto_reason": "cap", "veto_detail": {"b": [1, 2.5], "a": "é"}}
DECISION = {"timestamp": 1761994801.5, "symbol": "BTCUSDT", "decision": {"side": "BUY"}, "size": 1}


def record(home: Path, run: str = "first") -> None:
    """One run of a producer: events with and without an id, each twice, and two that are refused."""
    with Journal(home, "bot", run_id=run) as journal:
        for event_type, payload in (("order_close", CLOSE), ("order_close", GIVEN), ("risk_veto", VETO)):
            journal.write_event(event_type, payload)
            journal.write_event(event_type, payload)
        journal.write_event("shadow_decision", DECISION)
        journal.write_event("order_close", {**GIVEN, "realizedPnlUsd": 11})
        journal.write_event("order_close", {**GIVEN, "ts_close": "2025-11-01T11:30:00Z"})


def store(home: Path, connection: duckdb.DuckDBPyConnection) -> None:
    scratch = home / "scratch"
    scratch.mkdir(exist_ok=True)
    ingest = Ingest(connection, home, scratch, now=lambda: NOON)
    while ingest.run_once().has_more:
        pass


def rows(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, and what was refused, but for the instant at which it was."""
    found = {name: connection.execute(f"from {name} order by ingest_seq").fetchall() for name in EVENT_TABLES}
    refused = "select event_id, source, line, reason, raw from rejected_events order by all"
    return {**found, "rejected_events": connection.execute(refused).fetchall()}


def exported(connection: duckdb.DuckDBPyConnection, folder: Path, as_of: datetime = NOON) -> dict[str, bytes]:
    with open_round(connection, as_of=as_of) as reading:
        return {str(path.relative_to(folder)): path.read_bytes() for path in write_logs(reading, folder)}


def test_recorded_events_keep_their_ids_through_logs_and_another_home(database: Path, tmp_path: Path) -> None:
    home = database.parents[1]
    other = tmp_path / "other" / "tape.duckdb"
    other.parent.mkdir()
    shutil.copy(database, other)
    record(home)
    with closing(open_database(database)) as connection, closing(open_database(other)) as second:
        store(home, connection)
        assert [len(rows(connection)[name]) for name in ("order_closes", "vetoes", "shadow_decisions")] == [2, 1, 1]
        assert len(rows(connection)["rejected_events"]) == 2
        first = exported(connection, tmp_path / "logs")
        total = import_logs(second, tmp_path / "logs", now=NOON).total
        assert total.rejected == 0
        assert exported(second, tmp_path / "again") == first
        for table in ("order_closes", "vetoes", "shadow_decisions"):
            ids = f"select event_id from {table} order by all"
            assert second.execute(ids).fetchall() == connection.execute(ids).fetchall(), table
        again = import_logs(connection, tmp_path / "logs", now=NOON).total
        assert (again.stored, again.rejected) == (0, 0)


def test_a_rebuild_comes_to_the_same_rows_though_doubles_and_refused_events_are_in_the_journal(
    database: Path, tmp_path: Path
) -> None:
    home = database.parents[1]
    record(home)
    with closing(open_database(database)) as connection:
        store(home, connection)
    shutil.copy(database, tmp_path / "kept.duckdb")
    record(home, "second")
    with closing(open_database(database)) as connection:
        store(home, connection)
        before = rows(connection)
    assert len(before["order_closes"]) == 2
    assert len(before["rejected_events"]) == 4
    for source in (tmp_path / "kept.duckdb", None):
        rebuild(home, Resources(), now=NOON, source=source, is_loss_accepted=True)
        with closing(open_database(database)) as connection:
            assert rows(connection) == before, source


def test_a_home_of_an_older_version_knows_its_own_logs(tmp_path: Path) -> None:
    database = tmp_path / "logs" / "tape.duckdb"
    database.parent.mkdir()
    database.write_bytes(lzma.decompress(OLDER.read_bytes()))
    migrate(database)
    write_sample(tmp_path / "old", days=0.2)
    with closing(open_database(database)) as connection:
        before = rows(connection)
        exported(connection, tmp_path / "mirrors", DEFAULT_END + timedelta(days=1))
        # The account that traded later has other limits and another universe than the sample.
        for name in ("risk_limits.json", "pairs_universe.json"):
            (tmp_path / "old" / name).unlink()
        for folder in ("mirrors", "old"):
            total = import_logs(connection, tmp_path / folder, now=DEFAULT_END).total
            assert (total.stored, total.rejected) == (0, 0), folder
            assert total.read == total.known > 100
        assert rows(connection) == before
