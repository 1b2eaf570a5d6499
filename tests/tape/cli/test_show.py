"""Tables and views as they are shown: all of them, never too wide, with what they are for."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from tape.cli import show
from tape.cli.layouts import _LAYOUTS, ENVELOPE, layout_of, newest_first
from tape.cli.show import print_relation
from tape.client.client import Answer, Client
from tape.store.views.catalog import CATALOG_SQL, Relation, relations_of
from tests.programs import fails, tape
from tests.tape.terminals import Terminal
from tests.templates import give_database, sample_home

END = datetime(2025, 11, 1, tzinfo=UTC)
AT = ("--as-of", "2025-11-01T00:00:00Z")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder into which a sample was imported; tests only read it."""
    return Path(shutil.copytree(sample_home(), tmp_path_factory.mktemp("show") / "home"))


@pytest.fixture(scope="module")
def relations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Relation]:
    folder = tmp_path_factory.mktemp("empty")
    give_database(folder)
    return relations_of(Client(folder).query(CATALOG_SQL).rows[0][0])


def test_every_layout_is_of_a_relation_and_names_its_columns(relations: dict[str, Relation]) -> None:
    assert _LAYOUTS.keys() <= relations.keys()
    for name, relation in relations.items():
        types = {column.name: column.type for column in relation.columns}
        entries = [entry for entry, _ in layout_of(name) or []]
        assert len(set(entries)) == len(entries), name
        for entry in entries:
            column, _, key = entry.partition(".")
            assert column in types, f"{name}.{entry}"
            assert f"{key} " in f"{types[column]} ".replace('"', ""), f"{name}.{entry}"


def test_what_happens_is_shown_the_newest_first(relations: dict[str, Relation]) -> None:
    for name, relation in relations.items():
        columns = {column.name for column in relation.columns}
        order = newest_first(name)
        assert (order is not None) or "ingest_seq" not in columns, name
        for part in (order or "").replace(" desc", "").split(", ") if order else []:
            assert part in columns, f"{name}: {order}"


@pytest.mark.rows(1)
@pytest.mark.parametrize("eighth", range(8))
def test_everything_is_shown_within_100_columns_of_a_terminal(
    home: Path, relations: dict[str, Relation], monkeypatch: pytest.MonkeyPatch, eighth: int
) -> None:
    monkeypatch.setattr(
        show, "terminal", lambda: Console(force_terminal=True, width=140, no_color=True, highlight=False)
    )
    client = Client(home)
    for name, relation in list(relations.items())[eighth::8]:
        five = show.first_rows(client, name, f'from "{name}"', 5, END)
        one = replace(five, rows=five.rows[:1], is_cut=len(five.rows) > 1)
        for answer, show_all in product((one, five), (False, True)):
            _is_shown_within_100_columns(relation, answer, show_all=show_all)


def _is_shown_within_100_columns(relation: Relation, answer: Answer, *, show_all: bool) -> None:
    name = relation.name
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_relation(relation, answer, None, show_all=show_all, as_of=END, is_newest_first=False)
    first, *lines = re.sub(r"\x1b\[[0-9;]*m", "", printed.getvalue()).splitlines()
    assert first == f"{name} as of 2025-11-01 00:00:00 UTC"
    assert max(map(len, lines), default=0) <= 100, printed.getvalue()
    assert "".join(lines).startswith(relation.purpose[:60]), name
    listed = {entry.partition(".")[0] for entry, _ in layout_of(name) or []}
    shown = listed or set(answer.columns) - ENVELOPE or set(answer.columns)
    hidden = 0 if show_all else len(set(answer.columns) - shown)
    assert (f"{hidden} more column" in lines[-1]) == (hidden > 0), lines[-1]


def test_a_view_is_shown_with_purpose_units_and_without_its_envelope(home: Path) -> None:
    ended = tape("--home", home, "show", "closed_trades", "--limit", "2", *AT)
    assert (ended.code, ended.err) == (0, "")
    title, purpose, *_, units, rule, first, _second, _blank, note = ended.out.splitlines()
    assert title == "closed_trades as of 2025-11-01 00:00:00 UTC"
    assert purpose == "Every closed trade."
    assert {"UTC", "USD", "base", "quote", "bps"} <= set(units.split())
    assert set(rule) == {"─"}
    assert first.split()[0] == "2025-10-31"
    assert "2 of 28 rows, newest first; there are more: --limit; " in note
    assert "ingest" not in ended.out
    assert "ingest" in tape("--home", home, "show", "closed_trades", "--all", *AT).out


