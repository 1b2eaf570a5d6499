"""The parts of a running owner for its answers: its door, its status, its readiness."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from tape.exporters.mirrors.live import Mirrors
from tape.exporters.publisher import Publisher
from tape.owner.clock import Clock
from tape.owner.housekeeping import Housekeeping
from tape.owner.worker import Worker
from tape.settings import Settings
from tape.store.ingest.ingest import Ingest
from tape.store.own_files import OwnFiles


@dataclass
class Live:
    """The parts of an owner, once all of them exist."""

    home: Path
    settings: Settings
    started: datetime
    connection: duckdb.DuckDBPyConnection
    """Of the database, read-write; whoever asks takes a cursor of its own."""
    own: OwnFiles
    clock: Clock
    ingest: Ingest
    publisher: Publisher
    publishing: threading.Lock
    """Held by whoever writes into the folder of state files, so that an older instant never follows a newer one."""
    mirrors: Mirrors
    housekeeping: Housekeeping
    workers: Sequence[Worker]
    break_off: Callable[[Exception], None]
    """Ends the owner, as the database can no longer be used."""
