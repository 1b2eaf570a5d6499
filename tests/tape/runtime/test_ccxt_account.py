"""A real account over a restart: what happened while no executor ran is recorded by the next one, once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from tape.execution.default_limits import DEFAULT_LIMITS
from tape.execution.events import EVENTS_BY_TYPE
from tape.execution.executor import Executor
from tape.execution.intents import Intent
from tape.runtime.executor import live_executor
from tape.settings import load_settings
from tape.store.journal.segments import journal_folder, read_header, read_lines, segment_paths
from tests.execution.test_executor import Asks
from tests.execution.venues.test_ccxt import Exchange, Fast, Server, at, needs_ccxt
from tests.execution.venues.test_ccxt import exchange as exchange
from tests.execution.venues.test_ccxt import server as server

pytestmark = needs_ccxt
Run = Callable[..., Any]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def home(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "BINANCE_API_KEY": "k" * 20,
        "BINANCE_API_SECRET": "s" * 20,
        "TAPE_EXECUTOR__VENUE": "ccxt",
        "TAPE_EXECUTOR__TRADING": "true",
        "TAPE_EXECUTOR__MAKER_WAIT_S": "3600",
        "DRY_RUN": "0",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pairs_universe.json").write_text('["BTCUSDT"]')
    unlimited = dict.fromkeys(["max_trade_nav_pct", "max_nav_pct", "min_notional", "max_order_notional"])
    (tmp_path / "risk_limits.json").write_text(json.dumps({"global": NO_LIMITS, "per_symbol": {"BTCUSDT": unlimited}}))

    def build(symbols: Sequence[str], *, trading: bool, **_: Any) -> Fast:
        return Fast(server, tuple(symbols), trading=trading)

    monkeypatch.setattr("tape.runtime.executor.CcxtVenue", build)
    return tmp_path


NO_LIMITS = dict.fromkeys(DEFAULT_LIMITS["global"])
"""Each default limit of the account switched off: an empty document would leave them on."""


class Process:
    """One run of the executor; it is stepped by hand."""

    def __init__(self, executor: Executor, keep: Callable[[], None]) -> None:
        self.executor, self.keep = executor, keep
        self.asks = Asks()
        executor._strategy = self.asks

    def step(self, seconds: float, *intents: Intent) -> None:
        self.asks.intents = list(intents)
        self.executor.step(at(seconds))
        self.keep()


@contextmanager
def process(home: Path) -> Iterator[Process]:
    """A run that ends as a killed one does: nothing is done at its end."""
    with suppress(Killed), live_executor(home, load_settings(home)) as loop:
        yield Process(loop.executor, loop._keep)
        _dies()


def buy(qty: float = 2.0) -> Intent:
    return Intent("int1", "att1", at(0), "BTCUSDT", "BUY", qty, 100.4, "s", at(0))


def recorded(home: Path, *kinds: str) -> list[dict[str, Any]]:
    """The events of some types in the journal, in the order of their runs."""
    found = []
    for path in sorted(segment_paths(journal_folder(home)), key=lambda path: path.stat().st_mtime_ns):
        header = read_header(path)
        for line in read_lines(path, header.data_offset, 2, 1 << 24):
            assert not line.fault
            found += [{"kind": kind, **fields} for kind, fields in line.items if kind in kinds]
    assert set(kinds) <= EVENTS_BY_TYPE.keys()
    return found


def fills(home: Path) -> list[tuple[Any, ...]]:
    rows = recorded(home, "order_fill")
    return [(row["client_order_id"], row["executed_qty"], row["status"], row.get("attempt_id")) for row in rows]


def metrics(home: Path) -> list[tuple[Any, ...]]:
    rows = recorded(home, "order_metric")
    return [(row["attempt_id"], row["status"], row["contracts_qty"]) for row in rows]


def send(home: Path, exchange: Exchange) -> str:
    """A first run that sends a maker order, hears of half of it, and is killed. Returns the client's order id."""
    with process(home) as first:
        first.step(0)
        first.step(1, buy())
        (name,) = exchange.orders
        first.step(2)
        exchange.trade(name, "1", 2.5)
        first.step(3)
    assert fills(home) == [(name, 1.0, "PARTIALLY_FILLED", "att1")]
    return name


def test_a_fill_while_no_executor_ran_is_told_once_under_its_attempt(home: Path, exchange: Exchange) -> None:
    name = send(home, exchange)
    exchange.trade(name, "1", 60.0)
    with process(home) as second:
        second.step(100)
        second.step(101)
    whole = [(name, 1.0, "PARTIALLY_FILLED", "att1"), (name, 2.0, "FILLED", "att1")]
    assert fills(home) == whole
    assert metrics(home) == [("att1", "FILLED", 2.0)]
    with process(home) as third:
        third.step(200)
    assert fills(home) == whole
    assert metrics(home) == [("att1", "FILLED", 2.0)]


@pytest.mark.parametrize("status", ["CANCELED", "EXPIRED"])
def test_an_end_while_no_executor_ran_is_told_and_nothing_is_sent_in_its_place(
    home: Path, exchange: Exchange, status: str
) -> None:
    name = send(home, exchange)
    exchange.orders[name] |= {"status": status}
    for start in (100, 200):
        with process(home) as again:
            again.step(start)
            again.step(start + 1)
    assert metrics(home) == [("att1", status, 1.0)]
    assert len(exchange.asked_of("v1/order", "POST")) == 1


