"""What a run tells the one who watches it, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmnet.plan.steps import Step


class Event(StrEnum):
    """What happened to a step: it began, it is done, it failed, or it is being undone."""

    BEGIN = "begin"
    DONE = "done"
    FAILED = "failed"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a run: `index` counts from 1, `seconds` is how long the step has taken so far."""

    index: int
    total: int
    step: Step
    why: str
    event: Event
    seconds: float = 0.0
