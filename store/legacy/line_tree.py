"""The shapes of log lines, and the structure that lines are parsed into: under which keys each field may be found.

A shape is declared in ``logs.py``, with the log whose lines have it. The tree combines all shapes of a log, so that
each line is parsed only once.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tape.execution.events import Event, Layout, layout_of
from tape.store.schema import python_type

ALWAYS_KNOWN = ("event_id", "ts", "is_test")
"""Keys that every line may have, whatever its event."""
NOTHING = "cast(null as varchar)"
"""SQL: what is not there."""
_STORE_FIELDS = ("event_id", "is_test", "producer")


@dataclass(frozen=True)
class Shape:
    """How lines of one kind become rows of one event's table.

    ``kind`` is the ``event_type`` of the lines; ``None`` means any. ``when`` is a further SQL condition on ``json``,
    the line. ``keys`` lists, for columns whose key differs from the contract's, the paths to try in order (0 and false
    are values; only null tries the next path). ``optional`` names required fields that lines of this kind never had.
    ``whole`` is the column that takes the whole line.
    """

    event: type[Event]
    kind: str | None = None
    when: str = "true"
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    whole: str | None = None

    @cached_property
    def layout(self) -> Layout:
        """For each field, the paths at which it is found and how it is read."""
        return layout_of(self.event, self.keys, self.optional, ("producer", *([self.whole] if self.whole else [])))

    @property
    def kinds(self) -> dict[str, type]:
        """Return the Python type of each field that is read from the line."""
        skipped = (*_STORE_FIELDS, self.whole)
        fields = self.event.model_fields.items()
        return {name: python_type(info.annotation) for name, info in fields if name not in skipped}

    @property
    def all_paths(self) -> list[str]:
        """Return every path at which a field may be found."""
        return [path for name in self.kinds for path in self.paths(name)]

    @property
    def condition(self) -> str:
        """SQL: whether a line has this shape."""
        return self.when if self.kind is None else f"kind = '{self.kind}' and {self.when}"

    def paths(self, name: str) -> tuple[str, ...]:
        """Return the paths at which a field may be found, in the order in which they are tried."""
        return self._paths[name]

    @cached_property
    def _paths(self) -> dict[str, tuple[str, ...]]:
        return {place.name: tuple(".".join(path) for path in place.paths) for place in self.layout.places}


class LineTree:
    """The structure that the lines of a log are parsed into: a struct of text, documents as JSON.

    A path below a document is read from the document. SQL names the parsed line ``line``. ``keys`` are the keys that
    the lines have; other keys are not looked for; ``None`` means any. ``quick``: numbers are parsed as doubles, not as
    text.
    """

    def __init__(self, shapes: Iterable[Shape], keys: Container[str] | None = None, *, quick: bool = False) -> None:
        self.quick = quick
        self._keys = keys
        self._tree: dict[str, Any] = dict.fromkeys(("event_type", *ALWAYS_KNOWN, "strategy"), "VARCHAR")
        for shape in shapes:
            for name, kind in shape.kinds.items():
                for path in shape.paths(name):
                    self._add(
                        path, "JSON" if kind in (dict, list) else "DOUBLE" if quick and kind is float else "VARCHAR"
                    )

    def has(self, path: str) -> bool:
        """Return whether lines may have a value at a path."""
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
        """Return the keys of objects that are parsed into their parts."""
        return [key for key, below in self._tree.items() if isinstance(below, dict)]

    @property
    def levels(self) -> str:
        """SQL: the JSON paths of the objects that hold keys, the line itself first."""
        return ", ".join(f"'{path}'" for path in ["$", *(f"$.{parent}" for parent in self.parents)])

    def parse(self, json_text: str) -> str:
        """SQL: JSON text as a struct."""
        return f"json_transform({json_text}, '{json.dumps(self._tree)}')"

    def text(self, paths: Iterable[str]) -> str:
        """SQL: the first known value among the paths of ``line``, as text; empty text is unknown."""
        return f"coalesce({', '.join(self.known(path) for path in paths)}, null)"

    def known(self, path: str) -> str:
        """SQL: the value at one path of ``line``; null if it is empty text."""
        return f"nullif({self.leaf(path)}, '')"

    def document(self, paths: Iterable[str]) -> str:
        """SQL: the first value among the paths of ``line`` that is not null, unchanged."""
        return f"coalesce({', '.join(self.leaf(path) for path in paths)}, null)"

    def number(self, paths: Iterable[str]) -> str:
        """SQL: the first value among the paths of ``line`` that is not null, as a double."""
        return f"coalesce({', '.join(map(self.double, paths))}, null)"

    def double(self, path: str) -> str:
        """SQL: the value at one path of ``line``, as a double."""
        return f"try_cast({self.leaf(path)} as double)"

    def leaf(self, path: str) -> str:
        """SQL: the value at one path of ``line``."""
        if not self.has(path):
            return NOTHING
        node: Any = self._tree
        sql, parts = "line", path.split(".")
        for depth, part in enumerate(parts):
            sql, node = f'{sql}."{part}"', node[part]
            if isinstance(node, str) and depth + 1 < len(parts):
                return f"json_extract_string({sql}, '$.{'.'.join(parts[depth + 1 :])}')"
        return sql

    def own_parents(self, shape: Shape) -> list[str]:
        """Return the objects that hold fields of a shape."""
        first = {path.split(".")[0] for path in shape.all_paths if "." in path}
        return [parent for parent in self.parents if parent in first]

    def knows(self, shape: Shape, names: Iterable[list[str] | None]) -> bool:
        """Return whether every key has a column; ``names``: the keys of a line, level by level as in ``levels``."""
        known = {parent: set[str]() for parent in ("$", *self.parents)}
        known["$"].update(ALWAYS_KNOWN, ("event_type",))
        for path in shape.all_paths:
            if path in shape.layout.other_keys:
                continue  # kept where the first key of its field has a value, too
            first, _, rest = path.partition(".")
            known["$"].add(first)
            if rest and first in known:
                known[first].add(rest)
        return all(known[parent].issuperset(level or ()) for parent, level in zip(known, names, strict=True))


def keys_are_distinct(names: Iterable[list[str] | None]) -> bool:
    """Return whether no key occurs twice; ``names``: the keys of a line, level by level as in ``LineTree.levels``."""
    return all(level is None or len(level) == len(set(level)) for level in names)
