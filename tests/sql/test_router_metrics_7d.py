"""router_metrics_7d: router metrics with as_of - 7 d < ts <= as_of."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.add("order_metrics", ago(days=7), symbol="EDGE")
    store.add("order_metrics", ago(days=7) + timedelta(microseconds=1), symbol="INSIDE")
    store.add("order_metrics", AS_OF, symbol="NOW")
    store.add("order_metrics", AS_OF, symbol="CLOSE", kind="position_close")
    store.add("order_metrics", AS_OF)
    assert {row["symbol"] for row in store.rows("router_metrics_7d")} == {"INSIDE", "NOW"}
