"""Inputs that stopped, as people read it: of a view, of a published file, in words, by each command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from tape.cli.app import app
from tape.client.client import Client
from tape.client.stopped import newest_of, stopped_beneath, stopped_by_side, stopped_in, told_of
from tape.store.database import open_database
from tests.conftest import AS_OF, GivenRows, ago

TICKS = datetime(2025, 10, 14, 20, 39, 48, tzinfo=UTC)
VETOES = datetime(2025, 11, 5, 16, 8, tzinfo=UTC)
NOW = datetime(2025, 11, 5, 16, 10, tzinfo=UTC)
TOLD = "ticks 22 days old (newest row 2025-05-24 12:30:00 UTC)"


@pytest.fixture
def home(database: Path) -> Path:
    """A home whose ticks stopped 22 days ago and whose executor is alive."""
    connection = open_database(database)
    store = GivenRows(connection)
    store.add("ticks", ago(days=22), equity_usd=100.0)
    store.add("vetoes", ago(minutes=1), symbol="BTCUSDT", veto_reason="whitelist", context={"nav": 90.0})
    connection.close()
    return database.parent.parent


def run(home: Path, *words: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, ["--home", str(home), *words])
    assert result.exit_code in (0, 1), result.output
    return " ".join(result.output.split())


def test_each_is_told_with_its_age_and_its_newest_row_the_oldest_first() -> None:
    assert told_of({"executor": VETOES, "ticks": TICKS}, NOW) == (
        "ticks 22 days old (newest row 2025-10-14 20:39:48 UTC), "
        "executor 2.0 min old (newest row 2025-11-05 16:08:00 UTC)"
    )
    assert told_of({"ticks": TICKS}, NOW, ZoneInfo("Europe/Berlin")) == (
        "ticks 22 days old (newest row 2025-10-14 22:39:48 Europe/Berlin)"
    )


def test_a_file_tells_them_itself() -> None:
    assert stopped_in({"stale_inputs": {"ticks": "2025-10-14T20:39:48Z"}}) == {"ticks": TICKS}
    assert stopped_in({}) == stopped_in({"stale_inputs": None}) == {}


def test_a_side_of_a_comparison_is_judged_as_of_its_own_instant(tmp_path: Path) -> None:
    path = tmp_path / "nav.json"
    document = {"stale_inputs": {"ticks": "2025-10-14T20:39:48Z"}, "updated_ts": NOW.timestamp()}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert str(stopped_by_side(path)) == "ticks 22 days old (newest row 2025-10-14 20:39:48 UTC)"


def test_a_side_that_is_torn_missing_or_no_document_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nav.json"
    assert not stopped_by_side(path).newest
    for text in ('{"stale_inputs": {"ticks"', "[1]", '{"stale_inputs": {"ticks": "never"}, "updated_ts": 1}'):
        path.write_text(text, encoding="utf-8")
        assert not stopped_by_side(path).newest


def test_a_view_has_those_of_its_tables_and_a_table_none(home: Path) -> None:
    client = Client(home)
    assert newest_of(stopped_beneath(client, "nav_now", AS_OF)) == {"ticks": ago(days=22)}
    for name in ("router_health", "ticks", "seen_ticks", "inputs_now", "configured_symbols", "rfc3339"):
        assert stopped_beneath(client, name, AS_OF) == []


def test_show_names_them_below_the_table_and_beside_json(home: Path) -> None:
    shown = run(home, "show", "nav_now", "--as-of", AS_OF.isoformat())
    assert f"inputs that stopped: {TOLD}" in shown
    assert "tape show told_navs" in shown
    assert f"tape: inputs that stopped: {TOLD}" in run(home, "show", "nav_now", "--as-of", AS_OF.isoformat(), "--json")
    assert "stopped" not in run(home, "show", "vetoes_24h", "--as-of", AS_OF.isoformat())


def test_export_diff_and_explain_name_them(home: Path, tmp_path: Path) -> None:
    then = AS_OF.isoformat()
    exported = run(home, "export", "--as-of", then, "--out", str(tmp_path / "a"))
    assert f"inputs that stopped: {TOLD}: nav.json, " in exported
    assert "expectancy_v6.json, " not in exported.partition("inputs that stopped")[2]
    said = json.loads(run(home, "export", "--as-of", then, "--out", str(tmp_path / "a"), "--json"))["stale_inputs"]
    assert said["nav.json"] == {"ticks": "2025-05-24T12:30:00Z"}
    assert "expectancy_v6.json" not in said
    run(home, "export", "--as-of", ago(days=22).isoformat(), "--out", str(tmp_path / "b"))
    compared = run(home, "diff", str(tmp_path / "a"), str(tmp_path / "b"))
    assert f"A nav.json rests on inputs that stopped: {TOLD}" in compared
    assert "B nav.json rests" not in compared
    assert "stale_inputs" in compared
    assert "stale_s" not in compared
    assert f"note: it rests on inputs that stopped: {TOLD}" in run(
        home, "explain", "nav", "total_equity", "--as-of", then
    )
    assert "stopped:" not in run(home, "explain", "nav", "exec_stats.attempted_24h", "--as-of", then)
