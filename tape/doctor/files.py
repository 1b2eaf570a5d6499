"""Checks of the published files: present, complete, of the right shape, fresh, and equal to what SQL computes.

What "equal" means: a file names its instant, and ``exports`` has the last ``ingest_seq`` that the publication saw. Both
are set again, SQL computes the document once more, and the bytes must be the same. Checks at different moments
therefore never disagree, no matter what is stored in between, and there is no tolerance. Differences are of these
kinds:

- the bytes are those on record, and SQL computes others: rows, or their meaning, have changed since;
- the bytes are not those on record: another program wrote the file;
- the bytes are those on record, and other SQL made the publication: the file is of another version;
- no publication on record has the file's instant (``tape export`` into this folder, or an owner killed between writing
  a file and recording it): the file must equal what SQL computes for that instant from all rows known now.

Fresh is different from equal: a file may be right and too old. A file is stale when it is older than its cadence
allows, or when rows that it should show have arrived and it was not published again in time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from tape.client.instants import span
from tape.client.stopped import stopped_in, told_of
from tape.doctor.checks import Check, Finding, State, age, check_of, first_of
from tape.exporters.contract import StateFile
from tape.exporters.documents import DocumentRefused, sequence
from tape.exporters.publisher import Export
from tape.exporters.shapes import Flags

START_EXECUTOR = "start the executor, or see its log; `tape show inputs_now` lists all inputs"
GRACE_S = 5.0
"""By how much a file may be late, on a machine that has other things to do."""
AGREES = 1e-9
"""How closely numbers agree that Python and SQL compute."""
Document = Mapping[str, Any]
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Published:
    """A published file as it was read: of its shape, for its own instant."""

    file: StateFile
    raw: bytes
    document: Document
    as_of: datetime


@dataclass(frozen=True)
class Cadence:
    """How often a file is published, in seconds: ``every_s`` if its inputs changed, ``max_age_s`` in any case."""

    every_s: float
    max_age_s: float


def read(file: StateFile, raw: bytes | None) -> Published | Finding:
    """Return the file (``None`` if it does not exist), or why it cannot be used."""
    if raw is None:
        return Finding(State.BROKEN, "missing", "a file", _again(file), follows=True)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        found = f"torn: no JSON at byte {error.pos:,} of {len(raw):,}" if raw else "torn: empty"
        return Finding(State.BROKEN, found, "a whole JSON document", _replaced(file))
    try:
        file.model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "document"
        found = f"wrong shape: {key}: {first['msg'].lower()}, found {_shown(first['input'])}"
        return Finding(State.BROKEN, found, f"docs/schema/{file.stem}.schema.json", _replaced(file))
    try:
        return Published(file, raw, document, _START + timedelta(microseconds=sequence(file.name, document)))
    except (DocumentRefused, OverflowError):
        return Finding(
            State.BROKEN, "wrong shape: its clock is no instant", "the instant it was made for", _replaced(file)
        )


def unreadable(file: StateFile, error: OSError) -> Finding:
    """Return the finding for a file that cannot be read."""
    found = f"cannot be read: {error.strerror or error}"
    return Finding(State.BROKEN, found, "a file", f"mend what lies there; {_again(file)}")


def _replaced(file: StateFile) -> str:
    return f"`tape serve --take-over` keeps a copy of it and publishes {file.name} anew"


def _again(file: StateFile) -> str:
    return f"restart `tape serve`, which publishes all; running, it does so within {span(file.max_age_s)}"


def freshness(
    published: Published, cadence: Cadence, now: datetime, *, waiting_s: float | None, error: str | None
) -> Iterator[Finding]:
    """Return findings if the file is too old. ``waiting_s``: for how long the oldest row that it lacks has waited."""
    age_s = (now - published.as_of).total_seconds()
    see = "see the log of `tape serve`; `tape status` names the worker that fails"
    if error is not None:
        yield Finding(State.DEGRADED, f"cannot be published: {error}", "no failure", see)
    if age_s < -GRACE_S:
        yield Finding(
            State.BROKEN, f"dated {span(-age_s)} ahead", "an instant that is over", "set the machine's clock right"
        )
    elif age_s > cadence.max_age_s + GRACE_S:
        yield Finding(
            State.BROKEN,
            f"stale: {span(age_s)} old",
            f"at most {span(cadence.max_age_s)}",
            f"start `tape serve`, or {see}",
            follows=True,
        )
    elif waiting_s is not None and min(waiting_s, age_s) > cadence.every_s + GRACE_S:
        yield Finding(
            State.DEGRADED,
            f"behind: rows wait {span(waiting_s)} to be published",
            f"published within {span(cadence.every_s)} of new rows",
            see,
            follows=True,
        )


def resting(published: Published, now: datetime) -> Iterator[Finding]:
    """Whether what the file rests on still comes in: its numbers are no newer than that, however new the file is."""
    if newest := stopped_in(published.document):
        found = f"rests on inputs that stopped: {told_of(newest, now)}"
        yield Finding(State.DEGRADED, found, "inputs that are alive", START_EXECUTOR, follows=True)


def agreement(published: Published, record: Export | None, said: bytes, sql_digest: str) -> Iterator[Finding]:
    """Return findings if the file differs from ``said``, what SQL computes; ``sql_digest``: digest of that SQL."""
    if published.raw == said:
        return
    is_recorded = record is not None and record.md5 == hashlib.md5(published.raw, usedforsecurity=False).hexdigest()
    if record is not None and is_recorded and record.sql_digest != sql_digest:
        found = f"of another version: published by SQL {record.sql_digest[:8]}, now {sql_digest[:8]}"
        yield Finding(State.BROKEN, found, "published by this version", "restart `tape serve`: it publishes all files")
        return
    difference = first_difference(published.document, orjson.loads(said))
    if difference is None:
        found, state = "written by somebody else: the content of this instant in other bytes", State.DEGRADED
    else:
        key, is_, should = difference
        what = f"{key} is {_shown(is_)}, SQL says {_shown(should)}"
        if is_recorded:
            found, state = f"does not say what SQL says: {what}", State.BROKEN
        elif record is not None:
            found, state = f"edited: {what}", State.BROKEN
        else:
            found, state = f"no publication of its instant on record: {what}", State.BROKEN
    is_foreign = not is_recorded and (difference is None or record is not None)
    then = _replaced(published.file) if is_foreign else _again(published.file)
    yield Finding(state, found, "what SQL says of its instant", then)


def first_difference(found: Any, expected: Any, at: str = "") -> tuple[str, Any, Any] | None:
    """Return the first key at which two JSON values differ, with both values; ``None`` if they are equal."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            inner = f"{at}.{key}" if at else str(key)
            if key not in found or key not in expected:
                return inner, found.get(key, "nothing"), expected.get(key, "nothing")
            if (difference := first_difference(found[key], expected[key], inner)) is not None:
                return difference
        return None
    if isinstance(found, list) and isinstance(expected, list):
        for number, (left, right) in enumerate(zip(found, expected, strict=False)):
            name = right.get("symbol") if isinstance(right, dict) else None
            if (difference := first_difference(left, right, f"{at}[{name or number}]")) is not None:
                return difference
        return None if len(found) == len(expected) else (f"length of {at}", len(found), len(expected))
    return (
        None if found == expected and isinstance(found, bool) == isinstance(expected, bool) else (at, found, expected)
    )


