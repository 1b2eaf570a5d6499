"""What most commands need: the home folder, its settings, and its database on demand."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path

import duckdb

from tape.client.client import Client
from tape.client.instants import instant
from tape.settings import Settings, load_settings
from tape.store.claims import refuse_beside_owner
from tape.store.database import open_database
from tape.store.home import Layout
from tape.store.recovery.damaged import refuse_damaged


class Session:
    """The home folder of a command and, on demand, its settings and database."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def places(self) -> Layout:
        return Layout(self.home)

    @property
    def settings(self) -> Settings:
        return load_settings(self.home)

    def open(self, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
        return open_database(self.places.database, self.settings.resources(), read_only=read_only)

    @property
    def client(self) -> Client:
        return Client(self.home, self.settings)

    def at(self, text: str | None, zone: tzinfo = UTC) -> datetime | None:
        """Return the instant of a text, in a zone if the text has none; ``None``: now."""
        return None if text is None else self.client.at(instant(text, datetime.now(UTC), zone))

    def alone(self) -> None:
        """Refuse a command that writes to the database while an owner runs, or before the database is rebuilt."""
        refuse_beside_owner(self.home)
        refuse_damaged(self.home)
