"""Whatever is said to the store is stored, or refused by name and kept; what is said before and after is stored.

hypothesis makes up the input: `--hypothesis-seed N` replays what a failed test printed, `--hypothesis-profile long`
tries twenty times as many.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.execution.events import EVENTS, EVENTS_BY_TYPE, Event, EventRefused, HeartbeatSent, contract_key
from tape.settings import Settings, load_settings
from tape.store.database import closing, open_database
from tape.store.errors import StoreError
from tape.store.ingest.ingest import Ingest, Ingested
from tape.store.ingest.positions import certificates
from tape.store.journal.writer import Journal
from tape.store.schema import EVENT_TABLES
from tests.store.ingest.test_ingest import full
from tests.store.old_logs import EVERY_LOG, HEARTBEAT, HEARTBEATS, LogStore, fresh_store, text
from tests.tape.owners import Serving, check_unharmed, peer

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
MANY = settings(deadline=None, suppress_health_check=SLOW)
SOME = settings(MANY, max_examples=max(1, MANY.max_examples // 4))
NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)

ANY_TEXT = st.text(max_size=8) | st.text(st.characters(categories=["Cs", "Cc", "Co", "Zs"]), max_size=8)
HUGE_TEXT = st.sampled_from(["x" * 1_000_000, "\ud800" * 1000, "\0" * 1000, "é" * 70_000, "9" * 400, "[" * 5000])
NUMBERS = st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**400, -0.0, 5e-324, 1.7e308, float("nan"), float("-inf")])
INSTANTS = st.sampled_from(
    [
        "2025-11-01T12:00:00Z",
        "0001-01-01",
        "9999-12-31T23:59:59-23:59",
        "2025-02-30",
        "24:00",
        "1762000000",
        1e18,
        -1e18,
    ]
)
OBJECTS = st.sampled_from(
    [b"\xff\0", Decimal("NaN"), Decimal("1.50"), NOON, NOON.replace(tzinfo=None), timedelta(1), {1, 2}, object, 1j, ...]
)
KEYS: st.SearchStrategy[Any] = (
    ANY_TEXT | st.integers() | st.none() | st.booleans() | st.tuples(st.integers()) | st.just(b"\xff")
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | HUGE_TEXT | NUMBERS | INSTANTS | OBJECTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)


class Nested(NamedTuple):
    """Lists or objects within one another; only named here, because hypothesis cannot print them."""

    levels: int
    is_list: bool

    def made(self) -> Any:
        value: Any = 1
        for _ in range(self.levels):
            value = [value] if self.is_list else {"in": value}
        return value


def made(fields: Any) -> Any:
    if not isinstance(fields, dict):
        return fields
    return {key: value.made() if isinstance(value, Nested) else value for key, value in fields.items()}


ODD = VALUES | st.builds(Nested, st.sampled_from([50, 300, 5000]), st.booleans())
TYPES: st.SearchStrategy[Any] = st.sampled_from([*EVENTS_BY_TYPE, "tock", "", "refused", None, 5, "x" * 5000])


def contract(event: type[Event]) -> dict[str, Any]:
    """A dictionary as the contract has it, of which every field is known."""
    payload: dict[str, Any] = {"event_type": event.event_type}
    for name, value in full(event).__dict__.items():
        *parents, leaf = contract_key(name, event.model_fields[name]).split(".")
        holder = payload
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[leaf] = value
    return payload


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Any, Any]:
    """A type and a payload, some of whose keys are dropped, renamed, or hold what they should not."""
    event_type = draw(TYPES)
    event = EVENTS_BY_TYPE.get(event_type, HeartbeatSent)
    payload = contract(event)
    for key in draw(st.lists(st.sampled_from(list(payload)), max_size=4)):
        value = payload.pop(key, None)
        match draw(st.integers(0, 2)):
            case 0:
                payload[key] = draw(ODD)
            case 1:
                payload[draw(KEYS)] = value
            case _:
                pass
    payload.update(draw(st.dictionaries(KEYS, ODD, max_size=2)))
    return event_type, draw(st.sampled_from([payload] * 8 + [None, [], "x"]))


def beat(service: str) -> HeartbeatSent:
    return HeartbeatSent(ts=NOON, service=service)


@contextmanager
def home_of(empty_database: Path) -> Iterator[Path]:
    """A home with an empty store, gone at the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "logs").mkdir()
        (home / "scratch").mkdir()
        shutil.copy(empty_database, home / "logs" / "tape.duckdb")
        yield home


