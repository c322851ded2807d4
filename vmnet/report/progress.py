"""Progress lines: `[ 3/21] activate p4p1 ... 1.2 s`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.steps import IndependentStep
from vmnet.report.screen import Line, Style
from vmnet.runs.progress import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.findings import Finding
    from vmnet.runs.progress import Progress

    Wish = tuple[str, str, str, str, str, int]

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
    begun = f"{_label(progress)}{progress.step} ..."
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
            return f"{_label(progress)}undo: {progress.step}\n"


def _label(progress: Progress) -> str:
    width = len(str(progress.total))
    return f"[{progress.index:{width}}/{progress.total}] "


# What changed between two looks of verify, a line each, for a log.


def render_changes(before: tuple[Finding, ...], after: tuple[Finding, ...], time: str) -> tuple[Line, ...]:
    """Return a line for each finding that is new, says something else than before, or is gone, and the sum at the end;
    nothing where both looks found the same.

    Args:
        time: of the second look, as it is to stand before each line.
    """
    lines = tuple(_changes(before, after))
    if not lines:
        return ()
    bad = sum(not finding.ok for finding in after)
    total = (
        Line(f"{bad} of {len(after)} checks differ from what is wanted", Style.BAD)
        if bad
        else Line(f"all {len(after)} checks are as wanted", Style.GOOD)
    )
    return tuple(Line(f"{time}  {line.text}", line.style) for line in (*lines, total))


def render_first(findings: tuple[Finding, ...], time: str, *, quiet: bool) -> tuple[Line, ...]:
    """Return what a log begins with: a line for each difference, and the sum; with `quiet` nothing where there is no
    difference."""
    as_wanted = not any(not finding.ok for finding in findings)
    if as_wanted:
        text = f"{time}  all {len(findings)} checks are as wanted"
        return () if quiet else (Line(text, Style.GOOD),)
    return render_changes(tuple(finding for finding in findings if finding.ok), findings, time)


def _changes(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> Iterator[Line]:
    old, new = dict(_by_wish(before)), dict(_by_wish(after))
    for wish, finding in new.items():
        was = old.get(wish)
        if was is None or (was.ok, was.seen) != (finding.ok, finding.seen):
            yield _line(finding, was)
    for wish, finding in old.items():
        if wish not in new:
            # A rule says nothing about a link that is not there; another one has said that it is missing.
            yield Line(f"gone     {_what(finding)}: was {finding.seen}", Style.QUIET)


def _by_wish(findings: tuple[Finding, ...]) -> Iterator[tuple[Wish, Finding]]:
    """Yield what each finding is about, which is the same at the next look; several may be about the same."""
    count: dict[tuple[str, ...], int] = {}
    for finding in findings:
        about = (finding.rule, finding.layer, finding.subject, finding.wanted, finding.source)
        count[about] = count.get(about, 0) + 1
        yield (*about, count[about]), finding


def _line(finding: Finding, was: Finding | None) -> Line:
    if finding.ok:
        before = f", was {was.seen}" if was is not None else ""
        return Line(f"ok       {_what(finding)}: {finding.seen}{before}", Style.GOOD)
    return Line(f"DIFFERS  {_what(finding)}: wanted {finding.wanted}, seen {finding.seen}", Style.BAD)


def _what(finding: Finding) -> str:
    return f"{finding.rule} {finding.subject} ({finding.source})"
