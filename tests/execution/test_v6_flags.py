"""The flags are one frozen value, stated under the contract's names in one place."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime

import pytest

from tape.execution.events import FlagsRecorded, parse_event
from tape.execution.v6_flags import FIELDS, Flags

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
FLAGS = Flags(
    is_intel_on=True,
    is_risk_engine_on=False,
    is_pipeline_shadow_on=True,
    is_router_autotune_on=False,
    is_feedback_allocator_on=True,
    is_router_autotune_apply_on=False,
    env="paper",
    dry_run="1",
    testnet="0",
    engine_version="v6.1",
)


def test_every_name_of_the_contract_has_its_field() -> None:
    assert list(FIELDS.values()) == [field.name for field in fields(Flags)]
    assert list(FIELDS) == [
        "INTEL_V6_ENABLED",
        "RISK_ENGINE_V6_ENABLED",
        "PIPELINE_V6_SHADOW_ENABLED",
        "ROUTER_AUTOTUNE_V6_ENABLED",
        "FEEDBACK_ALLOCATOR_V6_ENABLED",
        "ROUTER_AUTOTUNE_V6_APPLY_ENABLED",
        "ENV",
        "DRY_RUN",
        "BINANCE_TESTNET",
        "engine_version",
    ]


def test_the_recorded_flags_are_the_flags() -> None:
    event = FLAGS.event(NOON)
    assert isinstance(event, FlagsRecorded)
    assert (event.ts, event.is_risk_engine_on, event.is_feedback_allocator_on, event.env) == (
        NOON,
        False,
        True,
        "paper",
    )
    assert parse_event("flag_snapshot", {**FLAGS.by_contract_name(), "ts": NOON}) == event


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_engine_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="engine_version: expected a version"):
        replace(FLAGS, engine_version=text)


def test_flags_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FLAGS.env = "prod"  # type: ignore[misc]
