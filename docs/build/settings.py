"""The reference of the settings, from their models: key, environment variable, default, meaning."""

from __future__ import annotations

import inspect
import json
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.build.markdown import code, page, table
from tape.execution.config import Number
from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE
from tape.execution.events import FlagsRecorded
from tape.execution.slips import SECTIONS, key_of
from tape.execution.v6_flags import FIELDS
from tape.sections import CONTRACT_VARIABLES
from tape.settings import Settings

_HEAD = ["key", "environment", "default", "limits", "meaning"]


def settings_page() -> str:
    """Every section of ``tape.toml``, then what has a name of its own in the environment."""
    intro = [
        "Option, then environment, then `tape.toml` in the home folder, then default. "
        "The home folder is `--home`, else `TAPE_HOME`, else the current folder. A key that is not known, in a "
        "file or in a name that begins with `TAPE_`, is an error."
    ]
    blocks = [intro]
    documents, alone = [], []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            blocks += _section(name, field.annotation)
        elif field.validation_alias is None:
            documents.append([code(f"[{name}]"), _meaning(field)])
        else:
            alone.append(_row(name, field))
    blocks += [["## Documents"], table(["section", "holds"], documents), *_documents()]
    blocks += [
        ["## Top level"],
        ["In `tape.toml` under the same name as in the environment, before the first section."],
        table(_HEAD[1:], [row[1:] for row in alone]),
    ]
    return page("Settings", *blocks)


_TITLES = {
    "limits": "The age of the account, and which symbols are out of the question.",
    "limits.global": "What holds for the account, and for every symbol that has nothing of its own.",
    "limits.per_symbol.SYMBOL": "What a symbol has of its own, e.g. `[limits.per_symbol.BTCUSDT]`. It comes first, then"
    " the entry of the universe, then `[limits.global]`.",
    "limits.router_autotune": "How far a suggested router policy may go; also as `[limits.global.router_autotune]`.",
    "universe.universe": "An entry of the list `universe` (or `symbols`): a name alone, or an object with these keys.",
    "universe.universe.caps": "The object `caps` of an entry. The limits of the symbol come before it.",
}
_RULES = [
    "A key that is left out keeps its default, in each section and for each symbol; setting one key drops no other. A"
    " default of a symbol never loosens what is given: it gives way to a stricter value for the whole account. `none`"
    " (in JSON `null`) says that there is no limit.",
    "**Units.** `max_trade_nav_pct`, `symbol_notional_share_cap_pct` and `max_nav_pct` are shares of NAV up to 1, and"
    " per cent of NAV above it: 0.02 and 2 are both 2 %. A plain 1 may mean 1 % or all of NAV, and is refused:"
    " write 0.01 or 100. Losses, drawdowns and exposures are per cent always: 0.5 is half a per cent.",
    "**Above NAV.** A largest order or a position above 100 % of NAV is refused. An exposure above 100 % has to be said"
    ' twice: `max_gross_exposure_pct = 150` and, beside it, `may_exceed_nav = ["max_gross_exposure_pct"]`.',
    "**Slips.** A key that is not known, or that stands in another section than its own, is refused with the one that"
    " was probably meant. `risk_limits.json` and `pairs_universe.json` may come from another runtime: keys that mean"
    " nothing here are kept, counted and named at the start; those that look like a slip of a limit are refused there"
    " too.",
    "The limits in force are logged at the start, recorded, and shown by `tape show limits`. In the environment:"
    " `TAPE_LIMITS__GLOBAL__MAX_TRADE_NAV_PCT=0.02`.",
]


