"""From lines of JSON to typed rows: one ``select`` per event type for plain lines, Python for the others.

The rules for values are in ``tape.execution.values`` only. The SQL generated here types only values in their plainest
form, where it cannot differ from these rules: plain numbers, ids and names, RFC 3339 instants, epoch seconds and
milliseconds. A line with any other value is *odd*: its row is marked, and ``read_line`` then reads the line as
``write_event`` would, or returns the reason for refusing it.

Every line is parsed once (``json_transform`` into text), and each field is cast from that text. Casting numbers to text
and back is the most expensive part. The same ``select`` therefore has a quick form, which parses numbers straight to
doubles and accepts only lines whose numbers are JSON numbers.

The SQL is built from ``events.py`` and ``logs.py`` alone; file contents are only ever data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tape.execution import values
from tape.execution.events import Event, read_fields
from tape.store.event_json import to_json
from tape.store.legacy.line_tree import ALWAYS_KNOWN, NOTHING, LineTree, Shape
from tape.store.schema import EVENT_TABLES


def typed_rows(tree: LineTree, shapes: Mapping[int, Shape], staged: str, *, with_extra: bool = True) -> str:
    """SQL: the staged lines of these shapes (raw, event_id, number of their shape, and ordinal, their order), typed.

    Besides the event's columns, the rows have ``ordinal`` and ``is_odd`` (the line is not typed here).
    ``with_extra=False`` says that the lines have no key without a column.
    """
    return " union all by name ".join(
        _TypedRows(tree, shape).select(f"{staged} where shape = {number}", with_extra=with_extra)
        for number, shape in shapes.items()
    )


def time_paths(shapes: Iterable[Shape]) -> list[str]:
    """Return the paths at which lines of these shapes may have their event time."""
    return list(dict.fromkeys(path for shape in shapes for path in shape.paths("ts")))


def with_shape_and_ts(shapes: Sequence[Shape], lines: str) -> str:
    """SQL: the lines (json, kind, and times: the texts found at ``time_paths``) with number of their shape and ts.

    Both are null if no shape fits the line.
    """
    paths = time_paths(shapes)
    number = " ".join(f"when {shape.condition} then {at}" for at, shape in enumerate(shapes))
    text = " ".join(f"when {at} then {_found(paths, shape.paths('ts'))}" for at, shape in enumerate(shapes))
    return f"""(
        select * exclude (t_ts), {_INSTANT.format(x="ts")} as ts
        from (
            select *, case shape {text} end as t_ts
            from (select *, cast(case {number} end as tinyint) as shape from {lines})
        )
    )"""


def _found(paths: list[str], wanted: Iterable[str]) -> str:
    texts = ", ".join(f"nullif(times[{paths.index(path) + 1}], '')" for path in wanted)
    return f"coalesce({texts}, null)"


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(f"({condition})" for condition in conditions) or "false"


def _paths(paths: Iterable[str]) -> str:
    return "[" + ", ".join(f"'$.{path}'" for path in paths) + "]"


class _TypedRows:
    """The typed ``select`` of one shape: text of each field -> numbers -> values -> oddness, one level of SQL each.

    Each level names what the next level uses, so that no expression is written, planned or computed twice. The line is
    parsed again only to look up the types of values that look odd, and to find keys without a column. Read as a double,
    a value that is not a number is null, or 0 or 1 if it is a flag, so only these values look odd.
    """

    def __init__(self, tree: LineTree, shape: Shape) -> None:
        self._tree = tree
        self._shape = shape
        self._kinds = shape.kinds
        self._parents = tree.own_parents(shape)
        self._reads = {place.name: place.read for place in shape.layout.places}
        self._required = {place.name for place in shape.layout.places if place.is_required}
        self._doubles = self._known_paths(name for name, kind in self._kinds.items() if tree.quick and kind is float)
        self._texts = self._known_paths(name for name, kind in self._kinds.items() if kind is str)
        self._typed_paths = [*self._parents, *self._texts, "event_id"]

    def _known_paths(self, names: Iterable[str]) -> list[str]:
        paths = (path for name in names for path in self._shape.paths(name) if self._tree.has(path))
        return list(dict.fromkeys(paths))

    def _of_kind(self, *kinds: type) -> list[str]:
        return [name for name, kind in self._kinds.items() if kind in kinds]

    def select(self, lines: str, *, with_extra: bool) -> str:
        columns = ["v_ts as ts", *(f"v_{name} as {name}" for name in self._kinds if name != "ts")]
        if self._shape.whole is not None:
            columns.append(f"cast({self._whole()} as json) as {self._shape.whole}")
        return f"""
        select
            ordinal, event_id, {", ".join(columns)},
            coalesce(t_strategy_name = 'smoke_test' or t_test_mark = 'true', false) as is_test,
            coalesce(v_received, v_ts) as received_ts,
            {self._extra()} as extra,
            {self._is_odd(with_extra=with_extra)} as is_odd
        from (
            select *, {", ".join(self._values())}, {self._types()} as types, {self._double_types()} as double_types
            from (
                select *, {", ".join(self._numbers())}, {self._emptied()} as emptied
                from (
                    select
                        ordinal, event_id, raw, {", ".join(self._fields())}, {self._has_odd_double()} as has_odd_double,
                        {self._left() if with_extra else NOTHING} as left_over,
                        {self._tree.leaf("event_id")} as t_own_id,
                        {self._tree.leaf("strategy")} as t_strategy_name,
                        {self._tree.leaf("is_test")} as t_test_mark,
                    from (select *, {self._tree.parse("raw")} as line from {lines})
                )
            )
        )"""

    def _fields(self) -> list[str]:
        fields = [f"{self._field(name, kind)} as t_{name}" for name, kind in self._kinds.items()]
        hollow = []
        for parent in self._parents:
            below = [path for path in self._shape.all_paths if path.startswith(f"{parent}.")]
            hollow.append(f"{' and '.join(f'{self._tree.leaf(path)} is null' for path in below)} as no_{parent}")
        for key, before in self._other_keys.items():
            hollow.append(f"{' and '.join(f'{self._before(path)} is null' for path in before)} as u_{key}")
        return [*fields, *hollow, f"{self._tree.text(['ts'])} as t_received"]

    def _before(self, path: str) -> str:
        return self._tree.leaf(path) if path in self._doubles else self._tree.known(path)

    def _field(self, name: str, kind: type) -> str:
        paths = self._shape.paths(name)
        if kind is float and self._tree.quick:
            return self._tree.number(paths)
        return self._tree.document(paths) if kind in (dict, list) else self._tree.text(paths)

    def _numbers(self) -> list[str]:
        numbers = self._of_kind(float, int)
        return [f"try_cast(t_{name} as double) as n_{name}" for name in numbers] or ["null as no_number"]

    def _values(self) -> list[str]:
        typed = [f"{self._value(name, kind)} as v_{name}" for name, kind in self._kinds.items()]
        received = "v_ts" if self._shape.paths("ts") == ("ts",) else _INSTANT.format(x="received")
        return [*typed, f"{received} as v_received"]

    def _value(self, name: str, kind: type) -> str:
        value = _VALUES[kind].format(x=name)
        if self._reads[name] is values.name:
            return f"upper({value})"
        return f"coalesce({value}, false)" if name == "is_heartbeat" else value

    def _types(self) -> str:
        """SQL: the JSON types of objects and texts, looked up only where a value looks odd."""
        odd = [f"no_{parent}" for parent in self._parents]
        odd += [
            f"{(_ODD_ID if self._reads[name] is values.identity else _ODD_TEXT).format(x=f't_{name}')}"
            for name in self._of_kind(str)
        ]
        odd.append(_ODD_ID.format(x="t_own_id"))
        return f"case when {_any(odd)} then json_type(raw, {_paths(self._typed_paths)}) end"

    def _has_odd_double(self) -> str:
        odd = [f"{double} is null or {double} = 0 or {double} = 1" for double in map(self._tree.double, self._doubles)]
        return " or ".join(odd) or "false"

    def _double_types(self) -> str:
        return f"case when has_odd_double then json_type(raw, {_paths(self._doubles)}) end" if self._doubles else "null"

    def _is_odd(self, *, with_extra: bool) -> str:
        """SQL: whether any value of the line is not in its plainest form."""
        odd = [
            *(f"v_{name} is null" for name in self._kinds if name in self._required),
            *(f"not (abs(n_{name}) <= {values.LARGEST})" for name in self._of_kind(float)),
            *(f"t_{name} is not null and v_{name} is null" for name in self._of_kind(int, datetime)),
            *(f"t_{name} not in ('true', 'false')" for name in [*self._of_kind(bool), "test_mark"]),
            *(f"not starts_with(t_{name}, '[')" for name in self._of_kind(list)),
            "contains(raw, '+-')",  # DuckDB reads +-1
            f"types is not null and ({self._has_odd_type()})",
        ]
        if self._shape.paths("ts") != ("ts",):
            odd.append("t_received is not null and v_received is null")
        if names := [f"t_{name}" for name in self._kinds if self._reads[name] is values.name]:
            odd.append(f"not regexp_full_match(concat({', '.join(names)}), '{_PLAIN_NAME}')")
        if self._tree.quick:
            odd.append(f"double_types is not null and ({self._has_no_number()})")
        else:
            odd += [f"t_{name} is not null and n_{name} is null" for name in self._of_kind(float)]
        odd += [_ODD_DOCUMENT.format(x=text) for text in self._documents(with_extra=with_extra)]
        return f"coalesce({_any(odd)}, false)"

    def _documents(self, *, with_extra: bool) -> list[str]:
        """SQL: the texts that are stored as JSON."""
        if self._shape.whole is not None:
            return ["raw"]
        texts = [f"t_{name}" for name in self._of_kind(dict, list) if any(map(self._tree.has, self._shape.paths(name)))]
        return [*texts, "left_over"] if with_extra else texts

    def _has_no_number(self) -> str:
        return _any(
            f"not contains('DOUBLE NULL {_INTEGERS}', double_types[{at}])" for at in range(1, len(self._doubles) + 1)
        )

    def _has_odd_type(self) -> str:
        first_text = len(self._parents) + 1
        ids = {path for name in self._of_kind(str) for path in self._shape.paths(name) if self._is_id(name)}
        odd = [f"no_{parent} and types[{at}] not in ('OBJECT', 'NULL')" for at, parent in enumerate(self._parents, 1)]
        for at, path in enumerate([*self._texts, "event_id"], first_text):
            allowed = f"VARCHAR NULL {_INTEGERS}" if path in ids or path == "event_id" else "VARCHAR NULL"
            odd.append(f"not contains('{allowed}', types[{at}])")
        return _any(odd)

    def _is_id(self, name: str) -> bool:
        return self._reads[name] is values.identity

    def _whole(self) -> str:
        return "case when t_own_id is null then raw else json_merge_patch(raw, '{\"event_id\":null}') end"

    def _left(self) -> str:
        """SQL: the line without the keys that have a column."""
        if self._shape.whole is not None:
            return NOTHING
        patch: dict[str, Any] = dict.fromkeys((*ALWAYS_KNOWN, "event_type"))
        others = self._shape.layout.other_keys
        for path in sorted(path for path in self._shape.all_paths if path not in others):
            first, _, rest = path.partition(".")
            if not rest or first not in self._parents:
                patch[first] = None
            elif patch.get(first, {}) is not None:
                patch.setdefault(first, {})[rest] = None
        return f"json_merge_patch(raw, '{json.dumps(patch)}')"

    def _emptied(self) -> str:
        """SQL: a patch that removes objects of which nothing is left, and other keys whose value counts."""
        keys = [
            f"case when json_extract_string(left_over, '$.{parent}') = '{{}}' then '\"{parent}\":null' end"
            for parent in self._parents
        ]
        keys += [f"case when u_{key} and left_over is not null then '\"{key}\":null' end" for key in self._other_keys]
        return f"'{{' || concat_ws(',', {', '.join(keys)}) || '}}'" if keys else "'{}'"

    @property
    def _other_keys(self) -> dict[str, list[str]]:
        """Return the lines' further keys for a field, each with the paths that are tried before it."""
        others: dict[str, list[str]] = {}
        for name in self._kinds:
            paths = self._shape.paths(name)
            for at, path in enumerate(paths):
                if path in self._shape.layout.other_keys and self._tree.has(path):
                    others[path] = list(paths[:at])
        return others

    def _extra(self) -> str:
        """SQL: the rest of the line; null if nothing is left."""
        return "cast(nullif(json_merge_patch(left_over, emptied), '{}') as json)"


