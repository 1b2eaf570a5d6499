"""The form of values by type and unit: rounded as the unit requires, short, and coloured by meaning.

Laws kept here: colour only adds to the text; a column of one unit has the same number of decimals in all rows, as many
as its largest value needs for three digits; prices and quantities, whose sizes differ from symbol to symbol, have seven
digits each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Literal

from tape.store.views.column_comments import UNITS

Kind = Literal["number", "whole", "flag", "instant", "day", "list", "document", "text"]

_SUFFIXES = {unit: suffix for suffix, unit in UNITS.items()} | {"bytes": "_bytes"}
_LABELS = {"base units": "base", "quote/base": "quote", "1": "", "fee asset": "fee asset", "lines": ""}
_DECIMALS = {"USD": 2, "bps": 2, "%": 2, "0..1": 3, "ms": 0, "s": 0, "1": 0}
_EACH = {"base units": 7, "quote/base": 7, "fee asset": 5}
"""Units whose values are rounded one by one, to so many digits."""
_DIGITS, _MAX_DECIMALS = 3, 8
_MAX_ENTRY = 200
"""Characters of one entry of a document; JSON has all."""
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_BY_NAME = ("_id", "_seq", "pid", "line", "number")
"""Ends of the names of whole numbers that count nothing."""
_GAINS = ("pnl", "expectancy", "avg_return", "return_frac", "hour_edge", "amount_usd", "sharpe_7d", "dd_today", "move")
_ALARMS = frozenset(
    ("is_disabled", "is_nav_stale", "is_veto_mismatch", "is_cancelled", "used_fallback", "is_warmup", "is_stale")
)
_WANTED = frozenset(("is_marked", "is_allowed", "live_allowed", "shadow_allowed"))
_LISTS = frozenset(("warnings", "risk_flags"))
_WORDS = {
    **dict.fromkeys(("BUY", "LONG", "good", "strong", "normal", "maker"), "green"),
    **dict.fromkeys(("SELL", "SHORT", "broken", "poor", "panic", "defensive", "REJECTED"), "red"),
    **dict.fromkeys(("degraded", "hot", "cautious", "fallback_heavy", "slippage_hot", "CANCELED", "EXPIRED"), "yellow"),
}


@dataclass(frozen=True)
class Shown:
    """A column and its form; ``unit`` as in the catalog, ``None`` without a unit."""

    name: str
    kind: Kind
    unit: str | None = None
    head: str | None = None
    zone: tzinfo = UTC
    """Of instants."""

    @property
    def label(self) -> str:
        """Return the unit under the head."""
        if self.kind == "instant":
            return str(self.zone)
        return "" if self.unit is None else _LABELS.get(self.unit, self.unit)

    @property
    def words(self) -> list[str]:
        """Return the head: the name, without the unit that stands under it."""
        name = self.head or self.name.removesuffix(_SUFFIXES.get(self.unit or "", ""))
        return name.replace(".", " ").replace("_", " ").split()

    @property
    def is_right(self) -> bool:
        return self.kind in ("number", "whole")


def kind_of(type_name: str, column: str = "") -> Kind:
    """Return how values of a DuckDB type are shown; a number in a column of the name ``ts`` is seconds since 1970."""
    name = type_name.partition("(")[0]
    if name == "DOUBLE" and _is_epoch(column):
        return "instant"
    if type_name.endswith("[]"):
        return "document" if name == "STRUCT" else "list"
    if name in _WHOLE:
        return "whole"
    kinds: dict[str, Kind] = {
        "DOUBLE": "number",
        "FLOAT": "number",
        "DECIMAL": "number",
        "BOOLEAN": "flag",
        "TIMESTAMP WITH TIME ZONE": "instant",
        "TIMESTAMP": "instant",
        "DATE": "day",
        "STRUCT": "document",
        "MAP": "document",
        "JSON": "document",
    }
    return kinds.get(name, "text")


def texts_of(column: Shown, values: Sequence[Any]) -> list[str]:
    """Return a column's values as text, unknown as ``-``."""
    if column.kind == "number":
        return _numbers(column.unit or "1", values)
    return ["-" if value is None else _text(column, value) for value in values]


def text_of(column: Shown, value: Any) -> str:
    """Return one value as text."""
    return texts_of(column, [value])[0]


