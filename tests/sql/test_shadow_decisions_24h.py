"""shadow_decisions_24h: decisions of 24 h; heartbeats are no decisions (semantics 10)."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_heartbeats_and_what_is_24_hours_old_are_left_out(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(hours=24), symbol="EDGE", is_heartbeat=False)
    store.add("shadow_decisions", ago(hours=24) + timedelta(microseconds=1), symbol="INSIDE", is_heartbeat=False)
    store.add("shadow_decisions", AS_OF, symbol="NOW", is_heartbeat=False)
    store.add("shadow_decisions", AS_OF, symbol="BEAT", is_heartbeat=True)
    assert {row["symbol"] for row in store.rows("shadow_decisions_24h")} == {"INSIDE", "NOW"}
