"""The limits in force in a home: the newest on record, else those with which an executor would begin.

Each limit is shown with its unit, beside the default. Limits on record may come from another runtime: values that an
executor would refuse are left out, and reported.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from tape.client.client import Client
from tape.execution.config import Limits, Number, SymbolLimits, Universe, effective, parse_limits, parse_universe
from tape.execution.default_limits import DEFAULT_LIMITS, with_defaults
from tape.execution.slips import key_of, mended, without_effect
from tape.settings import load_settings
from tape.store.errors import DatabaseMissing

_NEWEST = (
    "select ts, producer, payload from seen_config_snapshots where kind = '{kind}'"
    " order by ts desc, ingest_seq desc limit 1"
)


@dataclass(frozen=True)
class Shown:
    """A limit of the account. ``value`` and ``default`` have units; ``is_default``: they are the same."""

    limit: str
    value: str
    default: str
    is_default: bool
    meaning: str


@dataclass(frozen=True)
class ShownSymbol:
    """The limits of a symbol; null: no limit."""

    symbol: str
    is_enabled: bool
    limits: SymbolLimits

    @property
    def position_frac(self) -> float | None:
        """Return the largest position as a share of NAV: the lower of the symbol's cap and the cap for any symbol."""
        shares = (self.limits.nav_cap_frac, self.limits.max_symbol_exposure_frac)
        return min((share for share in shares if share is not None), default=None)


@dataclass(frozen=True)
class InForce:
    """The limits of a home. ``since``: their time on record, null if none is; ``producer``: who recorded them."""

    since: datetime | None
    producer: str | None
    account: list[Shown]
    symbols: list[ShownSymbol]
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        since = None if self.since is None else self.since.isoformat()
        return {**asdict(self), "since": since}


def limits_in_force(home: Path, as_of: datetime | None = None) -> InForce:
    """Return the limits in force in a home at an instant, else now.

    Raises:
        StoreError: settings are invalid, or the store cannot be read.
    """
    settings = load_settings(home)
    notes = list(settings.notes)
    configured = dict(zip(("limits", "universe"), with_defaults(settings.limits, settings.universe), strict=True))
    recorded = _recorded(Client(home, settings), as_of)
    documents = {kind: recorded[kind][2] if kind in recorded else configured[kind] for kind in configured}
    for kind, document in documents.items():
        usable, refused = mended(kind, document)
        if kind in recorded:
            notes += [*without_effect(kind, document), *refused]
        documents[kind] = usable
    given = {"limits": settings.limits, "universe": settings.universe}
    notes += [
        f"{kind}: configured otherwise than on record: in force with the next start of an owner or an executor"
        for kind in configured
        if as_of is None and given[kind] is not None and kind in recorded and recorded[kind][2] != configured[kind]
    ]
    if not settings.flags.is_risk_engine_on:
        notes.append("RISK_ENGINE_V6_ENABLED is off: an executor of this home checks no limit")
    limits = parse_limits(documents["limits"])
    universe = parse_universe(documents["universe"]) if documents["universe"] else Universe(universe=())
    since, producer, _ = recorded.get("limits", (None, None, None))
    return InForce(since, producer, account_limits(limits), symbol_limits(limits, universe), notes)


def _recorded(client: Client, as_of: datetime | None) -> dict[str, tuple[datetime, str, Any]]:
    found = {}
    for kind in ("limits", "universe"):
        try:
            rows = client.query(_NEWEST.format(kind=kind), as_of=as_of).rows
        except DatabaseMissing:
            return {}
        for ts, producer, payload in rows:
            found[kind] = (ts, producer, json.loads(payload) if isinstance(payload, str) else payload)
    return found


def account_limits(limits: Limits) -> list[Shown]:
    """Return the limits of the account, each with its unit, in the order of the document."""
    default = parse_limits(DEFAULT_LIMITS)
    shown = []
    for section, now, before in (("global", limits.overall, default.overall), ("", limits, default)):
        for name, field in type(now).model_fields.items():
            value, usual = getattr(now, name), getattr(before, name)
            if name in _PARTS:
                continue
            key = f"{section}.{key_of(name, field)}".removeprefix(".")
            texts = (_said(name, field, value), _said(name, field, usual))
            shown.append(Shown(key, *texts, value == usual, str(field.description)))
    return shown


_PARTS = ("overall", "per_symbol", "router_autotune")
"""Objects of the document: shown by what is in them, or read by the store alone."""


def _said(name: str, field: FieldInfo, value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if name.endswith("_frac"):
        return of_nav(value)
    unit = next((each.unit for each in field.metadata if isinstance(each, Number)), "")
    text = f"{value:,g}" if isinstance(value, (int, float)) else str(value)
    return f"{text} {_SHORT.get(unit, unit)}".strip()


_SHORT = {"per cent": "%"}


def of_nav(share: float) -> str:
    """Return a share of NAV as text."""
    return f"{100 * share:g} % of NAV"


def symbol_limits(limits: Limits, universe: Universe) -> list[ShownSymbol]:
    """Return the limits of each symbol of the universe, sorted by symbol."""
    restricted = limits.restricted_symbols
    return [
        ShownSymbol(
            entry.symbol, entry.enabled and entry.symbol not in restricted, effective(limits, universe, entry.symbol)
        )
        for entry in sorted(universe.listed, key=lambda entry: entry.symbol)
    ]


def said_at_start(limits: Limits, universe: Universe) -> list[str]:
    """Return the limits as a few log lines: the account's, then the symbols', equal ones together."""
    shown = account_limits(limits)
    lines = ["limits: " + ", ".join(f"{each.limit.rpartition('.')[2]} {each.value}" for each in shown)]
    if given := [each.limit for each in shown if not each.is_default]:
        lines.append(f"limits: not the default: {', '.join(given)}")
    alike: dict[str, list[str]] = {}
    for each in symbol_limits(limits, universe):
        alike.setdefault(_of_symbol(each) if each.is_enabled else "nothing opens", []).append(each.symbol)
    return [*lines, *(f"limits of {', '.join(symbols)}: {said}" for said, symbols in alike.items())]


def _of_symbol(shown: ShownSymbol) -> str:
    own = shown.limits
    found = {
        "order at least": None if own.min_notional_usd is None else f"{own.min_notional_usd:,g} USD",
        "order at most": " and ".join(
            [
                *([] if own.max_order_notional_usd is None else [f"{own.max_order_notional_usd:,g} USD"]),
                *([] if own.trade_cap_frac is None else [of_nav(own.trade_cap_frac)]),
            ]
        ),
        "position at most": None if shown.position_frac is None else of_nav(shown.position_frac),
        "leverage at most": None if own.max_leverage is None else f"{own.max_leverage:g}",
        "positions at most": None if own.max_concurrent_positions is None else f"{own.max_concurrent_positions}",
    }
    return ", ".join(f"{name} {value or 'no limit'}" for name, value in found.items())