def read_ts(shape: Shape, raw: str) -> datetime | None:
    """Read the event time of a line; ``None`` if it has none."""
    try:
        line = json.loads(raw)
        return next((found for path in shape.paths("ts") if (found := values.instant(line.get(path)))), None)
    except (ValueError, RecursionError):
        return None


def read_line(shape: Shape, raw: str) -> str:
    """Type one line as ``write_event`` would and return its columns as JSON for ``typed_lines``.

    Raises:
        EventRefused: a required field is missing, or a field has the wrong type.
    """
    line = json.loads(raw)
    fields, rest = read_fields(shape.event, line, shape.layout)
    if shape.whole is not None:
        fields[shape.whole] = {key: item for key, item in line.items() if key != "event_id"}
        rest = {}
    fields.pop("event_id", None)
    fields.setdefault("is_test", False)
    if "is_heartbeat" in shape.event.model_fields:
        fields.setdefault("is_heartbeat", False)
    try:
        received = values.instant(line.get("ts")) or fields["ts"]
    except ValueError:
        received = fields["ts"]
    return to_json({**fields, "received_ts": received, "extra": rest or None}).decode()


def typed_lines(event: type[Event], read: str) -> str:
    """SQL: rows from the results of ``read_line`` (ordinal, event_id, fields)."""
    kinds = {column.name: str(column.type) for column in EVENT_TABLES[event.table].columns}
    kinds = {name: _READ_AS.get(kind, kind) for name, kind in kinds.items() if name not in _NOT_OF_LINE}
    columns = ", ".join(f'fields."{name}" as "{name}"' for name in kinds)
    return f"""
        select ordinal, event_id, {columns}, false as is_odd
        from (select ordinal, event_id, json_transform(fields, '{json.dumps(kinds)}') as fields from {read})
    """


