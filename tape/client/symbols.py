"""The symbols that a home knows, and errors about unknown ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tape.client.client import Client
from tape.execution.config import Limits, Universe, parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_UNIVERSE
from tape.execution.values import normal_name
from tape.settings import Settings, load_settings
from tape.store.errors import DatabaseMissing, StoreError

_LOG = logging.getLogger("tape")

_SEEN = " union ".join(
    f"select symbol from {table}"
    for table in (
        "configured_symbols",
        "listed_symbols",
        "positions_now",
        "symbol_toggles_now",
        "order_attempts",
        "order_acks",
        "order_fills",
        "order_closes",
        "order_metrics",
        "vetoes",
        "mark_minutes",
        "seen_marks where ts > as_of() - interval 1 hour",
    )
)
"""Minutes of marks are rolled up once they are over, so that the newest marks are looked at too."""
_LIVE = " union ".join(
    f"select symbol from {view}"
    for view in ("configured_symbols", "listed_symbols", "positions_now", "symbol_toggles_now")
)
_NAMED = 8


class UnknownSymbol(StoreError):
    """A symbol is unknown: it is not configured, and was never traded, held or quoted."""

    def __init__(self, symbol: str, known: Iterable[str], more: str = "") -> None:
        self.symbol = symbol
        super().__init__(f"symbol: expected {_some(sorted(known), symbol)}, found {symbol!r}{more}")


def normal(symbol: str) -> str:
    """Return a symbol as it is stored: trimmed, upper case."""
    return normal_name(symbol)


def live_symbols(home: Path) -> tuple[list[str], str | None]:
    """Return the symbols that can be switched: configured, listed in the published files, held or switched off.

    The second value says why the store could not be read; the first then has only configured symbols.
    """
    return _known(home, _LIVE)


def known_symbols(home: Path) -> tuple[list[str], str | None]:
    """Return every symbol configured or on record, and why the store could not be read; null if it could."""
    return _known(home, _SEEN)


def known_symbol(home: Path, symbol: str) -> str:
    """Return a symbol as it is stored.

    Raises:
        UnknownSymbol: the store could be read, and the symbol is unknown.
    """
    known, fault = known_symbols(home)
    if fault is None and normal(symbol) not in known:
        raise UnknownSymbol(symbol, known)
    return normal(symbol)


def _known(home: Path, query: str) -> tuple[list[str], str | None]:
    settings: Settings | None = None
    fault: str | None = None
    try:
        settings = load_settings(home)
    except StoreError as error:
        fault = str(error)
    found = set(_configured(settings))
    if settings is not None:
        try:
            rows = Client(home, settings).query(f"select symbol from ({query}) where symbol is not null").rows
            found |= {str(symbol) for (symbol,) in rows}
        except DatabaseMissing:
            pass
        except StoreError as error:
            fault = str(error)
    return sorted(found), fault


def _configured(settings: Settings | None) -> list[str]:
    """Return the symbols of the universe, enabled or not, and those with limits of their own."""
    universe = DEFAULT_UNIVERSE if settings is None or settings.universe is None else settings.universe
    named = [entry.symbol for entry in parse_universe(universe).listed]
    if settings is not None and settings.limits is not None:
        named += parse_limits(settings.limits).per_symbol
    return named


def _some(known: list[str], symbol: str) -> str:
    """Return the known symbols most similar to one, or all if they are few."""
    if not known:
        return "a symbol that is configured, traded or held, of which there is none"
    if len(known) <= _NAMED:
        return f"one of {', '.join(known)}"
    return f"one of {len(known)} symbols, such as {', '.join(get_close_matches(symbol, known, 5, 0.4) or known[:5])}"


def say_unlisted(limits: Limits, universe: Universe, named: Mapping[str, Iterable[str]]) -> None:
    """Warn of settings for symbols that the universe does not list: these settings have no effect.

    ``named``: setting -> its symbols, beside those of the limits.
    """
    listed = {entry.symbol for entry in universe.listed}
    found: dict[str, Any] = {
        "limits.per_symbol": limits.per_symbol,
        "limits.restricted_symbols": limits.restricted_symbols,
        **named,
    }
    for setting, symbols in found.items():
        if unlisted := sorted(set(symbols) - listed):
            near = [match for each in unlisted for match in get_close_matches(each, listed, 1, 0.7)]
            hint = f" (near: {', '.join(sorted(set(near)))})" if near else ""
            _LOG.warning("%s: not in the universe, so without effect: %s%s", setting, ", ".join(unlisted), hint)
