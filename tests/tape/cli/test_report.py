"""``tape report``: what it says of a span, as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import GivenRows, ago
from tests.programs import fails, tape
from tests.templates import day_home

SPAN = ("--from", "2025-10-31", "--to", "2025-11-01")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder into which a sample of a day was imported; tests only read it."""
    return Path(shutil.copytree(day_home(), tmp_path_factory.mktemp("report") / "home"))


def report(home: Path, *words: str) -> str:
    ended = tape("--home", home, "report", *words)
    assert ended.code == 0, ended.err
    return ended.out


def test_it_shows_every_part_within_its_span(home: Path) -> None:
    text = report(home, *SPAN)
    assert text.startswith("report: 2025-10-31 00:00:00 UTC to 2025-11-01 00:00:00 UTC, 24 h\n")
    for part in ("account", "money", "luck", "orders", "vetoes", "rows on record", "missing"):
        assert f"\n{part}" in text, part
    for line in ("equity at the start", "  realised PnL", "worst drawdown", "marks", "funding payments"):
        assert f"\n{line}" in text, line
    assert "runs" not in text  # one process


@pytest.mark.thorough
def test_the_tables_are_the_document(home: Path) -> None:
    document = json.loads(report(home, *SPAN, "--json"))
    everything = document["symbols"][-1]
    line = next(line for line in report(home, *SPAN).splitlines() if line.startswith("all "))
    assert line.split()[1:5] == [
        f"{everything['orders']:,}",
        f"{everything['executed_usd']:,.2f}",
        f"{everything['trades']:,}",
        f"{everything['wins']:,}",
    ]
    assert report(home, *SPAN, "--format", "json") == report(home, *SPAN, "--json")


@pytest.mark.thorough
def test_csv_has_a_row_for_each_value(home: Path) -> None:
    document = json.loads(report(home, *SPAN, "--json"))
    head, *rows = csv.reader(io.StringIO(report(home, *SPAN, "--format", "csv")))
    assert head == ["part", "row", "name", "value"]
    found = {(part, row, name): value for part, row, name, value in rows}
    assert len(found) == len(rows)
    assert float(found["symbols", "all", "pnl_usd"]) == document["symbols"][-1]["pnl_usd"]
    assert found["account", "", "start_ts"] == document["account"]["start_ts"]
    assert found["symbols", "all", "funding_usd"] == ""
    top = document["vetoes"]["by_reason"][0]
    assert found["vetoes.by_reason", top["reason"], "vetoes"] == str(top["vetoes"])


def test_instants_are_given_and_shown_in_a_zone(home: Path) -> None:
    text = report(home, "--from", "2025-10-31 02:00", "--to", "newest", "--tz", "Europe/Berlin")
    assert text.startswith("report: 2025-10-31 02:00:00 Europe/Berlin to 2025-11-01 00:5")
    document = json.loads(report(home, *SPAN, "--tz", "Europe/Berlin", "--json"))
    assert document["from"] == "2025-10-31T00:00:00+01:00"
    assert document["account"]["end_ts"].endswith("+01:00")


@pytest.mark.thorough
def test_one_symbol(home: Path) -> None:
    text = report(home, *SPAN, "--symbol", " btcusdt")
    assert "account, of all symbols" in text
    assert "ETHUSDT" not in text
    assert "\nBTCUSDT" in text


def test_without_a_span_it_is_of_the_last_24_hours_and_says_where_the_rows_are(home: Path) -> None:
    text = report(home)
    assert "24 h\n" in text
    assert "nothing is on record in this span; the newest event is of 2025-" in text
    assert text.endswith("; try --from newest-24h --to newest\n")
    assert "\nmoney" in report(home, "--from", "newest-24h", "--to", "newest")


def test_an_empty_store_says_so(store: GivenRows, tmp_path: Path) -> None:
    store.connection.close()
    text = report(tmp_path)
    assert "equity  -  no tick on record up to the end of the span\n" in text
    assert text.endswith("nothing is on record yet\n")


def test_unknown_is_a_dash_and_what_is_missing_is_counted(store: GivenRows, tmp_path: Path) -> None:
    order = {"symbol": "BTCUSDT", "avg_price": 100.0, "fee_total": 0.5}
    store.add("order_fills", ago(minutes=30), order_id="o1", fee_asset="BNB", **order)
    store.close("BTCUSDT", 10.0, ago(minutes=30), order_id="o1")
    store.add("order_metrics", ago(minutes=30), symbol="BTCUSDT")
    store.connection.close()
    text = report(tmp_path, "--from", "2025-06-15", "--to", "2025-06-16")
    assert "BTCUSDT       1    100.00       1     1  10.00     -        -        -\n" in text
    assert "not known: 1 fees without a price" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "priced fees 0 of 1 orders net PnL is unknown where a fee is" in lines
    assert "maker flags 0 of 1 order metrics maker ratios rest on the metrics that tell it" in lines


def test_runs_with_another_nav_are_listed_and_left_out(store: GivenRows, tmp_path: Path) -> None:
    for minutes in (40, 30):
        store.add("ticks", ago(minutes=minutes), equity_usd=2400.0, hostname="vps", pid=1)
    veto = {"symbol": "BTCUSDT", "veto_reason": "kill_switch", "hostname": "vps", "pid": 2}
    store.add("vetoes", ago(minutes=35), context={"nav": 1000.0}, **veto)
    store.connection.close()
    span = ("--from", "2025-06-15", "--to", "2025-06-16")
    text = report(tmp_path, *span)
    assert "1 process with a NAV of another account, as test runs have, left out above; --all-runs counts them" in text
    assert "kill_switch       0              1" in text
    assert "kill_switch       1        1" in report(tmp_path, *span, "--all-runs")


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2025-11-02", "--to", "2025-11-01"), "--from: expected an instant before 2025-11-01 00:00:00 UTC"),
        (("--from", "soon"), "instant: expected newest, "),
        (("--format", "xml"), "expected one of table, json, csv, found 'xml'"),
        (("--tz", "Mars"), "zone: expected a time zone"),
    ],
)
def test_wrong_usage_is_told(home: Path, words: tuple[str, ...], told: str) -> None:
    fails(tape("--home", home, "report", *words), 2, told)


def test_an_unknown_symbol_is_told(home: Path) -> None:
    fails(tape("--home", home, "report", "--symbol", "BTCUSD"), 1, "found 'BTCUSD'")
