"""What the store's tests share: a store of the test's own with a folder of logs beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.old_logs import LogStore, fresh_store


@pytest.fixture
def imported(empty_database: Path) -> Iterator[LogStore]:
    """An empty store with an empty folder of old logs."""
    with fresh_store(empty_database) as store:
        yield store
