"""What may be asked is one select over what is listed; whatever else a query says or hides is refused unrun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.store.database import lock_down
from tape.store.errors import QueryRefused
from tape.store.query.guard import FUNCTIONS, TABLE_FUNCTIONS, arrow_parts, one_select

FILE = "/allowed/there.csv"
"""Stands for a file that the database itself may read."""


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the one folder that a locked database still reads."""
    path = tmp_path_factory.mktemp("scratch") / "there.csv"
    path.write_text("secret\nhidden\n")
    return path


@pytest.fixture(scope="module")
def database(readable: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked database called ``tape`` with one table of one row."""
    connection = duckdb.connect(tmp_path_factory.mktemp("query") / "tape.duckdb")
    connection.execute("create table ticks as select 'BTCUSDT' as symbol, 1.5 as price")
    lock_down(connection, readable.parent)
    yield connection
    connection.close()


def asked(database: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query that passes, as the door reads them."""
    cursor = database.cursor()
    cursor.execute("begin transaction read only")
    try:
        return cursor.execute(one_select(query, ["ticks"])).fetchall()
    finally:
        cursor.close()


@pytest.mark.parametrize(
    "query",
    [
        "select symbol from ticks",
        "SELECT symbol FROM TICKS;",
        "from ticks select symbol",
        "from main.ticks select symbol",
        "from tape.main.ticks select symbol",
        'select symbol from "ticks"',
        "/* a */ -- b\nselect symbol from ticks -- c",
        "with named as (from ticks) select symbol from named",
        "with named as (from ticks), again as (from named) select symbol from again",
        "with ticks as (select 'BTCUSDT' as symbol) select symbol from ticks",
        'with "a name" as (from ticks) select symbol from "A Name"',
        "with read_text as (from ticks) select symbol from read_text",
        "select (select max(symbol) from ticks)",
        "select symbol from ticks as outer_ticks where exists (from ticks where symbol = outer_ticks.symbol)",
        "select a.symbol from ticks as a, lateral (select a.symbol) as b",
        "select max(symbol) over (order by price) from ticks",
        "select list_filter([symbol], lambda each: each like 'BTC%')[1] from ticks",
        "with recursive r as (select 1 as x union all select x + 1 from r where x < 3)"
        " select symbol from ticks where 3 = (select max(x) from r)",
        "select symbol from (pivot ticks on symbol in ('BTCUSDT') using max(symbol) as s), ticks",
        "select 'BTCUSDT' from information_schema.tables where table_name = 'ticks'",
        "select 'BTCUSDT' from duckdb_tables() where table_name = 'ticks'",
        "select symbol from ticks, range(1)",
        "select symbol from ticks where trunc(extract(year from current_timestamp)) > 2000",
    ],
)
def test_a_select_over_the_databases_own_relations_runs(database: duckdb.DuckDBPyConnection, query: str) -> None:
    assert asked(database, query) == [("BTCUSDT",)]


@pytest.mark.parametrize(
    "query",
    [
        "explain from ticks",
        "EXPLAIN\nselect 1",
        "-- a\nexplain with a as (select 1) from a",
        "describe ticks",
        "summarize ticks",
    ],
)
def test_what_describes_a_select_runs(database: duckdb.DuckDBPyConnection, query: str) -> None:
    assert asked(database, query)


@pytest.mark.parametrize(
    "query",
    [
        "insert into ticks values ('x', 1)",
        "update ticks set price = 1",
        "delete from ticks",
        "merge into ticks using ticks as t on true when matched then delete",
        "create table other (x int)",
        "create temp table other as from ticks",
        "create macro leak() as 1",
        "drop table ticks",
        "alter table ticks add column x int",
        f"copy ticks to '{FILE}'",
        f"copy ticks from '{FILE}'",
        "export database '/tmp/leak'",
        "attach ':memory:' as other",
        "detach tape",
        "use main",
        "install httpfs",
        "load icu",
        "set threads = 1",
        "reset threads",
        "set variable as_of = 1",
        "pragma version",
        "pragma enable_profiling",
        "call pragma_version()",
        "checkpoint",
        "vacuum",
        "prepare p as select 1",
        "execute p",
        "begin transaction",
        "commit",
        "explain analyze from ticks",
        "explain ANALYSE from ticks",
        "explain (analyze) from ticks",
        "explain /* a */ analyze from ticks",
        "explain insert into ticks values ('x', 1)",
        "select 1; select 2",
        "select 1; drop table ticks",
        "pivot ticks on symbol using max(price)",
        "",
        " ; ",
        "-- nothing",
    ],
)
def test_what_is_not_one_select_is_refused(query: str) -> None:
    with pytest.raises(QueryRefused, match=r"expected (one select|explain of one select|a function)"):
        one_select(query, ["ticks"])


CALLS = [
    f"read_text('{FILE}')",
    f"read_csv('{FILE}')",
    f"read_blob('{FILE}')",
    "glob('*')",
    "getenv('HOME')",
    "query('select 1')",
    "query_table('ticks')",
    "checkpoint()",
    "enable_logging()",
    "truncate_duckdb_logs()",
    "enable_profiling()",
    "json_execute_serialized_sql('{}')",
    "pragma_table_info('ticks')",
    "duckdb_settings()",
    "duckdb_secrets()",
    "nextval('s')",
    "current_setting('threads')",
    "write_log('a')",
    "histogram('ticks', price)",
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "query",
    [
        "from {call}",
        "from ticks, {call}",
        "from ticks, lateral (from {call})",
        "from ticks semi join {call} on true",
        "select (select count(*) from {call})",
        "from ticks where exists (from {call})",
        "from ticks where symbol in (select '' from {call})",
        "with hidden as (from {call}) from hidden",
        "with hidden as materialized (with deeper as (from {call}) from deeper) from hidden",
        "with recursive r as (select 1 as x union all select x from r, {call}) from r",
        "from ticks union all from {call}",
        "from ticks limit (select count(*) from {call})",
        "explain from {call}",
        "/* /* */ -- */ from {call}",
        "from (describe from {call})",
        "from summary((from {call}))",
    ],
)
def test_a_table_function_that_is_not_listed_is_refused_wherever_it_hides(query: str, call: str) -> None:
    with pytest.raises(QueryRefused, match="expected"):
        one_select(query.format(call=call), ["ticks"])


@pytest.mark.parametrize(
    "call", ["getenv('HOME')", "\"getenv\"('HOME')", "GETENV('HOME')", "current_database()", "error('x')"]
)
@pytest.mark.parametrize(
    "query",
    [
        "select {call}",
        "select [{call}]",
        "select {{'a': {call}}}",
        "select case when true then {call} end",
        "select coalesce({call}, '')",
        "select cast({call} as varchar)",
        "select list_transform([1], lambda each: {call})",
        "select [{call} for each in [1]]",
        "select max({call}) over (partition by {call}) from ticks",
        "select count(*) filter (where {call} = '') from ticks",
        "from ticks where {call} = ''",
        "from ticks order by {call}",
        "select count(*) from ticks group by {call}",
        "from ticks qualify {call} = ''",
        "select * replace ({call} as symbol) from ticks",
        "select columns(lambda each: {call} = '') from ticks",
        "from (values ({call}))",
        "from ticks join ticks as b on {call} = ''",
        "select struct_pack(a := {call})",
        "select array(select {call})",
    ],
)
def test_a_function_that_is_not_listed_is_refused_wherever_it_hides(query: str, call: str) -> None:
    with pytest.raises(QueryRefused, match="expected a function that only reads"):
        one_select(query.format(call=call), ["ticks"])


@pytest.mark.parametrize(
    "query",
    [
        "from '{file}'",
        'from "{file}"',
        'from main."{file}"',
        "from other",
        "from temp.ticks",
        "from other.ticks",
        "from other.main.ticks",
        "from sqlite_master",
        "from duckdb_settings",
        "from pg_catalog.pg_tables",
        "from system.information_schema.tables",
        "show tables",
        "show databases",
        "from (show all tables)",
        # the name of a CTE is no passport for what it does not name
        'with "{file}" as (select 1) from main."{file}"',
        'with "{file}" as (from "{file}") from "{file}"',
        'with named as (from "{file}"), "{file}" as (select 1) from named',
        'select * from (with "{file}" as (select 1) from "{file}") as a, "{file}" as b',
        'from (from "{file}") union all (with "{file}" as (select 1) from "{file}")',
        'with recursive "{file}" as (from "{file}" union all from "{file}") from "{file}"',
        "with duckdb_settings as (select 1) from main.duckdb_settings",
        "with duckdb_settings as (select 1) from system.main.duckdb_settings",
    ],
)
def test_a_relation_that_is_not_listed_is_refused(readable: Path, query: str) -> None:
    with pytest.raises(QueryRefused, match="expected a table or view of this database"):
        one_select(query.format(file=readable), ["ticks"])


def test_a_comment_inside_a_comment_does_not_turn_explain_into_analyze(database: duckdb.DuckDBPyConnection) -> None:
    rows = asked(database, "/* /* */ explain select 1 -- */ explain analyze from duckdb_settings()")
    assert rows == asked(database, "explain select 1")


@pytest.mark.parametrize(
    "query",
    [
        "select " + "[" * 900 + "1" + "]" * 900,
        "select " + "(select " * 300 + "1" + ")" * 300,
        "select " + "abs(" * 900 + "1" + ")" * 900,
        "select " + "+".join(["1"] * 900),
        "select '" + "x" * 100_000 + "'",
        " union all ".join(["select 1"] * 50_000),
        "select j" + " -> 'a'" * 26 + " from (select '{}'::json as j)",
    ],
    ids=["lists", "subqueries", "calls", "sum", "long", "unions", "lambdas"],
)
def test_a_query_too_deep_or_too_long_to_be_judged_is_refused(query: str) -> None:
    with pytest.raises(QueryRefused, match=r"nested too deeply|at most 100,000 characters|at most 10 lambdas"):
        one_select(query, ["ticks"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("with a as not materialized (select 1) from a", "named queries that are computed once"),
        (
            "select 'ü', '日本' from (with a as NOT /* /* b */ */ -- c\n Materialized (select 1) from a)",
            "computed once",
        ),
        (f"select {', '.join(['(from risk_allocation_suggestions)'] * 3)}", "unfold to at most"),
        (" union all ".join(["select 1 from nav_now"] * 30), "unfold to at most"),
        ("select *, *, * from (" * 7 + "from ticks" + ")" * 7, "repeat a column at most 250 times"),
        (
            f"with c0 as (from ticks), {', '.join(f'c{n + 1} as (from c{n} as a, c{n} as b)' for n in range(11))}"
            " from c11",
            "repeat a column at most 250 times",
        ),
        ("select {'a': x, 'b': x} as x from (" * 16 + "select 1 as x" + ")" * 16, "at most 4,000 fields"),
        ("from ticks where symbol ilike '%a%b%c%d%e%'", "at most 4 wildcards"),
        ("from ticks where symbol not ilike '%a%b%c%d%e%'", "at most 4 wildcards"),
        ("from ticks where symbol glob '*a*a*a*a*a'", "at most 4 wildcards"),
        ("from ticks where symbol like '%_%_%_%_%_' escape 'x'", "at most 4 wildcards"),
        ("from ticks where symbol like symbol", "a pattern that is a text"),
        ("from ticks where symbol ~ (select 'a')", "a pattern that is a text"),
        ("from ticks where symbol ~ ('a' || 'b')", "a pattern that is a text"),
        ("from ticks where symbol similar to '(a?){900}(a){900}'", "repeats at most 1,000 times"),
        ("select regexp_extract(symbol, '(a{0,99}){ 2}(b{99}){99,}') from ticks", "repeats at most"),
        (f"select regexp_replace(symbol, '{'x' * 501}', '') from ticks", "at most 500 characters"),
        ("select replace(symbol, 'T', symbol) from ticks", "texts as what replace looks for"),
        ("select replace(symbol, 'T', 'TTTTT') from ticks", "at most 4 times as long"),
        ("select replace(replace(symbol, 'T', 'TTT'), 'T', 'TTT') from ticks", "at most 4 times as long"),
        ("select regexp_replace(symbol, 'T', 'TTTTT', 'g') from ticks", "at most 4 times as long"),
        ("select list_reduce([symbol], lambda a, b: a || a) from ticks", "a function that only reads"),
        (f"from ticks{''.join(f' join ticks as t{n} using (symbol)' for n in range(16))}", "at most 15 joins"),
        (f"from ticks{''.join(f', ticks as t{n}' for n in range(16))}", "at most 15 joins"),
        (f"select {', '.join(['(select 1 from ticks as a, ticks as b)'] * 16)}", "at most 15 joins"),
        (f"select 1 as a0, {', '.join(f'a{n} + a{n} as a{n + 1}' for n in range(13))}", "at most 10,000 parts"),
        (f"select {'+'.join(['1'] * 100)} as a0, {'+'.join(['a0'] * 101)}", "at most 10,000 parts"),
        (
            f"select 1 where 1 = (select {'+'.join(['1'] * 100)} as a0 order by {'+'.join(['A0'] * 101)})",
            "10,000 parts",
        ),
        (f"select 1 as a0, {', '.join(f'alias.a{n} + a{n} as a{n + 1}' for n in range(13))}", "at most 10,000 parts"),
        ("select " + "nullif(" * 7 + "symbol" + ", '')" * 7 + " from ticks", "at most 10,000 parts"),
        ("select " + "rfc3339(" * 7 + "now()" + "::timestamptz)" * 7, "at most 10,000 parts"),
        ("from ticks natural join ticks as b", "by named columns, found a natural join"),
        ("from ticks group by cube (symbol, price), rollup (symbol)", "one cube, rollup or grouping sets, found more"),
        (" union all ".join(["select 1 from ticks group by CUBE(symbol)"] * 2), "one cube, rollup or grouping sets"),
        ("from ticks group by grouping sets (cube (symbol), price)", "one cube, rollup or grouping sets"),
    ],
)
def test_what_no_time_limit_could_end_is_refused(query: str, expected: str) -> None:
    with pytest.raises(QueryRefused, match=f"expected .*{expected}"):
        one_select(query, ["ticks", "nav_now", "risk_allocation_suggestions"])


@pytest.mark.parametrize(
    "query",
    [
        "select symbol from ticks where symbol like '%B_C%USD%' and symbol not ilike 'X%' and symbol glob 'B*'",
        "select symbol from ticks where symbol ~ '[A-Z]{3,10}' and regexp_matches(symbol, 'usdt', 'i')",
        "with a as materialized (from ticks) select symbol from a",
        "select regexp_replace(replace(symbol, 'USDT', ' Tether'), ' Tether$', 'USDT') from ticks",
        "select 'BTCUSDT' where 'not materialized' <> '' -- not materialized",
        f"select ticks.symbol from ticks{''.join(f' join ticks as t{n} on true' for n in range(15))}",
        "select max(symbol, 1000)[1] from ticks",
        "select arg_max(symbol, price, 3)[1] from ticks",
        "select symbol from ticks using sample 10000 rows",
        "select symbol from ticks using sample 100%",
        "select list_transform(list({'of': symbol}), lambda each: each['of'])[1] from ticks",
        "select [upper(each) for each in list(symbol) if each <> ''][1] from ticks",
        "select symbol from ticks group by cube (symbol, price, symbol, price, symbol) having symbol > '' limit 1",
        "select symbol from ticks where strftime(now(), '%Y') > '2000'",
        "select nullif(nullif(nullif(symbol, ''), '-'), '?') as symbol from ticks order by symbol",
        f"select symbol from ticks where price not in ({', '.join(map(str, range(2, 9000)))})",
        'select symbol from ticks, (select 1 as "cube", 2 as sets)',
    ],
)
def test_what_costs_little_passes(database: duckdb.DuckDBPyConnection, query: str) -> None:
    assert asked(database, query) == [("BTCUSDT",)]


@pytest.mark.parametrize(
    "call",
    [
        "lpad('', 9, 'x')",
        "main.rpad('', 9, 'x')",
        "range(9)",
        "unnest(generate_series(9))",
        "repeat('x', 9)",
        "format('{:>9}', 'x')",
        "printf('%9d', 1)",
        "list_resize([1], 9)",
    ],
)
def test_a_function_whose_result_is_as_large_as_a_number_says_is_refused(call: str) -> None:
    with pytest.raises(QueryRefused, match="expected a function that only reads"):
        one_select(f"select {call}", ["ticks"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select reservoir_quantile(price, 0.5, 2147483647) from ticks", "a function that only reads"),
        ("select list_aggregate([price], 'reservoir_quantile', 0.5, 2147483647) from ticks", "that only reads"),
        ("select max(price, 1001) from ticks", "at most 1,000 values that max keeps, found 1001"),
        ("select arg_min(symbol, price, 500 + 501) from ticks", "values that arg_min keeps, found an expression"),
        ("select max_by(symbol, price, (select 1001)) over () from ticks", "max_by keeps, found an expression"),
        ("from ticks using sample 10001 rows", "a sample of at most 10,000 rows, found 10,001"),
        ("from ticks tablesample reservoir(10001 rows)", "a sample of at most 10,000 rows"),
        ("select * from (from ticks) tablesample reservoir(10001 rows)", "a sample of at most 10,000 rows"),
        ("select null::int[50000]", "lists as types, found an array of 50,000"),
        ("select try_cast(null as struct(a int[1000][])[])", "lists as types, found an array of 1,000"),
        ("select json_transform('[1]', '\"INTEGER[50000]\"')", "a function that only reads"),
        ("from ticks group by cube (1, 2, 3, 4, 5, 6)", "at most 32 sets that are grouped by, found 64"),
        (f"select strftime(now(), '{'%c' * 251}')", "a format that is a text of at most 500 characters, found 502"),
        ("select strftime(now(), '%c' || '%c')", "a format that is a text of at most 500 characters, found an expr"),
        (f"select strftime('{'%c' * 251}', now())", "a format that is a text of at most 500 characters"),
    ],
)
def test_what_is_allocated_as_large_as_the_query_says_is_bounded(query: str, expected: str) -> None:
    with pytest.raises(QueryRefused, match=f"expected .*{expected}"):
        one_select(query, ["ticks"])


@pytest.mark.parametrize(
    ("lambda_", "expected"),
    [
        ("lambda x: l", "that name only their own parameters, found l"),
        ("x -> l", "found l"),
        ("lambda x: x || l", "found l"),
        ("lambda x, n: x + n + r.l", "found r.l"),
        # the column l of r, not a field of the parameter
        ("lambda r: r.l", "found r.l"),
        ("lambda x: list_filter(x, lambda y: x)", "found"),
        ("lambda x: #1", "found a column by its place or pattern"),
        ("lambda x: columns('l')", "found a column by its place or pattern"),
        ("lambda x: [x, x]", r"that make no lists, found list_value\(\)"),
        ("lambda x: list_zip(x, x)", r"that make no lists, found list_zip\(\)"),
    ],
)
@pytest.mark.parametrize("call", ["list_transform", "list_filter", "LIST_APPLY", "main.list_transform"])
def test_a_lambda_makes_of_an_element_nothing_larger(call: str, lambda_: str, expected: str) -> None:
    with pytest.raises(QueryRefused, match=f"expected lambdas .*{expected}"):
        one_select(f"select {call}(l, {lambda_}) from (select list(symbol) as l from ticks) as r", ["ticks"])


@pytest.mark.parametrize("query", ["selec 1", "select (", "select " + "(" * 30_000, "explain explain select 1"])
def test_what_is_no_sql_is_told_by_the_parser(query: str) -> None:
    with pytest.raises(duckdb.ParserException):
        one_select(query, ["ticks"])


def test_a_query_with_open_parameters_fails(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match="parameter"):
        asked(database, "select $1")


def test_no_listed_function_has_side_effects() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select distinct function_name from duckdb_functions()"
            " where has_side_effects and list_contains(?, function_name)",
            [sorted(FUNCTIONS | TABLE_FUNCTIONS)],
        ).fetchall()
    assert rows == []


def test_the_parts_of_arrow_are_one_stream_of_every_row_made_as_they_are_asked_for(
    database: duckdb.DuckDBPyConnection,
) -> None:
    pa = pytest.importorskip("pyarrow")
    for count in (0, 1, 100_000):
        parts = list(arrow_parts(database.cursor().execute(f"select range as i from range({count})")))
        table = pa.ipc.open_stream(b"".join(part for part, _ in parts)).read_all()
        assert table.column("i").to_pylist() == list(range(count))
        assert sum(rows for _, rows in parts) == count
    endless = arrow_parts(database.cursor().execute("select range as i from range(1000000000000)"))
    assert next(endless)[1] > 0
