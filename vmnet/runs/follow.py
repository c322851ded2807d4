"""Open a run, start its worker process, and follow it: the terminal only watches."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vmnet.errors import Conflict, Refused, SpecError, ToolError, attempt
from vmnet.facts import Facts
from vmnet.host.files.own_files import MEBIBYTE, check_room
from vmnet.host.files.run_mark import JOURNAL, RUNS, check_mark
from vmnet.host.gather import read_facts
from vmnet.host.libvirt.hypervisor import SYSTEM_URI
from vmnet.plan.steps import Plan
from vmnet.runs import unit
from vmnet.runs.lock import LOCK, TerminalGone, locked, uninterrupted
from vmnet.runs.progress import Progress, RunResult, Watcher
from vmnet.runs.records.journal import Journal, RunState, find_run, list_runs
from vmnet.runs.records.journal_lines import Entry, parse_entry
from vmnet.runs.undo import ask_again, plan_undo
from vmnet.runs.worker_files import Ending, Request, Word, digest, error_of, leave_word, read_ending, write_request

Report = Callable[[Progress], None]

POLL_S = 0.05
_LOOK_S = 5.0
"""After so long without a new line, check whether the worker lives."""
GIVE_UP_S = 60.0
"""systemd starts a killed worker again within seconds; a slow host needs longer."""
_ROOM_BYTES = 16 * MEBIBYTE
_STEP_BYTES = 16 * 1024
"""For the facts, copies of all profiles, and of each step its lines and the documents of its domain."""


def apply(
    plan: Plan,
    facts: Facts,
    *,
    progress: Report | None = None,
    uri: str = SYSTEM_URI,
    runs: Path = RUNS,
    lock: Path = LOCK,
    start: Callable[[Journal], None] = unit.start,
) -> RunResult:
    """Carry out a plan in a worker process, and wait for its end. If a step fails, the worker rolls back all steps.

    A plan with `keeps` is rolled back only for the domain of the step that failed.

    Args:
        plan: from a `plan_` function.
        facts: the facts that the plan was made from.
        progress: called when each step begins and ends.
        uri: URI of the hypervisor.
        start: starts the worker.

    Raises:
        KeyboardInterrupt: SIGINT came; the run is rolled back. TerminalGone: the terminal is lost; the run continues.
        Refused: this process is not root.
        Conflict: another change is in progress, or a run has changed the host since `facts` were read.
        ToolError, LinkError, HypervisorError: a step failed; the run is rolled back.
        UndoIncomplete: a step failed, and the rollback, too; `left` holds the commands to finish by hand.
    """
    if plan.empty:
        return RunResult(run="", directory="", plan=plan, done=0)
    if not facts.root:
        raise Refused("changing the host needs root", "run it again with sudo; --plan and verify work without")
    with locked(lock):
        _check_before(plan, facts, runs)
        journal = Journal.create(plan, facts, runs)
        domains = digest((domain.name, domain.state) for domain in facts.domains)
        write_request(journal, Request(uri=uri, domains=domains, undoes=plan.undoes))
    cancelled = _start(journal, start)
    return watch(journal, plan, progress or (lambda _: None), cancelled=cancelled)


def _check_before(plan: Plan, facts: Facts, runs: Path) -> None:
    """Raise Refused or Conflict where the run cannot be written down, another goes on, or one has changed the host."""
    check_room(runs, _ROOM_BYTES + _STEP_BYTES * len(plan.planned))
    for other in list_runs(runs):
        if other.state() is RunState.OPEN and other.run != plan.undoes and (process := worker_of(other)):
            raise Conflict(
                f"run {other.run} is in progress: process {process}", f"to watch it: sudo vmnet follow {other.run}"
            )
    check_mark(facts.runs_mark, runs)


def _start(journal: Journal, start: Callable[[Journal], None]) -> bool:
    """Start the worker; return whether an interrupt came meanwhile, held back until there was a worker to be told."""
    try:
        with uninterrupted():
            start(journal)
    except TerminalGone:
        raise
    except KeyboardInterrupt:
        _cancel(journal)
        return True
    return False


def undo(run: str | None = None, *, progress: Report | None = None, uri: str = SYSTEM_URI) -> RunResult:
    """Undo a run: `plan_undo` and `apply` in one.

    Args:
        run: id of the run. None: the last one that was not undone.
        progress: called when each step begins and ends.
        uri: URI of the hypervisor.

    Raises:
        As `plan_undo` and `apply`.
    """
    facts = ask_again(read_facts(uri=uri), run)
    return apply(plan_undo(facts, run), facts, progress=progress, uri=uri)


def follow(run: str | None = None, *, progress: Report | None = None, runs: Path = RUNS) -> RunResult:
    """Follow a run from its first step to its end, as `apply` does with its own.

    Args:
        run: id of the run. None: the run that is in progress.
        progress: called when each step begins and ends.

    Raises:
        SpecError: there is no such run, or none is in progress.
        PermissionError: only root may read the journals.
        As `apply`.
    """
    if run is not None:
        journal = find_run(run, runs)
    else:
        newest = list_runs(runs)[-1:]
        if not newest or attempt(lambda: read_ending(newest[0])) is not None:
            raise SpecError("no run is in progress", "to list the runs that have ended: sudo vmnet runs")
        journal = newest[0]
    return watch(journal, journal.plan(), progress or (lambda _: None))


def watch(
    journal: Journal, plan: Plan, report: Report, *, cancelled: bool = False, give_up_s: float = GIVE_UP_S
) -> RunResult:
    """Report a run's progress until it has ended; an interrupt cancels it, the loss of the terminal does not."""
    tail = _Tail(journal, plan)
    while True:
        try:
            ending = _until_ended(journal, tail, report, give_up_s)
            break
        except TerminalGone as gone:
            gone.add_note(f"run {journal.run} continues; to watch it: sudo vmnet follow")
            raise
        except KeyboardInterrupt:
            cancelled = True
            _cancel(journal)
    if ending.error is not None:
        raise error_of(ending.error)
    assert ending.result is not None
    if cancelled:
        late = KeyboardInterrupt()
        late.add_note(f"run {journal.run} was completed before, and is kept; to undo it: sudo vmnet undo {journal.run}")
        raise late
    return replace(ending.result, plan=plan)


