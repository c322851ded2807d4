"""Finish a run that was interrupted by kill -9 or a loss of power."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NoReturn

from vmnet.errors import Refused, ToolError, UndoIncomplete, VmnetError, attempt, value_of
from vmnet.host import process
from vmnet.host.networkmanager import nmcli
from vmnet.plan import steps
from vmnet.plan.steps import Plan
from vmnet.runs.carry_out import Report, Teller, add_notes, carry_out, take_back
from vmnet.runs.records.journal import UNDO_SCRIPT, Journal, find_run
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.roll_back import StepExecutor, is_last_resort
from vmnet.runs.worker_files import Word, has_word, read_request
from vmnet.shell_words import root


def take_up(plan: Plan, executor: StepExecutor, journal: Journal, report: Report) -> None:
    """Finish a run that was interrupted by kill -9 or a loss of power.

    The run is rolled back, unless this boot has started the new configuration. Then the worker carries out the rest, as
    it does for a run that keeps what was done.

    Raises:
        ToolError: the run is rolled back.
        LinkError: the run is rolled back, because what had answered before it does not answer.
        UndoIncomplete: the rollback is incomplete.
    """
    note = Teller(plan, journal, report, anyway=True)
    note("recovering")
    events = {(entry.event, entry.step) for entry in note.entries}
    if all(("done", index) in events for index in range(len(plan.planned))):
        note("committed")
        return
    if plan.keeps and not _was_going_back(journal):
        _go_on(plan, executor, journal, report)
        return
    if not executor.find_checkpoint(journal.checkpoint()):
        note("checkpoint")
        executor.wait_ready()
        executor.wait_started()
        turned = _turned(plan, executor, journal)
        if turned is not None:
            carry_out(_after_boot(plan), executor, journal, report, taken=range(turned))
            return
    if plan.undoes is not None:
        attempt(executor.wait_ready)
        # Each step finds out whether it was taken already.
        ending = steps.CommitCheckpoint() if is_last_resort(plan.planned) else steps.RollBackCheckpoint()
        value_of(attempt(lambda: executor.execute(ending, undoing=True)))
        carry_out(plan, executor, journal, report)
        return
    _take_all_back(plan, executor, journal, note)


def _take_all_back(plan: Plan, executor: StepExecutor, journal: Journal, note: Teller) -> None:
    begun = note.steps_of("begin")
    said = take_back([item for item in enumerate(plan.planned) if item[0] in begun], executor, journal, note)
    cut_off = ToolError(
        f"run {journal.run} was interrupted by a kill or a power loss, and is rolled back",
        "run the command again; vmnet verify shows the state",
    )
    add_notes(cut_off, said)
    raise cut_off


def _was_going_back(journal: Journal) -> bool:
    """Return whether somebody had cancelled the run: then it was rolled back although no step had failed."""
    events = {entry.event for entry in journal.entries()}
    return has_word(journal, Word.CANCELLED) or ("undo" in events and "failed" not in events)


def _go_on(plan: Plan, executor: StepExecutor, journal: Journal, report: Report) -> None:
    """Carry out the steps that are not known to be done, or were undone since. Each checks whether it was done."""
    taken: dict[str, set[int]] = {}
    for entry in journal.entries():
        taken.setdefault(entry.event, set()).add(entry.step)
    done = (taken.get("done", set()) | taken.get("passed-over", set())) - taken.get("undo", set())
    for index, planned in enumerate(plan.planned):
        if isinstance(planned.step, steps.BounceLinks) and index in taken.get("begin", set()) - done:
            # A link that it left down would be passed over as one that was down before.
            for step in planned.undo:
                value_of(attempt(partial(executor.execute, step, undoing=True)))
    carry_out(plan, executor, journal, report, taken=done)


def _turned(plan: Plan, executor: StepExecutor, journal: Journal) -> int | None:
    """Return the step that has changed the boot to the new state. None: it has not, or something was undone since."""
    events = {(entry.event, entry.step) for entry in journal.entries()}
    if any(event in ("failed", "undo") for event, _ in events):
        return None
    for index, planned in enumerate(plan.planned):
        step = planned.step
        if planned.turns_boot and ("begin", index) in events and isinstance(step, steps.ModifyProfile):
            return index if executor.starts_by_itself(step.uuid) else None
    return None


def _after_boot(plan: Plan) -> Plan:
    """A boot has created the management link again: only its keyfile is left to prove."""
    planned = tuple(
        replace(p, step=replace(p.step, proof=())) if isinstance(p.step, steps.ProveUntouched) else p
        for p in plan.planned
    )
    return replace(plan, planned=planned)


# Undo a run that this vmnet cannot read: by the script that the vmnet which made it has left beside its journal.

_SCRIPT_S = 3600.0


def undo_unread(journal: Journal, why: VmnetError) -> NoReturn:
    """Undo the run, or finish one that is itself an undo, and say in the journal what came of it.

    Raises:
        Refused: nothing can be done; the run stays as it is.
        ToolError: the run is undone.
        UndoIncomplete: not all of it.
    """
    request = attempt(lambda: read_request(journal))
    undoes = None if isinstance(request, VmnetError) else request.undoes
    made = find_run(undoes, journal.directory.parent) if undoes else journal
    script = made.directory / UNDO_SCRIPT
    if not script.exists():
        raise Refused(why.message, "the run has no undo script; vmnet doctor shows the state of the host")
    _note(journal, "recovering")
    checkpoint = journal.checkpoint()
    if checkpoint:
        attempt(lambda: nmcli.roll_back_checkpoint(checkpoint))
    # The script asks for the lock, which we hold.
    argv = ("env", "VMNET_LOCKED=1", "sh", str(script))
    ran = attempt(lambda: process.run(argv, timeout_s=_SCRIPT_S))
    if isinstance(ran, VmnetError):
        by_hand = root("sh", str(script))
        _note(journal, "incomplete", text=by_hand)
        raise UndoIncomplete(f"{why.message}; {ran.message}", "finish by hand:", left=(by_hand,))
    _note(journal, "committed" if undoes else "rolled-back")
    if undoes:
        _note(made, "undone", text=journal.run)
    raise ToolError(f"{why.message}; it was undone by {script}", "run the command again; vmnet verify shows the state")


def _note(journal: Journal, event: str, *, text: str = "") -> None:
    attempt(lambda: journal.note_anyway([Entry.now(event, text=text)]))