class Kept:
    """What a store holds of a journal, once all of it is read."""

    def __init__(self, home: Path) -> None:
        with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
            ingest = Ingest(connection, home, home / "scratch")
            while ingest.run_once() != Ingested():
                pass
            (self.certificate,) = certificates(connection)
            counts = [f"select count(*) from {name}" for name in EVENT_TABLES]
            self.rows = sum(number for (number,) in connection.execute(" union all ".join(counts)).fetchall())
            self.reasons = [str(why) for (why,) in connection.execute("select reason from rejected_events").fetchall()]
            found = connection.execute("select service from heartbeats where service in ('before', 'after')").fetchall()
            self.good = sorted(service for (service,) in found)


def check_refusal(told: str) -> None:
    """It names a field, what was expected and what was found."""
    assert ": expected " in told
    assert ", found " in told
    assert len(told) < 1000


@SOME
@given(st.lists(payloads(), min_size=1, max_size=6))
def test_what_write_event_is_given_is_stored_or_refused_by_field_and_kept(
    empty_database: Path, given_events: list[tuple[Any, Any]]
) -> None:
    refused = 0
    with home_of(empty_database) as home:
        with Journal(home, "executor") as journal:
            journal.record([beat("before")])
            for number, (event_type, payload) in enumerate(given_events):
                given = made(payload)
                if isinstance(given, dict):  # with an id of its own, as equal events are stored once
                    given["event_id"] = f"given-{number}"
                try:
                    journal.write_event(event_type, given)
                except EventRefused as refusal:
                    refused += 1
                    check_refusal(str(refusal))
            journal.record([beat("after")])
        kept = Kept(home)
    assert kept.good == ["after", "before"]
    assert kept.certificate.gaps == 0
    assert kept.rows + len(kept.reasons) == len(given_events) + 2
    assert len(kept.reasons) >= refused
    for reason in kept.reasons:
        check_refusal(reason)


@st.composite
def odd_events(draw: st.DrawFn) -> tuple[type[Event], dict[str, Any]]:
    """The fields of an event, some of them odd."""
    event = draw(st.sampled_from(EVENTS))
    fields = dict(full(event).__dict__)
    for name in draw(st.lists(st.sampled_from(list(fields)), max_size=3)):
        fields[name] = draw(ODD)
    return event, {**draw(st.dictionaries(ANY_TEXT.filter(bool), ODD, max_size=2)), **fields}


def with_own_id(fields: dict[str, Any], journal: Journal) -> dict[str, Any]:
    """The fields under an id that no other event has, unless the id is itself what is odd."""
    return {**fields, "event_id": journal.new_id()} if isinstance(fields.get("event_id"), str) else fields


@SOME
@given(st.lists(st.lists(odd_events(), min_size=1, max_size=3), min_size=1, max_size=4))
def test_events_that_nobody_has_checked_are_stored_or_refused_batch_by_batch(
    empty_database: Path, batches: list[list[tuple[type[Event], dict[str, Any]]]]
) -> None:
    with home_of(empty_database) as home:
        with Journal(home, "executor") as journal:
            journal.record([beat("before")])
            for batch in batches:
                journal.record([event.model_construct(**with_own_id(made(fields), journal)) for event, fields in batch])
            journal.record([beat("after")])
        kept = Kept(home)
    assert kept.good == ["after", "before"]
    assert (kept.certificate.recorded, kept.certificate.gaps) == (len(batches) + 2, 0)
    assert len(kept.reasons) == kept.certificate.refused
    assert all(kept.reasons)


# --- old logs ---

