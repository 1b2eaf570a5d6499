"""The limits that hold are shown whole, with their units, beside the defaults, and where they come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tape.cli.limits import print_limits
from tape.client.limits_in_force import InForce, ShownSymbol, limits_in_force
from tape.execution.config import SymbolLimits
from tape.execution.events import ConfigChanged
from tape.runtime.executor import live_executor
from tape.settings import load_settings
from tape.store.database import closing, open_database
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tape.store.legacy.importer import import_logs
from tests.templates import give_database

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def _values(found: InForce) -> dict[str, tuple[str, str]]:
    return {each.limit: (each.value, each.default) for each in found.account}


def _imported(home: Path, limits: object, universe: object) -> None:
    (home / "old").mkdir(parents=True)
    (home / "old" / "risk_limits.json").write_text(json.dumps(limits))
    (home / "old" / "pairs_universe.json").write_text(json.dumps(universe))
    give_database(home)
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        import_logs(connection, home / "old", now=NOW)


def _ingest(home: Path) -> None:
    give_database(home)
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        Ingest(connection, home, scratch=home).run_once()


def test_without_a_database_they_are_those_an_executor_would_begin_with(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text('[limits.global]\nmax_trade_nav_pct = 2\nmax_leverage = "none"\n')
    found = limits_in_force(tmp_path)
    assert (found.since, found.notes) == (None, [])
    values = _values(found)
    assert values["global.max_trade_nav_pct"] == ("2 % of NAV", "10 % of NAV")
    assert values["global.max_leverage"] == ("no limit", "3 times")
    assert values["global.daily_loss_limit_pct"] == ("3 %", "3 %")
    assert values["global.min_notional_usdt"] == ("20 USD", "20 USD")
    assert values["nav_freshness_seconds"] == ("120 seconds", "120 seconds")
    own = {each.symbol: each for each in found.symbols}
    assert own["BTCUSDT"].limits.trade_cap_frac == 0.02, "the default of the symbol, 15 %, gives way"
    assert own["SUIUSDT"].position_frac == 0.1


def test_those_on_record_come_first_and_what_is_configured_otherwise_is_said(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([ConfigChanged(ts=NOW, kind="limits", payload={"global": {"max_leverage": 7}})], durable=True)
    _ingest(tmp_path)
    found = limits_in_force(tmp_path)
    assert (found.since, found.producer) == (NOW, "executor")
    assert _values(found)["global.max_leverage"][0] == "7 times"
    assert limits_in_force(tmp_path, NOW - timedelta(days=1)).since is None
    (tmp_path / "tape.toml").write_text("[limits.global]\nmax_leverage = 2\n")
    (note,) = limits_in_force(tmp_path).notes
    assert note.startswith("limits: configured otherwise than on record")


def test_what_an_executor_records_at_its_start_is_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[limits.global]\nmax_trade_nav_pct = 2\n")
    before = limits_in_force(tmp_path)
    with live_executor(tmp_path, load_settings(tmp_path)) as loop:
        loop.executor.step(datetime.now(UTC))
    _ingest(tmp_path)
    found = limits_in_force(tmp_path)
    assert (found.producer, found.notes) == ("executor", [])
    assert (found.account, found.symbols) == (before.account, before.symbols)


def test_of_imported_limits_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    _imported(
        tmp_path,
        {"global": {"max_leverage": "four", "max_trade_nav_pct": 250, "tiers": {}}},
        [{"symbol": "X", "enabled": False}, "Y"],
    )
    found = limits_in_force(tmp_path)
    assert _values(found)["global.max_trade_nav_pct"][0] == "100 % of NAV"
    assert [(each.symbol, each.is_enabled) for each in found.symbols] == [("X", False), ("Y", True)]
    assert [note.split(": ")[1] for note in found.notes] == ["1 key is kept without effect", "global.max_leverage"]


def test_limits_that_nobody_checks_are_shown_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_ENGINE_V6_ENABLED", "0")
    assert limits_in_force(tmp_path).notes == [
        "RISK_ENGINE_V6_ENABLED is off: an executor of this home checks no limit"
    ]


def test_they_are_printed_as_tables_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tape.toml").write_text("[limits.global]\nmax_trade_nav_pct = 2\n")
    found = limits_in_force(tmp_path)
    print_limits(found, tmp_path, as_of=None, as_json=False)
    printed = capsys.readouterr().out
    assert "an executor would begin with these" in printed
    assert [line.split()[:9] for line in printed.splitlines() if "max_trade_nav_pct" in line] == [
        ["max_trade_nav_pct", "2", "%", "of", "NAV", "10", "%", "of", "NAV"]
    ]
    assert any(line.split()[:6] == ["BTCUSDT", "yes", "100", "1,500", "2", "%"] for line in printed.splitlines())
    print_limits(found, tmp_path, as_of=None, as_json=True)
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["since"] is None
    assert {each["limit"]: each["value"] for each in as_json["account"]}["global.max_trade_nav_pct"] == "2 % of NAV"


def test_the_first_imported_limits_are_said_to_hold_for_the_whole_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _imported(tmp_path, {"global": {"max_leverage": 4}}, ["X"])
    print_limits(limits_in_force(tmp_path), tmp_path, as_of=None, as_json=False)
    assert "on record for the whole history, from risk_limits.json\n" in capsys.readouterr().out


def test_of_two_limits_at_one_instant_the_one_stored_last_holds(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        for most in (7, 5):
            payload = {"global": {"max_leverage": most}}
            journal.record([ConfigChanged(ts=NOW, kind="limits", payload=payload)], durable=True)
    _ingest(tmp_path)
    assert _values(limits_in_force(tmp_path))["global.max_leverage"][0] == "5 times"


@pytest.mark.parametrize(
    ("own", "any_symbol", "expected"), [(0.2, 0.1, 0.1), (0.1, 0.2, 0.1), (None, 0.2, 0.2), (None, None, None)]
)
def test_the_lower_of_the_two_shares_bounds_a_position(
    own: float | None, any_symbol: float | None, expected: float | None
) -> None:
    limits = SymbolLimits(None, None, None, own, None, any_symbol, None)
    assert ShownSymbol("X", True, limits).position_frac == expected
