"""The limits and the universe of an executor: documents parsed once into frozen values.

Laws kept here:
- a document has the shape of ``risk_limits.json`` or ``pairs_universe.json``; it is checked whole, and refused with its
  kind, the key, what was expected and what was found; unknown keys are kept in ``model_extra`` (``slips`` names them);
- ``None`` means no limit and a configured 0 means 0; text is never converted;
- caps (``max_nav_pct``, ``max_trade_nav_pct``, the share cap) above 1 are per cent, else fractions (semantics 8); loss
  and drawdown limits are always per cent; gross and symbol exposure are always per cent of NAV. In the parsed values,
  shares of NAV end in ``_frac`` and losses in ``_pct``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import pytz
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema

from tape.execution.values import normal_name


class ConfigInvalid(ValueError):
    """A document of a ``kind`` (limits, universe) is invalid; ``key``: the place, dots between levels."""

    def __init__(self, kind: str, key: str, expected: str, found: str) -> None:
        self.kind, self.key, self.expected, self.found = kind, key, expected, found
        super().__init__(f"{kind}: {key}: expected {expected}, found {found}")


@dataclass(frozen=True)
class Number:
    """The allowed values of a number: ``expected`` in words, ``unit``, and whether null (no limit) is allowed.

    Text, true and false are never allowed.
    """

    expected: str
    unit: str
    holds: Callable[[float], bool]
    null: bool = True

    @property
    def said(self) -> str:
        """Return what is expected, with its unit."""
        return f"{self.expected} ({self.unit})" if self.unit else self.expected

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: object) -> object:
        if (value is None and self.null) or (
            isinstance(value, (int, float)) and not isinstance(value, bool) and self.holds(value)
        ):
            return value
        raise ValueError(self.said)


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


MAX_LEVERAGE = 125
"""The highest leverage that the venues of this program know."""

_NAV = "per cent of NAV"
_SHARE = "a share from 0 to 1, or a per cent above 1 up to 100"

Leverage = Annotated[
    float | None, Number(f"a number above 0, up to {MAX_LEVERAGE}", "times", lambda value: 0 < value <= MAX_LEVERAGE)
]
Freshness = Annotated[
    float, Number("a number above 0, up to 86400", "seconds", lambda value: 0 < value <= 86_400, null=False)
]
Minutes = Annotated[float | None, Number("a number from 0 to 10080", "minutes", lambda value: 0 <= value <= 10_080)]
Usd = Annotated[float | None, Number("a number of at least 0", "USD", lambda value: value >= 0)]
Bps = Annotated[float | None, Number("a number from 0 to 1000", "bps", lambda value: 0 <= value <= 1_000)]
Count = Annotated[int | None, Number("a whole number of at least 0", "", lambda value: value >= 0 and value % 1 == 0)]
LossPct = Annotated[float | None, Number("a number above 0, up to 100", "per cent", lambda value: 0 < value <= 100)]
CapFrac = Annotated[
    float | None, Number(_SHARE, "of NAV", lambda value: 0 <= value <= 100), AfterValidator(_as_fraction)
]
Share = Annotated[float | None, Number("a share from 0 to 1", "", lambda value: 0 <= value <= 1)]
ExposureFrac = Annotated[
    float | None, Number("a number of at least 0", _NAV, lambda value: value >= 0), AfterValidator(_from_per_cent)
]
Symbol = Annotated[str, BeforeValidator(_symbol)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]


def _entry(value: object) -> object:
    return {"symbol": value} if isinstance(value, str) else value


class Document(BaseModel):
    """A part of a document: its fields are the known keys."""

    model_config = ConfigDict(frozen=True, extra="allow")


def _key(name: str | None, meaning: str) -> Any:
    """Declare a value that may be left out: its key in the document, and its allowed values."""
    return Field(None, validation_alias=name, description=meaning)


class AutotuneBounds(Document):
    """``router_autotune``: bounds of suggested router policies; only the store reads it."""

    min_bias: Share = _key(None, "lowest taker bias that may be suggested; left out: 0")
    max_bias: Share = _key(None, "highest taker bias that may be suggested; left out: 1")
    max_bias_step: Share = _key(None, "how far a suggestion moves the bias, kept within 0.01..0.25; left out: 0.05")
    min_offset_bps: Bps = _key(None, "smallest maker offset that may be suggested; left out: 0.5")
    max_offset_bps: Bps = _key(None, "largest maker offset that may be suggested; left out: 8")
    max_offset_step_bps: Bps = _key(None, "how far a suggestion moves the offset, kept within 0.25..3; left out: 1")


class GlobalLimits(Document):
    """``global``: the limits of the account, and of every symbol without limits of its own."""

    daily_loss_limit_pct: LossPct = _key(None, "loss since the day began, of the equity then, at which nothing opens")
    max_nav_drawdown_pct: LossPct = _key(None, "drawdown from the peak of the day at which nothing opens")
    symbol_drawdown_cap_pct: LossPct = _key(
        None, "drawdown of a symbol today, of the account's equity, at which it is off for the rest of the day"
    )
    cooldown_min: Minutes = _key("cooldown_minutes_after_stop", "pause of a symbol after a losing close")
    max_trades_per_symbol_per_hour: Count = _key(None, "orders of a symbol within an hour")
    max_gross_exposure_frac: ExposureFrac = _key("max_gross_exposure_pct", "all positions together, long and short")
    max_symbol_exposure_frac: ExposureFrac = _key("max_symbol_exposure_pct", "position in one symbol")
    max_concurrent_positions: Count = _key(None, "positions of the account at a time")
    max_leverage: Leverage = _key(None, "leverage of an order")
    min_notional_usd: Usd = _key("min_notional_usdt", "smallest order")
    trade_cap_frac: CapFrac = _key("max_trade_nav_pct", "largest order")
    nav_cap_frac: CapFrac = _key("symbol_notional_share_cap_pct", "position in a symbol without a max_nav_pct")
    may_exceed_nav: frozenset[Literal["max_gross_exposure_pct", "max_symbol_exposure_pct"]] = Field(
        frozenset(), description="keys of exposure limits that are meant to stand above 100 per cent of NAV"
    )
    router_autotune: AutotuneBounds | None = None


class OwnCaps(Document):
    """The caps of one symbol: ``per_symbol`` of the limits, ``caps`` of the universe."""

    max_order_notional_usd: Usd = _key("max_order_notional", "largest order")
    nav_cap_frac: CapFrac = _key("max_nav_pct", "position in the symbol")
    trade_cap_frac: CapFrac = _key("max_trade_nav_pct", "largest order")
    max_concurrent_positions: Count = _key(None, "positions in the symbol at a time; 0: none")


class OwnLimits(OwnCaps):
    """An entry of ``per_symbol``."""

    min_notional_usd: Usd = _key("min_notional", "smallest order")
    max_leverage: Leverage = _key(None, "leverage of an order")


class Limits(Document):
    """The limits. ``nav_freshness_s``: an older account is stale; ``reset_timezone``: its midnight begins the day."""

    overall: GlobalLimits = Field(GlobalLimits(), validation_alias="global")
    per_symbol: dict[Symbol, OwnLimits] = {}
    router_autotune: AutotuneBounds | None = None
    restricted_symbols: frozenset[Symbol] = Field(frozenset(), description="symbols in which nothing opens")
    nav_freshness_s: Freshness = Field(
        150.0, validation_alias="nav_freshness_seconds", description="age of the account from which it is stale"
    )
    fail_closed_on_nav_stale: StrictBool = Field(True, description="whether nothing opens while the account is stale")
    reset_timezone: TimeZone = Field("UTC", description="time zone in which a day begins, e.g. Europe/Berlin")


class Listed(Document):
    """One symbol of the universe."""

    symbol: Symbol = Field(description="instrument, e.g. BTCUSDT")
    enabled: StrictBool = Field(True, description="whether positions in it may be opened")
    tier: Any = Field(None, description="group it is shown under, e.g. CORE")
    min_notional_usd: Usd = _key("min_notional", "smallest order")
    max_leverage: Leverage = _key(None, "leverage of an order")
    caps: OwnCaps = OwnCaps()


class Universe(Document):
    """The symbols that may be traded, as configured."""

    listed: tuple[Annotated[Listed, BeforeValidator(_entry)], ...] = Field(
        validation_alias=AliasChoices("universe", "symbols")
    )

    def find(self, symbol: str) -> Listed | None:
        """Return the entry of a symbol; ``None`` if it is not in the universe."""
        return next((entry for entry in self.listed if entry.symbol == symbol), None)

    @property
    def enabled(self) -> tuple[str, ...]:
        return tuple(entry.symbol for entry in self.listed if entry.enabled)


def parse_limits(document: object) -> Limits:
    """Parse the limits from a document in the shape of ``risk_limits.json``.

    Raises:
        ConfigInvalid: a value has the wrong type or is impossible.
    """
    limits = _parsed("limits", Limits, document)
    per_symbol = document.get("per_symbol", {}) if isinstance(document, dict) else {}
    _refuse_twins("limits", "per_symbol", (_symbol(name) for name in per_symbol))
    return limits


def parse_universe(document: object) -> Universe:
    """Parse the universe from a document in the shape of ``pairs_universe.json``.

    Like the store, it also accepts the bare list, and ``symbols`` instead of ``universe``.

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
    """The limits of one symbol; ``_frac`` of NAV; ``None``: no limit."""

    min_notional_usd: float | None
    max_order_notional_usd: float | None
    max_leverage: float | None
    nav_cap_frac: float | None
    trade_cap_frac: float | None
    max_symbol_exposure_frac: float | None
    max_concurrent_positions: int | None


