"""The process that carries a run out: started by `vmnet.runs.unit`, away from every terminal.

Started again by systemd after a kill, and by the next boot after a loss of power, it finds in the journal how far it
was. It ends with success, and its unit goes, only when the run has ended: otherwise systemd starts it again.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from vmnet.errors import Conflict, VmnetError, attempt
from vmnet.runs import unit
from vmnet.runs.lock import LOCK, SIGNALS, locked, one_interrupt
from vmnet.runs.progress import Pace, Progress, RunResult
from vmnet.runs.records.journal import Journal, RunState
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.run import conclude
from vmnet.runs.worker_files import Ending, Word, has_word, note_ended, read_ending, record_of, write_ending

LOCK_S = 10.0
"""Whoever started us may still look at the lock."""
OPEN_LOCK_S = 600.0
"""A run that was cut off waits longer: nobody would start it again."""
PAUSE_S = 65.0
"""Before systemd starts us again for a run that stays open: it gives up after 10 starts in 600 s (unit.py)."""


def main(argv: list[str]) -> int:
    """Bring the run whose directory is named to its end; return the exit code for systemd."""
    # As in vmnet.cli.
    gc.set_threshold(100_000)
    # No name may be one that the log cannot take.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Whoever started us held them back for a while, and a process inherits that.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    journal = Journal(Path(argv[1]))
    begun = attempt(journal.state) is not RunState.UNUSED
    try:
        with one_interrupt():
            failed = attempt(lambda: work(journal, patience_s=OPEN_LOCK_S if begun else LOCK_S))
    except KeyboardInterrupt as interrupt:
        _say("; ".join(("interrupted", *getattr(interrupt, "__notes__", ()))))
    else:
        if failed is not None:
            _say_error(failed)
    if attempt(lambda: is_concluded(journal)) is True:
        return 0
    _say(f"run {journal.run} is open, or its end is not on disk: next try in {PAUSE_S:.0f} s, and at the next boot")
    time.sleep(PAUSE_S)
    return 1


def is_concluded(journal: Journal) -> bool:
    """Return whether nothing is left for a worker to do: the run is at its end, and all of that is on the disk."""
    return _is_ended(journal) and not journal.spare.exists()


def _is_ended(journal: Journal) -> bool:
    return read_ending(journal) is not None and journal.state() is not RunState.OPEN


def work(journal: Journal, *, lock: Path = LOCK, patience_s: float = LOCK_S) -> None:
    """Bring a run to its end, and leave word of how it ended; what went wrong is raised as well.

    Where others hold the lock, a run that was not begun ends; one that is open stays so.
    """
    try:
        if attempt(lambda: _is_ended(journal)) is not True:
            _work(journal, lock, patience_s)
        else:
            # A loss of power may have come between the two, and `vmnet follow` waits for this line.
            note_ended(journal)
    finally:
        attempt(journal.leave_memory)
        if attempt(lambda: is_concluded(journal)) is True:
            attempt(lambda: unit.remove(journal.run))


def _work(journal: Journal, lock: Path, patience_s: float) -> None:
    result: RunResult | None = None
    try:
        attempt(lambda: journal.note_anyway([Entry.now("worker", text=str(os.getpid()))]))
        with locked(lock, patience_s=patience_s):
            if has_word(journal, Word.CANCELLED) and journal.state() is RunState.UNUSED:
                raise KeyboardInterrupt
            result = conclude(journal, _Log())
    finally:
        error = sys.exception()
        if not (isinstance(error, Conflict) and attempt(journal.state) is RunState.OPEN):
            record = record_of(error, unit.name_of(journal.run)) if error else None
            attempt(lambda: write_ending(journal, Ending(result=result, error=record)))


class _Log:
    """Says on standard output what goes on, of many like steps one a second: the journal has them all."""

    def __init__(self) -> None:
        self._pace = Pace()

    def __call__(self, progress: Progress) -> None:
        if self._pace.lets(progress):
            _say(f"[{progress.index}/{progress.total}] {progress.event} {type(progress.step).__name__}: {progress.why}")


def _say_error(error: VmnetError) -> None:
    """Say what went wrong, for the system journal; of what nobody foresaw, where."""
    _say("; ".join((f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ()))))
    if error.__cause__ is not None:
        _say("".join(traceback.format_exception(error)))


def _say(text: str) -> None:
    """Say it on standard output, which systemd puts into the system journal."""
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
