"""``scripts/bench domains``: how long it takes to move many domains from one network to another, by several ways."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import recipe
from .bench_report import conclude
from .chamber import Chamber
from .errors import LabError
from .progress import say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ABOUT = """\
Measures how long whole commands take to move all domains of a real libvirtd, shut off, with two interfaces each, from
the network `default` to `host-bridge`. The ways take turns in one run, each from the same start."""

HELP = "how long it takes to move many domains"
SIZES = (1000, 10_000)
SAMPLE = 20
"""Domains of which the slow ways are timed; their time for all is told by that."""
PER_DOMAIN_FACTOR = 1.15
MEMORY_MIB = 150
FLOOR_FACTOR = 1.0
VIRSH_FACTOR = 30
VIRT_XML_FACTOR = 100

_DEFINE = Path(__file__).with_name("bench_define.py")
_FLOOR = Path(__file__).with_name("bench_floor.py")
_BY_VIRSH = """\
for name in $(virsh list --all --name | grep '^d' | head -n {count}); do
    virsh dumpxml --inactive --security-info "$name" | sed "s/network='default'/network='host-bridge'/" >/tmp/one.xml
    virsh define /tmp/one.xml
done >/dev/null
"""
_BY_VIRT_XML = """\
for name in $(virsh list --all --name | grep '^d' | head -n {count}); do
    virt-xml "$name" --edit all --network network=host-bridge
done >/dev/null
"""
_PEAK = """\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.stderr if done.returncode else 0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One measured run: `seconds` for all `domains`, of which `timed` were really moved; the peak memory in MiB of the
    largest process, where it was looked at."""

    release: str
    way: str
    domains: int
    timed: int
    seconds: float
    memory_mib: float = 0.0

    @property
    def ms_per_domain(self) -> float:
        """Milliseconds a domain."""
        return 1000 * self.seconds / self.domains


class Bench:
    """A chamber with domains in it."""

    def __init__(self, chamber: Chamber, release: str, domains: int) -> None:
        self.chamber, self.release, self.domains = chamber, release, domains
        with step(f"{release}: defining {domains} domains"):
            self._python(_DEFINE, str(domains))

    def _python(self, script: Path, *words: str) -> None:
        self.chamber.run(["python3", "-", *words], stdin=script.read_text("utf-8"), timeout=3600)

    def measure(self, way: str) -> Timing:
        """Time one run of a way, from all domains on `default`."""
        self._python(_FLOOR, "default")
        self.chamber.run("rm -rf /var/lib/vmnet")
        timed = self.domains if way in ("vmnet", "floor") else min(SAMPLE, self.domains)
        started = time.monotonic()
        memory = WAYS[way](self, timed)
        seconds = (time.monotonic() - started) * self.domains / timed
        self._check(timed)
        timing = Timing(
            release=self.release, way=way, domains=self.domains, timed=timed, seconds=seconds, memory_mib=memory
        )
        say(f"{self.release}: {self.domains} domains, {way}: {seconds:.2f} s{f', {memory:.0f} MiB' if memory else ''}")
        return timing

    def _check(self, timed: int) -> None:
        """See with virsh that the domains have moved, and kept the password of their screens."""
        script = (
            f"for name in $(virsh list --all --name | grep '^d' | head -n {timed} | tail -n 3); do "
            "virsh dumpxml --security-info $name; done | grep -c \"network='host-bridge'\\|passwd='hunter2'\""
        )
        if self.chamber.run(script, check=False).stdout.strip() != str(3 * min(timed, 3)):
            raise LabError("the domains have not moved, or not whole")

    def vmnet(self, _: int) -> float:
        """Migrate all; return the peak memory."""
        words = ["vmnet", "migrate-from-virbr0", "--yes", "--no-bounce"]
        out = self.chamber.run(["python3", "-c", _PEAK, *words], timeout=3600)
        return int(out.stdout) / 1024

    def floor(self, _: int) -> float:
        """The bare loop."""
        self._python(_FLOOR, "host-bridge")
        return 0.0

    def virsh(self, count: int) -> float:
        """What people do by hand."""
        self.chamber.run(_BY_VIRSH.format(count=count), timeout=3600)
        return 0.0

    def virt_xml(self, count: int) -> float:
        """What virt-manager's package offers."""
        self.chamber.run(_BY_VIRT_XML.format(count=count), timeout=3600)
        return 0.0


