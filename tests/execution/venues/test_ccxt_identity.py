"""Whose order a trade belongs to: order and trade numbers count per symbol, and clients choose names as they like."""

from __future__ import annotations

from typing import Any

import pytest

from tape.execution.venues.venue import Acked, Ended, Holding, Traded, VenueUnavailable
from tests.execution.venues.test_ccxt import (
    NOON_MS,
    Exchange,
    Fast,
    Fault,
    Server,
    at,
    needs_ccxt,
    of_kind,
    order,
)
from tests.execution.venues.test_ccxt import exchange as exchange
from tests.execution.venues.test_ccxt import server as server

pytestmark = needs_ccxt
BOTH = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(autouse=True)
def by_symbol(exchange: Exchange) -> None:
    """Makes the double look orders up by symbol and id, as the exchange does."""
    plain = exchange.answer

    def answer(method: str, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path.endswith("v1/order") and method == "GET":
            ids = asked.get("origClientOrderId"), asked.get("orderId")
            for row in exchange.orders.values():
                is_named = (ids[0] or "-") == row.get("clientOrderId") or str(row["orderId"]) == ids[1]
                if is_named and row["symbol"] == asked["symbol"]:
                    return 200, row
            return 400, {"code": -2013, "msg": "Order does not exist."}
        return plain(method, path, asked)

    exchange.answer = answer  # type: ignore[method-assign]


def foreign(exchange: Exchange, order_id: Any, symbol: str, client: Any, qty: str = "2", **more: Any) -> None:
    """An order of somebody else on the same account, filled unless ``more`` says another state."""
    row = {"orderId": order_id, "clientOrderId": client, "symbol": symbol, "status": "FILLED", "origQty": qty}
    row |= {"executedQty": qty, "time": NOON_MS + 1000, "updateTime": NOON_MS + 1000, **more}
    exchange.orders[f"{symbol} {order_id}"] = row


def deal(
    exchange: Exchange, number: int, order_id: Any, symbol: str, side: str, qty: str, s: float, **more: Any
) -> None:
    row = {
        "id": number,
        "orderId": order_id,
        "symbol": symbol,
        "side": side,
        "price": "100",
        "qty": qty,
        "maker": False,
    }
    row |= {"realizedPnl": "0", "commission": "0.04", "commissionAsset": "USDT", "positionSide": "BOTH"}
    exchange.trades.append(row | {"time": NOON_MS + int(s * 1000), **more})


def told(updates: Any) -> list[tuple[Any, ...]]:
    return [(each.symbol, each.client_order_id, each.qty, each.status) for each in of_kind(updates, Traded)]


def test_an_own_order_is_not_taken_for_filled_by_an_order_of_its_number_on_another_symbol(
    server: Server, exchange: Exchange
) -> None:
    venue = Fast(server, BOTH, trading=True)
    venue.advance(at(0))
    venue.submit(order("mine"))
    assert [each.order_id for each in of_kind(venue.advance(at(2)), Acked)] == ["1"]
    foreign(exchange, 1, "ETHUSDT", "theirs")
    deal(exchange, 40, 1, "ETHUSDT", "SELL", "2", 2.5)
    exchange.position("ETHUSDT", "BOTH", "-2")
    assert told(venue.advance(at(3))) == [("ETHUSDT", "theirs", 2.0, "FILLED")]
    exchange.trade("mine", "1", 4.0)
    exchange.trade("mine", "1", 4.5)
    assert told(venue.advance(at(5))) == [
        ("BTCUSDT", "mine", 1.0, "PARTIALLY_FILLED"),
        ("BTCUSDT", "mine", 1.0, "FILLED"),
    ]


def test_a_cancelled_order_waits_for_its_own_trades_and_not_for_those_of_its_number(
    server: Server, exchange: Exchange
) -> None:
    venue = Fast(server, BOTH, trading=True)
    venue.advance(at(0))
    venue.submit(order("mine"))
    venue.advance(at(2))
    foreign(exchange, 1, "ETHUSDT", "theirs")
    deal(exchange, 40, 1, "ETHUSDT", "SELL", "2", 2.5)
    exchange.position("ETHUSDT", "BOTH", "-2")
    exchange.trade("mine", "1", 3.0)
    late = exchange.trades.pop()
    exchange.orders["mine"] |= {"status": "CANCELED"}
    updates = venue.advance(at(4))
    assert told(updates) == [("ETHUSDT", "theirs", 2.0, "FILLED")]
    assert of_kind(updates, Ended) == []
    exchange.trades.append(late)
    updates = venue.advance(at(5))
    assert told(updates) == [("BTCUSDT", "mine", 1.0, "PARTIALLY_FILLED")]
    assert [(each.symbol, each.status) for each in of_kind(updates, Ended)] == [("BTCUSDT", "CANCELED")]


def test_orders_of_one_number_keep_their_names_their_state_and_their_trade_numbers(
    server: Server, exchange: Exchange
) -> None:
    foreign(exchange, 77, "BTCUSDT", "web_b", "5", status="PARTIALLY_FILLED", executedQty="1")
    foreign(exchange, "77", "ETHUSDT", "web_e", "3")
    deal(exchange, 8, 77, "BTCUSDT", "BUY", "1", 1.0)
    deal(exchange, 8, "77", "ETHUSDT", "BUY", "3", 1.0)
    exchange.position("BTCUSDT", "BOTH", "1")
    exchange.position("ETHUSDT", "BOTH", "3")
    venue = Fast(server, BOTH)
    assert sorted(told(venue.advance(at(2)))) == [
        ("BTCUSDT", "web_b", 1.0, "PARTIALLY_FILLED"),
        ("ETHUSDT", "web_e", 3.0, "FILLED"),
    ]
    assert [venue.advance(at(3)), venue.advance(at(4))] == [[], []]


@pytest.mark.parametrize("stated", ["", "   ", None, "left out"])
def test_an_order_without_a_client_id_is_told_under_its_order_id(
    server: Server, exchange: Exchange, stated: str | None
) -> None:
    foreign(exchange, 5, "BTCUSDT", stated, "1")
    if stated == "left out":
        del exchange.orders["BTCUSDT 5"]["clientOrderId"]
    deal(exchange, 70, 5, "BTCUSDT", "SELL", "1", 1.0)
    venue = Fast(server)
    assert told(venue.advance(at(2))) == [("BTCUSDT", "5", 1.0, "FILLED")]
    assert venue.advance(at(3)) == []


def test_a_client_id_that_is_used_again_does_not_change_the_order_that_had_it(
    server: Server, exchange: Exchange
) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order("mine"))
    venue.advance(at(2))
    exchange.trade("mine", "2", 2.5)
    mine = exchange.orders.pop("mine")
    foreign(exchange, 99, "BTCUSDT", "mine", "7", status="NEW", executedQty="0")
    exchange.orders["the first"] = mine
    updates = venue.advance(at(3))
    assert told(updates) == [("BTCUSDT", "mine", 2.0, "FILLED")]
    assert venue._sent == {}


