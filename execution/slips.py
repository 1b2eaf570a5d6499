"""Slips of the pen in limits and universe: keys that mean nothing where they stand, values that may mean two things.

A section is named as in ``tape.toml``: ``[limits.global]``; ``SYMBOL`` stands for any symbol's name. Documents of other
runtimes hold keys that mean nothing here: what is a slip in one's own settings is worth a word in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tape.execution.config import (
    AutotuneBounds,
    ConfigInvalid,
    GlobalLimits,
    Limits,
    Listed,
    OwnCaps,
    OwnLimits,
    Universe,
    parse_limits,
    parse_universe,
)

SECTIONS: dict[str, type[BaseModel]] = {
    "limits": Limits,
    "limits.global": GlobalLimits,
    "limits.per_symbol.SYMBOL": OwnLimits,
    "limits.router_autotune": AutotuneBounds,
    "universe": Universe,
    "universe.universe": Listed,
    "universe.universe.caps": OwnCaps,
}
"""The model of each section."""

_LIKE, _SLIP = 0.7, 0.8
"""Likeness from which a key is like another one of its section, and from which it is taken for a slip of any."""
_LISTED = 14
"""Keys of a section that are listed."""
_NAMES = frozenset({"symbol", "symbols", "universe", "enabled", "tier", "global", "per_symbol", "caps"})
"""Keys that limit nothing themselves: documents of other runtimes may have them anywhere."""


def key_of(name: str, field: FieldInfo) -> str:
    """The key of a field in the document."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else name


def _keys(model: type[BaseModel]) -> tuple[str, ...]:
    if model is Universe:
        return ("universe", "symbols")
    return tuple(key_of(name, field) for name, field in model.model_fields.items())


KEYS: dict[str, tuple[str, ...]] = {section: _keys(model) for section, model in SECTIONS.items()}
"""The keys of each section."""


Near = tuple[str, str]
"""A known key, and the section it stands in."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A key that means nothing where it stands. ``near``: the one it may have been meant for; null: it is like none.

    ``path``: from the top of the document, dots between levels; ``section``: where it stands, as in ``SECTIONS``.
    """

    path: str
    key: str
    section: str
    near: Near | None

    @property
    def is_slip(self) -> bool:
        """It would limit something if it were written, or placed, a little differently."""
        if self.near is None or self.near[0] in _NAMES:
            return False
        return _likeness(self.key, self.near[0]) >= _SLIP

    def __str__(self) -> str:
        if self.key in KEYS.get(self.section, ()):
            return f"{self.path}: expected universe or symbols, found both"
        return f"{self.path}: {said_of(self.key, self.section, self.near, KEYS)}"


def said_of(key: str, section: str, near: Near | None, sections: Mapping[str, Iterable[str]]) -> str:
    """Say of a key that its section does not know it, and what it may have been meant for."""
    place = f"in [{section}]" if section else "at the top level"
    if near is None:
        here = sorted(sections.get(section, ()), key=str.isupper)  # at the top, sections before variables
        more = f" and {len(here) - _LISTED} more" if len(here) > _LISTED else ""
        return f"expected one of {', '.join(here[:_LISTED])}{more}, found none of these names"
    meant, there = near[0], f"in [{near[1]}]" if near[1] else "at the top level, before every section"
    if meant == key:
        return f"expected {there}, found {place}"
    where = f", which stands {there}" if near[1] != section else ""
    known = f"a key of [{section}]" if section else "a section or a setting"
    return f"expected {known}, found none of this name; did you mean {meant}{where}?"


def nearest(key: str, section: str, sections: Mapping[str, Iterable[str]]) -> Near | None:
    """Return the key that an unknown one of a section may have been meant for; null: it is like none.

    The very key in another section comes first, then one like it in its own section, then one like it elsewhere. Of
    several sections the one nearest in the document is meant.
    """
    top = section.partition(".")[0]
    others = sorted((other for other in sections if other != section), key=lambda other: other.partition(".")[0] != top)
    for other in others:
        if key in sections[other]:
            return key, other
    for places, least in (([section], _LIKE), (others, _SLIP)):
        found = [(_likeness(key, known), known, place) for place in places for known in sections.get(place, ())]
        best = max(found, key=lambda each: each[0], default=(0.0, "", ""))
        if best[0] >= least:
            return best[1], best[2]
    return None


def _likeness(key: str, known: str) -> float:
    """How alike two keys are, 0..1; one that is the beginning of the other is no slip of a third."""
    key, known = key.lower(), known.lower()
    begins = bool(key) and (key.startswith(known) or known.startswith(key))
    return max(SequenceMatcher(None, key, known).ratio(), 0.8 if begins else 0.0)


def strays(kind: str, document: object, sections: Mapping[str, Iterable[str]] = KEYS) -> list[Stray]:
    """Return the keys of a document (``limits``, ``universe``) that mean nothing where they stand.

    ``sections``: the keys among which the ones meant are looked for.
    """
    found = []
    for section, path, values in _parts(kind, document):
        for key, value in values.items():
            if key not in KEYS[section]:
                is_symbol = section == "limits" and isinstance(value, dict) and _OWN_KEYS >= value.keys() > set()
                near = (key, f"limits.per_symbol.{key}") if is_symbol else nearest(key, section, sections)
                found.append(Stray(f"{path}{key}", key, section, near))
            elif key == "symbols" and "universe" in values:
                found.append(Stray(f"{path}{key}", key, section, None))
    return found


