"""Which number of a published file is meant. Pure: from words and a document to a place in the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from tape.exporters.contract import StateFile
from tape.exporters.documents import CLOCKS
from tape.exporters.inputs import STALE_KEYS
from tape.store.errors import StoreError, one_of
from tape.store.lineage.selects import Conditions, Path

MISSING: Any = object()


class NotThere(StoreError):
    """A file has no such symbol or key."""

    def __init__(self, file: str, expected: Sequence[str], found: str) -> None:
        self.file, self.expected, self.found = file, expected, found
        there = f"expected {one_of(expected, found)}" if expected else "it lists nothing now"
        super().__init__(f"{file}: {there}, found {found!r}")


@dataclass(frozen=True)
class Entry:
    """An object of a list, identified by its own keys, or of a map, identified by its key."""

    section: str
    label: str
    entity: Conditions


@dataclass(frozen=True)
class Question:
    """A place in a file: an entry or none, and the keys below it; without keys, the whole."""

    file: StateFile
    entry: Entry | None
    path: Path

    @property
    def key(self) -> str | None:
        return ".".join(self.path) or None

    def columns(self, document: dict[str, Any]) -> list[tuple[str, Path]]:
        """Return the columns of the file's view that are asked about, each with the keys within."""
        if self.entry is not None:
            return [(self.entry.section, self.path)]
        if self.path:
            return [(self.path[0], self.path[1:])]
        return [(name, ()) for name in document if name not in (*CLOCKS, *STALE_KEYS)]

    def value_in(self, document: dict[str, Any]) -> Any:
        """Return the value at this place in a document; ``MISSING`` if the document has no such place."""
        value: Any = document
        if self.entry is not None:
            value = _entry_of(document.get(self.entry.section), self.entry)
        return _at(value, self.path)


def question(file: StateFile, document: dict[str, Any], symbol: str | None, key: str | None) -> Question:
    """Return the place that the words mean. A single word is a symbol, an hour or a regime of the file, else a key.

    Raises:
        NotThere: the file has no such entry or key, or several of that name.
    """
    entries = list(_entries(file, document))
    entry = None if symbol is None else _named(entries, symbol)
    if symbol is not None and entry is None:
        if key is not None:
            raise NotThere(file.name, [each.label for each in entries], symbol)
        return Question(file, None, _path(file, document, symbol, also=[each.label for each in entries]))
    if key is None:
        return Question(file, entry, ())
    whole = document if entry is None else _entry_of(document[entry.section], entry)
    return Question(file, entry, _path(file, whole, key))


def _named(entries: Sequence[Entry], word: str) -> Entry | None:
    return next((each for each in entries if each.label.lower() == word.lower()), None)


def _entries(file: StateFile, document: dict[str, Any]) -> Iterator[Entry]:
    for section, value in document.items():
        if isinstance(value, list):
            objects = [each for each in value if isinstance(each, dict) and "symbol" in each]
            symbols = [each["symbol"] for each in objects]
            for each in objects:
                is_one = symbols.count(each["symbol"]) == 1
                keys = ("symbol",) if is_one else ("symbol", "side")
                entity = tuple((name, str(each.get(name))) for name in keys)
                yield Entry(section, ":".join(text for _, text in entity), entity)
        elif _is_map(file, section) and isinstance(value, dict):
            yield from (Entry(section, name, (("key", name),)) for name in value)


def _is_map(file: StateFile, section: str) -> bool:
    field = file.model.model_fields.get(section)
    return field is not None and get_origin(field.annotation) is dict


def _entry_of(section: Any, entry: Entry) -> Any:
    if isinstance(section, dict):
        return section.get(entry.label, MISSING)
    found = (each for each in section or () if all(str(each.get(name)) == text for name, text in entry.entity))
    return next(found, MISSING)


def _path(file: StateFile, value: Any, word: str, also: Sequence[str] = ()) -> Path:
    """Return the keys that lead to a key, given whole or by its last part; of several the highest one."""
    paths = [path for path in _paths(value) if not _is_map(file, path[0]) or len(path) == 1]
    asked = tuple(word.split("."))
    if asked in paths:
        return asked
    found = [path for path in paths if path[-len(asked) :] == asked]
    numbers = [path for path in found if not isinstance(_at(value, path), dict)]
    if shallow := [path for path in numbers if len(path) == min(map(len, numbers))]:
        found = shallow
    if len(found) != 1:
        raise NotThere(file.name, [*(() if found else also), *(".".join(path) for path in found or paths)], word)
    return found[0]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
    return value


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (key,)
            yield from ((key, *path) for path in _paths(inner))