def _shown(value: Any) -> str:
    text = value if value == "nothing" else orjson.dumps(value, default=str).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def file_check(file: StateFile, findings: Iterable[Finding], published: Published | None, now: datetime) -> Check:
    """Return the check of a contract file."""
    fine = "" if published is None else f"{age((now - published.as_of).total_seconds())}, equal to SQL"
    return check_of("files", file.name, findings, fine=fine, expected="there, valid, fresh, equal to what SQL says")


_PUBLISHED_WRONG = "one of the files is not what the store says: see its own line above"


def unchecked(name: str, absent: str, *, is_missing: bool) -> Check:
    """Return the check of something that needs an unusable file; ``is_missing``: the file does not exist."""
    found = f"cannot be checked: {absent} is missing or cannot be used"
    finding = Finding(State.BROKEN, found, "the files agree", _PUBLISHED_WRONG, follows=is_missing)
    return check_of("invariants", name, [finding], fine="", expected="the files agree")


def invariant(name: str, wrong: Iterable[str], *, fine: str) -> Check:
    """Return the check of a rule between keys or files; ``wrong``: where the rule is broken."""
    findings = [Finding(State.BROKEN, each, "the files agree", _PUBLISHED_WRONG) for each in wrong]
    return check_of("invariants", name, first_of(findings), fine=fine, expected="the files agree")


def synced_state_disagrees(synced: Document, positions: Document, nav: Document) -> Iterator[str]:
    """Return where the synced state differs from positions and NAV of the same instant."""
    pairs = (("items", synced["items"], positions["items"]), ("nav", synced["nav"], nav["total_equity"]))
    for key, is_, should in pairs:
        if (difference := first_difference(is_, should, key)) is not None:
            yield f"{difference[0]} is {_shown(difference[1])}, elsewhere {_shown(difference[2])}"


def scores_disagree(scores: Document, expectancy: Document, health: Document) -> Iterator[str]:
    """Return where scores do not follow from their components, or from expectancy and router health."""
    routers = {item["symbol"]: item for item in health["symbols"]}
    for item in scores["symbols"]:
        symbol, given, parts = item["symbol"], item["inputs"], item["components"]
        router = routers.get(symbol, {})
        wanted = {
            "expectancy": expectancy["symbols"].get(symbol, {}),
            "router": {key: router.get(key) for key in given["router"]},
        }
        if (difference := first_difference(given, wanted, f"{symbol}.inputs")) is not None:
            yield f"{difference[0]} is {_shown(difference[1])}, elsewhere {_shown(difference[2])}"
        made = 0.55 * parts["expectancy"] + 0.35 * parts["router"] - parts["slippage_penalty"]
        made -= parts["fee_drag_penalty"] + 0.3 * parts["volatility_penalty"]
        made = min(1.0, max(0.0, made))
        if abs(made - item["score"]) > AGREES:
            yield f"{symbol}.score is {_shown(item['score'])}, its components make {made:.6g}"


def flags_are_incomplete(probe: Document, synced: Document) -> Iterator[str]:
    """Return which of the six flags the probe or the synced state lacks, and whether both name their engine version."""
    for name, document, flags in (("probe", probe, probe), ("synced state", synced, synced["v6_flags"])):
        for key in Flags.model_fields:
            if not isinstance(flags.get(key), bool):
                yield f"{name}: {key} is {_shown(flags.get(key, 'nothing'))}, expected true or false"
        if not str(document["engine_version"]).strip():
            yield f"{name}: engine_version is {_shown(document['engine_version'])}, expected a version"


def warm_up_is_wrong(summary: Document) -> Iterator[str]:
    """Return a finding unless the compare summary is in warm-up exactly while its sample is too small."""
    size, least = summary["sample_size"], summary["min_sample_size"]
    if summary["is_warmup"] != (size < least):
        yield f"is_warmup is {_shown(summary['is_warmup'])} with sample_size {size} of {least}"
    if (summary["warmup_reason"] is not None) != summary["is_warmup"]:
        yield f"warmup_reason is {_shown(summary['warmup_reason'])} with is_warmup {_shown(summary['is_warmup'])}"
