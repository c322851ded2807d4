"""``scripts/bench verify``: how long it takes to look at a host with many taps and domains, and to say hello."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .bench_report import conclude
from .chamber import Chamber
from .errors import LabError
from .progress import say, step

if TYPE_CHECKING:
    from collections.abc import Sequence

ABOUT = """\
Measures whole commands on a host with 1000 domains, of which 150 run (paused) with two taps each, on the bridge of a
real libvirtd and NetworkManager. The ways take turns in one run. `bare` reads the same from the kernel, nmcli and
libvirt and makes nothing of it; `click` is Python and the import of click alone."""

HELP = "how long it takes to look at a host with many taps and domains"
DOMAINS = 1000
RUNNING = 150
RUNS = 7
FACTORS = (("verify", "bare", 2.0), ("status", "verify", 1.5), ("help", "click", 2.0), ("version", "click", 2.0))
"""A way may take so many times as long as another."""

_HERE = Path(__file__).parent
_BARE = _HERE.joinpath("bench_bare.py").read_text("utf-8")
WAYS = {
    "bare": ("python3", "-c", _BARE),
    "verify": ("vmnet", "verify"),
    "status": ("vmnet", "status"),
    "doctor": ("vmnet", "doctor"),
    "click": ("python3", "-c", "import click"),
    "help": ("vmnet", "--help"),
    "version": ("vmnet", "--version"),
}
_START = f"for d in $(virsh list --all --name | head -n {RUNNING}); do virsh -q start $d --paused; done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One measured command."""

    release: str
    way: str
    seconds: float


def measure(release: str, ways: Sequence[str], runs: int) -> list[Look]:
    """Measure in a chamber."""
    with Chamber(release) as chamber:
        chamber.start_network_manager()
        with step(f"{release}: defining {DOMAINS} domains"):
            for script, word in (("bench_define.py", str(DOMAINS)), ("bench_floor.py", "host-bridge")):
                chamber.run(["python3", "-", word], stdin=_HERE.joinpath(script).read_text("utf-8"), timeout=600)
        with step(f"{release}: starting {RUNNING} of them"):
            chamber.run(_START, timeout=1200)
        taps = int(chamber.run("ip -br link show master br0 | grep -c vnet").stdout)
        if taps != 2 * RUNNING:
            raise LabError(f"{taps} taps are on the bridge, and {2 * RUNNING} are wanted")
        for way in ways:
            # It reads what no cache has yet.
            _time(chamber, way)
        turns = [way for _ in range(runs) for way in ways]
        found = [Look(release=release, way=way, seconds=_time(chamber, way)) for way in turns]
        for way in ways:
            say(f"{release}: {way}: {1000 * _median(found, release, way):.0f} ms")
    return found


def _time(chamber: Chamber, way: str) -> float:
    started = time.monotonic()
    # A chamber's bridge is not what host-setup makes of it: verify and doctor find differences, and say so.
    done = chamber.run(list(WAYS[way]), check=False)
    if done.returncode not in (0, 6):
        raise LabError(done.describe())
    return time.monotonic() - started


def _of(looks: Sequence[Look], release: str, way: str) -> list[float]:
    return sorted(look.seconds for look in looks if (look.release, look.way) == (release, way))


def _median(looks: Sequence[Look], release: str, way: str) -> float:
    return statistics.median(_of(looks, release, way) or [0.0])


def table(looks: Sequence[Look]) -> str:
    """Return a Markdown table: a row for each release and way."""
    lines = ["| release | way | median, ms | from, to | times |", "|---|---|---|---|---|"]
    beside = {way: other for way, other, _ in FACTORS}
    for release, way in dict.fromkeys((look.release, look.way) for look in looks):
        seconds, other = _of(looks, release, way), _median(looks, release, beside.get(way, ""))
        times = f"{_median(looks, release, way) / other:.2f} x {beside[way]}" if other else ""
        low, high = 1000 * seconds[0], 1000 * seconds[-1]
        lines.append(
            f"| {release} | {way} | {1000 * _median(looks, release, way):.0f} | {low:.0f} to {high:.0f} | {times} |"
        )
    return "\n".join(lines)


def missed(looks: Sequence[Look]) -> list[str]:
    """Return what does not come up to vmnet's figures."""
    out = []
    for release in dict.fromkeys(look.release for look in looks):
        for way, other, factor in FACTORS:
            ours, theirs = _median(looks, release, way), _median(looks, release, other)
            if theirs and ours > factor * theirs:
                out.append(f"{release}: {way} takes {ours / theirs:.2f} x {other}, at most {factor} x is allowed")
    return out


def run(releases: Sequence[str], ways: Sequence[str], runs: int, output: str) -> int:
    """Measure and print; return 1 if vmnet misses one of its figures."""
    looks = [look for release in releases for look in measure(release, ways, runs)]
    return conclude(looks, table(looks), missed(looks), output)
