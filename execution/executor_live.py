"""The executor: once a tick it looks at its venue, puts on record what it sees, and lets the strategy trade.

Laws kept here:
- ``step`` is told the time; what it records is never younger than that, and is on record before an order goes out;
- it has no database and reads no network but its venue's; what the store makes of its events it reads from the
  published files;
- a venue that cannot be asked costs the ticks of that time, and nothing else: it is said once, and counted.

The names with an underscore are the contract's: ``_pub_tick`` records what the files of a tick are made of;
``_maybe_emit_risk_snapshot`` what the risk snapshot has beside it: symbols that were switched off;
``_maybe_publish_execution_intel`` takes what was published of routing and sizing into the router;
``_maybe_write_v6_runtime_probe`` records the flags. The files themselves are the store's to publish.

``python -m execution.executor_live --home DIR`` runs it beside an owner (``tape serve``).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from execution import pipeline_v6_shadow as shadow
from execution.autotune import Autotune, Policy, RiskMode, published_policy
from execution.config import Limits, Universe, parse_limits, parse_universe
from execution.day import Day
from execution.events import (
    ConfigChanged,
    Event,
    FundingSettled,
    HeartbeatSent,
    MarkObserved,
    OrderClosed,
    OrderFilled,
    PositionMarked,
    SymbolToggled,
    Ticked,
)
from execution.intents import Intent
from execution.positions import PositionBook
from execution.published import Published
from execution.risk_limits import RiskView, check, veto_event
from execution.router import MAKER_WAIT_S, Router
from execution.strategy import Strategy
from execution.v6_flags import Flags
from execution.venues.venue import Account, FundingPaid, Quote, Traded, Update, Venue, VenueUnavailable, sign

_LOG = logging.getLogger(__name__)
HEARTBEAT_S, RISK_SNAPSHOT_S, INTEL_S, PROBE_S, SHADOW_HEARTBEAT_S = 60.0, 5.0, 5.0, 300.0, 600.0
QUOTE_MAX_AGE = timedelta(seconds=90)
"""An older quote is no mark of the moment: it is left out of a tick."""
_HOUR = timedelta(hours=1)

Record = Callable[[Sequence[Event]], object]


@dataclass(frozen=True)
class Config:
    """Limits and universe as documents, which go on record, and as what they say."""

    limits_document: dict[str, Any]
    universe_document: dict[str, Any] | list[Any]
    limits: Limits
    universe: Universe

    @classmethod
    def of(cls, limits: dict[str, Any], universe: dict[str, Any] | list[Any]) -> Config:
        """Raises ConfigInvalid where one of the documents cannot be used."""
        return cls(limits, universe, parse_limits(limits), parse_universe(universe))


@dataclass(slots=True)
class Counts:
    """What the executor has done so far, for those who watch it."""

    ticks: int = 0
    events: int = 0
    attempts: int = 0
    fills: int = 0
    closes: int = 0
    vetoes: int = 0
    shadow_allowed: int = 0
    shadow_vetoed: int = 0
    overruns: int = 0
    missed_ticks: int = 0
    """Ticks at which the venue could not be asked."""
    lag_s: float = 0.0
    """How late the last tick began."""
    equity_usd: float | None = None
    positions: int = 0
    realized_usd: float = 0.0


class _Every:
    """Whether so many seconds are over, by the time that is passed in; the first time always."""

    def __init__(self, seconds: float) -> None:
        self._period = timedelta(seconds=seconds)
        self._next: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._period
        return True


@dataclass
class _Markets:
    """The quotes of this tick and of the one before: what happened in between happened in the older one's market."""

    now: dict[str, Quote] = field(default_factory=dict)
    before: dict[str, Quote] = field(default_factory=dict)

    def turn(self, quotes: Mapping[str, Quote]) -> None:
        self.before, self.now = self.now, dict(quotes)

    def at(self, symbol: str, ts: datetime) -> Quote | None:
        """The newest known quote that is not younger than an instant."""
        for quote in (self.now.get(symbol), self.before.get(symbol)):
            if quote is not None and quote.ts <= ts:
                return quote
        return None


