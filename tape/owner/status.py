"""The status of a running owner, as JSON."""

from __future__ import annotations

import os
import time
from typing import Any

from tape.exporters.firestore.sync import sync_status
from tape.owner.clock import since_boot_s
from tape.owner.live import Live
from tape.owner.readiness import not_ready
from tape.store.disk_space import free_bytes
from tape.store.home import Layout
from tape.store.recovery.backup import backups
from tape.store.recovery.damaged import rebuild_status
from tape.version import own_version


def status_of(live: Live) -> dict[str, Any]:
    """Return the owner's status; ``ready`` is true unless ``not_ready`` has reasons."""
    now, reasons = time.monotonic(), not_ready(live)
    places = Layout(live.home)
    database = places.database
    wal = database.with_name(f"{database.name}.wal")
    return {
        "pid": os.getpid(),
        "version": own_version(),
        "started": live.started.isoformat(),
        "ready": not reasons,
        "not_ready": reasons,
        "database_bytes": database.stat().st_size,
        "wal_bytes": wal.stat().st_size if wal.exists() else 0,
        "disk_free_bytes": free_bytes(live.home),
        "clock": _clock_status(live),
        "known_events": live.ingest.known,
        "workers": {
            worker.name: {
                "idle_s": round(now - worker.worked_at, 3),
                "failures": worker.failures,
                "error": worker.error,
            }
            for worker in live.workers
        },
        "files": {
            publication.file.name: {
                "age_s": None if publication.published_at is None else round(now - publication.published_at, 3),
                "published": publication.published,
                "failures": publication.failures,
                "error": publication.error,
            }
            for publication in live.publisher.publications
        },
        "mirrors": {mirror.name: live.mirrors.errors.get(mirror.name) for mirror in live.mirrors.mirrors},
        "sync": sync_status(live.home, time.time()),
        "last_rebuild": rebuild_status(live.home),
        "last_backup": next((path.name for path in reversed(backups(places.backups))), None),
    }


def _clock_status(live: Live) -> dict[str, Any]:
    step = live.clock.last_step
    return {
        "steps": live.clock.steps_back + live.clock.steps_forward,
        "step_by_s": None if step is None else round(step.by_s, 3),
        "step_age_s": None if step is None else round(since_boot_s() - step.boot_s, 3),
        "held": live.housekeeping.held,
    }
