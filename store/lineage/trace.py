"""The lineage of a column: which columns and rows a column of a view is made of, found in the SQL itself.

The trace walks down the parsed views: from an expression to the columns that it names, to the CTE, subquery or view
that has these columns, and so on. It carries the conditions that pick rows along: if a column must equal a text, so
must the source column that it is copied from, and every column joined to it. Conditions in ``where`` and ``filter`` are
added.

If one value is made of many rows (an aggregate over rows with a time, or a pick of some of them), these rows are the
**rows behind** it: the same FROM and WHERE without the grouping. Above these rows, each view is an input with its
value; below them, only formulas are followed. The walk stops at the ``seen_*`` views, which show the tables in full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tape.store.lineage.selects import Branch, Conditions, Path, Query, Ref, Select, is_aggregate, relation
from tape.store.lineage.words import words_of
from tape.store.query.tree import Node, nodes_in, object_named, select_text


class Use(NamedTuple):
    """One use by an expression: a column that it names, a count of rows (no names), or a question of a subquery."""

    names: Path
    path: Path
    call: Node | None
    """The aggregate it stands in."""
    window: Node | None = None
    """The window function it stands in, which looks at other rows too."""
    is_asked: bool = False
    """It stands in a filter: it says which rows count, not what they say."""
    subquery: Node | None = None


NOWHERE = Use((), (), None)


@dataclass(frozen=True)
class Step:
    """One formula: ``column`` of a view, or of a part of it (a CTE), and its text."""

    view: str
    part: str | None
    column: str
    words: str
    depth: int = field(compare=False)
    """Views with formulas of their own down to this one, from 1."""


@dataclass
class Input:
    """A view that the trace passed, the columns of it that are used, and the conditions on its rows."""

    view: str
    conditions: Conditions
    columns: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Rows:
    """The rows behind a value: rows of one source of one select, with the columns and aggregate calls that use them."""

    select: Select
    alias: str
    conditions: dict[Ref, str]
    columns: list[str] = field(default_factory=list)
    calls: list[Node] = field(default_factory=list)

    def add(self, column: str | None) -> None:
        """Add a column that is used, if the rows have it."""
        is_known = column in self.columns or Ref(self.alias, column) in self.conditions
        if column is not None and column in self.source.columns and not is_known:
            self.columns.append(column)

    @property
    def source(self) -> Query:
        return self.select.sources[self.alias]

    @property
    def relation(self) -> str:
        """Return the view or table that the rows come from."""
        query = self.source
        while query.view is None:
            query = next(iter(query.branches[0].select.sources.values()))
        return query.view


@dataclass
class Lineage:
    steps: list[Step] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    macros: dict[str, int] = field(default_factory=dict)
    """Macros that the formulas call, and the depth of the call."""
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    """By view: its aliases of other views."""


def uses(expression: Any, path: Path = (), place: Use = NOWHERE) -> Iterator[Use]:
    """Yield the columns that an expression uses, of a struct only the part at ``path``; sort columns are skipped."""
    if isinstance(expression, list):
        for item in expression:
            yield from uses(item, path, place)
        return
    if not isinstance(expression, dict):
        return
    if expression.get("class") == "COLUMN_REF":
        yield place._replace(names=tuple(expression["column_names"]), path=path)
    elif expression.get("class") == "SUBQUERY":
        yield place._replace(path=path, subquery=expression["subquery"]["node"])
        yield from uses(expression["child"], (), place)
    elif path and (member := _member(expression, path[0])) is not None:
        yield from uses(member, path[1:], place)
    elif path and expression.get("function_name") == "row":
        # an entry of a map: the path is one in its value
        yield from uses(expression["children"][1:], path, place)
    else:
        yield from _uses_within(expression, path, place)


def _uses_within(expression: Node, path: Path, place: Use) -> Iterator[Use]:
    if is_aggregate(expression):
        place = place._replace(call=expression)
    if expression.get("class") == "WINDOW":
        place = place._replace(window=expression)
    if expression.get("function_name") == "count_star":
        yield place
    for key, value in expression.items():
        if key == "children" and str(expression.get("function_name")).startswith(("arg_max", "arg_min")):
            yield from uses(value[:1], path, place)
        elif key == "filter":
            yield from uses(value, (), place._replace(is_asked=True))
        elif key not in _PLACING:
            yield from uses(value, () if key == "when_expr" else path, place)


_PLACING = ("order_bys", "orders", "arg_orders", "partitions", "lhs")
"""Where a tree says in which order or group rows are looked at, and the parameters of a lambda."""


def _member(expression: Node, key: str) -> Node | None:
    if expression.get("function_name") != "struct_pack":
        return None
    return next((child for child in expression["children"] if child["alias"] == key), None)


class _Visit(NamedTuple):
    query: Query
    column: str | None
    path: Path = ()
    conditions: Conditions = ()
    entity: Conditions = ()
    """Keys of the objects in a document's list, or the key of a map, until it is known which columns they are."""
    is_above: bool = True
    """Above the rows behind the value."""
    is_wide: bool = False
    """On the way to rows that a window function looks at besides."""
    rows: Rows | None = None
    """Below rows: those."""
    above: tuple[str, ...] = ()
    """The views above whose formulas were told."""


