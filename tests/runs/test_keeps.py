"""A plan that keeps what it has done: a failure takes back the domain it belongs to, a kill lets it go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.report import samples
from tests.runs.test_run import FACTS, RecordingExecutor
from vmnet.errors import Conflict, HypervisorError, ToolError, UndoIncomplete
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records.journal import Journal, RunState
from vmnet.runs.resume import take_up
from vmnet.runs.worker_files import Word, leave_word

if TYPE_CHECKING:
    from pathlib import Path


def move(domain: str, scope: str = "persistent") -> Planned:
    step = replace(samples.move(scope), domain=domain, domain_uuid=domain)
    back = replace(step, was=step.wanted, wanted=step.was)
    return Planned(step=step, why="a test", undo=(back,))


def pause() -> Planned:
    return Planned(step=steps.Pause(seconds=1), why="a test")


LINK = replace(samples.LINK, domain="a", domain_uuid="a")
BOUNCE = Planned(
    step=steps.BounceLinks(links=(LINK,), seconds=1), why="a test", undo=(steps.RaiseLinks(links=(LINK,)),)
)
PLAN = Plan(
    command="migrate-from-virbr0",
    planned=(move("a"), move("a", "running"), pause(), move("b"), move("b", "running"), pause(), move("c")),
    keeps=True,
)


@dataclass
class Host(RecordingExecutor):
    """Remembers moves by domain and document; `bad` fails, with `problem`."""

    bad: str = ""
    problem: HypervisorError | Conflict | None = None

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        name = f"{step.domain} {step.scope}" if isinstance(step, steps.MoveInterface) else type(step).__name__
        if name == self.bad and self.problem is not None and not undoing:
            raise self.problem
        (self.undone if undoing else self.done).append(name)


def run(host: Host, path: Path, plan: Plan = PLAN) -> Journal:
    journal = Journal.create(plan, FACTS, path / "runs")
    carry_out(plan, host, journal, lambda _: None)
    return journal


def stopped(host: Host, path: Path) -> tuple[Journal, list[str]]:
    journal = Journal.create(PLAN, FACTS, path / "runs")
    with pytest.raises(HypervisorError) as caught:
        carry_out(PLAN, host, journal, lambda _: None)
    return journal, caught.value.__notes__


def test_all_goes_well(tmp_path: Path) -> None:
    assert run(Host(), tmp_path).state() is RunState.STANDS


def test_a_failure_takes_back_its_own_domain_only(tmp_path: Path) -> None:
    host = Host(bad="b running", problem=HypervisorError("no"))
    journal, notes = stopped(host, tmp_path)
    assert host.undone == ["b running", "b persistent"]
    assert "c persistent" not in host.done
    assert journal.state() is RunState.STOPPED
    assert "1 domain has moved" in notes[0]


def test_what_cannot_be_taken_back_is_said(tmp_path: Path) -> None:
    class Stubborn(Host):
        def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
            if undoing:
                raise HypervisorError("no way back")
            super().execute(step, undoing=undoing)

    journal = Journal.create(PLAN, FACTS, tmp_path / "runs")
    with pytest.raises(UndoIncomplete):
        carry_out(PLAN, Stubborn(bad="b running", problem=HypervisorError("no")), journal, lambda _: None)
    assert journal.state() is RunState.INCOMPLETE


def test_a_daemon_that_is_gone_is_not_asked_to_take_anything_back(tmp_path: Path) -> None:
    host = Host(bad="b persistent", problem=HypervisorError("gone"), reachable=False)
    journal, notes = stopped(host, tmp_path)
    assert not host.undone
    assert journal.state() is RunState.STOPPED
    assert "out of reach" in notes[0]


def test_what_others_changed_is_passed_over_and_not_undone_later(tmp_path: Path) -> None:
    host = Host(bad="b persistent", problem=Conflict("put elsewhere", ""))
    journal = run(host, tmp_path)
    assert journal.state() is RunState.STANDS
    assert [entry.text for entry in journal.entries() if entry.event == "passed-over"] == ["put elsewhere"]
    begun = [planned.step for planned in journal.begun()]
    assert [s.scope for s in begun if isinstance(s, steps.MoveInterface) and s.domain == "b"] == ["running"]


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    plan = replace(PLAN, planned=(move("a"), BOUNCE, move("b")))
    journal = Journal.create(plan, FACTS, tmp_path / "runs")
    for event, step in (("begin", 0), ("done", 0), ("begin", 1)):
        journal.note(event, step)
    host = Host()
    take_up(plan, host, journal, lambda _: None)
    assert host.done == ["BounceLinks", "b persistent"]
    assert host.undone == ["RaiseLinks"]
    assert journal.state() is RunState.STANDS


def cut_off(path: Path, *events: tuple[str, int]) -> Journal:
    journal = Journal.create(PLAN, FACTS, path / "runs")
    for event, step in events:
        journal.note(event, step)
    return journal


ONE_DONE = (("begin", 0), ("done", 0), ("begin", 1))


def test_one_that_was_cancelled_before_it_was_killed_goes_back_and_not_on(tmp_path: Path) -> None:
    for number, events in enumerate([ONE_DONE, (*ONE_DONE, ("undo", 1))]):
        journal = cut_off(tmp_path / str(number), *events)
        if number == 0:
            leave_word(journal, Word.CANCELLED)
        host = Host()
        with pytest.raises(ToolError, match="was interrupted"):
            take_up(PLAN, host, journal, lambda _: None)
        assert (host.done, host.undone) == ([], ["a running", "a persistent"])
        assert journal.state() is RunState.ROLLED_BACK


def test_one_that_was_killed_while_it_stopped_does_again_what_was_taken_back(tmp_path: Path) -> None:
    journal = cut_off(tmp_path, *ONE_DONE, ("failed", 1), ("undo", 1), ("undo", 0))
    host = Host()
    take_up(PLAN, host, journal, lambda _: None)
    assert host.done[:2] == ["a persistent", "a running"]
    assert journal.state() is RunState.STANDS


def test_the_undo_of_such_a_run_takes_all_back_when_it_fails(tmp_path: Path) -> None:
    plan = replace(PLAN, keeps=False)
    host = Host(bad="b persistent", problem=HypervisorError("no"))
    journal = Journal.create(plan, FACTS, tmp_path / "runs")
    with pytest.raises(HypervisorError):
        carry_out(plan, host, journal, lambda _: None)
    assert host.undone == ["b running", "b persistent", "a running", "a persistent"]
    assert journal.state() is RunState.ROLLED_BACK
