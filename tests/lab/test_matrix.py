"""A sample of the kill matrix, another for each commit: each kind of kill, on each release at one step."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from . import process
from .faults import KILLS
from .matrix import Matrix
from .recipe import RELEASES

if TYPE_CHECKING:
    from .machine import Lab
    from .starts import Starts

HALVES = tuple(KILLS)[:3], (*tuple(KILLS)[3:], None)
"""Of the faults, those that a run tries at one step; None: one of the first half once more."""


def place(commit: str, *about: str) -> float:
    """A number from 0 to 1 that follows from the commit and what it is about."""
    digest = hashlib.sha256("\0".join((commit, *about)).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@pytest.mark.sample
@pytest.mark.parametrize("number", range(3))
def test_a_fault_at_any_step_leaves_the_start_or_the_goal(number: int, matrix: Matrix, started_lab: Lab) -> None:
    """On one release three of the faults, on the other one the others: the commit decides, and the step, too."""
    commit = process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip()
    release = started_lab.release.suite
    turn = int(commit or "0", 16) + tuple(RELEASES).index(release)
    fault = HALVES[turn % 2][number] or HALVES[0][int(place(commit, release, "fault") * 3)]
    # host-setup is brought to the step once for all three.
    cell = matrix.cell(fault, place(commit, release))
    outcome = matrix.try_cell(cell, keep=True)
    assert outcome.holds, f"{cell.name}: {outcome.seen}\n{outcome.detail}"


@pytest.mark.turns
def test_a_kill_while_a_file_makes_several_bridges(started_lab: Lab, starts: Starts) -> None:
    """One cell, which follows from the commit."""
    commit = process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip()
    release = started_lab.release.suite
    matrix = Matrix(started_lab, starts, many=True)
    fault = tuple(KILLS)[int(place(commit, release, "kill") * len(KILLS))]
    outcome = matrix.try_cell(matrix.cell(fault, place(commit, release, "many")))
    assert outcome.holds, f"{fault}: {outcome.seen}\n{outcome.detail}"
