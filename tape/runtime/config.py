"""Limits and universe of an executor, as they are configured."""

from __future__ import annotations

from tape.execution.config import DEFAULT_LIMITS, DEFAULT_UNIVERSE, Config
from tape.settings import Settings


def config_of(settings: Settings) -> Config:
    """Limits and universe as configured, else the defaults of a paper account."""
    limits = DEFAULT_LIMITS if settings.limits is None else settings.limits
    universe = DEFAULT_UNIVERSE if settings.universe is None else settings.universe
    return Config.of(limits, universe)
