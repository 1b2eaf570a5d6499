"""The store in Python: the same answers beside an owner and without one, in the form that is wanted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest

import tape
from tape.client.reader import Reader
from tape.execution.events import Ticked
from tape.store.claims import owner_pid
from tape.store.errors import StoreError
from tape.store.journal.writer import Journal
from tests.programs import PROJECT, Program
from tests.tape.owners import Serving, wait_for, wait_until_busy
from tests.templates import give_database

NOW = datetime.now(UTC).replace(microsecond=0)
VALUES = """
    select 1 as n, 1.50 as decimal, 2.5::double as x, 'nan'::double as none, null as nothing, 'a' as text, true as yes,
        date '2025-01-02' as day, timestamptz '2025-01-02T03:04:05.5Z' as at, [1, 2] as list, {'a': 1} as struct,
        sum(1::bigint) as whole
"""
READ = {
    "n": 1,
    "decimal": 1.5,
    "x": 2.5,
    "none": None,
    "nothing": None,
    "text": "a",
    "yes": True,
    "day": date(2025, 1, 2),
    "at": datetime(2025, 1, 2, 3, 4, 5, 500_000, UTC),
    "list": [1, 2],
    "struct": {"a": 1},
    "whole": 1,
}


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with an owner that gives at most 50 rows, and two ticks an hour apart."""
    home = tmp_path_factory.mktemp("owned")
    (home / "tape.toml").write_text("[door]\nmax_rows = 50\n")
    with Journal(home, "executor") as journal:
        journal.record([Ticked(ts=NOW - timedelta(hours=1), equity_usd=1.0), Ticked(ts=NOW, equity_usd=2.0)])
    with Serving(home) as serving:
        wait_for(lambda: serving.value("select count(*) from ticks") == 2, "the ticks are not stored")
        yield home
        assert serving.end() == 0, serving.log


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty database and without an owner."""
    home = tmp_path_factory.mktemp("alone")
    give_database(home)
    return home


@pytest.fixture(params=["alone", "owned"])
def store(request: pytest.FixtureRequest) -> Reader:
    """A reader, without an owner and beside one."""
    return tape.connect(request.getfixturevalue(request.param))


def test_rows_are_dictionaries_of_the_same_values_whoever_answers(store: Reader) -> None:
    assert store.sql(VALUES).rows() == [READ]
    assert list(store.sql(VALUES)) == [READ]
    assert store.sql(VALUES).columns == list(READ)


def test_a_result_comes_as_arrow_polars_and_pandas(store: Reader) -> None:
    pytest.importorskip("pyarrow")
    result = store.sql("select x, x * 1.5::double as y from range(3) as numbers (x)")
    assert result.arrow().to_pylist() == [{"x": 0, "y": 0.0}, {"x": 1, "y": 1.5}, {"x": 2, "y": 3.0}]
    assert result.polars().rows() == [(0, 0.0), (1, 1.5), (2, 3.0)]
    assert result.pandas().sum().to_list() == [3, 4.5]


@pytest.mark.rows(4)
@pytest.mark.parametrize("form", ["rows", "arrow", "polars", "pandas", "__iter__"])
def test_every_row_comes_in_every_form_whoever_answers(store: Reader, form: str) -> None:
    if form in ("arrow", "polars", "pandas"):
        pytest.importorskip("pyarrow")
    found = getattr(store.sql("select x from range(20503) as numbers (x)"), form)()
    assert len(list(found) if form == "__iter__" else found) == 20_503


def test_who_walks_over_a_result_may_stop_and_ask_on(store: Reader) -> None:
    walk = iter(store.sql("select x from range(1000000000) as numbers (x)"))
    assert [next(walk)["x"] for _ in range(1000)] == list(range(1000))
    walk.close()
    assert store.sql("select 1 as n").rows() == [{"n": 1}]


def test_views_show_the_instant_asked_for(owned: Path) -> None:
    store = tape.connect(str(owned))
    query = "select equity_usd, (select as_of from clock) as at from nav_now"
    then = NOW - timedelta(minutes=30)
    for given in (then, then.isoformat(), then.replace(tzinfo=None).isoformat()):
        assert store.sql(query, as_of=given).rows() == [{"equity_usd": 1.0, "at": then}]
    assert store.sql("select equity_usd from nav_now").rows() == [{"equity_usd": 2.0}]


@pytest.mark.rows(4)
@pytest.mark.parametrize("query", ["selec 1", "from nowhere", "delete from ticks", "select 1; select 2", ""])
def test_what_cannot_be_asked_is_a_store_error_of_one_line(store: Reader, query: str) -> None:
    with pytest.raises(StoreError) as caught:
        store.sql(query).rows()
    assert "\n" not in str(caught.value)


def test_a_time_that_is_none_is_told(alone: Path) -> None:
    with pytest.raises(StoreError, match=r"expected newest, .* found 'yesterday'"):
        tape.connect(alone).sql("select 1", as_of="yesterday")


def test_without_a_database_it_is_told_where_one_is_asked(tmp_path: Path) -> None:
    store = tape.connect(tmp_path)
    with pytest.raises(StoreError, match="no database at"):
        store.sql("select 1").rows()
    assert list(tmp_path.iterdir()) == []


def test_the_home_is_that_of_the_environment_unless_given(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_HOME", str(alone))
    assert tape.connect().home == alone


def test_a_reader_lives_through_an_owner_that_comes_and_goes(tmp_path: Path) -> None:
    give_database(tmp_path)
    store = tape.connect(tmp_path)
    assert store.sql("select 1 as n").rows() == [{"n": 1}]
    with Serving(tmp_path) as serving:
        assert store.sql("select 2 as n").rows() == [{"n": 2}]
        assert serving.end() == 0
    assert store.sql("select 3 as n").rows() == [{"n": 3}]


@pytest.mark.parametrize(
    ("missing", "form", "told"),
    [
        ("pyarrow", "arrow", r"pip install 'tape\[arrow\]'"),
        ("pyarrow", "pandas", r"pip install 'tape\[arrow\]'"),
        ("polars", "polars", "pip install polars"),
        ("pandas", "pandas", "pip install pandas"),
    ],
)
def test_what_is_not_installed_is_told_with_its_pip_line(
    alone: Path, monkeypatch: pytest.MonkeyPatch, missing: str, form: str, told: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    result = tape.connect(alone).sql("select 1 as n")
    with pytest.raises(StoreError, match=told):
        getattr(result, form)()
    assert result.rows() == [{"n": 1}]


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "{'duckdb', 'pydantic', 'rich', 'orjson', 'sqlalchemy', 'store', 'execution'}"
    script = f"import sys, tape; tape.connect; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout == "[]\n"


RUNAWAY = "select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1"


@pytest.mark.parametrize("beside", ["alone", "owned"])
def test_ctrl_c_ends_a_running_query(request: pytest.FixtureRequest, beside: str) -> None:
    home = request.getfixturevalue(beside)
    script = f"""
import sys, tape
print("asks", flush=True)
tape.connect(sys.argv[1]).sql({RUNAWAY!r}).rows()
"""
    with Program("-c", script, home, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout.readline() == b"asks\n"
        killer = threading.Timer(60, process.kill)
        killer.start()
        wait_until_busy(process.pid if beside == "alone" else owner_pid(home) or 0)
        process.send_signal(2)
        told = process.stderr.read()
        killer.cancel()
    assert told.rstrip().endswith(b"KeyboardInterrupt"), told
