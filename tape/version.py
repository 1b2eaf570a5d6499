"""The version of this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Return the installed version of this program."""
    try:
        return version("tape")
    except PackageNotFoundError:
        return "0+unknown"
