"""Apply a plan: lock, write down, step by step; on any failure everything goes back."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from vmnet.apply import guests
from vmnet.apply.execute import Executor
from vmnet.apply.journal import RUNS, Journal, find_run
from vmnet.apply.lock import LOCK, locked
from vmnet.apply.progress import Event, Progress
from vmnet.apply.result import RunResult
from vmnet.apply.undo_script import point_to_undo_script, write_undo_script
from vmnet.errors import Refused, UndoIncomplete, VmnetError
from vmnet.host.profile_files import copy_profiles
from vmnet.plan import steps
from vmnet.plan.commands import commands_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vmnet.facts import Facts
    from vmnet.plan.steps import Plan, Planned

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StepExecutor(Protocol):
    """What carries out steps. `checkpoint` is None when no checkpoint of NetworkManager's is open."""

    checkpoint: str | None

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        """Carry out one step."""
        ...


def apply(
    plan: Plan,
    facts: Facts,
    *,
    uri: str,
    progress: Callable[[Progress], None] | None = None,
    runs: Path = RUNS,
    lock: Path = LOCK,
) -> RunResult:
    """Carry out `plan`; on a failure or an interrupt, bring back the state before and raise.

    Args:
        facts: what the plan was made from; kept with the run.
        progress: told of each step as it begins and ends.

    Raises:
        Refused: not root.
        Conflict: another vmnet, or another checkpoint, is at work.
        ToolError, LinkError, HypervisorError: a step failed, and all before it was taken back.
        UndoIncomplete: a step failed and not everything could be taken back.
    """
    if plan.empty:
        return RunResult(run="", directory="", plan=plan, done=0)
    if not facts.root:
        raise Refused("changing the host needs root", "run it again with sudo; --plan and verify work without")
    with locked(lock):
        journal = Journal.create(plan, facts, runs)
        copies = copy_profiles(facts.profiles, journal.write)
        if plan.undoes is None:
            write_undo_script(plan, journal, copies)
        undone = find_run(plan.undoes, runs) if plan.undoes else None
        executor = Executor(
            uri=uri,
            copies=(undone or journal).directory / "profiles",
            note_checkpoint=lambda path: journal.note("checkpoint", text=path),
        )
        try:
            _keep_documents(plan, executor, journal)
            with guests.listening(plan, facts) as listener:
                carry_out(plan, executor, journal, progress or (lambda _: None))
                rows = guests.rows_now(plan, facts, listener, uri)
            if undone is not None:
                undone.note("undone", text=journal.run)
        finally:
            executor.close()
            point_to_undo_script(runs)
    return RunResult(run=journal.run, directory=str(journal.directory), plan=plan, done=len(plan.planned), rows=rows)


def _keep_documents(plan: Plan, executor: Executor, journal: Journal) -> None:
    """Write every domain's documents, with secrets, beside the journal when the plan touches domains."""
    if not any(isinstance(planned.step, steps.LibvirtStep) for planned in plan.planned):
        return
    for name, document in executor.read_documents().items():
        journal.write(f"domains/{name}", document.encode())


def carry_out(plan: Plan, executor: StepExecutor, journal: Journal, report: Callable[[Progress], None]) -> None:
    """Take the plan's steps in order, each written down before it is taken; on any exception, take all of it back."""
    begun: list[tuple[int, Planned]] = []
    finished = False
    try:
        for index, planned in enumerate(plan.planned):
            begun.append((index, planned))
            _one_step(index, plan, executor, journal, report)
        journal.note("committed")
        finished = True
    finally:
        if not finished:
            with _uninterrupted():
                roll_back(begun, executor, journal, report)
            if error := sys.exception():
                error.add_note(f"all that was done is taken back; the journal is in {journal.directory}")


def _one_step(
    index: int, plan: Plan, executor: StepExecutor, journal: Journal, report: Callable[[Progress], None]
) -> None:
    planned = plan.planned[index]
    started = time.monotonic()

    def tell(event: Event) -> None:
        report(
            Progress(
                index=index + 1,
                total=len(plan.planned),
                step=planned.step,
                why=planned.why,
                event=event,
                seconds=time.monotonic() - started,
            )
        )

    journal.note("begin", index)
    tell(Event.BEGIN)
    try:
        # What an undo would take back may be gone already: the run may have been cut off half-way.
        executor.execute(planned.step, undoing=plan.undoes is not None)
    except VmnetError as error:
        journal.note("failed", index, error.message)
        tell(Event.FAILED)
        raise
    journal.note("done", index)
    tell(Event.DONE)


def roll_back(
    begun: Sequence[tuple[int, Planned]],
    executor: StepExecutor,
    journal: Journal,
    report: Callable[[Progress], None],
) -> None:
    """Take back the steps that were begun, newest first.

    NetworkManager's checkpoint goes first: one call restores every device at once, with the shortest cut; the
    planned undos after it then find their work done, or do what the checkpoint does not cover.

    Raises:
        UndoIncomplete: some step could not be taken back.
    """
    todo: list[tuple[int, steps.Step]] = [(0, steps.RollBackCheckpoint())] if executor.checkpoint else []
    todo += [(index, step) for index, planned in reversed(begun) for step in planned.undo]
    left: list[str] = []
    for number, (index, step) in enumerate(todo, 1):
        report(Progress(index=number, total=len(todo), step=step, why="taking it back", event=Event.UNDO))
        journal.note("undo", index)
        try:
            executor.execute(step, undoing=True)
        except VmnetError as error:
            journal.note("undo-failed", index, error.message)
            left.append(f"{_by_hand(step)}    # {error.message}")
    if left:
        journal.note("incomplete", text="; ".join(left))
        raise UndoIncomplete(
            "the change failed, and not all of it could be taken back", "finish by hand:", left=tuple(left)
        )
    journal.note("rolled-back")


def _by_hand(step: steps.Step) -> str:
    commands = commands_of(step)
    return "; ".join(" ".join(argv) for argv in commands) if commands else f"# {step}"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and a lost terminal back until what is being taken back is back."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
