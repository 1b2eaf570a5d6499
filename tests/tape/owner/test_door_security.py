"""Who asks through the door reads what is published of the database, and harms neither it nor what runs beside it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tape.client.owner_socket import DoorClosed, ask, asking
from tape.execution.events import Ticked
from tape.runtime.load import load_one
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal
from tests.programs import tape
from tests.tape.owners import Serving, check_after, check_unharmed, counted, patiently, peer, said, wait_for
from tests.tape.runtime.test_run import Running

TOML = "[backup]\nevery_h = 0\n"
HURRIED = f"{TOML}[door]\ntimeout_s = 1.0\n"
NOW = datetime.now(UTC)
FILES = ("there.csv", "there.parquet", "there.json", "there.duckdb")


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An owner with two ticks, and files beside its home that nobody may see through it."""
    home = tmp_path_factory.mktemp("security")
    (home / "tape.toml").write_text(TOML)
    for name in FILES:
        (home / name).write_text("hush,hush\n1,2\n")
    with Journal(home, "executor") as journal:
        journal.record([Ticked(ts=NOW - timedelta(hours=1), equity_usd=1.0), Ticked(ts=NOW, equity_usd=2.0)])
    with Serving(home, HUSH="hush") as serving:
        yield serving
        assert serving.end() == 0, serving.log


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An owner that lets a query run for a second."""
    home = tmp_path_factory.mktemp("hurried")
    (home / "tape.toml").write_text(HURRIED)
    with Serving(home) as serving:
        yield serving
        assert serving.end() == 0, serving.log


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest, owner: Serving) -> Iterator[None]:
    """After every test the owner answers and has what it had, and after most of them stores what comes."""
    yield
    check_after(request, owner)
    assert counted(owner, "ticks") == 2


def refusal(owner: Serving, sql: str) -> str:
    """Why a query is refused, in one line."""
    with pytest.raises(StoreError) as refused:
        owner.query(sql)
    told = str(refused.value)
    assert "\n" not in told
    assert "Traceback" not in told
    assert "hush" not in told
    return told


WRITES = [
    "insert into ticks by name select * from ticks",
    "update ticks set equity_usd = 0",
    "delete from ticks",
    "truncate ticks",
    "merge into ticks using ticks as t on true when matched then delete",
    "with gone as (delete from ticks returning *) from gone",
    "with new as materialized (insert into ticks by name select * from ticks returning *) from new",
    "create table leak as from ticks",
    "create or replace temp view ticks as select 1",
    "create macro as_of() as now()",
    "create or replace macro abs(x) as 1",
    "create schema leak",
    "create sequence leak",
    "create type leak as enum ('a')",
    "create index leak on ticks (ts)",
    "create secret leak (type s3)",
    "drop table ticks",
    "drop macro as_of",
    "alter table ticks rename to gone",
    "comment on table ticks is 'x'",
    "copy ticks to '{home}/leak.csv'",
    "copy (from ticks) to '{home}/leak.parquet' (format parquet)",
    "copy ticks from '{home}/there.csv'",
    "copy from database tape to other",
    "export database '{home}/leak'",
    "import database '{home}/leak'",
]
SETTINGS = [
    "set memory_limit = '10GB'",
    "set global threads = 8",
    "reset memory_limit",
    "set variable as_of = timestamptz '2000-01-01'",
    "set session timezone = 'UTC'",
    "set schema = 'other'",
    "set search_path = 'other'",
    "pragma enable_profiling",
    "pragma memory_limit = '10GB'",
    "pragma database_list",
    "pragma version",
    "attach '{home}/there.duckdb' as other",
    "attach ':memory:' as other",
    "detach tape",
    "use main",
    "install httpfs",
    "load httpfs",
    "update extensions",
    "call pragma_version()",
    "call checkpoint()",
    "checkpoint",
    "force checkpoint",
    "vacuum",
    "vacuum analyze ticks",
    "analyze",
    "begin transaction",
    "commit",
    "rollback",
    "prepare p as select 1",
    "execute p",
    "deallocate p",
    "explain analyze from ticks",
    "explain (analyze) from ticks",
    "explain /* a */ analyze from ticks",
]
HIDDEN = [
    "select 1; delete from ticks",
    "select 1;;delete from ticks;",
    "select 1 /* ; */; /* */ delete from ticks",
    "select 1 -- \n; delete from ticks",
    "select 1 /* /* */ ; delete from ticks -- */\n; delete from ticks",
    "select $$ $$; delete from ticks; select $$ $$",
    "select $a$ $b$ $a$; delete from ticks --$b$",
    "select '\\'; delete from ticks; --'; delete from ticks",
    "select e'\\''; delete from ticks; --'",
    "/* select 1 */ delete from ticks",
    "-- select 1\ndelete from ticks",
    "\ufeffdelete from ticks",
    "\u00a0delete\u00a0from\u00a0ticks",
    "\u200bdelete from ticks",
    "select 1\u037e delete from ticks",
    "DELETE\x0bFROM\x0cticks",
    "select 1\x00; delete from ticks",
]
READS = [
    "read_csv('{home}/there.csv')",
    "read_csv_auto('{home}/there.csv')",
    "read_parquet('{home}/there.parquet')",
    "parquet_scan(['{home}/there.parquet'])",
    "parquet_metadata('{home}/there.parquet')",
    "parquet_schema('{home}/there.parquet')",
    "read_json('{home}/there.json')",
    "read_json_auto('{home}/there.json')",
    "read_ndjson('{home}/there.json')",
    "read_ndjson_objects('{home}/there.json')",
    "read_text('{home}/there.csv')",
    "read_blob('{home}/there.csv')",
    "glob('{home}/*')",
    "sniff_csv('{home}/there.csv')",
    "'{home}/there.csv'",
    '"{home}/there.csv"',
    '"{home}/there.parquet"',
    "'/proc/self/environ'",
    "'https://example.com/there.csv'",
    "query('select 1')",
    "query_table('ticks')",
    "query_table(['ticks'])",
    "json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "duckdb_secrets()",
    "duckdb_settings()",
    "duckdb_logs()",
    "duckdb_log_contexts()",
    "duckdb_extensions()",
    "duckdb_functions()",
    "duckdb_variables()",
    "duckdb_temporary_files()",
    "duckdb_memory()",
    "duckdb_databases()",
    "duckdb_prepared_statements()",
    "pragma_storage_info('ticks')",
    "pragma_database_size()",
    "pragma_user_agent()",
    "which_secret('x', 's3')",
    "storage_info('ticks')",
    "enable_logging()",
    "disable_logging()",
    "truncate_duckdb_logs()",
    "enable_profiling()",
    "force_checkpoint()",
    "checkpoint()",
    "repeat('x', 10)",
    "repeat_row('x', num_rows = 10)",
    "test_all_types()",
    "sqlite_scan('{home}/there.duckdb', 'x')",
    "postgres_query('x', 'y')",
    "iceberg_scan('{home}')",
    "pg_catalog.pg_tables",
    "pg_catalog.pg_settings",
    "system.main.duckdb_settings",
    "temp.main.ticks",
    "sqlite_master",
]
CALLS = [
    "getenv('HUSH')",
    "current_setting('memory_limit')",
    "pg_typeof(1)",
    "pg_catalog.pg_get_viewdef(1)",
    "nextval('leak')",
    "currval('leak')",
    "write_log('x')",
    "json_serialize_sql('select 1')",
    "json_deserialize_sql('{{}}')",
    "json_serialize_plan('select 1')",
    "sql_auto_complete('x')",
    "error('x')",
    "sleep_ms(1)",
    "random()",
    "setseed(0.5)",
    "uuid()",
    "txid_current()",
    "current_database()",
    "in_search_path('main', 'main')",
    "lpad('', 1000000000, 'x')",
    "rpad('', 1000000000, 'x')",
    "repeat('x', 1000000000)",
    "range(1000000000)",
    "generate_series(1000000000)",
    "list_resize([1], 1000000000)",
    "array_resize([1], 1000000000)",
    "format('{{:>1000000000}}', 'x')",
    "printf('%1000000000d', 1)",
    "bin(1) || create_sort_key(1, 'asc')",
]


@pytest.mark.parametrize("sql", [*WRITES, *SETTINGS, *HIDDEN])
def test_what_is_no_select_is_refused(owner: Serving, sql: str) -> None:
    refusal(owner, sql.replace("{home}", str(owner.home)))
    assert {path.name for path in owner.home.iterdir()} == {"logs", "serve.log", "tape.toml", *FILES}


@pytest.mark.parametrize("relation", READS)
def test_what_is_no_relation_of_the_database_is_refused(owner: Serving, relation: str) -> None:
    told = refusal(owner, f"from {relation.replace('{home}', str(owner.home))}")
    assert told.startswith(("query: expected a table or view of this database", "query: expected a function")), told


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_listed_function_is_refused(owner: Serving, call: str) -> None:
    assert "query: expected" in refusal(owner, f"select {call.replace('{{', '{').replace('}}', '}')}")


def test_a_round_is_no_way_around(owner: Serving) -> None:
    asked = [*WRITES, *SETTINGS, *HIDDEN, *(f"from {each}" for each in READS), *(f"select {each}" for each in CALLS)]
    for sql in asked:
        text = sql.replace("{home}", str(owner.home))
        with pytest.raises(StoreError):
            ask(owner.home, {"request": "round", "queries": ["select 1", text, "select 1"]})


EVERY_CLAUSE = [
    "select * from ticks limit {call}",
    "select * from ticks limit (select {call})",
    "select * from ticks limit 1 offset (select {call})",
    "select * from ticks limit (select {call}) %",
    "select * from ticks order by (select {call})",
    "select * from ticks group by all having {call} = ''",
    "select * from ticks group by grouping sets (({call}), ())",
    "select sum(1) over (order by ts rows between ({call})::int preceding and current row) from ticks",
    "select sum(1) over w from ticks window w as (partition by {call})",
    "select * from ticks qualify row_number() over (order by {call}) = 1",
    "select * from ticks using sample reservoir(1 rows) repeatable (1) where {call} = ''",
    "from (pivot ticks on (select {call}) in ('x') using count(*))",
    "from (pivot ticks on equity_usd in (1, 2) using count({call}))",
    "from (unpivot (select {call} as a, 'b' as b) on a, b)",
    "from ticks, lateral (select {call})",
    "from ticks asof join (select {call} as x, now() as ts) as b using (ts)",
    "from ticks positional join (select {call})",
    "from (values (1, {call}))",
    "values ({call})",
    "table ticks union all by name select {call}",
    "select count(*) filter ({call} = '') from ticks",
    "select string_agg('a', {call}) from ticks",
    "select string_agg('a' order by {call}) from ticks",
    "select exists (select {call})",
    "select {call} = any (select 1)",
    "select (select {call}) in (1)",
    "select case (select 1) when {call} then 1 end",
    "select * exclude (ts) replace ({call} as event_id) from ticks",
    "select columns(c -> c = {call}) from ticks",
    "select try({call})",
    "select try_cast({call} as int)",
    "select ({call})::json -> 'a'",
    "select [x for x in [1] if {call} = '']",
    "select list_transform([1], lambda a, b: {call})",
    "select {{'a': {{'b': [{call}]}}}}",
    "select map {{'a': {call}}}",
    "select '2020-01-01'::date between {call} and now()",
    "select {call} collate nocase",
    "select unnest([{call}])",
    "select a.b.{call} from (select {{'b': 1}} as a)",
    "from range((select len({call})))",
    "from json_each({call})",
    "with recursive r using key (x) as (select 1 as x union select x from r where {call} = '') from r",
    "with a(x) as (select {call}) select 1",
    "select 1 intersect select {call}",
    "describe select {call}",
    "summarize select {call}",
    "explain select {call}",
]


@pytest.mark.parametrize("sql", EVERY_CLAUSE)
def test_no_clause_is_a_place_to_hide_a_call(owner: Serving, sql: str) -> None:
    told = refusal(owner, sql.format(call="getenv('HUSH')"))
    assert "getenv" in told or "syntax error" in told or "Parser Error" in told, told


@pytest.mark.parametrize("name", ["ticks", "getvariable", "as_of", "heartbeats"])
def test_a_name_that_the_query_gives_itself_opens_nothing(owner: Serving, name: str) -> None:
    for sql in (
        f"with {name} as (select 1) from {name}(), duckdb_settings()",
        f"select getenv('HUSH') as {name}",
        f'with "{owner.home}/there.csv" as (select 1) from main."{owner.home}/there.csv", ticks as {name}',
    ):
        refusal(owner, sql)


def test_what_the_database_shows_of_itself_holds_no_secret(owner: Serving) -> None:
    shown = json.dumps(
        [
            owner.query(f"from {name}")["rows"]
            for name in ("duckdb_tables()", "duckdb_views()", "information_schema.tables")
        ]
    )
    assert str(owner.home) not in shown
    assert "hush" not in shown


CHAIN = "||".join(["t"] * 16)
HOGS = {
    "list": "select len(list(x)) from range(400000000) as r (x)",
    "text": "select len(string_agg(x::varchar, 'abcdefghijklmnop')) from range(200000000) as r (x)",
    "doubled": "with recursive r as (select 1 as x, 'a' as t union all select x + 1, t || t from r where x < 40)"
    " select max(len(t)) from r",
    "chained": f"select len(t) from (select {CHAIN} as t from (select {CHAIN} as t from (select {CHAIN} as t from"
    " (select string_agg('x', '') as t from range(300000)))))",
    "recursive": "with recursive r as (select 'a' as t union all select t || u.x from r, range(50) as u (x))"
    " select count(*) from r",
    "histogram": "select histogram(x) from range(100000000) as r (x)",
    "map": "select map(list(x), list(x)) from range(50000000) as r (x)",
    "sort": "select a.x, b.x from range(100000) as a (x), range(100000) as b (x) order by a.x * b.x, hash(a.x)",
    "groups": "select count(*) from (select x, count(*) from range(300000000) as r (x) group by x)",
    "distinct": "select count(distinct x::varchar || 'abcdefghijklmnopqrstuv') from range(300000000) as r (x)",
    "window": "select max(y) from (select sum(x) over (order by hash(x)) as y from range(100000000) as r (x))",
    "wide rows": "select (select string_agg('x', '') from range(60000)) || x as a from range(10000) as r (x)",
    "structs": "select list_transform((select list(x) from range(20000000) as r (x)), lambda x: {'a': x, 'b': x})[1]",
    "json": "select len(to_json((select list(x) from range(20000000) as r (x))))",
    "named": "with c0 as (select 1 as x), "
    + ", ".join(f"c{at} as (from c{at - 1} union all from c{at - 1})" for at in range(1, 30))
    + " select count(*) from c29",
}
"""Each takes without end of what a machine has: memory, disk or time."""


KNOWN = ("query: ended after", "query: takes more memory", "query: memory is short", "answer: expected at most")


def hog(home: Path, sql: str, **more: str) -> str:
    """What a client hears; a hog may be ended, refused, or small enough."""
    try:
        with asking(home, {"request": "query", "sql": sql, **more}) as asked:
            asked.line()
            for _ in asked.parts() if "format" in more else ():
                pass
    except DoorClosed:
        raise
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.rows(1)
@pytest.mark.parametrize("name", HOGS)
def test_a_query_that_wants_everything_is_ended_and_what_it_took_is_given_back(hurried: Serving, name: str) -> None:
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(hog(hurried.home, HOGS[name]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [each for each in told if not each.startswith(KNOWN)] == []
    assert len(told) == 2
    wait_for(lambda: resident_mb(hurried.pid) < 600, f"{resident_mb(hurried.pid)} MB are kept")
    spilled = sum(path.stat().st_size for path in (hurried.home / "logs").rglob("duckdb_temp*"))
    assert spilled == 0
    check_unharmed(hurried)


@pytest.mark.thorough
def test_neither_a_round_nor_arrow_is_a_way_to_more(hurried: Serving) -> None:
    for name in ("list", "doubled", "wide rows", "sort"):
        with pytest.raises(StoreError) as refused:
            ask(hurried.home, {"request": "round", "queries": ["select 1", HOGS[name], HOGS[name]]})
        assert str(refused.value).startswith(KNOWN)
        assert hog(hurried.home, HOGS[name], request="stream", format="arrow").startswith(KNOWN)
    check_unharmed(hurried)


def resident_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024


@contextmanager
def hogging(home: Path, seconds: float, clients: int = 4) -> Iterator[list[str]]:
    """Clients that ask for everything, one thing after the other, for so long; what they heard."""
    told: list[str] = []
    until = time.monotonic() + seconds

    def run(at: int) -> None:
        queries = list(HOGS.values())
        while time.monotonic() < until:
            told.append(hog(home, queries[at % len(queries)]))
            at += 1

    threads = [threading.Thread(target=run, args=(at * 4,)) for at in range(clients)]
    for thread in threads:
        thread.start()
    yield told
    for thread in threads:
        thread.join(120)


def certificate(owner: Serving, producer: str) -> dict[str, Any]:
    return next(each for each in owner.status()["journal"] if each["producer"] == producer)


@pytest.mark.thorough
def test_while_hogs_run_everything_recorded_is_stored_and_no_step_fails(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text(HURRIED + '[store]\ncheckpoint_wal = "1MB"\n')
    with Serving(tmp_path) as serving:
        with hogging(tmp_path, 10) as told:
            loaded = load_one(tmp_path, "load", rate=200, seconds=10, seed=1)
        wait_for(lambda: certificate(serving, "load")["stored"] == loaded.batches, "not everything is stored")
        assert certificate(serving, "load")["gaps"] == 0
        assert len(told) >= 8
        assert all(told), "a hog that is answered is none"
        check_unharmed(serving)
        status = serving.status()
        assert {name: each for name, each in status["files"].items() if each["failures"]} == {}
        assert {name: error for name, error in status["mirrors"].items() if error} == {}
        assert serving.end() == 0, serving.log


@pytest.mark.thorough
def test_an_executor_in_the_same_process_goes_on_while_hogs_run(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text(HURRIED + "[executor]\ninterval_s = 0.25\n")
    with Running(tmp_path, "--home", str(tmp_path), "run") as running:
        wait_for(lambda: answers(tmp_path), "the owner does not answer")

        def stored() -> int:
            status = patiently(lambda: ask(tmp_path, {"request": "status"}))
            return sum(each["stored"] for each in status["journal"])

        wait_for(lambda: stored() > 0, "no tick is stored")
        with hogging(tmp_path, 8):
            pass
        before = stored()
        wait_for(lambda: stored() > before, "no tick is stored any more")
        status = ask(tmp_path, {"request": "status"})
        assert {name: each for name, each in status["workers"].items() if each["failures"]} == {}
        assert [each["gaps"] for each in status["journal"]] == [0]
        code, _ = running.end()
        assert code == 0, running.log
        assert "a tick failed" not in running.log
        assert "Traceback" not in running.log


def answers(home: Path) -> bool:
    try:
        ask(home, {"request": "status"})
    except StoreError:
        return False
    return True


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(3000) as a (x), range(3000) as b (x), range(3000) as c (x)",
        "select string_agg('x', '') from range(9000000)",
    ],
    ids=["never asks again", "never reads"],
)
def test_a_client_that_never_reads_gives_its_place_back(hurried: Serving, sql: str) -> None:
    silent = [peer(hurried) for _ in range(32)]
    for each in silent:
        each.sendall(json.dumps({"request": "query", "sql": sql}).encode() + b"\n")
    wait_for(lambda: answers(hurried.home), "no place is given back")
    for each in silent:
        each.close()
    check_unharmed(hurried)


def test_a_client_that_never_reads_holds_no_transaction_open(owner: Serving, tmp_path: Path) -> None:
    wide = (
        "select (select string_agg(x, '') from range(2000) as r (x)) || x as a, t.* from range(1000) as r (x), ticks t"
    )
    silent = [peer(owner) for _ in range(4)]
    for each in silent:
        each.sendall(json.dumps({"request": "query", "sql": wide}).encode() + b"\n")
    for each in silent:
        assert each.recv(1, socket.MSG_PEEK) == b"{"  # the answer is there, and too long for the pipe
    counted(owner, "ticks")
    ask(owner.home, {"request": "backup", "to": str(tmp_path / "copy.duckdb")})
    assert owner.status()["wal_bytes"] < 10_000, "a transaction keeps the log from being emptied"
    for each in silent:
        each.close()


def test_a_client_that_says_little_at_a_time_is_left(owner: Serving) -> None:
    with peer(owner) as slow:

        def drip() -> bool:
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return False

        wait_for(drip, "it may go on for ever")


def test_more_clients_than_places_are_told_to_come_back(owner: Serving) -> None:
    waiting = [peer(owner) for _ in range(40)]
    told = []
    for each in waiting[32:]:
        with each.makefile("rb") as answer:
            told.append(json.loads(answer.readline())["error"])
    assert told == ["door: 32 clients are being answered, try again"] * 8
    for each in waiting:
        each.close()
    wait_for(lambda: answers(owner.home), "the places are not given back")


def test_clients_that_all_ask_at_once_are_all_answered(owner: Serving) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(owner.value("select count(*) from ticks"))) for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [2] * 24


def test_a_request_of_100_mb_is_refused_without_being_kept(owner: Serving) -> None:
    before = resident_mb(owner.pid)
    line = b'{"request": "query", "sql": "select 1 /*' + b"x" * 100_000_000 + b'*/"}\n'
    assert "at most 1048576 bytes" in said(owner, line)["error"]
    assert resident_mb(owner.pid) < before + 50


def test_an_answer_that_is_too_large_is_refused_before_it_is_made(owner: Serving) -> None:
    wide = "select (select string_agg('x', '') from range(8000)) || x as a from range(10000) as r (x)"
    known = ("answer: expected at most 67,108,864 bytes", "query: ended after")
    assert refusal(owner, wide).startswith(known)


def test_garbage_from_many_clients_leaves_the_door_open(owner: Serving) -> None:
    for size in (1, 100, 70_000, 2_000_000):
        assert said(owner, os.urandom(size).replace(b"\n", b"") + b"\n")["ok"] is False


def test_a_reader_without_an_owner_is_held_to_the_same(owner: Serving, tmp_path: Path) -> None:
    assert tape("--home", tmp_path, "migrate").code == 0
    for sql in (
        "from read_text('/etc/hostname')",
        "select getenv('HOME')",
        "delete from ticks",
        "select lpad('', 9, 'x')",
    ):
        ended = tape("--home", tmp_path, "sql", sql)
        assert (ended.code, ended.out) == (1, ""), sql
        told, *place = ended.err.splitlines()
        assert told.startswith("tape: query: "), ended
        assert len(place) in (0, 2), ended
