"""The program as it is started: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import duckdb
import pytest

from tape.cli import app
from tape.cli.app import COMMANDS, file_of
from tape.exporters.contract import STATE_FILES
from tape.store.ingest.ingest import Ingest
from tests.programs import PROJECT, Ended, fails, run, tape
from tests.store.old_logs import CLOSE, EXECUTED, HEARTBEAT, HEARTBEATS, NAV, text, write_files
from tests.templates import sample_home

END = "2025-11-01T00:00:00Z"


def newly_started(*words: str | Path) -> Ended:
    """Run one command in an interpreter of its own, as a user does."""
    command = [sys.executable, "-m", "tape", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder into which a sample was imported; tests only read it."""
    return Path(shutil.copytree(sample_home(), tmp_path_factory.mktemp("app") / "home"))


@pytest.fixture
def empty_home(tmp_path: Path, empty_database: Path) -> Path:
    """A home folder with an empty database."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "tape.duckdb").write_bytes(empty_database.read_bytes())
    return tmp_path


def test_the_table_of_commands_has_the_first_sentence_of_each_command_and_no_other() -> None:
    for name, about in COMMANDS.items():
        command = import_module(f"tape.cli.{file_of(name)}").command
        assert " ".join((command.__doc__ or "").split()).startswith(about), name
    files = {path.stem for path in Path(app.__file__).parent.glob("*.py") if "\ndef command(" in path.read_text()}
    assert files - {"executor"} == set(map(file_of, COMMANDS))


def test_help_lists_every_command_and_imports_none() -> None:
    program = "import sys; from tape.cli.app import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=True)
    help_text, _, modules = ended.stdout.rstrip().rpartition("\n")
    assert re.findall(r"(?m)^  (\w+)  ", help_text.partition("Commands:")[2]) == list(COMMANDS)
    assert not {f"tape.cli.{file_of(name)}" for name in COMMANDS} & set(modules.split())
    assert not {"duckdb", "pydantic", "sqlalchemy"} & set(modules.split())


def test_a_mistyped_command_is_told_the_one_that_was_meant() -> None:
    fails(tape("stauts"), 2, "No such command 'stauts'", "'status'")


def test_migrate_creates_the_database_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    first = tape("--home", tmp_path / "new", "migrate")
    assert (first.code, first.err) == (0, "")
    assert "schema empty -> " in first.out
    assert (tmp_path / "new" / "logs" / "tape.duckdb").is_file()
    assert tape("migrate", TAPE_HOME=str(tmp_path / "new")).out == "already up to date\n"


def test_import_prints_what_became_of_each_file(empty_home: Path) -> None:
    write_files(empty_home / "old", {HEARTBEATS: text(HEARTBEAT, HEARTBEAT, "{"), NAV: text({"t": 1, "nav": 5})})
    first = tape("--home", empty_home, "import", empty_home / "old", "--json")
    assert (first.code, first.err) == (0, "")
    assert first.json["files"][HEARTBEATS] == {"read": 3, "stored": 1, "known": 1, "rejected": 1}
    again = tape("--home", empty_home, "import", empty_home / "old", "--json")
    assert again.json["total"] == {"read": 4, "stored": 0, "known": 4, "rejected": 0}
    table = tape("--home", empty_home, "import", empty_home / "old").out
    assert "already there" in table
    assert HEARTBEATS in table


def test_import_of_a_folder_without_logs_fails(empty_home: Path) -> None:
    (empty_home / "old").mkdir()
    fails(tape("--home", empty_home, "import", empty_home / "old"), 1, "no logs in", "nav.jsonl")


def test_export_in_a_home_without_database_publishes_all_files(tmp_path: Path) -> None:
    ended = tape("--home", tmp_path, "export", "--json")
    assert (ended.code, ended.err) == (0, "")
    published = sorted(path.name for path in (tmp_path / "logs" / "state").iterdir())
    assert published == sorted(file.name for file in STATE_FILES)
    assert sorted(Path(path).name for path in ended.json["files"]) == published


def test_export_writes_chosen_files_flat_as_of_an_instant(home: Path, tmp_path: Path) -> None:
    ended = tape("--home", home, "export", "nav", "positions.json", "--as-of", "2025-10-31T23:00:00", "--out", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nav.json", "positions.json"]
    assert json.loads((tmp_path / "nav.json").read_bytes())["updated_at"] == "2025-10-31T23:00:00Z"
    assert not (home / "logs" / "state").exists()


def test_export_is_the_same_to_the_byte_in_two_processes(home: Path, tmp_path: Path) -> None:
    """Each hashes texts in its own way."""
    for name in ("a", "b"):
        assert newly_started("--home", home, "export", "--as-of", END, "--out", tmp_path / name).code == 0
    for file in STATE_FILES:
        assert (tmp_path / "a" / file.name).read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_export_writes_the_six_logs(home: Path, tmp_path: Path) -> None:
    ended = tape("--home", home, "export", "--jsonl", "--as-of", END, "--out", tmp_path, "--json")
    assert ended.code == 0
    assert len(ended.json["files"]) == 6
    assert (tmp_path / "execution" / "orders_executed.jsonl").stat().st_size > 0


def test_export_shows_what_is_configured(empty_home: Path) -> None:
    (empty_home / "tape.toml").write_text('ENV = "prod"\n')
    assert tape("--home", empty_home, "export", "v6_runtime_probe", DRY_RUN="0").code == 0
    probe = json.loads((empty_home / "logs" / "state" / "v6_runtime_probe.json").read_bytes())
    assert (probe["ENV"], probe["DRY_RUN"]) == ("prod", "0")


def test_sql_prints_json(home: Path) -> None:
    ended = tape("--home", home, "sql", "select 1 as a, null as b, timestamptz '2025-01-01' as t", "--format", "json")
    assert ended.json == [{"a": 1, "b": None, "t": "2025-01-01T00:00:00Z"}]


def test_sql_prints_csv(home: Path) -> None:
    query = "select 1 as a, null as b, 'x,\"y' as c, [1, 2] as d, timestamptz '2025-01-01' as t"
    rows = list(csv.reader(io.StringIO(tape("--home", home, "sql", query, "--format", "csv").out)))
    assert rows == [["a", "b", "c", "d", "t"], ["1", "", 'x,"y', "[1, 2]", "2025-01-01T00:00:00Z"]]


def test_sql_prints_a_table(home: Path) -> None:
    ended = tape("--home", home, "sql", "select 'BTCUSDT' as symbol, 1234.5 as price")
    assert (ended.code, ended.err) == (0, "")
    assert "BTCUSDT" in ended.out
    assert "1 row" in ended.out


def test_sql_shows_the_instant_asked_for(home: Path) -> None:
    query = "select as_of() as at, (select max(ts) <= as_of() from seen_ticks) as only_before"
    ended = tape("--home", home, "sql", query, "--as-of", "2025-10-31T20:00:00+01:00", "--format", "json")
    assert ended.json == [{"at": "2025-10-31T19:00:00Z", "only_before": True}]


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "query",
    [
        "insert into ingest_counter values (1)",
        "delete from ticks",
    ],
)
def test_sql_is_read_only(empty_home: Path, query: str) -> None:
    before = (empty_home / "logs" / "tape.duckdb").read_bytes()
    fails(tape("--home", empty_home, "sql", query), 1, "expected one select or explain")
    assert (empty_home / "logs" / "tape.duckdb").read_bytes() == before


@pytest.mark.rows(2)
@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to '{file}'",
        "from read_text('{there}')",
        "from '{there}'",
        "attach '{file}' as other",
        "install httpfs",
        "set temp_directory = '{file}'",
    ],
)
def test_sql_reads_and_writes_no_files(empty_home: Path, query: str) -> None:
    there, file = empty_home / "there.csv", empty_home / "leak"
    there.write_text("secret\n1\n")
    ended = tape("--home", empty_home, "sql", query.format(file=file, there=there))
    fails(ended, 1)
    assert "secret" not in ended.out
    assert not file.exists()


def test_a_query_that_is_none_fails_in_one_line_and_its_place(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "sql", "selec 1"), 1, "syntax error")


def test_show_prints_a_view_or_a_table(home: Path) -> None:
    rows = tape("--home", home, "show", "symbol_scores", "--as-of", END, "--json").json
    assert len(rows) == 6
    assert {"symbol", "score"} <= rows[0].keys()
    assert len(tape("--home", home, "show", "order_metrics", "--limit", "3", "--json").json) == 3
    assert "BTCUSDT" in tape("--home", home, "show", "symbol_scores", "--as-of", END).out


def test_status_counts_rows_and_ages(empty_home: Path) -> None:
    write_files(empty_home / "old", {EXECUTED: text(CLOSE, {"event_type": "x"})})
    assert tape("--home", empty_home, "import", empty_home / "old").code == 0
    assert tape("--home", empty_home, "export", "nav").code == 0
    status = tape("--home", empty_home, "status", "--json").json
    tables = {table["name"]: table for table in status["tables"]}
    closed, none_ahead = "2025-11-01T11:00:00Z", {"ahead": 0, "ahead_until": None}
    assert tables["order_closes"] == {"name": "order_closes", "rows": 1, "first": closed, "last": closed, **none_ahead}
    assert tables["ticks"] == {"name": "ticks", "rows": 0, "first": None, "last": None, **none_ahead}
    assert tables["rejected_events"]["rows"] == 1
    assert 0 <= status["files"]["nav.json"]["age_s"] < 60
    assert status["files"]["positions.json"]["age_s"] is None
    assert "never published" in tape("--home", empty_home, "status").out


@pytest.mark.rows(1)
@pytest.mark.parametrize("words", [["status"], ["show", "nav_now"], ["sql", "select 1"]])
def test_without_a_database_readers_fail_and_create_none(tmp_path: Path, words: list[str]) -> None:
    fails(tape("--home", tmp_path, *words), 1, "no database at", "tape migrate")
    assert list(tmp_path.iterdir()) == []


FAILS_BESIDE_A_QUERY = """
import sys, threading, time
import duckdb
from tape.cli.app import run

