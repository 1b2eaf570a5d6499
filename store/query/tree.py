"""The SQL of a view as a tree, as DuckDB parses it, and the words of an expression as they stand in its file.

Pure: a parser of its own, no database. What a node looks like is DuckDB's ``json_serialize_sql``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import duckdb

from tape.store.views.sql_files import SqlObject, sql_objects

Node = dict[str, Any]
_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9.e]*|\S")
_TABLE_MACRO = re.compile(r"\)\s+as\s+table\b")
_MACRO = re.compile(r"create macro\s+(\w+\([^)]*\))\s+as\s+(.*?);?\s*\Z", re.DOTALL)
_NO_LOCATION = 2**63


@cache
def object_named(name: str) -> SqlObject | None:
    """A macro or view of ``sql/``."""
    return next((item for item in sql_objects() if item.name == name), None)


@cache
def select_text(name: str) -> str:
    """The ``select`` of a view or table macro."""
    item = object_named(name)
    if item is None or (item.is_macro and not item.is_table_macro):
        raise ValueError(f"{name}: expected a view or a table macro")
    found = _TABLE_MACRO.search(item.text) if item.is_macro else None
    return item.text if found is None else item.text[found.end() :].rstrip().removesuffix(";")


@cache
def macro_parts(name: str) -> tuple[str, str]:
    """A scalar macro with its parameters, and its expression."""
    item = object_named(name)
    found = None if item is None else _MACRO.search(item.text)
    if found is None:
        raise ValueError(f"{name}: expected a macro")
    return found[1], found[2]


@cache
def select_tree(name: str) -> Node:
    """The tree of a view or table macro; not to be changed."""
    return parse(select_text(name))


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def parse(select: str) -> Node:
    """The tree of one ``select``."""
    ((text,),) = _parser().execute("select cast(json_serialize_sql(?) as varchar)", [select]).fetchall()
    tree: Node = json.loads(text)["statements"][0]["node"]
    return tree


def unparse(node: Node) -> str:
    """A tree as SQL."""
    tree = {"error": False, "statements": [{"node": node, "named_param_map": []}]}
    ((text,),) = _parser().execute("select json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return str(text)


@cache
def aggregates() -> frozenset[str]:
    """The names of functions that make one value of many rows."""
    query = "select distinct function_name from duckdb_functions() where function_type = 'aggregate'"
    return frozenset(name for (name,) in _parser().execute(query).fetchall())


def nodes_in(tree: Any) -> Iterator[Node]:
    """A node and all beneath it, but for what stands in subqueries."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes_in(item)
    elif isinstance(tree, dict):
        yield tree
        for key, value in tree.items():
            if key != "subquery":
                yield from nodes_in(value)


class _Token(NamedTuple):
    start: int
    end: int
    word: str
    depth: int
    """Of brackets around it; a bracket counts as outside."""


@cache
def _tokens(text: str) -> tuple[_Token, ...]:
    found, depth = [], 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word.startswith("--"):
            continue
        depth -= word in ")]}"
        found.append(_Token(match.start(), match.end(), word, depth))
        depth += word in "([{"
    return tuple(found)


def words_of(text: str, expression: Node, name: str) -> str | None:
    """How ``expression as name``, or ``'name': expression`` in a struct, stands in the text of its select."""
    at = [
        each["query_location"] for each in nodes_in(expression) if each.get("query_location", _NO_LOCATION) < len(text)
    ]
    if not at:
        return None
    tokens = _tokens(text)
    first = next((n for n, token in enumerate(tokens) if token.end > min(at)), None)
    if first is None:
        return None
    span = _member_span(tokens, first, name) or _item_span(tokens, first, name)
    return None if span is None else _dedented(text, tokens[span[0]].start, tokens[span[1]].end)


def _item_span(tokens: tuple[_Token, ...], first: int, name: str) -> tuple[int, int] | None:
    """First and last token of ``.. as name``."""
    for n in range(first, len(tokens) - 1):
        if tokens[n].word == "as" and tokens[n + 1].word.strip('"') == name:
            depth = tokens[n].depth
            start = _back(tokens, min(first, n - 1), depth)
            return (start, n - 1) if start <= n - 1 else None
    return None


def _member_span(tokens: tuple[_Token, ...], first: int, name: str) -> tuple[int, int] | None:
    """First and last token behind ``'name':``, which stands just before, in or before opened brackets."""
    for n in range(first - 1, 0, -1):
        if tokens[n].word == ":" and tokens[n].depth <= tokens[first].depth:
            if tokens[n - 1].word != f"'{name}'":
                return None
            depth = tokens[n].depth
            end = n + 1
            while end + 1 < len(tokens) and not _ends(tokens[end + 1], depth):
                end += 1
            return n + 1, end
        if tokens[n].word in ("select", "from", "as"):
            return None
    return None


def _ends(token: _Token, depth: int) -> bool:
    """Whether it ends or begins an item of a list whose items stand at a depth."""
    return token.depth < depth or (token.depth == depth and token.word in (",", "select"))


def _back(tokens: tuple[_Token, ...], n: int, depth: int) -> int:
    """The first token of the item that holds the ``n``-th, where items of its list stand at a depth."""
    while n > 0 and not _ends(tokens[n - 1], depth):
        n -= 1
    while tokens[n].word == "distinct":
        n += 1
    return n


def _dedented(text: str, start: int, end: int) -> str:
    """Its lines without the blanks that all but the first have in common."""
    lines = text[start:end].split("\n")
    line_start = text.rfind("\n", 0, start) + 1
    own = len(text[line_start:start]) - len(text[line_start:start].lstrip())
    margin = min([len(line) - len(line.lstrip()) for line in lines[1:]] + [own])
    return "\n".join([lines[0], *(line[margin:] for line in lines[1:])])
