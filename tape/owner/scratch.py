"""The scratch folder of a home: private, and in memory where the machine has such a file system."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(home: Path) -> Iterator[str]:
    """Make a private folder, in memory if possible; folders left by killed owners of the home are removed."""
    memory = Path("/dev/shm")  # noqa: S108 (mkdtemp makes it private)
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    prefix = scratch_prefix(home)
    for left in parent.glob(f"{prefix}*"):
        if left.lstat().st_uid == os.getuid() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield folder


def scratch_prefix(home: Path) -> str:
    """Return the prefix of a home's scratch folder names."""
    return f"tape-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]}-"
