"""json_number: the number at a path; numeric strings are numbers; null where there is none."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"a": {"b": 2.5}}', 2.5),
        ('{"a": {"b": "2.5"}}', 2.5),
        ('{"a": {"b": 0}}', 0.0),
        ('{"a": {"b": null}}', None),
        ('{"a": {"b": "many"}}', None),
        ('{"a": {"b": "NaN"}}', None),
        ('{"a": {"b": "-inf"}}', None),
        ('{"a": {"b": "1e999"}}', None),
        ('{"a": {"b": 1e100}}', 1e100),
        ('{"a": {"b": -1.1e100}}', None),
        ('{"a": {"b": true}}', None),
        ('{"a": {}}', None),
    ],
)
def test_numbers_and_numeric_strings_are_read_and_nothing_else(
    store: GivenRows, document: str, expected: float | None
) -> None:
    assert store.value(f"json_number('{document}'::json, '$.a.b')") == expected


def test_a_null_document_has_no_number(store: GivenRows) -> None:
    assert store.value("json_number(null::json, '$.a')") is None
