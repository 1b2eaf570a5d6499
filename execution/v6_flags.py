"""The runtime's flags and mode as one value. Names and meanings: ``FlagsRecorded`` in ``execution/events.py``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tape.execution.events import Event, FlagsRecorded, contract_key

FIELDS = {
    contract_key(name, field): name
    for name, field in FlagsRecorded.model_fields.items()
    if name not in Event.model_fields
}
"""Contract name -> field, e.g. ``INTEL_V6_ENABLED`` -> ``is_intel_on``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The six flags, and what the runtime says of itself; ``engine_version`` is never empty."""

    is_intel_on: bool
    is_risk_engine_on: bool
    is_pipeline_shadow_on: bool
    is_router_autotune_on: bool
    is_feedback_allocator_on: bool
    is_router_autotune_apply_on: bool
    env: str
    dry_run: str
    testnet: str
    engine_version: str

    def __post_init__(self) -> None:
        if not self.engine_version.strip():
            raise ValueError(f"flags: engine_version: expected a version, found {self.engine_version!r}")

    def event(self, ts: datetime) -> FlagsRecorded:
        """The flags as they stand at ``ts``, on record."""
        return FlagsRecorded(ts=ts, **asdict(self))

    def by_contract_name(self) -> dict[str, Any]:
        """The flags under the contract's names."""
        return {key: getattr(self, name) for key, name in FIELDS.items()}
