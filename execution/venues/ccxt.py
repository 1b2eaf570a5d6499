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
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

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
from tape.execution.venues.ccxt_funding import PaymentReader, TransferReader, fee_symbols, held_assets
from tape.execution.venues.ccxt_progress import Behind, Progress, Sent
from tape.execution.venues.ccxt_requests import RequestFailed, Requests
from tape.execution.venues.ccxt_updates import acks_and_trades, ended, is_told, named
from tape.execution.venues.venue import WOULD_TAKE, Account, Ended, Order, Quote, Update, VenueUnavailable

TIMEOUT_S = 10.0
PAGE = 1000
"""Trades of one answer, the most that the exchange gives."""
_WINDOW_MS = 7 * 86_400_000 - 1
"""The longest span that trades may be asked for by time."""
_ARRIVES_WITHIN = timedelta(seconds=15)
"""The exchange refuses a request older than its receive window (10 s in ccxt); behind this none can still arrive."""
_TRIES = 3
"""How often an answer is asked for again that cannot be read."""
_UNKNOWN_OUTCOME, _NO_SUCH_ORDER = {-1000, -1001, -1006, -1007}, {-2011, -2013}
_COULD_NOT_BE_MAKER = -5022


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
        self._sent: dict[str, Sent] = {}
        self._since_ms = None if trades_since is None else ms_of(trades_since)
        self._asked_from_ms: dict[str, int] = {}
        self._last_trade: dict[str, int] = {}
        self._listed: frozenset[str] = frozenset()
        self._fee_symbols: set[str] = set()
        """Symbols, none of ``symbols``, whose price is that of an asset in which fees were paid."""
        self._unread = set(self.symbols)
        """Symbols whose trades are to be asked for at once."""
        self._turn = 0
        self._funding = PaymentReader(self._name, self._requests)
        self._transfers = TransferReader(self._name, self._requests)
        self._assets: set[str] = set()
        self._has_wallet_moved = False  # between the two newest answers about the account
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
        assets = {trade.fee_asset for trade in self._trades} | self._assets
        self._fee_symbols |= fee_symbols(assets, self.symbols, self._listed)
        self._read_quotes()
        self._funding.read(now, self._since_ms or 0, self._quotes)
        self._transfers.read(
            now, self._since_ms or 0, self._quotes, at_once=self._has_wallet_moved and not self._trades
        )
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
            funding=self._funding.copy(),
            transfers=self._transfers.copy(),
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
        self._funding.state, self._transfers.state = progress.funding, progress.transfers
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

    def _read_account(self, now: datetime) -> None:
        stated = self._requests.row("fapiPrivateV3GetAccount")
        wallet, unrealized = number_of(stated, "totalWalletBalance"), number_of(stated, "totalUnrealizedProfit")
        equity = number_of(stated, "totalMarginBalance")
        self._assets = held_assets(stated)
        rows = self._requests.rows("fapiPrivateV3GetPositionRisk")
        holdings = tuple(holding_of(row) for row in rows if number_of(row, "positionAmt") != 0)
        before = self._account.holdings if self._account else ()
        self._has_wallet_moved = self._account is not None and self._account.wallet_usd != wallet
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

    def _orders_of_trades(self) -> dict[OrderKey, Behind]:
        """The orders of the trades to be told, asked for after the last of those was read."""
        orders: dict[OrderKey, Behind] = {}
        while missing := dict.fromkeys(trade.order for trade in self._trades if trade.order not in orders):
            for key in missing:
                orders[key] = self._look_up(*key)
            for symbol in dict.fromkeys(symbol for symbol, _ in missing):
                known = len(self._trades)
                if self._read_trades_of(symbol):
                    for trade in self._trades[known:]:
                        orders.pop(trade.order, None)
        return orders

    def _look_up(self, symbol: str, order_id: str) -> Behind:
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
            return Behind(order_id, None)  # the exchange forgets orders in time, their trades later
        stated = row.get("clientOrderId")
        client_order_id = "" if stated is None else str(stated).strip()
        return Behind(client_order_id or order_id, filled_qty)

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
        sent = Sent(order, self._now)
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

    def _take_back(self, sent: Sent) -> None:
        try:
            self._requests.row("fapiPrivateDeleteOrder", named(sent))
        except RequestFailed as error:
            if error.code not in _NO_SUCH_ORDER:
                raise
        sent.is_unwanted = sent.order_id is None  # what may still arrive is asked back again

    def _follow(self, sent: Sent, now: datetime) -> None:
        """Asks for an order that is not over, then for its end where it is unwanted and not over yet."""
        if sent.is_over:
            return
        sent.sent_at = sent.sent_at or now
        self._look_at(sent, now)
        if sent.is_unwanted and not sent.is_over:
            self._take_back(sent)
            self._look_at(sent, now)

    def _look_at(self, sent: Sent, now: datetime) -> None:
        try:
            self._learn(sent, self._requests.row("fapiPrivateGetOrder", named(sent)))
        except RequestFailed as error:
            if error.code not in _NO_SUCH_ORDER:
                raise
            sent.has_never_arrived = sent.order_id is None and now - (sent.sent_at or now) > _ARRIVES_WITHIN

    def _learn(self, sent: Sent, row: Row) -> None:
        order_id, status, executed = text_of(row, "orderId"), text_of(row, "status"), number_of(row, "executedQty")
        sent.changed_at = instant_of(row, "updateTime")
        sent.taken_at = sent.taken_at or instant_of(row, "time" if "time" in row else "updateTime")
        sent.order_id, sent.status, sent.executed_qty = order_id, status, executed

    # telling

    def _tell(self, now: datetime, orders: Mapping[OrderKey, Behind]) -> list[Update]:
        """What is not younger than ``now``, in the order of time; of one order first the ack, last the end."""
        updates: list[tuple[datetime, int, int, Update]] = []
        for order, reason in self._refused:
            updates.append((now, 2, 0, Ended(order.client_order_id, None, order.symbol, now, "REJECTED", reason)))
        self._refused = []
        updates += [(paid.ts, 1, 0, paid) for paid in (*self._funding.told(now), *self._transfers.told(now))]
        due = [trade for trade in self._trades if trade.ts <= now]
        updates += acks_and_trades(self._sent.values(), self._trades, orders, now)
        self._trades = [trade for trade in self._trades if trade.ts > now]
        for client_order_id, sent in list(self._sent.items()):
            end = ended(sent, now, due)
            if end is not None:
                updates.append((end.ts, 2, 0, end))
            if end is not None or (sent.status == "FILLED" and is_told(sent)):
                del self._sent[client_order_id]
        return [update for *_, update in sorted(updates, key=lambda entry: entry[:3])]
