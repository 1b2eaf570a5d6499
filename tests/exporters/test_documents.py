"""What Firestore would refuse is mended or refused before it is sent; clocks are no content."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.exporters.documents import MAX_BYTES, DocumentRefused, digest, document, sequence, size_bytes, trim

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
KEYS = st.text("abc", min_size=1, max_size=3)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


def of(**content: Any) -> Any:
    return document("state/x", orjson.dumps({"updated_ts": 1.5, **content}))


def has_nested_list(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_nested_list, value.values()))
    return isinstance(value, list) and any(isinstance(item, list) or has_nested_list(item) for item in value)


@given(VALUES.filter(lambda value: value is None or len(repr(value)) < 2000))
def test_no_list_lies_inside_a_list(value: Any) -> None:
    try:
        raw = orjson.dumps({"updated_ts": 1, "value": value})
    except TypeError:  # a number that orjson has no name for
        return
    try:
        made = document("state/x", raw)
    except DocumentRefused as error:
        assert "levels" in str(error)  # noqa: PT017
        return
    assert not has_nested_list(made.fields)


def test_a_list_inside_a_list_becomes_a_map_by_position() -> None:
    assert of(bids=[[1, 2], [3]]).fields["bids"] == [{"0": 1, "1": 2}, {"0": 3}]


def test_the_sequence_is_the_file_s_own_instant_in_microseconds() -> None:
    assert of().seq == 1_500_000
    assert document("state/x", b'{"generated_ts": "1970-01-01T00:00:02Z"}').seq == 2_000_000


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "expected JSON"),
        (b"[]", "expected an object, found list"),
        (b"{}", "expected a clock"),
        (b'{"updated_ts": 1, "": 1}', "expected keys"),
        (b'{"updated_ts": 1, "__id__": 1}', "expected keys"),
        (b'{"updated_ts": 1, "a": ' + b'{"a": ' * 25 + b"1" + b"}" * 26, "levels"),
    ],
)
def test_what_firestore_refuses_is_refused_before_it_is_sent(raw: bytes, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message):
        document("state/x", raw)


def test_clocks_are_no_content_but_a_new_minute_of_a_series_is() -> None:
    first = {"series": [{"t": "2025-01-01T00:00:01Z", "equity": 1}], "updated_at": "a", "updated_ts": 1}
    later = {"series": [{"t": "2025-01-01T00:00:59Z", "equity": 1}], "updated_at": "b", "updated_ts": 2}
    minute = {"series": [{"t": "2025-01-01T00:01:00Z", "equity": 1}], "updated_at": "b", "updated_ts": 2}
    moved = {"series": [{"t": "2025-01-01T00:00:01Z", "equity": 2}], "updated_at": "a", "updated_ts": 1}
    assert digest(first) == digest(later)
    assert len({digest(first), digest(minute), digest(moved)}) == 3


def test_the_oldest_points_of_a_series_give_way_and_the_end_of_any_other_list() -> None:
    points = [{"t": f"{at:08}", "equity": 1.0} for at in range(30_000)]
    fields, said = trim("state/nav", {"series": points, "peak": 1.0})
    assert size_bytes(fields) <= MAX_BYTES
    assert fields["series"] == points[-len(fields["series"]) :]
    assert said == f"series: {30_000 - len(fields['series']):,} of 30,000 left out"
    fields, _ = trim("state/x", {"symbols": points})
    assert fields["symbols"] == points[: len(fields["symbols"])]


def test_a_document_that_no_list_makes_too_large_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="expected at most 1,000,000 bytes, found 1,2"):
        trim("state/x", {"text": "x" * 1_200_000, "few": [1]})


@pytest.mark.parametrize(
    ("clocks", "seq"),
    [
        ({"updated_ts": 1.0000009}, 1_000_001),
        ({"updated_ts": 1750000000.1}, 1_750_000_000_100_000),
        ({"updated_at": "1970-01-01T00:00:01.5+00:00", "generated_ts": 9}, 1_500_000),
        ({"updated_at": "1970-01-01T00:00:01"}, 1_000_000),
        ({"updated_ts": True, "ts": 2}, 2_000_000),
        ({"updated_ts": None, "updated_at": "never", "ts": 3}, 3_000_000),
    ],
)
def test_the_first_clock_that_says_an_instant_counts_to_the_nearest_microsecond(
    clocks: dict[str, Any], seq: int
) -> None:
    assert sequence("state/x", clocks) == seq


@pytest.mark.parametrize(("number", "kept"), [(2**63 - 1, int), (-(2**63), int), (2**63, float), (-(2**63) - 1, float)])
def test_a_whole_number_beyond_64_bits_is_a_float(number: int, kept: type) -> None:
    value = document("state/x", b'{"updated_ts": 1, "n": %d}' % number).fields["n"]
    assert (value, type(value)) == (kept(number), kept)