def style_of(column: Shown, value: Any) -> str:
    """Return the colour of a value; empty for none. A value with a range, such as 0..1, is neither gain nor loss."""
    name = column.name.rpartition(".")[2]
    if column.kind == "number":
        is_gain = any(part in name for part in _GAINS) and ".." not in (column.unit or "")
        return "" if not is_gain or not value else "green" if value > 0 else "red"
    if column.kind == "flag":
        return "yellow" if value is (name in _ALARMS) and name in _ALARMS | _WANTED else ""
    if name in _LISTS:
        return "yellow" if value else ""
    return _WORDS.get(value, "") if isinstance(value, str) else ""


def compact(value: Any) -> str:
    """Return a document in one line: ``maker_first yes, offset_bps 1.8``."""
    value = _parsed(value)
    if isinstance(value, Mapping):
        return ", ".join(_entries(value)) or "-"
    return _joined(value) or "-" if isinstance(value, list) else _inner(value)


def lines_of(value: Any, at_most: int = 8) -> str:
    """Return a document in lines, one for each entry, long ones cut."""
    value = _parsed(value)
    if isinstance(value, Mapping):
        entries = list(_entries(value))
    elif isinstance(value, list):
        entries = [compact(item) for item in value]
    else:
        return _inner(value)
    more = [f"... and {len(entries) - at_most:,} more"] if len(entries) > at_most else []
    cut = [entry if len(entry) <= _MAX_ENTRY else f"{entry[:_MAX_ENTRY]} ..." for entry in entries[:at_most]]
    return "\n".join([*cut, *more]) or "-"


def _entries(value: Mapping[str, Any]) -> Iterator[str]:
    for key, item in value.items():
        is_instant = isinstance(item, float) and _is_epoch(key)
        yield f"{key} {_instant(datetime.fromtimestamp(item, UTC)) if is_instant else _inner(item)}"


def _joined(items: list[Any]) -> str:
    """Join sentences with spaces, and other values with commas."""
    texts = [_inner(item) for item in items]
    return (" " if all(text.endswith(".") for text in texts) else ", ").join(texts)


def _text(column: Shown, value: Any) -> str:
    if column.kind == "flag":
        return "yes" if value else "no"
    if column.kind == "whole":
        is_name = column.name.endswith(_BY_NAME)
        return str(value) if is_name else f"{value:,}"
    if column.kind == "instant" and isinstance(value, float):
        return _instant(datetime.fromtimestamp(value, UTC), column.zone)
    if isinstance(value, datetime):
        return _instant(value, column.zone)
    if isinstance(value, date):
        return value.isoformat()
    return compact(value) if column.kind in ("list", "document") else str(value)


def _is_epoch(name: str) -> bool:
    """Return whether a number of this name is seconds since 1970."""
    return name == "ts" or name.endswith("_ts")


def _instant(value: datetime, zone: tzinfo = UTC) -> str:
    return f"{value.astimezone(zone) if value.tzinfo else value:%Y-%m-%d %H:%M:%S}"


def _numbers(unit: str, values: Sequence[Any]) -> list[str]:
    known = [abs(value) for value in values if value is not None]
    decimals = _decimals(unit, known)
    return ["-" if value is None else number(value, unit, decimals) for value in values]


def _decimals(unit: str, sizes: Iterable[float]) -> int:
    known = [size for size in sizes if size]
    least = _DECIMALS.get(unit, 0)
    if not known or all(size == int(size) for size in known):
        return least if unit in ("USD", "0..1") else 0
    needed = _DIGITS - 1 - math.floor(math.log10(max(known)))
    return max(least, min(_MAX_DECIMALS, needed))


def number(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a number of a unit as text, with its own decimals unless ``decimals`` is given; never ``-0``."""
    if unit in _EACH:
        places = 0 if not value else _EACH[unit] - 1 - math.floor(math.log10(abs(value)))
        text = f"{value:,.{max(0, min(_MAX_DECIMALS, places))}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:,.{_decimals(unit, [abs(value)]) if decimals is None else decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def short(value: float, digits: int = 6) -> str:
    """Return a number without a known unit in few digits; large numbers get two decimals; never ``-0``."""
    return f"{value + 0.0:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.2f}"


def _parsed(value: Any) -> Any:
    """JSON columns come as texts."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _inner(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(_entries(value))}}}"
    if isinstance(value, list):
        return f"[{_joined(value)}]"
    return _instant(value) if isinstance(value, datetime) else str(value)
