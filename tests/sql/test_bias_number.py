"""bias_number: the number of a taker bias (semantics 7)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(("label", "number"), [("prefer_maker", 0.25), ("balanced", 0.5), ("prefer_taker", 0.75)])
def test_a_label_has_one_number_and_the_number_that_label(store: GivenRows, label: str, number: float) -> None:
    assert store.value(f"bias_number('{label}')::double") == number
    assert store.value(f"bias_label({number})") == label


def test_another_word_has_no_number(store: GivenRows) -> None:
    assert store.value("bias_number('neutral')") is None
