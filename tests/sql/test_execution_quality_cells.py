"""execution_quality_cells: cost by what attempts have in common. Its part is attempt_measures."""

from __future__ import annotations

import pytest

from tests.sql.conftest import Traded, read


def test_an_attempt_counts_once_in_every_dimension(traded: Traded) -> None:
    traded.attempt("a", strategy="trend")
    traded.fill("1", attempt_id="a", avg_price=101.0)
    traded.attempt("b", 1, symbol="ETHUSDT", bid_price=None, ask_price=None, mark_price=10.0)
    traded.metric("b", status="CANCELED", symbol="ETHUSDT")
    found = {(row["dimension"], row["key"]): row for row in read(traded.store, "execution_quality_cells")}
    assert list(found) == [
        ("all", "all"),
        ("symbol", "BTCUSDT"),
        ("symbol", "ETHUSDT"),
        ("hour", "11"),
        ("size", "100_1k"),
        ("size", "lt_100"),
        ("route", "taker"),
        ("route", "unknown"),
        ("regime", "unknown"),
        ("strategy", "trend"),
        ("strategy", "unknown"),
    ]
    every = found["all", "all"]
    assert (every["attempts"], every["filled_count"], every["unfilled_count"]) == (2, 1, 1)
    assert (every["filled_share"]["k"], every["filled_share"]["n"]) == (1, 2)
    assert every["fill_ratio"] == pytest.approx(200 / 220)
    assert (every["executed_usd"], every["shortfall_usd"]) == (202.0, 2.0)
    assert every["shortfall"]["value"] == pytest.approx(100.0)
    assert every["shortfall"]["state"] == "insufficient"
    assert found["symbol", "ETHUSDT"]["shortfall"] == {
        "value": None,
        "lo": None,
        "hi": None,
        "n": 0,
        "blocks": 0,
        "p": None,
        "p_adj": None,
        "state": "none",
    }
    assert found["symbol", "ETHUSDT"]["shortfall_usd"] is None


def test_parts_are_of_the_attempts_that_know_all_of_them_and_add_up(traded: Traded) -> None:
    quote = {"bid_price": 100.0, "ask_price": 101.0}
    for at in range(3):
        traded.attempt(f"a{at}", at * 10.0)
        traded.ack(f"{at}", at * 10.0 + 1, attempt_id=f"a{at}", **(quote if at else {}))
        traded.fill(f"{at}", at * 10.0 + 2, attempt_id=f"a{at}", avg_price=101.5, fee_total=0.5, **quote)
    parts = read(traded.store, "execution_quality_cells")[0]["parts"]
    assert parts["n"] == 2
    # per attempt of 200 USD: delay 1, timing 0, spread 2, fees 0.5
    assert [parts[name] for name in ("delay_bps", "timing_bps", "spread_bps", "fees_bps", "total_bps")] == [
        pytest.approx(value) for value in (50.0, 0.0, 100.0, 25.0, 175.0)
    ]