_NOT_OF_LINE = ("event_id", "producer", "ingest_seq")
_READ_AS = {"TIMESTAMP": "TIMESTAMPTZ"}
_EPOCH = (
    "make_timestamptz(cast(trunc({n}) * {unit} as bigint) + cast(round_even(({n} - trunc({n})) * {unit}, 0) as bigint))"
)
"""The nearest microsecond of the exact binary number, half to even."""
_DAY = "(1[6-9]|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?"
_OFFSET = "[Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]"
_PLAIN_INSTANT = f"{_DAY}([Tt ]{_TIME}({_OFFSET})?)?"
_PLAIN_EPOCH = "([0-9]{1,7}|[0-9]{9,11}|[0-9]{13})([.][0-9]+)?"
"""Seconds or milliseconds by the number of their digits; eight digits may be a date."""


def _braced(pattern: str) -> str:
    return pattern.replace("{", "{{").replace("}", "}}")


_INSTANT = (
    f"case when regexp_full_match(t_{{x}}, '{_braced(_PLAIN_INSTANT)}') then try_cast(upper(t_{{x}}) as timestamptz)"
    f" when not regexp_full_match(t_{{x}}, '{_braced(_PLAIN_EPOCH)}') then null"
    f" when try_cast(t_{{x}} as double) < 1e11 then {_EPOCH.format(n='try_cast(t_{x} as double)', unit='1e6')}"
    f" else {_EPOCH.format(n='try_cast(t_{x} as double)', unit='1e3')} end"
)
_VALUES = {
    float: "n_{x} + 0.0::double",
    int: "case when n_{x} = trunc(n_{x}) and abs(n_{x}) < 9e15 then cast(n_{x} as bigint) end",
    datetime: _INSTANT,
    bool: "t_{x} = 'true'",
    str: "t_{x}",
    list: "t_{x}",
    dict: "nullif(nullif(t_{x}, 'null'), '\"\"')",
}
_INTEGERS = "UBIGINT BIGINT HUGEINT"
"""JSON types of integers. (``in`` with a list of five would be planned as a join per column.)"""
_PLAIN_NAME = "[!-~]*"
_MAY_BE_JSON = (
    "{x} >= '[' and {x} < chr(92) or {x} >= chr(123) and {x} < '|' or {x} = 'true' or {x} = 'false' or {x} = ''"
    " or strlen({x}) < 10 and regexp_matches({x}, '(?i)^-?(nan|inf)')"
)
_ODD_ID = f"{_MAY_BE_JSON} or {{x}} >= '-' and {{x}} < ':' and regexp_matches({{x}}, '^-?[0-9]+[.e]')"
_ODD_TEXT = f"{_MAY_BE_JSON} or {{x}} >= '-' and {{x}} < ':'"
"""Text that begins with ``[`` or ``{``, or with ``-`` to ``9``, may be no text in the JSON."""
_ODD_DOCUMENT = (
    "regexp_matches({x}, '(?i)(^|[:,[])(-?(nan|inf)|-[0-9]{{19}}|[0-9]{{20}})')"
    " or len(list_filter(json_keys({x}, '$..*'), lambda names: len(names) <> len(list_distinct(names)))) > 0"
    " or len(json_keys({x})) <> len(list_distinct(json_keys({x})))"
)
"""A document with a key that is there twice, a NaN, or a whole number beyond 64 bits."""
