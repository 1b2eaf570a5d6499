"""The executor: what one tick records and in which order, what it does when things fail, and ten minutes on paper."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tape.execution.autotune import Autotune
from tape.execution.config import Config
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.events import (
    EVENTS_BY_TYPE,
    ConfigChanged,
    Event,
    FlagsRecorded,
    FundingSettled,
    HeartbeatSent,
    IntentVetoed,
    MarkObserved,
    OrderAttempted,
    OrderClosed,
    OrderFilled,
    OrderMeasured,
    PositionMarked,
    ShadowDecided,
    SymbolToggled,
    Ticked,
)
from tape.execution.executor import Executor
from tape.execution.intents import Intent
from tape.execution.published import HEALTH, SNAPSHOT, SUGGESTIONS, Published
from tape.execution.strategy import Momentum, Strategy
from tape.execution.v6_flags import Flags
from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.execution.venues.venue import (
    Account,
    FundingPaid,
    Holding,
    Order,
    Quote,
    Side,
    Traded,
    Update,
    VenueUnavailable,
)

START = datetime(2025, 11, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2025, 11, 2, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
FLAGS = Flags(
    is_intel_on=True,
    is_risk_engine_on=True,
    is_pipeline_shadow_on=True,
    is_router_autotune_on=True,
    is_feedback_allocator_on=True,
    is_router_autotune_apply_on=True,
    env="test",
    dry_run="0",
    testnet="0",
    engine_version="1.0",
)
E = TypeVar("E", bound=Event)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class ScriptedVenue:
    """A venue that says what a test tells it to say, and writes down what is sent to it."""

    name = "scripted"

    def __init__(self, diary: list[object], *holdings: Holding) -> None:
        self.diary = diary
        self.holdings = holdings
        self.equity_usd = 10_000.0
        self.updates: list[Update] = []
        self.old: dict[str, float] = {}
        """Age of the quotes of symbols, s."""
        self.missing: set[str] = set()
        self.is_down = self.is_account_down = False
        self.now = START

    def advance(self, now: datetime) -> Sequence[Update]:
        if self.is_down:
            raise VenueUnavailable("no answer")
        self.now = now
        updates, self.updates = self.updates, []
        return updates

    def quotes(self) -> Mapping[str, Quote]:
        return {
            symbol: Quote(symbol, self.now - timedelta(seconds=self.old.get(symbol, 0.0)), 99.9, 100.1, 100.0)
            for symbol in SYMBOLS
            if symbol not in self.missing
        }

    def account(self) -> Account:
        if self.is_account_down:
            raise VenueUnavailable("no account")
        return Account(self.now, self.equity_usd, self.equity_usd, 0.0, self.holdings)

    def submit(self, order: Order) -> None:
        self.diary.append(order)

    def cancel(self, client_order_id: str) -> None:
        self.diary.append(("cancel", client_order_id))


@dataclass
class Asks:
    """A strategy that asks for what a test puts into it, once; or fails."""

    intents: list[Intent] = field(default_factory=list)
    error: Exception | None = None

    def decide(
        self, now: datetime, quotes: Mapping[str, Quote], account: Account, busy: Callable[[str], bool]
    ) -> list[Intent]:
        if self.error is not None:
            raise self.error
        intents, self.intents = self.intents, []
        return [replace(each, ts=now, signal_ts=now) if isinstance(each, Intent) else each for each in intents]


class Bench:
    """An executor over a scripted venue; ``diary`` holds batches and orders in the order they came in."""

    def __init__(self, folder: Path, *holdings: Holding, **options: Any) -> None:
        self.diary: list[object] = []
        self.folder = folder
        self.venue = ScriptedVenue(self.diary, *holdings)
        self.asks = Asks()
        self.ids = count(1)
        self.fault: Exception | None = None
        self.executor = Executor(
            self.venue,
            self._record,
            strategy=self.asks,
            config=Config.of(options.pop("limits", {}), options.pop("universe", list(SYMBOLS))),
            flags=options.pop("flags", FLAGS),
            published=Published(folder),
            new_id=lambda: f"id{next(self.ids)}",
            **options,
        )

    def _record(self, batch: Sequence[Event]) -> None:
        if self.fault is not None:
            raise self.fault
        self.diary.append(list(batch))

    def step(self, seconds: float, *intents: Intent) -> list[Event]:
        """One tick; the events it put on record."""
        self.asks.intents = list(intents)
        begin = len(self.diary)
        self.executor.step(at(seconds))
        return [event for entry in self.diary[begin:] if isinstance(entry, list) for event in entry]

    def close(self, seconds: float, symbol: str, qty: float, entry: float, price: float) -> None:
        """Puts a position into the venue's past that the next tick hears closed, at a loss or a gain."""
        self.executor.book.open(symbol, qty, entry)
        self.venue.updates.append(traded(seconds, "SELL", qty, price, symbol))

    def publish(self, stem: str, document: object) -> None:
        new = self.folder / ".new"
        new.write_text(document if isinstance(document, str) else json.dumps(document))
        new.replace(self.folder / f"{stem}.json")

    def snapshot(self, seconds: float, **until: str | None) -> None:
        """Publishes a risk snapshot with these symbols switched off."""
        entries = [
            {
                "symbol": symbol,
                "sizing": {"final_size_factor": 0.5},
                "risk": {
                    "dd_today_pct": 0.0,
                    "toggle_active": symbol in until,
                    "toggle_meta": {"disabled_until": until[symbol]} if symbol in until else None,
                },
            }
            for symbol in SYMBOLS
        ]
        self.publish(SNAPSHOT, {"updated_ts": at(seconds).timestamp(), "symbols": entries})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def traded(seconds: float, side: Side, qty: float, price: float, symbol: str = "BTCUSDT", number: int = 1) -> Traded:
    """A trade of an order that was placed by hand."""
    order = f"hand{number}"
    return Traded(order, order, f"t{number}", symbol, side, at(seconds), qty, price, 0.0, "USDT", False, "FILLED")


