"""What `vmnet runs` reads from the journals."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.runs.test_run import FACTS, PLAN, RecordingExecutor
from vmnet.errors import SpecError, VmnetError
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records.history import StepState, read_runs
from vmnet.runs.records.journal import Journal, RunState


def a_run(path: Path, executor: RecordingExecutor) -> Journal:
    journal = Journal.create(PLAN, FACTS, path)
    with suppress(VmnetError, KeyboardInterrupt):
        carry_out(PLAN, executor, journal, lambda _: None)
    return journal


def test_every_state_of_runs_and_steps(tmp_path: Path) -> None:
    stands = a_run(tmp_path, RecordingExecutor())
    a_run(tmp_path, RecordingExecutor(fail_at=2))
    a_run(tmp_path, RecordingExecutor(fail_at=3, undo_fails="b"))
    cut_off = Journal.create(PLAN, FACTS, tmp_path)
    cut_off.note("begin", 0)
    undone = a_run(tmp_path, RecordingExecutor())
    undone.note("undone", text="a later run")
    good, failed, incomplete, open_, back = read_runs(runs=tmp_path)
    assert [record.state for record in (good, failed, incomplete, open_, back)] == [
        RunState.STANDS, RunState.ROLLED_BACK, RunState.INCOMPLETE, RunState.OPEN, RunState.UNDONE,
    ]  # fmt: skip
    assert (good.run, good.done, good.text, good.command) == (stands.run, 5, "", "host-setup")
    assert {step.state for step in good.steps} == {StepState.DONE}
    # The checkpoint has no undo of its own.
    assert [step.state for step in failed.steps] == [
        StepState.DONE, StepState.TAKEN_BACK, StepState.FAILED, StepState.WAITING, StepState.WAITING,
    ]  # fmt: skip
    assert (failed.text, failed.steps[2].text) == ("no carrier", "no carrier")
    assert "nmcli connection delete uuid b" in incomplete.text
    assert [step.state for step in incomplete.steps[1:4]] == [
        StepState.TAKEN_BACK, StepState.NOT_TAKEN_BACK, StepState.FAILED,
    ]  # fmt: skip
    assert [step.state for step in open_.steps[:2]] == [StepState.BEGUN, StepState.WAITING]
    assert back.text == "by a later run"
    assert read_runs(undone.run, runs=tmp_path) == (back,)


def test_no_runs_and_an_unknown_one(tmp_path: Path) -> None:
    assert read_runs(runs=tmp_path / "nothing") == ()
    with pytest.raises(SpecError, match="no run"):
        read_runs("x", runs=tmp_path)


def test_an_interrupt_leaves_the_failed_step_as_begun_and_taken_back(tmp_path: Path) -> None:
    a_run(tmp_path, RecordingExecutor(fail_at=2, error=KeyboardInterrupt()))
    (record,) = read_runs(runs=tmp_path)
    assert (record.state, record.steps[2].state, record.text) == (RunState.ROLLED_BACK, StepState.TAKEN_BACK, "")
