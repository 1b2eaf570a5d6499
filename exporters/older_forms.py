"""The form in which the published files were written up to commit 86c8267, for making such publications again.

Since then counts of what a number leaves out stand beside it, where there is something to count, and nav.json leaves an
unknown ``unrealized_pnl`` out, where it was null.
"""

from __future__ import annotations

from typing import Any

from tape.exporters.contract import Nav, StateFile
from tape.exporters.state_files import document, to_json
from tape.store.round import Round

_ADDED = frozenset({"unpriced_fees", "unmarked_positions", "is_marked"})


def render_older(file: StateFile, reading: Round) -> bytes:
    """The bytes of a state file as of the round's instant, in the older form."""
    content = document(file, reading.one(file.view))
    last_decision = content.get("last_decision")
    older = _without_added(content)
    if last_decision is not None:  # a producer's document: whatever its keys are called
        older["last_decision"] = last_decision
    if file.model is Nav:
        older = {key: older.get(key) for key in Nav.model_fields if key not in _ADDED}
    return to_json(older, indent=True)


def _without_added(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_added(item) for key, item in value.items() if key not in _ADDED}
    if isinstance(value, list):
        return [_without_added(item) for item in value]
    return value
