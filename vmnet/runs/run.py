"""Bring a run to its end: what is kept before its steps, the steps, and what is looked at after them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from vmnet.errors import Refused, SpecError, ToolError, VmnetError, attempt
from vmnet.host.files.own_files import check_room, reserve
from vmnet.host.files.run_mark import JOURNAL, check_mark
from vmnet.host.kernel import netlink
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.networkmanager.profile_files import copy_profiles, read_saved, remove_half_written
from vmnet.plan import steps
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.steps import Plan
from vmnet.runs.carry_out import Report, Teller, carry_out
from vmnet.runs.executor import guests
from vmnet.runs.executor.execute import Executor
from vmnet.runs.progress import RunResult
from vmnet.runs.records.journal import Journal, RunState, find_run
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.records.plan_file import write_documents
from vmnet.runs.resume import take_up, undo_unread
from vmnet.runs.roll_back import StepExecutor, prove_answers
from vmnet.runs.undo_script import point_to_undo_script, write_undo_script
from vmnet.runs.worker_files import ENDING, FORMAT, Word, digest, has_word, read_request
from vmnet.spec import MigrationSpec, Retire

LINE_BYTES = 600
"""Room for a journal's line: most have 150, that of a failure its message."""
_SPARE_BYTES = 256 * 1024


def conclude(journal: Journal, report: Report) -> RunResult:
    """Bring a run to its end: carry it out, or finish one that was interrupted.

    An interrupted run is rolled back. An interrupted undo is done again, because each of its steps may be. A run that
    keeps what was done continues.

    Args:
        journal: a run that was opened, or was begun by a process that is no more.
        report: told of each step as it begins and ends.

    Raises:
        ToolError, LinkError, HypervisorError, Conflict: a step failed, and the run is rolled back; or the run
            was interrupted, and is rolled back now.
        UndoIncomplete: the rollback is incomplete.
    """
    state, plan = journal.state(), _readable_plan(journal)
    undone = find_run(plan.undoes, journal.directory.parent) if plan.undoes else None
    if state in (RunState.STANDS, RunState.UNDONE):
        _note_undone(undone, journal)
        return _result(journal, plan)
    if state not in (RunState.UNUSED, RunState.OPEN):
        raise ToolError(f"run {journal.run} has ended: {state}", "run the command again; vmnet verify shows the state")
    if any(isinstance(planned.step, steps.HostStep) for planned in plan.planned):
        netlink.load()
    executor = _executor(plan, journal, undone, report)
    try:
        if state is RunState.OPEN:
            result = _take_up_whole(plan, executor, journal, report)
        else:
            check_mark(journal.facts().runs_mark, journal.directory.parent, without=journal.run)
            result = _carry_out_whole(plan, executor, journal, report)
        _note_undone(undone, journal)
        # Without it an undo just cannot tell who changed what since; the run itself is done.
        attempt(lambda: journal.keep_after(_touched(plan)))
        if undone is not None:
            _prove_undone(plan, undone, executor)
    finally:
        attempt(executor.close)
        _tidy(plan, journal)
    return result


def _readable_plan(journal: Journal) -> Plan:
    """Return the plan of a run whose files this vmnet can read; one that it cannot, and that was begun, is undone."""
    read = attempt(lambda: (journal.plan(), journal.facts(), read_request(journal)))
    if not isinstance(read, VmnetError):
        plan, _, request = read
        if request.format <= FORMAT and journal.state() is not RunState.UNREADABLE:
            return plan
        read = Refused(f"run {journal.run} cannot be read: it was made by another version of vmnet, or is damaged")
    if journal.state() in (RunState.OPEN, RunState.UNREADABLE):
        undo_unread(journal, read)
    raise read


def _tidy(plan: Plan, journal: Journal) -> None:
    """Remove what was left of the profiles half written, and have the link to undo.sh lead to the right run."""
    attempt(lambda: remove_half_written(_written(plan), journal.opened_ns))
    attempt(lambda: point_to_undo_script(journal.directory.parent))


def _executor(plan: Plan, journal: Journal, undone: Journal | None, report: Report) -> Executor:
    # One that a process before this one opened is kept alive, too.
    opened = [p.step for p in plan.planned if isinstance(p.step, steps.OpenCheckpoint)]
    return Executor(
        uri=read_request(journal).uri,
        copies=(undone or journal).directory / "profiles",
        checkpoint_timeout_s=max((step.timeout_s for step in opened), default=0),
        note_checkpoint=lambda path: journal.note("checkpoint", text=path),
        is_confirmed=lambda: has_word(journal, Word.CONFIRMED),
        note_waiting=lambda left_s: attempt(lambda: _tell_waiting(plan, journal, left_s, report)),
    )


def _prove_undone(plan: Plan, undone: Journal, executor: Executor) -> None:
    """Ask what answered before the run that was undone.

    What the plan's own steps waited for is not asked again. What was silent when the undo was planned has no such step:
    it does not stop the undo, but is reported.
    """
    asked = {planned.step.probe for planned in plan.planned if isinstance(planned.step, steps.WaitAnswer)}
    prove_answers(undone.outline(), undone.facts(), executor, asked=asked)


def _note_undone(undone: Journal | None, journal: Journal) -> None:
    """Write into the run that was undone which run did it."""
    if undone is not None and undone.state() is not RunState.UNDONE:
        undone.note_anyway([Entry.now("undone", text=journal.run)])


