"""The runs on this host for people: a table of all, and one step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.apply.history import StepState
from vmnet.apply.journal import RunState
from vmnet.names import printable
from vmnet.report.blocks import Block, Grid, Line, Style
from vmnet.report.words import describe
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.apply.history import RunRecord

_RUN_WORDS = {RunState.STANDS: "completed"}
_STEP_WORDS = {StepState.TAKEN_BACK: "rolled back", StepState.NOT_TAKEN_BACK: "could not be rolled back"}
"""Where a state is called otherwise than in JSON."""
_RUN_STYLES = {
    RunState.STANDS: Style.GOOD,
    RunState.OPEN: Style.BAD,
    RunState.INCOMPLETE: Style.BAD,
    RunState.UNREADABLE: Style.BAD,
    RunState.ROLLED_BACK: Style.WARNING,
    RunState.UNDONE: Style.QUIET,
}
_STEP_STYLES = {
    StepState.FAILED: Style.BAD,
    StepState.NOT_TAKEN_BACK: Style.BAD,
    StepState.BEGUN: Style.WARNING,
    StepState.TAKEN_BACK: Style.WARNING,
    StepState.WAITING: Style.QUIET,
}


def render_runs(records: tuple[RunRecord, ...]) -> tuple[Block, ...]:
    """Return the table of all runs, oldest first."""
    if not records:
        return (Line("no run is recorded on this host"),)
    rows = tuple((r.run, r.began, f"{r.done} of {len(r.steps)}", _state(r), printable(r.text)) for r in records)
    styles = tuple(_RUN_STYLES.get(record.state, Style.PLAIN) for record in records)
    columns = ("run", "began", "steps", "state", "why")
    return (Grid(columns=columns, rows=rows, styles=styles, spare=("began", "steps")),)


def _state(record: RunRecord) -> str:
    return _RUN_WORDS.get(record.state, record.state.value)


def render_run_record(record: RunRecord) -> tuple[Block, ...]:
    """Return one run: what became of it, then each of its steps."""
    return tuple(_run_lines(record))


def _run_lines(record: RunRecord) -> Iterator[Block]:
    why = f": {printable(record.text)}" if record.text else ""
    yield Line(f"{record.run}: {_state(record)}{why}", _RUN_STYLES.get(record.state, Style.PLAIN))
    yield Line(f"began {record.began}, last entry {record.ended}; journal: {record.directory}", Style.QUIET)
    yield Line()
    for number, step in enumerate(record.steps, 1):
        text = f": {printable(step.text)}" if step.text else ""
        words = f"{number:3}. {describe(step.planned.step)} ... {_STEP_WORDS.get(step.state, step.state.value)}{text}"
        yield Line(words, _STEP_STYLES.get(step.state, Style.PLAIN))
    if record.undoes is None and record.state in (RunState.STANDS, RunState.OPEN, RunState.INCOMPLETE):
        yield Line()
        yield Line(f"to undo it: {root('vmnet', 'undo', record.run)}", Style.QUIET)
