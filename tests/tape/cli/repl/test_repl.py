"""Asking in a session, typed at a terminal or piped in, beside an owner and without one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from tape.cli.repl.completion import Candidate, Completion
from tape.cli.repl.prompt import talk
from tape.cli.repl.shell import Shell, TableCut
from tape.cli.repl.statements import is_whole, steps_of
from tape.client.client import Client
from tape.execution.events import Ticked
from tape.store.journal.writer import Journal
from tests.programs import Ended, Program, fails, run
from tests.tape.owner.test_door import RUNAWAY
from tests.tape.owners import Serving, wait_for, wait_until_busy
from tests.tape.terminals import Terminal
from tests.templates import give_database

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty database and without an owner; tests only read it."""
    folder = tmp_path_factory.mktemp("home")
    give_database(folder)
    return folder


# ---- statements


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        (" \n;;\n; -- nothing\n/* at all; */", []),
        ("select 1", ["select 1"]),
        ("select 1; select\n2;", ["select 1", "select\n2"]),
        ("select ';' as \"a;b\" -- c;d\n, $$e$$", ["select ';' as \"a;b\" -- c;d\n, $$e$$"]),
        ("select $$e;f$$ /* ; */ ; select 2", ["select $$e;f$$ /* ; */", "select 2"]),
        ("select 'é;'; select 'ü'", ["select 'é;'", "select 'ü'"]),
        (".tables\nselect 1;\n .mode json \nselect\n.5;", [".tables", "select 1", ".mode json", "select\n.5"]),
        ("-- first\n.tables\nselect 1", [".tables", "select 1"]),
        ("select 1;\nquit\n", ["select 1", "quit"]),
        ("select 'never over; select 1", ["select 'never over; select 1"]),
    ],
)
def test_a_text_is_cut_where_duckdb_says_a_statement_ends(text: str, steps: list[str]) -> None:
    assert list(steps_of(text)) == steps


@pytest.mark.parametrize(
    "text", ["", "  ", "select 1;", "select 1; -- c", ".tables", "quit", "select\n1\n;", "select ';';"]
)
def test_what_is_whole_can_be_run(text: str) -> None:
    assert is_whole(text)


@pytest.mark.parametrize("text", ["select 1", "select ';", "select 1; select 2", "select 1 -- ;", "/* ;", '"a;', "$$;"])
def test_what_is_not_over_is_no_whole(text: str) -> None:
    assert not is_whole(text)


# ---- completion


@pytest.fixture(scope="module")
def completion(home: Path) -> Completion:
    return Completion(Shell(Client(home)).relations)


def offered(completion: Completion, before: str, after: str = "") -> list[str]:
    return [each.text for each in completion.candidates(before, after)[1]]


def test_columns_of_the_relations_that_are_named_come_first(completion: Completion) -> None:
    assert offered(completion, "select re", " from order_closes")[:3] == [
        "realized_pnl_usd",
        "reduce_only",
        "received_ts",
    ]
    assert offered(completion, "from symbol_scores where s")[:3] == ["symbol", "score", "slippage_penalty"]
    assert "select" in offered(completion, "s")


def test_behind_from_and_join_come_relations(completion: Completion) -> None:
    for before in ("from nav_", "select * from NAV_", "from ticks join nav_", "from ticks as t, nav_"):
        found = offered(completion, before)
        begun = {"nav_minutes", "nav_document", "nav_now", "nav_points_37d", "nav_series", "nav_ticks"}
        assert set(found[:6]) == begun, before
        assert "open_nav_minutes" in found[6:], before
    assert len(offered(completion, "from ")) > 100


def test_behind_a_name_or_an_alias_come_its_columns_alone(completion: Completion) -> None:
    wanted = ["score", "slippage_penalty", "symbol"]
    for before in ("from symbol_scores where symbol_scores.s", "from symbol_scores as x where x.s"):
        assert sorted(offered(completion, before))[:3] == wanted, before
    assert sorted(offered(completion, "select x.s", " from symbol_scores x")) == wanted
    assert offered(completion, "select y.s", " from symbol_scores x") == []


def test_every_candidate_says_what_it_means(completion: Completion) -> None:
    columns = {each.text: each.meaning for each in completion.candidates("select p", " from positions_now")[1]}
    assert columns["pnl_usd"] == "(mark - entry) * qty [USD]"
    relations = {each.text: each.meaning for each in completion.candidates("from expectancy_by_s")[1]}
    assert relations == {"expectancy_by_symbol": "Expectancy of the trades of 48 h by symbol."}
    assert (
        Candidate("router_quality", "Quality of a router, first match.") in completion.candidates("select router_q")[1]
    )