query = "select count(*) from range(10000000) as a (x), range(10000000) as b (x) where a.x + b.x = -1"
threading.Thread(target=duckdb.connect().execute, args=[query], daemon=True).start()
begun = time.process_time()
while time.process_time() < begun + 0.1:
    time.sleep(0.01)
sys.argv = ["tape", "--home", sys.argv[1], "status"]
run()
"""


def test_a_failure_while_a_thread_is_inside_the_database_is_told_in_one_line(tmp_path: Path) -> None:
    fails(run("-c", FAILS_BESIDE_A_QUERY, tmp_path), 1, "no database at")


def test_a_home_that_cannot_be_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fails(tape("--home", tmp_path / "file", "migrate"), 1)


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    write_files(tmp_path, {"logs/tape.duckdb": "no database"})
    fails(tape("--home", tmp_path, "status"), 1, "is damaged", "not a valid DuckDB database file")


def test_a_database_of_another_version_is_told_in_one_line(empty_home: Path) -> None:
    with duckdb.connect(empty_home / "logs" / "tape.duckdb") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    fails(tape("--home", empty_home, "status"), 1, "9999", "tape migrate")


def test_a_wrong_setting_is_told_by_name(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "status", TAPE_STORE__THREADS="0"), 1, "store.threads")


def test_an_export_that_cannot_be_written_fails(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "export", "nav", "--out", empty_home / "logs" / "tape.duckdb"), 1)


def test_the_version_is_told() -> None:
    told = newly_started("--version")
    assert (told.code, told.err) == (0, "")
    assert re.fullmatch(r"tape \d+\.\d+\.\d+\n", told.out)


@pytest.mark.rows(1)
@pytest.mark.parametrize("words", [[], ["--help"], ["export", "--help"]])
def test_help_is_printed(words: list[str]) -> None:
    ended = tape(*words)
    assert (ended.code, ended.err) == (0, "")
    assert "Usage:" in ended.out


@pytest.mark.rows(3)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["unheard-of"], "unheard-of"),
        (["migrate", "--unheard-of"], "--unheard-of"),
        (["sql", "select 1", "--format", "xml"], "xml"),
        (["sql", "select 1", "--as-of", "yesterday"], "yesterday"),
        (["export", "unheard_of"], "unheard_of"),
        (["export", "--jsonl"], "--out"),
        (["import", "not/there"], "not/there"),
        (["show", "unheard_of"], "unheard_of"),
    ],
)
def test_wrong_usage_ends_with_two_and_one_line(empty_home: Path, words: list[str], told: str) -> None:
    fails(tape("--home", empty_home, *words), 2, told)


def test_a_setting_that_cannot_be_parsed_is_told_in_one_line(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "status", TAPE_STORE="x"), 1, "store")


def test_an_empty_query_fails_in_one_line(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "sql", ""), 1)


def test_a_symbol_is_switched_off_for_a_while_and_on_again(empty_home: Path) -> None:
    off = tape("--home", empty_home, "toggle", "btcusdt", "--off", "--minutes", "30", "--reason", "maintenance")
    assert (off.code, off.err) == (0, "")
    assert off.out.startswith("BTCUSDT off until ")
    assert tape("--home", empty_home, "toggle", "BTCUSDT", "--on").out.startswith("BTCUSDT on:")
    with duckdb.connect(empty_home / "logs" / "tape.duckdb") as connection:
        Ingest(connection, empty_home, empty_home).run_once()
        rows = connection.execute(
            "select symbol, is_disabled, round(epoch(until_ts - ts) / 60), reason, producer"
            " from symbol_toggles order by ts"
        ).fetchall()
    assert rows == [("BTCUSDT", True, 30.0, "maintenance", "ops"), ("BTCUSDT", False, None, None, "ops")]


def test_a_toggle_says_which_way(empty_home: Path) -> None:
    fails(tape("--home", empty_home, "toggle", "BTCUSDT"), 2, "--off")
