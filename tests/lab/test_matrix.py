"""A sample of the kill matrix, another for each commit: every kind of kill, one of them twice, at two of the steps."""

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
FIRST, SECOND = tuple(KILLS)[:3], (*tuple(KILLS)[3:], ONE_MORE)


def place(commit: str, *about: str) -> float:
    """A number from 0 to 1 that follows from the commit and what it is about."""
    digest = hashlib.sha256("\0".join((commit, *about)).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@pytest.mark.sample
@pytest.mark.parametrize("which", [*FIRST, *SECOND])
def test_a_fault_at_any_step_leaves_the_start_or_the_goal(which: str, matrix: Matrix, started_lab: Lab) -> None:
    commit = process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip()
    release = started_lab.release.suite
    half = FIRST if which in FIRST else SECOND
    fault = FIRST[int(place(commit, release, which) * len(FIRST))] if which == ONE_MORE else which
    # host-setup is brought to the step once for all faults of a half.
    cell = matrix.cell(fault, place(commit, release, half[0]))
    outcome = matrix.try_cell(cell, keep=True)
    assert outcome.holds, f"{cell.name}: {outcome.seen}\n{outcome.detail}"
