"""Checks of the store and its owner, from what they report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tape.client.instants import shown, span
from tape.doctor.checks import Check, Finding, State, age, check_of, size
from tape.doctor.files import START_EXECUTOR
from tape.execution.events import Ticked
from tape.exporters.inputs import Input
from tape.store.database import bytes_of
from tape.store.ingest.ahead import TOLERATED, Ahead
from tape.store.ingest.doubled import Doubled
from tape.store.ingest.gaps import Gap
from tape.store.ingest.positions import Certificate
from tape.store.recovery.damaged import Rebuilt

STUCK_S = 60.0
"""After so long a step of a worker is no longer under way, but stuck."""
STANDS_STILL = 3
"""Cycles that a sync may miss."""
LAG_S = 120.0
FIRST_BACKUP_S = 600.0
"""How long the first backup of a home may take to appear."""
RECENT = timedelta(hours=1)
_REBUILT_LATELY = timedelta(days=1)
_WAL_TIMES = 4
_SEE = "see the log of `tape serve`"


@dataclass(frozen=True)
class Rejected:
    """Refused events: in all, in the last hour, and the reason of the newest."""

    total: int
    lately: int
    reason: str | None


def owner_check(status: Mapping[str, Any]) -> Check:
    """Return whether the answering owner is ready."""
    found = []
    if status.get("not_ready") or status.get("ready") is False:
        reasons = "; ".join(map(str, status.get("not_ready") or ["it does not say why"]))
        found.append(Finding(State.BROKEN, f"not ready: {reasons}", "ready", f"remove the reason; {_SEE}"))
    return check_of("store", "owner", found, fine=f"pid {status['pid']}", expected="an owner that answers queries")


def journal_check(certificate: Certificate, missing: Sequence[Gap] = ()) -> Check:
    """Return the check of one producer's journal. A gap is permanent, so it does not make the home broken."""
    found = []
    if certificate.gaps:
        advice = f"look in {certificate.producer}'s log for batches it could not write: disk full, file damaged"
        if missing:
            advice = f"{missing[-1]}{f' (and {len(missing) - 1:,} more)' if len(missing) > 1 else ''}; {advice}"
        found.append(
            Finding(State.DEGRADED, f"gaps {certificate.gaps:,} of {certificate.recorded:,}", "gaps 0", advice)
        )
    refused = f", refused {certificate.refused:,}" if certificate.refused else ""
    fine = f"recorded {certificate.recorded:,}, stored {certificate.stored:,}{refused}, gaps 0"
    return check_of("store", f"journal {certificate.producer}", found, fine=fine, expected="gaps 0")


def rebuild_check(done: Rebuilt, now: datetime) -> Check:
    """Return the check of the last rebuild: for a day it asks to check the disk; lost events remain as a gap."""
    found = []
    if now - datetime.fromisoformat(done.at) < _REBUILT_LATELY:
        advice = "the old database is in logs/damaged; look after disk and memory of the machine"
        if done.lost:
            advice = f"see what is missing in logs/damaged/tape-*.json; {advice}"
        found.append(Finding(State.DEGRADED, str(done), "no damage", advice))
    return check_of("store", "rebuild", found, fine=str(done), expected="no damage")


def config_check(kept_in_range: Sequence[str]) -> Check:
    """Return the check of limits and universe: caps or biases that are used differently than configured."""
    advice = "mend risk_limits.json or pairs_universe.json, and import it again"
    found = [Finding(State.DEGRADED, sentence, "caps and biases in their range", advice) for sentence in kept_in_range]
    return check_of("store", "limits and universe", found, fine="in their range", expected="in their range")


def rejected_check(rejected: Rejected) -> Check:
    """Return the check of refused events; older refusals are only counted."""
    found = []
    if rejected.lately:
        words = f"{rejected.lately:,} in the last hour, {rejected.total:,} in all; the newest: {rejected.reason}"
        found.append(Finding(State.DEGRADED, words, "none lately", "tape show rejected_events; mend the producer"))
    return check_of("store", "rejected events", found, fine=f"none lately, {rejected.total:,} in all", expected="none")


def doubled_check(ids: Sequence[Doubled], contents: Sequence[Doubled]) -> Check:
    """Return the check of events that share an identity: no command deletes stored rows, so each keeps counting."""
    findings = [_shared_id(each) for each in ids]
    findings += [
        Finding(
            State.DEGRADED,
            f"{each.tables[0]}: {each.events:,} events stand in {each.rows:,} rows under ids that nobody gave,"
            f" such as {each.event_id:.60} of {_second(each.last)}",
            "each event once",
            "an older version stored them again, in other words; they stay, and each row counts. To count each once,"
            " import the original logs into a new home",
        )
        for each in contents
    ]
    return check_of("store", "doubled events", findings, fine="none in the whole history", expected="each event once")


def _shared_id(found: Doubled) -> Finding:
    where = " and ".join(found.tables)
    times = f"at {_second(found.first)}" + (f" and {_second(found.last)}" if found.first != found.last else "")
    words = f"{where}: {found.events:,} event_ids stand in {found.rows:,} rows, such as {found.event_id:.60} {times}"
    advice = "have the producer give an event_id to one event only; these rows stay, and each of them counts"
    return Finding(State.DEGRADED, words, "an id of its own for each event", advice)