WAYS: dict[str, Callable[[Bench, int], float]] = {
    "vmnet": Bench.vmnet,
    "floor": Bench.floor,
    "virsh": Bench.virsh,
    "virt-xml": Bench.virt_xml,
}


def _median(timings: Sequence[Timing], way: str, domains: int) -> float | None:
    found = [timing.seconds for timing in timings if (timing.way, timing.domains) == (way, domains)]
    return statistics.median(found) if found else None


def table(timings: Sequence[Timing]) -> str:
    """Return a Markdown table: a row for each release, number of domains and way."""
    lines = [
        "| release | domains | way | seconds, median (each) | of the floor | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for release, domains, way in dict.fromkeys((t.release, t.domains, t.way) for t in timings):
        mine = [t for t in timings if (t.release, t.domains, t.way) == (release, domains, way)]
        of_release = [t for t in timings if t.release == release]
        median, floor = _median(of_release, way, domains), _median(of_release, "floor", domains)
        ratio = f"{median / floor:.2f}" if median and floor else ""
        each = ", ".join(f"{t.seconds:.2f}" for t in mine)
        memory = f"{max(t.memory_mib for t in mine):.0f} MiB" if mine[0].memory_mib else ""
        lines.append(f"| {release} | {domains} | {way} | {median:.2f} ({each}) | {ratio} | {memory} |")
    return "\n".join(lines)


def missed(timings: Sequence[Timing]) -> list[str]:
    """Return what does not come up to vmnet's figures."""
    out = []
    for release in dict.fromkeys(t.release for t in timings):
        mine = [t for t in timings if t.release == release]
        sizes = sorted({t.domains for t in mine})
        limits = {"floor": FLOOR_FACTOR, "virsh": 1 / VIRSH_FACTOR, "virt-xml": 1 / VIRT_XML_FACTOR}
        for way, limit in limits.items():
            vmnet, other = _median(mine, "vmnet", sizes[0]), _median(mine, way, sizes[0])
            if vmnet and other and vmnet > limit * other:
                out.append(f"{release}: vmnet takes {vmnet / other:.3f} of {way}, at most {limit:.3f} is allowed")
        small, large = _median(mine, "vmnet", sizes[0]), _median(mine, "vmnet", sizes[-1])
        growth = (large or 0) / sizes[-1] / ((small or 1) / sizes[0])
        if growth > PER_DOMAIN_FACTOR:
            out.append(f"{release}: {growth:.2f} times as long a domain at {sizes[-1]} as at {sizes[0]}")
        peak = max((t.memory_mib for t in mine), default=0)
        if peak > MEMORY_MIB:
            out.append(f"{release}: {peak:.0f} MiB at the peak, at most {MEMORY_MIB} are allowed")
    return out


def _measure(release: str, domains: int, ways: Sequence[str], runs: int) -> list[Timing]:
    with Chamber(release) as chamber:
        if "virt-xml" in ways:
            chamber.install("virtinst")
        bench = Bench(chamber, recipe.RELEASES[release].suite, domains)
        return [bench.measure(way) for _ in range(runs) for way in ways]


def run(releases: Sequence[str], ways: Sequence[str], sizes: Sequence[int], runs: int, output: str) -> int:
    """Measure and print; return 1 if vmnet misses one of its figures."""
    timings: list[Timing] = []
    for release in releases:
        for domains in sizes:
            # The other ways are compared at the first size; the larger ones show how vmnet grows.
            taken = ways if domains == sizes[0] else [way for way in ways if way in ("vmnet", "floor")]
            timings += _measure(release, domains, taken, runs)
    return conclude(timings, table(timings), missed(timings), output)
