"""The lock: only one vmnet at a time changes a host."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from vmnet.errors import Conflict
from vmnet.host.files.own_files import make_own_directory
from vmnet.runs.records.journal_lines import open_own

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


# Ctrl-C and SIGTERM become one KeyboardInterrupt, and so one rollback. A lost terminal is something else.

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TerminalGone(KeyboardInterrupt):
    """The terminal was closed, or the connection behind it was lost (SIGHUP): the command stops watching the run;
    the run goes on."""


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal and ignore those that follow: the rollback must not be interrupted.

    SIGHUP raises its subclass TerminalGone. A signal that is ignored already (nohup) stays so.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(number: int, _frame: object) -> NoReturn:
        for other in caught:
            signal.signal(other, signal.SIG_IGN)
        raise TerminalGone if number == signal.SIGHUP else KeyboardInterrupt

    for number in caught:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and a lost terminal until the rollback is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
