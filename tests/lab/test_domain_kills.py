"""kill -9 at any moment: no document is torn, a second run completes the job, undo gives back what was."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from .domains import BRIDGED, define, migrate, nic, sources, start
from .guests import changed_lines, documents

if TYPE_CHECKING:
    from .chamber import Chamber

NAMES = tuple(f"d{number}" for number in range(10))
RUNNING = ("d0", "d1")
VMNET_KILLS = 200
LIBVIRTD_KILLS = 50
_RUN = "vmnet migrate-from-virbr0 --yes --no-bounce --no-canary --batch 3 --pause 1 >/tmp/out 2>&1"
_BEGUN = "until find /var/lib/vmnet/runs -newer /tmp/mark -name journal.jsonl | xargs -r grep -qs begin; do :; done"
_KILL_VMNET = "pkill -KILL -f '[v]mnet.runs.worker|[b]in/vmnet '"
_KILL_LIBVIRTD = "kill -KILL $(pidof libvirtd)"
_START_LIBVIRTD = "rm -f /run/libvirtd.pid; libvirtd --daemon; until virsh list >/dev/null 2>&1; do sleep 0.1; done"

Documents = dict[str, dict[str, str]]


def all_documents(chamber: Chamber) -> Documents:
    return {name: documents(chamber, name) for name in NAMES}


def make(chamber: Chamber) -> None:
    for number, name in enumerate(NAMES):
        define(chamber, name, nic(number, "<port isolated='yes'/>"), nic(100 + number))
    start(chamber, *RUNNING)


def assert_whole(seen: Documents, before: Documents) -> None:
    """Each interface is on the one network or on the other, and nothing else has changed."""
    for name in NAMES:
        assert changed_lines(before[name], seen[name]) <= {"<source>", "<interface>"}
        assert len(seen[name]["persistent"].splitlines()) == len(before[name]["persistent"].splitlines())


def undo_all(chamber: Chamber) -> None:
    for _ in range(20):
        done = chamber.vmnet("undo", "--yes", timeout=200)
        assert done.returncode == 0
        if "nothing to do" in done.stdout:
            return
    raise AssertionError(done.stdout)


def killed_at_random(chamber: Chamber, kill: str, revive: str, times: int) -> tuple[int, int]:
    """Run, kill at a random moment, look; now and then let it complete, and undo. Return how often it was killed in the
    middle, and how often it was all done by then."""
    make(chamber)
    # libvirt, started again, says less of a running domain than before: of the alias of a controller that is none.
    chamber.run(f"{_KILL_LIBVIRTD}; {_START_LIBVIRTD}")
    before = all_documents(chamber)
    started = time.monotonic()
    migrate(chamber, "--no-bounce", "--no-canary", "--batch", "3", "--pause", "1")
    took = time.monotonic() - started
    undo_all(chamber)
    rng = random.Random(2026)  # noqa: S311 - the moments, the same ones each time
    in_the_middle = complete = 0
    for number in range(1, times + 1):
        # Every second time at any moment, else soon after the first step has begun: a batch is moved quickly.
        moment = (
            f"sleep {rng.uniform(0.2, 0.9) * took:.3f}" if number % 2 else f"{_BEGUN}; sleep {rng.random() / 2:.3f}"
        )
        script = f"touch /tmp/mark; {_RUN} & {moment}; {kill}; sleep 0.1; {revive}; wait"
        chamber.run(script, timeout=200, check=False)
        seen = all_documents(chamber)
        assert_whole(seen, before)
        moved = [name for name in NAMES if BRIDGED in sources(chamber, name)["persistent"]]
        in_the_middle += 0 < len(moved) < len(NAMES)
        complete += len(moved) == len(NAMES)
        if number % 5 == 0 or len(moved) == len(NAMES):
            migrate(chamber, "--no-bounce", "--no-canary")
            assert all(sources(chamber, name)["persistent"] == [BRIDGED] * 2 for name in NAMES)
            assert all(sources(chamber, name)["running"] == [BRIDGED] * 2 for name in RUNNING)
            undo_all(chamber)
            assert all_documents(chamber) == before
    return in_the_middle, complete


@pytest.mark.long
def test_vmnet_is_killed_at_random_moments(chamber: Chamber) -> None:
    middle, complete = killed_at_random(chamber, _KILL_VMNET, "true", VMNET_KILLS)
    print(f"{VMNET_KILLS} kills of vmnet: {middle} in the middle of the moves, {complete} after them")
    assert middle


@pytest.mark.long
def test_libvirtd_is_killed_at_random_moments(chamber: Chamber) -> None:
    middle, complete = killed_at_random(chamber, _KILL_LIBVIRTD, _START_LIBVIRTD, LIBVIRTD_KILLS)
    print(f"{LIBVIRTD_KILLS} kills of libvirtd: {middle} in the middle of the moves, {complete} after them")
    assert middle
