"""A real account at Binance USD-M futures, over the library ``ccxt`` (optional extra).

Laws kept here, besides those of a venue:
- read-only unless built with ``trading=True``: an order ends as REJECTED, "read-only", and nothing is sent;
- an own trade is told once and none is missed: trades are asked for by number behind the last one read, and what was
  read before a failure waits for the next ``advance``;
- an order whose sending failed halfway is neither taken for sent nor for refused: the venue is asked by the client's
  order id, and "never arrived" is said only when the venue would no longer take the request;
- keys appear in no repr.

How it is asked: ``ccxt_requests``; what its answers mean: ``binance_rows``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isclose
from typing import Any, Literal, cast

from tape.execution.venues.binance_rows import (
    OrderKey,
    Row,
    Trade,
    flag_of,
    holding_of,
    instant_of,
    ms_of,
    number_of,
    position_side_of,
    quote_of,
    text_of,
    trade_of,
)
from tape.execution.venues.ccxt_requests import RequestFailed, Requests
from tape.execution.venues.venue import (
    DOLLARS,
    WOULD_TAKE,
    Account,
    Acked,
    Ended,
    FundingPaid,
    Order,
    Quote,
    Traded,
    Update,
    VenueUnavailable,
)

TIMEOUT_S = 10.0
PAGE = 1000
"""Trades of one answer, the most that the exchange gives."""
_WINDOW_MS = 7 * 86_400_000 - 1
"""The longest span that trades may be asked for by time."""
_ARRIVES_WITHIN = timedelta(seconds=15)
"""The exchange refuses a request older than its receive window (10 s in ccxt); behind this none can still arrive."""
_FUNDING_EVERY = timedelta(minutes=5)
"""The exchange settles it every hour at most."""
_TRIES = 3
"""How often an answer is asked for again that cannot be read."""
_UNKNOWN_OUTCOME = {-1000, -1001, -1006, -1007}
_NO_SUCH_ORDER = {-2011, -2013}
_COULD_NOT_BE_MAKER = -5022
_ENDED: Mapping[str, Literal["CANCELED", "EXPIRED", "REJECTED"]] = {
    "CANCELED": "CANCELED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "EXPIRED",
    "REJECTED": "REJECTED",
}


@dataclass(slots=True)
class _Sent:
    """An order that was sent, and what is known of it. ``order_id`` None: whether it arrived is not known."""

    order: Order
    sent_at: datetime | None
    latency_ms: float | None = None
    order_id: str | None = None
    taken_at: datetime | None = None
    changed_at: datetime | None = None
    status: str = "NEW"
    executed_qty: float = 0.0
    told_qty: float = 0.0
    is_acked: bool = False
    is_unwanted: bool = False
    has_lost_trade: bool = False
    """One of its trades could not be read, so that what is told never reaches what was executed."""
    has_never_arrived: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing more can happen to it, as far as the exchange has said."""
        return self.status in _ENDED or self.status == "FILLED" or self.has_never_arrived

    @property
    def key(self) -> OrderKey | None:
        """Symbol and order id, once the order id is known."""
        return None if self.order_id is None else (self.order.symbol, self.order_id)


@dataclass(frozen=True, slots=True)
class _Behind:
    """The order of a trade. ``filled_qty``: its whole quantity once it is filled, else null.

    ``client_order_id`` is the order id where the exchange states none (liquidations) or forgot the order.
    """

    client_order_id: str
    filled_qty: float | None


