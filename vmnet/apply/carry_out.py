"""Carry out a plan's steps in order, each written to the journal first. On a failure, roll back what must not stay."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from vmnet.apply import lanes
from vmnet.apply.journal import Journal
from vmnet.apply.journal_lines import Entry, now
from vmnet.apply.progress import Watcher
from vmnet.apply.roll_back import StepExecutor, prove_answers, roll_back
from vmnet.apply.signals import uninterrupted
from vmnet.errors import ToolError, VmnetError, attempt, value_of
from vmnet.plan import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from vmnet.apply.progress import Progress
    from vmnet.plan.steps import Plan, Planned

    Report = Callable[[Progress], None]

_AGAIN = (steps.ActivateProfile, steps.WaitNeighbour, steps.WaitAnswer)


class Teller:
    """Writes lines to the journal and passes them to the report.

    A line that cannot be written is an error, so that no step is taken without one. Once `anyway` is set, as it is when
    steps are undone, it is not an error: the line is kept in memory, or only reported. An exception of the report is
    ignored.
    """

    def __init__(self, plan: Plan, journal: Journal, report: Report, *, anyway: bool = False) -> None:
        self._journal = journal
        self._watcher = Watcher(plan)
        self._report = report
        self._held: tuple[Entry, ...] = ()
        self.anyway = anyway
        self.entries = list(journal.entries())
        """All lines so far, whether or not they are on the disk."""
        for entry in self.entries:
            self._watcher.feed(entry)

    def __call__(self, event: str, step: int = -1, text: str = "", *, undo: int = 0, seconds: float = 0.0) -> Entry:
        entry = Entry(event=event, step=step, text=text, time=now(), undo=undo, seconds=seconds)
        self.all((entry,))
        return entry

    def done(self, step: int, seconds: float) -> None:
        """Hold the line until the next one is written. Until then the step counts as begun, which is as safe. One wait
        for the disk instead of two between two steps makes the interruption shorter."""
        self._held += (Entry(event="done", step=step, time=now(), seconds=seconds),)

    def all(self, entries: Iterable[Entry] = ()) -> None:
        """Write lines down together, after what was held back, and tell of each."""
        entries, self._held = (*self._held, *entries), ()
        self.entries += entries
        if self.anyway:
            attempt(lambda: self._journal.note_anyway(entries))
        else:
            self._write(entries)
        attempt(lambda: self._tell(entries))

    def _write(self, entries: tuple[Entry, ...]) -> None:
        failed = attempt(lambda: self._journal.note_all(entries))
        if failed is not None:
            where = self._journal.directory
            hint = f"check the disk: df -h {where}; findmnt -T {where}"
            raise ToolError(f"the journal cannot be written: {failed.message}", hint) from failed

    def _tell(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            progress = self._watcher.feed(entry)
            if progress is not None:
                self._report(progress)

    def steps_of(self, event: str) -> set[int]:
        """Return the steps that have such a line."""
        return {entry.step for entry in self.entries if entry.event == event}


def carry_out(
    plan: Plan, executor: StepExecutor, journal: Journal, report: Report, *, taken: Collection[int] = ()
) -> None:
    """Carry out the plan's steps in order, each written to the journal first. On any exception, roll back all of them.
    With `plan.keeps`, if a step fails, roll back only the steps of its domain.

    Args:
        taken: the steps that were taken before a loss of power; what of them a boot might have done otherwise is done,
            or asked, again.
    """
    note = Teller(plan, journal, report)
    numbered = list(enumerate(plan.planned))
    begun = [numbered[index] for index in sorted(taken)]
    finished = False
    try:
        for _, planned in begun:
            if isinstance(planned.step, _AGAIN):
                value_of(attempt(partial(executor.execute, planned.step)))
        for part in lanes.parts(plan.planned, taken):
            begun += [numbered[index] for lane in part for index in lane]
            first = plan.planned[part[0][0]].step
            if lanes.alone(part) and not (plan.keeps and isinstance(first, steps.IndependentStep)):
                _one_step(part[0][0], plan, executor, note)
            else:
                _side_by_side(part, plan, executor, note)
        # All is done: from here on nothing is a reason to undo it.
        finished = note.anyway = True
        note("committed")
    finally:
        if not finished:
            _give_up(plan, begun, executor, journal, note)


def _give_up(
    plan: Plan, begun: list[tuple[int, Planned]], executor: StepExecutor, journal: Journal, note: Teller
) -> None:
    error = sys.exception()
    note.anyway = True
    note.all()
    if plan.keeps and isinstance(error, VmnetError):
        said = _stop(begun, executor, journal, note)
        add_notes(error, f"the run stopped: {said}", f"the journal is in {journal.directory}")
        return
    said = take_back(begun, executor, journal, note)
    add_notes(error, f"the run is rolled back; its journal is in {journal.directory}", said)


def _stop(begun: list[tuple[int, Planned]], executor: StepExecutor, journal: Journal, note: Teller) -> str:
    """Roll back the domains that failed, and return in words what stays."""
    failed = note.steps_of("failed")
    proven = (steps.WaitGuests, steps.IndependentStep)
    theirs = {
        uuid
        for index, planned in begun
        if index in failed and isinstance(planned.step, proven)
        for uuid in steps.domains_of(planned.step)
    }
    back = [
        (index, planned)
        for index, planned in begun
        if index in failed
        or (isinstance(planned.step, steps.IndependentStep) and theirs & set(steps.domains_of(planned.step)))
    ]
    if attempt(executor.reconnect) is not True:
        note("stopped")
        return (
            "libvirt is out of reach. When it answers again, run the same command again, "
            f"or undo the run: sudo vmnet undo {journal.run}"
        )
    with uninterrupted():
        roll_back(back, executor, note, ended="stopped")
    moved = {
        uuid
        for index, planned in begun
        if index in note.steps_of("done") and isinstance(planned.step, steps.MoveInterface)
        for uuid in steps.domains_of(planned.step)
    }
    stay = len(moved - theirs)
    if not stay:
        return "nothing has moved"
    return (
        f"{stay} {'domain has' if stay == 1 else 'domains have'} moved, and vmnet keeps that. "
        f"To continue, run the same command again; to undo the run: sudo vmnet undo {journal.run}"
    )


def take_back(begun: list[tuple[int, Planned]], executor: StepExecutor, journal: Journal, note: Teller) -> str:
    """Roll back what was begun, and return what then answers as before.

    Raises:
        UndoIncomplete: the rollback is incomplete, or what had answered does not answer.
    """
    if any(isinstance(planned.step, steps.LibvirtStep) for _, planned in begun):
        attempt(executor.reconnect)
    with uninterrupted():
        roll_back(begun, executor, note)
        known = attempt(lambda: (journal.outline(), journal.facts()))
        return known.message if isinstance(known, VmnetError) else prove_answers(*known, executor)


def add_notes(error: BaseException | None, *notes: str) -> None:
    """Add to an error what there is to say besides."""
    for text in notes:
        if error is not None and text:
            error.add_note(text)


def _one_step(index: int, plan: Plan, executor: StepExecutor, note: Teller) -> None:
    started = time.monotonic()
    note("begin", index)
    # What an undo would remove may be gone already: the run may have been interrupted half-way.
    undoing = plan.undoes is not None
    failed = attempt(lambda: executor.execute(plan.planned[index].step, undoing=undoing))
    if isinstance(failed, VmnetError):
        note.anyway = True
        note("failed", index, failed.message, seconds=time.monotonic() - started)
        raise failed
    note.done(index, time.monotonic() - started)


def _side_by_side(part: list[lanes.Lane], plan: Plan, executor: StepExecutor, note: Teller) -> None:
    """Take the steps of several domains at the same time."""
    undoing = plan.undoes is not None
    note.all(Entry(event="begin", step=index, time=now()) for lane in part for index in lane)
    executor.connect()

    def execute(some: Sequence[steps.Step]) -> None:
        value_of(attempt(lambda: executor.execute_together(some, undoing=undoing)))

    lanes.take(part, plan.planned, execute, note.all, passes_over=plan.keeps)
