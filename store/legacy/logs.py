"""The old logs of a trading runtime: which file holds which events, in which shapes, and where its parts are.

``importer.py`` reads them. A shape names the event that its lines become, and the keys that older lines used for a
field; everything else follows from ``tape.execution.events``.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tape.execution import events
from tape.store.home import CONFIG_FILES
from tape.store.legacy.line_tree import Shape
from tape.store.legacy.log_names import OLD, Age, is_archive, log_name


@dataclass(frozen=True)
class Log:
    """One log: its place below the folder, and the shapes of its lines."""

    stem: str
    shapes: tuple[Shape, ...]

    @property
    def name(self) -> str:
        return self.stem.rpartition("/")[2]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the ``event_type`` values that its lines may have; empty if lines of one kind need none."""
        return tuple(dict.fromkeys(kind for shape in self.shapes if (kind := shape.kind)))

    @property
    def tables(self) -> dict[type[events.Event], dict[int, Shape]]:
        """Return its shapes, with their numbers, by the event that they become."""
        return {
            event: {number: shape for number, shape in enumerate(self.shapes) if shape.event is event}
            for event in dict.fromkeys(shape.event for shape in self.shapes)
        }


_IS_OLD_ACK = (
    "(case when contains(json, '\"raw\"') then json_extract_string(json, '$.raw.orderId') is not null"
    " and json_extract_string(json, '$.orderId') is null else false end)"
)
"""Old acks have what the venue answered in ``raw``, and no id beside it."""

LOGS = (
    Log(
        "execution/orders_attempted",
        (Shape(events.OrderAttempted),),
    ),
    Log(
        "execution/orders_executed",
        (
            Shape(events.OrderAcked, kind="order_ack", when=f"not {_IS_OLD_ACK}"),
            Shape(
                events.OrderAcked,
                kind="order_ack",
                when=_IS_OLD_ACK,
                keys={
                    "ts": ("ts",),
                    "symbol": ("symbol", "raw.symbol"),
                    "side": ("side", "raw.side"),
                    "order_id": ("order_id", "raw.orderId"),
                    "client_order_id": ("raw.clientOrderId", "request_id"),
                    "request_qty": ("raw.origQty", "qty"),
                    "order_type": ("raw.type",),
                    "status": ("raw.status",),
                    "price": ("raw.avgPrice", "price"),
                    "position_side": ("raw.positionSide",),
                    "reduce_only": ("raw.reduceOnly",),
                },
            ),
            Shape(
                events.OrderAcked,
                kind="order_executed",
                keys={
                    "ts": ("ts_ack", "ts"),
                    "client_order_id": ("client_order_id", "clientOrderId"),
                    "request_qty": ("qty", "request_qty"),
                    "reduce_only": ("reduce_only", "reduceOnly"),
                },
                optional=frozenset({"side", "order_id", "order_type", "status", "request_qty"}),
            ),
            Shape(events.OrderFilled, kind="order_fill"),
            Shape(events.OrderClosed, kind="order_close"),
            Shape(events.OrderFailed, kind="order_error"),
        ),
    ),
    Log("execution/order_metrics", (Shape(events.OrderMeasured),)),
    Log(
        "execution/risk_vetoes",
        (Shape(events.IntentVetoed),),
    ),
    Log(
        "execution/position_state",
        (
            Shape(
                events.PositionMarked,
                keys={
                    "qty": ("pos_qty", "qty"),
                    "entry_price": ("entry_px", "entry_price"),
                    "mark_price": ("mark_price", "mark_px"),
                    "side": ("mode", "side", "position_side", "positionSide"),
                },
            ),
        ),
    ),
    Log("execution/sync_heartbeats", (Shape(events.HeartbeatSent),)),
    Log(
        "pipeline_v6_shadow",
        (
            Shape(
                events.ShadowDecided,
                keys={
                    "ts": ("timestamp", "ts"),
                    "is_heartbeat": ("heartbeat", "is_heartbeat"),
                },
                whole="decision",
            ),
        ),
    ),
    Log("router_health", (Shape(events.RouterHealthLogged, whole="payload"),)),
    Log(
        "nav",
        (
            Shape(
                events.Ticked,
                keys={
                    "ts": ("t", "ts"),
                    "equity_usd": ("equity", "nav", "nav_usd"),
                    "nav_usd": ("nav", "nav_usd", "equity"),
                },
            ),
        ),
    ),
)
NAV_ARRAY = "nav_log"
"""The other file of NAV points, a JSON array of the newest ones."""
CONFIGS = {name: kind for kind, name in CONFIG_FILES.items()}

