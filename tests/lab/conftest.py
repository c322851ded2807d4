"""Lab tests: one lab a session and release; each test starts from a saved state, so none sees another's leftovers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .base import lock
from .machine import Lab
from .observe import ADOPT, SETUP, Before, management, observe
from .recipe import RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
MADE = {"bridged": ("clean", ADOPT), "mended": ("primer", SETUP)}
"""state -> the saved state that it is made of, and how."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--lab-release`` and ``--lab-name``."""
    parser.addoption("--lab-release", choices=tuple(RELEASES), default="bookworm", help="the lab host's release")
    parser.addoption("--lab-name", default="", help="the lab to use (default: test-RELEASE); one that runs is kept")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this directory needs the lab."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def started_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab of this session, with this checkout's vmnet in every state."""
    release = request.config.getoption("--lab-release")
    lab = Lab(request.config.getoption("--lab-name") or f"test-{release}", release)
    with lock(lab.directory.with_suffix(".session"), f"running lab tests in {lab.name}"):
        keep = lab.running() is not None
        try:
            lab.up()
            yield lab
        finally:
            if not keep:
                lab.down()


class Starts:
    """The states that tests start from: saved ones, and those that vmnet makes of them, once a session."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.before: dict[str, Before] = {}
        """What the host was like before vmnet made the state."""

    def reach(self, state: str) -> None:
        if state in MADE and state not in self.before:
            base, command = MADE[state]
            self._lab.reset(base)
            self.before[state] = Before(observed=observe(self._lab), management=management(self._lab))
            self._lab.run(command, timeout=300)
            self._lab.save(state)
        self._lab.reset(state)


@pytest.fixture(scope="session")
def starts(started_lab: Lab) -> Starts:
    """See `Starts`."""
    return Starts(started_lab)


@pytest.fixture
def lab(request: pytest.FixtureRequest, started_lab: Lab, starts: Starts) -> Lab:
    """The lab in the state that the test's ``lab_state`` marker names, by default ``clean``.

    ``guests=False`` pauses the guests: two emulations deep they take half of what the host can do, and a test of the
    host alone does not need them to run.
    """
    marker = request.node.get_closest_marker("lab_state")
    starts.reach(marker.args[0] if marker else "clean")
    if marker and marker.kwargs.get("guests") is False:
        started_lab.run("for d in $(virsh list --name); do virsh suspend $d; done")
    return started_lab
