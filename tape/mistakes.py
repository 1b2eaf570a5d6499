"""Error texts about wrong settings: the key, what was expected, what was found.

Unknown keys and environment variables are refused, with the name that was probably meant. Otherwise a misspelt setting
would have no effect, and no user would notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from tape.execution.config import ConfigInvalid
from tape.execution.slips import nearest, said_of, strays, unclear, without_effect

_TOLD = 700
"""Characters of a line up to which sentences are added to it."""
_EXPECTED = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a finite number",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "literal_error": "{expected}",
    "frozen_set_type": "a list",
    "model_type": "a section with keys of its own",
    "model_attributes_type": "a section with keys of its own",
    "dict_type": "a section with keys of its own",
}
"""Kind of an error of pydantic -> what was expected, with the bounds of its context."""


def expected(error: ErrorDetails, sections: Mapping[str, Iterable[str]]) -> str:
    """Return what pydantic expected at an error, and what it found; ``sections``: keys by section."""
    *place, key = (str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        section = ".".join(place)
        return said_of(key, section, nearest(key, section, sections), sections)
    return value_told(error)


def value_told(error: ErrorDetails) -> str:
    """Return what was expected instead of a value that pydantic refuses, and what was found."""
    said = _EXPECTED.get(error["type"])
    told = error["msg"].removeprefix("Value error, ") if said is None else said.format(**error.get("ctx", {}))
    told = told if told.startswith("expected ") else f"expected {told}"
    return f"{told:.500}, found {error['input']!r:.100}"


Sections = Callable[[], Mapping[str, Iterable[str]]]
"""Keys by section, when they are needed: the names of the published files take a moment to load."""


def stray_keys(section: str, given: Iterable[str], known: Iterable[str], sections: Sections) -> list[str]:
    """Return a sentence for each unknown key of a section."""
    prefix = f"{section}." if section else ""
    return [
        f"{prefix}{key}: {said_of(key, section, nearest(key, section, sections()), sections())}"
        for key in sorted(set(given) - set(known))
    ]


def slips(kind: str, document: object, sections: Sections) -> list[str]:
    """Return, in words, mistakes in the home's own limits or universe."""
    found = strays(kind, document) and strays(kind, document, sections())
    return [f"{kind}: {each}" for each in (*found, *unclear(kind, document))]


def slips_of_another(kind: str, document: object) -> tuple[list[str], list[str]]:
    """Return mistakes in a document that another runtime may have written, and remarks on it.

    Unknown keys are kept, counted and named; a key that is probably a misspelt limit is a mistake.
    """
    found = strays(kind, document)
    refused = [f"{kind}: {each}" for each in found if each.is_slip]
    return refused, [
        *without_effect(kind, document),
        *(f"{kind}: {each}: it is taken as it stands" for each in unclear(kind, document)),
    ]


def joined(found: Sequence[str]) -> str:
    """Return several sentences as one line: the first few, and how many more there are."""
    told = [each for at, each in enumerate(found) if at == 0 or len("; ".join(found[: at + 1])) <= _TOLD]
    more = f"; and {len(found) - len(told)} more" if len(found) > len(told) else ""
    return "; ".join(told) + more


def unknown_variables(
    environment: Iterable[str], known: Sequence[str], prefix: str, free: tuple[str, ...]
) -> list[str]:
    """Return a sentence for each unknown variable with the program's prefix, except those that begin as ``free`` do."""
    ours = [name for name in environment if name.upper().startswith(prefix)]
    found = sorted(name for name in ours if name.upper() not in known and not name.upper().startswith(free))
    return [f"{name}: expected the name of a setting, found none of this name{_meant(name, known)}" for name in found]


def near_variables(environment: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """Return each variable that is one letter away from a setting's name in the contract -> that name."""
    found = {}
    for name in sorted(set(environment) - set(known)):
        for each in known:
            if abs(len(name) - len(each)) <= 1 and SequenceMatcher(None, name, each).ratio() >= 0.93:
                found[name] = each
    return found


def _meant(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.upper(), known, 1, 0.8)
    return f"; did you mean {near[0]}?" if near else "; docs/reference/settings.md lists them"


def is_config_error(error: ErrorDetails) -> ConfigInvalid | None:
    """Return the error of limits or universe inside a pydantic error, if there is one."""
    found: Any = error.get("ctx", {}).get("error")
    return found if isinstance(found, ConfigInvalid) else None
