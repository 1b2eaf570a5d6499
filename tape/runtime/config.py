"""The configured limits and universe of an executor, and the log of them at its start."""

from __future__ import annotations

import logging

from tape.client.limits_in_force import said_at_start
from tape.execution.config import Config
from tape.execution.default_limits import with_defaults
from tape.settings import Settings

_LOG = logging.getLogger("tape")


def config_of(settings: Settings) -> Config:
    """Return limits and universe as configured; whatever is not configured has the defaults of a paper account."""
    return Config.of(*with_defaults(settings.limits, settings.universe))


def say_limits(settings: Settings, config: Config) -> None:
    """Log the limits that are checked, and settings that may be meant otherwise."""
    for line in said_at_start(config.limits, config.universe):
        _LOG.info("%s", line)
    if not settings.flags.is_risk_engine_on:
        _LOG.warning("RISK_ENGINE_V6_ENABLED is off: no limit is checked")
    for note in settings.notes:
        _LOG.warning("settings: %s", note)