def test_letters_within_a_name_are_found_behind_those_at_its_begin(completion: Completion) -> None:
    found = offered(completion, "select pnl", " from closed_trades")
    assert found.index("realized_pnl_usd") < found.index("net_pnl_usd")
    assert offered(completion, "select pnl_u")[0] == "pnl_usd"


def test_keywords_are_written_as_the_word_is(completion: Completion) -> None:
    assert offered(completion, "SEL")[0] == "SELECT"
    assert offered(completion, "sel")[0] == "select"


def test_in_a_text_or_a_comment_nothing_is_offered_nor_before_anything_is_typed(completion: Completion) -> None:
    for before in ("select 'sym", "select 1 -- sym", "select 'a' || 'sym"):
        assert offered(completion, before) == [], before
    assert completion.candidates("select ", is_asked=False)[1] == []


def test_commands_and_what_they_take_are_offered(completion: Completion) -> None:
    assert offered(completion, ".t") == [".tables"]
    assert offered(completion, ".mode ") == ["table", "json", "csv"]
    assert offered(completion, ".schema nav_n") == ["nav_now"]
    assert offered(completion, ".as_of ") == ["now", "newest"]


# ---- typed


@pytest.fixture
def typed(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[str, str]]:
    """What a session without an owner prints when these keys are typed, and then Ctrl-D."""

    def run(keys: str) -> tuple[str, str]:
        with create_pipe_input() as pipe:
            pipe.send_text(f"{keys}\x04")
            talk(Shell(Client(home), mode="json"), tmp_path / "state", keys=pipe, screen=DummyOutput())
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run


def test_a_statement_of_several_lines_runs_at_its_semicolon(typed: Callable[[str], tuple[str, str]]) -> None:
    assert typed("select\r1 as a\r;\rselect 2 as b; select 3 as c;\r") == ('[{"a": 1}]\n[{"b": 2}]\n[{"c": 3}]\n', "")


def test_ctrl_c_takes_back_what_is_typed(typed: Callable[[str], tuple[str, str]]) -> None:
    assert typed("select 1 as\x03select 2 as b;\r") == ('[{"b": 2}]\n', "")


def test_an_error_is_one_line_and_the_session_goes_on(typed: Callable[[str], tuple[str, str]]) -> None:
    out, err = typed(
        "selec 1; select 2;\rdelete from ticks;\rfrom nowhere;\r.nope\r.mode xml\r.as_of soon\rselect 3 as c;\r"
    )
    assert out == '[{"c": 3}]\n', "a statement behind one that fails is not run"
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    for part, line in zip(("syntax", "one select", "nowhere", ".nope", "xml", "-2h"), errors, strict=True):
        assert part in line
    places = [line for line in err.splitlines() if line not in errors]
    assert places == ["LINE 1: selec 1", "        ^", "LINE 1: from nowhere", "             ^"]


def test_commands_change_the_session(typed: Callable[[str], tuple[str, str]]) -> None:
    out, err = typed(
        ".as_of 2025-11-05T16:10:00Z\rselect as_of() as t;\r.mode csv\rselect as_of() as t;\r.as_of now\r"
        "select as_of() = now() as now;\r.mode\r.as_of\r.quit\rselect 1;\r"
    )
    assert err == ""
    assert out.splitlines() == [
        "views show 2025-11-05 16:10:00 UTC",
        '[{"t": "2025-11-05T16:10:00Z"}]',
        *("t", "2025-11-05T16:10:00Z"),
        "views show now",
        *("now", "True"),
        *("csv", "views show now"),
    ]


def test_tables_are_listed_by_group_and_described(typed: Callable[[str], tuple[str, str]]) -> None:
    out, err = typed(".tables\r.schema nav_now\r.schema ticks\r.schema nothing\r.help\r")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    groups = [lines.index(group) for group in ("events", "kept by the store", "views")]
    assert groups == sorted(groups)
    assert any(line.startswith("symbol_scores ") and "Score of each listed symbol" in line for line in lines)
    assert "The account as of the session's instant. Grain: one row" in out
    assert any(line.split() == ["age_s", "double", *"age of the latest tick [s]".split()] for line in lines)  # noqa: SIM905
    assert any(line.startswith("equity_usd ") and "wallet balance" in line for line in lines)
    assert ".as_of" in out
    assert err == "error: .schema: expected a table or view of .tables, found nothing\n"