LINES = [(log, line) for log, lines in EVERY_LOG.items() for line in lines]
JSON_LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6)
JSON_VALUES = st.recursive(
    JSON_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner), max_leaves=4
)


@st.composite
def spoiled_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """A log and one of its lines, spoiled in some way; it holds no newline."""
    log, line = draw(st.sampled_from(LINES))
    changed = dict(line)
    for key in draw(st.lists(st.sampled_from(list(line)), max_size=3)):
        if draw(st.booleans()):
            changed[key] = draw(JSON_VALUES)
        else:
            changed[draw(st.text(max_size=4))] = changed.pop(key, None)
    raw = json.dumps(changed).encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 7)):
        case 0:
            raw = raw[: draw(st.integers(0, len(raw)))]
        case 1:
            at = draw(st.integers(0, len(raw)))
            raw = raw[:at] + draw(st.binary(max_size=6)) + raw[at:]
        case 2:
            raw = raw[:-1] + b"," + json.dumps(line).encode()[1:]  # every key twice
        case 3:
            raw = (
                draw(st.sampled_from([b"\xef\xbb\xbf", b" ", b"\t"]))
                + raw
                + draw(st.sampled_from([b"\r", b" \r", b""]))
            )
        case 4:
            raw = draw(st.binary(max_size=40))
        case _:
            pass
    return log, raw.replace(b"\n", b"")


