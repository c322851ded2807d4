"""Progress lines: `[ 3/21] activate p4p1 ... 1.2 s`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.apply.progress import Event
from vmnet.report.words import describe

if TYPE_CHECKING:
    from vmnet.apply.progress import Progress

SHOWN_FROM_S = 0.1
"""Shorter steps are shown without a time."""


def progress_text(progress: Progress) -> str:
    """Return the text to print for one event, as it continues what was printed before.

    A step's line is begun when it begins and ended when it is done or has failed, so that the terminal always
    shows what is going on now.
    """
    match progress.event:
        case Event.BEGIN:
            return f"{_label(progress)}{describe(progress.step)} ..."
        case Event.DONE:
            seconds = f" {progress.seconds:.1f} s" if progress.seconds >= SHOWN_FROM_S else " done"
            return f"{seconds}\n"
        case Event.WAIT:
            return f" {progress.seconds:.0f} s left ..."
        case Event.FAILED:
            return f" FAILED after {progress.seconds:.1f} s\n"
        case Event.UNDO:
            return f"{_label(progress)}undo: {describe(progress.step)}\n"


def _label(progress: Progress) -> str:
    width = len(str(progress.total))
    return f"[{progress.index:{width}}/{progress.total}] "
