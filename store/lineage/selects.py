"""The selects of the parsed views: their sources, the columns that names mean, and the conditions passed to sources.

A view, a CTE, a subquery and a table are all a ``Query``: columns, and the selects that make them, with stars expanded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from tape.store.query.tree import Node, aggregates, nodes_in, object_named, select_tree
from tape.store.schema import METADATA

Conditions = tuple[tuple[str, str], ...]
"""Columns and the texts they equal."""
Path = tuple[str, ...]
"""Keys within a struct."""


class Ref(NamedTuple):
    """A column of one source of a select; without a column, its rows."""

    alias: str
    column: str | None


@dataclass(frozen=True)
class Branch:
    """One select of a union, and its name for each column."""

    select: Select
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Query:
    """What a FROM clause names: a view or table (``view``), a CTE, or a subquery. A table has no branches."""

    view: str | None
    columns: tuple[str, ...]
    branches: tuple[Branch, ...]


class Select:
    """One ``select``: its sources by name, and its columns by name, with stars expanded."""

    def __init__(self, node: Node, ctes: Mapping[str, Query], view: str, part: str | None) -> None:
        self.node, self.view, self.part = node, view, part
        self.ctes = {**ctes}
        for cte in node["cte_map"]["map"]:
            self.ctes[cte["key"]] = _query(cte["value"]["query"]["node"], self.ctes, view, cte["key"])
        self.sources = dict(self._sources(node["from_table"]))
        self.outputs = dict(self._outputs())
        self._subqueries: dict[int, Query] = {}

    def subquery(self, node: Node) -> Query:
        """Return a subquery that is part of an expression."""
        if id(node) not in self._subqueries:
            self._subqueries[id(node)] = _query(node, self.ctes, self.view, self.part)
        return self._subqueries[id(node)]

    def _sources(self, table: Node) -> Iterator[tuple[str, Query]]:
        kind = table["type"]
        if kind == "JOIN":
            yield from self._sources(table["left"])
            if table["join_type"] not in ("ANTI", "SEMI"):
                yield from self._sources(table["right"])
        elif kind == "BASE_TABLE":
            name = table["table_name"]
            yield table["alias"] or name, self.ctes.get(name) or relation(name)
        elif kind == "SUBQUERY":
            yield table["alias"], _query(table["subquery"]["node"], self.ctes, self.view, self.part)
        elif kind == "TABLE_FUNCTION":
            name = table["function"]["function_name"]
            columns = tuple(table["column_name_alias"] or [name])
            yield table["alias"] or name, relation(name) if object_named(name) else Query(None, columns, ())

    def _outputs(self) -> Iterator[tuple[str, Node]]:
        for item in self.node["select_list"]:
            if item["class"] == "STAR":
                yield from self._starred(item)
            elif item["class"] == "COLUMN_REF":
                yield item["alias"] or item["column_names"][-1], item
            else:
                yield item["alias"] or str(item.get("function_name")), item

    def _starred(self, star: Node) -> Iterator[tuple[str, Node]]:
        left_out = {name.lower() for name in star["exclude_list"]}
        for alias, query in self.sources.items():
            if star["relation_name"] in ("", alias):
                for column in query.columns:
                    if column not in left_out:
                        yield column, {"class": "COLUMN_REF", "alias": "", "column_names": [alias, column]}

    @property
    def is_grouped(self) -> bool:
        """Return whether the select makes one row of many."""
        return bool(self.node["group_expressions"]) or any(
            is_aggregate(each) for item in self.node["select_list"] for each in nodes_in(item)
        )

    @property
    def picks(self) -> bool:
        """Return whether the select leaves out rows depending on other rows (limit, distinct, qualify)."""
        kinds = {modifier["type"] for modifier in self.node["modifiers"]}
        return bool(kinds - {"ORDER_MODIFIER"}) or self.node["qualify"] is not None

    def resolve(self, names: Path) -> tuple[Ref, Path] | None:
        """Return the source column that a name means, and the keys within it; ``None`` for an output or a parameter."""
        if names[0] in self.sources:
            return (Ref(names[0], names[1]), names[2:]) if len(names) > 1 else (Ref(names[0], None), ())
        for alias, query in self.sources.items():
            if names[0] in query.columns:
                return Ref(alias, names[0]), names[1:]
        return None

    def pushed(self, conditions: Conditions) -> dict[Ref, str] | None:
        """Return the conditions on the select's columns as conditions on its sources; ``None``: no row meets them."""
        found: dict[Ref, str] = {}
        for column, text in conditions:
            expression = self.outputs.get(column)
            if expression is None:
                continue
            if expression["class"] == "CONSTANT" and expression["value"].get("value") != text:
                return None
            if (ref := self.plain(expression)) is not None:
                found[ref] = text
        found |= self.said(self.node["where_clause"])
        return self.joined(found)

    def said(self, condition: Node | None) -> dict[Ref, str]:
        """Return the columns that must equal a text if a condition holds, with these texts."""
        if condition is None:
            return {}
        if condition["type"] == "CONJUNCTION_AND":
            return {ref: text for part in condition["children"] for ref, text in self.said(part).items()}
        if condition["type"] == "COMPARE_EQUAL" and condition["right"]["class"] == "CONSTANT":
            ref, value = self.plain(condition["left"]), condition["right"]["value"].get("value")
            return {ref: value} if ref is not None and isinstance(value, str) else {}
        return {}

    def joined(self, conditions: dict[Ref, str]) -> dict[Ref, str]:
        """Add the same conditions for columns that are joined to a column with a condition."""
        pairs = list(self._pairs(self.node["from_table"]))
        found = dict(conditions)
        for _ in pairs:
            for left, right in pairs:
                for one, other in ((left, right), (right, left)):
                    if one in found:
                        found.setdefault(other, found[one])
        return found

    def _pairs(self, table: Node) -> Iterator[tuple[Ref, Ref]]:
        if table["type"] != "JOIN":
            return
        yield from self._pairs(table["left"])
        yield from self._pairs(table["right"])
        for each in nodes_in(table["condition"]):
            if each.get("type") == "COMPARE_EQUAL":
                left, right = self.plain(each["left"]), self.plain(each["right"])
                if left is not None and right is not None:
                    yield left, right

    def beside(self, window: Node, conditions: dict[Ref, str]) -> dict[Ref, str]:
        """Return the conditions on the rows that a window function sees: those on columns of its partition."""
        kept = [self.plain(each) for each in window["partitions"]]
        return {ref: text for ref, text in conditions.items() if ref in kept} | self.said(self.node["where_clause"])

    def plain(self, expression: Node | None) -> Ref | None:
        """Return the column if an expression is only a column."""
        if expression is None or expression["class"] != "COLUMN_REF":
            return None
        found = self.resolve(tuple(expression["column_names"]))
        return found[0] if found is not None and not found[1] else None


