"""A disk that fills up, or turns read-only, while domains move: no document is torn, each interface is on the one
network or the other, and the run is at its end or comes to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .chamber import Chamber
from .domains import BRIDGED, define, migrate, nic, sources
from .guests import changed_lines, documents
from .test_domain_kills import undo_all

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = tuple(f"d{number}" for number in range(20))
_BATCH = 4
PLACES = range(1, len(NAMES) // _BATCH + 1)
_SMALL = """\
mkdir -p /small /var/lib/vmnet
mount -t tmpfs -o size=40m tmpfs /small
for place in /etc/libvirt /var/lib/vmnet; do
    mkdir -p /small/up$place /small/work$place
    mount -t overlay overlay -o lowerdir=$place,upperdir=/small/up$place,workdir=/small/work$place $place
done
"""
_STRIKES = {
    "full": ("dd if=/dev/zero of=/small/filler bs=64k 2>/dev/null", "rm /small/filler"),
    "ro-var": ("mount -o remount,bind,ro /var/lib/vmnet", "mount -o remount,bind,rw /var/lib/vmnet"),
    "ro-etc": ("mount -o remount,bind,ro /etc/libvirt", "mount -o remount,bind,rw /etc/libvirt"),
    "ro-both": (
        "mount -o remount,bind,ro /var/lib/vmnet; mount -o remount,bind,ro /etc/libvirt",
        "mount -o remount,bind,rw /var/lib/vmnet; mount -o remount,bind,rw /etc/libvirt",
    ),
}
_RUN = f"vmnet migrate-from-virbr0 --yes --no-bounce --no-canary --batch {_BATCH} --pause 1 >/tmp/out 2>&1"
_BEGUN = (
    "until [ $(cat /var/lib/vmnet/runs/*/journal.jsonl 2>/dev/null | grep -c '\"begin\"') -ge {} ]; do sleep 0.02; done"
)
_NEXT_BOOT = "rm -rf /run/vmnet; exec python3 -P -m vmnet.runs.worker /var/lib/vmnet/runs/*/"


@pytest.fixture
def small_chamber(request: pytest.FixtureRequest) -> Iterator[Chamber]:
    """A chamber of its own, in which what libvirt and vmnet keep goes to a small filesystem."""
    with Chamber(request.config.getoption("--lab-release")) as chamber:
        chamber.run(_SMALL)
        for number, name in enumerate(NAMES):
            define(chamber, name, nic(number, "<port isolated='yes'/>"))
        yield chamber


def strike(chamber: Chamber, kind: str, batch: int) -> str:
    """Strike when a batch has begun, mend the disk when the command has ended, and return what became of the run."""
    hit, mend = _STRIKES[kind]
    chamber.run("rm -rf /run/vmnet /var/lib/vmnet/*")
    # With the pause between two batches, twice as many steps.
    begun = _BEGUN.format(max(1, (batch - 1) * (_BATCH + 1)))
    chamber.run(f"{_RUN} & {begun}; {hit}; wait", timeout=300, check=False)
    pids = "pgrep -f '[v]mnet.runs.worker'"
    chamber.run(f"for second in $(seq 100); do {pids} >/dev/null || break; sleep 1; done", timeout=200, check=False)
    chamber.run(mend)
    return state_of(chamber)


def state_of(chamber: Chamber) -> str:
    (run,) = json.loads(chamber.vmnet("runs", "--output", "json").stdout)["runs"]
    return str(run["state"])


def all_documents(chamber: Chamber) -> dict[str, dict[str, str]]:
    return {name: documents(chamber, name) for name in NAMES}


def try_all(chamber: Chamber, cells: list[tuple[str, int]]) -> None:
    before = all_documents(chamber)
    for kind, batch in cells:
        state = strike(chamber, kind, batch)
        seen = all_documents(chamber)
        for name in NAMES:
            assert changed_lines(before[name], seen[name]) <= {"<source>", "<interface>"}, (kind, batch, name)
        if state == "open":
            chamber.run(["sh", "-c", _NEXT_BOOT], timeout=200, check=False)
            state = state_of(chamber)
        assert state in {"stands", "stopped", "rolled back", "not begun"}, (kind, batch)
        # Nothing stands in the way of the rest, or of the undo.
        migrate(chamber, "--no-bounce", "--no-canary")
        assert all(sources(chamber, name)["persistent"] == [BRIDGED] for name in NAMES)
        undo_all(chamber)
        assert all_documents(chamber) == before


@pytest.mark.long
def test_a_disk_fails_at_every_batch(small_chamber: Chamber) -> None:
    try_all(small_chamber, [(kind, batch) for kind in _STRIKES for batch in PLACES])


@pytest.mark.turns
def test_a_disk_fails_in_the_middle(small_chamber: Chamber) -> None:
    try_all(small_chamber, [("full", 2), ("ro-both", 4)])
