"""compare_summary: shadow against live over the last 500 decisions (semantics 10)."""

import pytest

from tests.conftest import AS_OF, GivenRows, ago


def pair(store: GivenRows, number: int, gross_usd: float, effective: float) -> None:
    """A decision and an attempt of 100 USD that both allow; realised slippage 1 bps."""
    decision = {
        "intent": {"price": 100.0, "side": "BUY"},
        "size_decision": {"gross_usd": gross_usd},
        "router_decision": {"policy": {"maker_first": False}, "effective_px": {"taker": effective}},
    }
    ts = ago(minutes=10 + number)
    row = {"symbol": "BTCUSDT", "attempt_id": f"a{number}"}
    store.add("shadow_decisions", ts, is_allowed=True, is_heartbeat=False, decision=decision, **row)
    store.add("order_attempts", ts, qty=1.0, price_hint=100.0, **row)
    store.add("order_metrics", ts, slippage_bps=1.0, **row)


def test_size_differences_are_absolute_and_slippage_differences_signed(store: GivenRows) -> None:
    for number, (gross_usd, effective) in enumerate([(90.0, 99.9), (105.0, 100.1), (130.0, 100.0)]):
        pair(store, number, gross_usd, effective)
    store.add("shadow_decisions", symbol="ETHUSDT", is_allowed=True, is_heartbeat=False)
    row = store.one("compare_summary")
    assert (row["sample_size"], row["veto_mismatch_pct"]) == (4, 25.0)
    # |-10|, 5, 30 and -11, 9, -1; p95 lies 0.9 of the way from the second highest to the highest
    assert row["size_diff_stats"] == pytest.approx({"mean": 15.0, "p50": 10.0, "p95": 28.0}, rel=1e-9)
    assert row["slippage_diff_bps"] == pytest.approx({"mean": -1.0, "p50": -1.0, "p95": 8.0}, rel=1e-9)


def test_an_empty_sample_has_no_statistics(store: GivenRows) -> None:
    nothing = {"mean": None, "p50": None, "p95": None}
    assert store.one("compare_summary") == {
        "sample_size": 0,
        "veto_mismatch_pct": None,
        "size_diff_stats": nothing,
        "slippage_diff_bps": nothing,
        "is_warmup": True,
        "warmup_reason": "sample_size_below_min",
        "min_sample_size": 200,
    }


@pytest.mark.parametrize(("count", "is_warmup", "reason"), [(199, True, "sample_size_below_min"), (200, False, None)])
def test_below_200_decisions_it_is_warming_up(
    store: GivenRows, count: int, is_warmup: bool, reason: str | None
) -> None:
    store.connection.execute(
        "insert into shadow_decisions by name select i::varchar as event_id, ? - i * interval 1 hour as ts,"
        " ts as received_ts, i as ingest_seq, false as is_test, false as is_heartbeat, 'BTCUSDT' as symbol"
        " from range(0, ?) as steps (i)",
        [AS_OF, count],
    )
    row = store.one("compare_summary")
    assert (row["sample_size"], row["is_warmup"], row["warmup_reason"]) == (count, is_warmup, reason)
    assert row["veto_mismatch_pct"] == 0.0
