"""The limits and the universe an executor runs with: documents parsed once, frozen values from then on.

Laws kept here:
- a document has the shape of ``risk_limits.json`` or ``pairs_universe.json``; it is checked whole, and refused with
  its kind, the key, what was expected and what was found; keys that mean nothing here are kept in ``model_extra``;
- ``None`` is no limit and a configured 0 is 0; nothing is guessed from text;
- caps (``max_nav_pct``, ``max_trade_nav_pct``, the share cap) above 1 are per cent, else fractions (semantics 8); loss
  and drawdown limits are always per cent; gross and symbol exposure are always per cent of NAV. Inside, what is a share
  of NAV is a ``_frac``, what is lost is a ``_pct``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import pytz
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)

from tape.execution.values import normal_name


class ConfigInvalid(ValueError):
    """A document of a ``kind`` (limits, universe) cannot be used; ``key``: where, dots between levels."""

    def __init__(self, kind: str, key: str, expected: str, found: str) -> None:
        self.kind, self.key, self.expected, self.found = kind, key, expected, found
        super().__init__(f"{kind}: {key}: expected {expected}, found {found}")


def _number(expected: str, holds: Callable[[float], bool], *, null: bool = True) -> BeforeValidator:
    """Numbers that hold, and null where it may be; never text or true and false."""

    def checked(value: object) -> object:
        if (value is None and null) or (
            isinstance(value, (int, float)) and not isinstance(value, bool) and holds(value)
        ):
            return value
        raise ValueError(expected)

    return BeforeValidator(checked)


def _as_fraction(value: float | None) -> float | None:
    return value / 100 if value is not None and value > 1 else value


def _from_per_cent(value: float | None) -> float | None:
    return None if value is None else value / 100


def _symbol(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a symbol")
    return normal_name(value)


def _time_zone(value: object) -> str:
    try:
        return str(pytz.timezone(value if isinstance(value, str) else "").zone)
    except pytz.UnknownTimeZoneError:
        raise ValueError("the name of a time zone") from None


_NOT_NEGATIVE = _number("a number of at least 0", lambda value: value >= 0)

Positive = Annotated[float | None, _number("a number above 0", lambda value: value > 0)]
Seconds = Annotated[float, _number("a number above 0", lambda value: value > 0, null=False)]
NotNegative = Annotated[float | None, _NOT_NEGATIVE]
Count = Annotated[int | None, _number("a whole number of at least 0", lambda value: value >= 0 and value % 1 == 0)]
LossPct = Annotated[float | None, _number("a per cent above 0, up to 100", lambda value: 0 < value <= 100)]
CapFrac = Annotated[
    float | None,
    _number("a share from 0 to 1, or a per cent up to 100", lambda value: 0 <= value <= 100),
    AfterValidator(_as_fraction),
]
Share = Annotated[float | None, _number("a share from 0 to 1", lambda value: 0 <= value <= 1)]
ExposureFrac = Annotated[float | None, _NOT_NEGATIVE, AfterValidator(_from_per_cent)]
Symbol = Annotated[str, BeforeValidator(_symbol)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]


def _entry(value: object) -> object:
    return {"symbol": value} if isinstance(value, str) else value


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


def _key(name: str) -> Any:
    """A limit that may be left out, and its key in the document."""
    return Field(None, validation_alias=name)


class GlobalLimits(_Document):
    """``global``: what holds for the account, and for every symbol that has nothing of its own."""

    daily_loss_limit_pct: LossPct = None
    max_nav_drawdown_pct: LossPct = None
    symbol_drawdown_cap_pct: LossPct = None
    cooldown_min: NotNegative = _key("cooldown_minutes_after_stop")
    max_trades_per_symbol_per_hour: Count = None
    max_gross_exposure_frac: ExposureFrac = _key("max_gross_exposure_pct")
    max_symbol_exposure_frac: ExposureFrac = _key("max_symbol_exposure_pct")
    max_concurrent_positions: Count = None
    max_leverage: Positive = None
    min_notional_usd: NotNegative = _key("min_notional_usdt")
    trade_cap_frac: CapFrac = _key("max_trade_nav_pct")
    nav_cap_frac: CapFrac = _key("symbol_notional_share_cap_pct")
    router_autotune: AutotuneBounds | None = None


class AutotuneBounds(_Document):
    """``router_autotune``: how far a suggested router policy may go; only the store reads it."""

    min_bias: Share = None
    max_bias: Share = None


class OwnCaps(_Document):
    """What a symbol may have of its own: ``per_symbol`` of the limits, ``caps`` of the universe."""

    max_order_notional_usd: NotNegative = _key("max_order_notional")
    nav_cap_frac: CapFrac = _key("max_nav_pct")
    trade_cap_frac: CapFrac = _key("max_trade_nav_pct")
    max_concurrent_positions: Count = None


class OwnLimits(OwnCaps):
    """An entry of ``per_symbol``."""

    min_notional_usd: NotNegative = _key("min_notional")
    max_leverage: Positive = None


class Limits(_Document):
    """The limits. ``nav_freshness_s``: an older account is stale; ``reset_timezone``: where a day begins."""

    overall: GlobalLimits = Field(GlobalLimits(), validation_alias="global")
    per_symbol: dict[Symbol, OwnLimits] = {}
    router_autotune: AutotuneBounds | None = None
    restricted_symbols: frozenset[Symbol] = frozenset()
    nav_freshness_s: Seconds = Field(150.0, validation_alias="nav_freshness_seconds")
    fail_closed_on_nav_stale: StrictBool = True
    reset_timezone: TimeZone = "UTC"


class Listed(_Document):
    """One symbol of the universe."""

    symbol: Symbol
    enabled: StrictBool = True
    min_notional_usd: NotNegative = _key("min_notional")
    max_leverage: Positive = None
    caps: OwnCaps = OwnCaps()


class Universe(_Document):
    """The symbols that may be traded, as configured."""

    listed: tuple[Annotated[Listed, BeforeValidator(_entry)], ...] = Field(
        validation_alias=AliasChoices("universe", "symbols")
    )

    def find(self, symbol: str) -> Listed | None:
        """The entry of a symbol; ``None``: it is not in the universe."""
        return next((entry for entry in self.listed if entry.symbol == symbol), None)

    @property
    def enabled(self) -> tuple[str, ...]:
        return tuple(entry.symbol for entry in self.listed if entry.enabled)


def parse_limits(document: object) -> Limits:
    """The limits of a document in the shape of ``risk_limits.json``.

    Raises:
        ConfigInvalid: a value has the wrong type or is impossible.
    """
    limits = _parsed("limits", Limits, document)
    per_symbol = document.get("per_symbol", {}) if isinstance(document, dict) else {}
    _refuse_twins("limits", "per_symbol", (_symbol(name) for name in per_symbol))
    return limits


def parse_universe(document: object) -> Universe:
    """The universe of a document in the shape of ``pairs_universe.json``.

    Like the store, it also takes the bare list, and ``symbols`` where there is no ``universe``.

    Raises:
        ConfigInvalid: a value has the wrong type or is impossible.
    """
    if isinstance(document, list):
        document = {"universe": document}
    universe = _parsed("universe", Universe, document)
    if not universe.listed:
        raise ConfigInvalid("universe", "universe", "at least one symbol", "[]")
    _refuse_twins("universe", "universe", (entry.symbol for entry in universe.listed))
    return universe


@dataclass(frozen=True, slots=True)
class SymbolLimits:
    """What holds for one symbol; ``_frac`` of NAV; ``None``: no limit."""

    min_notional_usd: float | None
    max_order_notional_usd: float | None
    max_leverage: float | None
    nav_cap_frac: float | None
    trade_cap_frac: float | None
    max_symbol_exposure_frac: float | None
    max_concurrent_positions: int | None


def effective(limits: Limits, universe: Universe, symbol: str) -> SymbolLimits:
    """What holds for a symbol: its per-symbol limits, else the universe's caps, else the global ones (semantics 8).

    The global number of positions is the account's, so it is no symbol's own; neither is there a global order size.
    """
    own = limits.per_symbol.get(symbol, OwnLimits())
    listed = universe.find(symbol) or Listed(symbol=symbol)
    caps, overall = listed.caps, limits.overall
    return SymbolLimits(
        min_notional_usd=_first(own.min_notional_usd, listed.min_notional_usd, overall.min_notional_usd),
        max_order_notional_usd=_first(own.max_order_notional_usd, caps.max_order_notional_usd),
        max_leverage=_first(own.max_leverage, listed.max_leverage, overall.max_leverage),
        nav_cap_frac=_first(own.nav_cap_frac, caps.nav_cap_frac, overall.nav_cap_frac),
        trade_cap_frac=_first(own.trade_cap_frac, caps.trade_cap_frac, overall.trade_cap_frac),
        max_symbol_exposure_frac=overall.max_symbol_exposure_frac,
        max_concurrent_positions=_first(own.max_concurrent_positions, caps.max_concurrent_positions),
    )


N = TypeVar("N", int, float)


def _first(*stated: N | None) -> N | None:
    return next((value for value in stated if value is not None), None)


M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "missing": "a value",
    "bool_type": "true or false",
    "model_type": "an object",
    "dict_type": "an object",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
}


def _parsed(kind: str, model: type[M], document: object) -> M:
    _refuse_no_json(kind, document, ())
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        expected = _EXPECTED.get(first["type"], first["msg"].removeprefix("Value error, "))
        found = "nothing" if first["type"] == "missing" else repr(first["input"])[:60]
        raise ConfigInvalid(kind, _path(part for part in first["loc"] if part != "[key]"), expected, found) from None


def _path(parts: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in parts) or "the document"


def _refuse_no_json(kind: str, value: object, path: tuple[str | int, ...]) -> None:
    """TOML has dates, nan and inf, Python's JSON reader the last two; none can be recorded."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_no_json(kind, item, (*path, str(key)))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _refuse_no_json(kind, item, (*path, place))
    elif isinstance(value, (int, float)):
        if not _is_finite(value):
            raise ConfigInvalid(kind, _path(path), "a finite number", repr(value)[:60])
    elif value is not None and not isinstance(value, str):
        raise ConfigInvalid(kind, _path(path), "a JSON value", str(value)[:60])


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _refuse_twins(kind: str, key: str, symbols: Iterable[str]) -> None:
    seen: set[str] = set()
    for symbol in symbols:
        if symbol in seen:
            raise ConfigInvalid(kind, key, "each symbol once", f"{symbol!r} twice")
        seen.add(symbol)


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
    "quote_symbols": ["USDT"],
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


@dataclass(frozen=True)
class Config:
    """Limits and universe as documents, which go on record, and as what they say."""

    limits_document: dict[str, Any]
    universe_document: dict[str, Any] | list[Any]
    limits: Limits
    universe: Universe

    @classmethod
    def of(cls, limits: dict[str, Any], universe: dict[str, Any] | list[Any]) -> Config:
        """Raises ConfigInvalid where one of the documents cannot be used."""
        return cls(limits, universe, parse_limits(limits), parse_universe(universe))
