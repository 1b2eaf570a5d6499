"""Explains a number in a published file of a home, from the file, the record of its publication, and the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tape.client.client import Answer, Client
from tape.client.stopped import stopped_in, told_of
from tape.explain.explanation import Explanation, Plan
from tape.explain.question import MISSING, question
from tape.exporters.contract import StateFile
from tape.exporters.documents import sequence
from tape.exporters.inputs import inputs_of
from tape.exporters.publisher import code_digest
from tape.exporters.state_files import document, to_json
from tape.store.errors import StoreError
from tape.store.home import Layout
from tape.store.lineage.trace import trace
from tape.store.views.catalog import unit_in
from tape.store.views.column_comments import COLUMNS_SQL, unit_by_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Publication:
    """A publication on record."""

    export_id: int
    known_seq: int
    sql_digest: str
    configured: str


def explain(
    client: Client, file: StateFile, symbol: str | None, key: str | None, *, as_of: datetime | None, limit: int
) -> Explanation:
    """Explain a number of a file as of an instant, else of the file's own instant, else now.

    If the publication is on record, only rows known then are used.

    Raises:
        StoreError: the file cannot be read, or has no such symbol or key.
    """
    published = _published(Layout(client.home).state / file.name)
    own = None if published is None else _EPOCH + timedelta(microseconds=sequence(file.name, published))
    instant = as_of or own or datetime.now(UTC)
    if instant != own:
        published = None
    record = None if published is None else _record(client, file, instant)
    known_seq = None if record is None else record.known_seq
    whole = published or _document(file, client.round([f"from {file.view}"], as_of=instant, known_seq=known_seq)[0])
    asked = question(file, whole, symbol, key)
    entity = () if asked.entry is None else asked.entry.entity
    plan = Plan.of(asked, trace(file.view, asked.columns(whole), entity), limit)
    answers = client.round(plan.queries, as_of=instant, known_seq=known_seq)
    computed = _document(file, answers[0])
    split = 1 + len(plan.lineage.inputs)
    inputs, several = plan.inputs(answers[1:split])
    found = Explanation(
        file=file.name,
        entry=None if asked.entry is None else asked.entry.label,
        key=asked.key,
        unit=_unit(client, plan),
        as_of=instant,
        known_seq=known_seq,
        export_id=None if record is None else record.export_id,
        value=asked.value_in(computed),
        published=MISSING if published is None else asked.value_in(published),
        notes=[],
        formulas=plan.formulas(),
        inputs=inputs,
        rows=[*several, *plan.evidence(answers[split:])],
    )
    found.notes.extend(_notes(client, file, found, record))
    found.notes.extend(_stopped(plan, computed, instant))
    return found


def _stopped(plan: Plan, computed: Mapping[str, Any], instant: datetime) -> list[str]:
    """Those of the file's stopped inputs that the value rests on; of a whole file or entry all of them."""
    newest = stopped_in(computed)
    if plan.asked.path:
        views = [*(each.view for each in plan.lineage.inputs), *(each.relation for each in plan.lineage.rows)]
        beneath = frozenset[str]().union(*map(inputs_of, views))
        newest = {name: ts for name, ts in newest.items() if name in beneath}
    return [f"it rests on inputs that stopped: {told_of(newest, instant)}"] if newest else []


def _unit(client: Client, plan: Plan) -> str | None:
    """Return the unit of a single number, from the comment of its column, else from its key."""
    if not plan.asked.path:
        return None
    by_name = unit_by_name(plan.asked.path[-1])
    if plan.published_column is None:
        return by_name
    relation, column = plan.published_column
    rows = client.query(f"select comment from ({COLUMNS_SQL}) where relation = '{relation}' and name = '{column}'").rows
    return next((unit_in(comment) for (comment,) in rows), None) or by_name


def _published(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{path.name}: expected JSON, found {error}") from None
    if not isinstance(content, dict):
        raise StoreError(f"{path.name}: expected an object, found {type(content).__name__}")
    return content


def _document(file: StateFile, answer: Answer) -> dict[str, Any]:
    """Return a file's content from its view's one row, as JSON."""
    row = dict(zip(answer.columns, answer.rows[0], strict=True))
    content: dict[str, Any] = orjson.loads(to_json(document(file, row), indent=False))
    return content


def _record(client: Client, file: StateFile, instant: datetime) -> Publication | None:
    query = (
        "select export_id, known_seq, sql_digest, cast(configured as varchar) as configured from exports"
        f" where file = '{file.name}' and as_of = timestamptz '{instant.isoformat()}' order by export_id desc limit 1"
    )
    rows = client.query(query).rows
    return Publication(*rows[0]) if rows else None


def _notes(client: Client, file: StateFile, found: Explanation, record: Publication | None) -> list[str]:
    """Return notes to the numbers, above all why they differ."""
    if found.published is MISSING:
        return ["no file of this instant is published: the value is computed from the rows alone"]
    if found.is_equal:
        return []
    if record is None:
        return ["the publication is not on record: rows that came in since count too"]
    if record.sql_digest != code_digest(file):
        return ["the file was published by other SQL than today's, or by an older version"]
    if json.loads(record.configured) != json.loads(client.settings.configured):
        return ["the file was published with other settings than today's"]
    return ["rows that counted are no longer there, or the file was changed by hand"]
