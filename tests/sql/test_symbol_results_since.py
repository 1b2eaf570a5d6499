"""symbol_results_since: what was traded, earned and paid, by symbol and in all."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago


def results(store: GivenRows, *apart: str) -> dict[str, dict[str, Any]]:
    names = ", ".join(f"'{name}'" for name in apart)
    query = f"from symbol_results_since(timestamptz '2025-06-15 11:30:00+00', cast([{names}] as varchar[]))"
    rows = store.rows(query)
    assert [row["symbol"] for row in rows] == [*sorted(row["symbol"] for row in rows[:-1]), "all"]
    return {row["symbol"]: row for row in rows}


def fill(store: GivenRows, symbol: str, order_id: str, fee: float, **columns: Any) -> None:
    given = {"avg_price": 100.0, "fee_asset": "USDT", "executed_qty": 2.0, **columns}
    store.add("order_fills", ago(minutes=30), symbol=symbol, order_id=order_id, fee_total=fee, **given)


def metric(store: GivenRows, symbol: str, bps: float | None, notional_usd: float | None, **columns: Any) -> None:
    given = {"slippage_bps": bps, "notional_usd": notional_usd, **columns}
    store.add("order_metrics", ago(minutes=30), symbol=symbol, **given)


def test_the_parts_sum_to_the_total(store: GivenRows) -> None:
    fill(store, "BTCUSDT", "o1", 0.5)
    fill(store, "BTCUSDT", "o2", 0.25)
    fill(store, "ETHUSDT", "o1", 1.0)
    store.close("BTCUSDT", 10.0, ago(minutes=30), fees_usd=0.25)
    store.close("BTCUSDT", -4.0, ago(minutes=29), fees_usd=0.25)
    store.close("ETHUSDT", 2.0, ago(minutes=28), fees_usd=1.0)
    store.close("ETHUSDT", 99.0, ago(minutes=60))  # at the instant: before the span
    store.add("funding_payments", ago(minutes=10), symbol="ETHUSDT", amount_usd=-0.5)
    store.add("order_attempts", ago(minutes=31), symbol="ETHUSDT", attempt_id="a1")
    store.add("order_attempts", ago(minutes=30), symbol="ETHUSDT", attempt_id="a1")
    store.add("order_errors", ago(minutes=31), symbol="SOLUSDT")
    found = results(store)
    bitcoin, ether, everything = found["BTCUSDT"], found["ETHUSDT"], found["all"]
    assert (bitcoin["orders"], bitcoin["executed_usd"], bitcoin["fees_usd"]) == (2, 400.0, 0.75)
    assert (bitcoin["trades"], bitcoin["wins"], bitcoin["pnl_usd"]) == (2, 1, 6.0)
    assert (bitcoin["funding_usd"], bitcoin["net_usd"], bitcoin["net_per_trade_usd"]) == (None, 5.25, 2.625)
    assert (ether["attempts"], ether["funding_usd"], ether["net_usd"]) == (1, -0.5, 0.5)
    assert (found["SOLUSDT"]["errors"], found["SOLUSDT"]["trades"], found["SOLUSDT"]["net_usd"]) == (1, 0, None)
    for name in ("attempts", "errors", "orders", "executed_usd", "fees_usd", "trades", "wins", "pnl_usd", "net_usd"):
        assert everything[name] == sum(row[name] or 0 for symbol, row in found.items() if symbol != "all"), name


def test_nothing_has_counts_of_zero_and_no_sums(store: GivenRows) -> None:
    found = results(store)
    assert list(found) == ["all"]
    counted = {name: value for name, value in found["all"].items() if value is not None}
    assert counted.pop("symbol") == "all"
    assert counted.pop("trades_needed") == 30
    assert set(counted.values()) == {0}


def test_a_fee_without_a_price_leaves_the_net_unknown(store: GivenRows) -> None:
    fill(store, "BTCUSDT", "o1", 0.5)
    fill(store, "BTCUSDT", "o2", 0.5, fee_asset="BNB")
    store.close("BTCUSDT", 10.0, ago(minutes=30))
    row = results(store)["BTCUSDT"]
    assert (row["fees_usd"], row["unpriced_fees"], row["net_usd"], row["net_per_trade_usd"]) == (0.5, 1, None, None)


def test_an_interval_needs_thirty_trades(store: GivenRows) -> None:
    for at in range(29):
        store.close("BTCUSDT", 1.0 if at % 2 else 3.0, ago(minutes=30))
    assert results(store)["BTCUSDT"]["net_low_usd"] is None
    store.close("BTCUSDT", 1.0, ago(minutes=30))
    row = results(store)["BTCUSDT"]
    # 15 times 1 and 15 times 3: mean 2, std sqrt(30 / 29); t of 29 degrees 2.0453
    half = 2.0453 * (30 / 29) ** 0.5 / 30**0.5
    assert row["net_per_trade_usd"] == pytest.approx(2.0)
    assert row["net_low_usd"] == pytest.approx(2.0 - half, abs=1e-4)
    assert row["net_high_usd"] == pytest.approx(2.0 + half, abs=1e-4)


def test_fees_of_both_legs_and_funding_shift_the_interval(store: GivenRows) -> None:
    for at in range(30):
        store.close("BTCUSDT", 1.0 if at % 2 else 3.0, ago(minutes=30), fees_usd=0.1)
        fill(store, "BTCUSDT", f"open{at}", 0.2)
        fill(store, "BTCUSDT", f"close{at}", 0.1)
    store.add("funding_payments", ago(minutes=10), symbol="BTCUSDT", amount_usd=-3.0)
    row = results(store)["BTCUSDT"]
    assert row["net_per_trade_usd"] == pytest.approx(2.0 - 0.3 - 0.1)
    assert row["net_high_usd"] - row["net_per_trade_usd"] == pytest.approx(
        row["net_per_trade_usd"] - row["net_low_usd"]
    )


def test_slippage_is_weighted_by_notional_and_counts_what_tells_it(store: GivenRows) -> None:
    metric(store, "BTCUSDT", 10.0, 100.0, is_maker_final=True)
    metric(store, "BTCUSDT", 2.0, 300.0, is_maker_final=False)
    metric(store, "BTCUSDT", None, 500.0)
    metric(store, "BTCUSDT", 5.0, None)
    metric(store, "BTCUSDT", 99.0, 999.0, kind="position_close")
    row = results(store)["BTCUSDT"]
    assert (row["metrics"], row["slippage_known"], row["maker_known"], row["maker_ratio"]) == (4, 2, 2, 0.5)
    assert row["slippage_usd"] == pytest.approx(0.1 + 0.06)
    assert row["slippage_bps"] == pytest.approx(1e4 * 0.16 / 400)


def test_processes_apart_are_left_out(store: GivenRows) -> None:
    test: dict[str, Any] = {"hostname": "vps", "pid": 2}
    fill(store, "BTCUSDT", "o1", 0.5, **test)
    store.close("BTCUSDT", 10.0, ago(minutes=30), **test)
    store.add("funding_payments", ago(minutes=10), symbol="BTCUSDT", amount_usd=1.0, **test)
    store.add("order_attempts", ago(minutes=31), symbol="BTCUSDT", **test)
    store.add("order_errors", ago(minutes=31), symbol="BTCUSDT", **test)
    metric(store, "BTCUSDT", 10.0, 100.0, **test)
    assert list(results(store, "vps:2")) == ["all"]
    assert list(results(store)) == ["BTCUSDT", "all"]
