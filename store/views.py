"""Applies ``sql/``: one file per macro or view, in dependency order, only what changed.

Layout of a file: a head comment, then either a plain ``select`` (a view named after the file) or one
``create macro``. Which object reads which is found from the names in the text. An object's digest covers its own text
and the digests of all it reads; ``applied_sql`` holds the digests the database has.

Laws kept here: base reads tables, intel reads base and intel, documents read both; names are unique.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

SQL = Path(__file__).resolve().parent.parent / "sql"
LAYERS = ("base", "intel", "documents")
_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_HEAD = re.compile(r"\A(?:--[^\n]*\n)+")


@dataclass(frozen=True)
class SqlObject:
    """One macro or view of ``sql/``."""

    name: str
    layer: str
    text: str
    reads: frozenset[str]
    digest: str

    @property
    def is_macro(self) -> bool:
        return "create macro" in self.text or "create or replace macro" in self.text

    @property
    def is_table_macro(self) -> bool:
        return self.is_macro and re.search(r"\)\s+as\s+table\b", self.text) is not None

    @property
    def head(self) -> str:
        """The head comment without its dashes."""
        found = _HEAD.match(self.text)
        return "" if found is None else re.sub(r"(?m)^--\s?", "", found[0]).strip()

    @property
    def statement(self) -> str:
        if self.is_macro:
            return self.text
        return f"create or replace view {self.name} as\n{self.text}"

    @property
    def drop_statement(self) -> str:
        if not self.is_macro:
            return f"drop view if exists {self.name}"
        return f"drop macro {'table ' if self.is_table_macro else ''}if exists {self.name}"


@cache
def sql_objects() -> tuple[SqlObject, ...]:
    """Every macro and view, each after all it reads."""
    files = {path.stem: path for layer in LAYERS for path in sorted((SQL / layer).glob("*.sql"))}
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    reads = {name: _names(text) & files.keys() - {name} for name, text in texts.items()}
    objects: dict[str, SqlObject] = {}
    for name in TopologicalSorter({name: sorted(reads[name]) for name in sorted(files)}).static_order():
        beneath = "".join(objects[other].digest for other in sorted(reads[name]))
        digest = hashlib.sha256((texts[name] + beneath).encode()).hexdigest()
        objects[name] = SqlObject(name, files[name].parent.name, texts[name], frozenset(reads[name]), digest)
    return tuple(objects.values())


@cache
def unfolded(name: str) -> int:
    """How many macros and views are unfolded where one is read, itself included; 0 for what is none."""
    found = next((item for item in sql_objects() if item.name == name), None)
    return 0 if found is None else 1 + sum(unfolded(other) for other in found.reads)


def _names(text: str) -> set[str]:
    return set(re.findall(r"\b[a-z_][a-z0-9_]*\b", _COMMENT_OR_TEXT.sub(" ", text)))


def pending_views(connection: duckdb.DuckDBPyConnection) -> list[SqlObject]:
    """The objects whose digest is not the one the database holds."""
    held = dict(connection.execute("select name, digest from applied_sql").fetchall())
    return [item for item in sql_objects() if held.get(item.name) != item.digest]


def apply_views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Creates what is new or changed and drops what is gone, in one transaction; returns the names touched."""
    pending = pending_views(connection)
    known = {item.name for item in sql_objects()}
    held = connection.execute("select name from applied_sql").fetchall()
    gone = [name for (name,) in held if name not in known]
    if not pending and not gone:
        return []
    connection.execute("begin transaction")
    try:
        for name in gone:
            _drop_any(connection, name)
        for item in reversed(pending):
            connection.execute(item.drop_statement)
        for item in pending:
            connection.execute(item.statement)
            kind = "view" if not item.is_macro else ("macro table" if item.is_table_macro else "macro")
            connection.execute(f"comment on {kind} {item.name} is '{item.head.replace(chr(39), chr(39) * 2)}'")
            if not item.is_macro:
                # an empty stand-in, so that views above are bound without unfolding all that lies beneath
                connection.execute(f"create temp table {item.name} as from main.{item.name} limit 0")
        for item in pending:
            if not item.is_macro:
                connection.execute(f"drop table temp.{item.name}")
        _record(connection, [*gone, *(item.name for item in pending)], pending)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return [*gone, *(item.name for item in pending)]


def drop_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops every macro and view, before a migration changes the tables under them."""
    if not connection.execute("from duckdb_tables() where table_name = 'applied_sql'").fetchall():
        return
    for (name,) in connection.execute("select name from applied_sql").fetchall():
        _drop_any(connection, name)
    connection.execute("delete from applied_sql")


def _drop_any(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    for kind in ("view", "macro", "macro table"):
        try:
            connection.execute(f'drop {kind} if exists "{name}"')
        except duckdb.CatalogException:
            continue  # the name belongs to another kind


def _record(connection: duckdb.DuckDBPyConnection, touched: Iterable[str], applied: Iterable[SqlObject]) -> None:
    for name in touched:
        connection.execute("delete from applied_sql where name = ?", [name])
    for item in applied:
        connection.execute("insert into applied_sql values (?, ?)", [item.name, item.digest])
