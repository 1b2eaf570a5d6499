"""Reads published files, their records, and what SQL computes for their instants.

Law kept here: files are read before the database is asked about them. Even if a file is published meanwhile, the file
that was read is known to the owner or on record by the time of the lookup.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from tape.doctor import files
from tape.doctor.checks import Check, Finding
from tape.doctor.home import Home, content
from tape.exporters.contract import STATE_FILES, StateFile, state_file
from tape.exporters.publisher import Export, code_digest
from tape.exporters.state_files import render
from tape.store.database import closing
from tape.store.query.round import Round, content_tables, open_round
from tape.store.schema import EVENT_TABLES

_SYNCED, _POSITIONS, _NAV = "synced_state.json", "positions.json", "nav.json"
_SCORES, _EXPECTANCY, _HEALTH = "symbol_scores_v6.json", "expectancy_v6.json", "router_health.json"
_PROBE, _COMPARE = "v6_runtime_probe.json", "pipeline_v6_compare_summary.json"
_BESIDE = {_SYNCED: (_POSITIONS, _NAV), _SCORES: (_EXPECTANCY, _HEALTH)}
"""The files that a file must agree with."""
_Documents = dict[str, files.Document]


@dataclass(frozen=True)
class OnRecord:
    """A publication, and the configured values that it showed where no flag snapshot was recorded."""

    export: Export
    configured: str


@dataclass
class Looked:
    """One file: its content, its record, its faults, and what it must agree with."""

    file: StateFile
    published: files.Published | None
    record: OnRecord | None
    findings: list[Finding]
    beside: _Documents


def file_checks(home: Home, now: datetime) -> list[Check]:
    """Return a check for each contract file, and for each rule between files."""
    looked = {file.name: _look(home, file) for file in STATE_FILES}
    if home.connection is not None:
        with closing(home.connection.cursor()) as cursor:
            for each in looked.values():
                each.record = _on_record(home, cursor, each.published) if each.published else None
        _compare(home, home.connection, [each for each in looked.values() if each.published])
    _beside_by_instant(looked)
    for each in looked.values():
        if each.published is not None:
            each.findings += _freshness(home, each.published, each.record, now)
            each.findings += files.resting(each.published, now)
    lines = [files.file_check(each.file, each.findings, each.published, now) for each in looked.values()]
    return [*lines, *_invariants(looked)]


def _look(home: Home, file: StateFile) -> Looked:
    try:
        read = files.read(file, content(home.places.state / file.name))
    except OSError as error:
        read = files.unreadable(file, error)
    if isinstance(read, Finding):
        return Looked(file, None, None, [read], {})
    return Looked(file, read, None, [], {})


def _on_record(home: Home, cursor: duckdb.DuckDBPyConnection, published: files.Published) -> OnRecord | None:
    newest = home.latest.get(published.file.name)
    if newest is not None and newest.as_of == published.as_of:
        return OnRecord(newest, home.settings.configured)
    rows = cursor.execute(
        "select file, as_of, known_seq, sql_digest, md5, configured from exports where as_of = ? and file = ?"
        " order by export_id desc limit 1",
        [published.as_of, published.file.name],
    ).fetchall()
    return OnRecord(Export(*rows[0][:5]), rows[0][5]) if rows else None


def _compare(home: Home, connection: duckdb.DuckDBPyConnection, looked: list[Looked]) -> None:
    """Compare each file with SQL; files of one publication are compared in one round."""
    together: dict[tuple[datetime, int | None, str], list[Looked]] = {}
    for each in looked:
        assert each.published is not None  # noqa: S101 (chosen so)
        known_seq = None if each.record is None else each.record.export.known_seq
        configured = home.settings.configured if each.record is None else each.record.configured
        together.setdefault((each.published.as_of, known_seq, configured), []).append(each)
    for (as_of, known_seq, configured), members in together.items():
        with open_round(connection, as_of=as_of, known_seq=known_seq, configured=configured) as reading:
            for each in members:
                _hold_against_sql(each, reading)


def _hold_against_sql(each: Looked, reading: Round) -> None:
    assert each.published is not None  # noqa: S101 (chosen so)
    export = None if each.record is None else each.record.export
    each.findings += files.agreement(each.published, export, render(each.file, reading), code_digest(each.file))
    each.beside = {name: json.loads(render(state_file(name), reading)) for name in _BESIDE.get(each.file.name, ())}


def _beside_by_instant(looked: Mapping[str, Looked]) -> None:
    """Return the related files by instant; a file of the same instant counts instead of what SQL computes."""
    for name, others in _BESIDE.items():
        for other in others:
            one, two = looked[name].published, looked[other].published
            if one is not None and two is not None and one.as_of == two.as_of:
                looked[name].beside[other] = two.document


def _freshness(home: Home, published: files.Published, record: OnRecord | None, now: datetime) -> Iterator[Finding]:
    publication = next(each for each in home.publications if each.file is published.file)
    cadence = files.Cadence(publication.every_s, publication.max_age_s)
    is_late = (now - published.as_of).total_seconds() > cadence.every_s + files.GRACE_S
    waiting_s = None
    if is_late and record is not None and home.connection is not None:
        with closing(home.connection.cursor()) as cursor:
            waiting_s = _waiting_s(cursor, record.export, published.file, now)
    return files.freshness(published, cadence, now, waiting_s=waiting_s, error=publication.error)


def _waiting_s(cursor: duckdb.DuckDBPyConnection, export: Export, file: StateFile, now: datetime) -> float | None:
    """Return how long the oldest row has waited that a file should show and does not."""
    tables = [name for name in content_tables(file.view) if name in EVENT_TABLES]
    parts = " union all ".join(f"select min(received_ts) as ts from {name} where ingest_seq > $seq" for name in tables)
    ((oldest,),) = cursor.execute(f"select min(ts) from ({parts})", {"seq": export.known_seq}).fetchall()
    return None if oldest is None else float((now - oldest).total_seconds())


def _invariants(looked: Mapping[str, Looked]) -> Iterator[Check]:
    of_synced, of_scores = looked[_SYNCED].beside, looked[_SCORES].beside
    yield _invariant(
        "synced_state = positions + nav",
        looked,
        (_SYNCED,),
        lambda synced: files.synced_state_disagrees(synced, of_synced[_POSITIONS], of_synced[_NAV]),
    )
    yield _invariant(
        "scores = expectancy x router",
        looked,
        (_SCORES,),
        lambda scores: files.scores_disagree(scores, of_scores[_EXPECTANCY], of_scores[_HEALTH]),
    )
    yield _invariant("six flags, engine version", looked, (_PROBE, _SYNCED), files.flags_are_incomplete)
    yield _invariant("compare warm-up", looked, (_COMPARE,), files.warm_up_is_wrong)


def _invariant(
    name: str, looked: Mapping[str, Looked], of: tuple[str, ...], wrong: Callable[..., Iterable[str]]
) -> Check:
    """Return the check of a rule; ``wrong`` maps the documents ``of`` which it holds to where they break it."""
    there = [each.published for each in map(looked.__getitem__, of) if each.published is not None]
    if len(there) < len(of):
        absent = [looked[each] for each in of if looked[each].published is None]
        is_missing = all(finding.follows for each in absent for finding in each.findings)
        return files.unchecked(name, absent[0].file.name, is_missing=is_missing)
    if any(other not in looked[each].beside for each in of for other in _BESIDE.get(each, ())):
        return files.invariant(name, [], fine="not comparable: the files are of different instants")
    return files.invariant(name, wrong(*(each.document for each in there)), fine="holds")
