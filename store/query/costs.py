"""The cost of a query: refuses queries that no time or memory limit could stop.

The database reacts to an interrupt between vectors, and never while it plans. Queries are therefore judged by their
parsed tree. Refused are endless planning, patterns that try every way through a text, calls that make a text many times
longer, and numbers that make the database allocate memory before there are rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import duckdb

from tape.store.errors import QueryRefused
from tape.store.query.tree import nodes, parser
from tape.store.views.sql_files import sql_objects


def check_words(query: str) -> None:
    """Refuse a query whose parsing alone may cost too much, and costs that its tree does not show.

    The parser expands grouping sets: a cube of 10 columns has 1,024. A CTE that is inlined wherever its name occurs may
    double the plan again and again.

    Raises:
        QueryRefused: the query costs too much.
    """
    # Tokens, not the text: a word within a string or a comment costs nothing.
    places = [place for place, _ in duckdb.tokenize(query)]
    text = query.encode().lower()
    if sum(_SETS.match(text, place) is not None for place in places) > 1:
        raise QueryRefused("one cube, rollup or grouping sets", "more")
    if any(text.startswith(b"not", at) and text.startswith(b"materialized", then) for at, then in pairwise(places)):
        raise QueryRefused("named queries that are computed once", "not materialized")


def check_costs(tree: Any, planned_of: Callable[[str], int]) -> None:
    """Refuse a select by its parsed tree; ``planned_of``: how many views and macros are expanded when one is read.

    Raises:
        QueryRefused: planning, or one vector, could take so much that it cannot be stopped in time.
    """
    lambdas, planned, joins, fields, columns, grown = 0, 0, 0, 1, 1, 1
    _check_written_out(tree)
    for node, _ in nodes(tree):
        kind, called = node.get("type"), str(node.get("function_name") or "").lower()
        lambdas += kind == "LAMBDA"
        if lambdas > _MAX_LAMBDAS:
            raise QueryRefused(f"at most {_MAX_LAMBDAS} lambdas", "more")
        joins += kind == "JOIN"
        if joins > _MAX_JOINS:
            raise QueryRefused(f"at most {_MAX_JOINS} joins", "more")
        if kind == "BASE_TABLE":
            planned += planned_of(str(node.get("table_name")).lower())
        _check_sizes(node)
        if called:
            planned += planned_of(called) if called in macros() else 0
            _check_pattern(called, node)
            _check_lambda(called, node)
            _check_call_sizes(called, node)
            grown *= _growth(called, node)
        if grown > _MAX_GROWN:
            raise QueryRefused(f"replacements that make a text at most {_MAX_GROWN} times as long", "more")
        fields *= len(node["children"]) or 1 if called in _NESTING else 1
        if fields > _MAX_FIELDS:
            raise QueryRefused(f"structs and maps of at most {_MAX_FIELDS:,} fields within one another", "more")
        columns *= _stars(node) * _relations(node.get("from_table")) or 1
        if columns > _MAX_STARS:
            raise QueryRefused(f"stars that repeat a column at most {_MAX_STARS:,} times", "more")
        if planned > _MAX_UNFOLDED:
            raise QueryRefused(f"views that unfold to at most {_MAX_UNFOLDED:,} others", "more")


def _check_written_out(tree: Any) -> None:
    """Refuse too many copies: macro arguments, and outputs that a select uses again, are planned once per use."""
    try:
        copied = _written_out(tree, {}) - sum("class" in node for node, _ in nodes(tree))
    except RecursionError:
        raise QueryRefused("one select", "one that is nested too deeply") from None
    if copied > _MAX_COPIED:
        raise QueryRefused(f"names and macros that stand for at most {_MAX_COPIED:,} parts of a query", "more")


def _written_out(node: Any, named: dict[str, int]) -> int:
    """Return how many parts an expression has; an output that the select uses again counts once per use."""
    if isinstance(node, list):
        size = 0
        for item in node:
            size += _written_out(item, named)
        return size
    if not isinstance(node, dict):
        return 0
    if node.get("class") == "COLUMN_REF":
        return named.get(node["column_names"][-1].lower(), 1)  # behind "alias." too
    size, seen = int("class" in node), named
    if node.get("type") == "SELECT_NODE":
        seen = dict(named)
        for item in node["select_list"]:
            part = _written_out(item, seen)
            size += part
            if item.get("alias"):
                seen[item["alias"].lower()] = part
    for key, value in node.items():
        if key != "select_list":
            size += _written_out(value, {} if key in ("cte_map", "from_table") else seen)
    is_macro = str(node.get("function_name") or "").lower() in macros() | _own_macros()
    return size * _MACRO_USES if is_macro else size


@cache
def _own_macros() -> frozenset[str]:
    """Return DuckDB's own macros."""
    with parser().cursor() as cursor:
        rows = cursor.execute("select function_name from duckdb_functions() where function_type = 'macro'").fetchall()
    return frozenset(name for (name,) in rows)


