"""The runs on this host and their states, read from their journals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vmnet.errors import VmnetError, attempt
from vmnet.host.files.run_mark import RUNS
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.records.journal import Journal, RunState, find_run, list_runs
from vmnet.runs.records.journal_lines import Entry


class StepState(StrEnum):
    """State of a step. `BEGUN`: the journal ends before the step does. `TAKEN_BACK`: begun or done, then undone."""

    WAITING = "not reached"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    TAKEN_BACK = "taken back"
    NOT_TAKEN_BACK = "could not be taken back"


_STATES = {
    "begin": StepState.BEGUN,
    "done": StepState.DONE,
    "failed": StepState.FAILED,
    "undo-failed": StepState.NOT_TAKEN_BACK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """A step of a run and its state. `text` is the error, if there was one."""

    planned: Planned
    state: StepState
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run from its journal. Times are UTC, as "2026-01-02T03:04:05Z"."""

    run: str
    command: str
    state: RunState
    began: str
    ended: str
    """The last line's time: that of the undo, where the run was undone."""
    done: int
    text: str
    """Why it failed, or which run undid it."""
    undoes: str | None
    directory: str
    steps: tuple[RunStep, ...]


def read_runs(run: str | None = None, *, runs: Path = RUNS) -> tuple[RunRecord, ...]:
    """Return the runs on this host and their states, oldest first.

    Args:
        run: id of the only run to return. None: all.

    Raises:
        SpecError: there is no such run.
        PermissionError: only root may read the journals.
    """
    journals = list_runs(runs) if run is None else (find_run(run, runs),)
    return tuple(_record(journal) for journal in journals)


def _record(journal: Journal) -> RunRecord:
    entries, state = tuple(journal.entries()), journal.state()
    plan = attempt(journal.plan)
    if isinstance(plan, VmnetError):
        state, text, plan = RunState.UNREADABLE, plan.message, Plan(command=journal.run.partition("-")[2])
    else:
        text = _reason(entries, state)
    last: dict[int, Entry] = {entry.step: entry for entry in entries if entry.step >= 0 and entry.event in _STATES}
    taken_back = state in (RunState.ROLLED_BACK, RunState.UNDONE, RunState.INCOMPLETE)
    return RunRecord(
        run=journal.run,
        command=plan.command,
        state=state,
        began=entries[0].time if entries else "",
        ended=entries[-1].time if entries else "",
        done=sum(entry.event == "done" for entry in entries),
        text=text,
        undoes=plan.undoes,
        directory=str(journal.directory),
        steps=tuple(_step(index, planned, last, taken_back) for index, planned in enumerate(plan.planned)),
    )


def _step(index: int, planned: Planned, last: Mapping[int, Entry], taken_back: bool) -> RunStep:
    entry = last.get(index)
    if entry is None:
        return RunStep(planned=planned, state=StepState.WAITING)
    state = _STATES[entry.event]
    if taken_back and planned.undo and state in (StepState.BEGUN, StepState.DONE):
        state = StepState.TAKEN_BACK
    return RunStep(planned=planned, state=state, text=entry.text)


def _reason(entries: tuple[Entry, ...], state: RunState) -> str:
    if state is RunState.UNDONE:
        return f"by {next(entry.text for entry in reversed(entries) if entry.event == 'undone')}"
    if state is RunState.UNREADABLE:
        return "its journal is damaged"
    failures = [entry.text for entry in entries if entry.event in ("failed", "incomplete")]
    return failures[-1] if failures else ""
