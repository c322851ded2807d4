"""Lab tests: one lab a session and release; each test starts from a saved state, so none sees another's leftovers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import process
from .base import lock
from .chamber import Chamber
from .domains import CLEAN
from .machine import Lab
from .matrix import Matrix
from .recipe import RELEASES
from .starts import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


SHARDS = 3
"""In how many parts `--lab-shard` cuts the tests that take turns."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--lab-release``, ``--lab-name``, ``--lab-share``, ``--lab-turn`` and ``--lab-shard``."""
    parser.addoption("--lab-release", choices=tuple(RELEASES), default="bookworm", help="the lab host's release")
    help_share = "a directory: of the tests marked `turns`, take those that no other run that names it has taken"
    parser.addoption("--lab-share", type=Path, help=help_share)
    help_turn = "0 or 1: of two runs that share, one takes them from the first one on, one from the last one on"
    parser.addoption("--lab-turn", type=int, default=0, help=help_turn)
    help_shard = f"of the tests marked `turns`, take one in {SHARDS}; the commit decides which"
    parser.addoption("--lab-shard", action="store_true", help=help_shard)
    parser.addoption("--lab-name", default="", help="the lab to use (default: test-RELEASE); one that runs is kept")


def _commit() -> int:
    return int(process.run(["git", "rev-parse", "HEAD"], timeout=30, check=False).stdout.strip() or "0", 16)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which shard it is: the log is what tells which tests have run."""
    shard = f"of the tests marked `turns`: shard {_commit() % SHARDS + 1} of {SHARDS}, which the commit decides"
    return shard if config.getoption("--lab-shard") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test in this directory needs the lab; those that take turns come last, on one release in order, on the
    other one from their end, so that both are done at the same time; which way round follows from the commit."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
    if config.getoption("--lab-share") is None and not config.getoption("--lab-shard"):
        return
    commit = _commit()
    turning = [item for item in items if item.get_closest_marker("turns")]
    rest = [item for item in items if item not in turning]
    if config.getoption("--lab-shard"):
        taken = turning[commit % SHARDS :: SHARDS]
        config.hook.pytest_deselected(items=[item for item in turning if item not in taken])
        turning = taken
    if (commit + config.getoption("--lab-turn")) % 2:
        turning.reverse()
    items[:] = [*rest, *turning]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Of the tests that take turns, pass over one that the other release's run has taken: its outcome stands in that
    run's log, and if that run does not come to its end, scripts/test fails."""
    share = item.config.getoption("--lab-share")
    if share is None or not item.get_closest_marker("turns"):
        return
    try:
        (share / hashlib.sha256(item.nodeid.encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        pytest.skip("taken on the other release")


def _lab(request: pytest.FixtureRequest) -> Lab:
    release = request.config.getoption("--lab-release")
    return Lab(request.config.getoption("--lab-name") or f"test-{release}", release)


@pytest.fixture(scope="session")
def started_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab of this session, with this checkout's vmnet in every state."""
    lab = _lab(request)
    with lock(lab.directory.with_suffix(".session"), f"running lab tests in {lab.name}"):
        keep = lab.running() is not None
        try:
            lab.up()
            yield lab
        finally:
            if not keep:
                lab.down()


@pytest.fixture(scope="session")
def starts(started_lab: Lab) -> Starts:
    """See `Starts`."""
    return Starts(started_lab)


@pytest.fixture(scope="session")
def matrix(started_lab: Lab, starts: Starts) -> Matrix:
    """The kill matrix in the lab of this session."""
    return Matrix(started_lab, starts)


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


@pytest.fixture(scope="session")
def started_chamber(request: pytest.FixtureRequest) -> Iterator[Chamber]:
    """One libvirtd in a chamber for all tests that ask for it."""
    with Chamber(request.config.getoption("--lab-release")) as chamber:
        yield chamber


@pytest.fixture
def chamber(request: pytest.FixtureRequest, started_chamber: Chamber) -> Iterator[Chamber]:
    """The chamber without domains, with both networks, and no run of vmnet. A lab that is up stands still meanwhile:
    its guests would take much of a processor, and the next test loads a state anyway."""
    lab = _lab(request)
    if lab.running():
        with lab.monitor() as monitor:
            monitor.command("stop")
    started_chamber.run(CLEAN, check=False)
    yield started_chamber
    started_chamber.run(CLEAN, check=False)
