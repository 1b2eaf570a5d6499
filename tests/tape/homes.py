"""What a home holds, read as those do who have nothing to do with its owner."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from tape.execution.events import Event
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.store.database import closing, open_database
from tape.store.journal.segments import journal_folder


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the database of a home without an owner."""
    with closing(open_database(home / "logs" / "tape.duckdb", read_only=True)) as connection:
        return connection.execute(query).fetchall()


def published(home: Path) -> set[str]:
    """The names of the state files."""
    folder = home / "logs" / "state"
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.exists() else set()


def whole(path: Path) -> bytes:
    """The content of a file, compressed or not."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def log_content(home: Path, name: str) -> bytes:
    """What is in a log, archived files first; a line that is being written may be there in part."""
    path = home / "logs" / name
    archives = sorted((path.parent / "archive").glob(f"{path.name}.*"))
    return b"".join(whole(each) for each in [*archives, path] if each.exists())


def mirrored_lines(home: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a log that nobody writes."""
    content = log_content(home, name)
    assert content.endswith(b"\n") or not content
    return [json.loads(line) for line in content.splitlines()]


def mirrored(home: Path, name: str) -> list[str]:
    """The ids in a log that nobody writes."""
    return [line["event_id"] for line in mirrored_lines(home, name)]


def in_order(home: Path, name: str) -> list[str]:
    """The ids that belong into a log, in their order."""
    return [event_id for (event_id,) in rows(home, f"{_of_all(EVENT_MIRRORS[name])} order by ingest_seq")]


def _of_all(kinds: tuple[type[Event], ...]) -> str:
    union = " union all ".join(f"select event_id, ingest_seq from {event.table}" for event in kinds)
    return f"select event_id from ({union})"


def reaches(home: Path, name: str, count: int) -> bool:
    """Whether a log has so many lines."""
    return log_content(home, name).count(b"\n") >= count


def journalled(home: Path) -> dict[str, list[tuple[str, ...]]]:
    """By run, the ids of the events of each whole batch in the journal, in order."""
    runs: dict[str, list[tuple[str, ...]]] = {}
    for path in sorted(path for path in journal_folder(home).iterdir() if not path.name.startswith(".")):
        batches = runs.setdefault(path.name.split("-")[1], [])
        for line in whole(path).splitlines(keepends=True)[1:]:
            if line.endswith(b"\n"):
                batches.append(tuple(fields["event_id"] for _, fields in json.loads(line.split(b" ", 3)[3])))
    return runs