def effective(limits: Limits, universe: Universe, symbol: str) -> SymbolLimits:
    """Return a symbol's limits: its per-symbol limits, else the universe's caps, else the global ones (semantics 8).

    The global number of positions limits the account, not each symbol; there is no global order size.
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
    "string_type": "a text",
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
        said = str(first.get("ctx", {}).get("expected") or first["msg"].removeprefix("Value error, "))
        expected = _EXPECTED.get(first["type"], said)
        found = "nothing" if first["type"] == "missing" else repr(first["input"])[:60]
        raise ConfigInvalid(kind, _path(part for part in first["loc"] if part != "[key]"), expected, found) from None


def _path(parts: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in parts) or "the document"


def _refuse_no_json(kind: str, value: object, path: tuple[str | int, ...]) -> None:
    """Refuse values that cannot be recorded as JSON: dates, nan and inf of TOML, nan and inf of Python's reader."""
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


@dataclass(frozen=True)
class Config:
    """Limits and universe, as documents for the record and as parsed values."""

    limits_document: dict[str, Any]
    universe_document: dict[str, Any] | list[Any]
    limits: Limits
    universe: Universe

    @classmethod
    def of(cls, limits: dict[str, Any], universe: dict[str, Any] | list[Any]) -> Config:
        """Parse both documents; raises ConfigInvalid if one of them is invalid."""
        return cls(limits, universe, parse_limits(limits), parse_universe(universe))
