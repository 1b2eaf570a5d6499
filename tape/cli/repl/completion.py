"""Completion of statements: columns of the relations that a statement names first, each with its meaning.

Laws kept here: typing causes no queries, because the catalog is read at the start of the session; after the name of a
relation (``fills.``), only its columns are offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tape.store.views.catalog import Column, Relation
from tape.store.views.sql_files import sql_objects

KEYWORDS = tuple(
    """
    select from where group by order by limit offset having qualify distinct as and or not in is null like ilike between
    case when then else end with recursive union all except intersect join left right inner outer full cross anti semi
    asof on using asc desc nulls first last exists filter over partition by rows range preceding following current row
    unbounded interval cast timestamptz timestamp date double bigint varchar boolean true false exclude replace columns
    describe summarize explain pivot unpivot values window lambda count sum avg min max median coalesce round abs
    date_trunc quantile_cont arg_max arg_min list unnest epoch time_bucket strftime json_extract_string
    """.split()  # noqa: SIM905
)
COMMANDS = {
    ".tables": "tables and views, with what they are for",
    ".schema": "columns of one, with what they mean",
    ".as_of": "the instant that views show: now, newest, -2h, 2025-11-05 16:10",
    ".mode": "table, json or csv",
    ".help": "this",
    ".quit": "leave; so does Ctrl-D",
}
MODES = ("table", "json", "csv")
_WORD = re.compile(r"[.\w]*\Z")
_IN_TEXT = re.compile(r"\A(?:[^']|'[^']*')*'[^']*\Z", re.DOTALL)
_BEFORE_RELATION = re.compile(
    r"\b(?:from|join|describe|summarize)\s+(?:\w+(?:\s+(?:as\s+)?\w+)?\s*,\s*)*\Z", re.IGNORECASE
)
_NAMED = re.compile(r"\b(?:from|join|,)\s*(\w+)(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)
_MIN_WITHIN = 3
"""Letters that are looked for within a name, not only at its begin."""


@dataclass(frozen=True)
class Candidate:
    """A word that may come next, and its meaning."""

    text: str
    meaning: str = ""


class Completion:
    """The candidates from a session's catalog."""

    def __init__(self, relations: Mapping[str, Relation]) -> None:
        self._relations = relations

    def candidates(self, before: str, after: str = "", *, is_asked: bool = True) -> tuple[str, list[Candidate]]:
        """Return the word before the cursor, and its completions; for an empty word only on request."""
        if before.lstrip().startswith("."):
            return self._of_command(before.lstrip())
        found = _WORD.search(before)
        word = found[0] if found else ""
        if _IN_TEXT.match(before) or "--" in before.rpartition("\n")[2] or not (word or is_asked):
            return word, []
        qualifier, dot, part = word.rpartition(".")
        if dot:
            named = self._named(before + after)
            relation = self._relations.get(named.get(qualifier.lower(), qualifier.lower()))
            return part, _matching(part, () if relation is None else map(_of_column, relation.columns))
        if _BEFORE_RELATION.search(before[: len(before) - len(word)]):
            return word, _matching(word, self._of_relations)
        return word, _matching(word, self._of_statement(before + after, word))

    def _of_statement(self, text: str, word: str) -> Iterator[Candidate]:
        for name in dict.fromkeys(self._named(text).values()):
            yield from map(_of_column, self._relations[name].columns)
        is_upper = word.isupper()
        yield from (Candidate(keyword.upper() if is_upper else keyword) for keyword in KEYWORDS)
        if word:
            yield from self._of_relations
            yield from _MACROS
            yield from self._of_columns

    def _named(self, text: str) -> dict[str, str]:
        """Return the relations that a statement names, by name and by alias."""
        named = {}
        for name, alias in _NAMED.findall(text):
            if name.lower() in self._relations:
                named[name.lower()] = name.lower()
                if alias and alias.lower() not in KEYWORDS:
                    named[alias.lower()] = name.lower()
        return named

    def _of_command(self, line: str) -> tuple[str, list[Candidate]]:
        command, blank, argument = line.partition(" ")
        if not blank:
            return command, _matching(command, (Candidate(name, said) for name, said in COMMANDS.items()))
        arguments = {
            ".schema": self._of_relations,
            ".mode": [Candidate(mode) for mode in MODES],
            ".as_of": [Candidate("now"), Candidate("newest")],
        }
        return argument, _matching(argument, arguments.get(command, []))

    @cached_property
    def _of_relations(self) -> list[Candidate]:
        return [Candidate(each.name, each.purpose) for each in self._relations.values()]

    @cached_property
    def _of_columns(self) -> list[Candidate]:
        columns = (column for each in self._relations.values() for column in each.columns)
        return list({column.name: _of_column(column) for column in columns}.values())


_MACROS = [Candidate(item.name, item.purpose) for item in sql_objects() if item.is_macro]


def _of_column(column: Column) -> Candidate:
    return Candidate(column.name, column.comment or column.type.lower())


def _matching(word: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the words that begin with a text, then those that contain it, each once, in their order."""
    wanted = word.lower()
    offered: dict[str, Candidate] = {}
    for each in candidates:
        offered.setdefault(each.text.lower(), each)
    begin = [each for text, each in offered.items() if text.startswith(wanted)]
    if len(wanted) < _MIN_WITHIN:
        return begin
    return begin + [each for text, each in offered.items() if wanted in text[1:] and not text.startswith(wanted)]
