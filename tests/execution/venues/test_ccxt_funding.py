"""Funding of a real account is told once, also that of a time when nobody asked; a failure of it stops nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tape.execution.venues.venue import FundingPaid, Transferred
from tests.execution.venues.test_ccxt import NOON_MS, Exchange, Fast, Server, at, needs_ccxt, of_kind
from tests.execution.venues.test_ccxt import exchange as exchange
from tests.execution.venues.test_ccxt import server as server

pytestmark = needs_ccxt


@pytest.fixture
def income(exchange: Exchange) -> list[dict[str, Any]]:
    """What the exchange lists as income."""
    rows: list[dict[str, Any]] = []
    plain = exchange.answer

    def answer(method: str, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path.endswith("v1/income"):
            kind, since = asked["incomeType"], int(asked["startTime"])
            return 200, [row for row in rows if row["incomeType"] == kind and row["time"] >= since]
        return plain(method, path, asked)

    exchange.answer = answer  # type: ignore[method-assign]
    return rows


def paid(number: int, symbol: str, amount: str, seconds: float, asset: str = "USDT") -> dict[str, Any]:
    row = {"symbol": symbol, "incomeType": "FUNDING_FEE", "income": amount, "asset": asset, "tranId": number}
    return row | {"time": NOON_MS + int(seconds * 1000)}


def test_funding_of_both_sides_and_of_two_symbols_in_one_instant_is_told_once(
    server: Server, exchange: Exchange, income: list[dict[str, Any]]
) -> None:
    venue = Fast(server)
    assert of_kind(venue.advance(at(0)), FundingPaid) == []
    income += [paid(1, "BTCUSDT", "-0.5", 60), paid(2, "BTCUSDT", "0.25", 60), paid(2, "ETHUSDT", "0.125", 60)]
    assert of_kind(venue.advance(at(100)), FundingPaid) == []  # not asked for yet
    assert of_kind(venue.advance(at(301)), FundingPaid) == [
        FundingPaid("BTCUSDT", at(60), -0.5),
        FundingPaid("BTCUSDT", at(60), 0.25),
        FundingPaid("ETHUSDT", at(60), 0.125),
    ]
    income.append(paid(3, "BTCUSDT", "-0.5", 60))  # listed late, at the same instant
    assert of_kind(venue.advance(at(602)), FundingPaid) == [FundingPaid("BTCUSDT", at(60), -0.5)]
    assert of_kind(venue.advance(at(903)), FundingPaid) == []


def test_funding_while_nobody_asked_is_told_by_the_next_venue_once(
    server: Server, exchange: Exchange, income: list[dict[str, Any]]
) -> None:
    income.append(paid(1, "BTCUSDT", "-0.5", 10))
    first = Fast(server)
    assert len(of_kind(first.advance(at(20)), FundingPaid)) == 1
    income.append(paid(2, "BTCUSDT", "-0.75", 500))
    progress = first.progress()
    assert progress is not None
    second = Fast(server)
    second.restore(progress)
    assert of_kind(second.advance(at(1000)), FundingPaid) == [FundingPaid("BTCUSDT", at(500), -0.75)]
    assert of_kind(second.advance(at(1400)), FundingPaid) == []


def moved(number: int, amount: str, seconds: float, asset: str = "USDT") -> dict[str, Any]:
    return paid(number, "", amount, seconds, asset) | {"incomeType": "TRANSFER"}


def test_a_transfer_is_told_once_and_with_the_first_account_that_shows_it(
    server: Server, exchange: Exchange, income: list[dict[str, Any]]
) -> None:
    venue = Fast(server)
    before = exchange.account["totalWalletBalance"]
    assert of_kind(venue.advance(at(0)), Transferred) == []
    income += [moved(7, "-600", 5), moved(8, "2", 5, "XYZ")]
    exchange.account["totalWalletBalance"] = str(float(before) - 600)
    assert of_kind(venue.advance(at(6)), Transferred) == [
        Transferred("7 USDT", at(5), "USDT", -600.0, -600.0, "internal")
    ]
    assert venue.account().wallet_usd == float(before) - 600
    progress = venue.progress()
    assert progress is not None
    second = Fast(server)
    second.restore(progress)
    income.append(moved(9, "1.5", 60, "USDC"))
    assert of_kind(second.advance(at(100)), Transferred) == [
        Transferred("9 USDC", at(60), "USDC", 1.5, 1.5, "internal")
    ]


def test_funding_in_an_asset_without_a_price_is_said(
    server: Server, exchange: Exchange, income: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    income.append(paid(1, "BTCUSDT", "-0.5", 10, "XYZ"))
    venue = Fast(server)
    assert of_kind(venue.advance(at(20)), FundingPaid) == []
    venue.advance(at(400))
    assert [each for each in caplog.messages if "funding" in each] == [
        "binanceusdm: funding 1 BTCUSDT of -0.5 XYZ has no price: it is left out"
    ]


def test_an_account_whose_funding_cannot_be_read_goes_on(
    server: Server, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    venue = Fast(server)
    venue.advance(at(0))
    venue.advance(at(400))
    assert venue.account().equity_usd == 990.25
    assert len([each for each in caplog.messages if "funding cannot be read at present" in each]) == 1