@cache
def relation(name: str) -> Query:
    """Return a view, a table macro or a table as a query."""
    if object_named(name) is None:
        return Query(name, tuple(METADATA.tables[name].columns.keys()), ())
    query = _query(select_tree(name), {}, name)
    return Query(name, query.columns, query.branches)


def _query(node: Node, ctes: Mapping[str, Query], view: str, part: str | None = None) -> Query:
    if node["type"] == "SELECT_NODE":
        select = Select(node, ctes, view, part)
        return Query(None, tuple(select.outputs), (Branch(select, {name: name for name in select.outputs}),))
    if node["type"] == "RECURSIVE_CTE_NODE":
        return _query(node["left"], ctes, view, part)
    # the named queries of a union belong to all of its selects
    known = {**ctes}
    for cte in node["cte_map"]["map"]:
        known[cte["key"]] = _query(cte["value"]["query"]["node"], known, view, cte["key"])
    left, right = (_query(node[side], known, view, part) for side in ("left", "right"))
    if node["setop_type"] == "UNION_BY_NAME":
        return Query(None, tuple(dict.fromkeys(left.columns + right.columns)), left.branches + right.branches)
    renamed = dict(zip(left.columns, right.columns, strict=True))
    others = tuple(
        Branch(branch.select, {name: branch.names[renamed[name]] for name in left.columns}) for branch in right.branches
    )
    return Query(None, left.columns, left.branches + others)


def is_aggregate(expression: Node) -> bool:
    return expression.get("class") == "FUNCTION" and (
        expression["function_name"] == "count_star" or expression["function_name"] in aggregates()
    )
