"""Rebuilds a damaged or lost database: the newest intact backup, and the journal recorded after it.

Laws kept here:
- the new database is made beside the old one, closed, opened again and read in full before it replaces the old one;
- every loss is named, and unless a loss is accepted (``is_loss_accepted``) nothing is changed.

The old database's file, if it can still be read, and the backup tell what the old database had.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tape.store.database import Resources, closing, migrate, naming_damage, open_any_revision, open_database, read_all
from tape.store.errors import DatabaseDamaged, DatabaseNewer, StoreError
from tape.store.home import Layout
from tape.store.ingest.gaps import gaps
from tape.store.ingest.ingest import Ingest
from tape.store.ingest.positions import certificates, load_positions
from tape.store.journal.segments import SUFFIX, journal_folder, segment_paths
from tape.store.recovery.backup import BackupFailed, backups, copy_file
from tape.store.recovery.damaged import Rebuilt, put_in_place, rebuilding_room, set_aside_segments
from tape.store.recovery.packed_segments import store_packed
from tape.store.revisions import head_revision, revision

_LOG = logging.getLogger(__name__)
_HEADERS_BYTES = 3 * 4096
"""A database file that is shorter has held nothing yet."""
_RESERVE_BYTES = 256 * 1024 * 1024
"""Disk left to those who record meanwhile."""


class RebuildFailed(StoreError):
    """Nothing was changed: there is no backup or journal, no disk space, or a loss that was not accepted."""


@dataclass(frozen=True)
class _Known:
    """What a database says of its content: last batch and missing batches of each run, and its imports in words."""

    runs: dict[tuple[str, str], tuple[int, int]]
    imports: dict[tuple[object, ...], str]


def rebuild(
    home: Path,
    resources: Resources,
    *,
    now: datetime,
    reason: str = "asked for",
    source: Path | None = None,
    is_loss_accepted: bool = False,
) -> Rebuilt:
    """Rebuild the database of a home from ``source`` or its newest intact backup; nobody may have it open meanwhile.

    Raises:
        RebuildFailed: nothing was changed.
        DatabaseLocked, DatabaseNewer: nothing was changed either.
        duckdb.Error, OSError: nothing was changed either; the disk is full, for example.
    """
    database = Layout(home).database
    done = Rebuilt(at=now.astimezone(UTC).isoformat(timespec="milliseconds"), reason=reason)
    with rebuilding_room(home) as room:
        new = room / database.name
        old = _old(database, room)
        base = _begin(home, new, resources, source, done)
        damaged = _fill(home, new, resources, done)
        with closing(open_database(new, resources, read_only=True)) as opened, naming_damage(new):
            # Every block of the new database is read before the old one loses its place.
            done.rows = read_all(opened)
            _compare(opened, home, old, base, done)
        _say_what_stands_in_no_journal(database, old, base, done)
        # Asked before anything is changed: somebody may still have a backup elsewhere.
        if done.lost and not is_loss_accepted:
            raise RebuildFailed(
                f"it cannot be rebuilt without loss: {'; '.join(done.lost)}: `tape rebuild` does it all the same"
            )
        put_in_place(home, new, done, now)
    # Only now: while the rebuild could still fail, the journal stayed as it was.
    set_aside_segments(home, damaged)
    return done


def _old(database: Path, room: Path) -> _Known | None:
    """Return what the file of the old database says, without its write-ahead log; ``None`` if it cannot be read.

    Raises:
        DatabaseLocked: another process has it open.
        DatabaseNewer: a newer version of the program made it, so this one must not rebuild it.
    """
    if not database.exists():
        return None
    apart = room / "old.duckdb"
    # Under another name DuckDB finds no log beside it, and replays none onto a file that is damaged.
    apart.hardlink_to(database)
    try:
        with closing(open_any_revision(apart)) as opened:
            if (found := revision(opened)) is not None and found > head_revision():
                raise DatabaseNewer(database, found, head_revision())
            return None if found is None else _known(opened)
    except (DatabaseDamaged, duckdb.Error) as error:
        _LOG.warning("rebuild: the old database cannot be asked what it had: %s", error)
        return None
    finally:
        apart.unlink()


def _known(connection: duckdb.DuckDBPyConnection) -> _Known:
    runs: dict[tuple[str, str], tuple[int, int]] = {}
    for each in load_positions(connection).values():
        last, kept = runs.get((each.producer, each.run_id), (0, 0))
        kept += each.stored_batches + each.refused_batches
        runs[each.producer, each.run_id] = max(last, each.last_seq), kept
    imports = connection.execute("select log, first_seq, last_seq, imported_ts from imports order by all").fetchall()
    return _Known(
        {run: (last, last - kept) for run, (last, kept) in runs.items()},
        {row: f"{row[2] - row[1] + 1:,} rows of {row[0]}, imported {row[3]:%Y-%m-%dT%H:%M:%SZ}" for row in imports},
    )


def _begin(home: Path, new: Path, resources: Resources, source: Path | None, done: Rebuilt) -> _Known | None:
    """Put a copy of the backup, or an empty database, at ``new``; return what the backup says."""
    # The newest first: less of the journal has to be read, and a segment that it covers may be gone.
    for path in [source] if source else backups(Layout(home).backups)[::-1]:
        if not path.is_file():
            raise RebuildFailed(
                f"backup {path}: expected a database file, found {'a folder' if path.is_dir() else 'nothing'}"
            )
        _check_space(home, path.stat().st_size)
        try:
            known = _copy_backup(path, new, resources)
        except (DatabaseDamaged, BackupFailed) as error:
            # Also its log: the next backup is copied to the same name.
            for part in new.parent.glob(f"{new.name}*"):
                part.unlink()
            _check_space(home, path.stat().st_size)
            found = f"is damaged: {error.found}" if isinstance(error, DatabaseDamaged) else f"cannot be read: {error}"
            _LOG.warning("rebuild: backup %s %s", path, found)
            done.unusable.append(f"backup {path.name} {found}")
        else:
            done.backup = path.name
            return known
    has_journal = segment_paths(journal_folder(home)) or any(journal_folder(home).glob(f"*{SUFFIX}.gz"))
    if source is not None or not has_journal:
        found = "; ".join([*done.unusable, *([] if has_journal else ["no journal"])])
        more = "" if source is not None else "; `tape rebuild --from BACKUP` begins with one that lies elsewhere"
        raise RebuildFailed(f"home {home}: expected a whole backup or a journal to rebuild from, found: {found}{more}")
    _check_space(home, 0)
    migrate(new, resources)
    return None


def _check_space(home: Path, copy_bytes: int) -> None:
    """
    Raises:
        RebuildFailed: the disk has no room for the new database.
    """
    journal = sum(path.stat().st_size for path in segment_paths(journal_folder(home)))
    expected, free = copy_bytes + journal + _RESERVE_BYTES, shutil.disk_usage(home).free
    if free < expected:
        raise RebuildFailed(
            f"disk of {home}: expected {expected // 2**20:,} MB free for a rebuild, found {free // 2**20:,} MB"
        )


def _copy_backup(path: Path, new: Path, resources: Resources) -> _Known:
    """
    Raises:
        DatabaseDamaged: the backup.
        BackupFailed: it cannot be read, or the copy not be written.
    """
    copy_file(path, new)
    wal = path.with_name(f"{path.name}.wal")
    if wal.exists():
        copy_file(wal, new.with_name(f"{new.name}.wal"))
    with closing(open_any_revision(new, resources, read_only=False)) as opened, naming_damage(path):
        if revision(opened) is None:
            raise DatabaseDamaged(path, "it holds no tables of tape")
        read_all(opened)
    migrate(new, resources)
    with closing(open_database(new, resources, read_only=True)) as opened:
        return _known(opened)


def _fill(home: Path, new: Path, resources: Resources, done: Rebuilt) -> list[Path]:
    """Store what the journal has after the backup; return the damaged compressed segments."""
    room = new.parent
    (scratch := room / "scratch").mkdir()
    with closing(open_database(new, resources)) as opened:
        before = load_positions(opened)
        read = store_packed(opened, home, scratch, room)
        done.events = read.events
        ingest, has_more = Ingest(opened, home, scratch), True
        while has_more or ingest.is_catching_up:
            step = ingest.run_once()
            done.events, has_more = done.events + step.events, step.has_more
        opened.execute("checkpoint")
        after = load_positions(opened)
    moved = [name for name, each in after.items() if each != before.get(name)]
    done.segments = len(moved)
    done.batches = sum(each.stored_batches for each in after.values()) - sum(
        each.stored_batches for each in before.values()
    )
    done.lost += [f"segment {path.name} is damaged: {fault}" for path, fault in read.damaged.items()]
    return list(read.damaged)


def _compare(
    opened: duckdb.DuckDBPyConnection, home: Path, old: _Known | None, base: _Known | None, done: Rebuilt
) -> None:
    """Say what the new database has of the journal, and what it lacks that the old one had, or may have had.

    A batch missing from an intact segment is one that its producer could not write: the old database never had this
    batch, unless it says so.
    """
    new, found = _known(opened), gaps(opened, home)
    done.journal = [str(each) for each in certificates(opened)]
    done.gaps = [str(gap) for gap in found]
    rows = opened.execute("select distinct source from rejected_events where reason like 'crc %'").fetchall()
    damaged = {name for (name,) in rows}
    for run, (last, missing) in new.runs.items():
        # What the old database or the backup lacked as well is no loss of this rebuild.
        known = [each.runs[run] for each in (old, base) if each is not None and run in each.runs]
        was_read_to = max((read_to for read_to, _ in known), default=0)
        if missing > max((missed for _, missed in known), default=0):
            done.lost += [
                str(gap)
                for gap in found
                if (gap.producer, gap.run_id) == run
                and (gap.is_gone or gap.segment in damaged or (gap.last_seq or 0) <= was_read_to)
            ]
        # A journal that ends earlier than the old database had read has lost its last segments without a gap to show.
        if last < was_read_to:
            done.lost.append(f"{' '.join(run)}: batches {last + 1:,}..{was_read_to:,} missing: no segment has them")
    if old is not None:
        done.lost += [f"{' '.join(run)}: missing: no segment has it" for run in old.runs.keys() - new.runs.keys()]
        # Imported rows stand in no journal, so only a backup could have brought them back.
        done.lost += [f"{words}: import them again" for row, words in old.imports.items() if row not in new.imports]


def _say_what_stands_in_no_journal(database: Path, old: _Known | None, base: _Known | None, done: Rebuilt) -> None:
    if base is None and old is None and database.exists() and database.stat().st_size >= _HEADERS_BYTES:
        done.lost.append("what was imported, if anything was: no backup has it: import it again")
    elif old is None:
        done.notes.append(f"what was imported after {done.backup or 'all'}, if anything was, is to be imported again")
    if database.exists():
        done.notes.append("publications since then are no longer on record for `tape export --as-published`")