def test_an_order_that_still_rests_is_cancelled_by_the_next_run(home: Path, exchange: Exchange) -> None:
    name = send(home, exchange)
    with process(home) as second:
        second.step(100)
        second.step(101)
        assert not second.executor._router.is_working("BTCUSDT")
    assert exchange.orders[name]["status"] == "CANCELED"
    assert metrics(home) == [("att1", "CANCELED", 1.0)]


def test_a_run_that_may_not_trade_leaves_the_order_and_still_tells_its_fills(
    home: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = send(home, exchange)
    monkeypatch.setenv("TAPE_EXECUTOR__TRADING", "false")
    with process(home) as second:
        second.step(100)
        exchange.trade(name, "1", 100.5)
        second.step(101)
    assert exchange.asked_of("v1/order", "DELETE") == []
    assert fills(home)[1:] == [(name, 2.0, "FILLED", "att1")]


def test_a_trade_by_hand_while_no_executor_ran_is_told_once(home: Path, exchange: Exchange) -> None:
    with process(home) as first:
        first.step(0)
    exchange.order("web", qty="1")
    exchange.trade("web", "1", 50.0)
    for start in (100, 200):
        with process(home) as again:
            again.step(start)
    assert fills(home) == [("web", 1.0, "FILLED", None)]


def test_a_close_that_was_not_over_keeps_what_it_had_realised(home: Path, exchange: Exchange) -> None:
    exchange.position("BTCUSDT", "BOTH", "-2")  # short 2 at 99.5, bought back at 100.5
    with process(home) as first:
        first.step(0)
        first.step(1, buy())
        (name,) = exchange.orders
        first.step(2)
        exchange.positions.clear()
        exchange.position("BTCUSDT", "BOTH", "-1")
        exchange.trade(name, "1", 2.5)
        first.step(3)
    exchange.positions.clear()
    exchange.trade(name, "1", 60.0)
    with process(home) as second:
        second.step(100)
    (close,) = recorded(home, "order_close")
    assert (close["realized_pnl_usd"], close["closed_qty"], close["attempt_id"]) == (-1.0, 2.0, "att1")


def test_killed_before_a_batch_is_recorded_it_is_told_by_the_next_run(
    home: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(home) as first:
        first.step(0)
        first.step(1, buy())
        (name,) = exchange.orders
        first.step(2)
        exchange.trade(name, "1", 2.5)
        with monkeypatch.context() as patch:
            patch.setattr("tape.store.journal.writer.Journal.record", _dies)
            with pytest.raises(Killed):
                first.executor.step(at(3))
    assert fills(home) == []
    with process(home) as second:
        second.step(100)
    assert fills(home) == [(name, 1.0, "PARTIALLY_FILLED", "att1")]


def test_killed_behind_a_batch_it_is_not_told_again(home: Path, exchange: Exchange) -> None:
    with process(home) as first:
        first.step(0)
        first.step(1, buy())
        (name,) = exchange.orders
        first.step(2)
        exchange.trade(name, "2", 2.5)
        first.executor.step(at(3))  # and nothing is kept behind it
    with process(home) as second:
        second.step(100)
    assert fills(home) == [(name, 2.0, "FILLED", "att1")]
    assert metrics(home) == [("att1", "FILLED", 2.0)]


def _dies(*_: Any, **__: Any) -> int:
    raise Killed


def test_an_order_of_which_nothing_arrived_is_told_as_refused(home: Path, exchange: Exchange) -> None:
    name = send(home, exchange)
    path = home / "logs" / "cache" / "binanceusdm_account.json"
    saved = orjson.loads(path.read_bytes())
    saved["after"]["progress"]["sent"][0]["order_id"] = None
    path.write_bytes(orjson.dumps({**saved, "before": None, "seq": 0}))
    del exchange.orders[name]
    with process(home) as second:
        second.step(100)
        second.step(101)
    assert [row["error"] for row in recorded(home, "order_error")] == ["it never reached the venue"]


def test_a_symbol_that_is_new_is_read_from_then_on(home: Path, exchange: Exchange) -> None:
    with process(home) as first:
        first.step(0)
        first.step(40)
    for client, seconds in (("early", 20.0), ("late", 60.0)):
        exchange.order(client, "ETHUSDT", "1")
        exchange.trade(client, "1", seconds)
    (home / "pairs_universe.json").write_text('["BTCUSDT", "ETHUSDT"]')
    with process(home) as second:
        second.step(100)
        second.step(101)
    assert [name for name, *_ in fills(home)] == ["early", "late"]


def test_a_file_that_cannot_be_read_is_said_and_kept(
    home: Path, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / "logs" / "cache" / "binanceusdm_account.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"after": 7}')
    with caplog.at_level(logging.WARNING, "tape"), process(home) as only:
        only.step(0)
    assert "what happened while no executor ran is not told" in caplog.text
    assert path.with_name(f"{path.name}.unread").read_text() == '{"after": 7}'
    assert path.stat().st_mode & 0o077 == 0


def test_a_venue_that_has_gone_on_takes_no_progress(server: Server) -> None:
    venue = Fast(server)
    venue.advance(at(0))
    progress = venue.progress()
    assert progress is not None
    with pytest.raises(ValueError, match="never asked to go on"):
        venue.restore(progress)
    assert Fast(server).progress() is None