class _Tail:
    """Reads a journal as it grows, from its first line."""

    def __init__(self, journal: Journal, plan: Plan) -> None:
        # What the disk does not take is in memory.
        self._offsets = {directory / JOURNAL: 0 for directory in (journal.directory, journal.spare)}
        self._watcher = Watcher(plan)

    def new(self) -> Iterator[tuple[Entry, Progress | None]]:
        """Yield the lines that are whole and were not read yet, each with what it tells of a step."""
        for path, offset in self._offsets.items():
            if path.exists() and path.stat().st_size != offset:
                yield from self._new_in(path)

    def _new_in(self, path: Path) -> Iterator[tuple[Entry, Progress | None]]:
        with path.open("rb") as file:
            file.seek(self._offsets[path])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offsets[path] += len(line)
                entry = parse_entry(line.decode("utf-8", "replace"))
                if entry is not None:
                    yield entry, self._watcher.feed(entry)


def _until_ended(journal: Journal, tail: _Tail, report: Report, give_up_s: float) -> Ending:
    worker, quiet_since = 0, time.monotonic()
    while True:
        for entry, progress in tail.new():
            quiet_since = time.monotonic()
            if entry.event == "worker" and entry.text.isdecimal():
                worker = int(entry.text)
            if progress is not None:
                report(progress)
            ending = read_ending(journal) if entry.event == "ended" else None
            if ending is not None:
                return ending
        quiet_s = time.monotonic() - quiet_since
        if quiet_s > min(_LOOK_S, give_up_s) and _lives(worker, journal):
            quiet_since = time.monotonic()
        elif quiet_s > give_up_s:
            raise ToolError(
                f"the worker of run {journal.run} is gone, and no new worker has started for {give_up_s:.0f} s",
                f"for the reason: journalctl -u {unit.name_of(journal.run)}\n"
                f"to roll back: sudo vmnet undo {journal.run}",
            )
        time.sleep(POLL_S)


def _lives(worker: int, journal: Journal) -> bool:
    """Return whether the process is there and is this run's worker: the number may be another's by now."""
    try:
        return str(journal.directory).encode() in Path(f"/proc/{worker}/cmdline").read_bytes()
    except OSError:
        return False


def worker_of(journal: Journal) -> int:
    """Return the process that carries a run out now; 0 for none."""
    workers = [int(entry.text) for entry in journal.entries("worker") if entry.text.isdecimal()]
    return workers[-1] if workers and _lives(workers[-1], journal) else 0


def _cancel(journal: Journal) -> None:
    """Have the worker roll back the run, or not begin it."""
    with suppress(OSError):
        # A worker that lives is told by the signal, whatever the disk takes.
        leave_word(journal, Word.CANCELLED)
    worker = worker_of(journal)
    if worker:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)
