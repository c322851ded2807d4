"""A sample of the kill matrix, another one for each commit: every kind of fault, and one of them twice."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from . import process
from .faults import KILLS

if TYPE_CHECKING:
    from .machine import Lab
    from .matrix import Matrix

ONE_MORE = "one more"


def place(commit: str, *about: str) -> float:
    """A number from 0 to 1 that follows from the commit and what it is about."""
    digest = hashlib.sha256("\0".join((commit, *about)).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@pytest.mark.sample
@pytest.mark.parametrize("which", [*KILLS, ONE_MORE])
def test_a_fault_at_any_step_leaves_the_start_or_the_goal(which: str, matrix: Matrix, started_lab: Lab) -> None:
    commit = process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip()
    about = (started_lab.release.suite, which)
    fault = sorted(KILLS)[int(place(commit, *about, "which") * len(KILLS))] if which == ONE_MORE else which
    cell = matrix.cell(fault, place(commit, *about))
    outcome = matrix.try_cell(cell)
    assert outcome.holds, f"{cell.name}: {outcome.seen}\n{outcome.detail}"