def _documents() -> list[list[str]]:
    """Every key of limits and universe: unit, range and default."""
    defaults: dict[str, Any] = {
        "limits": DEFAULT_LIMITS,
        "limits.global": DEFAULT_LIMITS["global"],
    }
    blocks = [[rule] for rule in _RULES]
    for section, said in _TITLES.items():
        rows = []
        for name, field in SECTIONS[section].model_fields.items():
            if _is_object(field):
                continue
            key = key_of(name, field)
            default = json.dumps(defaults[section][key]) if key in defaults.get(section, {}) else _own_default(field)
            rows.append([code(key), *_range_and_unit(field), code(default) if default else "none", _meaning(field)])
        blocks += [[f"### [{section}]"], [said], table(["key", "range", "unit", "default", "meaning"], rows)]
    symbols = [
        [code(name), *(code(f"{key} = {value}") for key, value in own.items())]
        for name, own in DEFAULT_LIMITS["per_symbol"].items()
    ]
    listed = [
        [
            code(entry["symbol"]),
            entry["tier"],
            ", ".join(code(f"{key} = {value}") for key, value in entry["caps"].items()),
        ]
        for entry in DEFAULT_UNIVERSE["universe"]
    ]
    return [
        *blocks,
        ["### Defaults of the symbols"],
        ["The limits:"],
        table(["symbol", "limits"], [[row[0], ", ".join(row[1:])] for row in symbols]),
        ["The universe:"],
        table(["symbol", "tier", "caps"], listed),
    ]


def _is_object(field: FieldInfo) -> bool:
    """Whether the value of a key is a section of its own."""
    return "BaseModel" in _names_of_bases(field.annotation) or get_origin(field.annotation) is dict


def _names_of_bases(annotation: Any) -> set[str]:
    kinds = [annotation, *get_args(annotation)]
    return {base.__name__ for kind in kinds if isinstance(kind, type) for base in kind.__mro__}


def _own_default(field: FieldInfo) -> str:
    value = None if field.is_required() else field.get_default()
    return (
        ""
        if value is None or isinstance(value, BaseModel)
        else json.dumps(sorted(value) if isinstance(value, frozenset) else value)
    )


def _range_and_unit(field: FieldInfo) -> tuple[str, str]:
    number = next((each for each in field.metadata if isinstance(each, Number)), None)
    if number is not None:
        return number.expected, number.unit
    if get_origin(field.annotation) is frozenset:
        (of,) = get_args(field.annotation)
        return f"a list of {' or '.join(map(code, get_args(of)))}" if get_origin(
            of
        ) is Literal else "a list of symbols", ""
    return ("true or false" if field.annotation is bool else "a text"), ""


def _section(name: str, model: type[BaseModel]) -> list[list[str]]:
    said = " ".join((inspect.getdoc(model) or "").split()).partition(": ")[2].replace("``", "`")
    rows = [_row(key, field, name) for key, field in model.model_fields.items()]
    return [[f"## [{name}]"], [f"{said[0].upper()}{said[1:]}"], table(_HEAD, rows)]


def _row(name: str, field: FieldInfo, section: str | None = None) -> list[str]:
    return [
        code(str(field.validation_alias or name)),
        " ".join(map(code, _variables(name, field, section))),
        _default(field.get_default(call_default_factory=True)),
        _limits(field),
        _meaning(field),
    ]


def _variables(name: str, field: FieldInfo, section: str | None) -> list[str]:
    if field.validation_alias is not None:
        return [str(field.validation_alias)]
    if section is None:
        return []
    contract = [variable for variable, place in CONTRACT_VARIABLES.items() if place == (section, name)]
    return [*contract, f"TAPE_{section.upper()}__{name.upper()}"]


def _default(value: Any) -> str:
    """As it would stand in ``tape.toml``; ``unset`` where there is none."""
    if isinstance(value, SecretStr) or value in (None, ""):
        return "unset"
    return code(json.dumps(sorted(value) if isinstance(value, frozenset) else value))


def _limits(field: FieldInfo) -> str:
    """Bounds, or the values there are."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(code, get_args(field.annotation)))
    found = [(sign, getattr(each, name)) for each in field.metadata for name, sign in _SIGNS if hasattr(each, name)]
    return ", ".join(f"{sign} {bound:g}" for sign, bound in found)


_SIGNS = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))


def _meaning(field: FieldInfo) -> str:
    """As stated; of the runtime's flags and mode what their event says."""
    recorded = FIELDS.get(str(field.validation_alias or ""), "")
    if recorded:
        return str(FlagsRecorded.model_fields[recorded].description)
    return str(field.description or "")
