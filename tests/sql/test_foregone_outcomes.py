"""foregone_outcomes: what vetoes and missed fills cost or saved.

Its parts are vetoes_7d, veto_episodes, missed_fills, usual_costs and foregone_by_reason.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.conftest import BTC, Traded, read


def veto(traded: Traded, seconds: float, **columns: Any) -> None:
    given = {"symbol": BTC, "side": "BUY", "veto_reason": "daily_loss", "mark_price": 100.0, **columns}
    traded.store.add("vetoes", traded.at(seconds), **given)


@pytest.mark.parametrize(
    ("columns", "qty"),
    [
        ({"qty_req": 2.0, "veto_detail": {"intent": {"qty": 9}}}, 2.0),
        ({"qty_req": 0.0, "veto_detail": {"intent": {"qty": "3"}}}, 3.0),
        ({"veto_detail": {"intent": {"gross_usd": 500, "price": 100}}}, 5.0),
        ({"veto_detail": {"intent": {"gross_usd": 500}}}, None),
        ({"qty_req": 2.0, "side": None}, None),
        ({"qty_req": 2.0, "veto_detail": {"intent": {"reduceOnly": True}}}, None),
    ],
)
def test_a_veto_is_a_chance_where_side_and_quantity_are_known(
    traded: Traded, columns: dict[str, Any], qty: float | None
) -> None:
    veto(traded, 0, **columns)
    assert [row["qty"] for row in read(traded.store, "foregone_outcomes")] == ([] if qty is None else [qty])
    (every, _) = read(traded.store, "foregone_by_reason")
    assert (every["count"], every["episodes"]) == (1, 0 if qty is None else 1)


def test_a_chance_is_charged_the_usual_cost_of_going_in_and_out(traded: Traded) -> None:
    for at in range(20):
        traded.attempt(f"w{at}", at, bid_price=None, ask_price=None, mark_price=100.0)
        traded.fill(f"w{at}", at + 0.5, attempt_id=f"w{at}", avg_price=100.0, fee_total=0.1)
    veto(traded, 600, qty_req=2.0)
    veto(traded, 601, qty_req=2.0)
    traded.mark(655, 103.0)
    (row,) = read(traded.store, "foregone_outcomes")
    # 0.1 of 200 USD is 5 bps, twice on 200 USD
    assert (row["usual_cost_bps"], row["cost_usd"]) == (pytest.approx(5.0), pytest.approx(0.2))
    assert (row["gross_usd_60"], row["foregone_usd_60"]) == (6.0, pytest.approx(5.8))
    every, own = read(traded.store, "foregone_by_reason")
    assert (every["reason"], own["reason"], own["count"], own["episodes"]) == ("all", "daily_loss", 2, 1)
    assert (own["usd_60"], own["usd_300"]) == (pytest.approx(5.8), None)


def test_what_was_not_filled_is_a_chance_but_not_of_a_reducing_order(traded: Traded) -> None:
    traded.attempt("a")
    traded.metric("a", status="CANCELED")
    traded.attempt("b", reduce_only=True)
    traded.metric("b", status="CANCELED")
    traded.attempt("c")
    (row,) = read(traded.store, "foregone_outcomes")
    assert (row["source"], row["reason"], row["notional_usd"], row["cost_usd"]) == ("missed", "unfilled", 200.0, None)
