"""edge: what a closed trade brought, with fees and funding. Its parts are closes_37d and funding_37d."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import AS_OF
from tests.sql.conftest import BTC, Traded, read


def test_fees_and_funding_count_against_the_closes_of_their_symbol(traded: Traded) -> None:
    traded.store.close(BTC, 10.0, AS_OF - timedelta(days=29), strategy="trend")
    traded.store.close(BTC, -4.0, AS_OF - timedelta(days=2))
    traded.store.close("ETHUSDT", 99.0, AS_OF - timedelta(days=31))
    traded.fill("1", attempt_id=None, fee_total=1.0, strategy="trend")
    traded.fill("2", attempt_id=None, fee_total=1.0, fee_asset="BNB")
    traded.store.add("funding_payments", traded.at(0), symbol=BTC, amount_usd=-0.5)
    found = {(row["dimension"], row["key"]): row for row in read(traded.store, "edge")}
    assert list(found) == [("all", "all"), ("symbol", BTC), ("strategy", "trend"), ("strategy", "unknown")]
    every = found["all", "all"]
    assert (every["expectancy_usd"]["value"], every["net_expectancy_usd"]["value"]) == (3.0, 2.25)
    assert (every["net_usd"], every["unpriced_fees"], every["hit_rate"]["rate"]) == (4.5, 1, 0.5)
    assert (every["net_expectancy_usd"]["n"], every["net_expectancy_usd"]["blocks"]) == (2, 3)
    assert (found["strategy", "trend"]["net_usd"], found["strategy", "unknown"]["net_usd"]) == (9.0, -4.0)


def test_an_interval_of_thirty_trades_in_thirty_blocks(traded: Traded) -> None:
    for at in range(30):
        traded.store.close(BTC, 1.0 + 2.0 * (at % 2), AS_OF - timedelta(minutes=10 * at))
    found = read(traded.store, "edge")[0]["expectancy_usd"]
    # all 30 values are 1 from their mean of 2: standard error sqrt(30 / 29 * 30) / 30
    assert (found["value"], found["state"]) == (2.0, "ok")
    assert found["hi"] - found["value"] == pytest.approx(2.0452 * (30 / 29 * 30) ** 0.5 / 30, rel=1e-4)