def test_hedge_mode_is_read_from_the_positions_and_every_trade_names_its_own(
    server: Server, exchange: Exchange
) -> None:
    exchange.position("BTCUSDT", "LONG", "1")
    exchange.position("BTCUSDT", "SHORT", "-1", positionInitialMargin="0")
    foreign(exchange, 5, "BTCUSDT", "web", "1")
    deal(exchange, 70, 5, "BTCUSDT", "SELL", "1", 1.0, positionSide="SHORT")
    venue = Fast(server)
    assert [each.position_side for each in of_kind(venue.advance(at(2)), Traded)] == ["SHORT"]
    account = venue.account()
    assert account.is_hedged
    # without an initial margin the leverage is unknown, and the account is there all the same
    assert account.holdings == (Holding("BTCUSDT", 1.0, 99.5, 5.0), Holding("BTCUSDT", -1.0, 99.5, None))


# an answer that cannot be read is asked for again, and then the account goes on without it


@pytest.mark.parametrize("bad", [{"side": "SIDEWAYS"}, {"qty": None}, {"price": "cheap"}])
def test_a_trade_that_cannot_be_read_is_asked_for_again_then_left_out_and_said(
    server: Server, exchange: Exchange, bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    foreign(exchange, 5, "BTCUSDT", "web", "2")
    deal(exchange, 70, 5, "BTCUSDT", "SELL", "1", 1.0)
    exchange.trades[-1] |= bad
    deal(exchange, 71, 5, "BTCUSDT", "SELL", "1", 1.0)
    venue = Fast(server, trades_since=at(0))
    for second in (2, 3):
        with pytest.raises(VenueUnavailable):
            venue.advance(at(second))
    assert told(venue.advance(at(4))) == [("BTCUSDT", "web", 1.0, "FILLED")]
    assert venue.advance(at(5)) == []
    said = [each for each in caplog.messages if "trade 70 of BTCUSDT cannot be read" in each]
    assert len(said) == 1
    assert said[0].endswith("; it is left out")


def test_an_own_order_is_over_though_one_of_its_trades_cannot_be_read(server: Server, exchange: Exchange) -> None:
    venue = Fast(server, trading=True)
    venue.advance(at(0))
    venue.submit(order("mine"))
    venue.advance(at(2))
    exchange.trade("mine", "1", 2.5)
    exchange.trades[-1]["side"] = "SIDEWAYS"
    exchange.trade("mine", "1", 2.6)
    for second in (3, 4):
        with pytest.raises(VenueUnavailable):
            venue.advance(at(second))
    updates = venue.advance(at(5))
    assert told(updates) == [("BTCUSDT", "mine", 1.0, "PARTIALLY_FILLED")]
    assert [(each.status, each.reason) for each in of_kind(updates, Ended)] == [
        ("EXPIRED", "filled, by trades of which one cannot be read")
    ]
    assert venue.advance(at(6)) == []


def test_an_order_that_the_exchange_refuses_to_show_is_told_under_its_number(
    server: Server, exchange: Exchange
) -> None:
    deal(exchange, 70, 5, "BTCUSDT", "SELL", "1", 1.0)
    refused = Fault(400, '{"code": -1121, "msg": "Invalid symbol."}')
    exchange.faults["v1/order"] = [refused, refused, refused]
    venue = Fast(server, trades_since=at(0))
    for second in (2, 3):
        with pytest.raises(VenueUnavailable, match="Invalid symbol"):
            venue.advance(at(second))
    assert told(venue.advance(at(4))) == [("BTCUSDT", "5", 1.0, "PARTIALLY_FILLED")]


def test_a_failure_of_the_network_is_never_given_up_on(server: Server, exchange: Exchange) -> None:
    foreign(exchange, 5, "BTCUSDT", "web", "1")
    deal(exchange, 70, 5, "BTCUSDT", "SELL", "1", 1.0)
    exchange.faults["v1/order"] = [Fault(502, "")] * 5
    venue = Fast(server, trades_since=at(0))
    for second in range(2, 7):
        with pytest.raises(VenueUnavailable):
            venue.advance(at(second))
    assert told(venue.advance(at(7))) == [("BTCUSDT", "web", 1.0, "FILLED")]


def test_a_quote_that_cannot_be_read_takes_no_other_with_it(server: Server, exchange: Exchange) -> None:
    plain = exchange.book
    exchange.book = lambda symbol: plain(symbol) | ({"bidPrice": None} if symbol == "ETHUSDT" else {})  # type: ignore[method-assign]
    venue = Fast(server, BOTH)
    venue.advance(at(0))
    assert list(venue.quotes()) == ["BTCUSDT"]


def test_a_clock_that_is_set_back_does_not_lengthen_a_silence(server: Server, exchange: Exchange) -> None:
    venue = Fast(server)
    exchange.faults["v3/account"] = [Fault(429, "{}", {"Retry-After": "30"})]
    with pytest.raises(VenueUnavailable):
        venue.advance(at(3600))
    with pytest.raises(VenueUnavailable, match="left alone"):
        venue.advance(at(3601))
    venue.advance(at(1))
    assert venue.account().equity_usd == 990.25
