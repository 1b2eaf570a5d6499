"""The reference of the settings, from their models: key, environment variable, default, meaning."""

from __future__ import annotations

import inspect
import json
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.build.markdown import code, page, table
from tape.execution.events import FlagsRecorded
from tape.execution.v6_flags import FIELDS
from tape.settings import CONTRACT_VARIABLES, Settings

_HEAD = ["key", "environment", "default", "limits", "meaning"]


def settings_page() -> str:
    """Every section of ``tape.toml``, then what has a name of its own in the environment."""
    intro = [
        "Option, then environment, then `tape.toml` in the home folder, then default. "
        "The home folder is `--home`, else `TAPE_HOME`, else the current folder. A key that is not known is an error."
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
    blocks += [["## Documents"], table(["section", "holds"], documents)]
    blocks += [
        ["## Top level"],
        ["In `tape.toml` under the same name as in the environment, before the first section."],
        table(_HEAD[1:], [row[1:] for row in alone]),
    ]
    return page("Settings", *blocks)


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
