"""least_trades: from how many trades on a mean has an interval."""

from tests.conftest import GivenRows


def test_it_is_thirty(store: GivenRows) -> None:
    assert store.value("least_trades()") == 30