def _tell_waiting(plan: Plan, journal: Journal, left_s: float, report: Report) -> None:
    """Say how long the step that was begun last waits on."""
    step = [entry.step for entry in journal.entries("begin")][-1]
    Teller(plan, journal, report)("wait", step, seconds=left_s)


def _result(journal: Journal, plan: Plan) -> RunResult:
    passed = tuple(entry.text for entry in journal.entries("passed-over"))
    done = len(plan.planned) - len(passed)
    return RunResult(run=journal.run, directory=str(journal.directory), plan=plan, done=done, passed_over=passed)


def keep_room(plan: Plan, journal: Journal) -> None:
    """Keep room on the disk for all that is written from the first step on: each step begins, ends, and may be undone.

    Raises:
        Refused: the disk has not so much; nothing was changed.
    """
    lines = sum(3 + 2 * len(planned.undo) for planned in plan.planned)
    (journal.directory / f".{ENDING}.new").touch(mode=0o600)
    for name, size in ((JOURNAL, LINE_BYTES * lines), (f".{ENDING}.new", LINE_BYTES * len(plan.rows))):
        reserve(journal.directory / name, _SPARE_BYTES + size)
    check_room(journal.directory, _SPARE_BYTES)


def _take_up_whole(plan: Plan, executor: Executor, journal: Journal, report: Report) -> RunResult:
    with guests.listening(plan, journal.facts()) as executor.listener:
        take_up(plan, executor, journal, report)
    return _result(journal, plan)


def _carry_out_whole(plan: Plan, executor: Executor, journal: Journal, report: Report) -> RunResult:
    """Keep copies of what will be changed, and take the steps; with domains, listen to what becomes of the guests."""
    facts = journal.facts()
    with ThreadPoolExecutor(1) as pool:
        # Most of it is waiting for libvirt.
        kept = pool.submit(_keep_documents, plan, executor, journal)
        copies = copy_profiles(facts.profiles, journal.write)
        if plan.undoes is None:
            write_undo_script(plan, journal, copies, facts)
    kept.result()
    keep_room(plan, journal)
    with guests.listening(plan, facts) as executor.listener:
        carry_out(plan, executor, journal, report)
        with _standing(journal):
            plan = look_again(plan, executor, journal, report)
        try:
            with _standing(journal):
                rows = guests.rows_now(plan, facts, executor.listener, executor.uri)
        except KeyboardInterrupt:
            # Too late: the run is completed. `follow` reports the interrupt.
            rows = ()
    return replace(_result(journal, plan), rows=rows)


@contextmanager
def _standing(journal: Journal) -> Iterator[None]:
    """Say of an error that comes when all is done that it is."""
    try:
        yield
    except VmnetError as error:
        if journal.state() is RunState.STANDS:
            error.add_note(
                f"run {journal.run} was completed before, and is kept; to undo it: sudo vmnet undo {journal.run}"
            )
        raise


def _touched(plan: Plan) -> dict[str, str]:
    """Return the profiles that the plan has made or changed, as they are now."""
    ours = _written(plan)
    return {uuid: text for uuid, text in read_saved().items() if uuid in ours}


def _written(plan: Plan) -> dict[str, str]:
    """Return the names, by uuid, of the profiles that the plan adds or changes."""
    changing = (steps.AddProfile, steps.ModifyProfile)
    return {planned.step.uuid: planned.step.name for planned in plan.planned if isinstance(planned.step, changing)}


def _keep_documents(plan: Plan, executor: Executor, journal: Journal) -> None:
    """Write the documents of networks and of the domains that the plan changes, with secrets, beside the journal."""
    if not any(isinstance(planned.step, steps.LibvirtStep) for planned in plan.planned):
        return
    uuids = {uuid for planned in plan.planned for uuid in planned.step.domains}
    with journal.writing("domains.tar") as file:
        write_documents(executor.read_documents(uuids), file)


# When all has moved, look whether others have meanwhile started, stopped or added domains, and move what is left.


def look_again(plan: Plan, executor: StepExecutor, journal: Journal, report: Report) -> Plan:
    """Carry out what is left of what was asked for; return the plan with it.

    A domain that was shut off when the run was planned, and was started before its turn, runs on the old network still.
    That something of the kind has happened shows in the domains' states, which take a handful of calls.

    Raises:
        VmnetError: as `carry_out`; what was done before stays.
    """
    if plan.spec is None:
        return plan
    rest = _left(replace(plan.spec, canary=None, no_canary=True, retire=Retire.NO), journal)
    if rest is None or rest.empty:
        return plan
    longer = replace(plan, planned=(*plan.planned, *rest.planned), rows=(*plan.rows, *rest.rows))
    journal.keep_plan(longer)
    carry_out(longer, executor, journal, report, taken=range(len(plan.planned)))
    return longer


def _left(spec: MigrationSpec, journal: Journal) -> Plan | None:
    request = read_request(journal)
    with Hypervisor(request.uri, read_only=True) as libvirt:
        if digest(libvirt.read_states().items()) == request.domains:
            return None
        now = replace(journal.facts(), networks=libvirt.read_networks(), domains=libvirt.read_domains())
    try:
        return plan_migration(spec, now)
    except SpecError:
        # A domain that was named is gone.
        return None
