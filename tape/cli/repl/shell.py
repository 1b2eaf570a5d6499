"""Runs a statement or a command of a session, from any source.

Laws kept here: every statement is one query through the client, so that nothing stays open between two; a statement
that is refused or fails raises a ``StoreError`` of one line and does not change the session.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from tape.cli.repl.catalog import print_commands, print_relations, print_schema
from tape.cli.repl.completion import COMMANDS, MODES
from tape.cli.repl.statements import is_command
from tape.cli.tables import in_zone, print_table, write_rows
from tape.cli.terminal import terminal
from tape.client.client import Client
from tape.client.empty import why_empty
from tape.client.instants import instant, shown
from tape.store.errors import StoreError
from tape.store.views.catalog import CATALOG_SQL, Relation, relations_of
from tape.store.views.sql_files import names_in


class Left(Exception):
    """The user has left the session."""


class TableCut(StoreError):
    """A table has only the first rows of a result; ``count``: the number of all rows, if known."""

    def __init__(self, shown: int, count: int | None) -> None:
        self.shown, self.count = shown, count
        left = "more are" if count is None else f"{count - shown:,} of {count:,} are"
        super().__init__(f"table: the first {shown:,} rows, {left} left out: --format csv, json and arrow have all")


class Shell:
    """One session: its instant, and the form of its answers (table, json, csv; arrow if not interactive)."""

    def __init__(
        self, client: Client, *, as_of: datetime | None = None, mode: str = "table", zone: tzinfo = UTC
    ) -> None:
        self._client = client
        self.as_of, self.mode, self._zone = as_of, mode, zone
        self._known: dict[str, Relation] | None = None

    @property
    def relations(self) -> dict[str, Relation]:
        """The tables and views, as they were at the first use.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._known is None:
            ((listed,),) = self._client.query(CATALOG_SQL).rows
            self._known = relations_of(listed)
        return self._known

    def run(self, step: str) -> None:
        """Run one statement or command.

        Raises:
            Left: the command is to leave.
            StoreError: it is refused, or fails.
        """
        if is_command(step):
            self._command(step)
        else:
            self.ask(step)

    def ask(self, query: str) -> None:
        """Prints the rows of one select.

        Raises:
            StoreError: it is refused, or fails.
        """
        if self.mode == "arrow":
            with self._client.arrow(query, as_of=self.as_of) as parts:
                for part in parts:
                    sys.stdout.buffer.write(part)
        elif self.mode == "table":
            self._print_table(query)
        else:
            with self._client.stream(query, as_of=self.as_of) as rows:
                count = write_rows(rows, self.mode, sys.stdout, self._zone)
            if not count and (why := self._why_empty(query)):
                print(f"tape: no rows; {why}", file=sys.stderr)

    def _print_table(self, query: str) -> None:
        """Print a table of at most the allowed rows; a last line says what is left out.

        Raises:
            TableCut: rows are left out, and the output is not a terminal.
        """
        answer = self._client.first(self._client.settings.door.max_rows, query, as_of=self.as_of)
        title = None if self.as_of is None else f"as of {shown(self.as_of, self._zone)}"
        print_table(answer.columns, in_zone(answer.rows, answer.types, self._zone), title)
        count = len(answer.rows)
        if not answer.is_cut:
            why = None if count else self._why_empty(query)
            said = f"{count:,} row{'' if count == 1 else 's'}"
            terminal().print("; ".join(filter(None, [said, why])), soft_wrap=True)
            return
        cut = TableCut(count, self._client.count(query, as_of=self.as_of))
        if not sys.stdout.isatty():
            raise cut
        terminal().print(str(cut), soft_wrap=True)

    def _why_empty(self, query: str) -> str | None:
        return why_empty(self._client, names_in(query.lower()), self.as_of, datetime.now(UTC), self._zone)

    def _command(self, line: str) -> None:
        name, *words = line.split()
        name = f".{name.lstrip('.').lower()}"
        if name in (".quit", ".exit"):
            raise Left
        commands: dict[str, Callable[[list[str]], None]] = {
            ".tables": self._tables,
            ".schema": self._schema,
            ".as_of": self._set_as_of,
            ".mode": self._set_mode,
            ".help": lambda _: print_commands(COMMANDS),
        }
        if name not in commands:
            raise StoreError(f"command: expected one of {', '.join(COMMANDS)}, found {name}")
        commands[name](words)

    def _tables(self, words: list[str]) -> None:
        print_relations(self.relations.values())

    def _schema(self, words: list[str]) -> None:
        name = " ".join(words).rstrip(";").lower()
        if name not in self.relations:
            raise StoreError(f".schema: expected a table or view of .tables, found {name or 'nothing'}")
        print_schema(self.relations[name])

    def _set_as_of(self, words: list[str]) -> None:
        given = " ".join(words)
        if given:
            said = instant(given, datetime.now(UTC), self._zone)
            self.as_of = None if given == "now" else self._client.at(said)
        print(f"views show {'now' if self.as_of is None else shown(self.as_of, self._zone)}")

    def _set_mode(self, words: list[str]) -> None:
        given = " ".join(words)
        if given and given not in MODES:
            raise StoreError(f".mode: expected one of {', '.join(MODES)}, found {given}")
        self.mode = given or self.mode
        if not given:
            print(self.mode)
