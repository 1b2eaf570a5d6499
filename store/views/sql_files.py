"""The files of ``sql/``: one macro or view each, sorted so that each comes after the objects it reads.

Layout of a file: a head comment, then either a plain ``select`` (a view named after the file) or one ``create macro``.
A head may end with ``Columns:`` and a line ``name: meaning [unit]`` for each column that is made in the file. The names
in a text tell which objects it reads. ``sql/seen.sql`` is the template of the ``seen_*`` views of the base: one view
for each table of events, with the table's name in place of ``event_table``.

An object has two digests, and each covers the digests of the same kind of all objects that it reads. ``digest`` covers
the whole text, so that a changed head is loaded too, as a comment; ``applied_sql`` holds these digests. ``code_digest``
leaves out comments and layout: it is recorded with each publication and changes only when the computed values may
change.

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

from tape.execution.events import EVENTS

SQL = Path(__file__).resolve().parents[2] / "sql"
_SEEN = SQL / "seen.sql"
LAYERS = ("base", "intel", "documents")
_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_LAYOUT_OR_QUOTED = re.compile(r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?:--[^\n]*|/\*(?s:.*?)\*/|\s)+""")
_HEAD = re.compile(r"\A(?:--[^\n]*\n)+")
_SOURCE = re.compile(r"\s*\([^()]*semantics[^()]*\)|\s*Sources: semantics [\d, ]+\.")
"""Where a formula comes from: for who checks the file."""


@dataclass(frozen=True)
class SqlObject:
    """One macro or view of ``sql/``."""

    name: str
    layer: str
    text: str
    reads: frozenset[str]
    digest: str
    code_digest: str

    @property
    def is_macro(self) -> bool:
        return "create macro" in self.text or "create or replace macro" in self.text

    @property
    def is_table_macro(self) -> bool:
        return self.is_macro and re.search(r"\)\s+as\s+table\b", self.text) is not None

    @property
    def head(self) -> str:
        """Return the head comment without dashes, sources and columns."""
        return _SOURCE.sub("", self._head_and_columns[0]).strip()

    @property
    def columns(self) -> dict[str, str]:
        """Return what the head says of columns that are made here, by name."""
        lines = (line.partition(":") for line in self._head_and_columns[2].splitlines())
        return {name.strip(): meaning.strip() for name, _, meaning in lines}

    @property
    def code(self) -> str:
        """Return the text without comments and literals."""
        return _code(self.text)

    @property
    def mentions(self) -> tuple[str, ...]:
        """Return the names in the text, each once, in the order of the text."""
        return tuple(names_in(self.text))

    @property
    def _head_and_columns(self) -> tuple[str, str, str]:
        found = _HEAD.match(self.text)
        head = "" if found is None else re.sub(r"(?m)^--[^\S\n]?", "", found[0])
        return head.partition("\nColumns:\n")

    @property
    def purpose(self) -> str:
        """Return the first sentence of the head comment."""
        return first_sentence(self.head)

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
    """Return every macro and view, each after all objects that it reads."""
    files = {path.stem: path for layer in LAYERS for path in sorted((SQL / layer).glob("*.sql"))}
    layers = {name: path.parent.name for name, path in files.items()} | dict.fromkeys(_seen(), "base")
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()} | _seen()
    reads = {name: names_in(text).keys() & texts.keys() - {name} for name, text in texts.items()}
    objects: dict[str, SqlObject] = {}
    # Sorted by name within what the reading allows, so that objects are applied in the same order everywhere.
    for name in TopologicalSorter({name: sorted(reads[name]) for name in sorted(texts)}).static_order():
        beneath = [objects[other] for other in sorted(reads[name])]
        digest = _sha256([texts[name], *(other.digest for other in beneath)])
        # Over all that is read beneath, too: a changed macro changes what every view above it says.
        code_digest = _sha256([without_layout(texts[name]), *(other.code_digest for other in beneath)])
        objects[name] = SqlObject(name, layers[name], texts[name], frozenset(reads[name]), digest, code_digest)
    return tuple(objects.values())


@cache
def _seen() -> dict[str, str]:
    """Return the text of each ``seen_*`` view by its name."""
    template = _SEEN.read_text(encoding="utf-8")
    return {f"seen_{event.table}": template.replace("event_table", event.table) for event in EVENTS}


def _sha256(parts: Iterable[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def without_layout(text: str) -> str:
    """Return SQL without comments, with each run of white space as one space; quoted texts and names stay unchanged."""
    return _LAYOUT_OR_QUOTED.sub(lambda found: found["quoted"] or " ", text).strip()


def first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def names_in(text: str) -> dict[str, None]:
    """Return the names in SQL, in their order, without comments and texts."""
    return dict.fromkeys(re.findall(r"\b[a-z_][a-z0-9_]*\b", _code(text)))


def _code(text: str) -> str:
    return _COMMENT_OR_TEXT.sub(" ", text)


@cache
def unfolded(name: str) -> int:
    """Return how many macros and views are expanded when one is read, itself included; 0 if it is neither."""
    found = next((item for item in sql_objects() if item.name == name), None)
    return 0 if found is None else 1 + sum(unfolded(other) for other in found.reads)
