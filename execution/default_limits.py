"""The default limits and universe of a paper account, and how incomplete documents are filled up.

Laws kept here:
- keys that are not given keep their defaults: setting one key drops no other; ``null`` means no limit;
- a default of a symbol never loosens what is given: it gives way to a value given for the symbol in the other document,
  and to a stricter one given for the whole account;
- a given universe lists every symbol: default symbols that it leaves out are dropped, with their limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tape.execution.config import OwnLimits, parse_limits, parse_universe
from tape.execution.values import normal_name

DEFAULT_LIMITS: dict[str, Any] = {
    "global": {
        "daily_loss_limit_pct": 3.0,
        "max_nav_drawdown_pct": 6.0,
        "symbol_drawdown_cap_pct": 0.15,
        "cooldown_minutes_after_stop": 5,
        "max_trades_per_symbol_per_hour": 12,
        "max_gross_exposure_pct": 120,
        "max_symbol_exposure_pct": 35,
        "max_concurrent_positions": 4,
        "max_leverage": 3,
        "min_notional_usdt": 20,
        "max_trade_nav_pct": 0.1,
        "symbol_notional_share_cap_pct": 25,
    },
    "per_symbol": {
        "BTCUSDT": {"min_notional": 100, "max_order_notional": 1500, "max_nav_pct": 0.35, "max_trade_nav_pct": 0.15},
        "ETHUSDT": {"max_order_notional": 1500, "max_nav_pct": 0.3, "max_trade_nav_pct": 0.15},
        "SOLUSDT": {"max_order_notional": 1000},
        "LINKUSDT": {"max_order_notional": 750, "max_leverage": 2},
        "LTCUSDT": {"max_order_notional": 750, "max_leverage": 2},
        "SUIUSDT": {"max_order_notional": 500, "max_leverage": 2},
    },
    "nav_freshness_seconds": 120,
    "fail_closed_on_nav_stale": True,
    "reset_timezone": "UTC",
    "restricted_symbols": [],
}
"""Limits of a paper account of 10,000 USD."""

DEFAULT_UNIVERSE: dict[str, Any] = {
    "universe": [
        {"symbol": "BTCUSDT", "tier": "CORE", "enabled": True, "caps": {"max_concurrent_positions": 1}},
        {"symbol": "ETHUSDT", "tier": "CORE", "enabled": True, "caps": {"max_concurrent_positions": 1}},
        {"symbol": "SOLUSDT", "tier": "SATELLITE", "enabled": True, "caps": {"max_nav_pct": 0.2}},
        {"symbol": "LINKUSDT", "tier": "SATELLITE", "enabled": True, "caps": {"max_nav_pct": 0.15}},
        {"symbol": "LTCUSDT", "tier": "SATELLITE", "enabled": True, "caps": {"max_nav_pct": 0.15}},
        {"symbol": "SUIUSDT", "tier": "TACTICAL", "enabled": True, "caps": {"max_nav_pct": 0.1}},
    ],
}
"""The symbols of that account."""

Json = dict[str, Any]

_STRICTER = (
    ("max_trade_nav_pct", "max_trade_nav_pct", -1),
    ("symbol_notional_share_cap_pct", "max_nav_pct", -1),
    ("max_leverage", "max_leverage", -1),
    ("min_notional_usdt", "min_notional", 1),
)
"""Key of the whole account, key of a symbol, and which is stricter: the lower (-1) or the higher (1)."""
_OWN = {str(field.validation_alias or name): name for name, field in OwnLimits.model_fields.items()}


def with_defaults(limits: Json | None, universe: Json | list[Any] | None) -> tuple[Json, Json]:
    """Return the complete limits and universe for the given documents, which may set only a few keys.

    Unknown keys are kept.

    Raises:
        ConfigInvalid: one of the documents cannot be used.
    """
    given, given_universe = _normal_limits(limits or {}), _normal_universe(universe)
    default, default_universe = deepcopy(DEFAULT_LIMITS), deepcopy(DEFAULT_UNIVERSE)
    listed = default_universe if given_universe is None else given_universe
    stated = {entry["symbol"]: entry for entry in (given_universe or {"universe": []})["universe"]}
    names = {entry["symbol"] for entry in listed["universe"]}
    own_defaults = {name: own for name, own in default["per_symbol"].items() if name in names}
    for name, own in own_defaults.items():
        entry = stated.get(name, {})
        for key in [key for key in own if key in entry or key in entry.get("caps", {})]:
            del own[key]
        _give_way(own, given.get("global", {}))
    for entry in default_universe["universe"]:
        _give_way(entry.get("caps", {}), given.get("global", {}))
    own_default_entries = {entry["symbol"]: entry for entry in default_universe["universe"]}
    return (
        _merged({**default, "per_symbol": own_defaults}, given),
        {
            **listed,
            "universe": [_merged(own_default_entries.get(entry["symbol"], {}), entry) for entry in listed["universe"]],
        },
    )


def _normal_limits(document: Json) -> Json:
    """Return the limits with the names of symbols as they are stored."""
    parse_limits(document)
    per_symbol = {normal_name(name): own for name, own in document.get("per_symbol", {}).items()}
    return {**document, "per_symbol": per_symbol} if per_symbol else document


def _normal_universe(document: Json | list[Any] | None) -> Json | None:
    """Return the universe as an object whose ``universe`` lists objects, with normal names; ``None``: not given."""
    if document is None:
        return None
    parse_universe(document)
    whole = {"universe": document} if isinstance(document, list) else dict(document)
    entries = whole["universe"] if "universe" in whole else whole.pop("symbols")
    entries = [{"symbol": entry} if isinstance(entry, str) else entry for entry in entries]
    return {**whole, "universe": [{**entry, "symbol": normal_name(entry["symbol"])} for entry in entries]}


def _give_way(own: Json, overall: Mapping[str, Any]) -> None:
    """Drop the defaults of a symbol that are looser than what is given for the whole account."""
    for key, own_key, sign in _STRICTER:
        if own_key in own and overall.get(key) is not None:
            loose, strict = (_as_used(own_key, value) for value in (own[own_key], overall[key]))
            if sign * loose < sign * strict:
                del own[own_key]


def _as_used(own_key: str, value: float) -> float:
    """Return a value as the executor uses it: caps as shares of NAV."""
    return float(getattr(OwnLimits.model_validate({own_key: value}), _OWN[own_key]))


def _merged(default: Json, given: Json) -> Json:
    """Merge the default with the given document, object by object; lists and values are replaced whole."""
    found = dict(default)
    for key, value in given.items():
        before = found.get(key)
        found[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found
