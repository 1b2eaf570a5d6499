"""What the executor gets at the edge: a loop that never piles up, an account that goes on, a venue or a refusal."""

from __future__ import annotations

import json
import logging
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from tape.execution.counts import Counts
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.executor import Executor
from tape.execution.intents import Intent
from tape.execution.risk_limits import RiskView, check
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.venue import Acked, Ended, Order
from tape.runtime.config import config_of
from tape.runtime.executor import live_executor, refuse_unusable
from tape.runtime.loop import Loop
from tape.runtime.paper_account import PaperAccount
from tape.settings import Settings, load_settings
from tape.store.claims import trading
from tape.store.errors import ExecutorRuns, StoreError
from tape.store.journal.segments import journal_folder, segment_paths

NOW = datetime(2025, 6, 15, 12, 30, tzinfo=UTC)
KEY, SECRET = "key-of-the-account", "secret-of-the-account"
CCXT = {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET, "TAPE_EXECUTOR__VENUE": "ccxt"}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET", "DRY_RUN", "RISK_ENGINE_V6_ENABLED"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Stepped:
    """Stands where an executor stands; ``does`` is done at each step, with its number from 1."""

    does: Callable[[int], object]
    is_over: bool = False
    counts: Counts = field(default_factory=Counts)
    steps: int = 0

    def step(self, now: datetime) -> None:
        assert now.tzinfo is UTC
        self.steps += 1
        self.does(self.steps)


def _run(stepped: Stepped, seconds: float, interval_s: float, keep: Callable[[], None] = lambda: None) -> Loop:
    loop, stop = Loop(cast(Executor, stepped), interval_s, keep), threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        loop.run(stop)
    finally:
        timer.cancel()
        timer.join()
    return loop


# -- the loop


def test_a_loop_steps_at_its_interval_and_ends_at_once() -> None:
    stop, at = threading.Event(), list[float]()

    def step(number: int) -> None:
        at.append(time.monotonic())
        if number == 4:
            stop.set()

    stepped = Stepped(step)
    Loop(cast(Executor, stepped), 0.1, lambda: None).run(stop)
    assert len(at) == 4
    assert at[-1] - at[0] > 0.25
    Loop(cast(Executor, stepped), 60.0, lambda: None).run(stop)


def test_a_step_that_takes_too_long_costs_ticks_that_are_counted_said_and_not_caught_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at: list[float] = []

    def slow_once(number: int) -> None:
        at.append(time.monotonic())
        if number in (1, 2):
            time.sleep(0.35)

    stepped = Stepped(slow_once)
    with caplog.at_level(logging.WARNING):
        _run(stepped, 1.3, 0.1)
    assert stepped.counts.overruns >= 6, "three intervals were over each time"
    assert stepped.steps + stepped.counts.overruns <= 14, "no tick is done twice"
    assert all(later - earlier > 0.05 for earlier, later in pairwise(at)), "none is caught up"
    assert len(caplog.messages) == 1, "at most once a minute"
    assert "expected at most 0.10 s" in caplog.messages[0]
    assert stepped.counts.lag_s < 0.1


def test_a_step_that_fails_is_counted_and_told_until_one_works(caplog: pytest.LogCaptureFixture) -> None:
    def fail(number: int) -> None:
        if number in (1, 2, 4):
            raise ValueError(f"step {number}")

    with caplog.at_level(logging.INFO):
        stepped = Stepped(fail)
        loop = _run(stepped, 0.5, 0.05)
    assert stepped.steps >= 5, "it goes on"
    assert loop.failures == 3
    assert [record.exc_info is not None for record in caplog.records] == [True, False, True, False]
    assert caplog.messages[1] == "ticks work again"


def test_an_account_that_cannot_be_kept_is_a_failure_and_trading_goes_on() -> None:
    def keep() -> None:
        raise OSError("disk full")

    stepped = Stepped(lambda number: None)
    assert _run(stepped, 0.3, 0.05, keep).failures == stepped.steps > 1


def test_an_executor_that_is_over_ends_the_loop() -> None:
    stepped = Stepped(lambda number: None)

    def die(number: int) -> None:
        stepped.is_over = True
        raise RuntimeError("not on record")

    stepped.does = die
    with pytest.raises(RuntimeError, match="not on record"):
        _run(stepped, 5, 0.05)
    assert stepped.steps == 1


