"""What a column is made of, found in the SQL."""

from __future__ import annotations

import pytest

from tape.exporters.contract import STATE_FILES, StateFile
from tape.store.lineage.rows_behind import rows_query
from tape.store.lineage.selects import Conditions
from tape.store.lineage.trace import Input, Lineage, trace
from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows, ago

BTC: Conditions = (("symbol", "BTCUSDT"),)


def traced(view: str, column: str, *path: str, entity: Conditions = ()) -> Lineage:
    return trace(view, [(column, path)], entity)


def formulas(found: Lineage) -> dict[str, str]:
    return {f"{step.view}.{step.column}": step.words for step in found.steps}


def test_a_plain_chain_ends_at_the_rows_with_their_conditions() -> None:
    found = traced("expectancy_document", "symbols", "avg_return", entity=(("key", "BTCUSDT"),))
    assert formulas(found) == {"expectancy_stats.avg_return": "avg(realized_pnl_usd order by ts, ingest_seq)"}
    pinned = (("dimension", "symbol"), ("key", "BTCUSDT"))
    assert found.inputs == [Input("expectancy_stats", pinned, ["avg_return"])]
    (rows,) = found.rows
    assert (rows.relation, rows.columns) == ("trades_48h", ["realized_pnl_usd"])


def test_conditions_go_through_joins_and_not_to_what_is_not_joined() -> None:
    found = traced("symbol_scores_document", "symbols", "score", entity=BTC)
    inputs = {each.view: each.conditions for each in found.inputs}
    assert inputs["symbol_volatility"] == inputs["router_effectiveness"] == BTC
    drawdown = traced("risk_snapshot_document", "symbols", "risk", "dd_today_pct", entity=BTC)
    inputs = {each.view: each.conditions for each in drawdown.inputs}
    assert inputs["realized_today"] == BTC
    assert inputs["nav_now"] == ()


def test_formulas_are_told_from_near_to_far() -> None:
    found = traced("symbol_scores_document", "symbols", "score", entity=BTC)
    depths = {step.column: step.depth for step in found.steps}
    assert depths["score"] == depths["expectancy_edge"] == 1
    assert depths["atr_ratio"] == depths["avg_win"] == 2
    assert found.macros["clamp"] == 1
    assert found.aliases["symbol_scores"]["router"] == "router_effectiveness"


def test_of_a_struct_only_what_lies_at_the_path_counts() -> None:
    found = traced("compare_summary_document", "size_diff_stats", "p95")
    assert formulas(found)["compare_summary.p95"] == "quantile_cont(abs(size_pct_diff), 0.95)"
    assert "slippage_diff_bps" not in {column for rows in found.rows for column in rows.columns}
    probe = traced("runtime_probe_document", "INTEL_V6_ENABLED")
    assert {column for rows in probe.rows for column in rows.columns} == {"is_intel_on"}


def test_what_a_window_looks_at_besides_are_all_rows_of_the_next_views() -> None:
    found = traced("risk_allocation_suggestions_document", "symbols", "suggested_weight", entity=BTC)
    scores = {each.conditions for each in found.inputs if each.view == "symbol_scores"}
    assert scores == {(), BTC}
    metrics = [rows for rows in found.rows if rows.relation == "router_metrics_7d"]
    assert len(metrics) == 1, "the rows of other symbols are explained with them"


def test_a_branch_of_a_union_that_cannot_hold_the_row_is_left_out() -> None:
    found = traced("expectancy_document", "hours", "count", entity=(("key", "12"),))
    assert {each.conditions for each in found.inputs} == {(("dimension", "hour"), ("key", "12"))}


def test_the_rows_of_a_highest_value_begin_with_it(store: GivenRows) -> None:
    for minutes, equity in [(9, 100.0), (7, 130.0), (5, 90.0)]:
        store.add("ticks", ago(minutes=minutes), equity_usd=equity)
    found = traced("nav_document", "drawdown_pct")
    queries = {rows.relation: rows_query(rows) for rows in found.rows}
    highest = store.rows(queries["open_nav_minutes"].first(1))
    assert [row["peak_equity_usd"] for row in highest] == [130.0]
    assert [row["equity_usd"] for row in store.rows(queries["nav_series"].first(5))] == [90.0]
    assert store.one(queries["open_nav_minutes"].count) == {"count": 3}


def test_columns_that_a_column_is_made_of_stand_beside_it() -> None:
    (rows,) = traced("positions_document", "gross_exposure_usd").rows
    assert {"notional_usd", "qty", "mark_price"} <= set(rows.columns)


@pytest.mark.rows(4)
@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_every_key_of_every_file_leads_to_rows_that_can_be_asked_for(store: GivenRows, file: StateFile) -> None:
    clocks = {"updated_ts", "updated_at", "generated_ts", "ts", "lookback_hours", "lookback_days", "min_sample_size"}
    clocks |= {"edge_days", "horizons_s"}
    for name in file.model.model_fields:
        key = file.model.model_fields[name].alias or name
        if key in clocks:
            continue
        found = traced(file.view, key)
        assert found.rows, key
        for rows in found.rows:
            query = rows_query(rows)
            # as explain asks: in a round, where what views have in common is computed once
            with open_round(store.connection, as_of=AS_OF) as reading:
                reading.answer(query.first(1)).fetchall()
                reading.answer(query.count).fetchall()


def test_quotes_in_a_condition_are_text(store: GivenRows) -> None:
    found = traced("expectancy_document", "symbols", "count", entity=(("key", "x' or 'a' = 'a"),))
    store.close("BTCUSDT", 1.0)
    assert store.one(rows_query(found.rows[0]).count) == {"count": 0}
