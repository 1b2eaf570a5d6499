"""clock: the session's instant."""

from tests.conftest import AS_OF, GivenRows


def test_the_instant_is_there_as_time_as_epoch_and_as_text(store: GivenRows) -> None:
    assert store.one("clock") == {
        "as_of": AS_OF,
        "as_of_s": AS_OF.timestamp(),
        "as_of_text": "2025-06-15T12:30:00Z",
    }