def intent(symbol: str = "BTCUSDT", qty: float = 1.0, side: Side = "BUY", number: int = 1, **other: Any) -> Intent:
    asked = Intent(f"i{number}", f"a{number}", START, symbol, side, qty, 100.0, "test", START)
    return replace(asked, **other)


def of(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


# -- one tick


def test_the_first_step_says_what_it_runs_with_before_anything_else(bench: Bench) -> None:
    bench.step(0)
    assert [[type(event).__name__ for event in batch] for batch in bench.diary if isinstance(batch, list)] == [
        ["ConfigChanged", "ConfigChanged"],
        ["FlagsRecorded"],
        ["Ticked", "MarkObserved", "MarkObserved", "MarkObserved"],
        ["HeartbeatSent"],
        ["ShadowDecided"],
    ]
    (flags,) = of([event for batch in bench.diary if isinstance(batch, list) for event in batch], FlagsRecorded)
    assert flags == FLAGS.event(START)


def test_a_tick_is_one_batch_of_the_account_its_positions_and_the_market(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 2.0, 90.0, 3.0), Holding("ETHUSDT", -1.0, 110.0, 3.0))
    bench.step(0)
    bench.diary.clear()
    bench.step(1)
    (batch,) = bench.diary
    assert isinstance(batch, list)
    (tick,), positions, marks = of(batch, Ticked), of(batch, PositionMarked), of(batch, MarkObserved)
    assert tick.event_id is not None
    assert (tick.ts, tick.equity_usd, tick.position_count) == (at(1), 10_000.0, 2)
    assert {event.ts for event in batch} == {at(1)}
    assert [(each.tick_id, each.symbol, each.qty, each.mark_price) for each in positions] == [
        (tick.event_id, "BTCUSDT", 2.0, 100.0),
        (tick.event_id, "ETHUSDT", -1.0, 100.0),
    ]
    assert [(each.symbol, each.mark_price, each.bid_price, each.ask_price) for each in marks] == [
        (symbol, 100.0, 99.9, 100.1) for symbol in SYMBOLS
    ]


