"""NetworkManager's checkpoint on the way back: gone back to first, or where a bridge stands, last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.apply.test_run import FACTS, PLAN, RecordingExecutor
from vmnet.apply.carry_out import carry_out
from vmnet.apply.journal import Journal, RunState
from vmnet.apply.take_up import take_up
from vmnet.errors import LinkError, UndoIncomplete
from vmnet.plan import steps

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.plan.steps import Plan

LAST_RESORT = replace(
    PLAN,
    planned=(replace(PLAN.planned[0], step=steps.OpenCheckpoint(timeout_s=60, last_resort=True)), *PLAN.planned[1:]),
)


def test_a_checkpoint_that_would_take_taps_off_the_bridge_is_not_gone_back_to(tmp_path: Path) -> None:
    journal, executor = Journal.create(LAST_RESORT, FACTS, tmp_path / "runs"), RecordingExecutor(fail_at=4)
    with pytest.raises(LinkError):
        carry_out(LAST_RESORT, executor, journal, lambda _: None)
    assert executor.undone == ["c", "b", "a", "CommitCheckpoint"]
    assert journal.state() is RunState.ROLLED_BACK


def test_it_is_where_the_steps_cannot_be_taken_back(tmp_path: Path) -> None:
    journal = Journal.create(LAST_RESORT, FACTS, tmp_path / "runs")
    executor = RecordingExecutor(fail_at=4, undo_fails="b")
    with pytest.raises(UndoIncomplete):
        carry_out(LAST_RESORT, executor, journal, lambda _: None)
    assert executor.undone == ["c", "a", "RollBackCheckpoint"]


@pytest.mark.parametrize(("plan", "ended"), [(PLAN, "RollBackCheckpoint"), (LAST_RESORT, "CommitCheckpoint")])
def test_an_undo_that_was_cut_off_is_done_again_from_where_its_checkpoint_was(
    tmp_path: Path, plan: Plan, ended: str
) -> None:
    plan = replace(plan, undoes="an-earlier-run")
    journal, executor = Journal.create(plan, FACTS, tmp_path / "runs"), RecordingExecutor(checkpoint="/1")
    for event in ("begin", "done", "begin"):
        journal.note(event, 0)
    take_up(plan, executor, journal, lambda _: None)
    assert executor.undone == [ended, "OpenCheckpoint", "a", "b", "c", "CommitCheckpoint"]
    assert journal.state() is RunState.STANDS