def disk_check(free_bytes: int, warn_free: str, keep_free: str) -> Check:
    """Return the check of the free space, by ``[store]``; below ``keep_free`` an owner stores nothing."""
    words, expected = f"{size(free_bytes)} free", f"{size(bytes_of(warn_free))} free"
    found = []
    if free_bytes < bytes_of(warn_free):
        state = State.BROKEN if free_bytes < bytes_of(keep_free) else State.DEGRADED
        found.append(Finding(state, words, expected, "make room: old backups, logs, a larger disk"))
    return check_of("store", "disk", found, fine=words, expected=expected)


def wal_check(wal_bytes: int, checkpoint_wal: str) -> Check:
    """Return whether the write-ahead log is moved into the file in time."""
    limit = _WAL_TIMES * bytes_of(checkpoint_wal)
    found = []
    if wal_bytes > limit:
        advice = "a query holds its transaction open: end long ones; else restart `tape serve`"
        found.append(Finding(State.DEGRADED, f"{size(wal_bytes)}: no checkpoint empties it", size(limit), advice))
    return check_of("store", "write-ahead log", found, fine=size(wal_bytes), expected=f"at most {size(limit)}")


def backup_check(made: datetime | None, since: datetime | None, every_h: float, now: datetime) -> Check:
    """Return the check of the last verified backup's age; ``since``: start of the owner, ``None`` without one."""
    if not every_h:
        return Check("store", "backup", State.OK, "switched off: [backup] every_h = 0", "switched off")
    every = timedelta(hours=every_h)
    old = None if made is None else now - made
    expected = f"one every {span(every.total_seconds())}"
    found = []
    advice = "tape backup DEST makes one now; the log of `tape serve` says why it made none"
    if old is None:
        if since is None or now - since > timedelta(seconds=FIRST_BACKUP_S):
            found.append(Finding(State.DEGRADED, "none", expected, advice, follows=True))
    elif old > 1.1 * every + timedelta(hours=1) or old < -TOLERATED:
        state = State.BROKEN if old > 3 * every + timedelta(hours=1) else State.DEGRADED
        follows = old > timedelta(0)
        found.append(Finding(state, f"the last is {age(old.total_seconds())}", expected, advice, follows=follows))
    fine = "the first is to come" if old is None else f"{age(old.total_seconds())}, verified"
    return check_of("store", "backup", found, fine=fine, expected=expected)


def workers_check(workers: Mapping[str, Mapping[str, Any]]) -> Check:
    """Return the check of the owner's threads: none fails, none is stuck."""
    return check_of("store", "workers", _worker_findings(workers), fine=", ".join(workers), expected="no failure")


