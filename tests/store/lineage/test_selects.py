"""What stands in the selects of the views."""

from __future__ import annotations

import pytest

from tape.store.lineage.selects import Ref, Select, relation
from tape.store.views.sql_files import sql_objects
from tests.conftest import GivenRows

VIEWS = [item.name for item in sql_objects() if not item.is_macro]


@pytest.mark.rows(20)
@pytest.mark.parametrize("view", VIEWS)
def test_the_columns_found_in_the_sql_are_those_the_view_has(store: GivenRows, view: str) -> None:
    described = store.connection.execute(f"describe {view}").fetchall()
    names = [str(row[0]) for row in described]
    if view == "runtime_probe_document":  # behind those of staleness stand the members of a struct
        names = [*names[:2], "unnest", *names[8:]]
    assert list(relation(view).columns) == names


def select_of(view: str) -> Select:
    (branch,) = relation(view).branches
    return branch.select


def test_a_name_means_the_source_that_has_it() -> None:
    scores = select_of("symbol_scores").sources["weighed"].branches[0].select.sources["components"].branches[0].select
    assert scores.sources["router"].view == "router_effectiveness"
    assert scores.resolve(("router", "slip_q50")) == (Ref("router", "slip_q50"), ())
    assert scores.resolve(("atr_ratio", "x")) == (Ref("symbol_volatility", "atr_ratio"), ("x",))
    assert scores.resolve(("nowhere",)) is None


def test_a_condition_goes_through_names_joins_and_where() -> None:
    by_symbol = select_of("expectancy_by_symbol")
    stats = {Ref("expectancy_stats", "key"): "BTCUSDT", Ref("expectancy_stats", "dimension"): "symbol"}
    assert by_symbol.pushed((("symbol", "BTCUSDT"),)) == stats
    health = select_of("router_health").sources["known"].branches[0].select
    pinned = health.pushed((("symbol", "BTCUSDT"),))
    assert pinned is not None
    assert pinned[Ref("symbol_returns", "symbol")] == "BTCUSDT"


def test_a_select_whose_constant_is_another_holds_no_such_row() -> None:
    members = select_of("expectancy_stats").ctes["members"].branches
    dead = [branch.select.pushed(((branch.names["dimension"], "hour"),)) is None for branch in members]
    assert dead == [True, False, True]


def test_the_columns_of_a_union_go_by_position_or_by_name() -> None:
    bars = select_of("price_bars").ctes["bars"]
    assert [branch.names["price"] for branch in bars.branches] == ["price", "price"]
    points = select_of("nav_series").ctes["points"]
    assert set(points.columns) == {"ts", "equity_usd", "nav_usd", "unrealized_pnl_usd", "realized_pnl_usd"}
