"""Starts the sync: its checks, and the separate process."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

from tape.exporters.firestore.client import FirestoreClient
from tape.exporters.firestore.remote import require_extra
from tape.exporters.firestore.sync import Sync, refuse_foreign_status, status_path
from tape.owner.signals import called_by_signals
from tape.settings import Settings
from tape.store.errors import StoreError
from tape.version import own_version

_ENV = re.compile(r"(?!__.*__\Z)(?!\.\.?\Z)[^/\s]{1,100}")


class SyncRefused(StoreError):
    """The sync is not allowed to start."""


def make_sync(home: Path, settings: Settings) -> Sync:
    """Return the sync of a home, not yet connected.

    Raises:
        SyncRefused: the sync is off, or ENV is prod without permission, or ENV cannot be part of a document's name.
        ExtraMissing: the ``firestore`` extra is not installed.
    """
    if not settings.firestore_enabled:
        raise SyncRefused("sync: off: expected FIRESTORE_ENABLED=1")
    env = settings.env.strip()
    if not _ENV.fullmatch(env):
        raise SyncRefused(f"sync: ENV: expected a name without slash or space, found {settings.env!r}")
    if env.lower() == "prod" and not (settings.allow_prod_sync or settings.allow_prod_write):
        raise SyncRefused(f"sync: ENV={env}: expected ALLOW_PROD_SYNC=1 or ALLOW_PROD_WRITE=1 beside it, found neither")
    require_extra()
    chosen = settings.sync
    remote = FirestoreClient(
        env,
        project=chosen.project or settings.google_cloud_project or None,
        database=chosen.database,
        emulator=settings.firestore_emulator_host or None,
    )
    return Sync(
        home,
        env,
        remote,
        interval_s=chosen.interval_s,
        stamp={"version": own_version()},
        reset_timezone=str((settings.limits or {}).get("reset_timezone") or "UTC"),
    )


def sync(home: Path, settings: Settings) -> None:
    """Sync in the foreground until SIGTERM or SIGINT.

    Raises:
        StoreError: as ``make_sync``, or another sync of this home runs.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    syncing = make_sync(home, settings)
    refuse_foreign_status(status_path(home))
    with called_by_signals(syncing.close):
        logging.getLogger("tape").info("syncing %s to hedge/%s every %g s", home, syncing.env, syncing.interval_s)
        syncing.run(threading.Event())