NO_EVENTS = {
    "state": "published files: they are computed from the events",
    "cache": "published files: they are computed from the events",
    "journal": "the journal of this store",
    "backup": "backups of this store",
    "pipeline_v6_compare.jsonl": "computed from shadow decisions and orders",
    "tape.duckdb": "the database of this store",
}
"""Files and folders of the contract that hold no events of their own, and what they hold."""
_EXTENSIONS = {log.name: "jsonl" for log in LOGS} | {NAV_ARRAY: "json"}
_EXECUTION = "execution"
_LISTED = 10
_DEPTH = 6


@dataclass(frozen=True)
class Unread:
    """Files that are not read for one reason: the first of them, as paths below the folder, and their number."""

    paths: tuple[str, ...]
    reason: str
    count: int = 1


@dataclass
class FoundLogs:
    """The content of a folder of logs: the files of each log, oldest first; limits and universe; unread files."""

    logs: list[tuple[Log, list[Path]]]
    configs: dict[Path, str]
    unread: list[Unread]

    @property
    def count(self) -> int:
        """Return the number of files to read."""
        return sum(len(paths) for _, paths in self.logs) + len(self.configs)


def find_logs(folder: Path) -> FoundLogs:
    """Look through a folder of logs, its ``execution`` folder, and the folders of archives below them."""
    search = _Search(folder)
    search.enter(folder, folders=(_EXECUTION,))
    return search.found()


def name_below(path: Path, folder: Path) -> str:
    """Return the path of a file below a folder as text; the name may hold any bytes."""
    return os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")


def logs_nearby(folder: Path) -> list[Path]:
    """Return the folders one level up and down that could be imported, to help a user who gave the wrong folder."""
    above = folder.parent
    with suppress(OSError):
        near = [above, *sorted(path for path in folder.iterdir() if path.is_dir())[:1000]]
        return [path for path in near if _holds_logs(path)]
    return []


def log_folder(file: Path) -> Path | None:
    """Return the folder to import, given one of its files; None if the name is not that of a log."""
    name = log_name(file.name, _EXTENSIONS)
    if (name is None or name.refusal is not None) and file.name not in CONFIGS:
        return None
    above = [file.parent, *file.parent.parents]
    return next((path for path in above if path.name != _EXECUTION and not is_archive(path.name)), file.parent)


def _holds_logs(folder: Path) -> bool:
    found = find_logs(folder)
    return bool(found.logs or found.configs)