class Executor:
    """The tick loop's body. ``record`` takes events as one batch; ``new_id`` gives ids that nobody else has."""

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
        self._autotune = autotune or Autotune()
        self.book = PositionBook()
        self.day = Day(config.limits.reset_timezone)
        self._router = Router(venue, self.book, new_id, maker_wait_s=maker_wait_s)
        self._markets = _Markets()
        self._stops: dict[str, datetime] = {}
        self._attempts: dict[str, deque[datetime]] = {}
        self._toggled: dict[str, SymbolToggled] = {}
        self._policies: dict[str, tuple[Policy, Policy, Policy]] = {}
        self._size_factors: dict[str, float | None] = {}
        self._nav_ts: datetime | None = None
        self._is_resumed = self._is_deaf = self._has_book = False
        self._probe, self._beat = _Every(PROBE_S), _Every(HEARTBEAT_S)
        self._risk_snapshot, self._intel = _Every(RISK_SNAPSHOT_S), _Every(INTEL_S)
        self._shadow_beat = _Every(SHADOW_HEARTBEAT_S)

    def step(self, now: datetime) -> None:
        """One tick."""
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

    # -- what is seen

    def _resume(self, now: datetime) -> None:
        """Says what it runs with, and takes the day up where a run before left it."""
        self._is_resumed = True
        self.day.resume(now, self._published.document("nav"))
        documents = {"limits": self._config.limits_document, "universe": self._config.universe_document}
        self._put([ConfigChanged(ts=now, kind=kind, payload=payload) for kind, payload in documents.items()])
        self._maybe_write_v6_runtime_probe(now)

    def _hear(self, now: datetime) -> Account | None:
        """Puts on record what happened at the venue since the last tick; the account as it stands, if it can be had."""
        try:
            updates = self._venue.advance(now)
            self._markets.turn(self._venue.quotes())
            account = self._venue.account()
        except VenueUnavailable as error:
            if not self._is_deaf:
                _LOG.warning("%s cannot be asked: %s", self._venue.name, error)
            self._is_deaf = True
            return None
        if self._is_deaf:
            _LOG.info("%s answers again", self._venue.name)
        self._is_deaf = False
        if not self._has_book:
            self._open_book(account, updates)
        heard: list[Event] = []
        for update in updates:
            if isinstance(update, FundingPaid):
                heard.append(FundingSettled(ts=update.ts, symbol=update.symbol, amount_usd=update.amount_usd))
            else:
                heard += self._router.on_update(update, self._markets.at)
        for event in heard:
            self._learn(event)
        self._put(heard)
        return account

    def _open_book(self, account: Account, updates: Sequence[Update]) -> None:
        """Begins with the positions there were before the updates, as one lot each, at the venue's entry price."""
        self._has_book = True
        for holding in account.holdings:
            traded = sum(
                sign(update.side) * update.qty
                for update in updates
                if isinstance(update, Traded) and update.symbol == holding.symbol
            )
            self.book.open(holding.symbol, holding.qty - traded, holding.entry_price)

    def _learn(self, event: Event) -> None:
        """What later decisions need to know of what happened."""
        if isinstance(event, OrderClosed):
            self.counts.closes += 1
            self.counts.realized_usd += event.realized_pnl_usd
            self.day.turn(event.ts)
            self.day.realize(event.symbol, event.realized_pnl_usd)
            if event.realized_pnl_usd < 0:
                self._stops[event.symbol] = event.ts
        elif isinstance(event, OrderFilled):
            self.counts.fills += 1

    def _pub_tick(self, now: datetime, account: Account) -> None:
        """Records NAV, positions and the market of the universe, as one batch."""
        tick_id = self._new_id()
        self.day.see(now, account.equity_usd)
        self._nav_ts = account.ts
        self.counts.ticks += 1
        self.counts.equity_usd, self.counts.positions = account.equity_usd, len(account.holdings)
        quotes = self._markets.now
        self._put(
            [
                Ticked(
                    event_id=tick_id,
                    ts=now,
                    equity_usd=account.equity_usd,
                    nav_usd=account.equity_usd,
                    unrealized_pnl_usd=account.unrealized_pnl_usd,
                    realized_pnl_usd=sum(self.day.realized_usd.values()),
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
                    if now - quote.ts <= QUOTE_MAX_AGE
                ),
            ]
        )

    # -- what is decided

    def _trade(self, now: datetime, account: Account) -> None:
        """Every intent is shadowed, then vetoed or routed; what was decided is on record before anything is sent."""
        intents = self._strategy.decide(now, self._markets.now, account, self._router.is_working)
        batch: list[Event] = []
        for intent in intents:
            seen = self._risk_view(now, account, intent.symbol)
            quote = self._markets.now[intent.symbol]
            policy, published, proposed = self._policy(intent.symbol)
            if self._flags.is_pipeline_shadow_on:
                batch.append(self._shadow(intent, seen, proposed, quote))
            veto = check(intent, seen, self._config.limits, self._config.universe)
            if veto is not None and self._flags.is_risk_engine_on:
                self.counts.vetoes += 1
                batch.append(veto_event(intent, veto, quote))
                continue
            self.counts.attempts += 1
            self._attempts.setdefault(intent.symbol, deque()).append(now)
            batch.append(self._router.route(intent, policy, published, quote, now))
        if self._shadow_beat.is_due(now) and self._flags.is_pipeline_shadow_on:
            counts = self.counts
            batch.append(shadow.heartbeat(now, None, counts.shadow_allowed, counts.shadow_vetoed))
        self._put(batch)
        self._router.send(now)

    def _risk_view(self, now: datetime, account: Account, symbol: str) -> RiskView:
        notional: dict[str, float] = {}
        quantities = [(holding.symbol, holding.qty) for holding in account.holdings]
        for name, qty in [*quantities, *self._router.working_qty().items()]:
            quote = self._markets.now.get(name)
            notional[name] = notional.get(name, 0.0) + qty * (quote.mark if quote is not None else 0.0)
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
            open_positions=len({holding.symbol for holding in account.holdings}),
            stops=self._stops,
            attempts=attempts,
            disabled=self._disabled(),
        )

    def _shadow(self, intent: Intent, seen: RiskView, proposed: Policy, quote: Quote) -> Event:
        factor = self._size_factors.get(intent.symbol)
        candidate = shadow.Candidate(self._config.limits, self._config.universe, proposed, factor)
        decided = shadow.decide(intent, seen, candidate, quote)
        self.counts.shadow_allowed += decided.is_allowed is True
        self.counts.shadow_vetoed += decided.is_allowed is False
        return decided

    def _policy(self, symbol: str) -> tuple[Policy, Policy, Policy]:
        """The policy to route by, the one published, and the one proposed."""
        return self._policies.get(symbol, (Policy(), Policy(), Policy()))

    def _disabled(self) -> dict[str, datetime | None]:
        """Symbols that are switched off and until when: as published, and what was toggled here since."""
        snapshot = self._published.document("risk_snapshot") or {}
        as_of = snapshot.get("updated_ts", 0.0)
        found: dict[str, datetime | None] = {}
        for entry in snapshot.get("symbols", ()):
            if entry["risk"]["toggle_active"]:
                until = entry["risk"]["toggle_meta"]["disabled_until"]
                found[entry["symbol"]] = None if until is None else datetime.fromisoformat(until)
        for symbol, toggle in self._toggled.items():
            if toggle.ts.timestamp() > as_of:
                found[symbol] = toggle.until_ts
        return found

    # -- what is due now and then

    def _maybe_emit_risk_snapshot(self, now: datetime) -> None:
        """Switches a symbol off for the rest of the day when it has lost its cap."""
        cap_pct, start_usd = self._config.limits.overall.symbol_drawdown_cap_pct, self.day.start_equity_usd
        if not self._risk_snapshot.is_due(now) or cap_pct is None or start_usd is None:
            return
        disabled, end = self._disabled(), self.day.end(now)
        for symbol, pnl_usd in self.day.realized_usd.items():
            if symbol not in disabled and -100 * pnl_usd / start_usd >= cap_pct:
                toggle = SymbolToggled(
                    ts=now, symbol=symbol, is_disabled=True, until_ts=end, reason=f"lost {cap_pct:g} % of the day's NAV"
                )
                self._toggled[symbol] = toggle
                self._put([toggle])

    def _maybe_publish_execution_intel(self, now: datetime) -> None:
        """Takes published routing policies, suggestions and size factors into the router and the candidate pipeline."""
        if not self._intel.is_due(now):
            return
        mode = self._published.risk_mode(now) if self._flags.is_router_autotune_on else "cautious"
        for symbol in self._config.universe.enabled:
            self._policies[symbol] = self._policies_of(symbol, mode)
            self._size_factors[symbol] = self._published.size_factor(symbol)

    def _policies_of(self, symbol: str, mode: RiskMode) -> tuple[Policy, Policy, Policy]:
        published = published_policy(self._published.of_symbol("router_health", symbol))
        suggestion = self._published.of_symbol("router_policy_suggestions_v6", symbol)
        proposed = published
        if suggestion is not None:
            proposal = suggestion["proposed_policy"]
            proposed = Policy(
                maker_first=proposal["maker_first"],
                taker_bias=proposal["taker_bias"],
                offset_bps=proposal["offset_bps"],
                quality=published.quality,
                reason="proposed",
            )
        return self._autotune.apply(published, suggestion, symbol, mode), published, proposed

    def _maybe_write_v6_runtime_probe(self, now: datetime) -> None:
        """Records all six flags, the mode and the engine's version, at the start and every five minutes."""
        if self._probe.is_due(now):
            self._put([self._flags.event(now)])

    def _maybe_beat(self, now: datetime) -> None:
        if self._beat.is_due(now):
            working = len(self._router.working_qty())
            self._put([HeartbeatSent(ts=now, service="executor", lag_s=self.counts.lag_s, queue_depth=working)])

    def _put(self, batch: Sequence[Event]) -> None:
        if batch:
            self._record(batch)
            self.counts.events += len(batch)
