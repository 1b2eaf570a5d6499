"""SQL as a tree, as DuckDB parses it: the tree of a view, and of a query that a user asks.

The parser has no database. The nodes are those of DuckDB's ``json_serialize_sql``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

from tape.store.views.sql_files import SqlObject, sql_objects

Node = dict[str, Any]
_TABLE_MACRO = re.compile(r"\)\s+as\s+table\b")
_MACRO = re.compile(r"create macro\s+(\w+\([^)]*\))\s+as\s+(.*?);?\s*\Z", re.DOTALL)


@cache
def object_named(name: str) -> SqlObject | None:
    """Return a macro or view of ``sql/``."""
    return next((item for item in sql_objects() if item.name == name), None)


@cache
def select_text(name: str) -> str:
    """Return the ``select`` of a view or table macro."""
    item = object_named(name)
    if item is None or (item.is_macro and not item.is_table_macro):
        raise ValueError(f"{name}: expected a view or a table macro")
    found = _TABLE_MACRO.search(item.text) if item.is_macro else None
    return item.text if found is None else item.text[found.end() :].rstrip().removesuffix(";")


@cache
def macro_parts(name: str) -> tuple[str, str]:
    """Return the parameters and the expression of a scalar macro."""
    item = object_named(name)
    found = None if item is None else _MACRO.search(item.text)
    if found is None:
        raise ValueError(f"{name}: expected a macro")
    return found[1], found[2]


@cache
def select_tree(name: str) -> Node:
    """Return the tree of a view or table macro; not to be changed."""
    return parse(select_text(name))


@cache
def parser() -> duckdb.DuckDBPyConnection:
    """Return a connection that only parses SQL: without threads, and kept because opening one takes 10 ms."""
    return duckdb.connect(config={"threads": 1})


def parse(select: str) -> Node:
    """Return the tree of one ``select``."""
    with parser().cursor() as cursor:
        ((text,),) = cursor.execute("select cast(json_serialize_sql(?) as varchar)", [select]).fetchall()
    tree: Node = json.loads(text)["statements"][0]["node"]
    return tree


def unparse(node: Node) -> str:
    """Return a tree as SQL."""
    tree = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
    with parser().cursor() as cursor:
        ((text,),) = cursor.execute("select json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return str(text)


@cache
def aggregates() -> frozenset[str]:
    """Return the names of functions that make one value of many rows."""
    query = "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
    with parser().cursor() as cursor:
        return frozenset(name for (name,) in cursor.execute(query).fetchall())


def nodes(tree: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every node with the names of the CTEs that it sees: those of enclosing nodes and, in a CTE, earlier."""
    todo: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while todo:
        node, ctes = todo.pop()
        if isinstance(node, list):
            todo += [(item, ctes) for item in node]
        elif isinstance(node, dict):
            inner = ctes
            for cte in (node.get("cte_map") or {}).get("map", []):
                # A CTE sees those before it and not itself, so its own name is added after it.
                todo.append((cte["value"], inner))
                inner |= {str(cte["key"]).lower()}
            own = inner | {str(node.get("cte_name")).lower()} if node.get("type") == "RECURSIVE_CTE_NODE" else inner
            todo += [(value, own if name == "right" else inner) for name, value in node.items() if name != "cte_map"]
            yield node, inner


def nodes_in(tree: Any) -> Iterator[Node]:
    """Yield a node and all nodes below it, except those in subqueries."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes_in(item)
    elif isinstance(tree, dict):
        yield tree
        for key, value in tree.items():
            if key != "subquery":
                yield from nodes_in(value)
