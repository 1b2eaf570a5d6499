"""Compares two folders of published files number by number, for example the old runtime's with Tape's before a switch.

Laws kept here:
- a file never differs from itself, and the result is the same with the two sides swapped;
- objects of a list are matched by their name keys (such as ``symbol``) if each has one, else by position;
- any content gives a result in words: a torn or missing file is a difference, not a failure.

``NaN`` and ``Infinity``, which old runtimes write although JSON has neither, are read, and are equal to themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isclose, isinf, isnan
from pathlib import Path
from typing import Any, Literal

from tape.exporters.contract import STATE_FILES
from tape.exporters.documents import CLOCKS
from tape.store.errors import StoreError

NAMES = ("symbol", "t", "reason")
"""The keys by which objects of a list are matched."""
Kind = Literal["value", "type", "only in A", "only in B", "unreadable"]


class NothingToCompare(StoreError):
    """A side is neither a file nor a folder with a published file."""


@dataclass(frozen=True)
class Rules:
    """What counts as equal: numbers within ``rel`` or ``abs`` of each other; keys in ``ignored`` are skipped."""

    rel: float = 1e-9
    abs: float = 1e-9
    ignored: frozenset[str] = frozenset(CLOCKS)
    only_common: bool = False
    """Keys and objects that one side alone has do not count."""


@dataclass(frozen=True)
class Difference:
    """One difference; ``path`` is dotted, with a list's objects by name, and empty for the whole file."""

    path: str
    kind: Kind
    a: Any = None
    b: Any = None

    @property
    def size(self) -> float:
        """Return the distance of two numbers as a share of the larger; differences that are not numbers come first."""
        if self.kind != "value" or not (_is_number(self.a) and _is_number(self.b)):
            return float("inf")
        largest = max(abs(self.a), abs(self.b))
        return 0.0 if largest == 0 else abs(self.a - self.b) / largest


def compare(a: Any, b: Any, rules: Rules = Rules(), path: str = "") -> Iterator[Difference]:
    """Return the differences of two JSON values."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        yield from _members(a, b, rules, path)
    elif _is_list(a) and _is_list(b):
        yield from _items(a, b, rules, path)
    elif _is_number(a) and _is_number(b):
        if not _is_close(a, b, rules):
            yield Difference(path, "value", a, b)
    elif type(a) is not type(b):
        yield Difference(path, "type", a, b)
    elif a != b:
        yield Difference(path, "value", a, b)


def _members(a: Mapping[str, Any], b: Mapping[str, Any], rules: Rules, path: str) -> Iterator[Difference]:
    for key in [*a, *(key for key in b if key not in a)]:
        if key in rules.ignored:
            continue
        inner = f"{path}.{key}" if path else key
        if key not in a or key not in b:
            yield from _alone(inner, a.get(key), b.get(key), rules, is_in_a=key in a)
        else:
            yield from compare(a[key], b[key], rules, inner)


def _items(a: Sequence[Any], b: Sequence[Any], rules: Rules, path: str) -> Iterator[Difference]:
    name = next((name for name in NAMES if _are_named_by(name, a) and _are_named_by(name, b)), None)
    by_name = {f"[{at if name is None else item[name]}]": item for at, item in enumerate(a)}
    others = {f"[{at if name is None else item[name]}]": item for at, item in enumerate(b)}
    for key in [*by_name, *(key for key in others if key not in by_name)]:
        if key not in by_name or key not in others:
            yield from _alone(path + key, by_name.get(key), others.get(key), rules, is_in_a=key in by_name)
        else:
            yield from compare(by_name[key], others[key], rules, path + key)


def _alone(path: str, a: Any, b: Any, rules: Rules, *, is_in_a: bool) -> Iterator[Difference]:
    if not rules.only_common:
        yield Difference(path, "only in A" if is_in_a else "only in B", a, b)


def _are_named_by(name: str, items: Sequence[Any]) -> bool:
    names = [item.get(name) for item in items if isinstance(item, Mapping)]
    return len(names) == len(items) == len(set(map(str, names))) and all(isinstance(each, str) for each in names)


def _is_close(a: float, b: float, rules: Rules) -> bool:
    if isnan(a) or isnan(b) or isinf(a) or isinf(b):
        return str(a) == str(b)
    return isclose(a, b, rel_tol=rules.rel, abs_tol=rules.abs)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def files_of(a: Path, b: Path) -> list[tuple[str, Path, Path]]:
    """Return the pairs to compare: two files, or the contract's files that are in either folder.

    Raises:
        NothingToCompare: a side is neither file nor folder, or no folder has a file of the contract.
    """
    for side in (a, b):
        if not side.exists():
            raise NothingToCompare(f"diff: expected a folder of published files or a file, found nothing at {side}")
    if a.is_dir() != b.is_dir():
        raise NothingToCompare(f"diff: expected two folders or two files, found {a} and {b}")
    if not a.is_dir():
        return [(b.name, a, b)]
    names = [file.name for file in STATE_FILES if (a / file.name).exists() or (b / file.name).exists()]
    if not names:
        raise NothingToCompare(f"diff: expected files such as {STATE_FILES[0].name}, found none in {a} and {b}")
    return [(name, a / name, b / name) for name in names]


def keys_of(value: Any) -> Iterator[str]:
    """Return every key of a JSON value, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from keys_of(each)


def unknown_keys(keys: Sequence[str], files: Iterable[Path]) -> list[str]:
    """Return the keys that occur in none of the files; a file that cannot be read has none."""
    known: set[str] = set()
    for path in files:
        with suppress(OSError, ValueError):
            known.update(keys_of(json.loads(path.read_bytes())))
    return [key for key in keys if key not in known]


def compare_files(a: Path, b: Path, rules: Rules) -> list[Difference]:
    """Return the differences of two files, the largest first."""
    contents: list[Any] = []
    for side, path in (("A", a), ("B", b)):
        try:
            contents.append(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return list(_alone("", None, None, rules, is_in_a=side == "B"))
        except (OSError, ValueError) as error:
            return [Difference("", "unreadable", *((str(error), None) if side == "A" else (None, str(error))))]
    return sorted(compare(contents[0], contents[1], rules), key=lambda each: -each.size)
