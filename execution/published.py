"""What the runtime has published of itself, read back by the executor: router health, suggestions, allocations, scores.

Laws kept here: a file is read again when it was replaced; one that is missing or cannot be read is as if nothing had
been published, said once; no number is taken from a file without its key.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from execution.autotune import RiskMode

_LOG = logging.getLogger(__name__)
STALE_AFTER = timedelta(seconds=1800)
"""An allocation file older than this is no longer believed to be defensive (semantics 7)."""

Document = Mapping[str, Any]


class Published:
    """The state files of a folder, by stem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[tuple[int, int], Document | None]] = {}
        self._told: set[str] = set()

    def document(self, stem: str) -> Document | None:
        """A state file, ``None`` where there is none that can be read."""
        path = self._folder / f"{stem}.json"
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                version = (stat.st_ino, stat.st_mtime_ns)
                if self._seen.get(stem, ((0, 0), None))[0] != version:
                    self._seen[stem] = (version, orjson.loads(file.read()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._tell(f"{path.name} cannot be read: {error}")
            return None
        return self._seen[stem][1]

    def of_symbol(self, stem: str, symbol: str) -> Document | None:
        """The entry of a symbol in a file that lists symbols."""
        listed = (self.document(stem) or {}).get("symbols", ())
        return next((entry for entry in listed if entry.get("symbol") == symbol), None)

    def size_factor(self, symbol: str) -> float | None:
        """The final size factor of the risk snapshot."""
        entry = self.of_symbol("risk_snapshot", symbol)
        factor = None if entry is None else entry["sizing"]["final_size_factor"]
        return None if factor is None else float(factor)

    def risk_mode(self, now: datetime) -> RiskMode:
        """The risk mode of the allocations: cautious where there are none, and where defensive ones are old."""
        document = self.document("risk_allocation_suggestions_v6")
        if document is None:
            self._tell("no allocations are published: the risk mode is cautious")
            return "cautious"
        mode: RiskMode = document["global"]["risk_mode"]
        if now - datetime.fromisoformat(document["generated_ts"]) <= STALE_AFTER:
            self._told.clear()
            return mode
        self._tell(f"the allocations are older than {STALE_AFTER.total_seconds():.0f} s")
        return "cautious" if mode == "defensive" else mode

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            _LOG.warning("%s", text)
