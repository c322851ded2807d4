"""The lock: only one vmnet at a time changes a host."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.apply.journal_lines import open_own
from vmnet.errors import Conflict
from vmnet.host.own_directory import make_own_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path("/run/vmnet/lock")
"""In a directory of root: a user who can open the file could hold its lock and block the end of a run."""

_POLL_S = 0.1


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path = LOCK, *, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock. The kernel lets go of it when the process ends, however it ends, so none is ever stale.

    Args:
        patience_s: how long to wait for another process to let go of it.

    Raises:
        Conflict: another vmnet holds it; the message names its process, and since when it has it.
        Refused: others than root can write to its directory.
    """
    deadline = time.monotonic() + patience_s
    make_own_directory(path.parent, 0o700)
    handle = open_own(path, os.O_RDWR)
    try:
        while not _try_lock(handle):
            if time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            owner = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
            raise Conflict(
                f"another vmnet is changing this host: {owner or 'an unknown process'}",
                "to watch it: sudo vmnet follow",
            )
        os.ftruncate(handle, 0)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.pwrite(handle, f"process {os.getpid()}, since {stamp}".encode(), 0)
        yield
    finally:
        os.close(handle)
