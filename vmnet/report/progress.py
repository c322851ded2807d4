"""Progress lines: `[ 3/21] activate p4p1 ... 1.2 s`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.apply.progress import Event
from vmnet.plan.steps import IndependentStep
from vmnet.report.words import describe

if TYPE_CHECKING:
    from vmnet.apply.progress import Progress

SHOWN_FROM_S = 0.1
"""Shorter steps are shown without a time."""


def progress_text(progress: Progress, left_s: float | None = None) -> str:
    """Return the text to print for one event, as it continues what was printed before.

    A step's line is begun when it begins and ended when it is done or has failed, so that the terminal always
    shows what is going on now. Of steps that are taken at the same time each has its line when it is done.

    Args:
        left_s: how long the run goes on, where that can be told.
    """
    together = isinstance(progress.step, IndependentStep)
    begun = f"{_label(progress)}{describe(progress.step)} ..."
    match progress.event:
        case Event.BEGIN:
            return "" if together else begun
        case Event.DONE:
            seconds = f" {progress.seconds:.1f} s" if progress.seconds >= SHOWN_FROM_S else " done"
            left = "" if left_s is None else f", about {left_s:.0f} s left"
            return f"{begun * together}{seconds}{left}\n"
        case Event.PASSED:
            return f"{begun * together} skipped: others changed it during the run\n"
        case Event.WAIT:
            return f" {progress.seconds:.0f} s left ..."
        case Event.FAILED:
            return f"{begun * together} FAILED after {progress.seconds:.1f} s\n"
        case Event.UNDO:
            return f"{_label(progress)}undo: {describe(progress.step)}\n"


def _label(progress: Progress) -> str:
    width = len(str(progress.total))
    return f"[{progress.index:{width}}/{progress.total}] "
