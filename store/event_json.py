"""Events as JSON, for field values of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import orjson

_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_SERIALIZE_NUMPY
_DEPTH = 100
"""Levels of an event that are written where it is too odd for orjson as it stands; deeper ones are named only."""


def to_json(item: Any) -> bytes:
    """Return the JSON of an event's fields, as the journal writes them."""
    try:
        return orjson.dumps(item, default=_simpler, option=_OPTIONS)
    except TypeError:
        return orjson.dumps(_plain(item), default=_simpler, option=_OPTIONS)


def _simpler(value: Any) -> Any:
    """Return a value that orjson cannot write as one that it can."""
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Set, tuple)):
        return list(value)
    return value.tolist() if type(value).__name__ == "ndarray" else str(value)


def _plain(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Rewrite what orjson refuses: whole numbers beyond 64 bits and keys become text, broken surrogates ``?``."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if not isinstance(value, (Mapping, list, tuple, Set)):
        return value
    if id(value) in above or len(above) == _DEPTH:
        return f"<{type(value).__name__}: nested too deeply>"
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(each, above) for key, each in value.items()}
    return [_plain(each, above) for each in value]