def test_the_history_is_kept_for_the_user_alone(typed: Callable[[str], tuple[str, str]], tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        typed("select 1 as first;\r")
    finally:
        os.umask(before)
    history = tmp_path / "state" / "history"
    assert (history.stat().st_mode & 0o777, history.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    history.chmod(0o644)
    out, _ = typed("\x1b[A\r")
    assert out == '[{"first": 1}]\n', "the key up brings it back"
    assert history.stat().st_mode & 0o777 == 0o600


def test_where_no_history_can_be_kept_the_session_goes_on(
    typed: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    out, err = typed("select 1 as a;\r")
    assert out == '[{"a": 1}]\n'
    assert err.startswith("tape: no history is kept: ")


# ---- piped


def piped(home: Path, text: str, *words: str, **environment: str) -> Ended:
    return run("-m", "tape", "--home", home, "sql", *words, given=text, **environment)


def test_piped_statements_run_one_after_another(home: Path) -> None:
    ended = piped(home, "select 1 as a; select 'x;y' as b\n;\n.mode csv\nselect 2 as c", "--format", "json")
    assert (ended.code, ended.out, ended.err) == (0, '[{"a": 1}]\n[{"b": "x;y"}]\nc\n2\n', "")


def test_piped_statements_end_at_the_first_error(home: Path) -> None:
    ended = piped(home, "select 1 as a;\nselec 2;\nselect 3 as c;", "--format", "json")
    assert (ended.code, ended.out) == (1, '[{"a": 1}]\n')
    assert ended.err == 'tape: Parser Error: syntax error at or near "selec"\nLINE 1: selec 2\n        ^\n'


@pytest.mark.parametrize(
    ("query", "told", "caret_under"),
    [
        ("from symbol_score", "such as symbol_scores", "symbol_score"),
        ("select 'é' as a,\n  stdev(x) from range(3) as t (x)", "such as stddev", "stdev(x)"),
        ("select scor from symbol_scores", 'Candidate bindings: "score"', "scor "),
    ],
)
def test_an_error_of_sql_names_what_is_near_and_points_at_its_place(
    either: Path, query: str, told: str, caret_under: str
) -> None:
    ended = piped(either, query)
    message, line, caret = ended.err.splitlines()
    assert told in message
    assert line[caret.index("^") :].startswith(caret_under)
    assert caret.strip() == "^"


def test_nothing_piped_is_nothing_done_and_quit_ends_it(home: Path) -> None:
    assert piped(home, "") == Ended(0, "", "")
    assert piped(home, ".quit\nselect 1") == Ended(0, "", "")


def test_piped_statements_show_the_instant_asked_for(home: Path) -> None:
    ended = piped(home, "select as_of() as t", "--as-of", "2025-11-05T16:10:00Z", "--format", "json")
    assert ended.json == [{"t": "2025-11-05T16:10:00Z"}]


MANY = "select x, 'é' || x as name, x / 4 as share from range(20503) as numbers (x)"
WHOLE = hashlib.md5(
    "".join(["x,name,share\n", *(f"{x},é{x},{x / 4}\n" for x in range(20_503))]).encode(), usedforsecurity=False
).hexdigest()


@pytest.fixture(params=["alone", "owned"])
def either(request: pytest.FixtureRequest, home: Path) -> Path:
    """A home without an owner, and one beside its owner."""
    if request.param == "alone":
        return home
    serving: Serving = request.getfixturevalue("owner")
    return serving.home


def test_csv_json_and_arrow_have_every_row(either: Path) -> None:
    as_csv = piped(either, MANY, "--format", "csv")
    assert (as_csv.code, as_csv.err) == (0, "")
    assert hashlib.md5(as_csv.out.encode(), usedforsecurity=False).hexdigest() == WHOLE
    rows = piped(either, MANY, "--format", "json").json
    assert [(row["x"], row["share"]) for row in rows] == [(x, x / 4) for x in range(20_503)]
    pa = pytest.importorskip("pyarrow")
    with Program("-m", "tape", "--home", either, "sql", "--format", "arrow", MANY, stdin=PIPE, stdout=PIPE) as program:
        stream = program.communicate()
        assert program.returncode == 0
    assert pa.ipc.open_stream(stream).read_all().column("x").to_pylist() == list(range(20_503))


SHORT = {"TAPE_DOOR__MAX_ROWS": "100"}
LEFT_OUT = "table: the first 100 rows, 20,403 of 20,503 are left out: --format csv, json and arrow have all"


def test_a_table_that_leaves_rows_out_fails_where_nobody_sees_it(either: Path) -> None:
    ended = piped(either, f"{MANY} -- and a comment", **SHORT)
    fails(ended, 1, LEFT_OUT)
    assert ended.out.split()[-3:] == ["99", "é99", "24.75"]
    assert piped(either, "select x from range(100) as numbers (x)", **SHORT).out.endswith("\n100 rows\n")


def test_a_table_that_leaves_rows_out_says_so_at_its_end_on_a_terminal(either: Path) -> None:
    terminal = Terminal()
    with terminal.start("--home", either, "sql", MANY, **SHORT) as process:
        assert process.wait(60) == 0
    wait_for(lambda: "have all" in terminal.text, "it does not say so")
    assert " ".join(terminal.text.rpartition("é99")[2].split()) == f"24.75 {LEFT_OUT}"


def test_what_cannot_be_counted_is_said_to_be_more(either: Path) -> None:
    assert Client(either).count("explain select 1") is None
    assert str(TableCut(10, None)) == (
        "table: the first 10 rows, more are left out: --format csv, json and arrow have all"
    )


def test_who_reads_only_the_begin_of_an_endless_answer_ends_it(either: Path) -> None:
    command = ("-m", "tape", "--home", either, "sql", "--format", "csv", "from range(1000000000)")
    with Program(*command, stdout=PIPE, stderr=PIPE) as process:
        assert [process.stdout.readline() for _ in range(3)] == [b"range\n", b"0\n", b"1\n"]
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""
    assert piped(either, "select 1 as a", "--format", "csv").out == "a\n1\n"


# ---- at a terminal


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An owner of one tick that lets one query run at a time, for ten minutes."""
    folder = tmp_path_factory.mktemp("owned")
    (folder / "tape.toml").write_text("[door]\ntimeout_s = 600\nqueries = 1\n")
    with Journal(folder, "executor") as journal:
        journal.record([Ticked(ts=NOW - timedelta(hours=1), equity_usd=1234.5)])
    with Serving(folder) as serving:
        wait_for(lambda: serving.value("select count(*) from ticks") == 1, "the tick is not stored")
        yield serving
        assert serving.end() == 0, serving.log


@pytest.mark.parametrize("beside", ["an owner", "none"])
def test_a_session_at_a_terminal(request: pytest.FixtureRequest, home: Path, tmp_path: Path, beside: str) -> None:
    folder = home if beside == "none" else request.getfixturevalue("owner").home
    terminal = Terminal()
    with terminal.start("--home", folder, "sql", XDG_STATE_HOME=str(tmp_path)) as process:
        try:
            wait_for(lambda: "tape>" in terminal.text, "no prompt")
            assert ("owner pid" in terminal.text) == (beside == "an owner")
            terminal.type("select 40 + 2 as answer;\r")
            wait_for(lambda: "1 row" in terminal.text, "no answer")
            assert " 42 " in terminal.text
            terminal.type(f"{RUNAWAY};\r")
            wait_until_busy(process.pid if beside == "none" else request.getfixturevalue("owner").pid)
            terminal.type("\x03")
            wait_for(lambda: "interrupted" in terminal.text, "the query goes on")
            terminal.type("select 'still ' || 'there' as it;\r")
            wait_for(lambda: "still there" in terminal.text, "the session is over, or the owner computes on")
            terminal.type("select count(*) + 7 * 1000 + 1 as answer from order_cl")
            wait_for(lambda: "An order reduced or closed" in terminal.text, "no completion is offered")
            terminal.type("\t\r;\r")  # chosen, taken, and the statement's end
            wait_for(lambda: "7001" in terminal.text, "it is not taken")
            # keys that come before it reads them are the terminal's, which takes them otherwise
            wait_for(lambda: "tape>" in terminal.text.rpartition("7001")[2], "no prompt")
            terminal.type("select\x04\x03\x04")
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert "Traceback" not in terminal.text
    assert "select 40 + 2 as answer;" in (tmp_path / "tape" / "history").read_text()


def test_without_a_database_a_session_does_not_begin(tmp_path: Path) -> None:
    terminal = Terminal()
    with terminal.start("--home", tmp_path, "sql", XDG_STATE_HOME=str(tmp_path / "state")) as process:
        try:
            assert process.wait(60) == 1
        finally:
            process.kill()
    wait_for(lambda: "no database at" in terminal.text, "it does not say why")
    assert "Traceback" not in terminal.text


def test_a_session_between_two_questions_does_not_keep_an_owner_from_starting(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "tape.duckdb").write_bytes((home / "logs" / "tape.duckdb").read_bytes())
    shell = Shell(Client(folder), mode="json")
    assert len(shell.relations) > 100
    shell.run("select 1 as a")
    with Serving(folder) as serving:
        assert "held by another process" not in serving.log
        shell.run("select 2 as b")
        assert serving.end() == 0
