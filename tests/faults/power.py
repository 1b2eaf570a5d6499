"""A power cut, as a disk may leave things: rebuilt from the calls that were made up to then.

The model is that of POSIX and no kinder: bytes stay that were there when an fsync of their file began, names stay that
were there when an fsync of their folder began. What came later stays or goes: chance decides, file by file and folder
by folder; of the bytes written later a part of the first ones may stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.tracing import Call

Names = dict[str, "_File"]


@dataclass
class _File:
    """Bytes that are safe, and the changes since: ``(offset, data)``, or ``(length, None)`` where it was cut."""

    safe: bytes = b""
    changes: list[tuple[int, bytes | None, int]] = field(default_factory=list)
    """The third number says when, in calls."""
    position: int = 0
    appends: bool = False
    is_folder: bool = False

    def size(self) -> int:
        size = len(self.safe)
        for at, data, _ in self.changes:
            size = at if data is None else max(size, at + len(data))
        return size

    def sync(self, began: int) -> None:
        self.safe = _changed(self.safe, [each for each in self.changes if each[2] < began])
        self.changes = [each for each in self.changes if each[2] >= began]

    def left(self, chance: Random | None) -> bytes:
        """What a power cut leaves; without chance only what is safe."""
        if chance is None or not self.changes:
            return self.safe
        kept = list(self.changes[: chance.choice([0, len(self.changes), chance.randint(0, len(self.changes))])])
        if kept and kept[-1][1] and chance.random() < 0.3:
            at, data, when = kept.pop()
            kept.append((at, (data or b"")[: chance.randint(0, len(data or b""))], when))
        return _changed(self.safe, kept)


def _changed(content: bytes, changes: Iterable[tuple[int, bytes | None, int]]) -> bytes:
    made = bytearray(content)
    for at, data, _ in changes:
        if data is None:
            del made[at:]
            made.extend(bytes(max(0, at - len(made))))
        else:
            made.extend(bytes(max(0, at - len(made))))
            made[at : at + len(data)] = data
    return bytes(made)


class PowerCut:
    """The disk below a folder that began as another one is, all of it safe."""

    def __init__(self, root: Path, *, as_in: Path) -> None:
        self._root = str(root)
        self._now: Names = {}
        self._safe: dict[str, Names] = {}
        self._opened: Names = {}
        self._named: dict[str, int] = {}
        """When a name was given, in calls."""
        for path in as_in.rglob("*"):
            file = _File(is_folder=True) if path.is_dir() else _File(path.read_bytes())
            self._now[str(root / path.relative_to(as_in))] = file
        for folder in (self._root, *(path for path, file in self._now.items() if file.is_folder)):
            self._safe[folder] = self._names(folder)

    def apply(self, call: Call) -> None:
        """A call has ended."""
        if not call.path.startswith(self._root):
            return
        if call.name == "openat":
            self._open(call)
        elif call.name in ("write", "writev", "pwrite64"):
            self._write(call)
        elif call.name == "lseek":
            self._file(call.path).position = call.result
        elif call.name == "ftruncate":
            self._file(call.path).changes.append((call.numbers[-1], None, call.at))
        elif call.name in ("fsync", "fdatasync"):
            self._sync(call)
        elif call.name == "mkdir":
            self._name(call.path, _File(is_folder=True), call.at)
        elif call.name == "rename":
            self._name(call.to, self._now.pop(call.path), call.at)
        elif call.name == "link":
            self._name(call.to, self._now[call.path], call.at)
        elif call.name == "unlink":
            self._now.pop(call.path, None)

    def leave(self, folder: Path, chance: Random | None) -> None:
        """Makes the disk in an empty folder as the cut leaves it; without chance only what is safe is left."""
        self._leave(folder, self._root, chance)

    def _leave(self, folder: Path, path: str, chance: Random | None) -> None:
        safe = self._safe.get(path, {})
        names = safe if chance is None or chance.random() < 0.5 else self._names(path)
        for name, file in names.items():
            target = folder / Path(name).name
            if file.is_folder:
                target.mkdir()
                self._leave(target, name, chance)
            else:
                target.write_bytes(file.left(chance))

    def _name(self, path: str, file: _File, at: int) -> None:
        self._now[path], self._named[path] = file, at

    def _names(self, folder: str) -> Names:
        return {path: file for path, file in self._now.items() if str(Path(path).parent) == folder}

    def _file(self, path: str) -> _File:
        return self._opened[path.removesuffix(" (deleted)")]

    def _open(self, call: Call) -> None:
        if "O_DIRECTORY" in call.flags or ("O_RDONLY" in call.flags and call.path not in self._now):
            return
        is_new = call.path not in self._now
        if is_new:
            self._name(call.path, _File(), call.at)
        file = self._opened[call.path] = self._now[call.path]
        if "O_WRONLY" in call.flags or "O_RDWR" in call.flags:
            file.position, file.appends = 0, "O_APPEND" in call.flags
            if "O_TRUNC" in call.flags and not is_new:
                file.changes.append((0, None, call.at))

    def _write(self, call: Call) -> None:
        file = self._file(call.path)
        if call.name == "pwrite64":
            file.changes.append((call.numbers[-1], call.data, call.at))
            return
        at = file.size() if file.appends else file.position
        file.changes.append((at, call.data, call.at))
        file.position = at + len(call.data)

    def _sync(self, call: Call) -> None:
        path = call.path.removesuffix(" (deleted)")
        if path in self._opened and not self._opened[path].is_folder:
            self._opened[path].sync(call.began)
            return
        names, before = self._names(path), self._safe.get(path, {})
        # what has got its name since the sync began may be safe as well, but nobody may count on it
        late = [name for name in names if self._named.get(name, -1) >= call.began]
        kept = {name: before[name] for name in late if name in before}
        self._safe[path] = {**{name: file for name, file in names.items() if name not in late}, **kept}
