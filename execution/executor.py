"""The executor: on every tick it reads its venue, records what it sees, and lets the strategy trade.

Laws kept here:
- ``step`` gets the time as an argument; its events are never later than that, and are recorded before an order is sent;
- it has no database and no network except its venue's; it reads the store's results from the published files;
- an unavailable venue costs the ticks of that time, and nothing else: that is logged once, and counted;
- a failing strategy costs its intents of the tick: the traceback is logged once, each failure counted; ticks, open
  orders and heartbeats go on. An unusable published file is treated as missing, and logged once;
- an executor that could not record has ended: orders that are not on record are never sent.

The names with an underscore are the contract's: ``_pub_tick`` records the tick, positions and marks;
``_maybe_emit_risk_snapshot`` records switched-off symbols; ``_maybe_publish_execution_intel`` reads published routing
and sizing into the router; ``_maybe_write_v6_runtime_probe`` records the flags. The store publishes the files
themselves.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from tape.execution import pipeline_v6_shadow as shadow
from tape.execution.attempts import AtWork
from tape.execution.autotune import Autotune, Policy, RiskMode
from tape.execution.config import Config
from tape.execution.counts import Counts
from tape.execution.day import Day
from tape.execution.events import (
    ConfigChanged,
    Event,
    FundingSettled,
    HeartbeatSent,
    MarkObserved,
    OrderClosed,
    OrderFilled,
    PositionMarked,
    Ticked,
    TransferRecorded,
)
from tape.execution.every import Every
from tape.execution.hedge import holdings_by_leg, holds_both, with_sides
from tape.execution.intents import Intent
from tape.execution.markets import Markets, market_veto
from tape.execution.positions import PositionBook, opening
from tape.execution.published import Published
from tape.execution.risk_limits import RiskView, check, veto_event
from tape.execution.router import MAKER_WAIT_S, Router
from tape.execution.strategy import Strategy
from tape.execution.toggles import Toggles
from tape.execution.v6_flags import Flags
from tape.execution.venues.venue import (
    LEGS,
    Account,
    FundingPaid,
    Quote,
    Traded,
    Transferred,
    Update,
    Venue,
    VenueUnavailable,
    leg_of,
)

_LOG = logging.getLogger(__name__)
HEARTBEAT_S, RISK_SNAPSHOT_S, INTEL_S, PROBE_S, SHADOW_HEARTBEAT_S = 60.0, 5.0, 5.0, 300.0, 600.0
_HOUR = timedelta(hours=1)

Record = Callable[[Sequence[Event]], object]


class Executor:
    """The body of the tick loop. ``record`` takes events as one batch; ``new_id`` returns unique ids."""

    def __init__(
        self,
        venue: Venue,
        record: Record,
        *,
        strategy: Strategy,
        config: Config,
        flags: Flags,
        published: Published,
        new_id: Callable[[], str],
        autotune: Autotune | None = None,
        maker_wait_s: float = MAKER_WAIT_S,
    ) -> None:
        self.counts = Counts()
        self._venue = venue
        self._record = record
        self._strategy = strategy
        self._config = config
        self._flags = flags
        self._published = published
        self._new_id = new_id
        is_applied = flags.is_router_autotune_on and flags.is_router_autotune_apply_on
        self._autotune = replace(autotune or Autotune(), is_on=is_applied)
        self.book = PositionBook()
        self.day = Day(config.limits.reset_timezone)
        self._router = Router(venue, self.book, new_id, maker_wait_s=maker_wait_s)
        self._markets = Markets()
        self._unheard: list[Update] = []
        self._stops: dict[str, datetime] = {}
        self._attempts: dict[str, deque[datetime]] = {}
        self._toggles = Toggles()
        self._policies: dict[str, tuple[Policy, Policy, Policy]] = {}
        self._size_factors: dict[str, float | None] = {}
        self._nav_ts: datetime | None = None
        self._is_hedged = False
        """The account is in hedge mode: it says so, or it has listed LONG and SHORT of a symbol since it was flat."""
        self._is_resumed = self._is_deaf = self._has_book = self._is_strategy_down = False
        self.is_over = False
        """Something could not be recorded: no further step is taken."""
        self._probe, self._beat = Every(PROBE_S), Every(HEARTBEAT_S)
        self._risk_snapshot, self._intel = Every(RISK_SNAPSHOT_S), Every(INTEL_S)
        self._shadow_beat = Every(SHADOW_HEARTBEAT_S)

    def at_work(self) -> AtWork:
        """Return the open orders, for the executor that replaces this one."""
        return self._router.at_work()

    def restore(self, at_work: AtWork) -> None:
        """Restore the open orders of an earlier executor, at the start."""
        self._router.restore(at_work)

    def step(self, now: datetime) -> None:
        """Do one tick.

        Raises:
            Whatever ``record`` raises, in this and every later step: an order that is not on record is never sent.
        """
        if self.is_over:
            raise RuntimeError("executor: expected one that could record, found one that could not; start another")
        if not self._is_resumed:
            self._resume(now)
        account = self._hear(now)
        if account is not None:
            self._pub_tick(now, account)
            self._maybe_publish_execution_intel(now)
            self._maybe_emit_risk_snapshot(now)
            self._trade(now, account)
        else:
            self.counts.missed_ticks += 1
        self._maybe_write_v6_runtime_probe(now)
        self._maybe_beat(now)
        self._maybe_beat_shadow(now)

    # -- what is seen

    def _resume(self, now: datetime) -> None:
        """Log the configuration, and restore the day of an earlier run."""
        self._is_resumed = True
        documents = {"limits": self._config.limits_document, "universe": self._config.universe_document}
        self._put([ConfigChanged(ts=now, kind=kind, payload=payload) for kind, payload in documents.items()])
        self._maybe_write_v6_runtime_probe(now)
        self.day.turn(now)
        self._published.taken("nav", lambda nav: self.day.resume(now, nav), None)
        drawdowns = self._published.drawdowns_pct()
        if drawdowns is not None:
            self.day.resume_losses(*drawdowns)

    def _hear(self, now: datetime) -> Account | None:
        """Record what happened at the venue since the last tick; return the account, if the venue is available.

        A venue reports each update once: updates reported before it became unavailable wait for the next tick.
        """
        try:
            self._unheard += self._venue.advance(now)
            self._markets.turn(self._venue.quotes())
            account = self._venue.account()
        except VenueUnavailable as error:
            self._say_deaf(error)
            return None
        if self._is_deaf:
            _LOG.info("%s answers again", self._venue.name)
        self._is_deaf = False
        self._see_mode(account)
        if self._is_hedged:
            self._unheard = with_sides(self._unheard, self.book if self._has_book else None, account)
        if not self._has_book:
            self._open_book(account, self._unheard)
        heard = self._router.give_up(now)
        try:
            while self._unheard:
                heard += self._on_update(self._unheard.pop(0))
        finally:
            for event in heard:
                self._learn(event)
            self._put(heard)
        return account

    def _see_mode(self, account: Account) -> None:
        """Find out whether the account is in hedge mode; a flat account that does not say so may have left it."""
        is_flat = not account.holdings and not self.book.symbols()
        self._is_hedged = account.is_hedged or holds_both(account) or (self._is_hedged and not is_flat)
        self._router.is_hedged = self._is_hedged

    def _on_update(self, update: Update) -> Sequence[Event]:
        if isinstance(update, FundingPaid):
            return [FundingSettled(ts=update.ts, symbol=update.symbol, amount_usd=update.amount_usd)]
        if isinstance(update, Transferred):
            return [TransferRecorded(**asdict(update))]
        return self._router.on_update(update, self._markets.at)

    def _say_deaf(self, error: VenueUnavailable) -> None:
        if not self._is_deaf:
            _LOG.warning("%s cannot be asked: %s", self._venue.name, error)
        self._is_deaf = True

    def _open_book(self, account: Account, updates: Sequence[Update]) -> None:
        """Begin with the positions before the updates, as one lot each."""
        self._has_book = True
        trades: dict[str, list[Traded]] = {}
        for update in updates:
            if isinstance(update, Traded):
                trades.setdefault(update.symbol, []).append(update)
        held = holdings_by_leg(account)
        for symbol in sorted({*(name for name, _ in held), *trades}):
            own = trades.get(symbol, ())
            if not self._is_hedged:
                self.book.open(symbol, *opening(held.get((symbol, "LONG"), held.get((symbol, "SHORT"))), own))
                continue
            for leg in LEGS:
                qty, price = opening(held.get((symbol, leg)), [each for each in own if each.position_side == leg])
                if (qty > 0) == (leg == "LONG"):  # else trades opened more than is held: some were not told yet
                    self.book.open(symbol, qty, price)

    def _learn(self, event: Event) -> None:
        """Remember what later decisions need."""
        if isinstance(event, OrderClosed):
            self.counts.closes += 1
            self.counts.realized_usd += event.realized_pnl_usd
            self.day.realize(event.ts, event.symbol, event.realized_pnl_usd)
            if event.realized_pnl_usd < 0:
                self._stops[event.symbol] = max(event.ts, self._stops.get(event.symbol, event.ts))
        elif isinstance(event, OrderFilled):
            self.counts.fills += 1

    def _pub_tick(self, now: datetime, account: Account) -> None:
        """Record NAV, positions and the marks of the universe, as one batch."""
        tick_id = self._new_id()
        self.day.see(now, account.equity_usd)
        self._nav_ts = account.ts
        self.counts.ticks += 1
        self.counts.equity_usd, self.counts.positions = account.equity_usd, len(account.holdings)
        quotes = self._markets.fresh(now)
        self._put(
            [
                Ticked(
                    event_id=tick_id,
                    ts=now,
                    equity_usd=account.equity_usd,
                    nav_usd=account.equity_usd,
                    unrealized_pnl_usd=account.unrealized_pnl_usd,
                    realized_pnl_usd=self.day.pnl_usd,
                    position_count=len(account.holdings),
                ),
                *(
                    PositionMarked(
                        tick_id=tick_id,
                        ts=now,
                        symbol=holding.symbol,
                        qty=holding.qty,
                        entry_price=holding.entry_price,
                        mark_price=quotes[holding.symbol].mark if holding.symbol in quotes else None,
                        leverage=holding.leverage,
                    )
                    for holding in account.holdings
                ),
                *(
                    MarkObserved(ts=now, symbol=symbol, mark_price=quote.mark, bid_price=quote.bid, ask_price=quote.ask)
                    for symbol, quote in sorted(quotes.items())
                ),
            ]
        )

    # -- what is decided

    def _trade(self, now: datetime, account: Account) -> None:
        """Shadow every intent, then veto or route it; decisions are on record before anything is sent."""
        errors = self.counts.strategy_errors
        batch: list[Event] = []
        for intent in self._intents(now, account):
            try:
                quote = self._markets.now.get(intent.symbol)
                decided, is_refused = self._decided(intent, now, quote, account)
            except Exception:  # noqa: BLE001 (a strategy may ask for anything: logged once, counted)
                self._strategy_failed()
                continue
            batch += decided
            if quote is not None and not is_refused:
                batch.append(self._route(intent, quote, now))
        if self._is_strategy_down and self.counts.strategy_errors == errors:
            self._is_strategy_down = False
            _LOG.info("the strategy decides again")
        self._put(batch)
        try:
            self._router.send(now)
        except VenueUnavailable as error:
            self._say_deaf(error)

    def _intents(self, now: datetime, account: Account) -> Sequence[Intent]:
        """Return the intents of the strategy; none if it fails."""
        try:
            markets = {symbol: quote for symbol, quote in self._markets.now.items() if not quote.is_price_only}
            return list(self._strategy.decide(now, markets, account, self._router.is_working))
        except Exception:  # noqa: BLE001 (whatever a strategy does: logged once, counted)
            self._strategy_failed()
            return ()

    def _strategy_failed(self) -> None:
        """Count a failure that is being handled, and log the first one."""
        self.counts.strategy_errors += 1
        if not self._is_strategy_down:
            _LOG.exception("the strategy failed: what it asked for is left out until it decides again")
        self._is_strategy_down = True

    def _decided(
        self, intent: Intent, now: datetime, quote: Quote | None, account: Account
    ) -> tuple[list[Event], bool]:
        """Return the decisions on an intent, and whether it is refused."""
        decided: list[Event] = []
        veto = market_veto(intent, quote, now)
        if veto is None and quote is not None:
            seen = self._risk_view(now, account, intent)
            if self._flags.is_pipeline_shadow_on:
                decided.append(self._shadow(intent, seen, quote))
            if self._flags.is_risk_engine_on:
                veto = check(intent, seen, self._config.limits, self._config.universe)
        if veto is not None:
            decided.append(veto_event(intent, veto, quote))
            self.counts.vetoes += 1
        return decided, veto is not None

    def _route(self, intent: Intent, quote: Quote, now: datetime) -> Event:
        """Give an intent to the router; if that fails, orders of this intent are never sent."""
        policy, published, _ = self._policy(intent.symbol)
        try:
            attempted = self._router.route(intent, policy, published, quote, now)
        except BaseException:
            self.is_over = True
            raise
        self.counts.attempts += 1
        self._attempts.setdefault(intent.symbol, deque()).append(now)
        return attempted

    def _risk_view(self, now: datetime, account: Account, intent: Intent) -> RiskView:
        """Return what the risk checks see for an intent; orders of the router count, sent or not."""
        symbol = intent.symbol
        notional, apart = self._notional_usd(account, intent)
        attempts = self._attempts.setdefault(symbol, deque())
        while attempts and attempts[0] <= now - _HOUR:
            attempts.popleft()
        return RiskView(
            now=now,
            equity_usd=account.equity_usd,
            nav_age_s=None if self._nav_ts is None else (now - self._nav_ts).total_seconds(),
            day_start_equity_usd=self.day.start_equity_usd,
            peak_equity_usd=self.day.peak_equity_usd,
            notional_usd=notional,
            apart_usd=apart,
            open_positions=len(holdings_by_leg(account)),
            stops=self._stops,
            attempts=attempts,
            disabled=self._toggles.disabled(now),
        )

    def _notional_usd(self, account: Account, intent: Intent) -> tuple[dict[str, float], dict[str, float]]:
        """Return signed notional by symbol of the position that an intent moves, and of the other one in hedge mode.

        One-way mode has no other position: a position and its working orders are one sum.
        """
        held = holdings_by_leg(account)
        entries = {symbol: holding.entry_price for (symbol, _), holding in held.items()}
        quantities = [(symbol, leg, holding.qty) for (symbol, leg), holding in held.items()]
        quantities += [(symbol, leg_of(side, False), qty) for symbol, side, qty in self._router.working()]
        moved = leg_of(intent.side, intent.reduce_only)
        notional: dict[str, float] = {}
        apart: dict[str, float] = {}
        for symbol, leg, qty in quantities:
            quote = self._markets.now.get(symbol)
            price = quote.mark if quote is not None else entries.get(symbol)
            if price is not None:
                usd = apart if self._is_hedged and leg != moved else notional
                usd[symbol] = usd.get(symbol, 0.0) + qty * price
        return notional, apart

    def _shadow(self, intent: Intent, seen: RiskView, quote: Quote) -> Event:
        factor, (_, _, proposed) = self._size_factors.get(intent.symbol), self._policy(intent.symbol)
        candidate = shadow.Candidate(self._config.limits, self._config.universe, proposed, factor)
        decided = shadow.decide(intent, seen, candidate, quote)
        self.counts.shadow_allowed += decided.is_allowed is True
        self.counts.shadow_vetoed += decided.is_allowed is False
        return decided

    def _policy(self, symbol: str) -> tuple[Policy, Policy, Policy]:
        """Return the policy to route by, the published one, and the proposed one."""
        return self._policies.get(symbol, (Policy(), Policy(), Policy()))

    # -- what is due now and then

    def _maybe_emit_risk_snapshot(self, now: datetime) -> None:
        """Switch a symbol off for the rest of the day when its loss has reached its cap."""
        self._toggles.read(self._published.switched_off())
        if self._risk_snapshot.is_due(now):
            self._put(self._toggles.guard(now, self.day, self._config.limits.overall.symbol_drawdown_cap_pct))

    def _maybe_publish_execution_intel(self, now: datetime) -> None:
        """Read published policies, suggestions and size factors into the router and the candidate pipeline."""
        if not self._intel.is_due(now):
            return
        mode = self._published.risk_mode(now) if self._flags.is_router_autotune_on else "cautious"
        for symbol in self._config.universe.enabled:
            self._policies[symbol] = self._policies_of(symbol, mode)
            self._size_factors[symbol] = self._published.size_factor(symbol)

    def _policies_of(self, symbol: str, mode: RiskMode) -> tuple[Policy, Policy, Policy]:
        published = self._published.policy(symbol)
        proposed = self._published.proposed_policy(symbol, published)
        if proposed is None:
            return published, published, published
        return self._autotune.apply(published, proposed, symbol, mode), published, proposed

    def _maybe_write_v6_runtime_probe(self, now: datetime) -> None:
        """Record all six flags, the mode and the engine's version, at the start and every 5 minutes."""
        if self._probe.is_due(now):
            self._put([self._flags.event(now)])

    def _maybe_beat(self, now: datetime) -> None:
        if self._beat.is_due(now):
            working = len(self._router.working_qty())
            self._put([HeartbeatSent(ts=now, service="executor", lag_s=self.counts.lag_s, queue_depth=working)])

    def _maybe_beat_shadow(self, now: datetime) -> None:
        if self._flags.is_pipeline_shadow_on and self._shadow_beat.is_due(now):
            self._put([shadow.heartbeat(now, None, self.counts.shadow_allowed, self.counts.shadow_vetoed)])

    def _put(self, batch: Sequence[Event]) -> None:
        if not batch:
            return
        try:
            self._record(batch)
        except BaseException:
            self.is_over = True
            raise
        self.counts.events += len(batch)