def _worker_findings(workers: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for name, worker in workers.items():
        if worker["error"]:
            state = State.DEGRADED if name in ("housekeeping", "caches") else State.BROKEN
            words = f"{name} fails ({worker['failures']:,} times): {worker['error']}"
            yield Finding(state, words, "no failure", _SEE)
        elif name != "housekeeping" and worker["idle_s"] > STUCK_S:
            words = f"{name} has finished nothing for {span(worker['idle_s'])}"
            yield Finding(State.BROKEN, words, f"a step within {span(STUCK_S)}", f"{_SEE}; restart it")


def ticks_check(newest: datetime | None, now: datetime, freshness_s: float, ahead: int = 0) -> Check:
    """Return whether the executor still records ticks; a home without any tick has none to expect.

    ``newest``: the newest tick up to now; ``ahead``: how many have a later time; views show these only at their time.
    """
    found = []
    words = "none yet" if newest is None else f"the newest is {age((now - newest).total_seconds())}"
    advice = "start the executor, or see its log"
    if ahead:
        words += f", {ahead:,} later than now"
        advice = "set the executor's clock right: see events ahead"
    if (newest is None and ahead) or (newest is not None and (now - newest).total_seconds() > freshness_s):
        found.append(Finding(State.DEGRADED, words, f"at most {span(freshness_s)} old", advice, follows=not ahead))
    fine = words
    return check_of("store", "ticks", found, fine=fine, expected=f"at most {span(freshness_s)} old")


def inputs_check(inputs: Sequence[Input]) -> Check:
    """Whether what the files rest on still comes in, ticks aside, which have a line of their own."""
    begun = [each for each in inputs if each.age_s is not None and each.name != Ticked.table]
    findings = [_stopped_finding(each) for each in begun if each.is_stopped]
    fine = ", ".join(f"{each.name} {age(each.age_s or 0.0)}" for each in begun) or "none yet"
    return check_of("store", "inputs", findings, fine=fine, expected="rows that still come in")


def _stopped_finding(each: Input) -> Finding:
    newest = f" (newest row {shown(each.newest)})" if each.newest is not None else ""
    words = f"{each.name} stopped: {age(each.age_s or 0.0)}{newest}"
    return Finding(State.DEGRADED, words, f"at most {span(each.stops_after_s)} old", START_EXECUTOR, follows=True)


def ahead_check(found: Sequence[Ahead], now: datetime) -> Check:
    """Return the check of events in the future: views hide them until their time, so their producer seems silent.

    Recent arrivals are a finding; older ones are only counted, because nothing can be done about them.
    """
    findings = []
    for source in dict.fromkeys(each.source for each in found):
        rows = [each for each in found if each.source == source]
        if now - max(each.arrived for each in rows) < RECENT:
            findings.append(_ahead_finding(source, rows, now))
    total = sum(each.rows for each in found)
    until = max((each.until for each in found), default=now)
    fine = "none" if not found else f"none lately; {total:,} rows of before, up to {_second(until)}"
    return check_of("store", "events ahead", findings, fine=fine, expected="no event later than now")


def _ahead_finding(source: str, rows: Sequence[Ahead], now: datetime) -> Finding:
    first = rows[0]
    counted = ", ".join(f"{each.rows:,} of {each.table}" for each in rows)
    stamped = f"{counted} later than now, up to {_second(max(each.until for each in rows))}"
    host = f" of {first.hostname}" if first.hostname else ""
    arrived_s = (max(each.arrived for each in rows) - now).total_seconds()
    if first.is_imported:
        words = f"imported from {source}: {stamped}"
        advice = "no number counts them before; to be rid of them, correct those lines and import into a new home"
    elif arrived_s > TOLERATED.total_seconds():
        words = (
            f"{source}: recorded {span(arrived_s)} from now: its clock is ahead, or this one was set back; {stamped}"
        )
        advice = f"set the clocks{host} and of this machine right; no number counts these events before their time"
    else:
        lead_s = max((each.lead_s for each in rows if each.lead_s is not None), default=0.0)
        words = f"{source}: its clock is {span(lead_s)} ahead of its machine's: {stamped}"
        advice = f"have {source}{host} stamp its events in UTC by a clock that is right; no number counts them before"
    return Finding(State.DEGRADED, words, "no event later than now", advice)


def _second(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def clock_check(clock: Mapping[str, Any]) -> Check:
    """Return the check of the owner's clock: a step in the last hour, and deletions that wait for a trusted clock."""
    found = []
    if clock["held"]:
        advice = "set the clock right; if it is right, nothing is to be done"
        found.append(Finding(State.DEGRADED, clock["held"], "days that follow one another", advice))
    counted = clock["steps"]
    if clock["step_by_s"] is not None:
        way = "back" if clock["step_by_s"] < 0 else "forward"
        step = f"set {way} by {span(abs(clock['step_by_s']))}, {span(clock['step_age_s'])} ago"
        if clock["step_age_s"] < RECENT.total_seconds():
            advice = "see who sets it: it is to be kept right by small corrections (NTP); published instants follow it"
            found.append(Finding(State.DEGRADED, f"{step}; {counted:,} steps since the start", "no step", advice))
    fine = "not set since the start" if not counted else f"not set lately, {counted:,} steps since the start"
    return check_of("store", "clock", found, fine=fine, expected="no step")


def sync_check(status: Mapping[str, Any], *, is_wanted: bool) -> Check:
    """Return the check of the sync to Firestore; ``is_wanted``: the owner must run it, so it must not be stopped."""
    words = f"lag {span(status['lag_s'])}, {status['writes']:,} documents set"
    if status["is_stopped"] and not is_wanted:
        words = "stopped"
    found = _sync_findings(status, is_wanted)
    return check_of("store", "sync", found, fine=words, expected="Firestore has what is published")


def _sync_findings(status: Mapping[str, Any], is_wanted: bool) -> Iterator[Finding]:
    network = "check network, credentials and quota; `tape sync` says more in its log"
    waiting = f", waiting: {', '.join(status['waiting'])}" if status["waiting"] else ""
    if status["is_stopped"]:
        if is_wanted:
            yield Finding(State.DEGRADED, f"stopped{waiting}", "running: [sync] enabled", _SEE)
        return
    if status["error"]:
        yield Finding(State.DEGRADED, f"fails: {status['error']}", "no failure", network)
    if status["lag_s"] < -TOLERATED.total_seconds():
        words = f"its last cycle is dated {span(-status['lag_s'])} ahead: the clock was set back since"
        yield Finding(State.DEGRADED, words, "a cycle that is over", "restart it, and set the machine's clock right")
    if status["lag_s"] > max(LAG_S, STANDS_STILL * status["interval_s"]):
        yield Finding(State.DEGRADED, f"lags {span(status['lag_s'])}{waiting}", f"at most {span(LAG_S)}", network)
    for problem in status["problems"]:
        yield Finding(State.DEGRADED, problem, "documents that Firestore takes", "see `tape status`")
    if status["stale"]:
        words = f"stands still: {status['stale']:,} not set, Firestore has newer ones"
        advice = "another sync writes there, or its clock was ahead: stop it, or delete those documents"
        yield Finding(State.DEGRADED, words, "0", advice)