@settings(SOME, max_examples=max(1, SOME.max_examples // 2))
@given(st.lists(spoiled_lines(), min_size=1, max_size=8), st.booleans())
def test_every_line_of_an_old_log_is_stored_known_or_rejected_with_file_line_and_reason(
    empty_database: Path, spoiled: list[tuple[str, bytes]], is_packed: bool
) -> None:
    files: dict[str, str | bytes] = {}
    good = [{**HEARTBEAT, "service": service} for service in ("before", "after")]
    files[HEARTBEATS] = text(good[0]).encode()
    for log, raw in spoiled:
        before = files.get(log, b"")
        assert isinstance(before, bytes)
        files[log] = before + raw + b"\n"
    last = files[HEARTBEATS]
    assert isinstance(last, bytes)
    files[HEARTBEATS] = last + text(good[1]).encode()
    if is_packed:
        files = {
            str(Path(log).parent / "archive" / f"{Path(log).stem}-1.jsonl.gz"): gzip.compress(bytes(content))
            for log, content in files.items()
            if isinstance(content, bytes)
        }
    with fresh_store(empty_database) as store:
        total = store.load(files).total
        assert total.read == total.stored + total.known + total.rejected
        check_rejected(store, total.rejected)
        assert {"before", "after"} <= set(store.column("service", "heartbeats"))
        again = store.load().total
        assert (again.stored, again.rejected, again.known) == (0, 0, again.read)


def check_rejected(store: LogStore, count: int) -> None:
    rows = store.connection.execute("select source, line, reason, raw from rejected_events").fetchall()
    assert len(rows) == count
    for source, line, reason, raw in rows:
        assert source
        assert line >= 1
        assert raw
        assert "expected " in reason or "unreadable" in reason, reason


@settings(SOME, max_examples=max(1, SOME.max_examples // 4))
@given(st.data())
def test_an_archive_that_was_cut_or_damaged_gives_what_stands_before_that(
    empty_database: Path, data: st.DataObject
) -> None:
    chance = Random(1)  # noqa: S311 (noise that does not compress)
    lines = [{**HEARTBEAT, "service": f"s{at}", "noise": chance.randbytes(20).hex()} for at in range(400)]
    packed = bytearray(gzip.compress(text(*lines).encode(), mtime=0))
    if data.draw(st.booleans()):
        del packed[data.draw(st.integers(1, len(packed) - 1)) :]
    else:
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    files: dict[str, str | bytes] = {
        "execution/archive/sync_heartbeats-1.jsonl.gz": bytes(packed),
        HEARTBEATS: text({**HEARTBEAT, "service": "good"}),
    }
    with fresh_store(empty_database) as store:
        total = store.load(files).total
        assert total.read == total.stored + total.known + total.rejected
        found = store.column("service", "heartbeats")
        assert "good" in found
        assert total.rejected > 0 or set(found) == {"good", *(line["service"] for line in lines)}


def test_a_line_of_10_mb_is_kept_whole_and_the_others_are_stored(empty_database: Path) -> None:
    large = json.dumps({**HEARTBEAT, "noise": "x" * 10_000_000})
    broken = "{" + "x" * 10_000_000
    with fresh_store(empty_database) as store:
        fits = {**HEARTBEAT, "noise": "x" * 1_000_000}
        report = store.lines(HEARTBEATS, HEARTBEAT, large, fits, broken, {**HEARTBEAT, "service": "after"})
        assert (report.total.stored, report.total.rejected) == (3, 2)
        assert store.column("raw", "rejected_events") == [large, broken]
        assert store.reasons()[0] == f"expected a line of at most 1,048,576 bytes, found {len(large):,}"


# --- settings ---

SECTIONS = {name: list(getattr(field.annotation, "model_fields", {})) for name, field in Settings.model_fields.items()}
TOML_VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
    | st.sampled_from(["64MB", "0MB", "1.2.3GB", "1e9", "-1", "on", "nan", "9" * 5000, datetime(2025, 1, 1)]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=2)
    ),
    max_leaves=3,
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(toml(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {toml(each)}' for key, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


@st.composite
def toml_files(draw: st.DrawFn) -> str:
    parts: list[str] = []
    for section in draw(st.lists(st.sampled_from([*SECTIONS, "unheard_of"]), max_size=3, unique=True)):
        if draw(st.booleans()):
            parts.insert(0, f"{section} = {toml(draw(TOML_VALUES))}")
            continue
        keys = draw(st.lists(st.sampled_from([*SECTIONS.get(section, []), "unheard_of"]), max_size=3, unique=True))
        parts += [f"[{section}]", *(f"{key} = {toml(draw(TOML_VALUES))}" for key in keys)]
    return "\n".join(parts)


VARIABLES = [
    *(f"TAPE_{name.upper()}" for name in SECTIONS),
    *(f"TAPE_{name.upper()}__{key.upper()}" for name, keys in SECTIONS.items() for key in keys),
    *(str(field.validation_alias) for field in Settings.model_fields.values() if field.validation_alias),
    "SYNC_INTERVAL_SEC",
    "ROUTER_AUTOTUNE_V6_MAX_BIAS_DELTA",
    "ROUTER_AUTOTUNE_V6_SYMBOL_ALLOWLIST",
]
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(VARIABLES),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["{}", "[]", "null", "{", '{"a": 1}', "1e999", "9" * 5000, "64MB", "nan", "on"]),
    max_size=3,
)


def load(folder: Path, environment: dict[str, str]) -> str:
    """Why settings are refused, empty when they are not."""
    with mock.patch.dict(os.environ, environment):
        try:
            load_settings(folder)
        except StoreError as refusal:
            return str(refusal)
    return ""


def check_setting_refusal(told: str) -> None:
    assert told.startswith("settings")
    assert "\n" not in told
    assert len(told) < 1000, told[:200]


@MANY
@given(toml_files(), ENVIRONMENTS)
def test_settings_are_taken_or_refused_in_one_line_that_says_where(content: str, environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tape.toml").write_text(content, encoding="utf-8")
        if told := load(Path(folder), environment):
            check_setting_refusal(told)
        if not environment:
            known = {str(field.validation_alias or name) for name, field in Settings.model_fields.items()}
            assert told or tomllib.loads(content).keys() <= known


@MANY
@given(
    st.sampled_from(["tape.toml", "risk_limits.json", "pairs_universe.json"]),
    st.binary(max_size=60) | HUGE_TEXT.map(lambda value: value.encode("utf-8", "surrogatepass")),
)
def test_a_settings_file_of_any_bytes_is_taken_or_refused_by_its_name(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        if told := load(Path(folder), {}):
            check_setting_refusal(told)
            assert name in told


# --- the live door ---


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("bad-input")
    (home / "tape.toml").write_text("[door]\ntimeout_s = 2.0\n[backup]\nevery_h = 0\n")
    with Serving(home) as serving:
        yield serving
        check_unharmed(serving)
        assert serving.end() == 0, serving.log
        assert "Traceback" not in serving.log


def said(owner: Serving, request: bytes) -> dict[str, Any]:
    """What the owner says, which is one line of JSON."""
    with peer(owner) as connected:
        connected.sendall(request)
        connected.shutdown(socket.SHUT_WR)
        with connected.makefile("rb") as file:
            answer, *rest = file.read().splitlines()
    assert rest == [] or b'"bytes"' in answer
    found: dict[str, Any] = json.loads(answer)
    return found


def check_answer(answer: dict[str, Any]) -> None:
    if not answer["ok"]:
        assert answer["error"]
        assert "\n" not in answer["error"]
        assert "Traceback" not in answer["error"]


@MANY
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda each: each + b"\n"))
def test_any_bytes_are_answered_in_one_line(owner: Serving, request_: bytes) -> None:
    answer = said(owner, request_)
    check_answer(answer)
    assert answer["ok"] is False


REQUESTS = st.dictionaries(
    st.sampled_from(["sql", "as_of", "known_seq", "format", "files", "export_id", "queries", "x"]),
    JSON_VALUES,
    max_size=4,
)
KINDS = st.sampled_from(["status", "doctor", "query", "round", "export", "republish"]) | JSON_VALUES


@MANY
@given(KINDS, REQUESTS)
def test_any_request_is_answered_and_a_wrong_one_by_what_is_wrong(
    owner: Serving, kind: Any, request_: dict[str, Any]
) -> None:
    line = json.dumps({"request": kind, **request_}).encode("utf-8", "surrogatepass") + b"\n"
    answer = said(owner, line)
    check_answer(answer)
    if answer["ok"]:
        assert kind in ("status", "doctor", "query", "round")


NAMES = st.sampled_from(
    """ticks nav_now 1 'x' null x * getenv('HOME') abs(1) read_text('/etc/passwd') as_of() lpad('',99999999,'x')
    duckdb_settings() "ticks" $1 ? '\\' /* -- ; ( [1,2] é""".split()  # noqa: SIM905
)
SQL: st.SearchStrategy[str] = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.builds("select {} from {}".format, inner, inner),
        st.builds("(select {})".format, inner),
        st.builds("{} union all select {}".format, inner, inner),
        st.builds("with x as ({}) from {}".format, inner, inner),
        st.builds("{} where {} limit {}".format, inner, inner, inner),
        st.builds("{}; {}".format, inner, inner),
        st.builds("delete from {} where {}".format, inner, inner),
        st.builds("copy ({}) to '/tmp/leak'".format, inner),
        st.builds("set variable x = {}".format, inner),
        st.builds("explain {}".format, inner),
        st.builds("explain analyze {}".format, inner),
        st.builds("list_transform([{}], lambda x: {})".format, inner, inner),
        st.builds("max({}) over (order by {})".format, inner, inner),
        st.builds("/* {} */ {} -- {}".format, inner, inner, inner),
        st.builds("$a${}$a$".format, inner),
        st.builds("{{'a': {}}}".format, inner),
        st.builds("case when {} then {} end".format, inner, inner),
    ),
    max_leaves=8,
)


@MANY
@given(SQL | st.text(max_size=30))
def test_any_sql_is_answered_or_refused_and_shows_nothing_it_may_not(owner: Serving, sql: str) -> None:
    request = json.dumps({"request": "query", "sql": sql}).encode() + b"\n"
    answer = said(owner, request)
    check_answer(answer)
    if answer["ok"]:
        shown = json.dumps(answer["rows"])
        assert os.environ["HOME"] not in shown or "getenv" not in sql
        assert "root:" not in shown
    assert not Path("/tmp/leak").exists()  # noqa: S108 (a name that nobody may write)
