"""symbol_scores_document: symbol_scores_v6.json (semantics 6)."""

from tests.conftest import AS_OF, GivenRows
from tests.sql.conftest import document, record_flags


def test_scores_come_best_first_and_ties_by_symbol(store: GivenRows) -> None:
    store.universe("C_SAME", "B_SAME", "BAD", "GOOD")
    store.close("GOOD", 5.0)
    store.close("BAD", -5.0)
    found = document(store, "symbol_scores_v6")
    assert [row["symbol"] for row in found["symbols"]] == ["GOOD", "B_SAME", "C_SAME", "BAD"]
    assert found["updated_ts"] == AS_OF.timestamp()


def test_a_score_comes_with_its_components_and_inputs(store: GivenRows) -> None:
    store.close("BTCUSDT", 0.0)
    store.add("order_metrics", symbol="BTCUSDT", is_maker_final=False, slippage_bps=4.0)
    row = document(store, "symbol_scores_v6")["symbols"][0]
    assert row["components"] == {
        "expectancy": 0.35,
        "router": 0.5,
        "slippage_penalty": 0.2,
        "fee_drag_penalty": 0.0,
        "volatility_penalty": 0.0,
    }
    assert row["inputs"]["router"] == {"maker_fill_rate": 0.0, "fallback_rate": None, "slippage_p50": 4.0}
    assert row["inputs"]["expectancy"]["count"] == 1


def test_a_symbol_without_trades_has_empty_expectancy_inputs(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    assert document(store, "symbol_scores_v6")["symbols"][0]["inputs"] == {
        "expectancy": {},
        "router": {"maker_fill_rate": None, "fallback_rate": None, "slippage_p50": None},
    }


def test_with_intel_off_there_is_no_score(store: GivenRows) -> None:
    store.universe("BTCUSDT")
    record_flags(store, is_intel_on=False)
    assert document(store, "symbol_scores_v6")["symbols"] == []