class _Search:
    """One walk through a folder of logs: every file and folder met is read, entered, or listed with a reason."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[tuple[str, Age, Path]] = []
        self._configs: dict[Path, str] = {}
        self._unread: dict[tuple[Path, str], list[str]] = {}
        self._seen: dict[tuple[int, int], str] = {}

    def found(self) -> FoundLogs:
        """Return the result of the walk."""
        logs = []
        for log in LOGS:
            names = (log.name, NAV_ARRAY) if log.name == "nav" else (log.name,)
            # `nav.jsonl` before `nav_log.json`: of a point that is in both, the first one read is kept.
            paths = [path for name in names for stem, _, path in sorted(self._parts, key=_by_age) if stem == name]
            if paths:
                logs.append((log, paths))
        unread = [
            Unread(tuple(paths[:_LISTED]), reason, len(paths)) for (_, reason), paths in sorted(self._unread.items())
        ]
        configs = {
            path: kind for kind in CONFIGS.values() for path, is_kind in self._configs.items() if is_kind == kind
        }
        return FoundLogs(logs, configs, unread)

    def enter(self, folder: Path, folders: tuple[str, ...], depth: int = 0) -> None:
        """Walk through one folder. ``folders``: names, besides those of archives, of folders that are entered."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(Path(entry.path) for entry in entries)
        except OSError as error:
            self._leave(folder, f"cannot be read: {error.strerror}")
            return
        for path in found:
            try:
                known = path.stat()
            except OSError as error:
                self._leave(path, _why_lost(path, error))
                continue
            if stat.S_ISDIR(known.st_mode):
                self._folder_found(path, known, folders, depth)
            else:
                self._file_found(path, known, depth)

    def _folder_found(self, path: Path, known: os.stat_result, folders: tuple[str, ...], depth: int) -> None:
        is_home = path.name.lower() in folders
        # Not into every folder: beside the logs may lie those of another account, which must not be mixed in.
        if (is_home or is_archive(path.name)) and depth < _DEPTH:
            if before := self._met_before(path, known):
                self._leave(path, before)
                return
            self.enter(path, folders=() if is_home else folders, depth=depth + 1)
        elif reason := NO_EVENTS.get(path.name):
            self._leave(path, reason)
        elif _looks_like_logs(path):
            self._leave(path, "a folder with logs of its own: import it by itself if they belong to this account")
        else:
            self._leave(path, "a folder that is neither execution nor an archive")

    def _file_found(self, path: Path, known: os.stat_result, depth: int) -> None:
        if depth == 0 and (kind := CONFIGS.get(path.name)):
            reason = _why_unreadable(path, known) or self._met_before(path, known)
            if reason is None:
                self._configs[path] = kind
        elif (name := log_name(path.name, _EXTENSIONS)) is not None:
            reason = name.refusal or self._why_misplaced(name.stem, path, depth) or _why_unreadable(path, known)
            reason = reason or self._met_before(path, known)
            if reason is None:
                # `.old` says nothing of which came first. The time of its last line does.
                age = name.age if name.age[0] != OLD else (OLD, f"{known.st_mtime:020.6f}", 0)
                self._parts.append((name.stem, age, path))
        else:
            reason = NO_EVENTS.get(path.name, "its name is not that of a log")
        if reason is not None:
            self._leave(path, reason)

    def _why_misplaced(self, stem: str, path: Path, depth: int) -> str | None:
        is_below = _EXECUTION in (part.lower() for part in path.relative_to(self._folder).parts[:-1])
        if stem in _IN_EXECUTION and not is_below and depth == 0:
            return f"expected in the folder {_EXECUTION}"
        if stem not in _IN_EXECUTION and is_below:
            return f"expected beside the folder {_EXECUTION}, not in it"
        return None

    def _met_before(self, path: Path, known: os.stat_result) -> str | None:
        """Return why a file or folder is skipped that was met under another name: links must not double events."""
        # By device and inode: whatever the links are called, what they lead to is one.
        before = self._seen.setdefault((known.st_dev, known.st_ino), self._name(path))
        return None if before == self._name(path) else f"the same as {before}"

    def _leave(self, path: Path, reason: str) -> None:
        self._unread.setdefault((path.parent, reason), []).append(self._name(path))

    def _name(self, path: Path) -> str:
        return name_below(path, self._folder)


_IN_EXECUTION = {log.name for log in LOGS if log.stem.startswith(f"{_EXECUTION}/")}


def _by_age(part: tuple[str, Age, Path]) -> tuple[Age, int, str]:
    """Sort parts of one age: those in archives first."""
    _, age, path = part
    return age, -len(path.parts), str(path)


def _why_lost(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return "a link to itself" if error.errno == errno.ELOOP else "a link to nothing"
    return f"cannot be read: {error.strerror}"


def _why_unreadable(path: Path, known: os.stat_result) -> str | None:
    if not stat.S_ISREG(known.st_mode):
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
        return f"{kinds.get(stat.S_IFMT(known.st_mode), 'special')}, not a file"
    return None if os.access(path, os.R_OK) else "cannot be read: Permission denied"


def _looks_like_logs(folder: Path) -> bool:
    """Return whether a folder, or the ``execution`` folder in it, has a file named like a log."""
    for inside in (folder, folder / _EXECUTION):
        with suppress(OSError), os.scandir(inside) as entries:
            # A few names are enough to say what a folder is. One of millions of files must not hold the import up.
            for entry in islice(entries, 10_000):
                if (name := log_name(entry.name, _EXTENSIONS)) is not None and name.refusal is None:
                    return True
    return False
