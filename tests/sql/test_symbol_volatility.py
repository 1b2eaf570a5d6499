"""symbol_volatility: ATR%(50), ATR%(500) and their regime (semantics 3)."""

import pytest

from tests.conftest import GivenRows
from tests.sql.conftest import add_bars


def test_with_few_bars_both_are_over_all_there_are(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0, 101.0, 99.0])
    row = store.one("symbol_volatility")
    assert (row["atr_now"], row["atr_med"]) == pytest.approx((1.5, 1.5), rel=1e-9)  # 100 * mean(1, 2) / 100
    assert (row["atr_ratio"], row["atr_regime"]) == (1.0, "normal")


def test_a_single_bar_has_no_volatility(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0])
    row = store.one("symbol_volatility")
    assert (row["atr_now"], row["atr_med"], row["atr_ratio"], row["atr_regime"]) == (None, None, None, "unknown")


def test_a_price_that_never_moves_has_an_atr_of_zero_and_no_regime(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [100.0] * 4)
    row = store.one("symbol_volatility")
    assert (row["atr_now"], row["atr_med"], row["atr_ratio"], row["atr_regime"]) == (0.0, 0.0, None, "unknown")


def test_the_last_50_bars_hold_49_moves(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [200.0] + [100.0, 101.0] * 25)
    row = store.one("symbol_volatility")
    atr_now = 100 * 1 / 100.5
    atr_med = 100 * ((100 + 49) / 50) / ((200 + 25 * 201) / 51)
    assert (row["atr_now"], row["atr_med"]) == pytest.approx((atr_now, atr_med), rel=1e-9)
    assert row["atr_ratio"] == pytest.approx(atr_now / atr_med, rel=1e-9)
    assert row["atr_regime"] == "quiet"


def test_the_last_500_bars_hold_499_moves(store: GivenRows) -> None:
    add_bars(store, "BTCUSDT", [900.0] + [100.0] * 450 + [100.0, 101.0] * 25)
    row = store.one("symbol_volatility")
    atr_med = 100 * (49 / 499) / ((475 * 100 + 25 * 101) / 500)
    assert row["atr_med"] == pytest.approx(atr_med, rel=1e-9)
    assert row["atr_regime"] == "panic"
