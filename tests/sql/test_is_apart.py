"""is_apart: whether an event is of a process that is left out."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(("apart", "expected"), [("['vps:1', 'vps:2']", True), ("['vps:1']", False), ("[]", False)])
def test_a_process_is_left_out_by_its_name(store: GivenRows, apart: str, *, expected: bool) -> None:
    assert store.value(f"is_apart(cast({apart} as varchar[]), 'vps', 2)") is expected
