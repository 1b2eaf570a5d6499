"""The result of a check, and how several results make one; light to import for commands that only show checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from tape.client.instants import span


class State(StrEnum):
    """How bad a finding is; the worst of several counts."""

    OK = "ok"
    DEGRADED = "degraded"
    """Readers may still rely on the files; somebody should look."""
    BROKEN = "broken"
    """Readers may not rely on what is published."""


EXIT_CODES = {State.OK: 0, State.DEGRADED: 1, State.BROKEN: 2}
_ORDER = list(State)


@dataclass(frozen=True)
class Finding:
    """A fault, and what to do about it."""

    state: State
    found: str
    expected: str
    advice: str
    follows: bool = False
    """Nobody but an owner keeps it right: where none runs, that is what is wrong."""


def first_of(findings: Sequence[Finding]) -> list[Finding]:
    """Return the first of the findings, with the number of further ones."""
    if len(findings) < 2:
        return list(findings)
    return [replace(findings[0], found=f"{findings[0].found}, and {len(findings) - 1:,} more such")]


@dataclass(frozen=True)
class Check:
    """One line: what was checked, and what was found. ``advice`` is ``None`` if all is well.

    ``follows``: the fault would not exist if an owner ran.
    """

    group: str
    name: str
    state: State
    found: str
    expected: str
    advice: str | None = None
    follows: bool = False

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "follows"}


def check_of(group: str, name: str, findings: Iterable[Finding], *, fine: str, expected: str) -> Check:
    """Combine all findings about one thing, the worst first; ``fine``: the text without findings."""
    ordered = sorted(findings, key=lambda each: -_ORDER.index(each.state))
    if not ordered:
        return Check(group, name, State.OK, fine, expected)
    worst, told = ordered[0], "; ".join(each.found for each in ordered)
    follows = all(each.follows for each in ordered)
    return Check(group, name, worst.state, told, worst.expected, worst.advice, follows)


def overall(checks: Iterable[Check]) -> State:
    """Return the worst state of the checks."""
    return max((each.state for each in checks), key=_ORDER.index, default=State.OK)


def from_json(item: Mapping[str, Any]) -> Check:
    """Return a check as an owner sent it."""
    return Check(**{**item, "state": State(item["state"])})


def age(seconds: float) -> str:
    """Return an age in words; never 0 for a time ahead of the clock."""
    return f"{span(seconds)} old" if seconds >= 0 else f"dated {span(-seconds)} ahead"


def size(count: float) -> str:
    """Return a number of bytes for people: ``812 B``, ``1.4 MB``."""
    for unit in ("B", "KB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} GB"
