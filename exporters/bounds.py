"""What the values of published files can be: numbers with their bounds, instants, names of states."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

Float = Annotated[float, Field(allow_inf_nan=False)]


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("expected a number other than 0")
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NotPositive = Annotated[float, Field(le=0, allow_inf_nan=False)]
NotZero = Annotated[
    float, Field(allow_inf_nan=False, json_schema_extra={"not": {"const": 0}}), AfterValidator(_not_zero)
]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
OneOrMore = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]
Instant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""RFC 3339 in UTC."""
Hour = Annotated[str, Field(pattern=r"^(\d|1\d|2[0-3])$")]
"""Hour of a day in UTC."""
RegimeTag = Annotated[
    str, Field(pattern=r"^(maker_success|maker_attempt|fallback|slip_(low|med|high))$|^(policy|bias)_")
]
MakerOffset = Annotated[float, Field(ge=0.5, le=8)]
"""Bps; the bounds of the formula of the maker offset."""
Warning = Literal["high_fallback_ratio", "elevated_median_slippage"]
RiskFlag = Literal["dd_warning", "dd_kill_threshold", "symbol_disabled"]
Bias = Literal["prefer_maker", "balanced", "prefer_taker"]
Quality = Literal["broken", "degraded", "good", "ok"]
AtrRegime = Literal["unknown", "quiet", "normal", "hot", "panic"]
RouterRegime = Literal["unknown", "broken", "fallback_heavy", "slippage_hot", "maker_strong", "balanced"]
RiskMode = Literal["normal", "cautious", "defensive"]
