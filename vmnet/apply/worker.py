"""The process that carries a run out: started by `vmnet.apply.unit`, away from every terminal.

Taken up again by systemd after a kill, and by the next boot after a loss of power, it finds in the journal how far it
was. It ends with success whenever the run is concluded, well or not, so that systemd does not start it again.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.apply import unit
from vmnet.apply.handover import Ending, is_cancelled, note_ended, read_ending, record_of, write_ending
from vmnet.apply.journal import Journal, RunState
from vmnet.apply.lock import LOCK, locked
from vmnet.apply.progress import Pace
from vmnet.apply.run import conclude
from vmnet.apply.signals import SIGNALS, one_interrupt
from vmnet.errors import VmnetError

if TYPE_CHECKING:
    from vmnet.apply.progress import Progress
    from vmnet.apply.result import RunResult

LOCK_S = 10.0
"""Whoever started us may still look at the lock."""


def main(argv: list[str]) -> int:
    """Bring the run whose directory is named to its end; return the exit code for systemd."""
    # As in vmnet.cli.
    gc.set_threshold(100_000)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Whoever started us held them back for a while, and a process inherits that.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        with one_interrupt():
            work(Journal(Path(argv[1])))
    except (VmnetError, OSError, KeyboardInterrupt) as error:
        _say("; ".join((f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ()))))
    return 0


def work(journal: Journal, *, lock: Path = LOCK, patience_s: float = LOCK_S) -> None:
    """Bring a run to its end, and leave word of how it ended; what went wrong is raised as well."""
    if read_ending(journal) is None or journal.state() is RunState.OPEN:
        _work(journal, lock, patience_s)
    else:
        # A loss of power may have come between the two, and whoever follows waits for this line.
        note_ended(journal)
    unit.remove(journal.run)


def _work(journal: Journal, lock: Path, patience_s: float) -> None:
    result: RunResult | None = None
    try:
        journal.note("worker", text=str(os.getpid()))
        with locked(lock, patience_s=patience_s):
            if is_cancelled(journal) and journal.state() is RunState.UNUSED:
                raise KeyboardInterrupt
            result = conclude(journal, _Log())
    finally:
        error = sys.exception()
        record = record_of(error, unit.name_of(journal.run)) if error else None
        write_ending(journal, Ending(result=result, error=record))
        if isinstance(error, (VmnetError, OSError, KeyboardInterrupt)):
            unit.remove(journal.run)


class _Log:
    """Says on standard output what goes on, of many like steps one a second: the journal has them all."""

    def __init__(self) -> None:
        self._pace = Pace()

    def __call__(self, progress: Progress) -> None:
        if self._pace.lets(progress):
            _say(f"[{progress.index}/{progress.total}] {progress.event} {type(progress.step).__name__}: {progress.why}")


def _say(text: str) -> None:
    """Say it on standard output, which systemd puts into the system journal."""
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
