"""The progress of a run, step by step, from the lines of its journal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.steps import IndependentStep, MovedInterface, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet.plan.steps import Plan
    from vmnet.runs.records.journal_lines import Entry


class Event(StrEnum):
    """What happened to a step: it began, still waits, is done, failed, was skipped, or is undone."""

    BEGIN = "begin"
    DONE = "done"
    FAILED = "failed"
    PASSED = "passed-over"
    UNDO = "undo"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a run. `index` counts from 1. `seconds` is how long the step has taken, or (WAIT) how long it still
    waits at most."""

    index: int
    total: int
    step: Step
    why: str
    event: Event
    seconds: float = 0.0


class Pace:
    """Lets through of a run's progress what a person can read: of many short steps one a second, and all else.

    Args:
        clock: tells the time in seconds.
    """

    MANY = 50

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = self._shown = clock()
        self._done = 0

    def lets(self, progress: Progress) -> bool:
        """Return whether it is time to show it."""
        if not isinstance(progress.step, IndependentStep) or progress.total <= self.MANY:
            return True
        if progress.event in (Event.DONE, Event.PASSED):
            self._done += 1
        due = self._done == progress.total or self._clock() - self._shown >= 1
        if due:
            self._shown = self._clock()
        return due or progress.event in (Event.FAILED, Event.PASSED)

    def left_s(self, progress: Progress) -> float | None:
        """Return for how long the run goes on, by what it has taken so far; None where that cannot be told."""
        took = self._clock() - self._begun
        if self._done < self.MANY or self._done >= progress.total or progress.event is not Event.DONE:
            return None
        return took / self._done * (progress.total - self._done)


class Watcher:
    """Turns the lines of a run's journal into progress; the run itself and whoever follows it see the same."""

    def __init__(self, plan: Plan) -> None:
        self._planned = plan.planned
        self._begun: set[int] = set()
        self._undone = 0
        self._checkpoint = 0

    def feed(self, entry: Entry) -> Progress | None:
        """Return what the next line tells of a step; None where it tells of the run as a whole."""
        if entry.event == "recovering":
            self._undone = 0
        if entry.event == "checkpoint":
            self._checkpoint = 1 if entry.text else 0
        if entry.event not in tuple(Event) or not -1 <= entry.step < len(self._planned):
            return None
        if entry.event == Event.UNDO:
            return self._undo(entry)
        self._begun.add(entry.step)
        planned = self._planned[entry.step]
        return Progress(
            index=entry.step + 1,
            total=len(self._planned),
            step=planned.step,
            why=planned.why,
            event=Event(entry.event),
            seconds=entry.seconds,
        )

    def _undo(self, entry: Entry) -> Progress:
        step: Step = steps.RollBackCheckpoint()
        if entry.step >= 0:
            step = self._planned[entry.step].undo[entry.undo]
        else:
            self._checkpoint = 1
        self._undone += 1
        total = sum(len(self._planned[index].undo) for index in self._begun) + self._checkpoint
        return Progress(index=self._undone, total=total, step=step, why="rollback", event=Event.UNDO)


# The result of a run.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run.

    Args:
        run: id of the run, for `vmnet undo`; empty if there was nothing to do.
        directory: directory of its journal and of the copies of profiles.
        plan: the plan that was carried out.
        done: number of the plan's steps that were done.
        undone: whether the run was rolled back.
        passed_over: what was skipped because others changed or removed it during the run.
        rows: the moved interfaces as they are after the run, with the guests' new addresses.
    """

    run: str
    directory: str
    plan: Plan
    done: int
    undone: bool = False
    passed_over: tuple[str, ...] = ()
    rows: tuple[MovedInterface, ...] = ()