@dataclass(slots=True)
class Funding:
    """How far funding was read: up to ``from_ms``, with what was read of that instant, and what was not told yet."""

    from_ms: int | None = None
    seen: list[str] = field(default_factory=list)
    untold: list[FundingPaid] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account was read and told at ``now``, and the orders that are at work.

    ``since_ms``: trades are told from this instant on; ``asked_from_ms``: of symbols without one, up to where there was
    none; ``last_trade``: number of the last trade read, by symbol; ``trades`` and ``refused``: read, and not told yet.
    """

    now: datetime
    since_ms: int
    symbols: tuple[str, ...]
    asked_from_ms: dict[str, int]
    last_trade: dict[str, int]
    trades: list[Trade]
    refused: list[tuple[Order, str]]
    sent: list[_Sent]
    funding: Funding


class CcxtVenue:
    """Binance USD-M futures: quotes of some symbols, one account, and with ``trading=True`` its orders.

    ``trades_since``: own trades from this instant on are told, by default from the first connection on, by the
    exchange's clock. ``testnet``: ccxt's demo environment, which took the place of the futures test network, for which
    its sandbox mode refuses to sign. ``base_url`` takes the place of scheme and host of every address. ``timeout_s``
    bounds each wait for the network, and an ``advance`` begins no request behind it.

    A quiet ``advance`` asks for the own trades of one symbol in turn; where there are orders or a position changed, of
    those symbols too. Holdings are the whole account's, also in other symbols. ccxt's limiter waits before a request as
    its weight demands: an ``advance`` of one symbol takes half a second at least.

    Raises:
        CcxtMissing: the extra is not installed.
        ValueError: no symbols, an empty key, or a time limit that is none.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        api_key: str,
        secret: str,
        trading: bool = False,
        testnet: bool = False,
        trades_since: datetime | None = None,
        timeout_s: float = TIMEOUT_S,
        base_url: str | None = None,
    ) -> None:
        if not symbols:
            raise ValueError("symbols: expected at least one, found none")
        if not api_key or not secret:
            raise ValueError("api_key and secret: expected both, found an empty one")
        if not 0 < timeout_s < 3600:
            raise ValueError(f"timeout_s: expected more than 0 and less than 3600, found {timeout_s}")
        self.symbols = tuple(symbols)
        self.is_trading = trading
        self._name = "binanceusdm-testnet" if testnet else "binanceusdm"
        self._requests = Requests(
            self._name, api_key=api_key, secret=secret, testnet=testnet, timeout_s=timeout_s, base_url=base_url
        )
        self._now: datetime | None = None
        self._is_hedged = False
        self._quotes: dict[str, Quote] = {}
        self._account: Account | None = None
        self._refused: list[tuple[Order, str]] = []
        self._sent: dict[str, _Sent] = {}
        self._since_ms = None if trades_since is None else ms_of(trades_since)
        self._asked_from_ms: dict[str, int] = {}
        self._last_trade: dict[str, int] = {}
        self._listed: frozenset[str] = frozenset()
        self._fee_symbols: set[str] = set()
        """Symbols, none of ``symbols``, whose price is that of an asset in which fees were paid."""
        self._unread = set(self.symbols)
        """Symbols whose trades are to be asked for at once."""
        self._turn = 0
        self._funding = Funding()
        self._funding_due: datetime | None = None
        self._faults: dict[str, int] = {}
        """How often an answer about one thing could not be read."""
        self._trades: list[Trade] = []
        """Read, and not told yet."""

    def __repr__(self) -> str:
        return f"CcxtVenue({self._name!r}, {', '.join(self.symbols)}, trading={self.is_trading})"

    @property
    def name(self) -> str:
        return self._name

    def quotes(self) -> Mapping[str, Quote]:
        """The newest quote of each symbol that has one; ``ts`` is the exchange's, and may be ahead of this clock."""
        return self._quotes

    def account(self) -> Account:
        """The account as of the last ``advance`` that reached the venue.

        Raises:
            VenueUnavailable: none has reached it yet.
        """
        if self._account is None:
            raise VenueUnavailable(f"{self._name}: the account was not read yet")
        return self._account

    def advance(self, now: datetime) -> Sequence[Update]:
        """Asks the venue what happened, and tells it up to ``now``.

        Raises:
            VenueUnavailable: it cannot be asked; what was read before that is told by the next ``advance``.
        """
        self._now = now
        self._requests.begin(self._now)
        self._connect()
        self._read_account(now)
        for sent in self._sent.values():
            self._follow(sent, now)
        self._read_trades()
        fills = self._orders_of_trades()
        self._see_fee_assets()
        self._read_quotes()
        self._read_funding(now)
        return self._tell(now, fills)

    def progress(self) -> Progress | None:
        """How far the account was read; null: the venue was never reached."""
        if self._now is None or self._since_ms is None:
            return None
        return Progress(
            now=self._now,
            since_ms=self._since_ms,
            symbols=self.symbols,
            asked_from_ms=dict(self._asked_from_ms),
            last_trade=dict(self._last_trade),
            trades=list(self._trades),
            refused=list(self._refused),
            sent=[replace(sent) for sent in self._sent.values()],
            funding=replace(self._funding, seen=list(self._funding.seen), untold=list(self._funding.untold)),
        )

    def restore(self, progress: Progress) -> None:
        """Goes on from where a venue before was: what happened since is told by the next ``advance``.

        Orders at work are cancelled, where trading is on, and followed to their end. A symbol that is new is read from
        the instant of the progress on.

        Raises:
            ValueError: the venue has gone on already.
        """
        if self._now is not None:
            raise ValueError(f"{self._name}: expected a venue that was never asked to go on, found it at {self._now}")
        self._since_ms = progress.since_ms
        new = {symbol: ms_of(progress.now) for symbol in self.symbols if symbol not in progress.symbols}
        self._asked_from_ms = {**progress.asked_from_ms, **new}
        self._last_trade = dict(progress.last_trade)
        self._trades, self._refused = list(progress.trades), list(progress.refused)
        self._unread |= {trade.symbol for trade in self._trades}
        self._funding = progress.funding
        for sent in progress.sent:
            self._sent[sent.order.client_order_id] = replace(sent, is_unwanted=self.is_trading and not sent.is_over)

    def submit(self, order: Order) -> None:
        """Sends an order, where trading is on."""
        if not self.is_trading:
            self._refused.append((order, "read-only"))
        elif order.symbol not in self.symbols:
            self._refused.append((order, f"{order.symbol} is none of the venue's symbols"))
        elif order.client_order_id in self._sent:
            self._refused.append((order, "an order of this client_order_id is under way"))
        else:
            self._send(order)

    def cancel(self, client_order_id: str) -> None:
        """Asks for the end of an order; where the venue cannot be asked, the next ``advance`` asks."""
        sent = self._sent.get(client_order_id)
        if sent is None:
            return
        sent.is_unwanted = True
        try:
            self._requests.begin(self._now)
            self._take_back(sent)
        except VenueUnavailable as error:
            logging.getLogger(__name__).warning("%s", error)

    def _connect(self) -> None:
        """Learns the exchange's clock, its symbols, and whether long and short are kept apart."""
        if self._requests.is_clock_known:
            return
        ahead_ms = self._requests.call("load_time_difference")
        if self._since_ms is None:
            self._since_ms = int(self._requests.exchange.milliseconds() - ahead_ms)
        known = self._requests.call("load_markets")
        markets = known.values() if isinstance(known, dict) else ()
        self._listed = frozenset(str(market.get("id")) for market in markets)
        if missing := [symbol for symbol in self.symbols if symbol not in self._listed]:
            self._requests.exchange.markets = None
            raise VenueUnavailable(f"{self._name}: not listed: {', '.join(missing)}")
        if self.is_trading:
            mode = self._requests.row("fapiPrivateGetPositionSideDual")
            self._is_hedged = flag_of(mode, "dualSidePosition")
        self._requests.is_clock_known = True

    # reading

    def _read_quotes(self) -> None:
        wanted = [*self.symbols, *sorted(self._fee_symbols)]
        # the exchange gives one symbol or all; all of them weigh as much as five or ten alone
        asked = [{"symbol": symbol} for symbol in wanted] if len(self.symbols) == 1 else [{}]
        marks = self._by_symbol("fapiPublicGetPremiumIndex", asked)
        books = self._by_symbol("fapiPublicGetTickerBookTicker", asked)
        quotes = {}
        for symbol in wanted:
            mark, book = marks.get(symbol), books.get(symbol)
            if mark is None or book is None:
                continue
            try:
                quote = quote_of(symbol, book, mark, symbol in self._fee_symbols)
            except VenueUnavailable as error:
                self._is_given_up(f"quote of {symbol}", error, "it has none until it can be read")
                continue
            if quote is not None:
                quotes[symbol] = quote
        self._quotes = quotes

    def _by_symbol(self, method: str, asked: Iterable[Row]) -> dict[str, Row]:
        return {str(row.get("symbol")): row for each in asked for row in self._requests.rows(method, each)}

    def _see_fee_assets(self) -> None:
        """Finds the symbols that tell what the fees of the trades to be told are worth."""
        for asset in {trade.fee_asset for trade in self._trades}.difference(DOLLARS):
            symbols = [asset + dollar for dollar in DOLLARS]
            if not any(symbol in self.symbols for symbol in symbols):
                self._fee_symbols.update([symbol for symbol in symbols if symbol in self._listed][:1])

    def _read_account(self, now: datetime) -> None:
        stated = self._requests.row("fapiPrivateV3GetAccount")
        wallet, unrealized = number_of(stated, "totalWalletBalance"), number_of(stated, "totalUnrealizedProfit")
        equity = number_of(stated, "totalMarginBalance")
        rows = self._requests.rows("fapiPrivateV3GetPositionRisk")
        holdings = tuple(holding_of(row) for row in rows if number_of(row, "positionAmt") != 0)
        before = self._account.holdings if self._account else ()
        changed = {(holding.symbol, holding.qty) for holding in before} ^ {(h.symbol, h.qty) for h in holdings}
        self._unread |= {symbol for symbol, _ in changed} & set(self.symbols)
        is_hedged = self._is_hedged or any(position_side_of(row) != "BOTH" for row in rows)
        self._account = Account(now, equity, wallet, unrealized, holdings, is_hedged)

    def _read_trades(self) -> None:
        self._unread |= {sent.order.symbol for sent in self._sent.values()}
        self._unread.add(self.symbols[self._turn % len(self.symbols)])
        self._turn += 1
        for symbol in sorted(self._unread):
            self._read_trades_of(symbol)
            self._unread.discard(symbol)

    def _read_trades_of(self, symbol: str) -> bool:
        """Reads page by page to the newest own trade; whether there was one. What was read stays read if it fails."""
        found = False
        while True:
            asked: dict[str, Any] = {"symbol": symbol, "limit": PAGE}
            last = self._last_trade.get(symbol)
            begin_ms = self._asked_from_ms.get(symbol, self._since_ms or 0)
            is_old = last is None and self._now is not None and ms_of(self._now) - begin_ms > _WINDOW_MS
            if last is not None:
                asked["fromId"] = last + 1
            else:
                asked["startTime"] = begin_ms
                if is_old:
                    asked["endTime"] = begin_ms + _WINDOW_MS
            rows = self._requests.rows("fapiPrivateGetUserTrades", asked)
            trades = sorted(self._readable(symbol, rows), key=lambda trade: trade.number)
            new = [trade for trade in trades if last is None or trade.number > last]
            if new:
                found = True
                self._trades += new
                self._last_trade[symbol] = new[-1].number
            elif is_old and not rows:
                self._asked_from_ms[symbol] = begin_ms + _WINDOW_MS
                continue
            if len(rows) < PAGE or not new:
                if is_old and new:
                    continue  # only the window's trades are known to be all
                return found

    def _readable(self, symbol: str, rows: Iterable[Row]) -> Iterator[Trade]:
        for row in rows:
            try:
                yield trade_of(row)
            except VenueUnavailable as error:
                if not self._is_given_up(f"trade {row.get('id')} of {symbol}", error, "it is left out"):
                    raise
                for sent in self._sent.values():
                    sent.has_lost_trade |= sent.key == (symbol, str(row.get("orderId")))

    def _is_given_up(self, what: str, error: VenueUnavailable, then: str) -> bool:
        """Return whether an answer was wrong so often that the account goes on without it, which is said once."""
        self._faults[what] = self._faults.get(what, 0) + 1
        if self._faults[what] == _TRIES:
            logging.getLogger(__name__).error("%s: %s cannot be read: %s; %s", self._name, what, error, then)
        return self._faults[what] >= _TRIES

    def _read_funding(self, now: datetime) -> None:
        """Reads now and then what funding was paid; where that fails it is said, and read later."""
        if self._funding_due is not None and self._funding_due - _FUNDING_EVERY <= now < self._funding_due:
            return
        self._funding_due = now + _FUNDING_EVERY
        funding = self._funding
        begin_ms = self._since_ms if funding.from_ms is None else funding.from_ms
        asked = {"incomeType": "FUNDING_FEE", "startTime": begin_ms or 0, "limit": PAGE}
        try:
            rows = self._requests.rows("fapiPrivateGetIncome", asked)
            paid = sorted(((ms_of(instant_of(row, "time")), row) for row in rows), key=lambda entry: entry[0])
            for ms, row in paid:
                name = f"{text_of(row, 'tranId')} {text_of(row, 'symbol')}"
                if name in funding.seen:
                    continue
                if ms != funding.from_ms:
                    funding.from_ms, funding.seen = ms, []
                funding.seen.append(name)
                amount, asset = number_of(row, "income"), str(row.get("asset")).strip().upper()
                if asset in DOLLARS:
                    funding.untold.append(FundingPaid(text_of(row, "symbol"), instant_of(row, "time"), amount))
                else:
                    text = "%s: funding %s of %s %s has no price: it is left out"
                    logging.getLogger(__name__).error(text, self._name, name, amount, asset)
        except VenueUnavailable as error:
            self._faults["funding"] = self._faults.get("funding", 0) + 1
            if self._faults["funding"] == 1:
                logging.getLogger(__name__).warning("%s: funding cannot be read at present: %s", self._name, error)
        else:
            self._faults.pop("funding", None)
            if len(rows) >= PAGE:
                self._funding_due = now  # there is more

    def _orders_of_trades(self) -> dict[OrderKey, _Behind]:
        """The orders of the trades to be told, asked for after the last of those was read."""
        orders: dict[OrderKey, _Behind] = {}
        while missing := dict.fromkeys(trade.order for trade in self._trades if trade.order not in orders):
            for key in missing:
                orders[key] = self._look_up(*key)
            for symbol in dict.fromkeys(symbol for symbol, _ in missing):
                known = len(self._trades)
                if self._read_trades_of(symbol):
                    for trade in self._trades[known:]:
                        orders.pop(trade.order, None)
        return orders

    def _look_up(self, symbol: str, order_id: str) -> _Behind:
        try:
            row = self._requests.row("fapiPrivateGetOrder", {"symbol": symbol, "orderId": order_id})
            filled_qty = number_of(row, "executedQty") if text_of(row, "status") == "FILLED" else None
        except VenueUnavailable as error:
            code = error.code if isinstance(error, RequestFailed) else None
            is_answer = not isinstance(error, RequestFailed) or (code is not None and code not in _UNKNOWN_OUTCOME)
            what = f"order {order_id} of {symbol}"
            if code not in _NO_SUCH_ORDER and not (
                is_answer and self._is_given_up(what, error, "its trades are told under its number")
            ):
                raise
            return _Behind(order_id, None)  # the exchange forgets orders in time, their trades later
        stated = row.get("clientOrderId")
        client_order_id = "" if stated is None else str(stated).strip()
        return _Behind(client_order_id or order_id, filled_qty)

    # orders

    def _send(self, order: Order) -> None:
        kind = "market" if order.limit_price is None else "limit"
        options = {
            "newClientOrderId": order.client_order_id,
            "postOnly": order.post_only,
            **({"reduceOnly": True} if order.reduce_only else {}),
        }
        try:
            self._requests.begin(self._now)
            self._connect()
            options["hedged"] = self._is_hedged
            arguments = (order.symbol, kind, order.side.lower(), order.qty, order.limit_price, options)
            request = self._requests.call("create_order_request", *arguments)
        except VenueUnavailable as error:
            self._refused.append((order, f"not sent: {error}"))
            return
        sent = _Sent(order, self._now)
        began = time.monotonic()
        try:
            row = self._requests.row("fapiPrivatePostOrder", request)
            self._sent[order.client_order_id] = sent
            self._learn(sent, row)
            sent.latency_ms = (time.monotonic() - began) * 1000
        except VenueUnavailable as error:
            code = error.code if isinstance(error, RequestFailed) else None
            if code is not None and code not in _UNKNOWN_OUTCOME:
                self._refused.append((order, WOULD_TAKE if code == _COULD_NOT_BE_MAKER else str(error)))
                return
            logging.getLogger(__name__).warning("order %s may have been sent: %s", order.client_order_id, error)
            self._sent[order.client_order_id] = sent

    def _take_back(self, sent: _Sent) -> None:
        try:
            self._requests.row("fapiPrivateDeleteOrder", _named(sent))
        except RequestFailed as error:
            if error.code not in _NO_SUCH_ORDER:
                raise
        sent.is_unwanted = sent.order_id is None  # what may still arrive is asked back again

    def _follow(self, sent: _Sent, now: datetime) -> None:
        """Asks for an order that is not over, then for its end where it is unwanted and not over yet."""
        if sent.is_over:
            return
        sent.sent_at = sent.sent_at or now
        self._look_at(sent, now)
        if sent.is_unwanted and not sent.is_over:
            self._take_back(sent)
            self._look_at(sent, now)

    def _look_at(self, sent: _Sent, now: datetime) -> None:
        try:
            self._learn(sent, self._requests.row("fapiPrivateGetOrder", _named(sent)))
        except RequestFailed as error:
            if error.code not in _NO_SUCH_ORDER:
                raise
            sent.has_never_arrived = sent.order_id is None and now - (sent.sent_at or now) > _ARRIVES_WITHIN

    def _learn(self, sent: _Sent, row: Row) -> None:
        order_id, status, executed = text_of(row, "orderId"), text_of(row, "status"), number_of(row, "executedQty")
        sent.changed_at = instant_of(row, "updateTime")
        sent.taken_at = sent.taken_at or instant_of(row, "time" if "time" in row else "updateTime")
        sent.order_id, sent.status, sent.executed_qty = order_id, status, executed

    # telling

    def _tell(self, now: datetime, orders: Mapping[OrderKey, _Behind]) -> list[Update]:
        """What is not younger than ``now``, in the order of time; of one order first the ack, last the end."""
        updates: list[tuple[datetime, int, int, Update]] = []
        for order, reason in self._refused:
            updates.append((now, 2, 0, Ended(order.client_order_id, None, order.symbol, now, "REJECTED", reason)))
        self._refused = []
        updates += [(paid.ts, 1, 0, paid) for paid in self._funding.untold if paid.ts <= now]
        self._funding.untold = [paid for paid in self._funding.untold if paid.ts > now]
        newest = {trade.order: trade.number for trade in sorted(self._trades, key=lambda trade: trade.number)}
        due = [trade for trade in self._trades if trade.ts <= now]
        self._trades = [trade for trade in self._trades if trade.ts > now]
        own = {sent.key: sent for sent in self._sent.values() if sent.key is not None}
        for sent in own.values():
            if not sent.is_acked and (ack := _acked(sent, due)).ts <= now:
                sent.is_acked = True
                updates.append((ack.ts, 0, 0, ack))
        for trade in sorted(due, key=lambda trade: (trade.ts, trade.number)):
            behind, mine = orders[trade.order], own.get(trade.order)
            is_last = behind.filled_qty is not None and trade.number == newest[trade.order]
            client_order_id = behind.client_order_id if mine is None else mine.order.client_order_id
            if mine is not None:  # its trades may show up later than its state
                mine.told_qty += trade.qty
                is_last = behind.filled_qty is not None and _reaches(mine.told_qty, behind.filled_qty)
            updates.append((trade.ts, 1, trade.number, _traded(trade, client_order_id, is_last)))
        for client_order_id, sent in list(self._sent.items()):
            end = _ended(sent, now, due)
            if end is not None:
                updates.append((end.ts, 2, 0, end))
            if end is not None or (sent.status == "FILLED" and _is_told(sent)):
                del self._sent[client_order_id]
        return [update for *_, update in sorted(updates, key=lambda entry: entry[:3])]


