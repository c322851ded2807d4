"""A finished run for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.report.blocks import Block, Line, Style
from vmnet.report.findings import render_differences
from vmnet.report.rows import render_rows_after
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.apply.result import RunResult
    from vmnet.checks.findings import Finding


def render_run(result: RunResult, findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return where the moved interfaces are now, what verify found, and how to undo the run."""
    return (*_rows(result), *_passed_over(result), *(render_differences(findings) if findings else ()), *_end(result))


def _rows(result: RunResult) -> Iterator[Block]:
    if result.rows:
        yield Line()
        yield render_rows_after(result.plan.rows, result.rows)
        yield Line()


def _passed_over(result: RunResult) -> Iterator[Block]:
    if result.passed_over:
        yield Line("Skipped, because others changed it during the run", Style.HEADING)
        yield from (Line(f"  - {text}", Style.WARNING) for text in result.passed_over)
        yield Line()


def _end(result: RunResult) -> Iterator[Block]:
    if result.undone:
        yield Line(f"{result.plan.command}: rolled back to the state before", Style.WARNING)
        return
    steps = f"{result.done} step{'' if result.done == 1 else 's'}"
    yield Line(f"{result.plan.command}: done, {steps}, run {result.run}", Style.GOOD)
    yield Line(f"journal: {result.directory}", Style.QUIET)
    if result.plan.command != "undo":
        yield Line(f"to undo it: {root('vmnet', 'undo', result.run)}", Style.QUIET)
