"""Allowed queries: one ``select``, or ``explain`` of one, over this database's tables and views.

A query is judged by its parsed tree: relations must be the database's own, functions must be listed here. A read-only
transaction is not enough: DuckDB has functions that write files, change settings, or run text as SQL.
``tape.store.query.costs`` judges the cost of a query.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any

import duckdb

from tape.store.errors import QueryRefused
from tape.store.optional import pyarrow
from tape.store.query.costs import check_costs, check_words, macros
from tape.store.query.tree import nodes, parser
from tape.store.views.sql_files import unfolded


def one_select(query: str, relations: Collection[str], planned_of: Callable[[str], int] = unfolded) -> duckdb.Statement:
    """Parse a query and return it as one statement that only reads these tables and views.

    ``planned_of``: how many views and macros are expanded when one is read; in a round they are fewer.

    Raises:
        QueryRefused: it has no statement or several, is not a select, or uses relations or functions that are not
            listed.
        duckdb.ParserException: it is not SQL.
    """
    if len(query) > _MAX_CHARS:
        raise QueryRefused(f"at most {_MAX_CHARS:,} characters", f"{len(query):,}")
    # The parser stops at it, and what follows would be run unjudged.
    if "\0" in query:
        raise QueryRefused("text", "a NUL, behind which nothing would be read")
    check_words(query)
    statement = _only(query)
    if statement.type == duckdb.StatementType.EXPLAIN:
        return _explain(statement.query, relations, planned_of)
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryRefused("one select or explain", statement.type.name.lower())
    _check(_tree(statement.query), relations, statement.query, planned_of)
    return statement


def _only(query: str) -> duckdb.Statement:
    with parser().cursor() as cursor:
        statements = cursor.extract_statements(query)
    if len(statements) != 1:
        raise QueryRefused("one select or explain", f"{len(statements)} statements" if statements else "nothing")
    return statements[0]


def _explain(query: str, relations: Collection[str], planned_of: Callable[[str], int]) -> duckdb.Statement:
    """Explain exactly the text that was judged, because text hidden in a comment can be read in more than one way."""
    select = _EXPLAIN.sub("", query, count=1)
    # `explain analyze` runs the query, outside of what was judged.
    if re.match(r"analy[sz]e\b|\(", select, re.IGNORECASE):
        raise QueryRefused("explain of one select", "explain analyze")
    _check(_tree(select), relations, select, planned_of)
    return _only(f"explain {select}")


def arrow_parts(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[bytes, int]]:
    """Yield a result as an Arrow IPC stream, in parts as it is computed, each with its number of rows.

    Raises:
        StoreError: pyarrow is not installed.
    """
    pa = pyarrow()
    reader = result.to_arrow_reader(_ARROW_ROWS)
    sink = io.BytesIO()

    def taken() -> bytes:
        part = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return part

    with pa.ipc.new_stream(sink, reader.schema) as stream:
        for batch in reader:
            stream.write_batch(batch)
            yield taken(), batch.num_rows
    yield taken(), 0


def row_parts(result: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a result as they are computed, some hundred at a time."""
    # Few at a time: between two fetches the query can be told to end.
    while rows := result.fetchmany(FETCHED):
        yield rows


def _tree(select: str) -> Any:
    with parser().cursor() as cursor:
        row = cursor.execute("select json_serialize_sql(?)", [select]).fetchone()
    try:
        found = json.loads(row[0]) if row else {}
    except RecursionError:
        raise QueryRefused("one select", "one that is nested too deeply") from None
    if found.get("error", True):
        raise QueryRefused("one select", str(found.get("error_message") or "no select"))
    return found["statements"]


def _check(tree: Any, relations: Collection[str], text: str, planned_of: Callable[[str], int]) -> None:
    tables = {name.lower() for name in relations}
    in_from: set[int] = set()
    for node, ctes in nodes(tree):
        kind, called = node.get("type"), str(node.get("function_name") or "").lower()
        if kind == "BASE_TABLE" and not _is_listed(node, tables, ctes):
            names = (node.get("catalog_name"), node.get("schema_name"), node.get("table_name"))
            expected = f"a table or view of this database{_like(str(node.get('table_name')), tables)}"
            raise QueryRefused(expected, ".".join(filter(None, names)), _place(text, node))
        if kind == "SHOW_REF" and node.get("query") is None:
            raise QueryRefused("a table or view of this database", f"show {node.get('table_name')}")
        # Its function is a node of its own that comes later: as a table it may do other things than as a value.
        if kind == "TABLE_FUNCTION":
            in_from.add(id(node["function"]))
        listed = TABLE_FUNCTIONS if id(node) in in_from else FUNCTIONS
        # A list of what may be called, not of what may not: a new version of DuckDB has new functions.
        if called and called not in listed and called not in macros():
            expected = f"a function that only reads{_like(called, {*listed, *macros()})}"
            raise QueryRefused(expected, f"{called}()", _place(text, node))
    check_costs(tree, planned_of)


def _like(name: str, names: Collection[str]) -> str:
    """Return the names that are most similar to one, as the end of a sentence."""
    near = get_close_matches(name.lower(), sorted(names), 3, 0.7)
    return f" such as {', '.join(near)}" if near else ""


