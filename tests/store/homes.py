"""A home as its owner keeps it, without the owner: journal, database, backups, and what each of them holds."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tape.execution.events import EVENTS_BY_TYPE, HeartbeatSent
from tape.owner.opening import open_to_own
from tape.runtime.load import Market
from tape.store.database import Resources, closing, open_database
from tape.store.ingest.ingest import SLICE_BYTES, Ingest
from tape.store.ingest.positions import certificates
from tape.store.journal.segments import journal_folder, read_lines, segment_paths
from tape.store.journal.writer import Journal
from tape.store.recovery.backup import backup, compress_segments
from tape.store.recovery.packed_segments import recall_packed
from tape.store.schema import EVENT_TABLES

SMALL = Resources(memory_limit="128MB", threads=1)


class Home:
    """A home folder of a test's own."""

    def __init__(self, folder: Path, empty_database: Path | None = None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.database = self.logs / "tape.duckdb"
        self.wal = self.logs / "tape.duckdb.wal"
        self.journal = journal_folder(folder)
        self.journal.mkdir(parents=True, exist_ok=True)
        if empty_database is not None:
            shutil.copy(empty_database, self.database)

    def beat(
        self, *services: str, producer: str = "executor", run_id: str | None = None, segment_bytes: int = 1
    ) -> None:
        """One run of a producer: a batch for each service, each in a segment of its own unless these are larger."""
        with Journal(self.folder, producer, run_id=run_id, segment_bytes=segment_bytes) as journal:
            for service in services:
                journal.record([HeartbeatSent(ts=datetime.now(UTC), service=service)])

    def trade(self, batches: int, seed: int = 1) -> None:
        """One run of an executor: so many batches of all events."""
        with Journal(self.folder, "executor", segment_bytes=20_000) as journal:
            clock_s = iter(range(10**9))
            stream = Market(Random(seed), journal).batches(lambda: next(clock_s) / 5)  # noqa: S311 (seeded on purpose)
            for _ in range(batches):
                # under ids of their own, so that the journal says which rows there must be
                batch = [
                    event.model_copy(update={"event_id": event.event_id or journal.new_id()}) for event in next(stream)
                ]
                journal.record(batch)

    def store(self, *, slice_bytes: int = SLICE_BYTES, is_killed: bool = False) -> None:
        """Stores what is recorded, as the owner does: opened to be owned, rebuilt where need be.

        ``slice_bytes``: of the journal, per transaction. ``is_killed``: the write-ahead log stays as a killed owner
        leaves it.
        """
        connection = open_to_own(self.folder, SMALL, threading.Event())
        assert connection is not None
        with closing(connection), TemporaryDirectory() as scratch:
            if is_killed:
                connection.execute("set global checkpoint_threshold = '1TB'")
                connection.execute("pragma disable_checkpoint_on_shutdown")
            recall_packed(connection, self.folder, Path(scratch))
            ingest = Ingest(connection, self.folder, Path(scratch), slice_bytes=slice_bytes)
            while ingest.run_once().has_more:
                pass

    def back_up(self, name: str) -> Path:
        """A verified backup, ``name`` in place of its time."""
        with closing(open_database(self.database, SMALL)) as connection:
            return backup(
                connection, self.database, self.logs / "backup" / f"tape-{name}.duckdb", writing=threading.RLock()
            )

    def compress(self) -> list[str]:
        return compress_segments(self.folder, {name for (name,) in self.rows(FINISHED)})

    def segments(self) -> list[str]:
        return sorted(path.name for path in self.journal.iterdir())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(open_database(self.database, SMALL, read_only=True)) as connection:
            return connection.execute(query).fetchall()

    def certificates(self) -> list[str]:
        with closing(open_database(self.database, SMALL, read_only=True)) as connection:
            return [str(each) for each in certificates(connection)]

    def services(self) -> list[str]:
        return sorted(service for (service,) in self.rows("select service from heartbeats"))

    def stored(self) -> Counter[tuple[str, str]]:
        """Table and id of each row."""
        return stored_in(self.database)

    def damaged(self) -> list[str]:
        folder = self.logs / "damaged"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def copy(self, folder: Path) -> Home:
        """The same home in another folder, which is emptied before."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return Home(folder)


FINISHED = "select segment from journal_segments where is_finished"


def stored_in(database: Path) -> Counter[tuple[str, str]]:
    """Table and id of each row of a database."""
    union = " union all ".join(f"select '{table}', event_id from {table}" for table in EVENT_TABLES)
    with closing(open_database(database, SMALL, read_only=True)) as connection:
        return Counter(connection.execute(union).fetchall())


def recorded_in(journal: Path) -> Counter[tuple[str, str]]:
    """Table and id of each event in the whole lines of a journal's segments."""
    found: Counter[tuple[str, str]] = Counter()
    with TemporaryDirectory() as folder:
        for path in journal.glob("*.journal.gz"):
            (Path(folder) / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
        for path in [*segment_paths(journal), *segment_paths(Path(folder))]:
            for line in read_lines(path, 0, 1, 10**9):
                if not line.fault:
                    found.update((EVENTS_BY_TYPE[kind].table, fields["event_id"]) for kind, fields in line.items)
    return found


def content_of(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """A digest of each table's rows, but for the order in which they were stored; every block is read."""
    with closing(open_database(database, SMALL, read_only=True)) as connection:
        return {
            table: connection.execute(
                f"select count(*), bit_xor(hash(each)) from (select * exclude (ingest_seq) from {table}) as each"
            ).fetchall()
            for table in EVENT_TABLES
        }


def flip(path: Path, offset: int, bit: int) -> None:
    """Changes one bit of a file."""
    with path.open("rb+") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def report(home: Home) -> dict[str, Any]:
    """What the only rebuild of a home did."""
    (path,) = (home.logs / "damaged").glob("tape-*.json")
    return dict(json.loads(path.read_bytes()))
