"""NetworkManager's checkpoint on the way back: gone back to first, or where a bridge stands, last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.runs.test_run import FACTS, PLAN, RecordingExecutor
from vmnet.errors import LinkError, UndoIncomplete
from vmnet.facts import Answer, Probe, ProbeKind
from vmnet.plan import steps
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records.journal import Journal, RunState
from vmnet.runs.resume import take_up
from vmnet.runs.roll_back import prove_answers

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


def test_a_gateway_that_was_silent_before_the_undo_is_asked_all_the_same(tmp_path: Path) -> None:
    gateway, peer = Probe(kind=ProbeKind.GATEWAY, target="192.0.2.1"), Probe(kind=ProbeKind.SSH_PEER, target="10.0.0.2")
    server = Probe(kind=ProbeKind.DNS, target="192.0.2.53")
    before = replace(FACTS, answers=tuple(Answer(probe=probe) for probe in (gateway, server, peer)))

    class Silent(RecordingExecutor):
        def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
            assert isinstance(step, steps.WaitAnswer)
            if step.probe in (gateway, server):
                raise LinkError("silent")

    with pytest.raises(UndoIncomplete, match=r"gateway 192.0.2.1$"):
        # The SSH peer behind the management link has answered.
        prove_answers(PLAN, before, Silent(), asked={peer})
    with pytest.raises(UndoIncomplete, match=r"gateway 192.0.2.1, DNS server 192.0.2.53$"):
        prove_answers(PLAN, before, Silent())
    assert prove_answers(PLAN, before, Silent(), asked={gateway, peer}) == ""
