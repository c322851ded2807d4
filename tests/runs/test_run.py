"""Applying a plan: what is written down, and that a failure at any step takes back all before it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

import pytest

from vmnet.errors import Conflict, LinkError, Refused, SpecError, ToolError, UndoIncomplete
from vmnet.facts import Answer, Facts, Probe, ProbeKind
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.carry_out import carry_out
from vmnet.runs.follow import apply
from vmnet.runs.lock import locked
from vmnet.runs.progress import Event, Progress
from vmnet.runs.records.journal import Journal, RunState, find_run, list_runs
from vmnet.runs.resume import take_up

if TYPE_CHECKING:
    from collections.abc import Sequence

FACTS = Facts(hostname="host", machine_id="0" * 32, root=True)


def add(name: str) -> Planned:
    step = steps.AddProfile(uuid=name, name=name, type="bridge", ifname=name, settings=())
    return Planned(step=step, why="a test", undo=(steps.DeleteProfile(uuid=name, name=name),))


PLAN = Plan(
    command="host-setup",
    planned=(
        Planned(step=steps.OpenCheckpoint(timeout_s=60), why="a net"),
        add("a"),
        add("b"),
        add("c"),
        Planned(step=steps.CommitCheckpoint(), why="keep"),
    ),
)


@dataclass
class RecordingExecutor:
    """Carries out nothing, remembers all; fails at the chosen steps, as a host would."""

    fail_at: int | None = None
    undo_fails: str | None = None
    error: BaseException = field(default_factory=lambda: LinkError("no carrier", "check the cable"))
    checkpoint: str | None = None
    done: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    waited: int = 0
    silent_after: str = ""
    asked: list[steps.WaitAnswer] = field(default_factory=list)
    connected: bool = False
    reachable: bool = True
    saved: tuple[str, ...] = ()
    disk: str = ""

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        name = getattr(step, "name", type(step).__name__)
        if isinstance(step, steps.WaitAnswer):
            self.asked.append(step)
            if step.probe.target == self.silent_after:
                raise LinkError("it does not answer")
            return
        if undoing:
            if name == self.undo_fails:
                raise LinkError("cannot")
            self.undone.append(name)
            if isinstance(step, steps.CommitCheckpoint | steps.RollBackCheckpoint):
                self.checkpoint = None
            return
        if len(self.done) == self.fail_at:
            raise self.error
        if isinstance(step, steps.OpenCheckpoint):
            self.checkpoint = "/1"
        if isinstance(step, steps.CommitCheckpoint):
            self.checkpoint = None
        self.done.append(name)

    def connect(self) -> None:
        self.connected = True

    def reconnect(self) -> bool:
        return self.reachable

    def execute_together(self, taken: Sequence[steps.Step], *, undoing: bool = False) -> None:
        assert self.connected
        for step in taken:
            self.execute(step, undoing=undoing)

    def find_checkpoint(self, path: str | None) -> bool:
        return self.checkpoint is not None

    def starts_by_itself(self, uuid: str) -> bool:
        return uuid in self.saved

    def wait_ready(self) -> None:
        self.waited += 1

    def wait_started(self) -> None:
        assert self.waited

    def trouble(self) -> str:
        return self.disk


def journal_in(path: Path) -> Journal:
    return Journal.create(PLAN, FACTS, path / "runs")


def test_a_run_that_holds(tmp_path: Path) -> None:
    journal, executor, told = journal_in(tmp_path), RecordingExecutor(), list[Progress]()
    carry_out(PLAN, executor, journal, told.append)
    assert executor.done == ["OpenCheckpoint", "a", "b", "c", "CommitCheckpoint"]
    assert executor.undone == []
    assert journal.state() is RunState.STANDS
    assert [p.event for p in told] == [Event.BEGIN, Event.DONE] * 5
    assert journal.begun() == PLAN.planned
    assert (journal.plan(), journal.facts()) == (PLAN, FACTS)


def test_a_step_is_written_down_before_it_is_taken_with_the_end_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, seen = journal_in(tmp_path), list[list[tuple[str, int]]]()

    class Looking(RecordingExecutor):
        def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
            seen.append([(entry.event, entry.step) for entry in journal.entries("begin", "done")])
            super().execute(step, undoing=undoing)

    writes = create_autospec(Journal.note_all, side_effect=Journal.note_all)
    monkeypatch.setattr(Journal, "note_all", writes)
    carry_out(PLAN, Looking(), journal, lambda _: None)
    assert [len(call.args[1]) for call in writes.call_args_list] == [1, 2, 2, 2, 2, 2]
    lines = [(event, step) for step in range(5) for event in ("begin", "done")]
    assert seen == [lines[: 2 * step + 1] for step in range(5)]
    assert [(entry.event, entry.step) for entry in journal.entries("begin", "done")] == lines


@pytest.mark.parametrize("error", [LinkError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", range(5))
def test_a_failure_anywhere_takes_everything_back(tmp_path: Path, at: int, error: BaseException) -> None:
    journal, executor = journal_in(tmp_path), RecordingExecutor(fail_at=at, error=error)
    with pytest.raises(type(error)) as caught:
        carry_out(PLAN, executor, journal, lambda _: None)
    begun = ["OpenCheckpoint", "a", "b", "c", "CommitCheckpoint"][: at + 1]
    expected = [name for name in reversed(begun) if name in "abc"]
    assert executor.undone == (["RollBackCheckpoint"] if at > 0 else []) + expected
    assert journal.state() is RunState.ROLLED_BACK
    assert "rolled back" in caught.value.__notes__[0]


def test_what_is_marked_goes_back_before_the_checkpoint(tmp_path: Path) -> None:
    planned = [replace(p, back_first=True) if p.undo and p.undo[0] == add("b").undo[0] else p for p in PLAN.planned]
    plan, executor = replace(PLAN, planned=tuple(planned)), RecordingExecutor(fail_at=4)
    with pytest.raises(LinkError):
        carry_out(plan, executor, Journal.create(plan, FACTS, tmp_path / "runs"), lambda _: None)
    assert executor.undone == ["b", "RollBackCheckpoint", "c", "a"]


def dns_answers(*answering: int) -> Facts:
    """Of two name servers, those that answered before."""
    probes = {n: Probe(kind=ProbeKind.DNS, target=f"192.0.2.{n}") for n in (53, 54, 55)}
    return replace(
        FACTS, answers=tuple(Answer(probe=p, problem="" if n in answering else "no") for n, p in probes.items())
    )


def test_after_the_way_back_it_is_asked_what_answered_before(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, dns_answers(53), tmp_path / "runs")
    with pytest.raises(LinkError) as caught:
        carry_out(PLAN, RecordingExecutor(fail_at=3), journal, lambda _: None)
    assert caught.value.__notes__[1] == "answers as before: DNS server 192.0.2.53"


def test_what_does_not_answer_after_the_way_back_is_no_way_back(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, dns_answers(53, 54, 55), tmp_path / "runs")
    executor = RecordingExecutor(fail_at=3, silent_after="192.0.2.53")
    with pytest.raises(UndoIncomplete, match=r"does not answer: DNS server 192\.0\.2\.53\n") as caught:
        carry_out(PLAN, executor, journal, lambda _: None)
    assert "the switch" in caught.value.hint
    assert caught.value.__notes__ == ["first error: no carrier"]
    # The configuration of before is back all the same, and the others need not be waited for.
    assert journal.state() is RunState.ROLLED_BACK
    assert [step.timeout_s for step in executor.asked] == [30, 2, 2]


def test_what_cannot_be_taken_back_is_said_with_its_command(tmp_path: Path) -> None:
    journal, executor = journal_in(tmp_path), RecordingExecutor(fail_at=3, undo_fails="b")
    with pytest.raises(UndoIncomplete) as caught:
        carry_out(PLAN, executor, journal, lambda _: None)
    assert executor.undone == ["RollBackCheckpoint", "c", "a"]
    assert "nmcli connection delete uuid b" in caught.value.left[0]
    assert journal.state() is RunState.INCOMPLETE


def test_the_steps_of_an_undo_may_find_their_work_done(tmp_path: Path) -> None:
    journal, executor = journal_in(tmp_path), RecordingExecutor()
    carry_out(replace(PLAN, undoes="an-earlier-run"), executor, journal, lambda _: None)
    assert executor.done == []
    assert executor.undone == ["OpenCheckpoint", "a", "b", "c", "CommitCheckpoint"]


JOIN = Planned(step=steps.ActivateProfile(uuid="a", name="join", ifname="a"), why="a port")
TURN = Planned(step=steps.ModifyProfile(uuid="a", name="turn", settings=(), save=True), why="the boot", turns_boot=True)
PROVE = Planned(step=steps.ProveUntouched(ifname="m", proof=(("index", "2"),), profile=None), why="untouched")
TURNING = replace(PLAN, planned=(*PLAN.planned[:2], JOIN, TURN, add("b"), PROVE, PLAN.planned[-1]))
CUT_AT_TURN = (*((event, step) for step in range(3) for event in ("begin", "done")), ("begin", 3))


def cut_off(path: Path, entries: Sequence[tuple[str, int]]) -> Journal:
    journal = Journal.create(TURNING, FACTS, path / "runs")
    for event, step in entries:
        journal.note(event, step)
    return journal


def test_a_boot_into_the_new_state_is_followed_by_the_rest_of_the_run(tmp_path: Path) -> None:
    journal, executor = cut_off(tmp_path, CUT_AT_TURN), RecordingExecutor(saved=("a",))
    take_up(TURNING, executor, journal, lambda _: None)
    assert executor.done == ["join", "turn", "b", "ProveUntouched", "CommitCheckpoint"]
    assert executor.undone == []
    assert journal.state() is RunState.STANDS


@pytest.mark.parametrize("at", range(5))
def test_what_fails_after_such_a_boot_takes_all_of_it_back(tmp_path: Path, at: int) -> None:
    journal, executor = cut_off(tmp_path, CUT_AT_TURN), RecordingExecutor(saved=("a",), fail_at=at)
    with pytest.raises(LinkError):
        take_up(TURNING, executor, journal, lambda _: None)
    assert executor.undone == ["b", "a"][at < 2 :]
    assert journal.state() is RunState.ROLLED_BACK


@pytest.mark.parametrize("at", range(5))
def test_what_was_done_after_the_turn_is_taken_back_too(tmp_path: Path, at: int) -> None:
    """It was done before the loss of power, and not yet again."""
    entries = (*CUT_AT_TURN, ("done", 3), ("begin", 4), ("done", 4), ("begin", 5))
    journal, executor = cut_off(tmp_path, entries), RecordingExecutor(saved=("a",), fail_at=at)
    with pytest.raises(LinkError):
        take_up(TURNING, executor, journal, lambda _: None)
    assert executor.undone == ["b", "a"]
    assert journal.state() is RunState.ROLLED_BACK


@pytest.mark.parametrize(
    ("entries", "executor"),
    [
        pytest.param(CUT_AT_TURN, RecordingExecutor(), id="the file was not written yet"),
        pytest.param(CUT_AT_TURN[:-1], RecordingExecutor(saved=("a",)), id="it was not to be yet"),
        pytest.param(CUT_AT_TURN, RecordingExecutor(saved=("a",), checkpoint="/1"), id="nothing was booted"),
        pytest.param((*CUT_AT_TURN, ("undo", 1)), RecordingExecutor(saved=("a",)), id="it was on its way back"),
        pytest.param((*CUT_AT_TURN, ("failed", 3)), RecordingExecutor(saved=("a",)), id="it had failed"),
    ],
)
def test_else_what_was_cut_off_is_taken_back(
    tmp_path: Path, entries: Sequence[tuple[str, int]], executor: RecordingExecutor
) -> None:
    journal = cut_off(tmp_path, entries)
    with pytest.raises(ToolError, match="was interrupted"):
        take_up(TURNING, executor, journal, lambda _: None)
    assert executor.done == []
    assert executor.undone[-1] == "a"
    assert journal.state() is RunState.ROLLED_BACK


def test_after_a_boot_the_management_link_is_not_held_against_what_was_before_it(tmp_path: Path) -> None:
    seen: list[steps.Step] = []

    class Watching(RecordingExecutor):
        def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
            seen.append(step)

    take_up(TURNING, Watching(saved=("a",)), cut_off(tmp_path, CUT_AT_TURN), lambda _: None)
    assert [step.proof for step in seen if isinstance(step, steps.ProveUntouched)] == [()]


def test_a_journal_cut_short_reads_as_far_as_it_goes(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.note("begin", 0)
    with (journal.directory / "journal.jsonl").open("a") as file:
        file.write('{"event": "be')
    assert [entry.event for entry in journal.entries()] == ["opened", "begin"]
    assert journal.state() is RunState.OPEN
    assert journal.begun() == PLAN.planned[:1]


def test_runs_are_found_by_their_ids_and_kept_from_other_eyes(tmp_path: Path) -> None:
    first, second = journal_in(tmp_path), journal_in(tmp_path)
    assert [journal.run for journal in list_runs(tmp_path / "runs")] == [first.run, second.run]
    assert find_run(second.run, tmp_path / "runs").directory == second.directory
    with pytest.raises(SpecError, match="no run 'x'"):
        find_run("x", tmp_path / "runs")
    assert first.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in first.directory.iterdir()} == {0o600}


def test_no_runs_yet(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nothing") == ()


def test_without_root_nothing_begins(tmp_path: Path) -> None:
    facts = Facts(hostname="host", machine_id="0", root=False)
    with pytest.raises(Refused, match="needs root"):
        apply(PLAN, facts, uri="test:///default", runs=tmp_path / "runs", lock=tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_do_leaves_no_run(tmp_path: Path) -> None:
    result = apply(Plan(command="undo"), FACTS, uri="test:///default", runs=tmp_path / "runs", lock=tmp_path / "lock")
    assert (result.run, result.done) == ("", 0)
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time(tmp_path: Path) -> None:
    owner = rf"another vmnet is changing this host: process {os.getpid()}, since 2\S+Z$"
    with locked(tmp_path / "lock"), pytest.raises(Conflict, match=owner), locked(tmp_path / "lock"):
        pytest.fail("two hold the lock")
    # What an ended process has left in the file holds nobody up.
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text().count("process") == 1
