"""rolled_before: before which instant whole minutes are read from the roll-ups."""

from datetime import timedelta

from tests.conftest import AS_OF, GivenRows


def test_it_is_the_start_of_the_sessions_minute(store: GivenRows) -> None:
    (row,) = store.rows("select rolled_before() as ts", AS_OF + timedelta(seconds=59))
    assert row["ts"] == AS_OF


def test_a_session_that_knows_only_some_rows_reads_as_far_as_it_says(store: GivenRows) -> None:
    for until, expected in ((AS_OF - timedelta(minutes=5), AS_OF - timedelta(minutes=5)), ("infinity", AS_OF)):
        store.connection.execute("set variable rolled_until = ?", [until])
        (row,) = store.rows("select rolled_before() as ts", AS_OF + timedelta(seconds=59), known_seq=5)
        assert row["ts"] == expected


def test_a_session_that_knows_only_some_rows_reads_none(store: GivenRows) -> None:
    (row,) = store.rows("select rolled_before() = '-infinity' as is_never", known_seq=5)
    assert row["is_never"] is True
