"""trades_48h: the expectancy window, as_of - 48 h < ts <= as_of (semantics 1)."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows, ago


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store: GivenRows) -> None:
    store.close("EDGE", 1.0, ago(hours=48))
    store.close("INSIDE", 1.0, ago(hours=48) + timedelta(microseconds=1))
    store.close("NOW", 1.0, AS_OF)
    store.close("LATER", 1.0, AS_OF + timedelta(microseconds=1))
    assert {row["symbol"] for row in store.rows("trades_48h")} == {"INSIDE", "NOW"}
