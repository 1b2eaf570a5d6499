"""What makes room is done first, and what fails does not stop the rest."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tape.owner.disk import Disk
from tape.owner.housekeeping import Housekeeping, Unkept
from tape.sections import StoreSettings
from tape.settings import Settings
from tape.store.ingest.ingest import Ingest
from tape.store.journal.segments import journal_folder
from tape.store.journal.writer import Journal
from tape.store.recovery.backup import backups, dated_name
from tests.conftest import GivenRows, ago

NOW = datetime.now(UTC)
NO_ROOM = StoreSettings(keep_free="900000TB")
"""More than any disk has."""


@pytest.fixture(autouse=True)
def looked_up(store: GivenRows) -> None:
    """Every price that rows ask for is looked up."""
    store.connection.execute("update price_lookup_progress set answered_to = ?", [NOW])


def house(store: GivenRows, home: Path, given: StoreSettings | None = None) -> Housekeeping:
    settings = Settings(store=given or StoreSettings(keep_free="0MB", warn_free="0MB"))
    return Housekeeping(store.connection, home, settings, Disk(home, settings.store), nullcontext())


def symbols(store: GivenRows) -> list[str]:
    return [symbol for (symbol,) in store.connection.execute("select symbol from marks").fetchall()]


def test_old_rows_and_copies_go_and_a_backup_is_made(store: GivenRows, database: Path, tmp_path: Path) -> None:
    store.add("marks", NOW - timedelta(days=40), symbol="OLD", mark_price=1.0)
    store.add("marks", NOW - timedelta(days=1), symbol="NEW", mark_price=1.0)
    house(store, tmp_path).run_once()
    assert symbols(store) == ["NEW"]
    assert len(backups(tmp_path / "logs" / "backup")) == 1


@pytest.mark.parametrize("answered_to", [None, NOW - timedelta(days=39)])
def test_marks_stay_until_the_prices_that_rows_ask_for_are_looked_up(
    store: GivenRows, tmp_path: Path, answered_to: datetime | None
) -> None:
    for days in (45, 38):
        store.add("marks", NOW - timedelta(days=days), symbol=f"D{days}", mark_price=1.0)
    store.connection.execute("update price_lookup_progress set answered_to = ?", [answered_to])
    house(store, tmp_path).run_once()
    assert symbols(store) == (["D45", "D38"] if answered_to is None else ["D38"])


def test_without_room_copies_go_segments_are_compressed_and_what_takes_room_is_told(
    store: GivenRows, database: Path, tmp_path: Path
) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.write_event("risk_veto", {"ts": NOW.isoformat(), "symbol": "X", "veto_reason": "x"})
    Ingest(store.connection.cursor(), tmp_path, tmp_path).run_once()
    store.add("marks", ago(days=400), symbol="OLD", mark_price=1.0)
    copies = tmp_path / "logs" / "backup"
    copies.mkdir()
    for days in range(4, 1, -1):
        copy = copies / dated_name(NOW - timedelta(days=days))
        shutil.copy(database, copy)
        os.utime(copy, (0, 0))
    with pytest.raises(Unkept, match=r"^backup .*: expected room for .* kept for the journal, found"):
        house(store, tmp_path, NO_ROOM).run_once()
    assert len(backups(copies)) == 3 - 1
    assert [path.suffix for path in journal_folder(tmp_path).iterdir()] == [".gz"]
    assert symbols(store) == ["OLD"], "a deletion is written down too"


def test_what_fails_does_not_stop_the_rest(store: GivenRows, database: Path, tmp_path: Path) -> None:
    archive = tmp_path / "logs" / "archive"
    archive.mkdir()
    rotated = archive / "router_health.jsonl.20251101T120000.000000.1"
    rotated.mkdir()
    os.utime(rotated, (0, 0))
    store.add("marks", NOW - timedelta(days=40), symbol="OLD", mark_price=1.0)
    with pytest.raises(Unkept, match="Is a directory"):
        house(store, tmp_path).run_once()
    assert symbols(store) == []
    assert len(backups(tmp_path / "logs" / "backup")) == 1


def test_nothing_goes_by_its_age_where_the_clock_was_set_ahead_by_years(
    store: GivenRows, database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows are years old by this clock, as those of yesterday are when it is set to 2030."""
    for days in range(1500, 1540):
        store.add("marks", NOW - timedelta(days=days), symbol=f"D{days}", mark_price=1.0)
    store.connection.execute(
        "insert into exports select 1, 'nav.json', ?, 1, 'x', '{}', 'x'", [NOW - timedelta(days=1500)]
    )
    segment = journal_folder(tmp_path) / "executor-run-000001.journal.gz"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"")
    os.utime(segment, (0, 0))
    kept = house(store, tmp_path)
    for _ in range(2):
        kept.run_once()
    assert len(symbols(store)) == 40
    assert store.connection.execute("select count(*) from exports").fetchone() == (1,)
    assert segment.exists()
    assert str(kept.held).startswith("nothing is deleted by age: the store knows nothing of the days before")
    assert caplog.text.count("nothing is deleted by age") == 1


def test_what_is_old_goes_again_once_the_store_has_known_this_clock_for_a_day(
    store: GivenRows, database: Path, tmp_path: Path
) -> None:
    store.add("marks", NOW - timedelta(days=1500), symbol="OLD", mark_price=1.0)
    store.connection.execute(
        "insert into exports select 1, 'nav.json', ?, 1, 'x', '{}', 'x'", [NOW - timedelta(days=1, seconds=1)]
    )
    kept = house(store, tmp_path)
    kept.run_once()
    assert symbols(store) == []
    assert kept.held is None