class _Walk:
    def __init__(self) -> None:
        self.found = Lineage()
        self.todo: deque[_Visit] = deque()
        self._seen: set[_Visit] = set()
        self._inputs: dict[tuple[str, Conditions], Input] = {}
        self._rows: dict[tuple[int, str, frozenset[tuple[Ref, str]]], Rows] = {}

    def run(self, starts: Iterable[_Visit]) -> Lineage:
        for start in starts:
            self._later(start)
        while self.todo:
            visit = self.todo.popleft()
            for branch in visit.query.branches:
                self._look(visit, branch)
        return self.found

    def _later(self, visit: _Visit) -> None:
        # How one came to a column does not matter for what it is made of. Without this a diamond of views is walked
        # anew on each way.
        key = visit._replace(above=())
        if key in self._seen:
            return
        self._seen.add(key)
        view = visit.query.view
        if view is not None and visit.is_above and not _is_table(view):
            self._add_input(view, visit)
        if view is None or not (_is_table(view) or visit.is_wide):
            self.todo.append(visit)

    def _look(self, visit: _Visit, branch: Branch) -> None:
        """Follow what one select makes the visited column of."""
        select = branch.select
        pins = select.pushed(tuple((branch.names.get(name, ""), text) for name, text in visit.conditions))
        # The conditions rule this branch out, as those of one dimension do the others of a union.
        if pins is None:
            return
        # The rows themselves are asked for, as `count(*)` does: every source has a part in them.
        if visit.column is None:
            for alias in select.sources:
                self._follow(visit, select, Ref(alias, None), NOWHERE, pins)
            return
        name, expression, path = _output(select, branch.names.get(visit.column, visit.column), visit.path)
        if expression is None:
            return
        if visit.entity and (pinned := _pinned(select, expression, visit.entity)):
            pins = select.joined(pins | pinned)
            visit = visit._replace(entity=())
        self._go(visit, select, name, expression, path, pins, ())

    def _go(
        self, visit: _Visit, select: Select, name: str, expression: Node, path: Path, pins: dict[Ref, str], above: Path
    ) -> None:
        """Follow the inputs of an output; another output of the same select may be among them."""
        if self._add_step(visit, select, name, expression, path) and _layer(select.view) != "documents":
            visit = visit._replace(above=tuple(dict.fromkeys((*visit.above, select.view))))
        for use in uses(expression, path):
            if use.subquery is not None:
                inner = select.subquery(use.subquery)
                for column in inner.columns:
                    self._later(visit._replace(query=inner, column=column, path=use.path, conditions=()))
            elif not use.names:
                for alias in select.sources:
                    self._follow(visit, select, Ref(alias, None), use, pins)
            elif (found := select.resolve(use.names)) is not None:
                self._follow(visit, select, *_into(*found, use), pins)
            elif use.names[0] in select.outputs and use.names[0] not in above:
                other, rest = use.names[0], use.names[1:] + use.path
                self._go(visit, select, other, select.outputs[other], rest, pins, (*above, other))

    def _follow(self, visit: _Visit, select: Select, ref: Ref, use: Use, pins: dict[Ref, str]) -> None:
        query, is_above, is_wide, rows = select.sources[ref.alias], visit.is_above, visit.is_wide, visit.rows
        # Every column on the way is shown beside the row: by it a reader sees why the row counts.
        if rows is not None:
            rows.add(ref.column)
        # A window looks at rows beside the one asked about: its partition holds, and no condition on the row itself.
        if is_above and use.window is not None:
            pins, is_wide = select.beside(use.window, pins), True
        if is_above and not is_wide and _are_rows(select, query):
            rows = self._add_rows(select, ref, use, pins)
            is_above = False
        elif use.is_asked and query.view is not None and _layer(query.view) == "base":
            return  # the calendar, the limits: the words of the filter tell it
        elif query.view is not None and query.view != ref.alias:
            self.found.aliases.setdefault(select.view, {})[ref.alias] = query.view
        if use.call is not None:
            pins = select.joined(pins | select.said(use.call["filter"]))
        on = sorted((each.column, text) for each, text in pins.items() if each.alias == ref.alias and each.column)
        self._later(_Visit(query, ref.column, use.path, tuple(on), visit.entity, is_above, is_wide, rows, visit.above))

    def _add_input(self, view: str, visit: _Visit) -> None:
        if visit.column is None or visit.column in dict(visit.conditions) or _layer(view) == "documents":
            return
        # A table macro has rows only where it is given its arguments: what it reads is told instead.
        if (item := object_named(view)) is not None and item.is_macro:
            return
        key = (view, visit.conditions)
        if key not in self._inputs:
            self._inputs[key] = Input(view, visit.conditions)
            self.found.inputs.append(self._inputs[key])
        name = ".".join((visit.column, *visit.path))
        if name not in self._inputs[key].columns:
            self._inputs[key].columns.append(name)

    def _add_rows(self, select: Select, ref: Ref, use: Use, pins: dict[Ref, str]) -> Rows:
        conditions = {each: text for each, text in pins.items() if each.column is not None}
        key = (id(select), ref.alias, frozenset(conditions.items()))
        if key not in self._rows:
            self._rows[key] = Rows(select, ref.alias, conditions)
            self.found.rows.append(self._rows[key])
        rows = self._rows[key]
        rows.add(ref.column)
        if use.call is not None and use.call not in rows.calls:
            rows.calls.append(use.call)
        return rows

    def _add_step(self, visit: _Visit, select: Select, name: str, expression: Node, path: Path) -> bool:
        """Record a formula, if there is one: a column passed on under its own name has none.

        Below the rows, only the formulas of a base view's own columns are recorded, not those further down.
        """
        layer = _layer(select.view)
        if layer == "base" and not visit.is_above and visit.query.view is None:
            return False
        found = _within(name, expression, path)
        if found is None or (layer == "documents" and _has_members(found[1])):
            return False
        name, expression = found
        words = _words(select, expression, name)
        if words is None or _says_nothing(name, expression):
            return False
        depth = len({*visit.above, select.view})
        if (step := Step(select.view, select.part, name, words, depth)) not in self.found.steps:
            self.found.steps.append(step)
            for each in nodes_in(expression):
                item = object_named(str(each.get("function_name")))
                if item is not None and not item.is_table_macro:
                    self.found.macros.setdefault(item.name, depth)
        return True


