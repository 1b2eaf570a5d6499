"""A real account over ccxt: what the exchange states is told once and in order; keys stay secret; faults are one error.

The exchange is a server of this test's own that answers in the documented shapes of Binance USD-M futures.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import logging
import subprocess
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tape.execution.venues.ccxt import CcxtVenue
from tape.execution.venues.ccxt_requests import CcxtMissing
from tape.execution.venues.venue import (
    WOULD_TAKE,
    Acked,
    Ended,
    Holding,
    Order,
    Quote,
    Traded,
    Update,
    VenueUnavailable,
)

needs_ccxt = pytest.mark.skipif(importlib.util.find_spec("ccxt") is None, reason="needs ccxt: pip install 'tape[ccxt]'")

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOON_MS = 1_748_779_200_000
KEY = "kkkkKEYkkkk0123456789"
SECRET = "ssssSECRETssss0123456789"  # noqa: S105 - made up


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def listed(symbol: str) -> dict[str, Any]:
    """An entry of exchangeInfo."""
    base = symbol.removesuffix("USDT")
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


@dataclass
class Fault:
    """What the server does instead of answering."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    is_after: bool = False
    """The request is carried out, and only its answer is lost."""


class Exchange:
    """The state of the made-up exchange, and the requests it got."""

    def __init__(self) -> None:
        self.symbols = ["BTCUSDT", "ETHUSDT"]
        self.account = {
            "totalWalletBalance": "1000.5",
            "totalUnrealizedProfit": "-10.25",
            "totalMarginBalance": "990.25",
        }
        self.positions: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.trades: list[dict[str, Any]] = []
        self.is_hedged = False
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.requests: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.meanwhile: dict[str, list[Callable[[], object]]] = defaultdict(list)
        """What happens at the exchange just before it answers a request."""
        self.ids = count(1)
        self.orders_come_at = 1.0

    def position(self, symbol: str, side: str, qty: str, **more: Any) -> None:
        margin = {"notional": str(float(qty) * 100), "positionInitialMargin": str(abs(float(qty)) * 20)}
        self.positions.append(
            {"symbol": symbol, "positionSide": side, "positionAmt": qty, "entryPrice": "99.5", **margin, **more}
        )

    def order(self, client_id: str, symbol: str = "BTCUSDT", qty: str = "2", **more: Any) -> dict[str, Any]:
        order_id = next(self.ids)
        ms = NOON_MS + int(self.orders_come_at * 1000)
        row = {"orderId": order_id, "clientOrderId": client_id, "symbol": symbol, "status": "NEW", "origQty": qty}
        self.orders[client_id] = row | {"executedQty": "0", "time": ms, "updateTime": ms, **more}
        return self.orders[client_id]

    def trade(self, client_id: str, qty: str, seconds: float, **more: Any) -> int:
        """One trade of an order, which changes with it. Returns its number."""
        order = self.orders[client_id]
        executed = round(float(order["executedQty"]) + float(qty), 9)
        is_filled = executed >= float(order["origQty"])
        ms = NOON_MS + int(seconds * 1000)
        order |= {
            "executedQty": str(executed),
            "updateTime": ms,
            "status": "FILLED" if is_filled else "PARTIALLY_FILLED",
        }
        number = 500 + next(self.ids)
        row = {"id": number, "orderId": order["orderId"], "symbol": order["symbol"], "side": "BUY", "price": "100.5"}
        row |= {"qty": qty, "quoteQty": "1", "realizedPnl": "0", "commission": "0.04", "commissionAsset": "USDT"}
        self.trades.append(row | {"time": ms, "maker": True, "buyer": True, "positionSide": "BOTH", **more})
        return number

    def answer(self, method: str, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        symbol = asked.get("symbol")
        match method, path.removeprefix("/fapi/"):
            case "GET", "v1/time":
                return 200, {"serverTime": NOON_MS}
            case "GET", "v1/exchangeInfo":
                return 200, {"timezone": "UTC", "symbols": [listed(name) for name in self.symbols]}
            case "GET", "v1/premiumIndex":
                rows = [{"symbol": n, "markPrice": "100.4", "indexPrice": "100", "time": NOON_MS} for n in self.symbols]
                return 200, next((row for row in rows if row["symbol"] == symbol), rows)
            case "GET", "v1/ticker/bookTicker":
                books = [self.book(name) for name in self.symbols]
                return 200, next((row for row in books if row["symbol"] == symbol), books)
            case "GET", "v3/account":
                return 200, {**self.account, "assets": [], "positions": []}
            case "GET", "v3/positionRisk":
                return 200, self.positions
            case "GET", "v1/positionSide/dual":
                return 200, {"dualSidePosition": self.is_hedged}
            case "GET", "v1/userTrades":
                return 200, self.own_trades(asked)
            case "POST", "v1/order":
                return 200, self.order(asked["newClientOrderId"], asked["symbol"], asked["quantity"])
            case "GET" | "DELETE", "v1/order":
                ids = asked.get("origClientOrderId"), asked.get("orderId")
                for row in self.orders.values():
                    if row["clientOrderId"] == ids[0] or str(row["orderId"]) == ids[1]:
                        if method == "DELETE":
                            row |= {"status": "CANCELED", "updateTime": row["updateTime"] + 1000}
                        return 200, row
                return 400, {"code": -2011 if method == "DELETE" else -2013, "msg": "Order does not exist."}
        return 404, {"code": -1, "msg": f"{method} {path}"}

    def book(self, symbol: str) -> dict[str, Any]:
        return {
            "symbol": symbol,
            "bidPrice": "100.3",
            "bidQty": "1",
            "askPrice": "100.6",
            "askQty": "1",
            "time": NOON_MS - 5,
        }

    def own_trades(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        rows = sorted((row for row in self.trades if row["symbol"] == asked["symbol"]), key=lambda row: row["id"])
        if "fromId" in asked:
            rows = [row for row in rows if row["id"] >= int(asked["fromId"])]
        else:
            start = int(asked["startTime"])
            end = min(int(asked.get("endTime", start + 10**12)), start + 7 * 86_400_000)
            rows = [row for row in rows if start <= row["time"] <= end]
        return rows[: int(asked.get("limit", 500))]

    def asked_of(self, path: str, method: str = "GET") -> list[dict[str, str]]:
        return [asked for how, where, asked, _ in self.requests if where == f"/fapi/{path}" and how == method]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    exchange: Exchange


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = body or url.query
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        exchange = self.server.exchange
        exchange.requests.append((self.command, url.path, asked, dict(self.headers.items()) | {"query": query}))
        waiting = exchange.faults[url.path.removeprefix("/fapi/")]
        fault = waiting.pop(0) if waiting else None
        if happening := exchange.meanwhile[url.path.removeprefix("/fapi/")]:
            happening.pop(0)()
        if fault is None or fault.is_after:
            status, answer = exchange.answer(self.command, url.path, asked)
            if fault is None:
                self._reply(status, json.dumps(answer), {})
                return
        time.sleep(fault.hang_s)
        self._reply(fault.status, fault.body, fault.headers)

    def _reply(self, status: int, body: str, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.exchange = Exchange()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def exchange(server: Server) -> Exchange:
    return server.exchange


class Fast(CcxtVenue):
    """The venue with ccxt's limiter at a thousandth of its pauses."""

    def __init__(self, server: Server, symbols: tuple[str, ...] = ("BTCUSDT",), **given: Any) -> None:
        url = f"http://127.0.0.1:{server.server_port}"
        super().__init__(symbols, **{"api_key": KEY, "secret": SECRET, "base_url": url, "timeout_s": 5.0, **given})
        self._requests.exchange.rateLimit = 0.05


def of_kind(updates: Any, kind: type) -> list[Any]:
    return [update for update in updates if isinstance(update, kind)]


def order(client_id: str = "o-1", **more: Any) -> Order:
    return Order(**{"client_order_id": client_id, "symbol": "BTCUSDT", "side": "BUY", "qty": 2.0, **more})


# reading


@needs_ccxt
def test_quotes_and_the_account_are_what_the_exchange_states(server: Server, exchange: Exchange) -> None:
    exchange.position("BTCUSDT", "BOTH", "-0.5")
    exchange.position("ETHUSDT", "BOTH", "0.0")
    venue = Fast(server, ("BTCUSDT", "ETHUSDT"))
    assert venue.quotes() == {}
    with pytest.raises(VenueUnavailable):
        venue.account()
    assert venue.advance(at(0)) == []
    quote = Quote("BTCUSDT", NOON - timedelta(milliseconds=5), 100.3, 100.6, 100.4)
    assert venue.quotes()["BTCUSDT"] == quote
    assert venue.quotes().keys() == {"BTCUSDT", "ETHUSDT"}
    account = venue.account()
    assert (account.ts, account.wallet_usd, account.unrealized_pnl_usd, account.equity_usd) == (
        NOON,
        1000.5,
        -10.25,
        990.25,
    )
    assert account.holdings == (Holding("BTCUSDT", -0.5, 99.5, 5.0),)


@needs_ccxt
def test_in_hedge_mode_long_is_positive_and_short_negative(server: Server, exchange: Exchange) -> None:
    exchange.position("BTCUSDT", "LONG", "0.3", leverage="10")
    exchange.position("BTCUSDT", "SHORT", "-0.2", leverage="20")
    exchange.position("ETHUSDT", "SHORT", "0.1", leverage="7")
    venue = Fast(server)
    venue.advance(at(0))
    assert [(holding.symbol, holding.qty, holding.leverage) for holding in venue.account().holdings] == [
        ("BTCUSDT", 0.3, 10.0),
        ("BTCUSDT", -0.2, 20.0),
        ("ETHUSDT", -0.1, 7.0),
    ]


@needs_ccxt
def test_a_book_with_an_empty_side_gives_no_quote(server: Server, exchange: Exchange) -> None:
    exchange.faults["v1/ticker/bookTicker"] = [
        Fault(body=json.dumps({**exchange.book("BTCUSDT"), "askPrice": "0.00"})),
    ]
    venue = Fast(server)
    venue.advance(at(0))
    assert venue.quotes() == {}


@needs_ccxt
@pytest.mark.parametrize("missing", ["totalWalletBalance", "totalMarginBalance", "totalUnrealizedProfit"])
def test_a_number_that_is_not_stated_is_an_error_not_a_zero(server: Server, exchange: Exchange, missing: str) -> None:
    exchange.account[missing] = ""
    with pytest.raises(VenueUnavailable, match=f"{missing}: expected a number, found ''"):
        Fast(server).advance(at(0))


@needs_ccxt
def test_a_symbol_that_is_not_listed_is_named(server: Server) -> None:
    with pytest.raises(VenueUnavailable, match="not listed: DOGEUSDT"):
        Fast(server, ("BTCUSDT", "DOGEUSDT")).advance(at(0))


# own trades


@needs_ccxt
def test_own_trades_are_told_once_with_the_state_of_their_order(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    exchange.order("mine")
    assert venue.advance(at(1)) == []
    first = exchange.trade("mine", "0.5", 2.0)
    (told,) = venue.advance(at(3))
    assert told == Traded(
        client_order_id="mine",
        order_id="1",
        trade_id=str(first),
        symbol="BTCUSDT",
        side="BUY",
        ts=at(2),
        qty=0.5,
        price=100.5,
        fee=0.04,
        fee_asset="USDT",
        is_maker=True,
        status="PARTIALLY_FILLED",
    )
    assert venue.advance(at(4)) == []
    exchange.trade("mine", "0.5", 5.0)
    exchange.trade("mine", "1", 5.0)
    assert [update.status for update in of_kind(venue.advance(at(6)), Traded)] == ["PARTIALLY_FILLED", "FILLED"]


@needs_ccxt
def test_only_the_last_trade_of_an_order_says_filled_though_one_comes_in_between(
    server: Server, exchange: Exchange
) -> None:
    exchange.order("mine")
    exchange.trade("mine", "1", 1.0)
    exchange.meanwhile["v1/order"] = [lambda: exchange.trade("mine", "1", 1.5)]
    told = of_kind(Fast(server).advance(at(2)), Traded)
    assert [(trade.ts, trade.status) for trade in told] == [(at(1), "PARTIALLY_FILLED"), (at(1.5), "FILLED")]


@needs_ccxt
def test_trades_from_before_the_start_are_told_only_where_asked_for(server: Server, exchange: Exchange) -> None:
    exchange.order("old", qty="1")
    exchange.trade("old", "1", -20 * 86_400)
    assert Fast(server).advance(at(1)) == []
    since = Fast(server, trades_since=NOON - timedelta(days=30))
    assert [update.ts for update in of_kind(since.advance(at(1)), Traded)] == [NOON - timedelta(days=20)]
    asked = [request for request in exchange.asked_of("v1/userTrades") if "endTime" in request]
    assert all(int(request["endTime"]) - int(request["startTime"]) < 7 * 86_400_000 for request in asked)
    assert since.advance(at(2)) == []


@needs_ccxt
def test_a_trade_younger_than_now_is_told_at_the_next_advance(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    exchange.order("mine", qty="1")
    exchange.trade("mine", "1", 5.0)
    assert venue.advance(at(4.999)) == []
    (told,) = venue.advance(at(5))
    assert told == venue_trade(told, "FILLED")
    assert venue.advance(at(6)) == []


def venue_trade(told: Update, status: str) -> Update:
    assert isinstance(told, Traded)
    assert told.status == status
    return told


@needs_ccxt
def test_more_trades_than_a_page_are_read_page_by_page(server: Server, exchange: Exchange) -> None:
    exchange.order("many", qty="2500")
    numbers = [str(exchange.trade("many", "1", 1 + n / 1000)) for n in range(2500)]
    told = of_kind(Fast(server).advance(at(10)), Traded)
    assert [trade.trade_id for trade in told] == numbers
    assert [trade.status for trade in told] == ["PARTIALLY_FILLED"] * 2499 + ["FILLED"]
    first, *more = exchange.asked_of("v1/userTrades")
    assert "fromId" not in first
    assert all("startTime" not in request for request in more)


@needs_ccxt
@pytest.mark.parametrize(
    "path", ["v3/account", "v3/positionRisk", "v1/userTrades", "v1/order", "v1/premiumIndex", "v1/ticker/bookTicker"]
)
def test_a_request_that_fails_in_the_middle_loses_and_doubles_nothing(
    server: Server, exchange: Exchange, path: str
) -> None:
    venue = Fast(server)
    venue.advance(at(0))
    exchange.order("mine")
    first = exchange.trade("mine", "1", 1.0)
    exchange.faults[path] = [Fault(502, "<html>bad gateway</html>")]
    with pytest.raises(VenueUnavailable):
        venue.advance(at(2))
    second = exchange.trade("mine", "1", 3.0)
    told = venue.advance(at(4))
    assert [(update.trade_id, update.status) for update in of_kind(told, Traded)] == [
        (str(first), "PARTIALLY_FILLED"),
        (str(second), "FILLED"),
    ]
    assert venue.advance(at(5)) == []


@needs_ccxt
def test_a_page_that_fails_keeps_the_pages_before_it(server: Server, exchange: Exchange) -> None:
    exchange.order("many", qty="1500")
    for n in range(1500):
        exchange.trade("many", "1", 1 + n / 1000)
    venue = Fast(server)
    exchange.faults["v1/userTrades"] = [
        Fault(200, json.dumps(exchange.own_trades({"symbol": "BTCUSDT", "fromId": "0", "limit": "1000"}))),
        Fault(503, ""),
    ]
    with pytest.raises(VenueUnavailable):
        venue.advance(at(10))
    told = of_kind(venue.advance(at(11)), Traded)
    assert len({trade.trade_id for trade in told}) == len(told) == 1500


@needs_ccxt
def test_symbols_take_turns_and_a_changed_position_comes_first(server: Server, exchange: Exchange) -> None:
    exchange.symbols = ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
    venue = Fast(server, tuple(exchange.symbols))
    venue.advance(at(0))
    exchange.requests.clear()
    for second in range(3):
        venue.advance(at(1 + second))
    assert sorted(asked["symbol"] for asked in exchange.asked_of("v1/userTrades")) == exchange.symbols
    exchange.requests.clear()
    exchange.position("CCCUSDT", "BOTH", "1")
    venue.advance(at(5))
    assert "CCCUSDT" in [asked["symbol"] for asked in exchange.asked_of("v1/userTrades")]


@needs_ccxt
def test_a_trade_of_an_order_that_the_exchange_forgot_carries_its_order_id(server: Server, exchange: Exchange) -> None:
    forgotten = exchange.order("gone")
    exchange.trade("gone", "2", 1.0)
    del exchange.orders["gone"]
    (told,) = venue_updates = Fast(server).advance(at(2))
    assert len(venue_updates) == 1
    assert isinstance(told, Traded)
    assert (told.client_order_id, told.status) == (str(forgotten["orderId"]), "PARTIALLY_FILLED")


# orders


@needs_ccxt
def test_read_only_sends_nothing(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    venue.submit(order())
    venue.cancel("o-1")
    assert venue.advance(at(1)) == [Ended("o-1", None, "BTCUSDT", at(1), "REJECTED", "read-only")]
    assert venue.advance(at(2)) == []
    assert {method for method, *_ in exchange.requests} == {"GET"}


@needs_ccxt
def test_an_order_is_acknowledged_then_filled(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order(limit_price=100.04, post_only=True, reduce_only=True))
    (sent,) = exchange.asked_of("v1/order", "POST")
    assert {name: sent.get(name) for name in ("symbol", "side", "type", "quantity", "price", "timeInForce")} == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "2",
        "price": "100",
        "timeInForce": "GTX",
    }
    assert sent["reduceOnly"] == "true"
    assert "positionSide" not in sent
    exchange.trade("o-1", "2", 1.0)
    acked, traded = venue.advance(at(2))
    assert isinstance(acked, Acked)
    assert isinstance(traded, Traded)
    assert (acked.client_order_id, acked.order_id, acked.ts) == ("o-1", "1", at(1))
    assert acked.latency_ms is not None
    assert acked.latency_ms > 0
    assert (traded.client_order_id, traded.status) == ("o-1", "FILLED")
    assert venue.advance(at(3)) == []


@needs_ccxt
def test_a_fill_that_shows_up_behind_the_end_of_its_order_is_the_last_one(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order())
    exchange.trade("o-1", "1", 1.0)
    exchange.trade("o-1", "1", 1.0)
    late = exchange.trades.pop()
    assert [update.status for update in of_kind(venue.advance(at(2)), Traded)] == ["PARTIALLY_FILLED"]
    exchange.trades.append(late)
    assert [update.status for update in of_kind(venue.advance(at(3)), Traded)] == ["FILLED"]


@needs_ccxt
def test_an_acknowledgement_younger_than_now_waits_and_so_does_what_follows_it(
    server: Server, exchange: Exchange
) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order())
    exchange.trade("o-1", "2", 1.5)
    assert venue.advance(at(0.5)) == []
    assert [type(update) for update in venue.advance(at(1))] == [Acked]
    assert [type(update) for update in venue.advance(at(2))] == [Traded]


@needs_ccxt
def test_a_cancelled_order_ends_behind_its_fills(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order(limit_price=100.0))
    exchange.trade("o-1", "0.5", 1.0)
    venue.cancel("o-1")
    updates = venue.advance(at(5))
    assert [type(update) for update in updates] == [Acked, Traded, Ended]
    ended = updates[-1]
    assert isinstance(ended, Ended)
    assert (ended.order_id, ended.status, ended.ts) == ("1", "CANCELED", at(2))
    assert venue.advance(at(6)) == []
    venue.cancel("o-1")  # long gone


@needs_ccxt
def test_a_cancel_that_fails_is_asked_again(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order(limit_price=100.0))
    exchange.faults["v1/order"] = [Fault(503, "")]
    venue.cancel("o-1")
    assert exchange.orders["o-1"]["status"] == "NEW"
    assert [type(update) for update in venue.advance(at(5))] == [Acked, Ended]


@needs_ccxt
@pytest.mark.parametrize(
    ("side", "reduce_only", "position_side"),
    [("BUY", False, "LONG"), ("SELL", False, "SHORT"), ("BUY", True, "SHORT"), ("SELL", True, "LONG")],
)
def test_in_hedge_mode_an_order_names_its_side(
    server: Server, exchange: Exchange, side: str, reduce_only: bool, position_side: str
) -> None:
    exchange.is_hedged = True
    venue = Fast(server, trading=True)
    venue.submit(order(side=side, reduce_only=reduce_only))
    (sent,) = exchange.asked_of("v1/order", "POST")
    assert sent["positionSide"] == position_side
    assert "reduceOnly" not in sent


@needs_ccxt
def test_a_refused_order_ends_with_the_exchange_s_reason(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, ("BTCUSDT", "ETHUSDT"), trading=True)
    venue.advance(at(0))
    exchange.faults["v1/order"] = [Fault(400, '{"code":-2019,"msg":"Margin is insufficient."}')]
    venue.submit(order("poor"))
    venue.submit(order("small", qty=0.0001))
    venue.submit(order("elsewhere", symbol="SOLUSDT"))
    poor, small, elsewhere = venue.advance(at(1))
    assert all(isinstance(update, Ended) and update.status == "REJECTED" for update in (poor, small, elsewhere))
    assert isinstance(poor, Ended)
    assert "-2019 Margin is insufficient." in poor.reason
    assert isinstance(small, Ended)
    assert small.reason.startswith("not sent: ")
    assert len(exchange.asked_of("v1/order", "POST")) == 1


@needs_ccxt
def test_a_post_only_order_that_would_take_is_refused_as_on_every_venue(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    said = "Due to the order could not be executed as maker, the Post Only order will be rejected."
    exchange.faults["v1/order"] = [Fault(400, json.dumps({"code": -5022, "msg": said}, separators=(",", ":")))]
    venue.submit(order())
    (end,) = venue.advance(at(1))
    assert isinstance(end, Ended)
    assert (end.status, end.reason) == ("REJECTED", WOULD_TAKE)


@needs_ccxt
@pytest.mark.parametrize("arrived", [True, False])
def test_an_order_whose_answer_is_lost_is_asked_for(server: Server, exchange: Exchange, arrived: bool) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    exchange.faults["v1/order"] = [Fault(504, "", is_after=arrived)]
    venue.submit(order())
    updates = venue.advance(at(2))
    if arrived:
        assert [type(update) for update in updates] == [Acked]
        assert of_kind(updates, Acked)[0].latency_ms is None
    else:
        assert updates == []
        assert venue.advance(at(14)) == []
        assert venue.advance(at(16)) == [
            Ended("o-1", None, "BTCUSDT", at(16), "REJECTED", "it never reached the venue")
        ]
        assert venue.advance(at(17)) == []
    assert len(exchange.asked_of("v1/order", "POST")) == 1


# faults


FAULTS = [
    (Fault(429, '{"code":-1003,"msg":"Too many requests."}'), "429 -1003 Too many requests."),
    (Fault(418, '{"code":-1003,"msg":"Way too much request weight used."}'), "418 -1003 Way too much"),
    (Fault(500, "<html>oops</html>"), "v3|V3"),
    (Fault(503, '{"code":-1008,"msg":"Server is busy."}'), "-1008 Server is busy."),
    (Fault(401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'), "-2015 Invalid API-key"),
    (Fault(200, '{"totalWalletBalance": '), "expected JSON objects, found str"),
    (Fault(200, "[1, 2]"), "expected JSON objects"),
    (Fault(200, "null"), "expected JSON objects"),
    (Fault(302, "", {"Location": "http://127.0.0.1:1/"}), "fapiPrivateV3GetAccount: ExchangeError"),
    (Fault(400, f'{{"code":-1,"msg":"who is {KEY}?"}}'), r"who is \*\*\*\?"),
]


@needs_ccxt
@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_fault_of_the_exchange_is_one_short_error_without_secrets(
    server: Server, exchange: Exchange, caplog: pytest.LogCaptureFixture, fault: Fault, said: str
) -> None:
    caplog.set_level(logging.DEBUG)
    venue = Fast(server)
    exchange.faults["v3/account"] = [fault]
    with pytest.raises(VenueUnavailable, match=said) as error:
        venue.advance(at(0))
    assert len(str(error.value)) < 250
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    everything = "".join(traceback.format_exception(error.value)) + repr(venue) + str(vars(error.value)) + caplog.text
    for secret in (KEY, SECRET, "signature="):
        assert secret not in everything
    assert venue.advance(at(200)) == []


@needs_ccxt
def test_requests_are_signed_and_carry_the_key(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    venue.advance(at(0))
    headers = [headers for _, path, _, headers in exchange.requests if path == "/fapi/v3/account"]
    assert headers[0]["X-MBX-APIKEY"] == KEY
    signed, _, signature = headers[0]["query"].rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert all("X-MBX-APIKEY" not in headers for _, path, _, headers in exchange.requests if path == "/fapi/v1/time")


@needs_ccxt
@pytest.mark.parametrize(("headers", "wait_s"), [({"Retry-After": "7"}, 7), ({}, 30)])
def test_a_limited_venue_is_left_alone(
    server: Server, exchange: Exchange, headers: dict[str, str], wait_s: int
) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    exchange.faults["v3/account"] = [Fault(429, '{"code":-1003,"msg":"Too many requests."}', headers)]
    with pytest.raises(VenueUnavailable):
        venue.advance(at(1))
    exchange.requests.clear()
    with pytest.raises(VenueUnavailable, match="left alone until"):
        venue.advance(at(wait_s))
    venue.submit(order())
    venue.cancel("o-1")
    assert exchange.requests == []
    (ended,) = venue.advance(at(1 + wait_s))
    assert isinstance(ended, Ended)
    assert "not sent" in ended.reason


@needs_ccxt
def test_a_venue_that_hangs_is_given_up_in_time(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, timeout_s=0.4)
    venue.advance(at(0))
    exchange.faults["v1/userTrades"] = [Fault(hang_s=1.5, body="[]")]
    began = time.monotonic()
    with pytest.raises(VenueUnavailable, match="RequestTimeout"):
        venue.advance(at(1))
    assert time.monotonic() - began < 1.2
    assert venue.advance(at(2)) == []


@needs_ccxt
def test_a_venue_that_is_not_there_is_unavailable() -> None:
    venue = CcxtVenue(["BTCUSDT"], api_key=KEY, secret=SECRET, base_url="http://127.0.0.1:1")
    with pytest.raises(VenueUnavailable, match=r"NetworkError|ExchangeNotAvailable"):
        venue.advance(at(0))


@needs_ccxt
def test_a_clock_that_is_off_is_learned_again(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    venue.advance(at(0))
    exchange.faults["v3/account"] = [Fault(400, '{"code":-1021,"msg":"Timestamp is outside of the recvWindow."}')]
    with pytest.raises(VenueUnavailable):
        venue.advance(at(1))
    assert len(exchange.asked_of("v1/time")) == 1
    venue.advance(at(2))
    assert len(exchange.asked_of("v1/time")) == 2
    assert len(exchange.asked_of("v1/exchangeInfo")) == 1


# construction


@needs_ccxt
def test_the_limiter_is_on_and_the_test_network_is_another_host() -> None:
    keys: dict[str, Any] = {"api_key": KEY, "secret": SECRET}
    real, test = CcxtVenue(["BTCUSDT"], **keys), CcxtVenue(["BTCUSDT"], testnet=True, **keys)
    assert real._requests.exchange.enableRateLimit
    assert real._requests.exchange.urls["api"]["fapiPrivate"] == "https://fapi.binance.com/fapi/v1"
    assert test._requests.exchange.urls["api"]["fapiPrivate"] == "https://demo-fapi.binance.com/fapi/v1"
    assert (real.name, test.name) == ("binanceusdm", "binanceusdm-testnet")
    assert KEY not in repr(real) + str(real)
    assert SECRET not in repr(real) + str(real)


@pytest.mark.parametrize(
    "wrong", [{"symbols": []}, {"api_key": ""}, {"secret": ""}, {"timeout_s": 0.0}, {"timeout_s": float("nan")}]
)
def test_what_cannot_be_is_refused_without_the_keys(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        CcxtVenue(**{"symbols": ["BTCUSDT"], "api_key": KEY, "secret": SECRET, **wrong})
    assert KEY not in str(error.value)
    assert SECRET not in str(error.value)


def test_without_the_extra_one_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(CcxtMissing, match=r"pip install 'tape\[ccxt\]'"):
        CcxtVenue(["BTCUSDT"], api_key=KEY, secret=SECRET)


def test_the_module_alone_imports_neither_ccxt_nor_another_venue() -> None:
    code = (
        "import sys, tape.execution.venues.ccxt; print([m for m in ('ccxt', 'duckdb', 'requests') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