def _stars(node: dict[str, Any]) -> int:
    return sum(item.get("type") == "STAR" for item in node.get("select_list") or ())


def _relations(source: Any) -> int:
    """Return the number of relations in a join."""
    if not isinstance(source, dict) or source.get("type") != "JOIN":
        return 1
    return _relations(source["left"]) + _relations(source["right"])


def _check_pattern(called: str, node: dict[str, Any]) -> None:
    """Refuse a pattern that is not a literal text in the query, or that can be tried in too many ways."""
    if called not in _MATCHES | _REGEXES or len(node["children"]) < 2:
        return
    text = _literal(node["children"][1])
    if text is None or len(text) > _MAX_PATTERN:
        raise QueryRefused(f"a pattern that is a text of at most {_MAX_PATTERN} characters", f"{called} {text!r:.40}")
    if called in _MATCHES and len(_WILD.findall(text)) > _MAX_WILD:
        raise QueryRefused(f"a pattern with at most {_MAX_WILD} wildcards", f"{called} {text!r:.40}")
    if called in _REGEXES and math.prod(map(int, _COUNTED.findall(text))) > _MAX_COUNTED:
        raise QueryRefused(f"a pattern that repeats at most {_MAX_COUNTED:,} times", f"{called} {text!r:.40}")


def _check_lambda(called: str, node: dict[str, Any]) -> None:
    """Refuse lambdas that make a result larger than the element: a list for each element would be the square.

    A name of two parts may be a field of a parameter, but is a column if a relation has the parameter's name.
    """
    for child in node["children"] if called in _WITH_LAMBDA else ():
        if child.get("type") != "LAMBDA":
            continue
        own = {name.lower() for each, _ in nodes(child["lhs"]) for name in each.get("column_names") or ()}
        for each, _ in nodes(child["expr"]):
            names = each.get("column_names") or ["a column by its place or pattern"]
            is_own = len(names) == 1 and names[0].lower() in own
            if each.get("class") in ("COLUMN_REF", "POSITIONAL_REFERENCE", "STAR") and not is_own:
                raise QueryRefused("lambdas that name only their own parameters", ".".join(names))
            if (makes := str(each.get("function_name") or "").lower()) in _MAKES_LIST:
                raise QueryRefused("lambdas that make no lists", f"{makes}()")


def _check_sizes(node: dict[str, Any]) -> None:
    """Refuse parts of a query, besides calls, that are planned or allocated as large as the query says."""
    if node.get("type") == "JOIN" and node.get("ref_type") == "NATURAL":
        raise QueryRefused("joins on conditions or by named columns", "a natural join")
    if node.get("id") == "ARRAY" and isinstance(info := node.get("type_info"), dict):
        raise QueryRefused("lists as types", f"an array of {info['size']:,}")
    if (sets := len(node.get("group_sets") or ())) > _MAX_SETS:
        raise QueryRefused(f"at most {_MAX_SETS} sets that are grouped by", f"{sets:,}")
    sample = node.get("sample")
    if sample and not sample["is_percentage"] and (rows := sample["sample_size"]["value"]) > _MAX_SAMPLE:
        raise QueryRefused(f"a sample of at most {_MAX_SAMPLE:,} rows", f"{rows:,}")


