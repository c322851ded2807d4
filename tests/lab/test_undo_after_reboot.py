"""The undo after a reboot, whole, and one course of it, another for each commit (`scripts/test --matrix`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import process
from .test_matrix import place
from .undo_after_reboot import COURSES, WAYS, Course, Undone

if TYPE_CHECKING:
    from .machine import Lab


@pytest.mark.long
@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_the_lan_reaches_the_old_address_again(course: Course, started_lab: Lab) -> None:
    undone = Undone(started_lab, course)
    wrong = {way: undone.try_way(way) for way in WAYS}
    assert wrong == dict.fromkeys(WAYS, "")


# Not in the sample of continuous integration until each course has been seen to hold once.
@pytest.mark.long
def test_one_of_them(started_lab: Lab) -> None:
    commit = process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip()
    short = [course for course in COURSES if course.runs == 1]
    course = short[int(place(commit, started_lab.release.suite, "undo") * len(short))]
    way = WAYS[int(place(commit, started_lab.release.suite, "way") * len(WAYS))]
    assert Undone(started_lab, course).try_way(way) == "", f"{course.name} by {way}"
