"""attempts_24h: order attempts with as_of - 24 h < ts <= as_of."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.add("order_attempts", ago(hours=24), attempt_id="edge")
    store.add("order_attempts", ago(hours=24) + timedelta(microseconds=1), attempt_id="just_inside")
    store.add("order_attempts", AS_OF, attempt_id="now")
    store.add("order_attempts", AS_OF + timedelta(seconds=1), attempt_id="later")
    assert {row["attempt_id"] for row in store.rows("attempts_24h")} == {"just_inside", "now"}
