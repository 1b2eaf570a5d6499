"""Limits and universe of an executor, as they are configured, and what is said of them at its start."""

from __future__ import annotations

import logging

from tape.client.limits_in_force import said_at_start
from tape.execution.config import Config
from tape.execution.default_limits import with_defaults
from tape.settings import Settings

_LOG = logging.getLogger("tape")


def config_of(settings: Settings) -> Config:
    """Limits and universe as configured; what is not configured is as in the defaults of a paper account."""
    return Config.of(*with_defaults(settings.limits, settings.universe))


def say_limits(settings: Settings, config: Config) -> None:
    """Log the limits that are checked, and what of the settings may be meant otherwise."""
    for line in said_at_start(config.limits, config.universe):
        _LOG.info("%s", line)
    if not settings.flags.is_risk_engine_on:
        _LOG.warning("RISK_ENGINE_V6_ENABLED is off: no limit is checked")
    for note in settings.notes:
        _LOG.warning("settings: %s", note)