def test_one_row_that_does_not_fit_is_shown_from_top_to_bottom_with_what_it_means(home: Path) -> None:
    lines = tape("--home", home, "show", "nav_now", *AT).out.splitlines()
    (equity,) = [line for line in lines if line.startswith("equity_usd ")]
    assert equity.split()[2:] == ["USD", "equity", "of", "the", "latest", "tick"]
    assert lines[-1] == "1 row"


def test_a_piped_table_is_one_table_and_nothing_of_it_is_folded(home: Path) -> None:
    ended = tape("--home", home, "show", "order_fills", "--all", "--limit", "2", *AT)
    rows = tape("--home", home, "show", "order_fills", "--json", "--limit", "2", *AT).json
    _, _, *_, rule, first, second, _blank, _note = ended.out.splitlines()
    assert set(rule) == {"─"}
    assert len(rule) > 200
    for line, row in zip((first, second), rows, strict=True):
        assert {row["event_id"], row["symbol"], row["order_id"]} <= set(line.split())
    wide = f"select 'a b{'x' * 300}' as text, 1 as one"
    assert f" a b{'x' * 300}     1 " in tape("--home", home, "sql", wide).out


@pytest.mark.rows(3)
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["newest"], "2025-10-31 23:59:56 UTC"),
        (["newest-2h"], "2025-10-31 21:59:56 UTC"),
        (["2025-10-31"], "2025-10-31 00:00:00 UTC"),
        (["2025-10-31 16:00"], "2025-10-31 16:00:00 UTC"),
        (["2025-10-31 16:00", "--tz", "Europe/Berlin"], "2025-10-31 16:00:00 Europe/Berlin"),
        (["2025-10-31T16:00:00Z", "--tz", "Europe/Berlin"], "2025-10-31 17:00:00 Europe/Berlin"),
    ],
)
def test_the_title_says_which_instant_was_understood(home: Path, given: list[str], shown: str) -> None:
    command, title = ("--home", home), f"as of {shown}"
    assert tape(*command, "show", "nav_now", "--as-of", *given).out.splitlines()[0] == f"nav_now {title}"
    assert tape(*command, "sql", "from nav_now", "--as-of", *given).out.splitlines()[0] == title
    as_csv = tape(*command, "sql", "select as_of() as t", "--format", "csv", "--as-of", *given)
    assert as_csv.err == ("" if given[0].endswith("Z") else f"tape: {title}\n")


def test_so_long_ago_is_understood_beside_the_commands_own_options(home: Path) -> None:
    now = datetime.now(UTC)
    (row,) = tape("--home", home, "sql", "select as_of() as t", "--as-of", "-2h", "--format", "json").json
    assert now - timedelta(hours=2) <= datetime.fromisoformat(row["t"]) <= datetime.now(UTC) - timedelta(hours=2)


@pytest.mark.rows(2)
@pytest.mark.parametrize("command", [["show", "nav_now"], ["sql", "select 1"], ["explain", "nav"], ["export"]])
def test_what_is_no_instant_is_refused_with_the_forms_by_every_command(home: Path, command: list[str]) -> None:
    forms = ("newest", '"2025-11-05 16:10"', "-2h", "found 'soon'")
    fails(tape("--home", home, *command, "--as-of", "soon"), 2, *forms)


def test_an_empty_view_says_what_there_is_and_when(home: Path) -> None:
    told = "newest rows: order_metrics 2025-10-31 23:38:27 UTC"
    shown = tape("--home", home, "show", "trades_48h").out.splitlines()[-1]
    assert shown.startswith(told)
    assert shown.endswith("; try --as-of newest")
    table = tape("--home", home, "sql", "from trades_48h").out.splitlines()[-1]
    assert table == f"0 rows; {shown}"
    as_json = tape("--home", home, "sql", "from trades_48h", "--format", "json")
    assert (as_json.code, as_json.out, as_json.err) == (0, "[]\n", f"tape: no rows; {shown}\n")
    assert tape("--home", home, "sql", "select 1 as a where false").out.splitlines()[-1] == "0 rows"
    before = tape("--home", home, "show", "trades_48h", "--as-of", "2020-01-01").out.splitlines()[-1]
    assert before.startswith(told)
    assert "--as-of" not in before, "newer rows are no reason to look at an older instant"


