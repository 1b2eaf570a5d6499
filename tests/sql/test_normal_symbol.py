"""normal_symbol: without blanks around it, in upper case."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("' btcUSDT '", "BTCUSDT"),
        ("chr(9) || 'A' || chr(10)", "A"),
        ("'1000 PEPE'", "1000 PEPE"),
        ("'  '", None),
        ("null", None),
    ],
)
def test_a_symbol_is_trimmed_and_upper_case(store: GivenRows, name: str, symbol: str | None) -> None:
    assert store.value(f"normal_symbol({name})") == symbol