def unclear(kind: str, document: object) -> list[str]:
    """Return the caps of a document that parses whose value may be meant otherwise, in words.

    A share of 1 may be meant as 1 per cent. An exposure above NAV needs leverage, and is meant once it is said twice.
    """
    found = []
    for section, path, values in _parts(kind, document):
        for key, value in values.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or key not in KEYS[section]:
                continue
            if key in _SHARES and value == 1:
                found.append(
                    f"{path}{key}: expected a share of NAV below 1 (0.01 is 1 per cent) or a per cent above 1"
                    f" (100 is all of NAV), found {value}, which may mean either"
                )
            elif key in _EXPOSURES and value > 100 and key not in (values.get("may_exceed_nav") or ()):
                found.append(
                    f"{path}{key}: expected up to 100 per cent of NAV, or may_exceed_nav = [{key!r}] beside it,"
                    f" found {value}"
                )
    return found


def without_effect(kind: str, document: object) -> list[str]:
    """Say how many keys of a document mean nothing here, and which; one symbol's stand for every symbol's.

    A key that may be the slip of a limit's has a sentence of its own.
    """
    found = strays(kind, document)
    if not found:
        return []
    keys = list(dict.fromkeys(_of_any_symbol(each) for each in found))
    many = f"{len(found)} keys are" if len(found) != 1 else "1 key is"
    slips = [f"{kind}: {each}" for each in found if each.is_slip]
    return [f"{kind}: {many} kept without effect: {', '.join(keys)}", *slips]


def _of_any_symbol(stray: Stray) -> str:
    if not stray.section.startswith(("universe.universe", "limits.per_symbol")):
        return stray.path
    above, _, rest = stray.path.partition(".")
    return f"{above}.*.{rest.partition('.')[2]}"


def mended(kind: str, document: Any) -> tuple[Any, list[str]]:
    """Return a document of another runtime without the values that an executor refuses, and those in words.

    Shares outside their range are kept within it, as the store keeps them, which says so itself. A document of which
    nothing can be used comes back empty.
    """
    whole = deepcopy({"universe": document} if isinstance(document, list) else document)
    for section, _, values in _parts(kind, whole):
        for key in values.keys() & KEYS[section] & {*_SHARES, "min_bias", "max_bias"}:
            if isinstance(values[key], (int, float)) and not isinstance(values[key], bool):
                values[key] = min(max(values[key], 0), 1 if key.endswith("bias") else 100)
    parse = parse_limits if kind == "limits" else parse_universe
    said: list[str] = []
    while True:
        try:
            parse(whole)
        except ConfigInvalid as error:
            said.append(f"{error}: it is left out")
            if not _left_out(whole, error.key):
                return {}, said
        else:
            return whole, said


def _left_out(document: Any, path: str) -> bool:
    """Take what stands at a path out of a document; whether there was anything."""
    *above, key = path.split(".")
    for part in above:
        document = _part_of(document, part)
    if isinstance(document, dict) and key in document:
        del document[key]
        return True
    if isinstance(document, list) and key.isdigit() and int(key) < len(document):
        del document[int(key)]
        return True
    return False


def _part_of(values: Any, key: str) -> Any:
    if isinstance(values, dict):
        return values.get(key)
    return values[int(key)] if isinstance(values, list) and key.isdigit() and int(key) < len(values) else None


_OWN_KEYS = frozenset(KEYS["limits.per_symbol.SYMBOL"])
_SHARES = frozenset({"max_trade_nav_pct", "symbol_notional_share_cap_pct", "max_nav_pct"})
_EXPOSURES = frozenset({"max_gross_exposure_pct", "max_symbol_exposure_pct"})


def _parts(kind: str, document: object) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The objects of a document: section, what stands before a key of it in a path, and its keys."""
    if isinstance(document, list):
        document = {"universe": document}
    if not isinstance(document, dict):
        return
    yield kind, "", document
    if kind == "limits":
        held = [
            ("limits.global", "global.", document.get("global")),
            *(
                ("limits.router_autotune", f"{path}router_autotune.", values.get("router_autotune"))
                for path, values in (("", document), ("global.", document.get("global")))
                if isinstance(values, dict)
            ),
            *(
                ("limits.per_symbol.SYMBOL", f"per_symbol.{symbol}.", own)
                for symbol, own in _items(document.get("per_symbol"))
            ),
        ]
    else:
        listed = document.get("universe", document.get("symbols"))
        entries = [entry for entry in (listed if isinstance(listed, list) else ()) if isinstance(entry, dict)]
        held = [
            (section, f"universe.{entry.get('symbol')}.{more}", values)
            for entry in entries
            for section, more, values in (
                ("universe.universe", "", entry),
                ("universe.universe.caps", "caps.", entry.get("caps")),
            )
        ]
    yield from ((section, path, values) for section, path, values in held if isinstance(values, dict))


def _items(values: object) -> Iterable[tuple[str, Any]]:
    return values.items() if isinstance(values, dict) else ()
