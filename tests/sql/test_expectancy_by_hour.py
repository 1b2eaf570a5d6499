"""expectancy_by_hour: the groups of one dimension (semantics 1)."""

from tests.conftest import GivenRows, ago


def test_only_the_groups_of_this_dimension_are_listed(store: GivenRows) -> None:
    store.close("BTCUSDT", 3.0, ago(hours=1), attempt_id="a")
    store.close("BTCUSDT", -1.0, ago(hours=1), attempt_id="a")
    store.add("order_metrics", attempt_id="a", slippage_bps=2.0)
    row = store.one("expectancy_by_hour")
    assert (row["hour"], row["count"], row["expectancy"], row["max_drawdown"]) == ("11", 2, 1.0, 1.0)
