"""The reference of tables, views and macros, from the catalog of a database and the heads of ``sql/``.

A head says a view's purpose, then ``Grain:``; its columns, their units and meanings are the catalog's comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from docs.build.catalog import Catalog, Column
from docs.build.markdown import code, link, page, table
from tape.execution.events import EVENTS, Event, contract_key
from tape.exporters.contract import STATE_FILES
from tape.store.views.sql_files import SqlObject, sql_objects

TABLES, VIEWS, MACROS, FILES = "tables.md", "views.md", "macros.md", "files.md"
_LAYERS = {
    "intel": "What the rows mean: statistics, health, scores, suggestions, the account.",
    "base": "What the session sees: rows up to its instant, its windows, its limits and universe.",
    "documents": "What is published: one row, whose columns are the top-level keys of one file.",
}
_EVENTS: dict[str, type[Event]] = {event.table: event for event in EVENTS}


def columns_table(columns: Iterable[Column], *, head: str = "column", event: type[Event] | None = None) -> list[str]:
    rows = [
        [code(each.name), code(each.type), each.unit, _must(each.name, event), _key(each.name, event), each.meaning]
        for each in columns
    ]
    return table([head, "type", "unit", "required", "key in JSON", "meaning"], rows)


def _must(name: str, event: type[Event] | None) -> str:
    field = None if event is None else event.model_fields.get(name)
    return "yes" if field is not None and field.is_required() else ""


def _key(name: str, event: type[Event] | None) -> str:
    """The contract's key of an event's column, where it is another name."""
    field = None if event is None else event.model_fields.get(name)
    key = name if field is None else contract_key(name, field)
    return "" if key == name else code(key)


def tables_page(catalog: Catalog, comments: Mapping[str, str]) -> str:
    """Every table: those of events, then the store's own."""
    own = sorted(name for name in comments if name not in _EVENTS)
    envelope = _envelope(catalog)
    blocks = [
        [
            "One table per event, and the store's own. Instants are UTC. Unknown is null, never 0. "
            "The unit 1 is a plain number. An event without what is required is refused, and kept in rejected_events."
        ],
        ["## Columns of every event"],
        ["Beside its own columns each table of events has these."],
        columns_table(envelope),
        ["## Events"],
    ]
    for name, event in _EVENTS.items():
        columns = [each for each in catalog[name] if each not in envelope]
        kind = f"Event `{event.event_type}`, {code(event.__name__)} in `execution/events.py`."
        blocks += [[f"### {name}"], [comments[name]], [kind], columns_table(columns, event=event)]
    blocks += [["## The store's own"]]
    for name in own:
        blocks += [[f"### {name}"], [comments[name]], columns_table(catalog[name])]
    return page("Tables", *blocks)


def _envelope(catalog: Catalog) -> list[Column]:
    """The columns that all tables of events have alike."""
    first, *others = (catalog[name] for name in _EVENTS)
    return [column for column in first if all(column in other for other in others)]


def views_page(catalog: Catalog) -> str:
    """Every view by layer: purpose, grain, what it reads, its columns."""
    intro = (
        "Each view is one file of `sql/`, and reads the session's clock: `from symbol_scores` is now, with `--as-of T` "
        "it is then. Layers read downwards: documents, intel, base, tables."
    )
    blocks = [[intro]]
    for layer, text in _LAYERS.items():
        views = sorted((item for item in sql_objects() if item.layer == layer and not item.is_macro), key=_name)
        blocks += [[f"## {layer}"], [text]]
        for item in views:
            blocks += [[f"### {item.name}"], *_view(item, catalog)]
    return page("Views", *blocks)


def _name(item: SqlObject) -> str:
    return item.name