def test_each_tick_has_an_id_of_its_own(bench: Bench) -> None:
    ids = [tick.event_id for second in range(5) for tick in of(bench.step(second), Ticked)]
    assert len(set(ids)) == 5


def test_the_whole_universe_is_marked_every_tick_and_stale_quotes_are_left_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("ETHUSDT", 1.0, 90.0, 1.0))
    assert [mark.symbol for mark in of(bench.step(0), MarkObserved)] == list(SYMBOLS)
    bench.venue.old["ETHUSDT"] = 90.0
    assert [mark.symbol for mark in of(bench.step(1), MarkObserved)] == list(SYMBOLS)
    bench.venue.old["ETHUSDT"] = 90.1
    events = bench.step(2)
    assert [mark.symbol for mark in of(events, MarkObserved)] == ["BTCUSDT", "SOLUSDT"]
    assert [position.mark_price for position in of(events, PositionMarked)] == [None]


def test_no_event_is_younger_than_its_step(bench: Bench) -> None:
    bench.close(0.5, "BTCUSDT", 1.0, 100.0, 99.0)
    bench.venue.updates.append(FundingPaid("ETHUSDT", at(0.7), -1.0))
    for second in range(3):
        assert all(event.ts <= at(second + 1) for event in bench.step(second + 1, intent(number=second)))


def test_an_update_between_ticks_has_the_quote_of_its_moment(bench: Bench) -> None:
    bench.step(0)
    bench.venue.updates.append(traded(0.5, "BUY", 1.0, 100.0))
    bench.venue.updates.append(traded(1.0, "BUY", 1.0, 100.0, number=2))
    fills = of(bench.step(1), OrderFilled)
    assert [fill.mark_price for fill in fills] == [100.0, 100.0]
    bench.venue.updates.append(traded(-5, "BUY", 1.0, 100.0, number=3))
    assert [fill.mark_price for fill in of(bench.step(2), OrderFilled)] == [None]


def test_funding_is_on_record(bench: Bench) -> None:
    bench.venue.updates.append(FundingPaid("ETHUSDT", at(0.5), -1.25))
    assert of(bench.step(1), FundingSettled) == [FundingSettled(ts=at(0.5), symbol="ETHUSDT", amount_usd=-1.25)]


@pytest.mark.parametrize(
    ("kind", "period_s"), [(FlagsRecorded, 300), (HeartbeatSent, 60), (ShadowDecided, 600), (ConfigChanged, 10**6)]
)
def test_what_is_due_now_and_then(bench: Bench, kind: type[Event], period_s: int) -> None:
    due = [second for second in range(0, 1300, 5) if of(bench.step(second), kind)]
    assert due == list(range(0, 1300, period_s))


# -- decisions


def test_attempts_and_vetoes_are_on_record_before_an_order_is_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits={"global": {"max_leverage": 3}})
    bench.step(0)
    bench.diary.clear()
    bench.step(1, intent(), intent("ETHUSDT", number=2, leverage=9.0), intent("SOLUSDT", number=3))
    _, decisions, first, second = bench.diary
    assert isinstance(decisions, list)
    assert [(type(event).__name__, event.attempt_id) for event in decisions] == [
        ("ShadowDecided", "a1"),
        ("OrderAttempted", "a1"),
        ("ShadowDecided", "a2"),
        ("IntentVetoed", "a2"),
        ("ShadowDecided", "a3"),
        ("OrderAttempted", "a3"),
    ]
    assert isinstance(first, Order)
    assert isinstance(second, Order)
    assert (first.symbol, second.symbol) == ("BTCUSDT", "SOLUSDT")


def test_an_order_whose_attempt_could_not_be_recorded_is_never_sent(bench: Bench) -> None:
    bench.step(0)
    record = bench.executor._record

    def fails_at_decisions(batch: Sequence[Event]) -> object:
        if of(batch, OrderAttempted):
            raise OSError("no space left")
        return record(batch)

    bench.executor._record = fails_at_decisions
    with pytest.raises(OSError, match="no space left"):
        bench.step(1, intent())
    with pytest.raises(RuntimeError, match="could not"):
        bench.step(2)
    assert not [entry for entry in bench.diary if isinstance(entry, Order)]


