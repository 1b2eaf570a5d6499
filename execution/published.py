"""Reads back what the runtime has published: router health, suggestions, allocations, scores.

Laws kept here:
- a file is read again when it was replaced; a missing file means that nothing was published;
- a file that cannot be read or has another shape (torn, an old runtime's) is treated as missing; that is logged once,
  and again if the file was good in between; it never raises;
- no number is taken from a file without its key.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_args

import orjson

from tape.execution.autotune import Policy, RiskMode, published_policy

_LOG = logging.getLogger(__name__)
STALE_AFTER = timedelta(seconds=1800)
"""An allocation file older than this is no longer believed to be defensive (semantics 7)."""

ALLOCATIONS, HEALTH, SUGGESTIONS = "risk_allocation_suggestions_v6", "router_health", "router_policy_suggestions_v6"
SNAPSHOT = "risk_snapshot"

Document = Mapping[str, Any]
T = TypeVar("T")
_OTHER_SHAPE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading a document of another shape raises."""


@dataclass(slots=True)
class _File:
    """A state file as it was read. ``version``: inode, time of change (ns), size. ``is_good``: no fault was found."""

    version: tuple[int, int, int]
    document: Document | None
    is_good: bool = True


class Published:
    """The state files of a folder, by stem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._told: set[str] = set()

    def document(self, stem: str) -> Document | None:
        """Return a state file; ``None`` if there is none that can be read."""
        try:
            with (self._folder / f"{stem}.json").open("rb") as file:
                stat = os.fstat(file.fileno())
                version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                seen = self._files.get(stem)
                if seen is None or seen.version != version:
                    seen = self._read(stem, version, file.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(stem, f"{stem}.json cannot be read: {error}")
            return None
        return seen.document

    def taken(self, stem: str, take: Callable[[Document], T], otherwise: T) -> T:
        """Return what is found in a file; ``otherwise`` if the file is missing or does not have it."""
        document = self.document(stem)
        if document is None:
            return otherwise
        try:
            return take(document)
        except _OTHER_SHAPE as error:
            self._files[stem].is_good = False
            self._tell(stem, f"{stem}.json has another shape and is left out: {type(error).__name__}: {error}")
            return otherwise

    def of_symbol(self, stem: str, symbol: str) -> Document | None:
        """Return the entry of a symbol in a file that lists symbols."""
        return self.taken(stem, lambda document: _entry(document, symbol), None)

    def size_factor(self, symbol: str) -> float | None:
        """Return the final size factor of the risk snapshot, above 0."""
        return self.taken(SNAPSHOT, lambda document: _size_factor(_entry(document, symbol)), None)

    def policy(self, symbol: str) -> Policy:
        """Return the routing policy of the router health; the default policy if there is none."""
        return self.taken(HEALTH, lambda document: published_policy(_entry(document, symbol)), Policy())

    def proposed_policy(self, symbol: str, published: Policy) -> Policy | None:
        """Return the suggested policy, which may replace the published one."""
        return self.taken(SUGGESTIONS, lambda document: _proposed(_entry(document, symbol), published), None)

    def switched_off(self) -> tuple[datetime, dict[str, datetime | None]] | None:
        """Return the instant of the risk snapshot, and its switched-off symbols with their end, null: for good."""
        return self.taken(SNAPSHOT, _switched_off, None)

    def drawdowns_pct(self) -> tuple[datetime, dict[str, float]] | None:
        """Return the instant of the risk snapshot, and the known drawdowns of the day by symbol, <= 0."""
        return self.taken(SNAPSHOT, _drawdowns, None)

    def risk_mode(self, now: datetime) -> RiskMode:
        """Return the risk mode of the allocations: cautious if there are none, or if defensive ones are old."""
        missing, age = f"{ALLOCATIONS} missing", f"{ALLOCATIONS} age"
        found = self.taken(ALLOCATIONS, _risk_mode, None)
        if found is None:
            if ALLOCATIONS not in self._told:
                self._tell(missing, "no allocations are published: the risk mode is cautious")
            return "cautious"
        self._told.discard(missing)
        mode, generated = found
        if now - generated <= STALE_AFTER:
            self._told.discard(age)
            return mode
        self._tell(age, f"the allocations are older than {STALE_AFTER.total_seconds():.0f} s")
        return "cautious" if mode == "defensive" else mode

    def _read(self, stem: str, version: tuple[int, int, int], content: bytes) -> _File:
        before = self._files.get(stem)
        if before is not None and before.is_good:
            self._told.discard(stem)
        file = self._files[stem] = _File(version, None)
        try:
            file.document = _object(orjson.loads(content))
        except (ValueError, TypeError) as error:
            file.is_good = False
            self._tell(stem, f"{stem}.json cannot be read: {error}")
        return file

    def _tell(self, topic: str, text: str) -> None:
        if topic not in self._told:
            self._told.add(topic)
            _LOG.warning("%s", text)


def _object(value: object) -> Document:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _symbols(document: Document) -> list[Document]:
    listed = document["symbols"]
    if not isinstance(listed, list):
        raise TypeError(f"symbols: expected a list, found {type(listed).__name__}")
    return [_object(entry) for entry in listed]


def _entry(document: Document, symbol: str) -> Document | None:
    return next((entry for entry in _symbols(document) if entry["symbol"] == symbol), None)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"expected a number, found {value!r}")
    return float(value)


def _instant(value: object) -> datetime:
    """RFC 3339, without an offset UTC, or epoch seconds."""
    if not isinstance(value, str):
        return datetime.fromtimestamp(_number(value), UTC)
    instant = datetime.fromisoformat(value)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _size_factor(entry: Document | None) -> float | None:
    factor = None if entry is None else entry["sizing"]["final_size_factor"]
    if factor is not None and _number(factor) <= 0:
        raise ValueError(f"final_size_factor: expected a number above 0, found {factor}")
    return None if factor is None else _number(factor)


def _proposed(entry: Document | None, published: Policy) -> Policy | None:
    if entry is None:
        return None
    policy = entry["proposed_policy"]
    return Policy(
        maker_first=bool(policy["maker_first"]),
        taker_bias=_number(policy["taker_bias"]),
        offset_bps=_number(policy["offset_bps"]),
        quality=published.quality,
        reason="proposed",
    )


def _switched_off(document: Document) -> tuple[datetime, dict[str, datetime | None]]:
    off = {entry["symbol"]: entry["risk"] for entry in _symbols(document) if entry["risk"]["toggle_active"]}
    return _instant(document["updated_ts"]), {symbol: _until(risk.get("toggle_meta")) for symbol, risk in off.items()}


def _until(meta: object) -> datetime | None:
    """Return the end of a toggle; an unreadable end means none."""
    try:
        return _instant(_object(meta)["disabled_until"])
    except _OTHER_SHAPE:
        return None


def _drawdowns(document: Document) -> tuple[datetime, dict[str, float]]:
    found = {entry["symbol"]: entry["risk"]["dd_today_pct"] for entry in _symbols(document)}
    return _instant(document["updated_ts"]), {name: _number(pct) for name, pct in found.items() if pct is not None}


def _risk_mode(document: Document) -> tuple[RiskMode, datetime]:
    mode: RiskMode = document["global"]["risk_mode"]
    if mode not in get_args(RiskMode):
        raise ValueError(f"risk_mode: expected one of {', '.join(get_args(RiskMode))}, found {mode!r}")
    return mode, _instant(document["generated_ts"])
