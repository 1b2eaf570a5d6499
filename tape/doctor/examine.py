"""Runs the checks of a home: inside its owner, or on its files if no owner runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tape.doctor.checks import Check, State
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
    """Return every check of a home whose owner runs with this ``status``, except the check of its door."""
    return [*checks_of(home, datetime.now(UTC), is_deep=is_deep), owner_check(status)]


def examine_files(folder: Path, owner: Check, *, is_readable: bool, is_deep: bool = False) -> list[Check]:
    """Return every check that needs no owner; ``owner``: the owner's check; ``is_readable``: the database opens.

    Raises:
        StoreError: the settings of the home are invalid.
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
        found = checks_of(home, datetime.now(UTC), is_deep=is_deep)
        if opened is not None and _is_history(folder, opened):
            return [_HISTORY, *(_as_history(each) for each in found)]
        return [*checks, *found]


_HISTORY = Check("store", "owner", State.OK, "none has run here: the history was imported", "an owner, or none ever")


def _is_history(folder: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether a home holds only imported logs: nothing was recorded, and no owner has published."""
    ((imports, publications),) = connection.execute(
        "select (select count(*) from imports), (select count(*) from exports)"
    ).fetchall()
    return imports > 0 and publications == 0 and not any(Layout(folder).journal.glob("*"))


def _as_history(check: Check) -> Check:
    """Change checks of an owner's work to fine, for a home that needs no owner."""
    if not check.follows:
        return check
    found = "not published" if check.found == "missing" else check.found
    return replace(check, state=State.OK, found=f"{found}: no owner has run here", advice=None, follows=False)


def checks_of(home: Home, now: datetime, *, is_deep: bool = False) -> list[Check]:
    """Return every check of a home except that of its owner; ``is_deep``: the whole history is read too."""
    return [*file_checks(home, now), *log_checks(home), *store_checks(home, now, is_deep=is_deep)]