def test_intents_of_one_tick_count_against_the_caps_of_the_next_ones(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits={"global": {"max_gross_exposure_pct": 15}})
    events = bench.step(0, intent(qty=10.0), intent("ETHUSDT", qty=10.0, number=2))
    assert [each.attempt_id for each in of(events, OrderAttempted)] == ["a1"]
    assert [(each.attempt_id, each.veto_reason) for each in of(events, IntentVetoed)] == [("a2", "portfolio_cap")]


def test_a_position_without_a_quote_counts_at_its_entry(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("SOLUSDT", 20.0, 100.0, 1.0), limits={"global": {"max_gross_exposure_pct": 25}})
    bench.venue.missing.add("SOLUSDT")
    assert [veto.veto_reason for veto in of(bench.step(0, intent(qty=10.0)), IntentVetoed)] == ["portfolio_cap"]


def test_an_intent_without_a_quote_or_by_an_old_one_is_vetoed_and_an_exit_by_an_old_one_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("ETHUSDT", 1.0, 100.0, 1.0))
    bench.venue.missing.add("BTCUSDT")
    bench.venue.old.update(ETHUSDT=300.0, SOLUSDT=300.0)
    leaves = intent("ETHUSDT", side="SELL", number=2, reduce_only=True)
    events = bench.step(0, intent(), leaves, intent("SOLUSDT", number=3))
    vetoes = [(veto.attempt_id, veto.veto_reason) for veto in of(events, IntentVetoed)]
    assert vetoes == [("a1", "no_quote"), ("a3", "quote_stale")]
    assert [attempt.attempt_id for attempt in of(events, OrderAttempted)] == ["a2"]


def test_with_the_shadow_off_there_are_no_shadow_decisions(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flags=replace(FLAGS, is_pipeline_shadow_on=False))
    assert of([*bench.step(0, intent()), *bench.step(601)], ShadowDecided) == []


def test_with_the_risk_engine_off_nothing_is_vetoed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flags=replace(FLAGS, is_risk_engine_on=False), limits={"global": {"max_leverage": 3}})
    events = bench.step(0, intent(leverage=9.0))
    assert of(events, IntentVetoed) == []
    assert len(of(events, OrderAttempted)) == 1
    assert [shadow.is_allowed for shadow in of(events, ShadowDecided)][:1] == [False]


def test_the_candidate_is_sized_by_what_is_published(bench: Bench) -> None:
    bench.snapshot(0)
    (decided, _) = of(bench.step(0, intent(qty=4.0)), ShadowDecided)
    assert isinstance(decided.decision, dict)
    assert decided.decision["size_decision"] == {"gross_usd": 200.0, "qty": 2.0}


@pytest.mark.parametrize("is_applied", [True, False])
def test_suggestions_are_applied_only_where_their_flag_is_on(tmp_path: Path, is_applied: bool) -> None:
    bench = Bench(tmp_path, flags=replace(FLAGS, is_router_autotune_apply_on=is_applied), autotune=Autotune(is_on=True))
    policy = {"maker_first": True, "taker_bias": "balanced", "quality": "good", "reason": "r"}
    bench.publish(HEALTH, {"symbols": [{"symbol": "BTCUSDT", "maker_offset_bps": 20.0, "policy": policy}]})
    proposal = {"maker_first": True, "taker_bias": 0.5, "offset_bps": 10.0}
    bench.publish(SUGGESTIONS, {"symbols": [{"symbol": "BTCUSDT", "proposed_policy": proposal}]})
    bench.step(0, intent())
    (order,) = [entry for entry in bench.diary if isinstance(entry, Order)]
    assert order.limit_price == pytest.approx(99.82 if is_applied else 99.8)


# -- faults