def test_a_view_over_an_empty_store_says_that_nothing_is_stored(tmp_path: Path) -> None:
    give_database(tmp_path)
    assert tape("--home", tmp_path, "show", "vetoes_24h").out.splitlines()[-1] == "no rows yet in vetoes"
    fails(tape("--home", tmp_path, "show", "nav_now", "--as-of", "newest"), 1, "found an empty store")


def test_times_are_of_the_zone_that_is_asked_for(home: Path) -> None:
    query = "select ts from order_closes order by ts desc limit 1"
    assert tape("--home", home, "sql", query, "--format", "csv").out.splitlines()[1] == "2025-10-31T23:36:23.181451Z"
    berlin = ("--tz", "Europe/Berlin")
    local = "2025-11-01T00:36:23.181451+01:00"
    assert tape("--home", home, "sql", query, "--format", "csv", *berlin).out.splitlines()[1] == local
    assert tape("--home", home, "sql", query, "--format", "json", *berlin).json == [{"ts": local}]
    assert local in tape("--home", home, "sql", query, *berlin).out
    shown = tape("--home", home, "show", "closed_trades", "--limit", "2", *berlin, *AT).out.splitlines()
    assert [line.split()[0] for line in shown if line.startswith("Europe/")] == ["Europe/Berlin"]
    assert any(line.startswith("2025-11-01 00:36:23 ") for line in shown)
    fails(tape("--home", home, "sql", query, "--tz", "Mars"), 2, "Europe/Berlin or local, found 'Mars'")
    fails(tape("--home", home, "sql", query, "--format", "arrow", *berlin), 2, "expected table, json or csv")


def test_documents_are_json_within_json(home: Path) -> None:
    rows = tape("--home", home, "sql", "select context from vetoes where context is not null", "--format", "json").json
    assert rows
    assert {type(row["context"]) for row in rows} == {dict}
    assert {type(row["extra"]) for row in tape("--home", home, "show", "order_fills", "--json").json} <= {
        dict,
        type(None),
    }


def test_a_limit_that_takes_all_is_not_said_to_leave_any(home: Path) -> None:
    whole = tape("--home", home, "show", "symbol_scores", "--limit", "6", *AT).out.splitlines()[-1]
    assert whole.startswith("6 rows")
    assert "there are more" not in whole
    assert "there are more" in tape("--home", home, "show", "symbol_scores", "--limit", "5", *AT).out.splitlines()[-1]


def test_json_has_every_column_and_the_newest_rows(home: Path) -> None:
    rows = tape("--home", home, "show", "order_fills", "--limit", "3", "--json").json
    assert [row["ts"] for row in rows] == sorted((row["ts"] for row in rows), reverse=True)
    assert rows[0].keys() >= ENVELOPE


def test_json_has_every_row_unless_a_limit_is_given(home: Path) -> None:
    (counted,) = tape("--home", home, "sql", "select count(*) as n from order_acks", "--format", "json").json
    assert counted["n"] > 50
    assert len(tape("--home", home, "show", "order_acks", "--json").json) == counted["n"]
    table = tape("--home", home, "show", "order_acks").out.splitlines()[-1]
    assert table.startswith(f"50 of {counted['n']:,} rows, newest first; there are more: --limit")


def test_a_terminal_has_colours_and_a_pipe_has_none(home: Path) -> None:
    assert "\x1b" not in tape("--home", home, "show", "closed_trades", *AT).out
    terminal = Terminal()
    with terminal.start("--home", home, "show", "closed_trades", *AT) as process:
        assert process.wait(60) == 0
    assert "\x1b[32m" in terminal.raw
    assert "\x1b[31m" in terminal.raw


def test_a_field_of_a_struct_is_found_though_its_name_is_a_word_of_sql() -> None:
    struct = 'STRUCT("value" DOUBLE, lo DOUBLE, n BIGINT, state VARCHAR)'
    assert [show._field_type(struct, key) for key in ("value", "lo", "n", "state", "none")] == [
        *("DOUBLE", "DOUBLE", "BIGINT", "VARCHAR", "VARCHAR")
    ]
