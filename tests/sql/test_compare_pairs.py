"""compare_pairs: the last 500 shadow decisions (semantics 10)."""

from tests.conftest import AS_OF, GivenRows


def test_at_most_the_last_500_decisions_are_compared(store: GivenRows) -> None:
    store.connection.execute(
        "insert into shadow_decisions by name select i::varchar as event_id, ? - i * interval 1 hour as ts,"
        " ts as received_ts, i as ingest_seq, false as is_test, false as is_heartbeat, 'BTCUSDT' as symbol"
        " from range(0, 502) as steps (i)",
        [AS_OF],
    )
    found = {int(row["event_id"]) for row in store.rows("compare_pairs")}
    assert found == set(range(500))
