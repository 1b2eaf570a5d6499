"""reconciliation_document: the findings as they are published."""

from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import document


def test_it_counts_all_findings_and_lists_the_first_500(store: GivenRows) -> None:
    store.connection.execute(
        "insert into order_attempts by name select 'e' || i as event_id, ? as ts, ts as received_ts, i as ingest_seq,"
        " false as is_test, 'a' || i // 2 as attempt_id, 'BTCUSDT' as symbol from range(1200) as steps (i)",
        [ago(minutes=1)],
    )
    found = document(store, "reconciliation")
    assert (found["updated_ts"], found["errors"], found["warnings"]) == (AS_OF.timestamp(), 0, 600)
    assert found["checks"] == [{"check": "duplicate_attempt", "severity": "warning", "count": 600}]
    assert len(found["items"]) == 500
    assert found["items"][0] == {
        "check": "duplicate_attempt",
        "severity": "warning",
        "symbol": "BTCUSDT",
        "ref": "a0",
        "ts": ago(minutes=1).timestamp(),
        "found": 2.0,
        "expected": 1.0,
        "event_ids": ["e0", "e1"],
    }
