"""process_of: which process recorded an event."""

from tests.conftest import GivenRows


def test_it_is_host_and_pid(store: GivenRows) -> None:
    assert store.value("process_of('vps', 17)") == "vps:17"


def test_what_is_not_known_is_left_empty(store: GivenRows) -> None:
    assert store.value("process_of(null, 17)") == ":17"
    assert store.value("process_of(null, null)") == ":"
