"""Roll back what a run has begun: after a failure, or after an interruption."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from vmnet.errors import UndoIncomplete, VmnetError, attempt
from vmnet.facts import Facts, Probe, ProbeKind
from vmnet.plan import steps
from vmnet.plan.host.answers import AT_THE_SWITCH, old_answers
from vmnet.plan.steps import Plan, Planned
from vmnet.shell_words import in_turn, remark

WayBack = tuple[int, int, steps.Step]
"""Index of the step that is undone; index among its undos; the undo."""

SOON_S = 2
"""For what is asked when something else has not answered in all its time."""
PASSES = 3
"""How often an undo is tried: NetworkManager, or libvirt, may be on its way up after a death of its own."""


class StepExecutor(Protocol):
    """What carries out steps: `runs.executor.execute.Executor`, which says what each method does."""

    checkpoint: str | None

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None: ...
    def execute_together(self, taken: Sequence[steps.Step], *, undoing: bool = False) -> None: ...
    def connect(self) -> None: ...
    def reconnect(self) -> bool: ...
    def find_checkpoint(self, path: str | None) -> bool: ...
    def starts_by_itself(self, uuid: str) -> bool: ...
    def wait_ready(self) -> None: ...
    def wait_started(self) -> None: ...
    def trouble(self) -> str: ...


class Notes(Protocol):
    """Where it is written down; see `Teller`. Never raises once steps are undone: a full disk, which may be why we are
    here, must not keep an undo from being tried."""

    def __call__(self, event: str, step: int = -1, text: str = "", *, undo: int = 0) -> object: ...


def roll_back(
    begun: Sequence[tuple[int, Planned]], executor: StepExecutor, note: Notes, *, ended: str = "rolled-back"
) -> None:
    """Undo the steps that were begun, newest first.

    NetworkManager's checkpoint comes first, after what is marked `back_first`: one call restores every device at once,
    with the shortest interruption. The planned undos after it then find their work done, or do what the checkpoint does
    not cover. A checkpoint that is the last resort (`steps.OpenCheckpoint`) is rolled back only if the undos fail.

    Args:
        ended: the event that is written down when all steps are undone.

    Raises:
        UndoIncomplete: a step could not be undone.
    """
    if any(isinstance(planned.step, steps.HostStep) for _, planned in begun):
        attempt(executor.wait_ready)
    todo = _ways_back(begun, checkpoint=executor.checkpoint is not None)
    left: dict[int, str] = {}
    for number, (index, place, step) in enumerate(todo):
        note("undo", index, undo=place)
        _try(number, step, executor, left)
    _try_again(todo, executor, left)
    _end_checkpoint(steps.CommitCheckpoint(), executor)
    if left:
        for number, text in left.items():
            note("undo-failed", todo[number][0], text)
        trouble = attempt(executor.trouble)
        raise _incomplete(note, [todo[number][2] for number in left], left.values(), str(trouble))
    note(ended)


def _ways_back(begun: Sequence[tuple[int, Planned]], *, checkpoint: bool) -> list[WayBack]:
    """Return what takes the steps back, in order, NetworkManager's `checkpoint` at its place."""
    undos = [(index, place, step) for index, p in reversed(begun) for place, step in enumerate(p.undo)]
    before = {index for index, planned in begun if planned.back_first}
    first = checkpoint and not is_last_resort(planned for _, planned in begun)
    return [
        *(undo for undo in undos if undo[0] in before),
        *([(-1, 0, steps.RollBackCheckpoint())] if first else []),
        *(undo for undo in undos if undo[0] not in before),
    ]


def _try_again(todo: Sequence[WayBack], executor: StepExecutor, left: dict[int, str]) -> None:
    """Try what is left some more times, the last time after the checkpoint, where that is the last resort."""
    for turn in range(1, PASSES):
        if not left:
            return
        attempt(executor.wait_ready)
        if turn == PASSES - 1:
            _end_checkpoint(steps.RollBackCheckpoint(), executor)
        for number in sorted(left):
            _try(number, todo[number][2], executor, left)


def is_last_resort(planned: Iterable[Planned]) -> bool:
    """Return whether NetworkManager's checkpoint is rolled back only if the planned undos fail."""
    opened = (p.step for p in planned if isinstance(p.step, steps.OpenCheckpoint))
    return any(step.last_resort for step in opened)


def _end_checkpoint(step: steps.CheckpointStep, executor: StepExecutor) -> None:
    """Roll back or commit the checkpoint, if it exists: otherwise its timer would roll it back later."""
    if executor.checkpoint:
        attempt(lambda: executor.execute(step, undoing=True))


def prove_answers(plan: Plan, before: Facts, executor: StepExecutor, *, asked: Collection[Probe] = ()) -> str:
    """Prove that what answered before a run answers now that it is undone; return what does, "" where nothing did.

    Args:
        asked: what has answered already. Besides these only gateways count: an SSH peer behind the management link says
            nothing about the LAN, and a DNS server may have been removed since.

    Raises:
        UndoIncomplete: some of it does not, with the patience that a switch needs.
    """
    waits = [
        wait
        for wait in old_answers(plan, before)
        if wait.probe not in asked and (not asked or wait.probe.kind is ProbeKind.GATEWAY)
    ]
    silent: list[str] = []
    for wait in waits:
        # Where the switch has not come round for one of them, it has had its time.
        patient = replace(wait, timeout_s=SOON_S, others=()) if silent else wait
        if isinstance(attempt(partial(executor.execute, patient, undoing=True)), VmnetError):
            silent.append(str(wait.probe))
    if not silent:
        return f"answers as before: {', '.join(str(wait.probe) for wait in waits)}" if waits else ""
    out_of_reach = UndoIncomplete(
        f"everything is undone, but what answered before the run does not answer: {', '.join(silent)}", AT_THE_SWITCH
    )
    if isinstance(error := sys.exception(), VmnetError):
        out_of_reach.add_note(f"first error: {error.message}")
    raise out_of_reach


def _try(number: int, step: steps.Step, executor: StepExecutor, left: dict[int, str]) -> None:
    failed = attempt(partial(executor.execute, step, undoing=True))
    if isinstance(failed, VmnetError):
        left[number] = failed.message
    else:
        left.pop(number, None)


def _incomplete(note: Notes, failed: Iterable[steps.Step], messages: Iterable[str], trouble: str) -> UndoIncomplete:
    """Return the error that says what is left to do; with `trouble`, the run stays open, and is tried again."""
    left = tuple(
        remark(in_turn(*step.by_hand()), f"{step}: {message}") for step, message in zip(failed, messages, strict=True)
    )
    message = "the change failed, and its rollback is incomplete"
    if trouble:
        hint = "vmnet tries again every minute and at the next boot. To finish by hand:"
        return UndoIncomplete(f"{message}: {trouble}", hint, left=left)
    note("incomplete", text="; ".join(left))
    return UndoIncomplete(message, "finish by hand:", left=left)
