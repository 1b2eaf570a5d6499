"""The status of a home without an owner, from its database and its published files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tape.exporters.contract import STATE_FILES
from tape.exporters.firestore.sync import sync_status
from tape.settings import load_settings
from tape.store.database import closing, open_database
from tape.store.home import Layout
from tape.store.ingest.gaps import gaps
from tape.store.ingest.positions import certificates
from tape.store.recovery.damaged import rebuild_status
from tape.store.status import table_status


def status_of_file(home: Path) -> dict[str, Any]:
    """Return what an owner would report of the store, and that no owner runs."""
    with closing(open_database(Layout(home).database, load_settings(home).resources(), read_only=True)) as opened:
        tables = [vars(table) for table in table_status(opened, datetime.now(UTC))]
        journal = [vars(each) | {"gaps": each.gaps} for each in certificates(opened)]
        missing = [str(gap) for gap in gaps(opened, home)]
    now = time.time()
    ages = {
        file.name: {"age_s": now - path.stat().st_mtime if path.exists() else None}
        for file in STATE_FILES
        for path in [Layout(home).state / file.name]
    }
    return {
        "ready": False,
        "not_ready": ["no owner runs"],
        "tables": tables,
        "files": ages,
        "journal": journal,
        "gaps": missing,
        "last_rebuild": rebuild_status(home),
        "sync": sync_status(home, now),
    }
