"""The report: its parts sum to its totals, on rows worked out by hand, on a sample and on real logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples.sample_logs import DEFAULT_END, write_sample
from tape.client.client import Client
from tape.client.report import Report, report_of
from tape.store.database import closing, migrate, open_database
from tape.store.home import Layout
from tape.store.legacy.importer import import_logs
from tests.conftest import AS_OF, GivenRows, ago
from tests.tape.owners import Serving

_SUMMED = ("attempts", "errors", "orders", "executed_usd", "fees_usd", "trades", "wins", "pnl_usd", "slippage_usd")


def check_sums(report: Report) -> None:
    """Every part of a report sums to its total."""
    *parts, everything = report.results
    for name in (*_SUMMED, "funding_usd", "funding_payments", "metrics", "slippage_known", "maker_known"):
        summed = sum(row[name] or 0 for row in parts)
        assert (everything[name] or 0) == pytest.approx(summed, abs=1e-9), name
    for name in ("vetoes", "vetoes_apart"):
        assert sum(row[name] for row in report.vetoes) == report.veto_total[name]
    told = [run.told() for run in report.runs]
    counted = [run for run in told if run["kind"] != "apart"]
    for name, of in (("attempts", "attempts"), ("fills", "orders"), ("closes", "trades"), ("errors", "errors")):
        assert sum(run[name] for run in counted) == everything[of], name
    assert sum(run["vetoes"] for run in counted) == report.veto_total["vetoes"]
    account = report.account
    if account["change_usd"] is not None:
        moved_usd = account["funding_usd"] + account["transfers_usd"]
        parts_usd = account["realized_usd"] - account["fees_usd"] + moved_usd + account["rest_usd"]
        assert account["change_usd"] == pytest.approx(parts_usd, abs=1e-9)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of a sample of two days; tests only read it."""
    folder = tmp_path_factory.mktemp("home")
    write_sample(folder / "old", days=2.0)
    _import(folder, folder / "old")
    return folder


def _import(home: Path, logs: Path) -> None:
    migrate(Layout(home).database)
    with closing(open_database(Layout(home).database)) as connection:
        import_logs(connection, logs, now=DEFAULT_END + timedelta(days=10))


def test_the_sample_adds_up_and_explains_its_change(sample: Path) -> None:
    report = report_of(Client(sample), DEFAULT_END - timedelta(days=2), DEFAULT_END)
    check_sums(report)
    everything, account = report.results[-1], report.account
    assert everything["trades"] > 60
    assert everything["net_low_usd"] < everything["net_per_trade_usd"] < everything["net_high_usd"]
    assert (account["closes"], account["rest_usd"]) != (0, 0.0)
    assert [run.kind for run in report.runs] == ["account"]
    assert report.apart == []
    # its NAV is the start plus realised PnL less fees plus unrealised PnL
    held = Client(sample).query("select sum(pnl_usd) from positions_now", as_of=DEFAULT_END).rows[0][0] or 0.0
    assert account["rest_usd"] == pytest.approx(held, abs=200.0)


def test_two_halves_make_a_whole(sample: Path) -> None:
    client, middle = Client(sample), DEFAULT_END - timedelta(days=1)
    whole = report_of(client, DEFAULT_END - timedelta(days=2), DEFAULT_END)
    halves = [
        report_of(client, DEFAULT_END - timedelta(days=2), middle),
        report_of(client, middle, DEFAULT_END),
    ]
    for name in ("trades", "pnl_usd", "attempts", "errors", "metrics"):
        summed = sum(half.results[-1][name] or 0 for half in halves)
        assert whole.results[-1][name] == pytest.approx(summed), name
    assert sum(half.veto_total["vetoes"] for half in halves) == whole.veto_total["vetoes"]
    assert halves[0].account["end_equity_usd"] == halves[1].account["start_equity_usd"]
    assert sum(half.account["change_usd"] for half in halves) == pytest.approx(whole.account["change_usd"])


