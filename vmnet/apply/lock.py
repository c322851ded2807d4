"""One vmnet at a time changes a host."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from vmnet.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path("/run/vmnet.lock")


_POLL_S = 0.1


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    """
    deadline = time.monotonic() + patience_s
    with path.open("a+") as file:
        while not _try_lock(file):
            if time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            file.seek(0)
            owner = file.read().strip() or "a process that has not said its number yet"
            raise Conflict(
                f"another vmnet is changing this host: {owner}",
                "sudo vmnet follow shows what it does, to its end",
            )
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")
        file.flush()
        yield