def test_an_unavailable_venue_costs_ticks_and_nothing_else(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.step(0)
    bench.venue.is_down = True
    events = [event for second in range(1, 700) for event in bench.step(second, intent())]
    assert Counter(type(event) for event in events) == {HeartbeatSent: 11, FlagsRecorded: 2, ShadowDecided: 1}
    assert bench.executor.counts.missed_ticks == 699
    bench.venue.is_down = False
    assert of(bench.step(700), Ticked)
    assert caplog.messages == [
        "no allocations are published: the risk mode is cautious",
        "scripted cannot be asked: no answer",
        "scripted answers again",
    ]


def test_a_venue_that_is_down_from_the_start_is_waited_for(bench: Bench) -> None:
    bench.venue.is_down = True
    assert {type(event) for event in bench.step(0)} == {ConfigChanged, FlagsRecorded, HeartbeatSent, ShadowDecided}
    bench.venue.is_down = False
    assert of(bench.step(1), Ticked)


def test_what_the_venue_told_before_it_failed_is_heard_at_the_next_tick(bench: Bench) -> None:
    bench.step(0)
    bench.venue.updates.append(traded(0.5, "BUY", 1.0, 100.0))
    bench.venue.is_account_down = True
    assert bench.step(1) == []
    bench.venue.is_account_down = False
    assert len(of(bench.step(2), OrderFilled)) == 1


def test_a_strategy_that_fails_is_logged_once_counted_and_costs_no_tick(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.asks.error = ZeroDivisionError("in the strategy")
    assert all(of(bench.step(second), Ticked) for second in range(3))
    assert bench.executor.counts.strategy_errors == 3
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == 1
    assert "in the strategy" in caplog.text
    bench.asks.error = None
    assert of(bench.step(3, intent()), OrderAttempted)


def test_an_intent_that_cannot_be_decided_costs_itself_and_is_logged_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = "a lot"
    for second, first in enumerate((intent(qty=broken), broken, intent(qty=broken))):
        bench.asks.intents = [first, intent("ETHUSDT", number=2)]
        begin = len(bench.diary)
        bench.executor.step(at(second))
        events = [event for batch in bench.diary[begin:] if isinstance(batch, list) for event in batch]
        assert [attempt.symbol for attempt in of(events, OrderAttempted)] == ["ETHUSDT"]
    assert bench.executor.counts.strategy_errors == 3
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_an_update_that_cannot_be_taken_costs_no_other(bench: Bench) -> None:
    bench.step(0)
    bench.venue.updates += [
        traded(0.5, "BUY", qty, 100.0, number=number) for number, qty in enumerate((1.0, float("inf"), 2.0))
    ]
    with pytest.raises(OverflowError):
        bench.step(1)
    assert len([entry for entry in bench.diary if isinstance(entry, list) and of(entry, OrderFilled)]) == 1
    assert [fill.executed_qty for fill in of(bench.step(2), OrderFilled)] == [2.0]


@pytest.mark.parametrize("content", ["{", "[]", '{"symbols": {"BTCUSDT": {}}, "series": 5}', '{"symbols": [{}]}'])
def test_bad_published_files_stop_nothing(tmp_path: Path, content: str) -> None:
    bench = Bench(tmp_path, autotune=Autotune(is_on=True))
    for stem in ("nav", SNAPSHOT, HEALTH, SUGGESTIONS, "risk_allocation_suggestions_v6"):
        bench.publish(stem, content)
    events = [*bench.step(0, intent()), *bench.step(6, intent("ETHUSDT", number=2))]
    assert len(of(events, Ticked)) == len(of(events, OrderAttempted)) == 2


# -- symbols that are switched off

CAP: dict[str, Any] = {"global": {"symbol_drawdown_cap_pct": 1.0}}


def test_a_symbol_that_lost_its_cap_is_switched_off_until_the_end_of_the_day(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=CAP)
    bench.step(0)
    bench.close(5, "BTCUSDT", 10.0, 100.0, 90.0)
    events = bench.step(6, intent(), intent("ETHUSDT", number=2))
    assert [close.realized_pnl_usd for close in of(events, OrderClosed)] == [-100.0]
    (toggle,) = of(events, SymbolToggled)
    assert (toggle.ts, toggle.symbol, toggle.is_disabled, toggle.until_ts) == (at(6), "BTCUSDT", True, MIDNIGHT)
    assert [(veto.symbol, veto.veto_reason) for veto in of(events, IntentVetoed)] == [("BTCUSDT", "symbol_disabled")]
    assert [attempt.symbol for attempt in of(events, OrderAttempted)] == ["ETHUSDT"]
    assert of(bench.step(12, intent(number=3, reduce_only=True)), OrderAttempted)
    assert of(bench.step(20, intent(number=4)), IntentVetoed)
    tomorrow = (MIDNIGHT - START).total_seconds()
    assert of(bench.step(tomorrow, intent("SOLUSDT", number=5)), IntentVetoed) == []
    assert bench.executor.day.pnl_usd == 0.0


def test_toggles_of_ops_are_read_back_and_lifted(bench: Bench) -> None:
    bench.snapshot(0, BTCUSDT=None, ETHUSDT=at(100).isoformat())
    events = bench.step(0, intent(), intent("ETHUSDT", number=2))
    assert [veto.veto_reason for veto in of(events, IntentVetoed)] == ["symbol_disabled", "symbol_disabled"]
    assert of(bench.step(100, intent("ETHUSDT", number=3)), OrderAttempted)
    bench.publish(SNAPSHOT, "{")
    assert of(bench.step(101, intent(number=4)), IntentVetoed)
    bench.snapshot(102)
    assert of(bench.step(102, intent(number=5)), OrderAttempted)


def test_what_the_guard_switched_off_ops_may_switch_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=CAP)
    bench.step(0)
    bench.close(5, "BTCUSDT", 10.0, 100.0, 90.0)
    bench.step(6)
    bench.snapshot(7)  # the toggle has not come so far
    assert of(bench.step(12, intent()), IntentVetoed)
    bench.snapshot(60)
    events = [*bench.step(60, intent(number=2)), *bench.step(66)]
    assert of(events, OrderAttempted)
    assert of(events, SymbolToggled) == []


# -- restarts


def test_a_restart_begins_with_what_the_venue_holds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 2.0, 90.0, 3.0))
    bench.step(0)
    bench.venue.updates.append(traded(0.5, "SELL", 2.0, 100.0))
    (close,) = of(bench.step(1), OrderClosed)
    assert (close.realized_pnl_usd, close.position_size_before, close.position_size_after) == (20.0, 2.0, 0.0)


