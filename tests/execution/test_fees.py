"""Fees in another asset than the quote: priced by the asset's own price, else unknown, and said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tape.execution.events import MarkObserved, OrderClosed, OrderFilled
from tape.execution.intents import Intent
from tape.execution.markets import Markets
from tape.execution.venues.venue import Account, Holding, Quote, Traded
from tests.execution.test_executor import START, Bench, at, of
from tests.execution.venues.test_ccxt import Exchange, Fast, Server, needs_ccxt, of_kind
from tests.execution.venues.test_ccxt import at as at_exchange
from tests.execution.venues.test_ccxt import exchange as exchange
from tests.execution.venues.test_ccxt import server as server


def closing(number: int, qty: float, fee: float, asset: str, **more: Any) -> Traded:
    name = f"c{number}"
    given: dict[str, Any] = {"price": 110.0, "status": "FILLED", "symbol": "BTCUSDT", "trade_id": f"t{number}"} | more
    return Traded(
        client_order_id=name,
        order_id=name,
        side="SELL",
        ts=at(1),
        qty=qty,
        fee=fee,
        fee_asset=asset,
        is_maker=False,
        **given,
    )


@pytest.mark.parametrize(
    ("fee", "asset", "fees_usd", "unpriced"),
    [
        (0.5, "USDT", 0.5, None),
        (0.5, " usdc ", 0.5, None),
        (0.5, "FDUSD", 0.5, None),
        (-0.25, "USDT", -0.25, None),
        (0.01, "BTC", 1.1, None),  # the traded asset: at the price of the trade
        (0.002, "ETH", 0.2, None),  # another symbol of the venue: at its mark of 100
        (-0.002, "ETH", -0.2, None),
        (0.001, "BNB", 0.0, {"BNB": 0.001}),
        (-0.001, "BNB", 0.0, {"BNB": -0.001}),
        (0.0, "BNB", 0.0, None),
    ],
)
def test_a_close_has_the_fees_that_have_a_price_and_names_the_others(
    tmp_path: Path, fee: float, asset: str, fees_usd: float, unpriced: dict[str, float] | None
) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 1.0, 100.0, 5.0))
    bench.step(0)
    bench.venue.holdings, bench.venue.updates = (), [closing(1, 1.0, fee, asset)]
    (close,) = of(bench.step(1), OrderClosed)
    assert close.fees_usd == pytest.approx(fees_usd)
    assert (close.model_extra or {}).get("fees_unpriced") == unpriced


def test_an_asset_without_a_price_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 2.0, 100.0, 5.0))
    bench.step(0)
    bench.venue.updates = [closing(1, 1.0, 0.1, "BNB"), closing(2, 1.0, 0.1, "BNB")]
    bench.venue.holdings = ()
    bench.step(1)
    said = [each for each in caplog.messages if "fees in" in each]
    assert said == ["fees in BNB have no price: they are recorded as unknown in dollars"]


def test_a_price_alone_speaks_for_the_trade_before_it_and_for_no_older_one() -> None:
    markets = Markets()
    markets.turn({"BNBUSDT": Quote("BNBUSDT", at(60), 599.0, 601.0, 600.0, is_price_only=True)})
    markets.turn({**markets.now, "BTCUSDT": Quote("BTCUSDT", at(60), 99.0, 101.0, 100.0)})
    assert markets.at("BNBUSDT", at(59)) == markets.now["BNBUSDT"]
    assert markets.at("BNBUSDT", at(60) - timedelta(seconds=91)) is None
    assert markets.at("BNBUSDT", at(60) + timedelta(seconds=91)) is None
    assert markets.at("BTCUSDT", at(59)) is None


def test_a_price_alone_is_recorded_and_not_offered_to_the_strategy(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    offered: list[str] = []

    def decide(now: datetime, quotes: Mapping[str, Quote], account: Account, busy: object) -> list[Intent]:
        offered.extend(quotes)
        return []

    bench.asks.decide = decide  # type: ignore[method-assign]
    plain = bench.venue.quotes
    bnb = Quote("BNBUSDT", START, 599.0, 601.0, 600.0, is_price_only=True)
    bench.venue.quotes = lambda: {**plain(), "BNBUSDT": bnb}  # type: ignore[method-assign]
    marks = {each.symbol: each.mark_price for each in of(bench.step(0), MarkObserved)}
    assert marks["BNBUSDT"] == 600.0
    assert offered == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


@needs_ccxt
@pytest.mark.parametrize("symbols", [("BTCUSDT",), ("BTCUSDT", "ETHUSDT")])
def test_the_account_asks_what_its_fees_are_worth_once_they_are_paid_in_another_asset(
    server: Server, exchange: Exchange, symbols: tuple[str, ...]
) -> None:
    exchange.symbols = ["BNBUSDT", "BTCUSDT", "ETHUSDT"]
    venue = Fast(server, symbols)
    venue.advance(at_exchange(0))
    assert "BNBUSDT" not in venue.quotes()
    exchange.order("mine", qty="1")
    exchange.trade("mine", "1", 1.0, commission="0.001", commissionAsset="BNB")
    looks = [venue.advance(at_exchange(2 + n)) for n in range(2)]  # symbols take turns
    (told,) = [each for look in looks for each in of_kind(look, Traded)]
    assert (told.fee, told.fee_asset) == (0.001, "BNB")
    assert (venue.quotes()["BNBUSDT"].mark, venue.quotes()["BNBUSDT"].is_price_only) == (100.4, True)
    assert not venue.quotes()["BTCUSDT"].is_price_only


@needs_ccxt
def test_an_asset_that_is_not_listed_or_not_stated_is_unknown_and_stops_nothing(
    server: Server, exchange: Exchange
) -> None:
    venue = Fast(server)
    venue.advance(at_exchange(0))
    exchange.order("mine", qty="2")
    exchange.trade("mine", "1", 1.0, commissionAsset="BNB")
    exchange.trade("mine", "1", 1.5, commissionAsset="")
    told = of_kind(venue.advance(at_exchange(2)), Traded)
    assert [each.fee_asset for each in told] == ["BNB", "unknown"]
    assert list(venue.quotes()) == ["BTCUSDT"]
    assert json.dumps([each.fee for each in told]) == "[0.04, 0.04]"


def test_several_assets_of_one_order_stand_beside_its_fill(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Holding("BTCUSDT", 2.0, 100.0, 5.0))
    bench.step(0)
    first = closing(1, 1.0, 0.5, "USDT", status="PARTIALLY_FILLED")
    last = closing(1, 1.0, 0.001, "BNB", trade_id="t2")
    bench.venue.holdings, bench.venue.updates = (), [first, last]
    fills = of(bench.step(1), OrderFilled)
    assert [(each.fee_total, each.fee_asset) for each in fills] == [(0.5, "USDT"), (0.001, "BNB")]
    assert fills[-1].fees_by_asset == {"USDT": 0.5, "BNB": 0.001}
