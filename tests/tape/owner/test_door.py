"""Whatever comes through the door, the owner goes on, and gives nothing but what may be asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import tape.owner.door
from tape.client.owner_socket import DoorClosed, ask, asking
from tape.execution.events import Ticked
from tape.owner.owner import DatabaseBroken, Owner
from tape.settings import load_settings
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal
from tests.tape.owners import Serving, check_after, patiently, peer, said, wait_for

RUNAWAY = "select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An owner with two ticks, one hour apart, that lets a query have 50 rows."""
    home = tmp_path_factory.mktemp("door")
    (home / "tape.toml").write_text('ENV = "door"\n[door]\nmax_rows = 50\n')
    with Journal(home, "executor") as journal:
        journal.record([Ticked(ts=NOW - timedelta(hours=1), equity_usd=1.0), Ticked(ts=NOW, equity_usd=2.0)])
    with Serving(home) as serving:
        yield serving
        assert serving.end() == 0, serving.log


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An owner that lets a query run for a second."""
    home = tmp_path_factory.mktemp("hurried")
    (home / "tape.toml").write_text("[door]\ntimeout_s = 1.0\n")
    with Serving(home) as serving:
        yield serving
        assert serving.end() == 0, serving.log


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest, owner: Serving) -> Iterator[None]:
    """After every test the owner answers, and after most of them stores what comes."""
    yield
    check_after(request, owner)


def test_a_query_gets_columns_and_rows(owner: Serving) -> None:
    answer = owner.query("select symbol, 1.5 as x from (select 'a' as symbol)")
    types = ["VARCHAR", "DECIMAL(2,1)"]
    assert answer == {"ok": True, "columns": ["symbol", "x"], "types": types, "rows": [["a", 1.5]], "is_cut": False}


def test_every_kind_of_value_comes_through(owner: Serving) -> None:
    values = {
        "9000000000000000000000::hugeint": 9000000000000000000000,
        "'nan'::double": None,
        "1.50": 1.5,
        "date '2025-01-02'": "2025-01-02",
        "timestamptz '2025-01-02T03:04:05.5Z'": "2025-01-02T03:04:05.500000Z",
        "interval 90 second": "0:01:30",
        "map {1: 'a'}": {"1": "a"},
        "{'a': [1, null]}": {"a": [1, None]},
        "'\\xAA'::blob": str(b"\xaa"),
        "timestamptz '-infinity'": None,
    }
    for sql, value in values.items():
        found = owner.value(f"select {sql}")
        assert found == value or value is None, sql


def test_a_runaway_query_is_ended_and_others_are_answered_meanwhile(hurried: Serving) -> None:
    errors: list[str] = []

    def run_away() -> None:
        with pytest.raises(StoreError) as caught:
            hurried.query(RUNAWAY)
        errors.append(str(caught.value))

    thread = threading.Thread(target=run_away)
    thread.start()
    assert patiently(lambda: hurried.value("select 1")) == 1
    thread.join(60)
    assert errors == ["query: ended after 1 s"]


def test_a_runaway_query_ends_when_its_client_hangs_up(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[door]\ntimeout_s = 600\nqueries = 1\n")
    with Serving(tmp_path) as serving:
        for pause_s in (0.0, 0.7):  # before it runs, and while it does
            with peer(serving) as client:
                client.sendall(json.dumps({"request": "query", "sql": RUNAWAY}).encode() + b"\n")
                time.sleep(pause_s)
            assert serving.value("select 1") == 1, "the only place is free again"
        assert serving.end() == 0, serving.log


def test_who_only_says_no_more_still_gets_an_answer(owner: Serving) -> None:
    slow = "select count(*) from range(3000) as a (x), range(3000) as b (x) where a.x + b.x = -1"
    assert said(owner, json.dumps({"request": "query", "sql": slow}).encode() + b"\n")["rows"] == [[0]]


@pytest.mark.thorough
def test_a_runaway_query_for_arrow_is_ended_too(hurried: Serving) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(StoreError, match="ended after 1 s"):
        streamed(hurried, RUNAWAY, format="arrow")


def test_a_query_that_streams_without_end_is_ended_or_cut(owner: Serving) -> None:
    answer = owner.query("select x from range(1000000000) as numbers (x)")
    assert (len(answer["rows"]), answer["is_cut"]) == (50, True)


def test_rows_are_capped_and_it_is_said(owner: Serving) -> None:
    for count, is_cut in ((49, False), (50, False), (51, True)):
        answer = owner.query(f"from range({count})")
        assert (len(answer["rows"]), answer["is_cut"]) == (min(count, 50), is_cut)


def streamed(owner: Serving, sql: str, **more: Any) -> tuple[dict[str, Any], list[bytes]]:
    """The first line of a stream, and its parts."""
    with asking(owner.home, {"request": "stream", "sql": sql, **more}) as asked:
        return asked.line(), list(asked.parts())


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 20_503])
def test_a_stream_has_every_row_however_many_an_answer_may_have(owner: Serving, count: int) -> None:
    head, parts = streamed(owner, f"select x, 'a' as a from range({count}) as numbers (x)")
    assert head == {"ok": True, "columns": ["x", "a"], "types": ["BIGINT", "VARCHAR"]}
    assert [row for part in parts for row in json.loads(part)] == [[x, "a"] for x in range(count)]


@pytest.mark.parametrize("count", [0, 51, 20_503])
def test_a_stream_of_arrow_has_every_row_too(owner: Serving, count: int) -> None:
    pa = pytest.importorskip("pyarrow")
    _, parts = streamed(owner, f"from range({count})", format="arrow")
    assert pa.ipc.open_stream(b"".join(parts)).read_all().num_rows == count


def test_a_stream_says_at_its_end_how_many_rows_it_had(owner: Serving) -> None:
    with peer(owner) as client, client.makefile("rb") as answer:
        client.sendall(b'{"request": "stream", "sql": "from range(20503)"}\n')
        answer.readline()
        lines = []
        while size := (line := json.loads(answer.readline())).get("bytes"):
            lines.append(answer.read(size))
        assert (line, answer.read()) == ({"ok": True, "rows": 20_503}, b"")
    assert len(lines) > 1


@pytest.mark.parametrize("sql", ["selec 1", "delete from ticks", "from nowhere"])
def test_what_cannot_be_streamed_is_refused_in_the_first_line(owner: Serving, sql: str) -> None:
    with asking(owner.home, {"request": "stream", "sql": sql}) as asked, pytest.raises(StoreError):
        asked.line()


def test_a_form_that_is_none_is_refused(owner: Serving) -> None:
    with pytest.raises(StoreError, match="format: expected one of rows, arrow, found 'xml'"):
        streamed(owner, "select 1", format="xml")
    with pytest.raises(StoreError, match="format: expected rows, or the request stream, found 'arrow'"):
        owner.query("select 1", format="arrow")


def test_a_stream_that_fails_after_some_rows_says_so_behind_them(owner: Serving) -> None:
    failing = "select case when x < 500000 then x else cast('none' || x as bigint) end as x from range(600000) as r (x)"
    with asking(owner.home, {"request": "stream", "sql": failing}) as asked:
        asked.line()
        parts = asked.parts()
        assert json.loads(next(parts))[0] == [0]
        with pytest.raises(StoreError, match="none500000"):
            list(parts)


@pytest.mark.thorough
def test_a_client_that_reads_nothing_of_a_stream_is_left_and_the_others_are_answered(hurried: Serving) -> None:
    stalled = [peer(hurried) for _ in range(8)]
    for each in stalled:
        each.sendall(b'{"request": "stream", "sql": "from range(1000000000)"}\n')
    assert patiently(lambda: hurried.value("select 1")) == 1
    for each in stalled:
        with each, each.makefile("rb") as answer:
            while line := answer.readline(10_000_000):
                pass
            assert line == b"", "the owner closed the connection"


def test_a_client_that_hangs_up_in_the_middle_of_a_stream_ends_it(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[door]\ntimeout_s = 600\nstream_s = 600\nqueries = 1\n")
    with Serving(tmp_path) as serving:
        with asking(serving.home, {"request": "stream", "sql": "from range(1000000000)"}) as asked:
            asked.line()
            next(asked.parts())
        assert serving.value("select 1") == 1, "the only place is free again"
        assert serving.end() == 0, serving.log


def test_a_long_stream_gives_its_place_to_others_and_ends_at_its_own_time(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[backup]\nevery_h = 0\n[door]\ntimeout_s = 3\nstream_s = 9\nqueries = 1\n")
    with Serving(tmp_path) as serving:
        answers: list[Any] = []
        other = threading.Thread(target=lambda: answers.append(patiently(lambda: serving.value("select 1"))))
        with asking(serving.home, {"request": "stream", "sql": "from range(1000000000)"}) as asked:
            asked.line()
            other.start()
            answered_by_then = (list(answers) for _ in asked.parts())
            last: deque[list[Any]] = deque(maxlen=1)
            with pytest.raises(StoreError, match=r"ended after 9 s: no result is read longer \(\[door\] stream_s\)"):
                last.extend(answered_by_then)
            assert last == deque([[1]]), "another query was answered while the stream was read"
        other.join()
        assert serving.end() == 0, serving.log


def test_a_query_sees_the_instant_it_asks_for(owner: Serving) -> None:
    query = "select equity_usd, (select as_of_text from clock) from nav_now"
    then = (NOW - timedelta(minutes=30)).replace(microsecond=0)
    assert owner.query(query, as_of=then.isoformat())["rows"] == [[1.0, f"{then:%Y-%m-%dT%H:%M:%SZ}"]]
    assert owner.query(query)["rows"][0][0] == 2.0


def in_round(owner: Serving, *queries: str, **more: Any) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = ask(owner.home, {"request": "round", "queries": queries, **more})["answers"]
    return answers


def test_a_round_answers_several_queries_on_one_instant_like_each_alone(owner: Serving) -> None:
    queries = ("from nav_now", "from nav_document", "select count(*) as ticks from ticks", "from range(51)")
    then = (NOW - timedelta(minutes=30)).isoformat()
    alone = [owner.query(query, as_of=then) for query in queries]
    assert in_round(owner, *queries, as_of=then) == [
        {name: answer[name] for name in ("columns", "types", "rows", "is_cut")} for answer in alone
    ]
    first, second = in_round(owner, "select as_of() as at", "select as_of() as at")
    assert first == second


def test_a_round_may_no_more_than_a_query(owner: Serving, hurried: Serving) -> None:
    with pytest.raises(StoreError, match="ended after 1 s"):
        in_round(hurried, "select 1", RUNAWAY)
    with pytest.raises(StoreError, match="expected one select"):
        in_round(owner, "select 1", "delete from ticks")
    with pytest.raises(StoreError, match="at most 200 queries, found 201"):
        in_round(owner, *["select 1"] * 201)


def test_a_query_sees_what_is_configured(owner: Serving) -> None:
    assert owner.query("select env from runtime_probe")["rows"] == [["door"]]


@pytest.mark.parametrize(
    "sql",
    [
        "insert into ticks (event_id) values ('x')",
        "delete from ticks",
        "create table leak (x int)",
        "copy ticks to '/tmp/leak'",
        "attach ':memory:' as other",
        "set threads = 1",
        "checkpoint",
        "from read_text('/etc/hostname')",
        "from '/etc/hostname'",
        "explain analyze from ticks",
        "selec 1",
        "",
    ],
)
def test_what_does_not_only_read_is_refused(owner: Serving, sql: str) -> None:
    with pytest.raises(StoreError):
        owner.query(sql)
    assert owner.value("select count(*) from ticks") == 2


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (b"", "one line"),
        (b"\n", "empty"),
        (b"garbage\n", "unexpected"),
        (b"\xff\xfe\x00\n", "UTF-8"),
        (b"[1]\n", "expected an object"),
        (b"{}\n", "expected one of status, query, stream, round, export"),
        (b'{"request": ["status"]}\n', ""),
        (b'{"request": "shutdown"}\n', "expected one of"),
        (b'{"request": "query"}\n', "sql"),
        (b'{"request": "query", "sql": 1}\n', "sql: expected text, found 1"),
        (b'{"request": "query", "sql": "select 1", "as_of": "yesterday"}\n', "yesterday"),
        (b'{"request": "query", "sql": "select 1", "as_of": 5}\n', "as_of: expected text, found 5"),
        (b'{"request": "export", "files": ["nope"], "out": "x"}\n', "nope"),
        (b'{"request": "export", "files": 5, "out": "x"}\n', ""),
        (b'{"request": "export", "files": ["nav"], "out": "/proc/nope"}\n', "/proc"),
        (b'{"request": "backup", "to": "/proc/nope/x"}\n', "/proc"),
        (b'{"request": "sta', "one line"),
        (b'{"request": "status", "x": "' + b"x" * 2_000_000 + b'"}\n', "at most 1048576 bytes"),
        (b"[" * 900_000 + b"\n", ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_garbage_is_answered_with_what_is_wrong(owner: Serving, request_: bytes, told: str) -> None:
    answer = said(owner, request_)
    assert answer["ok"] is False
    assert told in answer["error"]
    assert answer["error"]


@pytest.mark.parametrize(
    ("request_", "folder"),
    [
        ({"request": "export", "files": ["nav"], "as_of": NOW.isoformat()}, "logs/state"),
        ({"request": "export", "files": ["nav"], "as_of": "newest"}, "logs/archive/../state"),
        ({"request": "export", "files": []}, "logs"),
        ({"request": "republish", "export_id": 1}, "logs/state"),
    ],
)
def test_what_the_owner_keeps_up_to_date_is_not_made_older_under_its_hands(
    owner: Serving, request_: dict[str, Any], folder: str
) -> None:
    nav = owner.home / "logs" / "state" / "nav.json"
    wait_for(nav.exists, "nothing is published")
    before = nav.read_bytes()
    answer = said(owner, json.dumps({**request_, "out": str(owner.home / folder)}).encode() + b"\n")
    assert answer["ok"] is False
    assert "expected a folder of its own (--out), found " in answer["error"]
    assert json.loads(nav.read_bytes())["updated_ts"] >= json.loads(before)["updated_ts"]


def test_a_file_that_is_asked_for_again_and_again_is_published_once(owner: Serving, tmp_path: Path) -> None:
    request_ = {"request": "export", "files": ["nav"] * 300, "out": str(tmp_path)}
    answer = said(owner, json.dumps(request_).encode() + b"\n")
    assert answer["paths"] == [str(tmp_path / "nav.json")]


def test_clients_that_hang_or_go_away_cost_nobody_anything(owner: Serving) -> None:
    hanging = [peer(owner) for _ in range(20)]
    for number, each in enumerate(hanging):
        each.sendall(b'{"request": "status"}\n'[: number + 1])
    for each in hanging[:10]:
        each.close()
    assert owner.value("select 1") == 1
    big = peer(owner)
    big.sendall(
        json.dumps({"request": "query", "sql": "select string_agg(x, '') from range(3000000) as r (x)"}).encode()
        + b"\n"
    )
    big.close()
    assert owner.value("select 1") == 1
    with hanging[15] as patient, patient.makefile("rb") as answer:
        assert json.loads(answer.readline())["ok"] is False
    for each in hanging[10:]:
        each.close()


def test_clients_beyond_the_places_are_told_to_come_back_and_the_others_are_answered(owner: Serving) -> None:
    places = 32
    clients = [peer(owner) for _ in range(places + 8)]
    for each in clients:
        with contextlib.suppress(ConnectionError):
            each.sendall(b'{"request": "query", "sql": "select 1"}\n')
    answers = []
    for each in clients:
        with each, each.makefile("rb") as file:
            answers.append(json.loads(file.readline()))
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert set(refused) <= {f"door: {places} clients are being answered, try again"}
    assert [answer["rows"] for answer in answers if answer["ok"]] == [[[1]]] * (len(clients) - len(refused))


def test_clients_that_keep_all_places_keep_a_new_one_out_until_one_goes(owner: Serving) -> None:
    waiting = [peer(owner) for _ in range(32)]
    assert "32 clients are being answered" in said(owner, b"")["error"]
    waiting.pop().close()
    wait_for(lambda: said(owner, b'{"request": "status"}\n')["ok"], "no place is given back")
    for each in waiting:
        each.close()


def test_an_answer_beyond_its_size_is_refused(owner: Serving) -> None:
    eight_mb = f"select string_agg('{'x' * 1000}', '') from range(8000)"
    known = "answer: expected at most 67,108,864 bytes, found more"
    with pytest.raises(StoreError, match=known):
        owner.query(f"with x as ({eight_mb}) select t.* from x as t, range(9)")
    with pytest.raises(StoreError, match=known):
        in_round(owner, *[eight_mb] * 9)


def test_the_socket_and_what_lies_beside_it_are_the_owners_alone(owner: Serving) -> None:
    path = owner.home / "logs" / "tape.sock"
    assert path.is_socket()
    assert path.stat().st_mode & 0o777 == 0o600


def test_nobody_answers_where_no_owner_runs(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(DoorClosed, match="does not answer"):
        ask(tmp_path, {"request": "status"})


def test_a_socket_that_a_killed_owner_left_is_no_door_and_the_next_owner_replaces_it(tmp_path: Path) -> None:
    home = tmp_path / ("deep-" * 20) / ("deeper-" * 20)
    home.mkdir(parents=True)
    with Serving(home) as first:
        assert first.value("select 1") == 1
        first.kill()
        assert (home / "logs" / "tape.sock").is_socket()
        with pytest.raises(DoorClosed):
            ask(home, {"request": "status"})
    with Serving(home) as second:
        assert second.value("select 2") == 2
        assert second.end() == 0
    assert not (home / "logs" / "tape.sock").exists()


@pytest.mark.rows(1)
@pytest.mark.parametrize("is_invalid", [False, True])
def test_a_query_that_leaves_no_usable_database_ends_the_owner_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_invalid: bool
) -> None:
    """The fault is injected: what DuckDB raises at an internal error, and whenever an open database is invalid."""
    owner, ended = Owner(tmp_path, load_settings(tmp_path)), threading.Event()

    def run() -> None:
        with contextlib.suppress(DatabaseBroken):
            owner.run()
        ended.set()

    def answers() -> bool:
        with contextlib.suppress(StoreError):
            return bool(ask(tmp_path, {"request": "query", "sql": "select 1"}))
        return False

    def fail(sql: str, relations: object) -> None:
        raise duckdb.InternalException("INTERNAL Error: Memory allocation failure")

    @contextlib.contextmanager
    def invalid(server: object) -> Iterator[None]:
        raise duckdb.FatalException("FATAL Error: database has been invalidated")
        yield

    threading.Thread(target=run, daemon=True).start()
    wait_for(answers, "the owner does not answer")
    with monkeypatch.context() as faulty:
        faulty.setattr(tape.owner.door, "one_select", fail)
        with pytest.raises(StoreError, match="Memory allocation failure"):
            ask(tmp_path, {"request": "query", "sql": "select 1"})
        if is_invalid:
            faulty.setattr(tape.owner.door._Server, "cursor", invalid)
            with pytest.raises(StoreError, match="invalidated"):
                ask(tmp_path, {"request": "query", "sql": "select 1"})
    assert owner._stop.is_set() == is_invalid
    owner.stop()
    assert ended.wait(60)
