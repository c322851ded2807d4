"""One vmnet at a time changes a host."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path("/run/vmnet.lock")


@contextmanager
def locked(path: Path = LOCK) -> Iterator[None]:
    """Hold the lock. The kernel lets go of it when the process ends, however it ends, so none is ever stale.

    Raises:
        Conflict: another vmnet holds it; the message names its process, and since when it has it.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "a process that has not said its number yet"
            raise Conflict(
                f"another vmnet is changing this host: {owner}",
                "wait until it has finished; vmnet runs shows how far it is",
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")
        file.flush()
        yield
