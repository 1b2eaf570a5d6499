"""Published files as Firestore documents: which part is content, and what Firestore would refuse.

Pure: from bytes to values. Firestore accepts no array inside an array, no document over 1 MiB, at most 20 levels of
maps, and no empty or ``__reserved__`` key: https://firebase.google.com/docs/firestore/quotas
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tape.store.errors import StoreError

MAX_BYTES = 1_000_000
"""Of a document as Firestore counts it; its limit is 1,048,576, and the name and ``_sync`` count too."""
MAX_DEPTH = 19
SYNC_FIELD = "_sync"
CLOCKS = ("updated_ts", "updated_at", "generated_ts", "ts")
_NO_CONTENT = frozenset({*CLOCKS, "t", "last_heartbeats", "stale_s"})
_KEY = re.compile(r"(?!__.*__\Z).{1,500}", re.DOTALL)
_INT64 = 2**63


class DocumentRefused(StoreError):
    """Firestore would refuse a document, so it is not sent."""


@dataclass(frozen=True)
class Document:
    """The whole document that is written to ``hedge/{env}/{path}``."""

    path: str
    seq: int
    """The instant it was published for, microseconds since 1970: an older one never overwrites a newer one."""
    digest: str
    """Of its content, clocks left out."""
    fields: dict[str, Any]
    trimmed: str | None = None
    """What was left out because it was too large."""


def document(path: str, raw: bytes) -> Document:
    """Return a published file as a document.

    Raises:
        DocumentRefused: the file is not a JSON object with its own clock, or Firestore would refuse it.
    """
    try:
        content = orjson.loads(raw)
    except ValueError as error:
        raise DocumentRefused(f"{path}: expected JSON, found {error}") from None
    if not isinstance(content, dict):
        raise DocumentRefused(f"{path}: expected an object, found {type(content).__name__}")
    seq = sequence(path, content)
    fields, trimmed = trim(path, {key: _value(path, key, value, 1) for key, value in content.items()})
    return Document(path, seq, digest(content), fields, trimmed)


def sequence(path: str, content: Mapping[str, Any]) -> int:
    """Return the document's own instant in microseconds.

    Raises:
        DocumentRefused: the document has no instant.
    """
    for key in CLOCKS:
        value = content.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return round(value * 1e6)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                continue
            return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
    raise DocumentRefused(f"{path}: expected a clock, one of {', '.join(CLOCKS)}, found none")


def digest(content: Mapping[str, Any]) -> str:
    """Return a digest of the content without its clocks; the times of a series count by minute, not by second."""
    series = content.get("series")
    # A new tick within the minute is no news to a dashboard, and each writing costs quota.
    minutes = [str(point.get("t"))[:16] for point in series if isinstance(point, dict)] if series else []
    plain = orjson.dumps([_content(content), minutes], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(plain, digest_size=16).hexdigest()


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _content(item) for key, item in value.items() if key not in _NO_CONTENT}
    return [_content(item) for item in value] if isinstance(value, list) else value


def _value(path: str, key: str, value: Any, depth: int) -> Any:
    """Return a value that Firestore accepts: a list inside a list becomes a map by position, a big integer a float."""
    if depth > MAX_DEPTH:
        raise DocumentRefused(f"{path}: {key}: expected {MAX_DEPTH} levels at the most, found more")
    if not _KEY.fullmatch(key):
        raise DocumentRefused(f"{path}: expected keys of 1 to 500 characters, not __reserved__, found {key[:40]!r}")
    if isinstance(value, dict):
        return {inner: _value(path, inner, item, depth + 1) for inner, item in value.items()}
    if isinstance(value, list):
        return [_value(path, key, _by_position(item), depth + 1) for item in value]
    # Firestore has whole numbers of 64 bits. A float keeps the size, and a refusal would keep nothing.
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return float(value)
    return value


def _by_position(item: Any) -> Any:
    return {str(at): each for at, each in enumerate(item)} if isinstance(item, list) else item


def size_bytes(value: Any) -> int:
    """Return the size as Firestore counts it: https://firebase.google.com/docs/firestore/storage-size"""
    if isinstance(value, str):
        return len(value.encode()) + 1
    if isinstance(value, dict):
        return 32 + sum(len(key.encode()) + 1 + size_bytes(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(size_bytes, value))
    return 1 if value is None or isinstance(value, bool) else 8


def trim(path: str, fields: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a document that fits, and what was cut: the oldest points of a series, else the end of the longest list.

    Raises:
        DocumentRefused: the document is too large, and not because of a list.
    """
    over = size_bytes(fields) - MAX_BYTES
    if over <= 0:
        return fields, None
    lists = {key: value for key, value in fields.items() if isinstance(value, list)}
    key = "series" if "series" in lists else max(lists, key=lambda name: size_bytes(lists[name]), default="")
    if not key or size_bytes(lists[key]) < over:
        raise DocumentRefused(f"{path}: expected at most {MAX_BYTES:,} bytes, found {over + MAX_BYTES:,}")
    # Of a series the newest points matter. Any other list is sorted, its best first.
    items = lists[key] if key == "series" else lists[key][::-1]
    dropped = 0
    while over > 0:
        over -= size_bytes(items[dropped])
        dropped += 1
    kept = items[dropped:] if key == "series" else items[dropped:][::-1]
    return {**fields, key: kept}, f"{key}: {dropped:,} of {len(items):,} left out"