def test_trades_of_the_first_batch_are_not_counted_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 2.0, 90.0, 3.0))
    bench.venue.updates += [traded(-1, "SELL", 1.0, 100.0), traded(-1, "SELL", 4.0, 50.0, "ETHUSDT", 2)]
    closes = of(bench.step(0), OrderClosed)
    assert [(each.symbol, each.realized_pnl_usd, each.position_size_before) for each in closes] == [
        ("BTCUSDT", 10.0, 3.0),
        ("ETHUSDT", 0.0, 4.0),
    ]
    assert (bench.executor.book.qty("BTCUSDT"), bench.executor.book.qty("ETHUSDT")) == (2.0, 0.0)


def test_a_restart_takes_up_the_losses_of_the_day(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits={"global": {"daily_loss_limit_pct": 3.0}})
    points = [{"t": at(-3600).isoformat(), "equity": 10_400.0}, {"t": at(-60).isoformat(), "equity": 10_050.0}]
    nav = {"series": points, "total_equity": 10_050.0, "drawdown_abs": 350.0, "realized_pnl_today": -300.0}
    bench.publish("nav", nav)
    events = bench.step(0, intent())
    assert [veto.veto_reason for veto in of(events, IntentVetoed)] == ["daily_loss"]
    assert [tick.realized_pnl_usd for tick in of(events, Ticked)] == [-300.0]


# -- ten minutes on paper


