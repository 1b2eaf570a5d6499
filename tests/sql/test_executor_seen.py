"""executor_seen: when the executor was last heard of, its ticks aside (semantics: stopped inputs)."""

import pytest

from tests.conftest import GivenRows, ago
from tests.sql.conftest import record_flags


@pytest.mark.parametrize(
    "table",
    [
        "order_attempts",
        "order_acks",
        "order_fills",
        "order_closes",
        "order_errors",
        "order_metrics",
        "vetoes",
        "positions",
    ],
)
def test_whatever_it_records_is_a_sign_of_it(store: GivenRows, table: str) -> None:
    store.add("order_acks", ago(hours=2), symbol="ETHUSDT")
    store.add(table, ago(hours=1), symbol="BTCUSDT")
    assert store.one("executor_seen") == {"ts": ago(hours=1)}


def test_flags_are_a_sign_of_it(store: GivenRows) -> None:
    record_flags(store, ago(minutes=5))
    assert store.one("executor_seen") == {"ts": ago(minutes=5)}


def test_of_the_heartbeats_its_own_are(store: GivenRows) -> None:
    store.add("heartbeats", ago(minutes=3), service="executor")
    store.add("heartbeats", ago(minutes=2), service="Executor_Live")
    store.add("heartbeats", ago(minutes=1), service="sync_state")
    assert store.one("executor_seen") == {"ts": ago(minutes=2)}


def test_positions_of_a_tick_are_its_tick(store: GivenRows) -> None:
    store.add("positions", ago(minutes=1), symbol="BTCUSDT", tick_id="t1")
    assert store.one("executor_seen") == {"ts": None}