def test_one_symbol_is_its_row(sample: Path) -> None:
    client, since = Client(sample), DEFAULT_END - timedelta(days=2)
    whole, one = report_of(client, since, DEFAULT_END), report_of(client, since, DEFAULT_END, symbol="BTCUSDT")
    assert one.results == [row for row in whole.results if row["symbol"] == "BTCUSDT"]
    assert 0 < one.veto_total["vetoes"] < whole.veto_total["vetoes"]
    assert one.account == whole.account


def test_an_owner_gives_the_same_numbers(sample: Path) -> None:
    since = DEFAULT_END - timedelta(days=2)
    alone = report_of(Client(sample), since, DEFAULT_END)
    with Serving(sample, TAPE_STORE__EXPORTS_DAYS="100000", TAPE_STORE__MARKS_DAYS="100000") as owner:
        assert report_of(Client(owner.home), since, DEFAULT_END).told() == alone.told()


def test_what_a_later_number_stored_is_not_seen(store: GivenRows, tmp_path: Path) -> None:
    store.close("BTCUSDT", 1.0)
    store.close("BTCUSDT", 2.0)
    store.connection.close()
    report = report_of(Client(tmp_path), ago(hours=1), AS_OF, known_seq=1)
    assert (report.results[-1]["trades"], report.results[-1]["pnl_usd"]) == (1, 1.0)


def test_a_quote_in_a_symbol_and_a_host_is_no_end_of_a_text(store: GivenRows, tmp_path: Path) -> None:
    for pid, nav in ((1, 100.0), (2, 5.0)):
        store.add("ticks", equity_usd=nav, hostname="vp's", pid=pid)
    store.add("ticks", equity_usd=100.0, hostname="vp's", pid=1)
    store.close("A'B", 1.0, hostname="vp's", pid=1)
    store.connection.close()
    report = report_of(Client(tmp_path), ago(hours=1), AS_OF, symbol="A'B")
    assert (report.apart, report.results[0]["pnl_usd"]) == (["vp's:2"], 1.0)


def test_an_empty_store_has_an_empty_report(store: GivenRows, tmp_path: Path) -> None:
    store.connection.close()
    report = report_of(Client(tmp_path), ago(hours=1), AS_OF)
    assert (report.is_empty, report.runs, report.vetoes, len(report.results)) == (True, [], [], 1)
    assert {row["rows"] for row in report.coverage} == {0}


def test_test_runs_of_real_logs_are_told_apart(real_logs: Path, tmp_path: Path) -> None:
    _import(tmp_path, real_logs)
    client, span = Client(tmp_path), (datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 11, 6, tzinfo=UTC))
    report = report_of(client, *span)
    check_sums(report)
    runs = [run.told() for run in report.runs]
    assert [(run["kind"], len(run["processes"])) for run in runs] == [
        ("account", 19),
        ("no NAV told", 20),
        ("apart", 4),
        ("apart", 5),
    ]
    assert (runs[2]["nav_low_usd"] > 4900, runs[3]["nav_high_usd"]) == (True, 1000.0)
    # only the test runs tried the limits of these reasons
    tried = {row["reason"] for row in report.vetoes if not row["vetoes"]}
    assert {"kill_switch", "daily_loss", "whitelist", "circuit_breaker"} <= tried
    assert {row["reason"]: row["vetoes"] for row in report.vetoes if row["vetoes"]} == {
        "leverage_cap": 312,
        "bucket_cap": 298,
        "trade_rate_limit": 11,
    }
    known = {row["input"]: (row["known"], row["rows"]) for row in report.inputs}
    assert (known["maker_flags"], known["unrealized_pnl"]) == ((0, 512), (0, 20503))
    everyone = report_of(client, *span, with_runs_apart=True)
    assert (everyone.apart, everyone.veto_total["vetoes"]) == ([], 707)