# -- the paper account


def _settings(home: Path, monkeypatch: pytest.MonkeyPatch | None = None, **environment: str) -> Settings:
    for name, value in environment.items():
        assert monkeypatch is not None
        monkeypatch.setenv(name, value)
    return load_settings(home)


def _order(name: str, side: Any = "BUY") -> Order:
    return Order(
        client_order_id=name,
        symbol="BTCUSDT",
        side=side,
        qty=0.01,
        limit_price=None,
        post_only=False,
        reduce_only=False,
    )


def _traded(account: PaperAccount, settings: Settings) -> PaperVenue:
    """A venue that holds 0.01 BTC, with another order on its way."""
    venue = account.venue(settings, NOW)
    venue.advance(NOW)
    venue.submit(_order("a"))
    venue.advance(NOW + timedelta(seconds=5))
    venue.submit(_order("b"))
    assert venue.account().holdings
    return venue


def test_an_account_goes_on_as_it_was_at_the_saved_prices(tmp_path: Path) -> None:
    settings, path = load_settings(tmp_path), tmp_path / "cache" / "account.json"
    account = PaperAccount(path)
    before = _traded(account, settings)
    account.save()
    later = NOW + timedelta(seconds=60)
    after = PaperAccount(path).venue(settings, later)
    assert {name: value for name, value in after.state().items() if name != "open"} == {
        name: value for name, value in json.loads(path.read_bytes()).items() if name != "open"
    }
    ended = [(each.client_order_id, each.status) for each in after.advance(later) if isinstance(each, Ended)]
    assert ended == [("b", "CANCELED")]
    assert after.account().holdings == before.account().holdings
    assert after.account().wallet_usd == before.account().wallet_usd
    for symbol, quote in before.quotes().items():
        assert after.quotes()[symbol].mid == pytest.approx(quote.mid, rel=1e-3), symbol


def test_what_is_saved_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "account.json"
    account = PaperAccount(path)
    _traded(account, load_settings(tmp_path))
    account.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["account.json"]
    assert sorted(json.loads(path.read_bytes())["lots"]) == ["BTCUSDT"]


def test_an_account_is_saved_when_it_changed_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    account = PaperAccount(path)
    account.save(is_last=True)
    assert not path.exists(), "there is no account yet"
    venue = _traded(account, load_settings(tmp_path))
    account.save()
    path.unlink()
    account.save()
    assert not path.exists(), "nothing has happened"
    venue.cancel("b")
    venue.advance(NOW + timedelta(seconds=20))
    account.save()
    assert json.loads(path.read_bytes())["open"] == [], "else a restart would end the order again"
    venue.advance(NOW + timedelta(seconds=300))
    account.save(is_last=True)
    assert json.loads(path.read_bytes())["now"] == (NOW + timedelta(seconds=300)).isoformat()


def test_a_new_start_has_another_market_path(tmp_path: Path) -> None:
    path, settings = tmp_path / "account.json", load_settings(tmp_path)
    account = PaperAccount(path)
    first = _traded(account, settings)
    account.save()
    again = PaperAccount(path).venue(settings, NOW)
    again.advance(NOW + timedelta(seconds=60))
    first.advance(NOW + timedelta(seconds=60))
    assert again.quotes()["BTCUSDT"].mid != first.quotes()["BTCUSDT"].mid


