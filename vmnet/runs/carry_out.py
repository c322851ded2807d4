"""Carry out a plan's steps in order, each written to the journal first. On a failure, roll back what must not stay."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Event

from vmnet.errors import Conflict, HypervisorError, ToolError, VmnetError, attempt, value_of
from vmnet.host.libvirt.libvirt_calls import AT_ONCE, GONE
from vmnet.plan import steps
from vmnet.plan.steps import IndependentStep, MoveInterface, Plan, Planned, Step
from vmnet.runs.lock import uninterrupted
from vmnet.runs.progress import Progress, Watcher
from vmnet.runs.records.journal import Journal
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.roll_back import StepExecutor, prove_answers, roll_back

Report = Callable[[Progress], None]
Lane = list[int]
Note = Callable[[Iterable[Entry]], None]

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
        entry = Entry.now(event, step, text, undo=undo, seconds=seconds)
        self.all((entry,))
        return entry

    def done(self, step: int, seconds: float) -> None:
        """Hold the line until the next one is written. Until then the step counts as begun, which is as safe. One wait
        for the disk instead of two between two steps makes the interruption shorter."""
        self._held += (Entry.now("done", step, seconds=seconds),)

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
        for part in parts(plan.planned, taken):
            begun += [numbered[index] for lane in part for index in lane]
            first = plan.planned[part[0][0]].step
            if alone(part) and not (plan.keeps and isinstance(first, steps.IndependentStep)):
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
    # After a loss of power, steps that were begun before it and not again since must be undone, too.
    earlier = note.steps_of("begin") - {index for index, _ in begun}
    everything = sorted([*begun, *((index, plan.planned[index]) for index in earlier)], key=lambda item: item[0])
    said = take_back(everything, executor, journal, note)
    add_notes(error, f"the run is rolled back; its journal is in {journal.directory}", said)


def _stop(begun: list[tuple[int, Planned]], executor: StepExecutor, journal: Journal, note: Teller) -> str:
    """Roll back the domains that failed, and return in words what stays."""
    failed = note.steps_of("failed")
    proven = (steps.WaitGuests, steps.IndependentStep)
    theirs = {
        uuid
        for index, planned in begun
        if index in failed and isinstance(planned.step, proven)
        for uuid in planned.step.domains
    }
    back = [
        (index, planned)
        for index, planned in begun
        if index in failed or (isinstance(planned.step, steps.IndependentStep) and theirs & set(planned.step.domains))
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
        for uuid in planned.step.domains
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


def _side_by_side(part: list[Lane], plan: Plan, executor: StepExecutor, note: Teller) -> None:
    """Take the steps of several domains at the same time."""
    undoing = plan.undoes is not None
    note.all(Entry.now("begin", index) for lane in part for index in lane)
    executor.connect()

    def execute(some: Sequence[steps.Step]) -> None:
        value_of(attempt(lambda: executor.execute_together(some, undoing=undoing)))

    take(part, plan.planned, execute, note.all, passes_over=plan.keeps)


# Steps that may be taken at the same time: those of different domains. A domain's own stay in order.
#
# libvirt works on several calls of one connection at once, and much of each is its waiting for the disk. The journal's
# lines are written for a batch of domains together; that a step is on the disk before it is taken holds all the same.

BATCH = 256
"""Domains whose lines the journal takes together."""


def parts(planned: Sequence[Planned], taken: Collection[int] = ()) -> Iterator[list[Lane]]:
    """Yield the plan's steps, but those that are `taken` already, by what may be done at once: batches of lanes, each
    lane a domain's steps in order; a step of another kind is a part of its own."""
    lanes: dict[str, Lane] = {}
    for index, item in enumerate(planned):
        if index in taken:
            continue
        if isinstance(item.step, IndependentStep):
            lanes.setdefault(item.step.domain_uuid, []).append(index)
            continue
        yield from _batches(lanes)
        lanes = {}
        yield [[index]]
    yield from _batches(lanes)


def alone(part: list[Lane]) -> bool:
    """Return whether a part is a single step, to be taken by itself."""
    return len(part) == 1 and len(part[0]) == 1


def _batches(lanes: dict[str, Lane]) -> Iterator[list[Lane]]:
    todo = list(lanes.values())
    for start in range(0, len(todo), BATCH):
        yield todo[start : start + BATCH]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What became of a lane: the lines of its steps, and why the last one failed."""

    entries: tuple[Entry, ...] = ()
    error: VmnetError | None = None


def take(
    lanes: list[Lane],
    planned: Sequence[Planned],
    execute: Callable[[Sequence[Step]], None],
    note: Note,
    *,
    passes_over: bool = False,
) -> None:
    """Take the steps of a batch, several lanes at a time, and write down what became of them.

    Args:
        execute: takes some steps of one domain, in order; called from several threads.
        note: writes lines of the journal. That the steps are begun is there already.
        passes_over: what others have changed or removed meanwhile is no failure.

    Raises:
        VmnetError: the first that came; lanes that were under way are at their ends by then, others were not begun.
        KeyboardInterrupt: likewise.
    """
    stop = Event()
    pool = ThreadPoolExecutor(AT_ONCE)
    running: list[Future[_Ended]] = [
        pool.submit(_unless_stopped, stop, partial(_run, lane, planned, execute, passes_over)) for lane in lanes
    ]
    try:
        # For all together: woken for each, we would keep those from work that are under way.
        wait(running)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ended = [future for future in running if not future.cancelled()]
        note(entry for future in ended if future.exception() is None for entry in future.result().entries)
    for future in ended:
        error = future.result().error
        if error is not None:
            raise error


def _unless_stopped(stop: Event, run: Callable[[], _Ended]) -> _Ended:
    """Run a lane, unless another has failed; one that fails has those that were not begun stay so."""
    if stop.is_set():
        return _Ended()
    ended = None
    try:
        ended = run()
    finally:
        if ended is None or ended.error is not None:
            stop.set()
    return ended


def _run(
    lane: Lane, planned: Sequence[Planned], execute: Callable[[Sequence[Step]], None], passes_over: bool
) -> _Ended:
    entries: list[Entry] = []
    todo = list(_bundles(lane, planned))
    while todo:
        bundle, started = todo.pop(0), time.monotonic()
        try:
            execute([planned[index].step for index in bundle])
        except VmnetError as error:
            if len(bundle) > 1:
                # One by one, it shows which it is; what was done by then is no work.
                todo = [*([index] for index in bundle), *todo]
                continue
            if passes_over and _has_moved_on(error):
                entries.append(Entry.now("passed-over", bundle[0], error.message))
                continue
            entries.append(Entry.now("failed", bundle[0], error.message, seconds=time.monotonic() - started))
            return _Ended(entries=tuple(entries), error=error)
        seconds = (time.monotonic() - started) / len(bundle)
        entries += [Entry.now("done", index, seconds=seconds) for index in bundle]
    return _Ended(entries=tuple(entries))


def _has_moved_on(error: VmnetError) -> bool:
    return isinstance(error, Conflict) or (isinstance(error, HypervisorError) and error.code in GONE)


def _bundles(lane: Lane, planned: Sequence[Planned]) -> Iterator[Lane]:
    """Yield a lane's steps so that moves in one persistent document are together: it is read once for all."""
    bundle: Lane = []
    for index in lane:
        if bundle and not (_in_stored(planned[index].step) and _in_stored(planned[bundle[0]].step)):
            yield bundle
            bundle = []
        bundle.append(index)
    if bundle:
        yield bundle


def _in_stored(step: Step) -> bool:
    return isinstance(step, MoveInterface) and step.scope == "persistent"