def _check_call_sizes(called: str, node: dict[str, Any]) -> None:
    """Refuse calls whose number of kept values, or whose format's length, is no literal or too large."""
    if called in _KEEPS and len(node["children"]) > (place := _KEEPS[called]):
        kept = (node["children"][place].get("value") or {}).get("value")
        if not isinstance(kept, int) or kept > _MAX_KEPT:
            found = "an expression" if kept is None else str(kept)
            raise QueryRefused(f"a number of at most {_MAX_KEPT:,} values that {called} keeps", found)
    if called == "strftime":
        texts = [text for child in node["children"] if (text := _literal(child)) is not None]
        if not texts or max(map(len, texts)) > _MAX_PATTERN:
            found = "an expression" if not texts else f"{max(map(len, texts)):,} characters"
            raise QueryRefused(f"a format that is a text of at most {_MAX_PATTERN} characters", found)


def _growth(called: str, node: dict[str, Any]) -> int:
    """Return how many times longer a text may become if every part is replaced."""
    if not (called == "replace" or (called == "regexp_replace" and len(node["children"]) > 3)):
        return 1
    part, put = (_literal(child) for child in node["children"][1:3])
    if part is None or put is None:
        raise QueryRefused(f"texts as what {called} looks for and puts there", "an expression")
    return max(1, math.ceil(len(put) / (max(1, len(part)) if called == "replace" else 1)))


def _literal(node: dict[str, Any]) -> str | None:
    given = node.get("value")
    text = given.get("value") if isinstance(given, dict) else None
    return text if isinstance(text, str) else None


@cache
def macros() -> frozenset[str]:
    """Return the names of this project's own macros."""
    return frozenset(item.name for item in sql_objects() if item.is_macro)


_MAX_LAMBDAS = 10
"""Each nested lambda doubles the time to plan, and no time limit stops planning: 26 take minutes."""
_MAX_UNFOLDED = 1_500
"""Views and macros below the relations of a query, counted once per use: 1,000 are planned in about 2 s."""
_MAX_JOINS = 15
"""Joins of the query itself: planning 100 takes 9 s, and each takes 20 MB of the memory limit."""
_MAX_COPIED, _MACRO_USES = 10_000, 4
"""``select 1 as a, a + a as b, b + b as c``: 20 such outputs take minutes to plan, and so do nested ``nullif``."""
_MAX_STARS = 250
"""Nested stars: ``select *, *`` of ``select *, *`` of a table has each column four times."""
_MAX_FIELDS = 4_000
_NESTING = frozenset(("list_zip", "map", "row", "struct_insert", "struct_pack"))
"""A struct that holds the previous struct twice doubles the type: 15 of them take 18 s to plan."""
_MAX_PATTERN, _MAX_WILD, _MAX_COUNTED = 500, 4, 1_000
_MATCHES = frozenset("~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape not_ilike_escape".split())  # noqa: SIM905
"""Each wildcard is tried at every place of the text, for every place of the wildcards before it."""
_REGEXES = frozenset(
    "regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array".split()  # noqa: SIM905
)
_WITH_LAMBDA = frozenset(("list_apply", "list_filter", "list_transform"))
_MAKES_LIST = frozenset(("list_value", "list_zip"))
_SETS = re.compile(rb"(cube|rollup|sets)\b")
_MAX_SETS = 32
"""Grouping sets: each allocates a table of 2 MB before the first row."""
_MAX_SAMPLE = 10_000
"""Rows of a sample, for which memory is allocated beforehand."""
_KEEPS = {"max": 1, "min": 1, "arg_max": 2, "arg_min": 2, "max_by": 2, "min_by": 2}
"""Aggregates that keep N values, and the argument that is N: each group allocates room for N beforehand."""
_MAX_KEPT = 1_000
_WILD = re.compile(r"[%*]+")
_COUNTED = re.compile(r"\{(?:\d*,)?0*([1-9]\d*),?\}")
_MAX_GROWN = 4
"""A call makes the texts of a whole vector before it can be ended: those of 2,048 rows, so many times as long."""