GOOD: dict[str, Any] = {
    "now": NOW.isoformat(),
    "wallet_usd": 9_000.0,
    "lots": {"BTCUSDT": [[0.5, 100_000.0]]},
    "orders": 3,
    "trades": 2,
    "quotes": [["BTCUSDT", NOW.isoformat(), 100_000.0, 100_001.0, 100_000.5]],
    "open": [],
}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "the file: Invalid JSON"),
        (json.dumps(GOOD).encode()[:-40], "the file: Invalid JSON"),
        (b"\xff\xfe", "the file: "),
        (b"[]", "the file: "),
        (b"{}", "now: "),
        (json.dumps(GOOD | {"wallet_usd": None}).encode(), "wallet_usd: "),
        (json.dumps(GOOD | {"now": "yesterday"}).encode(), "now: "),
        (json.dumps(GOOD | {"quotes": [["BTCUSDT"]]}).encode(), "quotes.0"),
        (
            json.dumps(GOOD | {"quotes": []}).encode(),
            "the file: expected a quote of what is held, found none of BTCUSDT",
        ),
        (json.dumps(GOOD | {"more": 1}).encode(), "more: "),
    ],
)
def test_a_file_that_is_no_account_is_refused_in_one_line_and_kept(tmp_path: Path, content: bytes, where: str) -> None:
    path = tmp_path / "logs" / "cache" / "paper_account.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(StoreError) as refused:
        refuse_unusable(tmp_path, load_settings(tmp_path))
    assert str(refused.value).startswith(f"paper account {path}: {where}")
    assert "move it away" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content


def test_a_symbol_that_left_the_universe_is_still_held(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(GOOD))
    (tmp_path / "tape.toml").write_text('[universe]\nsymbols = ["ETHUSDT"]\n')
    venue = PaperAccount(path).venue(load_settings(tmp_path), NOW)
    venue.advance(NOW + timedelta(seconds=5))
    assert [holding.symbol for holding in venue.account().holdings] == ["BTCUSDT"]
    assert set(venue.quotes()) == {"BTCUSDT", "ETHUSDT"}


# -- what it is configured with


def test_limits_and_universe_are_the_configured_ones_else_the_defaults(tmp_path: Path) -> None:
    config = config_of(load_settings(tmp_path))
    assert (config.limits_document, config.universe_document) == (DEFAULT_LIMITS, DEFAULT_UNIVERSE)
    (tmp_path / "tape.toml").write_text('[limits.global]\nmax_leverage = 2\n[universe]\nsymbols = ["XRPUSDT"]\n')
    config = config_of(load_settings(tmp_path))
    assert config.limits_document["global"] == {**DEFAULT_LIMITS["global"], "max_leverage": 2}
    assert config.universe.enabled == ("XRPUSDT",)


def test_the_limits_that_hold_are_logged_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tape.toml").write_text(
        '[limits.global]\nmax_trade_nav_pct = 2\nmax_leverage = "none"\n[universe]\nuniverse = ["BTCUSDT"]\n'
    )
    with caplog.at_level("INFO", logger="tape"), live_executor(tmp_path, load_settings(tmp_path)):
        pass
    assert "max_trade_nav_pct 2 % of NAV, symbol_notional_share_cap_pct 25 % of NAV" in caplog.text
    assert "limits: not the default: global.max_leverage, global.max_trade_nav_pct" in caplog.text
    assert "limits of BTCUSDT: order at least 100 USD, order at most 1,500 USD and 2 % of NAV" in caplog.text
    assert "leverage at most no limit" in caplog.text


def test_it_is_logged_that_no_limit_is_checked_and_what_may_be_meant_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_ENGINE_V6_ENABLED", "ture")
    (tmp_path / "risk_limits.json").write_text('{"global": {"max_gross_exposure_pct": 150, "tiers": {}}}')
    with live_executor(tmp_path, load_settings(tmp_path)):
        pass
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "RISK_ENGINE_V6_ENABLED is off: no limit is checked" in told
    assert any("RISK_ENGINE_V6_ENABLED: expected one of 1, true" in each and "counts as off" in each for each in told)
    assert any("risk_limits.json: limits: 1 key is kept without effect: global.tiers" in each for each in told)
    assert any("risk_limits.json: limits: global.max_gross_exposure_pct: expected up to 100" in each for each in told)


@pytest.mark.parametrize("usd", [4, 19.99])
def test_an_order_below_the_default_minimum_is_vetoed_whatever_else_is_set(tmp_path: Path, usd: float) -> None:
    (tmp_path / "tape.toml").write_text("[limits.global]\nmax_leverage = 2\n")
    config = config_of(load_settings(tmp_path))
    intent = Intent("i", "a", NOW, "ETHUSDT", "BUY", usd / 100, 100.0, "s", NOW)
    veto = check(intent, RiskView(NOW, 10_000.0, 0.0), config.limits, config.universe)
    assert veto is not None
    assert veto.reason == "min_notional"


