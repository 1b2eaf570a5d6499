"""Symbols that nothing knows get a word: in commands, in lists of settings, at the start of an executor."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tape.client.symbols import say_unlisted
from tape.execution.config import parse_limits, parse_universe
from tape.execution.events import MarkObserved
from tape.settings import load_settings
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tests.programs import fails, tape
from tests.tape.cli.test_app import empty_home as empty_home


def test_a_symbol_that_nothing_knows_is_not_switched(empty_home: Path) -> None:
    listed = "expected one of BTCUSDT, ETHUSDT, LINKUSDT, LTCUSDT, SOLUSDT, SUIUSDT, found 'ALL'; --all switches every"
    fails(tape("--home", empty_home, "toggle", "ALL", "--off"), 2, listed)
    fails(tape("--home", empty_home, "toggle", "BTCUSD", "--off"), 2, "found 'BTCUSD'; --insist switches it all the")
    fails(tape("--home", empty_home, "toggle", "  ", "--off"), 2, "symbol: expected a name")
    fails(tape("--home", empty_home, "toggle", "--off"), 2, "expected a SYMBOL or --all, found neither")
    fails(tape("--home", empty_home, "toggle", "BTCUSDT", "--all", "--off"), 2, "found both")
    assert not (empty_home / "logs" / "journal").exists()
    insisted = tape("--home", empty_home, "toggle", "btcusd", "--off", "--insist")
    assert (insisted.code, insisted.out.split(":")[0]) == (0, "BTCUSD off")


def test_all_symbols_are_switched_at_once(empty_home: Path) -> None:
    (empty_home / "pairs_universe.json").write_text('["aaa", {"symbol": "BBB", "enabled": false}]')
    assert tape("--home", empty_home, "toggle", "--all", "--off").out.startswith("AAA, BBB off: on record")
    assert tape("--home", empty_home, "toggle", " bbb ", "--on").out.startswith("BBB on: ")


def test_a_symbol_on_record_may_be_switched_though_it_is_not_configured(empty_home: Path) -> None:
    with Journal(empty_home, "executor") as journal:
        journal.record([MarkObserved(ts=datetime.now(UTC), symbol="OLDUSDT", mark_price=1.0)])
    with duckdb.connect(empty_home / "logs" / "tape.duckdb") as connection:
        Ingest(connection, empty_home, empty_home).run_once()
    assert tape("--home", empty_home, "toggle", "oldusdt", "--off").out.startswith("OLDUSDT off: ")


def test_a_store_or_setting_that_cannot_be_read_stops_nobody_from_switching_off(empty_home: Path) -> None:
    (empty_home / "pairs_universe.json").write_text("[]")
    done = tape("--home", empty_home, "toggle", "ODDUSDT", "--off")
    assert (done.code, done.out.split(":")[0]) == (0, "ODDUSDT off")
    assert "ODDUSDT is not configured, and the store could not be asked for it: settings" in done.err
    fails(tape("--home", empty_home, "toggle", "all", "--off"), 2, "found 'ALL'; --all switches every symbol")


def test_a_tail_of_a_symbol_that_nothing_knows_says_so(empty_home: Path) -> None:
    done = tape("--home", empty_home, "tail", "fills", "--symbol", "btcusd", "--no-follow")
    assert done.code == 0
    assert "symbol: expected one of BTCUSDT, ETHUSDT" in done.err
    assert "found 'BTCUSD'" in done.err
    assert "symbol" not in tape("--home", empty_home, "tail", "fills", "--symbol", " btcusdt", "--no-follow").err


def test_settings_for_symbols_that_the_universe_does_not_list_are_named(caplog: pytest.LogCaptureFixture) -> None:
    limits = parse_limits({"per_symbol": {"BTCUSD": {"max_leverage": 2}, "ethusdt": {}}, "restricted_symbols": ["X"]})
    with caplog.at_level(logging.WARNING, "tape"):
        say_unlisted(limits, parse_universe(["BTCUSDT", "ETHUSDT"]), {"autotune.symbol_allowlist": {"ETHUSDT", "SOL"}})
    assert caplog.messages == [
        "limits.per_symbol: not in the universe, so without effect: BTCUSD (near: BTCUSDT)",
        "limits.restricted_symbols: not in the universe, so without effect: X",
        "autotune.symbol_allowlist: not in the universe, so without effect: SOL",
    ]


def test_case_and_blanks_of_the_allow_list_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_AUTOTUNE_V6_SYMBOL_ALLOWLIST", " btcusdt, ETHUSDT ,")
    monkeypatch.setenv("ROUTER_AUTOTUNE_V6_REQUIRE_QUALITY", "Good, ok")
    tuning = load_settings(tmp_path).autotune
    assert tuning.symbol_allowlist == {"BTCUSDT", "ETHUSDT"}
    assert tuning.require_quality == {"good", "ok"}
