"""Checks a home from outside: asks its owner, and checks the files itself if no owner answers; light to import."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tape.client.owner_socket import DoorClosed, ask
from tape.doctor.checks import Check, Finding, State, check_of, from_json, overall
from tape.store.claims import owner_pid
from tape.store.errors import StoreError

ANSWERS_S = 5.0
"""How long an owner may take to answer one small query."""
EXAMINES_S = 60.0
DEEP_S = 3600.0
"""How long an owner may take to read its whole history."""
_QUERY = "select max(last_ingest_seq) from ingest_counter"


@dataclass(frozen=True)
class Look:
    """All checks of a home at an instant."""

    at: datetime
    checks: Sequence[Check]

    @property
    def state(self) -> State:
        return overall(self.checks)

    def as_json(self) -> dict[str, Any]:
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"state": self.state, "at": at, "checks": [each.as_json() for each in self.checks]}


def look_at(home: Path, *, is_deep: bool = False) -> Look:
    """Return every check of a home, from its owner if one answers; ``is_deep``: its whole history is read too.

    A home whose owner does not run or answer is broken: nothing is stored, published or mirrored there, so its files
    grow old.

    Raises:
        StoreError: the settings of the home are invalid.
    """
    at = datetime.now(UTC)
    if (pid := owner_pid(home)) is None:
        owner = _broken("no owner runs", "start `tape serve` under a supervisor: docs/deploy")
        return Look(at, _by_files(home, owner, is_readable=True, is_deep=is_deep))
    try:
        began = time.monotonic()
        ask(home, {"request": "query", "sql": _QUERY}, timeout_s=ANSWERS_S)
        took_ms = 1000 * (time.monotonic() - began)
        answer = ask(home, {"request": "doctor", "deep": is_deep}, timeout_s=DEEP_S if is_deep else EXAMINES_S)
    except DoorClosed as error:
        owner = _broken(f"pid {pid} runs and does not answer: {error}", "see its log; if it hangs, restart it")
        return Look(at, _by_files(home, owner, is_readable=False))
    except StoreError as error:
        owner = _broken(f"pid {pid} answers, and refuses a query: {error}", "see its log; restart it")
        return Look(at, _by_files(home, owner, is_readable=False))
    checks = [from_json(item) for item in answer["checks"]]
    return Look(at, [_timed(each, took_ms) if each.name == "owner" else each for each in checks])


def _broken(found: str, advice: str) -> Check:
    expected = "an owner that answers queries"
    return check_of("store", "owner", [Finding(State.BROKEN, found, expected, advice)], fine="", expected=expected)


def _timed(owner: Check, took_ms: float) -> Check:
    return replace(owner, found=f"{owner.found}, answered a query in {took_ms:,.0f} ms")


def _by_files(home: Path, owner: Check, *, is_readable: bool, is_deep: bool = False) -> list[Check]:
    from tape.doctor.examine import examine_files  # loads the database

    return examine_files(home, owner, is_readable=is_readable, is_deep=is_deep)
