"""expectancy_groups: the stats objects of expectancy_v6.json by dimension and key (semantics 1)."""

from tape.exporters.intel_shapes import ExpectancyStats
from tests.conftest import GivenRows, ago
from tests.sql.conftest import read


def test_each_group_has_the_whole_stats_object(store: GivenRows) -> None:
    store.close("BTCUSDT", 3.0, ago(hours=1), fees_usd=1.0)
    store.close("BTCUSDT", -1.0, ago(hours=1), fees_usd=1.0)
    groups = {(row["dimension"], row["key"]): row["stats"] for row in read(store, "expectancy_groups")}
    assert set(groups) == {("symbol", "BTCUSDT"), ("hour", "11")}
    stats = groups["symbol", "BTCUSDT"]
    assert stats.keys() == ExpectancyStats.model_fields.keys()
    assert (stats["count"], stats["expectancy"], stats["net_expectancy"], stats["max_drawdown"]) == (2, 1.0, 0.0, 1.0)
