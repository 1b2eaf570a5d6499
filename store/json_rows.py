"""From lines of JSON to typed rows, in SQL: one ``select`` generated per event type.

Every line is parsed once (``json_transform`` into text), each field is cast from there, and three things come out
beside the columns: ``refusal`` (the first field that is missing or wrongly typed, in words; null when the line is
good), ``extra`` (what has no column) and ``received_ts``. The casts accept what ``tape.execution.events`` accepts:
numeric strings are numbers, NaN is unknown, instants are RFC 3339 text or epoch seconds or milliseconds.

Numbers written out as text and read again are the dearest part of it, so the same ``select`` has a quick form that
parses them straight to doubles and passes a line on (``refusal`` is not null) unless it is good and each of its
numbers is a number in the JSON, too: for such lines both forms give the same values.

Nothing here comes from user input but file contents, which are only ever data: the SQL is built from ``events.py`` and
``legacy.py`` alone.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tape.execution.events import EPOCH_MS_FROM, Event, contract_paths
from tape.store.schema import python_type

_STORE_FIELDS = ("event_id", "is_test", "producer")


@dataclass(frozen=True)
class Shape:
    """How lines of one kind become rows of one event's table.

    ``kind``: their ``event_type``; ``None``: any. ``when``: further SQL over ``json``, the line, that tells them.
    ``keys``: for columns whose key is not the contract's, the paths to try in order (a true 0 or false is a value, only
    null goes on to the next). ``optional``: required fields that lines of this kind never had. ``whole``: the column
    that takes the whole line.
    """

    event: type[Event]
    kind: str | None = None
    when: str = "true"
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    whole: str | None = None

    @property
    def kinds(self) -> dict[str, type]:
        """The Python type of each field that is read from the line."""
        skipped = (*_STORE_FIELDS, self.whole)
        fields = self.event.model_fields.items()
        return {name: python_type(info.annotation) for name, info in fields if name not in skipped}

    @property
    def all_paths(self) -> list[str]:
        """Every path at which a field may stand."""
        return [path for name in self.kinds for path in self.paths(name)]

    @property
    def condition(self) -> str:
        """SQL: whether a line is of this shape."""
        return self.when if self.kind is None else f"kind = '{self.kind}' and {self.when}"

    def paths(self, name: str) -> tuple[str, ...]:
        """The paths at which a field may stand, in the order they are tried."""
        return self.keys.get(name) or contract_paths(name, self.event.model_fields[name])


class LineTree:
    """The structure that the lines of a log are parsed into: a struct of text, documents as JSON.

    A path below a document is read from the document. SQL names the parsed line ``line``. ``keys``: the keys that the
    lines have, others are not looked for; ``None``: any. ``quick``: numbers are doubles, not text.
    """

    def __init__(self, shapes: Iterable[Shape], keys: Container[str] | None = None, *, quick: bool = False) -> None:
        self.quick = quick
        self._keys = keys
        self._tree: dict[str, Any] = dict.fromkeys(("event_type", *_ALWAYS_KNOWN, "strategy"), "VARCHAR")
        for shape in shapes:
            for name, kind in shape.kinds.items():
                for path in shape.paths(name):
                    self._add(path, "JSON" if kind is dict else "DOUBLE" if quick and kind is float else "VARCHAR")

    def has(self, path: str) -> bool:
        """Whether lines may have something at a path."""
        return self._keys is None or path.split(".")[0] in self._keys

    def _add(self, path: str, kind: str) -> None:
        if not self.has(path):
            return
        *parents, leaf = path.split(".")
        node = self._tree
        for parent in parents:
            below = node.setdefault(parent, {})
            if isinstance(below, str):
                return
            node = below
        node[leaf] = kind

    @property
    def parents(self) -> list[str]:
        """The keys of objects that are parsed into their parts."""
        return [key for key, below in self._tree.items() if isinstance(below, dict)]

    @property
    def levels(self) -> str:
        """SQL: the JSON paths of the objects in which keys stand, the line itself first."""
        return ", ".join(f"'{path}'" for path in ["$", *(f"$.{parent}" for parent in self.parents)])

    def parse(self, json_text: str) -> str:
        """SQL: JSON text as a struct."""
        return f"json_transform({json_text}, '{json.dumps(self._tree)}')"

    def text(self, paths: Iterable[str]) -> str:
        """SQL: the first of the paths of ``line`` that is not null, as text; empty text is unknown."""
        return f"nullif({self.document(paths)}, '')"

    def document(self, paths: Iterable[str]) -> str:
        """SQL: the first of the paths of ``line`` that is not null, as it stands."""
        return f"coalesce({', '.join(self.leaf(path) for path in paths)}, null)"

    def number(self, paths: Iterable[str]) -> str:
        """SQL: the first of the paths of ``line`` that is not null, as a double."""
        return f"coalesce({', '.join(map(self.double, paths))}, null)"

    def double(self, path: str) -> str:
        """SQL: what is at one path of ``line``, as a double."""
        return f"try_cast({self.leaf(path)} as double)"

    def leaf(self, path: str) -> str:
        """SQL: what is at one path of ``line``."""
        if not self.has(path):
            return _NOTHING
        node: Any = self._tree
        sql, parts = "line", path.split(".")
        for depth, part in enumerate(parts):
            sql, node = f'{sql}."{part}"', node[part]
            if isinstance(node, str) and depth + 1 < len(parts):
                return f"json_extract_string({sql}, '$.{'.'.join(parts[depth + 1 :])}')"
        return sql

    def own_parents(self, shape: Shape) -> list[str]:
        """The objects that hold fields of a shape."""
        first = {path.split(".")[0] for path in shape.all_paths if "." in path}
        return [parent for parent in self.parents if parent in first]

    def knows(self, shape: Shape, names: Iterable[list[str] | None]) -> bool:
        """Whether every key has a column; ``names``: the keys of a line, level by level as in ``levels``."""
        known = {parent: set[str]() for parent in ("$", *self.parents)}
        known["$"].update(_ALWAYS_KNOWN, ("event_type",))
        for path in shape.all_paths:
            first, _, rest = path.partition(".")
            known["$"].add(first)
            if rest and first in known:
                known[first].add(rest)
        return all(known[parent].issuperset(level or ()) for parent, level in zip(known, names, strict=True))


def typed_rows(tree: LineTree, shapes: Mapping[int, Shape], staged: str, *, with_extra: bool = True) -> str:
    """SQL: the staged lines (raw, event_id, number of their shape, and ordinal, their order) of these shapes, typed.

    Besides the event's columns: ``ordinal`` and ``refusal`` (the first field that is missing or wrongly typed, in
    words; null when the line is good). ``with_extra=False``: the lines have no key without a column.
    """
    return " union all by name ".join(
        _TypedRows(tree, shape).select(f"{staged} where shape = {number}", with_extra=with_extra)
        for number, shape in shapes.items()
    )


def time_paths(shapes: Iterable[Shape]) -> list[str]:
    """The paths at which lines of these shapes may have their event time."""
    return list(dict.fromkeys(path for shape in shapes for path in shape.paths("ts")))


def with_shape_and_ts(shapes: Sequence[Shape], lines: str) -> str:
    """SQL: the lines (json, kind, and times: the texts found at ``time_paths``) with the number of their shape and ts.

    Both are null where no shape takes the line.
    """
    paths = time_paths(shapes)
    number = " ".join(f"when {shape.condition} then {at}" for at, shape in enumerate(shapes))
    text = " ".join(f"when {at} then {_found(paths, shape.paths('ts'))}" for at, shape in enumerate(shapes))
    return f"""(
        select * exclude (t_ts, n_ts), {_VALUES[datetime].format(x="ts")} as ts
        from (
            select *, try_cast(t_ts as double) as n_ts
            from (
                select *, case shape {text} end as t_ts
                from (select *, cast(case {number} end as tinyint) as shape from {lines})
            )
        )
    )"""


def _found(paths: list[str], wanted: Iterable[str]) -> str:
    texts = ", ".join(f"nullif(times[{paths.index(path) + 1}], '')" for path in wanted)
    return f"coalesce({texts}, null)"


class _Check(NamedTuple):
    """SQL: when a field is wrong, by its value and by its type in the JSON, and what is then said."""

    by_value: list[str]
    by_type: list[str]
    words: str


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(f"({condition})" for condition in conditions) or "false"


def _paths(paths: Iterable[str]) -> str:
    return "[" + ", ".join(f"'$.{path}'" for path in paths) + "]"


class _TypedRows:
    """The typed ``select`` of one shape: text of each field -> numbers -> values -> refusal, one level of SQL each.

    Each level names what the next one uses, so that no expression is written, planned or computed twice. The line is
    parsed again only for the types of values that look odd, and for what has no column. As a double, what is no number
    is null, or 0 or 1 if it is a flag, so that only those look odd.
    """

    def __init__(self, tree: LineTree, shape: Shape) -> None:
        self._tree = tree
        self._shape = shape
        self._kinds = shape.kinds
        self._parents = tree.own_parents(shape)
        texts = [shape.paths(name)[0] for name, kind in self._kinds.items() if kind is str]
        self._doubles = [
            path
            for name, kind in self._kinds.items()
            if tree.quick and kind is float
            for path in shape.paths(name)
            if tree.has(path)
        ]
        self._typed_paths = [*self._parents, *texts]

    def select(self, lines: str, *, with_extra: bool) -> str:
        values = ["v_ts as ts", *(f"v_{name} as {name}" for name in self._kinds if name != "ts")]
        if self._shape.whole is not None:
            values.append(f"cast({self._whole()} as json) as {self._shape.whole}")
        return f"""
        select
            ordinal, event_id, {", ".join(values)},
            coalesce(t_strategy_name = 'smoke_test' or t_test_mark = 'true', false) as is_test,
            coalesce(v_received, v_ts) as received_ts,
            {self._extra()} as extra,
            {self._refusal()} as refusal
        from (
            select *, {", ".join(self._values())}, {self._types()} as types, {self._double_types()} as double_types
            from (
                select *, {", ".join(self._numbers())}, {self._emptied()} as emptied
                from (
                    select
                        ordinal, event_id, raw, {", ".join(self._texts())}, {self._has_odd_double()} as has_odd_double,
                        {self._left() if with_extra else _NOTHING} as left_over,
                        {self._tree.leaf("event_id")} as t_own_id,
                        {self._tree.leaf("strategy")} as t_strategy_name,
                        {self._tree.leaf("is_test")} as t_test_mark,
                    from (select *, {self._tree.parse("raw")} as line from {lines})
                )
            )
        )"""

    def _texts(self) -> list[str]:
        texts = [f"{self._text(name, kind)} as t_{name}" for name, kind in self._kinds.items()]
        hollow = []
        for parent in self._parents:
            below = [path for path in self._shape.all_paths if path.startswith(f"{parent}.")]
            hollow.append(f"{' and '.join(f'{self._tree.leaf(path)} is null' for path in below)} as no_{parent}")
        return [*texts, *hollow, f"{self._tree.text(['ts'])} as t_received"]

    def _text(self, name: str, kind: type) -> str:
        paths = self._shape.paths(name)
        if kind is float and self._tree.quick:
            return self._tree.number(paths)
        return self._tree.document(paths) if kind is dict else self._tree.text(paths)

    def _numbers(self) -> list[str]:
        names = [name for name, kind in self._kinds.items() if kind in (float, int, datetime)]
        return [f"try_cast(t_{name} as double) as n_{name}" for name in [*names, "received"]]

    def _values(self) -> list[str]:
        values = [f"{_value(name, kind)} as v_{name}" for name, kind in self._kinds.items()]
        received = "v_ts" if self._shape.paths("ts") == ("ts",) else _VALUES[datetime].format(x="received")
        return [*values, f"{received} as v_received"]

    def _types(self) -> str:
        """SQL: the JSON types of objects and texts, looked up only where a value looks odd."""
        odd = [f"no_{parent}" for parent in self._parents]
        odd += [
            f"{(_ODD_ID if name.endswith('_id') else _ODD_TEXT).format(x=name)}"
            f" or t_{name} = 'true' or t_{name} = 'false'"
            for name, kind in self._kinds.items()
            if kind is str
        ]
        return f"case when {' or '.join(odd)} then json_type(raw, {_paths(self._typed_paths)}) end" if odd else "null"

    def _has_odd_double(self) -> str:
        odd = [f"{double} is null or {double} = 0 or {double} = 1" for double in map(self._tree.double, self._doubles)]
        return " or ".join(odd) or "false"

    def _double_types(self) -> str:
        return f"case when has_odd_double then json_type(raw, {_paths(self._doubles)}) end" if self._doubles else "null"

    def _refusal(self) -> str:
        """SQL: the first field that is wrong; first asked is whether there is one, then which."""
        checks = [
            _Check(
                [],
                [f"no_{parent} and types[{at}] not in ('OBJECT', 'NULL')"],
                f"'{parent}: expected an object, found ' || lower(types[{at}])",
            )
            for at, parent in enumerate(self._parents, 1)
        ]
        checks += [self._check(name) for name in self._kinds]
        wrong = [
            *(wrong for check in checks for wrong in check.by_value),
            f"types is not null and ({_any(wrong for check in checks for wrong in check.by_type)})",
        ]
        if self._tree.quick:
            wrong.append(f"double_types is not null and ({self._has_no_number()})")
            return f"case when {_any(wrong)} then {_PASSED_ON} end"
        first = [f"case when {_any([*by_value, *by_type])} then {words} end" for by_value, by_type, words in checks]
        return f"case when {_any(wrong)} then coalesce({', '.join(first)}, null) end"

    def _has_no_number(self) -> str:
        return _any(
            f"not contains('DOUBLE NULL {_INTEGERS}', double_types[{at}])" for at in range(1, len(self._doubles) + 1)
        )

    def _check(self, name: str) -> _Check:
        kind, path, is_id = self._kinds[name], self._shape.paths(name)[0], name.endswith("_id")
        by_value, by_type = [], []
        if self._shape.event.model_fields[name].is_required() and name not in self._shape.optional:
            by_value.append(f"v_{name} is null")
        elif kind is float:
            by_value.append(f"t_{name} is not null and n_{name} is null")
        elif kind is bool:
            by_value.append(f"v_{name} is null and lower(t_{name}) not in ('none', 'null')")
        elif kind not in (dict, str):
            by_value.append(f"t_{name} is not null and v_{name} is null")
        if kind is str:
            allowed = f"VARCHAR NULL {_INTEGERS if is_id else ''}"
            by_type.append(f"not contains('{allowed}', types[{self._typed_paths.index(path) + 1}])")
        wanted = "an id" if is_id else _WORDS[kind]
        found = f"coalesce(chr(39) || left(t_{name}, 60) || chr(39), 'nothing')"
        return _Check(by_value, by_type, f"'{path}: expected {wanted}, found ' || {found}")

    def _whole(self) -> str:
        return "case when t_own_id is null then raw else json_merge_patch(raw, '{\"event_id\":null}') end"

    def _left(self) -> str:
        """SQL: the line without what has a column."""
        if self._shape.whole is not None:
            return _NOTHING
        patch: dict[str, Any] = dict.fromkeys((*_ALWAYS_KNOWN, "event_type"))
        for path in sorted(self._shape.all_paths):
            first, _, rest = path.partition(".")
            if not rest or first not in self._parents:
                patch[first] = None
            elif patch.get(first, {}) is not None:
                patch.setdefault(first, {})[rest] = None
        return f"json_merge_patch(raw, '{json.dumps(patch)}')"

    def _emptied(self) -> str:
        """SQL: a patch that takes out the objects of which nothing is left."""
        keys = [
            f"case when json_extract_string(left_over, '$.{parent}') = '{{}}' then '\"{parent}\":null' end"
            for parent in self._parents
        ]
        return f"'{{' || concat_ws(',', {', '.join(keys)}) || '}}'" if keys else "'{}'"

    def _extra(self) -> str:
        """SQL: what is left of the line; null when that is nothing."""
        return "cast(nullif(json_merge_patch(left_over, emptied), '{}') as json)"


def _value(name: str, kind: type) -> str:
    value = _VALUES[kind].format(x=name)
    if name == "symbol":
        return f"upper({value})"
    return f"coalesce({value}, false)" if name == "is_heartbeat" else value


_ALWAYS_KNOWN = ("event_id", "ts", "is_test")
_NOTHING = "cast(null as varchar)"
_FINITE = "case when isfinite(n_{x}) then n_{x} end"
_EPOCH = (
    "make_timestamptz(cast(trunc(n_{{x}}) * {unit} as bigint)"
    " + cast(round_even((n_{{x}} - trunc(n_{{x}})) * {unit}, 0) as bigint))"
)
"""The nearest microsecond of the exact binary number, half to even, as ``datetime.fromtimestamp`` does it."""
_VALUES = {
    float: _FINITE,
    int: "case when isfinite(n_{x}) and n_{x} = trunc(n_{x}) then try_cast(n_{x} as bigint) end",
    datetime: (
        "case when n_{x} is null then case when regexp_matches(t_{x}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([Tt ]|$)')"
        " then try_cast(upper(t_{x}) as timestamptz) end"
        f" when abs(n_{{x}}) < {EPOCH_MS_FROM} then {_EPOCH.format(unit='1e6')}"
        f" when abs(n_{{x}}) < 1e14 then {_EPOCH.format(unit='1e3')} end"
    ),
    bool: (
        "case when t_{x} = 'true' then true when t_{x} = 'false' then false"
        " when regexp_full_match(t_{x}, '(?i)true|1|yes|on|t|y') then true"
        " when regexp_full_match(t_{x}, '(?i)false|0|no|off|f|n') then false end"
    ),
    str: "t_{x}",
    list: "case when t_{x}[1] = '[' then try_cast(t_{x} as json) end",
    dict: "nullif(t_{x}, 'null')",
}
_WORDS = {
    float: "a number",
    int: "a whole number",
    datetime: "an instant",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "a document",
}
_INTEGERS = "UBIGINT BIGINT HUGEINT"
"""JSON types of integers. (``in`` with a list of five would be planned as a join per column.)"""
_ODD_ID = "t_{x} >= '[' and t_{x} < chr(92) or t_{x} >= chr(123) and t_{x} < '|'"
_ODD_TEXT = f"{_ODD_ID} or t_{{x}} >= '-' and t_{{x}} < ':'"
"""Text that begins with ``[`` or ``{``, or with ``-`` to ``9``, may be no text in the JSON."""
_PASSED_ON = "'not for the quick form'"
