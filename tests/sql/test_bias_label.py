"""bias_label: <=0.35 prefer_maker, >=0.65 prefer_taker, else balanced (semantics 7)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("bias", "label"),
    [
        ("0", "prefer_maker"),
        ("0.35", "prefer_maker"),
        ("0.351", "balanced"),
        ("0.649", "balanced"),
        ("0.65", "prefer_taker"),
        ("1", "prefer_taker"),
    ],
)
def test_bounds_belong_to_the_preferences(store: GivenRows, bias: str, label: str) -> None:
    assert store.value(f"bias_label({bias}::double)") == label
