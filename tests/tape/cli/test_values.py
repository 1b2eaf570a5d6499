"""Values as they are shown: rounded by their unit, never misleading."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from tape.cli.values import Kind, Shown, compact, kind_of, lines_of, short, style_of, text_of, texts_of


def shown(unit: str | None, *values: float | None) -> list[str]:
    return texts_of(Shown("x", "number", unit), values)


@pytest.mark.parametrize(
    ("unit", "values", "texts"),
    [
        ("USD", [1234567.891, -0.5, None, 0.0], ["1,234,567.89", "-0.50", "-", "0.00"]),
        ("USD", [0.012345, 0.001], ["0.0123", "0.0010"]),
        ("bps", [13.1946, -4.05327], ["13.19", "-4.05"]),
        ("%", [12.345678], ["12.35"]),
        ("ms", [7819.924, 255.2], ["7,820", "255"]),
        ("ms", [2.5, 0.25], ["2.50", "0.25"]),
        ("0..1", [0.557137, 1.0], ["0.557", "1.000"]),
        ("1", [3.0, 12.0], ["3", "12"]),
        ("1", [1.25, None], ["1.25", "-"]),
        ("quote/base", [109_500.5, 2.0259012, 0.000123456789], ["109,500.5", "2.025901", "0.00012346"]),
        ("base units", [-563.3, 0.1, 1e-12], ["-563.3", "0.1", "0"]),
        (None, [2.0], ["2"]),
    ],
)
def test_numbers_have_the_digits_that_their_unit_asks_for(
    unit: str | None, values: list[float | None], texts: list[str]
) -> None:
    assert shown(unit, *values) == texts


@pytest.mark.parametrize("unit", ["USD", "bps", "quote/base", "1", "ms"])
def test_nothing_is_minus_zero(unit: str) -> None:
    assert not shown(unit, -0.0)[0].startswith("-")
    assert not shown(unit, -1e-12, 1000.5)[0].startswith("-")


@pytest.mark.parametrize(
    ("type_name", "column", "kind"),
    [
        ("DOUBLE", "x", "number"),
        ("DECIMAL(18,3)", "x", "number"),
        ("BIGINT", "x", "whole"),
        ("BOOLEAN", "x", "flag"),
        ("TIMESTAMP WITH TIME ZONE", "x", "instant"),
        ("DOUBLE", "updated_ts", "instant"),
        ("VARCHAR[]", "x", "list"),
        ("STRUCT(a BIGINT)[]", "x", "document"),
        ("STRUCT(a BIGINT, b VARCHAR)", "x", "document"),
        ("MAP(VARCHAR, VARCHAR)", "x", "document"),
        ("JSON", "x", "document"),
        ("VARCHAR", "x", "text"),
    ],
)
def test_types_are_shown_by_their_kind(type_name: str, column: str, kind: Kind) -> None:
    assert kind_of(type_name, column) == kind


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Shown("ts", "instant"), datetime(2025, 11, 5, 16, 8, 55, 899721, UTC), "2025-11-05 16:08:55"),
        (Shown("updated_ts", "instant"), 1762359000.0, "2025-11-05 16:10:00"),
        (Shown("day", "day"), date(2025, 11, 5), "2025-11-05"),
        (Shown("count", "whole"), 12345, "12,345"),
        (Shown("ingest_seq", "whole"), 12345, "12345"),
        (Shown("is_marked", "flag"), False, "no"),
        (Shown("tags", "list"), ["a", "b"], "a, b"),
        (Shown("tags", "list"), [], "-"),
        (Shown("rationale", "list"), ["One is so.", "Two is so."], "One is so. Two is so."),
        (Shown("x", "document"), '{"a": true, "b": [1, null]}', "a yes, b [1, -]"),
        (Shown("x", "document"), '"text"', '"text"'),
        (Shown("x", "text"), None, "-"),
    ],
)
def test_other_values_are_short(column: Shown, value: Any, text: str) -> None:
    assert text_of(column, value) == text


def test_a_document_has_a_line_for_each_entry_and_says_what_is_left_out() -> None:
    assert lines_of({"a": 1.5, "b": {"c": False}}) == "a 1.5\nb {c no}"
    assert lines_of(list(range(500)), at_most=2) == "0\n1\n... and 498 more"
    assert lines_of(["x" * 300]).endswith(" ...")
    assert compact({"ts": 1762359000.0}) == "ts 2025-11-05 16:10:00"


def test_a_head_leaves_the_unit_to_the_line_beneath() -> None:
    column = Shown("realized_pnl_usd", "number", "USD")
    assert (column.words, column.label) == (["realized", "pnl"], "USD")
    assert (Shown("qty", "number", "base units").label, Shown("count", "whole", "1").label) == ("base", "")
    assert Shown("ts", "instant").label == "UTC"


@pytest.mark.parametrize(
    ("column", "value", "style"),
    [
        (Shown("realized_pnl_usd", "number"), 1.0, "green"),
        (Shown("realized_pnl_usd", "number"), -1.0, "red"),
        (Shown("realized_pnl_usd", "number"), 0.0, ""),
        (Shown("realized_pnl_usd", "number"), None, ""),
        (Shown("slippage_bps", "number"), 5.0, ""),
        (Shown("expectancy", "number", "USD"), -0.4, "red"),
        (Shown("expectancy_component", "number", "0..1"), 0.4, ""),
        (Shown("side", "text"), "SELL", "red"),
        (Shown("quality", "text"), "degraded", "yellow"),
        (Shown("is_disabled", "flag"), True, "yellow"),
        (Shown("is_disabled", "flag"), False, ""),
        (Shown("is_marked", "flag"), False, "yellow"),
        (Shown("is_marked", "flag"), None, ""),
        (Shown("has_router", "flag"), False, ""),
        (Shown("warnings", "list"), ["high_fallback_ratio"], "yellow"),
        (Shown("warnings", "list"), [], ""),
    ],
)
def test_gains_losses_and_alarms_are_coloured(column: Shown, value: Any, style: str) -> None:
    assert style_of(column, value) == style


@pytest.mark.parametrize(
    ("unit", "values", "texts"),
    [
        ("s", [2.0, 90.0], ["2", "90"]),
        ("ms", [0.0, 0.5], ["0.000", "0.500"]),
        ("USD", [0.0, 1e-12], ["0.00000000", "0.00000000"]),
        ("fee asset", [0.000123456, 1234.5678], ["0.00012346", "1,234.6"]),
        ("base units", [0.0, 1234567.8, 12345678.9], ["0", "1,234,568", "12,345,679"]),
        ("quote/base", [100.0, 0.5], ["100", "0.5"]),
        ("%", [0.0, 99.9], ["0.00", "99.90"]),
        ("bps", [0.0012, 0.5], ["0.001", "0.500"]),
    ],
)
def test_a_column_has_the_decimals_that_its_largest_value_needs(
    unit: str, values: list[float | None], texts: list[str]
) -> None:
    assert shown(unit, *values) == texts


def test_numbers_stand_to_the_right_and_all_else_to_the_left() -> None:
    kinds: tuple[Kind, ...] = ("number", "whole", "flag", "instant", "day", "list", "document", "text")
    assert [kind for kind in kinds if Shown("x", kind).is_right] == ["number", "whole"]


def test_a_head_without_a_unit_is_the_name_and_the_label_is_empty() -> None:
    assert (Shown("executed_qty", "number").label, Shown("executed_qty", "number").words) == ("", ["executed", "qty"])
    assert Shown("read_bytes", "whole", "bytes").words == ["read"]
    assert Shown("current_policy.offset_bps", "number", "bps", "offset_now").words == ["offset", "now"]
    assert Shown("fee_total", "number", "fee asset").label == "fee asset"


@pytest.mark.parametrize(("count", "last"), [(8, "7"), (9, "... and 1 more")])
def test_a_document_is_shown_in_eight_lines(count: int, last: str) -> None:
    lines = lines_of(list(range(count))).splitlines()
    assert (len(lines), lines[-1]) == (8 + (count > 8), last)


@pytest.mark.parametrize(("length", "is_cut"), [(200, False), (201, True)])
def test_an_entry_is_cut_behind_200_characters(length: int, is_cut: bool) -> None:
    assert lines_of(["x" * length]) == "x" * 200 + " ..." * is_cut


def test_values_within_a_document_are_as_short_as_others() -> None:
    at = datetime(2025, 11, 5, 16, 10, tzinfo=UTC)
    document = {"a": None, "b": 0.123456789, "c": -0.0, "d": 1234567.891, "e": at, "f": {"ts": 0.0}, "g": [True, "x"]}
    assert compact(document) == (
        "a -, b 0.123457, c 0, d 1,234,567.89, e 2025-11-05 16:10:00, f {ts 1970-01-01 00:00:00}, g [yes, x]"
    )
    assert (compact({}), compact([]), compact("{no json"), compact("[1, 2]")) == ("-", "-", "{no json", "1, 2")


@pytest.mark.parametrize("name", ["event_id", "first_seq", "pid", "line", "number"])
def test_whole_numbers_that_count_nothing_have_no_commas(name: str) -> None:
    assert text_of(Shown(name, "whole"), 12345) == "12345"


def test_instants_are_shown_in_the_zone_of_their_column() -> None:
    zone = timezone(timedelta(hours=2))
    column = Shown("ts", "instant", zone=zone)
    assert text_of(column, datetime(2025, 11, 5, 23, 30, tzinfo=UTC)) == "2025-11-06 01:30:00"
    assert text_of(column, 0.0) == "1970-01-01 02:00:00"
    assert text_of(column, datetime(2025, 11, 5, 23, 30)) == "2025-11-05 23:30:00"
    assert column.label == "UTC+02:00"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.123456789, 6, "0.123457"),
        (999_999.4, 6, "999,999"),
        (1_000_000.0, 6, "1,000,000.00"),
        (-1_234_567.891, 6, "-1,234,567.89"),
        (-0.0, 6, "0"),
        (1_234_567.891, 10, "1,234,567.891"),
        (1e-9, 6, "1e-09"),
    ],
)
def test_a_number_of_no_known_unit_has_so_many_digits(value: float, digits: int, text: str) -> None:
    assert short(value, digits) == text
