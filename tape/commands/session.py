"""What every command needs: the home folder, its settings and database on demand, and the options they share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import duckdb

    from tape.client import Client
    from tape.settings import Settings


class Session:
    """The home folder a command works on and, on demand, what lies in it."""

    def __init__(self, option: Path | None) -> None:
        self._option = option

    @property
    def home(self) -> Path:
        if self._option is not None:
            return self._option
        from tape.settings import home_folder

        return home_folder(self._option)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.logs / "tape.duckdb"

    @property
    def settings(self) -> Settings:
        from tape.settings import load_settings

        return load_settings(self.home)

    def open(self, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
        from tape.store.database import open_database

        return open_database(self.database, self.settings.resources(), read_only=read_only)

    @property
    def client(self) -> Client:
        from tape.client import Client

        return Client(self.home, self.settings)

    def alone(self) -> None:
        """Refuses what needs the database to itself, to write, while an owner has it, or before it is rebuilt."""
        from tape.store.damaged import refuse_damaged
        from tape.store.owner_lock import refuse_beside_owner

        refuse_beside_owner(self.home)
        refuse_damaged(self.home)


class Interrupted(Exception):
    """Ctrl-C ended a command; the text says what it had done by then, if anything."""


def instant(text: str) -> datetime:
    from tape import instants

    try:
        return instants.instant(text)
    except instants.NoInstant as error:
        raise typer.BadParameter(str(error)) from None


AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=instant, metavar="T", help="The instant to compute for (RFC 3339, UTC unless it says otherwise)."
    ),
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Also replace files of other programs; they are kept in logs/taken-over."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