def _layer(view: str) -> str | None:
    item = object_named(view)
    return None if item is None else item.layer


def _is_table(view: str) -> bool:
    return view.startswith("seen_") or object_named(view) is None


def _are_rows(select: Select, query: Query) -> bool:
    """Return whether a select takes rows with a time of their own from this source."""
    is_table = query.view is not None and _is_table(query.view)
    return "ts" in query.columns and (select.is_grouped or select.picks or is_table)


def _into(ref: Ref, rest: Path, use: Use) -> tuple[Ref, Use]:
    """Return a column with the path in it; if a whole source is named, the path begins with the column."""
    path = rest + use.path
    if ref.column is None and path:
        ref, path = Ref(ref.alias, path[0]), path[1:]
    return ref, use._replace(path=path)


def _output(select: Select, name: str, path: Path) -> tuple[str, Node | None, Path]:
    """Return the expression of a column; where structs are unnested into columns, the column is part of one of them."""
    if name in select.outputs:
        return name, select.outputs[name], path
    unnested = next((each for each in select.outputs.values() if each.get("function_name") == "unnest"), None)
    return name, unnested, (name, *path)


def _within(name: str, expression: Node, path: Path) -> tuple[str, Node] | None:
    """Return what an expression puts at a path of its structs, with its key; ``None`` if that is made further down."""
    if not path:
        return name, expression
    for each in nodes_in(expression):
        if (member := _member(each, path[0])) is not None:
            return _within(path[0], member, path[1:])
    return None


def _says_nothing(name: str, expression: Node) -> bool:
    """Return whether a formula is trivial: a column passed on under its own name, or a constant."""
    if expression["class"] == "COLUMN_REF":
        return bool(expression["column_names"][-1] == name)
    return bool(expression["class"] == "CONSTANT")


def _has_members(expression: Node) -> bool:
    return any(each.get("function_name") == "struct_pack" for each in nodes_in(expression))


def _words(select: Select, expression: Node, name: str) -> str | None:
    if expression["class"] == "COLUMN_REF":
        return ".".join(expression["column_names"])
    return words_of(select_text(select.view), expression, name)


def _pinned(select: Select, expression: Node, entity: Conditions) -> dict[Ref, str]:
    """Return the columns that give the keys of the objects in a document's list or map."""
    found: dict[Ref, str] = {}
    for each in nodes_in(expression):
        keys: dict[str, Node] = {}
        if each.get("function_name") == "struct_pack":
            keys = {child["alias"]: child for child in each["children"]}
        elif each.get("function_name") == "row" and len(entity) == 1:
            keys = {entity[0][0]: each["children"][0]}
        for key, text in entity:
            if (ref := select.plain(keys.get(key))) is not None:
                found.setdefault(ref, text)
    return found


def trace(view: str, columns: Iterable[tuple[str, Path]], entity: Conditions = ()) -> Lineage:
    """Return what columns of a document view, or the values at a path in each, are made of.

    ``entity`` selects the object of a list that has these keys, or the entry of a map that has this key.
    """
    return _Walk().run(_Visit(relation(view), column, path, entity=entity) for column, path in columns)
