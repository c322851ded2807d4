"""Carry a run out: step by step, each written down before it is taken; on any failure everything goes back."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.apply import guests, lanes
from vmnet.apply.documents_kept import write_documents
from vmnet.apply.execute import Executor
from vmnet.apply.handover import is_confirmed, read_request
from vmnet.apply.journal import Entry, Journal, RunState, find_run, now
from vmnet.apply.progress import Watcher
from vmnet.apply.result import RunResult
from vmnet.apply.roll_back import StepExecutor, answers_after, roll_back
from vmnet.apply.signals import uninterrupted
from vmnet.apply.undo_script import point_to_undo_script, write_undo_script
from vmnet.errors import ToolError, VmnetError
from vmnet.host import netlink
from vmnet.host.profile_files import copy_profiles, read_saved
from vmnet.plan import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmnet.apply.progress import Progress
    from vmnet.plan.steps import Plan, Planned

    Report = Callable[[Progress], None]


def conclude(journal: Journal, report: Report) -> RunResult:
    """Bring a run to its end, wherever it stands: carry it out, or take up one that was cut off.

    One that was cut off is taken back; the undo of another is done again instead, for each of its steps may be.

    Args:
        journal: a run that was opened, or was begun by a process that is no more.
        report: told of each step as it begins and ends.

    Raises:
        ToolError, LinkError, HypervisorError, Conflict: a step failed, and all before it was taken back; or the run
            was cut off, and is taken back now.
        UndoIncomplete: not everything could be taken back.
    """
    plan, state = journal.plan(), journal.state()
    runs = journal.directory.parent
    undone = find_run(plan.undoes, runs) if plan.undoes else None
    if state in (RunState.STANDS, RunState.UNDONE):
        _note_undone(undone, journal)
        return _result(journal, plan)
    if state not in (RunState.UNUSED, RunState.OPEN):
        raise ToolError(f"run {journal.run} is over: {state}", "run the command again; vmnet verify shows the state")
    if any(isinstance(planned.step, steps.HostStep) for planned in plan.planned):
        netlink.load()
    executor = _executor(journal, undone, report)
    try:
        if state is RunState.OPEN:
            take_up(plan, executor, journal, report)
            result = _result(journal, plan)
        else:
            result = _carry_out_whole(plan, executor, journal, report)
        _note_undone(undone, journal)
        with suppress(OSError):
            # Without it an undo just cannot tell who changed what since; the run itself is done.
            journal.keep_after(_touched(plan))
    finally:
        executor.close()
        point_to_undo_script(runs)
    return result


def _executor(journal: Journal, undone: Journal | None, report: Report) -> Executor:
    return Executor(
        uri=read_request(journal).uri,
        copies=(undone or journal).directory / "profiles",
        note_checkpoint=lambda path: journal.note("checkpoint", text=path),
        is_confirmed=lambda: is_confirmed(journal),
        note_waiting=lambda left_s: _tell_waiting(journal, left_s, report),
    )


def _note_undone(undone: Journal | None, journal: Journal) -> None:
    """Write into the run that was undone which run did it."""
    if undone is not None and undone.state() is not RunState.UNDONE:
        undone.note("undone", text=journal.run)


def _tell_waiting(journal: Journal, left_s: float, report: Report) -> None:
    """Say how long the step that was begun last waits on."""
    step = [entry.step for entry in journal.entries() if entry.event == "begin"][-1]
    _Teller(journal.plan(), journal, report)("wait", step, seconds=left_s)


def _result(journal: Journal, plan: Plan) -> RunResult:
    return RunResult(run=journal.run, directory=str(journal.directory), plan=plan, done=len(plan.planned))


def _carry_out_whole(plan: Plan, executor: Executor, journal: Journal, report: Report) -> RunResult:
    """Keep copies of what will be changed, and take the steps; with domains, listen to what becomes of the guests."""
    facts = journal.facts()
    copies = copy_profiles(facts.profiles, journal.write)
    if plan.undoes is None:
        write_undo_script(plan, journal, copies)
    _keep_documents(plan, executor, journal)
    with guests.listening(plan, facts) as listener:
        carry_out(plan, executor, journal, report)
        try:
            rows = guests.rows_now(plan, facts, listener, executor.uri)
        except KeyboardInterrupt:
            # Too late: it stands. Who interrupted is told so by whoever follows.
            rows = ()
        except VmnetError as error:
            error.add_note(
                f"run {journal.run} was done by then and stands: sudo vmnet undo {journal.run} takes it back"
            )
            raise
    return replace(_result(journal, plan), rows=rows)


def _touched(plan: Plan) -> dict[str, str]:
    """Return the profiles that the plan has made or changed, as they are now."""
    changing = (steps.AddProfile, steps.ModifyProfile)
    ours = {planned.step.uuid for planned in plan.planned if isinstance(planned.step, changing)}
    return {uuid: text for uuid, text in read_saved().items() if uuid in ours}


def _keep_documents(plan: Plan, executor: Executor, journal: Journal) -> None:
    """Write the documents of networks and of the domains that the plan changes, with secrets, beside the journal."""
    if not any(isinstance(planned.step, steps.LibvirtStep) for planned in plan.planned):
        return
    uuids = {uuid for planned in plan.planned for uuid in steps.domains_of(planned.step)}
    with journal.writing("domains.tar") as file:
        write_documents(executor.read_documents(uuids), file)


_AGAIN = (steps.ActivateProfile, steps.WaitNeighbour, steps.WaitAnswer)


class _Teller:
    """Writes to the journal and tells whoever listens."""

    def __init__(self, plan: Plan, journal: Journal, report: Report) -> None:
        self._journal = journal
        self._watcher = Watcher(plan)
        self._report = report
        for entry in journal.entries():
            self._watcher.feed(entry)

    def __call__(self, event: str, step: int = -1, text: str = "", *, undo: int = 0, seconds: float = 0.0) -> Entry:
        entry = Entry(event=event, step=step, text=text, time=now(), undo=undo, seconds=seconds)
        self.all((entry,))
        return entry

    def all(self, entries: Iterable[Entry]) -> None:
        """Write lines down together, and tell of each."""
        entries = tuple(entries)
        self._journal.note_all(entries)
        for entry in entries:
            progress = self._watcher.feed(entry)
            if progress is not None:
                self._report(progress)


def carry_out(plan: Plan, executor: StepExecutor, journal: Journal, report: Report, *, first: int = 0) -> None:
    """Take the plan's steps in order, each written down before it is taken; on any exception, take all of it back.

    Args:
        first: where to go on, for those before it were taken before a loss of power; what of them a boot might have
            done otherwise is done, or asked, again.
    """
    note = _Teller(plan, journal, report)
    numbered = list(enumerate(plan.planned))
    begun = numbered[:first]
    finished = False
    try:
        for _, planned in numbered[:first]:
            if isinstance(planned.step, _AGAIN):
                executor.execute(planned.step)
        for part in lanes.parts(plan.planned, first):
            begun += [numbered[index] for lane in part for index in lane]
            if lanes.alone(part):
                _one_step(part[0][0], plan, executor, note)
            else:
                _side_by_side(part, plan, executor, note)
        note("committed")
        finished = True
    finally:
        if not finished:
            said = _take_back(begun, executor, journal, note)
            _add_notes(sys.exception(), f"all that was done is taken back; the journal is in {journal.directory}", said)


def _take_back(begun: list[tuple[int, Planned]], executor: StepExecutor, journal: Journal, note: _Teller) -> str:
    """Take back what was begun, and return what then answers as before."""
    with uninterrupted():
        roll_back(begun, executor, note)
        return answers_after(journal.facts(), executor)


def _add_notes(error: BaseException | None, *notes: str) -> None:
    for text in notes:
        if error is not None and text:
            error.add_note(text)


def _one_step(index: int, plan: Plan, executor: StepExecutor, note: _Teller) -> None:
    started = time.monotonic()
    note("begin", index)
    try:
        # What an undo would take back may be gone already: the run may have been cut off half-way.
        executor.execute(plan.planned[index].step, undoing=plan.undoes is not None)
    except VmnetError as error:
        note("failed", index, error.message, seconds=time.monotonic() - started)
        raise
    note("done", index, seconds=time.monotonic() - started)


def _side_by_side(part: list[lanes.Lane], plan: Plan, executor: StepExecutor, note: _Teller) -> None:
    """Take the steps of several domains at the same time."""
    undoing = plan.undoes is not None
    note.all(Entry(event="begin", step=index, time=now()) for lane in part for index in lane)
    executor.connect()
    lanes.take(part, plan.planned, lambda taken: executor.execute_together(taken, undoing=undoing), note.all)


def take_up(plan: Plan, executor: StepExecutor, journal: Journal, report: Report) -> None:
    """Bring a run to its end that was cut off: by kill -9, by a loss of power.

    It is taken back, unless this boot has started what the run leads to: then the rest of it follows.

    Raises:
        ToolError: it is taken back.
        LinkError: it is, because what had answered before the change does not.
        UndoIncomplete: not all of it.
    """
    note = _Teller(plan, journal, report)
    note("recovering")
    events = {(entry.event, entry.step) for entry in journal.entries()}
    if all(("done", index) in events for index in range(len(plan.planned))):
        note("committed")
        return
    if not executor.find_checkpoint(journal.checkpoint()):
        note("checkpoint")
        executor.wait_ready()
        executor.wait_started()
        turned = _turned(plan, executor, journal)
        if turned is not None:
            carry_out(_after_boot(plan), executor, journal, report, first=turned)
            return
    if plan.undoes is not None:
        executor.wait_ready()
        executor.execute(steps.RollBackCheckpoint(), undoing=True)
        carry_out(plan, executor, journal, report)
        return
    begun = [(index, planned) for index, planned in enumerate(plan.planned) if ("begin", index) in events]
    said = _take_back(begun, executor, journal, note)
    cut_off = ToolError(
        f"run {journal.run} was cut off, by a kill or a loss of power, and all that it had done is taken back",
        "run the command again; vmnet verify shows the state",
    )
    _add_notes(cut_off, said)
    raise cut_off


def _turned(plan: Plan, executor: StepExecutor, journal: Journal) -> int | None:
    """Return the step that has turned the boot over; None when it has not, or something was taken back since."""
    events = {(entry.event, entry.step) for entry in journal.entries()}
    if any(event in ("failed", "undo") for event, _ in events):
        return None
    for index, planned in enumerate(plan.planned):
        step = planned.step
        if planned.turns_boot and ("begin", index) in events and isinstance(step, steps.ModifyProfile):
            return index if executor.starts_by_itself(step.uuid) else None
    return None


def _after_boot(plan: Plan) -> Plan:
    """A boot has made the management link anew: what is left to prove is its profile's file."""
    planned = tuple(
        replace(p, step=replace(p.step, proof=())) if isinstance(p.step, steps.ProveUntouched) else p
        for p in plan.planned
    )
    return replace(plan, planned=planned)
