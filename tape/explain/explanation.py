"""An explanation: the queries for a lineage, and the result made of their answers. Pure: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tape.client.client import Answer, read_documents
from tape.explain.question import MISSING, Question
from tape.store.lineage.rows_behind import RowsQuery, rows_query
from tape.store.lineage.selects import Conditions, relation
from tape.store.lineage.trace import Input, Lineage
from tape.store.query.tree import macro_parts, object_named
from tape.store.schema import METADATA


@dataclass(frozen=True)
class Formula:
    """The formulas of one macro or view for the asked columns. ``calls``: its names for other views."""

    name: str
    about: str
    depth: int
    """From the value down, 1 is next to it."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """An input: a view's row; without values, the view has no such row."""

    view: str
    where: dict[str, str]
    values: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Rows behind the value: the first of ``count``."""

    relation: str
    about: str
    columns: list[str]
    rows: list[list[Any]]
    count: int


@dataclass(frozen=True)
class Explanation:
    """A value and its origin. ``published``: the file's value; ``MISSING`` if no file has this instant."""

    file: str
    entry: str | None
    key: str | None
    unit: str | None
    as_of: datetime
    known_seq: int | None
    export_id: int | None
    value: Any
    published: Any
    notes: list[str]
    formulas: list[Formula]
    inputs: list[Given]
    rows: list[Evidence]

    @property
    def is_equal(self) -> bool | None:
        """Return whether the file's value equals the rows' value; ``None`` without such a file."""
        return None if self.published is MISSING else bool(self.published == self.value)

    def as_json(self) -> dict[str, Any]:
        plain = {**asdict(self), "is_equal": self.is_equal}
        for name in ("value", "published"):  # of themselves: a copy of MISSING is another object
            plain[name] = None if getattr(self, name) is MISSING else getattr(self, name)
        plain["formulas"] = [each | {"lines": dict(each["lines"])} for each in plain["formulas"]]
        return plain


@dataclass(frozen=True)
class Plan:
    """The selects that an explanation needs, the file's own view first."""

    asked: Question
    lineage: Lineage
    behind: list[RowsQuery]
    limit: int

    @classmethod
    def of(cls, asked: Question, lineage: Lineage, limit: int) -> Plan:
        return cls(asked, lineage, [rows_query(rows) for rows in lineage.rows], limit)

    @property
    def queries(self) -> list[str]:
        inputs = [_input_query(each, self.limit) for each in self.lineage.inputs]
        behind = [query for each in self.behind for query in (each.first(self.limit), each.count)]
        return [f"from {self.asked.file.view}", *inputs, *behind]

    @property
    def published_column(self) -> tuple[str, str] | None:
        """The view and column that the file copies unchanged; ``None`` if the file's own view computes the number."""
        lineage = self.lineage
        own = [step.words for step in lineage.steps if step.view == self.asked.file.view]
        if not self.asked.path or not all(re.fullmatch(r"[\w.]+", words) for words in own):
            return None
        sources = [(each.view, each.columns) for each in lineage.inputs]
        sources += [(each.relation, each.columns) for each in lineage.rows]
        return next(((name, columns[0]) for name, columns in sources if columns), None)

    def formulas(self) -> list[Formula]:
        """Return per view its head and, of a single value, the formulas of its columns; then the macros called."""
        lineage = self.lineage
        if not self.asked.path:
            views = dict.fromkeys([each.view for each in lineage.inputs] + [each.view for each in lineage.steps])
            return [Formula(view, _head(view), 1) for view in views]
        found: dict[str, Formula] = {}
        for step in sorted(lineage.steps, key=lambda step: step.depth):
            calls = lineage.aliases.get(step.view, {})
            found.setdefault(step.view, Formula(step.view, _head(step.view), step.depth, calls=calls))
            twins = [each for each in lineage.steps if (each.view, each.column) == (step.view, step.column)]
            name = step.column if len(twins) == 1 or step.part is None else f"{step.part}.{step.column}"
            found[step.view].lines.append((name, step.words))
        macros = [Formula(name, _head(name), depth, [macro_parts(name)]) for name, depth in lineage.macros.items()]
        return [*found.values(), *macros]

    def inputs(self, answers: Sequence[Answer]) -> tuple[list[Given], list[Evidence]]:
        """Return the views of which one row or none counts, and the views of which several rows count."""
        one: list[Given] = []
        several: list[Evidence] = []
        for each, answer in zip(self.lineage.inputs, answers, strict=True):
            rows_read = read_documents(answer.rows, answer.types)
            found = [dict(zip(answer.columns, row, strict=True)) for row in rows_read]
            rows = [[_at(row, name) for name in _names(each)] for row in found]
            if len(rows) > 1:
                several.append(Evidence(each.view, _head(each.view), _names(each), rows, found[0][_IN_ALL]))
            else:
                values = dict(zip(_names(each), rows[0], strict=True)) if rows else {}
                one.append(Given(each.view, dict(each.conditions), values))
        return one, several

    def evidence(self, answers: Sequence[Answer]) -> list[Evidence]:
        pairs = zip(self.behind, answers[::2], answers[1::2], strict=True)
        return [
            Evidence(
                each.relation,
                _head(each.relation),
                first.columns,
                [list(row) for row in read_documents(first.rows, first.types)],
                count.rows[0][0],
            )
            for each, first, count in pairs
        ]


def _names(each: Input) -> list[str]:
    """Return the columns that count, after the symbol if the rows belong to several symbols."""
    columns = relation(each.view).columns
    is_told = "symbol" not in columns or "symbol" in dict(each.conditions) or "symbol" in each.columns
    return each.columns if is_told else ["symbol", *each.columns]


def _input_query(each: Input, limit: int) -> str:
    columns = dict.fromkeys(name.partition(".")[0] for name in _names(each))
    where = " and ".join(f"{_quoted(name)} = {_text(text)}" for name, text in each.conditions)
    names = ", ".join([*map(_quoted, columns), f"count(*) over () as {_quoted(_IN_ALL)}"])
    return f"select {names} from {each.view}" + (f" where {where}" if where else "") + f" limit {max(limit, 50)}"


_IN_ALL = "rows in all"
"""A column beside those of a view: how many rows it has, of which the first are asked for."""


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _at(row: dict[str, Any], name: str) -> Any:
    value: Any = row
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _head(name: str) -> str:
    item = object_named(name)
    return item.head if item is not None else str(METADATA.tables[name].comment)


def conditions_text(where: dict[str, str] | Conditions) -> str:
    return ", ".join(text for _, text in dict(where).items())
