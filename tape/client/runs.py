"""Which processes ran the account, and which ran something else: a test, a demo, another account.

Old logs do not mark test runs. Only the NAV in their attempts, vetoes and ticks distinguishes them. A process continues
the account of an earlier process if the two NAVs are near; a process whose NAV is near no other begins a run of its
own. The account is the run with the most ticks, then with the most recorded NAVs. A process without a NAV is no
evidence either way: it counts as part of the account, and is listed separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Process = Mapping[str, Any]
"""A row of ``processes_since``."""
Kind = Literal["account", "no NAV told", "apart"]

_NEAR_FRAC = 0.2
"""Two NAVs this near, as a share of the earlier one, are of one account: what a bad day or a small transfer moves."""
COUNTS = ("ticks", "attempts", "vetoes", "fills", "closes", "errors")


@dataclass
class Run:
    """Processes with one NAV, one after another or in parallel."""

    kind: Kind
    processes: list[Process] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [str(process["process"]) for process in self.processes]

    def told(self) -> dict[str, Any]:
        """Return the run as shown to users: its time, its NAVs and the sums of its counts."""
        navs = [process for process in self.processes if process["navs"]]
        return {
            "kind": self.kind,
            "processes": self.names,
            "first_ts": min(process["first_ts"] for process in self.processes),
            "last_ts": max(process["last_ts"] for process in self.processes),
            "nav_low_usd": min((process["nav_low_usd"] for process in navs), default=None),
            "nav_high_usd": max((process["nav_high_usd"] for process in navs), default=None),
            **{name: sum(process[name] for process in self.processes) for name in COUNTS},
        }


def runs_of(processes: Iterable[Process]) -> list[Run]:
    """Return the account's run first, then processes without a NAV, then the other runs by their first event."""
    runs: list[Run] = []
    silent = Run("no NAV told")
    for process in sorted(processes, key=lambda each: (each["first_ts"], each["process"])):
        if not process["navs"]:
            silent.processes.append(process)
            continue
        away, run = min(((_away(process, run), run) for run in runs), key=lambda each: each[0], default=(None, None))
        if run is None or away is None or away > _NEAR_FRAC:
            run = Run("apart")
            runs.append(run)
        run.processes.append(process)
    if runs:
        account = max(runs, key=_weight)
        account.kind = "account"
        runs.sort(key=lambda run: run is not account)
    return [*runs[:1], *([silent] if silent.processes else []), *runs[1:]]


def _away(process: Process, run: Run) -> float:
    """Return how far a process's first NAV is from the run's NAV at that time, as a share of the run's."""
    before = run.processes[-1]
    nav = process["nav_first_usd"]
    if process["first_ts"] >= before["last_ts"]:
        low = high = before["nav_last_usd"]
    else:
        low, high = before["nav_low_usd"], before["nav_high_usd"]
    nearest = min(max(nav, low), high)
    return float(abs(nav - nearest) / nearest)


def _weight(run: Run) -> tuple[int, int]:
    return sum(process["ticks"] for process in run.processes), sum(process["navs"] for process in run.processes)