def on_paper(
    folder: Path, seed: int, seconds: int = 600, begin: int = 0, state: Mapping[str, Any] | None = None
) -> tuple[list[list[Event]], Executor, PaperVenue]:
    """Batches and parts of a run from ``begin`` on; with the ``state`` of a venue, a restart."""
    batches: list[list[Event]] = []
    ids = count(1)
    config = Config.of(DEFAULT_LIMITS, DEFAULT_UNIVERSE)
    venue = PaperVenue(RegimeMarket(config.universe.enabled, seed, at(begin)), equity_usd=10_000.0, seed=seed)
    if state is not None:
        venue.restore(state)
    strategy: Strategy = Momentum(seed, lambda: f"s{next(ids)}")
    executor = Executor(
        venue,
        lambda batch: batches.append(list(batch)),
        strategy=strategy,
        config=config,
        flags=FLAGS,
        published=Published(folder),
        new_id=lambda: f"e{next(ids)}",
    )
    for second in range(begin, begin + seconds + 1):
        executor.step(at(second))
        assert all(event.ts <= at(second) for event in batches[-1])
    return batches, executor, venue


Run = tuple[list[list[Event]], Executor, PaperVenue]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return on_paper(tmp_path_factory.mktemp("state"), 7)


def test_ten_minutes_on_paper_make_events_of_every_kind(paper: Run) -> None:
    batches, executor, _ = paper
    kinds = Counter(event.event_type for batch in batches for event in batch)
    assert set(kinds) >= set(EVENTS_BY_TYPE) - {
        *("order_error", "funding", "transfer", "symbol_toggle", "router_health"),
    }
    assert kinds["tick"] == executor.counts.ticks == 601
    assert kinds["mark"] == 601 * 6
    assert kinds["order_fill"] == executor.counts.fills
    assert kinds["order_attempt"] == executor.counts.attempts > 10
    assert executor.counts.events == sum(kinds.values())
    reasons = {event.veto_reason for batch in batches for event in of(batch, IntentVetoed)}
    assert len(reasons) >= 3


def test_every_event_of_it_is_valid_and_survives_json(paper: Run) -> None:
    for event in (event for batch in paper[0] for event in batch):
        document = json.loads(event.model_dump_json())
        assert type(event).model_validate(document) == event
        assert "NaN" not in json.dumps(document)


def test_every_attempt_of_it_was_shadowed_and_every_fill_belongs_to_one(
    paper: Run,
) -> None:
    events = [event for batch in paper[0] for event in batch]
    attempts = {attempt.attempt_id for attempt in of(events, OrderAttempted)}
    assert attempts <= {shadow.attempt_id for shadow in of(events, ShadowDecided)}
    assert {fill.attempt_id for fill in of(events, OrderFilled)} <= attempts
    assert {metric.attempt_id for metric in of(events, OrderMeasured)} <= attempts
    assert attempts.isdisjoint(veto.attempt_id for veto in of(events, IntentVetoed))


def test_it_is_the_same_for_a_seed(paper: Run, tmp_path: Path) -> None:
    assert on_paper(tmp_path, 7)[0] == paper[0]
    assert on_paper(tmp_path, 8)[0] != paper[0]


def test_its_book_is_the_venues(paper: Run) -> None:
    last = next(batch for batch in reversed(paper[0]) if of(batch, Ticked))
    held = {position.symbol: position.qty for position in of(last, PositionMarked)}
    book = paper[1].book
    assert {symbol: book.qty(symbol) for symbol in book.symbols()} == held


def test_a_restart_on_paper_goes_on_with_the_positions_there_are(tmp_path: Path) -> None:
    """A run that is stopped with a position open is taken up by another executor."""
    _, first, venue = next(
        run for seconds in range(60, 600, 20) if (run := on_paper(tmp_path, 7, seconds))[2].account().holdings
    )
    begin = int((venue.account().ts - START).total_seconds())
    batches, second, after = on_paper(tmp_path, 9, 120, begin, venue.state())
    opened = next(batch for batch in batches if of(batch, Ticked))
    assert [position.symbol for position in of(opened, PositionMarked)] == list(first.book.symbols())
    held = {holding.symbol: holding.qty for holding in after.account().holdings}
    assert {symbol: second.book.qty(symbol) for symbol in second.book.symbols()} == held
    fills = [fill.attempt_id for batch in batches for fill in of(batch, OrderFilled)]
    assert None not in fills
