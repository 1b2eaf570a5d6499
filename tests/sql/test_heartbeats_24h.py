"""heartbeats_24h: heartbeats with as_of - 24 h < ts <= as_of."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.add("heartbeats", ago(hours=24), service="edge")
    store.add("heartbeats", ago(hours=24) + timedelta(microseconds=1), service="just_inside")
    store.add("heartbeats", AS_OF, service="now")
    assert {row["service"] for row in store.rows("heartbeats_24h")} == {"just_inside", "now"}
