"""vetoes_24h: vetoes of 24 h, twins merged, also those at the edge of the window."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago

EDGE = ago(hours=24)


def veto(store: GivenRows, event_id: str, seconds_after_edge: float, position_side: str | None = None) -> None:
    ts = EDGE + timedelta(seconds=seconds_after_edge)
    row = {"symbol": "BTCUSDT", "veto_reason": "daily_loss", "position_side": position_side}
    store.add("vetoes", ts, event_id=event_id, **row)


def ids(store: GivenRows) -> set[str]:
    return {row["event_id"] for row in store.rows("vetoes_24h")}


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    veto(store, "edge", 0)
    veto(store, "inside", 0.000001)
    veto(store, "now", (AS_OF - EDGE).total_seconds())
    assert ids(store) == {"inside", "now"}


def test_a_pair_that_began_before_the_window_is_outside(store: GivenRows) -> None:
    veto(store, "raw", -0.2, "LONG")
    veto(store, "canonical", 0.2)
    assert ids(store) == set()


def test_a_pair_at_the_edge_is_matched_with_its_neighbours_before_the_edge(store: GivenRows) -> None:
    veto(store, "canonical_before", -0.2)
    veto(store, "raw_before", -0.1, "LONG")
    veto(store, "canonical_inside", 0.3)
    assert ids(store) == {"canonical_inside"}
