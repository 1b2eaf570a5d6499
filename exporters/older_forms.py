"""The forms of the published files in older versions, to make such publications again.

Since commit b71f177:
- a file says which of its inputs stopped.

Since commit 86c8267 moreover:
- a number that leaves something out has a count beside it, if the count is not 0;
- nav.json has ``points``, ``drawdown`` and ``realized_pnl`` too;
- nav.json leaves out an unknown ``unrealized_pnl``, and has PnL without a tick too: both were null before;
- an allocation names what a symbol without a signal is missing; before, it always named trades and router rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tape.exporters.contract import StateFile
from tape.exporters.inputs import STALE_KEYS
from tape.exporters.intel_shapes import RiskAllocationSuggestions
from tape.exporters.shapes import Nav
from tape.exporters.state_files import document, to_json
from tape.store.query.round import Round

_ADDED = frozenset({"unpriced_fees", "unmarked_positions", "is_marked"})
_ADDED_TO_NAV = frozenset({"points", "drawdown", "realized_pnl"})
"""Of nav.json itself: the points of its series had a ``realized_pnl`` before."""
_NAV_KEYS = [key for key in Nav.model_fields if key not in _ADDED | _ADDED_TO_NAV and key not in STALE_KEYS]
_SENTENCES = {
    "Neither score nor expectancy speaks for the symbol.": "Neither a trade nor a router row speaks for the symbol."
}
"""Today's sentences of a rationale, and what was said in their place."""


def render_older(file: StateFile, reading: Round) -> Iterator[bytes]:
    """The bytes of a state file as of the round's instant in each older form, the newest first."""
    today = document(file, reading.one(file.view))
    content = {key: value for key, value in today.items() if key not in STALE_KEYS}
    if content != today:
        yield to_json(content, indent=True)
    yield _of_86c8267(file, content)


def _of_86c8267(file: StateFile, content: Mapping[str, Any]) -> bytes:
    older = {
        # a producer's document stays as it is, whatever its keys are called
        key: value if key == "last_decision" else _without_added(value)
        for key, value in content.items()
        if key not in _ADDED
    }
    if file.model is Nav:
        older = {key: older.get(key) for key in _NAV_KEYS}
        if older["total_equity"] is None:
            older.update(realized_pnl_today=None, unrealized_pnl=None)
    if file.model is RiskAllocationSuggestions:
        for symbol in older["symbols"]:
            symbol["rationale"] = [_SENTENCES.get(sentence, sentence) for sentence in symbol["rationale"]]
    return to_json(older, indent=True)


def laid_out_older(file: StateFile, content: dict[str, Any]) -> bytes | None:
    """Return the bytes in which an older version wrote a published file; ``None`` if the form has not changed since.

    Raises:
        ValidationError: the content is not that of such a file.
    """
    if file.model is not Nav:
        return None
    filled = {**content, "points": [], "drawdown": None, "realized_pnl": None}
    told = Nav.model_validate(filled).model_dump(by_alias=True)
    return to_json({key: told.get(key) for key in _NAV_KEYS}, indent=True)


def _without_added(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_added(item) for key, item in value.items() if key not in _ADDED}
    if isinstance(value, list):
        return [_without_added(item) for item in value]
    return value