def _place(text: str, node: dict[str, Any]) -> str:
    """Return the line of a query in which a node stands, with a caret under the node."""
    at = node.get("query_location")
    if not isinstance(at, int) or at > len(text.encode()):
        return ""
    before = text.encode()[:at].decode(errors="replace")
    number, column = before.count("\n") + 1, len(before.rpartition("\n")[2])
    line = text.split("\n")[number - 1]
    begin = max(0, column - _CONTEXT)
    head = f"LINE {number}: {'...' if begin else ''}"
    end = "..." if column + _CONTEXT < len(line) else ""
    return f"{head}{line[begin : column + _CONTEXT]}{end}\n{' ' * (len(head) + column - begin)}^"


def _is_listed(node: dict[str, Any], tables: set[str], ctes: frozenset[str]) -> bool:
    place = (node.get("catalog_name") or "", node.get("schema_name") or "")
    name = str(node.get("table_name")).lower()
    # Only where the name is visible: a CTE of another branch must not open a table of its name.
    if place == ("", "") and name in ctes:
        return True
    return place == ("", "information_schema") or (place in _PLACES and name in tables)


_CONTEXT = 40
"""Characters that are shown on each side of a place."""
FETCHED = 200
"""Rows that are made at a time."""
_ARROW_ROWS = 8 * 2048
_EXPLAIN = re.compile(r"\A(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\s+", re.IGNORECASE | re.DOTALL)
_PLACES = {("", ""), ("", "main"), ("tape", "main")}
_MAX_CHARS = 100_000
"""Of a query: judging a longer one takes seconds, and no time limit ends that."""
FUNCTIONS = frozenset(
    """
    ! !~~ % & && * ** + - -> ->> / // < << <= <> <@ = == > >= >> @> ^ ^@ | || ~ ~~ ~~* ~~~ !~~*
    abs acos age ago any_value approx_count_distinct approx_quantile arg_max arg_max_null arg_min arg_min_null array_agg
    array_contains array_distinct array_extract array_length array_slice array_to_string array_value ascii asin atan
    atan2 avg bar between bit_and bit_or bool_and bool_or cast cbrt ceil ceiling century char_length chr coalesce concat
    concat_ws constant_or_null contains corr cos cot count count_if count_star countif covar_pop covar_samp cume_dist
    current_date current_localtimestamp current_timestamp date_add date_diff date_part date_sub date_trunc datediff
    datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade degrees dense_rank element_at ends_with
    entropy epoch epoch_ms epoch_ns epoch_us era exp extract favg first first_value flatten floor fmod
    format_bytes fsum gamma gcd geomean getvariable greatest group_concat hash histogram hour
    ifnull ilike_escape instr isfinite isinf isnan isodow isoyear json json_array json_array_length json_contains
    json_each json_exists json_extract json_extract_path json_extract_path_text json_extract_string json_group_array
    json_group_object json_keys json_merge_patch json_object json_pretty json_quote json_structure
    json_type json_valid json_value julian kahan_sum kurtosis lag last last_day last_value lcase lcm lead least left len
    length like_escape list list_any_value list_append list_apply list_avg list_concat list_contains
    list_count list_distinct list_element list_extract list_filter list_first list_has list_has_all list_has_any
    list_indexof list_intersect list_last list_max list_median list_min list_position list_prepend
    list_reverse list_reverse_sort list_select list_slice list_sort list_string_agg list_sum list_transform list_unique
    list_value list_where list_zip listagg ln log log10 log2 lower ltrim mad make_date make_time make_timestamp
    make_timestamp_ms make_timestamptz map map_contains map_entries map_extract map_from_entries map_keys map_values max
    max_by md5 mean median microsecond millisecond min min_by minute mod mode month monthname not_ilike_escape
    not_like_escape now nth_value ntile nullif octet_length percent_rank pi pow power prefix product quantile
    quantile_cont quantile_disc quarter radians rank rank_dense regexp_escape regexp_extract regexp_extract_all
    regexp_full_match regexp_matches regexp_replace regexp_split_to_array regr_avgx regr_avgy regr_count regr_intercept
    regr_r2 regr_slope regr_sxx regr_sxy regr_syy replace reverse right round round_even row
    row_number rtrim second sem sha256 sign sin skewness split_part sqrt starts_with stddev stddev_pop stddev_samp
    str_split strftime string_agg string_split strip_accents strlen strpos strptime struct_extract struct_insert
    struct_keys struct_pack struct_values substr substring suffix sum sumkahan tan time_bucket timezone to_days to_hours
    to_json to_microseconds to_milliseconds to_minutes to_months to_seconds to_timestamp to_weeks to_years today
    translate trim trunc try_strptime typeof ucase unicode unnest upper var_pop var_samp variance version week weekday
    weekofyear weighted_avg wavg xor year yearweek
    """.split()  # noqa: SIM905
)
"""Functions and operators that compute from their arguments alone, none of them a result as large as a number says."""
TABLE_FUNCTIONS = frozenset(
    ("duckdb_columns", "duckdb_tables", "duckdb_views", "generate_series", "json_each", "range", "summary", "unnest")
)
"""Those that compute rows from their arguments alone, and the catalog's own descriptions."""
