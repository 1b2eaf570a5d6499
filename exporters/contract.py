"""The published state files: the one table of name, document view, shape, cadence and maximum age.

The shapes of the contract's twelve files are in ``tape.exporters.shapes`` and ``intel_shapes``, those of the two that
tell what trading costs and which records cannot be true in ``quality_shapes``.
"""

from __future__ import annotations

from dataclasses import dataclass

from tape.exporters.intel_shapes import (
    CompareSummary,
    Expectancy,
    RiskAllocationSuggestions,
    RouterPolicySuggestions,
    ShadowHead,
    SymbolScores,
)
from tape.exporters.quality_shapes import ExecutionQuality, Reconciliation
from tape.exporters.shapes import Nav, Positions, RiskSnapshot, RouterHealth, RuntimeProbe, Shape, SyncedState


@dataclass(frozen=True)
class StateFile:
    """One published file and its cadence.

    It is published again ``every_s`` after its last publication if its inputs changed, one tick after new rows in one
    of the tables ``at_once``, and in any case after ``max_age_s``. A change goes to Firestore with the next cycle,
    averaged over a day at most every ``synced_every_s``: all files together stay below the free quota, no matter what
    changes.
    """

    name: str
    view: str
    model: type[Shape]
    every_s: float
    max_age_s: float
    at_once: tuple[str, ...] = ()
    synced_every_s: float = 300.0

    @property
    def stem(self) -> str:
        return self.name.removesuffix(".json")


TICK_S, INTEL_S, SHADOW_S, COMPARE_S, PROBE_S = 1.0, 120.0, 600.0, 900.0, 300.0
_TRADES = ("order_closes", "order_metrics")

STATE_FILES: tuple[StateFile, ...] = (
    StateFile("nav.json", "nav_document", Nav, TICK_S, 60, synced_every_s=20),
    StateFile("positions.json", "positions_document", Positions, TICK_S, 60, synced_every_s=20),
    StateFile("risk_snapshot.json", "risk_snapshot_document", RiskSnapshot, TICK_S, 120, synced_every_s=120),
    StateFile("router_health.json", "router_health_document", RouterHealth, TICK_S, 300, synced_every_s=120),
    StateFile("expectancy_v6.json", "expectancy_document", Expectancy, INTEL_S, 1800, at_once=_TRADES),
    StateFile("symbol_scores_v6.json", "symbol_scores_document", SymbolScores, TICK_S, 1800, synced_every_s=120),
    StateFile(
        "router_policy_suggestions_v6.json",
        "router_policy_suggestions_document",
        RouterPolicySuggestions,
        INTEL_S,
        1800,
        at_once=_TRADES,
    ),
    StateFile(
        "risk_allocation_suggestions_v6.json",
        "risk_allocation_suggestions_document",
        RiskAllocationSuggestions,
        INTEL_S,
        1800,
        at_once=_TRADES,
    ),
    StateFile("pipeline_v6_shadow_head.json", "shadow_head_document", ShadowHead, SHADOW_S, SHADOW_S),
    StateFile("pipeline_v6_compare_summary.json", "compare_summary_document", CompareSummary, COMPARE_S, COMPARE_S),
    StateFile("v6_runtime_probe.json", "runtime_probe_document", RuntimeProbe, PROBE_S, PROBE_S),
    StateFile("synced_state.json", "synced_state_document", SyncedState, TICK_S, 60, synced_every_s=20),
    StateFile("execution_quality.json", "execution_quality_document", ExecutionQuality, INTEL_S, 1800),
    StateFile("reconciliation.json", "reconciliation_document", Reconciliation, INTEL_S, 1800),
)
"""``every_s`` and ``max_age_s`` of the first twelve are the cadences of the contract in seconds."""


def file_meant(name: str) -> StateFile:
    """Return the file that a user means: as ``state_file``, also by its stem without ``_v6`` or by its view's name.

    Raises:
        KeyError: there is no such file.
    """
    by_name = {file.stem.removesuffix("_v6"): file for file in STATE_FILES}
    found = by_name.get(name) or by_name.get(name.removesuffix("_document"))
    return found or state_file(name)


def state_file(name: str) -> StateFile:
    """Return the file called ``nav`` or ``nav.json``.

    Raises:
        KeyError: there is no such file.
    """
    for file in STATE_FILES:
        if name in (file.name, file.stem):
            return file
    raise KeyError(name)
