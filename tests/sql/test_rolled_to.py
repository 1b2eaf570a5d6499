"""rolled_to: up to which instant whole minutes are read from a roll-up."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import AS_OF, GivenRows, ago


def rolled_to(store: GivenRows, last_minute: str, as_of: datetime = AS_OF, known_seq: int | None = None) -> object:
    """The instant; null: whole minutes are read at no time (before all of it)."""
    (row,) = store.rows(f"select nullif(rolled_to({last_minute}), '-infinity') as ts", as_of, known_seq)
    return row["ts"]


def minute(ts: datetime) -> str:
    return f"timestamptz '{ts.isoformat()}'"


def test_it_is_the_end_of_the_last_minute(store: GivenRows) -> None:
    assert rolled_to(store, minute(ago(minutes=5))) == ago(minutes=4)


@pytest.mark.parametrize("into", [timedelta(0), timedelta(microseconds=1), timedelta(seconds=59.999999)])
def test_it_is_the_sessions_own_minute_where_that_is_earlier(store: GivenRows, into: timedelta) -> None:
    assert rolled_to(store, minute(AS_OF), AS_OF + into) == AS_OF
    assert rolled_to(store, minute(AS_OF + timedelta(days=300)), AS_OF + into) == AS_OF


def test_an_empty_roll_up_has_no_whole_minutes(store: GivenRows) -> None:
    assert rolled_to(store, "cast(null as timestamptz)") is None


def test_a_session_that_knows_only_some_rows_reads_no_whole_minutes(store: GivenRows) -> None:
    assert rolled_to(store, minute(ago(minutes=5)), known_seq=10) is None


def test_the_first_minute_of_time_is_no_exception(store: GivenRows) -> None:
    epoch = datetime.fromtimestamp(0, UTC)
    assert rolled_to(store, minute(epoch)) == epoch + timedelta(minutes=1)
