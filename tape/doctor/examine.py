"""Looks at a home: inside its owner, or at its files where none runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tape.doctor.checks import Check
from tape.doctor.home import Home
from tape.doctor.read_files import file_checks
from tape.doctor.read_logs import log_checks
from tape.doctor.read_store import store_checks
from tape.doctor.store import owner_check
from tape.exporters.contract import STATE_FILES
from tape.exporters.publisher import publication_of
from tape.settings import load_settings
from tape.store.database import closing, open_database
from tape.store.errors import StoreError
from tape.store.home import Layout


def examine_served(home: Home, status: Mapping[str, Any], *, is_deep: bool = False) -> list[Check]:
    """Every check of a home whose owner runs and has this ``status``, but for how it answers through its door."""
    return [*checks_of(home, datetime.now(UTC), is_deep=is_deep), owner_check(status)]


def examine_files(folder: Path, owner: Check, *, is_readable: bool, is_deep: bool = False) -> list[Check]:
    """Every check that needs no owner; ``owner``: what is said of it; ``is_readable``: nobody else has the database.

    Raises:
        StoreError: the settings of the home cannot be used.
    """
    settings = load_settings(folder)
    publications = tuple(publication_of(file, settings.intervals.get(file.stem)) for file in STATE_FILES)
    checks = [owner]
    opened = None
    if is_readable:
        try:
            opened = open_database(Layout(folder).database, settings.resources(), read_only=True)
        except StoreError as error:
            checks = [replace(owner, found=f"{owner.found}; {error}")]
    with nullcontext() if opened is None else closing(opened):
        home = Home(folder, settings, opened, publications, {}, None)
        return [*checks_of(home, datetime.now(UTC), is_deep=is_deep), *checks]


def checks_of(home: Home, now: datetime, *, is_deep: bool = False) -> list[Check]:
    """Every check of a home but for its owner; ``is_deep``: the whole history is read too."""
    return [*file_checks(home, now), *log_checks(home), *store_checks(home, now, is_deep=is_deep)]