def _view(item: SqlObject, catalog: Catalog) -> list[list[str]]:
    purpose, grain = head_parts(item.head)
    facts = [f"- Grain: {grain}", f"- Reads: {_reads(item, catalog) or 'the session alone'}"]
    files = [file.name for file in STATE_FILES if file.view == item.name]
    if files:
        return [[purpose], [*facts, f"- Columns: {link(files[0], FILES)}"]]
    whole = _whole(item, catalog)
    if whole is None:
        return [[purpose], facts, columns_table(catalog[item.name])]
    facts.append(f"- Columns: all of {_relation(whole)}{', and these' if _rest(item, whole, catalog) else ''}")
    return [[purpose], facts, columns_table(_rest(item, whole, catalog))]


def head_parts(head: str) -> tuple[str, str]:
    """Purpose and grain of a view, from its head."""
    text = " ".join(head.split())
    found = _GRAIN.search(text)
    grain = "one row" if found is None else found[1]
    return " ".join(_GRAIN.sub(" ", text).split()), grain


_GRAIN = re.compile(r"Grain: ([^.]+)\.")


def _reads(item: SqlObject, catalog: Catalog) -> str:
    """What the text reads from or calls, in its order."""
    macros = {each.name for each in sql_objects() if each.is_macro}
    known = {*catalog, *macros} - {item.name}
    read = [name for name in item.mentions if name in known and _is_read(name, item, is_macro=name in macros)]
    return ", ".join(map(_relation, read))


def _is_read(name: str, item: SqlObject, *, is_macro: bool) -> bool:
    pattern = rf"\b{name}\s*\(" if is_macro else rf"\b(from|join)\s+{name}\b"
    return re.search(pattern, item.code) is not None


def _relation(name: str) -> str:
    """A link to a table, view or macro."""
    item = next((item for item in sql_objects() if item.name == name), None)
    if item is None:
        return link(name, TABLES)
    return link(name, MACROS if item.is_macro else VIEWS)


def _whole(item: SqlObject, catalog: Catalog) -> str | None:
    """The first relation a view reads whose columns, more than a few, it has all."""
    for name in item.mentions:
        if name != item.name and len(catalog.get(name, ())) > 3 and set(catalog[name]) <= set(catalog[item.name]):
            return name
    return None


def _rest(item: SqlObject, whole: str, catalog: Catalog) -> list[Column]:
    return [column for column in catalog[item.name] if column not in catalog[whole]]


def macros_page(parameters: Mapping[str, Sequence[str]], catalog: Catalog) -> str:
    """Every macro: a formula, or a set of rows from its arguments."""
    blocks = [["A formula is a scalar macro; a table macro is a set of rows from its arguments: `from name(..)`."]]
    for item in sorted((item for item in sql_objects() if item.is_macro), key=_name):
        call = f"{item.name}({', '.join(parameters[item.name])})"
        purpose, grain = head_parts(item.head)
        facts = [f"- {'Table macro' if item.is_table_macro else 'Formula'}: `{call}`"]
        facts += [f"- Grain: {grain}"] if item.is_table_macro else []
        facts += [f"- Reads: {read}"] if (read := _reads(item, catalog)) else []
        blocks += [[f"### {item.name}"], [purpose], facts]
    return page("Macros", *blocks)


def index_page(catalog: Catalog, comments: Mapping[str, str]) -> str:
    """All names, each with what it is for."""
    tables = [[link(name, TABLES), comments[name]] for name in sorted(comments)]
    views = [item for item in sorted(sql_objects(), key=_name) if not item.is_macro]
    blocks = [
        [
            "- [Tables](tables.md): what is stored, by event",
            "- [Views](views.md): what it means, as of any instant",
            "- [Macros](macros.md): the formulas",
            "- [Files](files.md): what is published, and the logs",
            "- [Settings](settings.md): everything that can be set",
        ],
        ["## Tables"],
        table(["table", "holds"], tables),
    ]
    for layer in _LAYERS:
        rows = [[_relation(item.name), _first_sentence(item)] for item in views if item.layer == layer]
        blocks += [[f"## Views: {layer}"], table(["view", "says"], rows)]
    return page("Reference", *blocks)


def _first_sentence(item: SqlObject) -> str:
    return head_parts(item.head)[0].partition(". ")[0].rstrip(".")