def test_an_executor_records_what_it_runs_with_and_saves_its_account(tmp_path: Path) -> None:
    stop = threading.Event()
    with live_executor(tmp_path, load_settings(tmp_path)) as loop:
        threading.Timer(0.2, stop.set).start()
        loop.run(stop)
        with (
            pytest.raises(ExecutorRuns, match="has a running executor, pid"),
            live_executor(tmp_path, load_settings(tmp_path)),
        ):
            pass
    assert loop.executor.counts.ticks >= 1
    (segment,) = segment_paths(journal_folder(tmp_path))
    assert b'"config_snapshot"' in segment.read_bytes()
    assert (tmp_path / "logs" / "cache" / "paper_account.json").exists()
    with trading(tmp_path):
        pass


def test_a_journal_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "journal").write_text("a file")
    with pytest.raises(StoreError, match="cannot create a segment"), live_executor(tmp_path, load_settings(tmp_path)):
        pass


# -- a real account


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"BINANCE_API_SECRET": ""}, "found no BINANCE_API_SECRET"),
        ({"BINANCE_API_KEY": " "}, "found no BINANCE_API_KEY"),
        (
            {"BINANCE_TESTNET": "ture"},
            "BINANCE_TESTNET: expected one of 1, true, yes, on, 0, false, no, off, found 'ture'",
        ),
        ({"TAPE_EXECUTOR__TRADING": "true"}, "expected DRY_RUN = 0"),
        ({"TAPE_EXECUTOR__TRADING": "true", "DRY_RUN": "1"}, "found DRY_RUN = 1"),
        (
            {"TAPE_EXECUTOR__TRADING": "true", "DRY_RUN": "0", "RISK_ENGINE_V6_ENABLED": "0"},
            "RISK_ENGINE_V6_ENABLED = 0",
        ),
    ],
)
def test_a_real_account_is_refused_without_keys_and_without_what_guards_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], told: str
) -> None:
    settings = _settings(tmp_path, monkeypatch, **CCXT | environment)
    for refused_by in (
        lambda: refuse_unusable(tmp_path, settings),
        lambda: live_executor(tmp_path, settings).__enter__(),
    ):
        with pytest.raises(StoreError) as refused:
            refused_by()
        assert told in str(refused.value)
        assert KEY not in str(refused.value)
        assert SECRET not in str(refused.value)
    assert not segment_paths(journal_folder(tmp_path))


def test_a_real_account_is_refused_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(StoreError, match=r"pip install 'tape\[ccxt\]'") as refused:
        refuse_unusable(tmp_path, _settings(tmp_path, monkeypatch, **CCXT))
    assert SECRET not in str(refused.value)


def test_a_real_account_is_read_only_unless_trading_is_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[dict[str, Any]] = []

    def build(symbols: Any, **given: Any) -> PaperVenue:
        built.append(given)
        return PaperAccount(tmp_path / "none.json").venue(load_settings(tmp_path), NOW)

    monkeypatch.setattr("tape.runtime.executor.CcxtVenue", build)
    refuse_unusable(tmp_path, _settings(tmp_path, monkeypatch, **CCXT))
    trading_on = {"TAPE_EXECUTOR__TRADING": "true", "DRY_RUN": "0", "BINANCE_TESTNET": "1"}
    refuse_unusable(tmp_path, _settings(tmp_path, monkeypatch, **trading_on))
    assert [(each["trading"], each["testnet"]) for each in built] == [(False, False), (True, True)]
    assert built[0]["api_key"] == KEY


def test_an_account_begun_anew_uses_no_order_id_of_the_one_before(tmp_path: Path) -> None:
    numbers = []
    for start in (NOW, NOW + timedelta(days=1)):
        account = PaperAccount(tmp_path / f"{start:%d}.json")
        venue = account.venue(load_settings(tmp_path), start)
        venue.advance(start)
        venue.submit(Order("c", "BTCUSDT", "BUY", 0.01))
        (acked,) = [each for each in venue.advance(start + timedelta(seconds=5)) if isinstance(each, Acked)]
        numbers.append(int(acked.order_id))
    assert numbers == [1749990601, 1750077001]
