"""as_of: the session's instant, now where none is set."""

from tests.conftest import AS_OF, GivenRows


def test_the_instant_of_the_session_counts(store: GivenRows) -> None:
    assert store.value("as_of()") == AS_OF


def test_without_an_instant_it_is_now(store: GivenRows) -> None:
    assert store.connection.execute("select as_of() = now()").fetchone() == (True,)
