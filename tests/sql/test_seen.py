"""seen_<table>: event time up to as_of(), stored up to known_seq(), no test noise."""

from datetime import timedelta

import pytest

from tape.store.schema import EVENT_TABLES
from tests.conftest import AS_OF, GivenRows, ago

TABLES = sorted(EVENT_TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_only_what_happened_and_was_known_and_is_no_test_noise_is_seen(store: GivenRows, table: str) -> None:
    store.add(table, AS_OF, event_id="at_as_of", ingest_seq=7)
    store.add(table, ago(days=4000), event_id="long_ago", ingest_seq=1)
    store.add(table, AS_OF + timedelta(microseconds=1), event_id="after_as_of", ingest_seq=2)
    store.add(table, ago(days=1), event_id="not_known_yet", ingest_seq=8)
    store.add(table, ago(days=1), event_id="test_noise", ingest_seq=3, is_test=True)
    seen = store.rows(f"select event_id from seen_{table} order by ts", known_seq=7)
    assert [row["event_id"] for row in seen] == ["long_ago", "at_as_of"]


@pytest.mark.parametrize("table", TABLES)
def test_a_late_arrival_is_seen_by_its_event_time(store: GivenRows, table: str) -> None:
    store.add(table, AS_OF, received_ts=AS_OF + timedelta(days=1), ingest_seq=10**12)
    assert len(store.rows(f"seen_{table}")) == 1