def _named(sent: _Sent) -> dict[str, str]:
    """How to ask for an order: by its order id once it is known, since a client order id may be used again."""
    name = ("origClientOrderId", sent.order.client_order_id) if sent.order_id is None else ("orderId", sent.order_id)
    return {"symbol": sent.order.symbol, name[0]: name[1]}


def _acked(sent: _Sent, due: Iterable[Trade]) -> Acked:
    """The acknowledgement; never behind the order's first trade."""
    taken_at = min([cast(datetime, sent.taken_at), *(trade.ts for trade in due if trade.order == sent.key)])
    order = sent.order
    return Acked(order.client_order_id, cast(str, sent.order_id), order.symbol, taken_at, "NEW", sent.latency_ms)


def _traded(trade: Trade, client_order_id: str, is_last: bool) -> Traded:
    return Traded(
        client_order_id=client_order_id,
        order_id=trade.order_id,
        trade_id=str(trade.number),
        symbol=trade.symbol,
        side=trade.side,
        ts=trade.ts,
        qty=trade.qty,
        price=trade.price,
        fee=trade.fee,
        fee_asset=trade.fee_asset,
        is_maker=trade.is_maker,
        status="FILLED" if is_last else "PARTIALLY_FILLED",
        position_side=trade.position_side,
    )


def _ended(sent: _Sent, now: datetime, due: Iterable[Trade]) -> Ended | None:
    """The end of an order that is not filled, once its ack and all its trades are told."""
    order = sent.order
    if sent.has_never_arrived:
        return Ended(order.client_order_id, None, order.symbol, now, "REJECTED", "it never reached the venue")
    is_cut = sent.status == "FILLED" and sent.has_lost_trade and not _reaches(sent.told_qty, sent.executed_qty)
    status = "EXPIRED" if is_cut else _ENDED.get(sent.status)
    if status is None or not sent.is_acked or not _is_told(sent):
        return None
    ended_at = max([cast(datetime, sent.changed_at), *(trade.ts for trade in due if trade.order == sent.key)])
    if ended_at > now:
        return None
    reason = sent.status.lower().replace("_", " ")
    if is_cut:
        reason = "filled, by trades of which one cannot be read"
    return Ended(order.client_order_id, sent.order_id, order.symbol, ended_at, status, reason)


def _is_told(sent: _Sent) -> bool:
    return sent.has_lost_trade or _reaches(sent.told_qty, sent.executed_qty)


def _reaches(qty: float, whole: float) -> bool:
    return qty >= whole or isclose(qty, whole, rel_tol=1e-9)
