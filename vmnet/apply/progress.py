"""What a run tells the one who watches it, step by step, read off its journal's lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.steps import Step

if TYPE_CHECKING:
    from vmnet.apply.journal import Entry
    from vmnet.plan.steps import Plan


class Event(StrEnum):
    """What happened to a step: it began, waits on, is done, failed, or is being undone."""

    BEGIN = "begin"
    DONE = "done"
    FAILED = "failed"
    UNDO = "undo"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a run: `index` counts from 1, `seconds` is how long the step has taken so far, or (WAIT) how long it
    waits on."""

    index: int
    total: int
    step: Step
    why: str
    event: Event
    seconds: float = 0.0


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
        return Progress(index=self._undone, total=total, step=step, why="taking it back", event=Event.UNDO)
