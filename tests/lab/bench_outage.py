"""``scripts/bench outage``: how long a running guest is out of reach while its interface moves, without a bounce."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import recipe
from .bench_report import conclude
from .chamber import Chamber
from .domains import define, mac, nic, start
from .guests import addresses
from .progress import say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ABOUT = """\
Measures how long a running guest is out of reach while its interface goes from `default` to the bridge: the same
address is pinged every 5 ms from both sides, and what lies between the last answer there and the first one here is the
outage. The ways take turns in one run."""

HELP = "how long a running guest is out of reach while it moves"
RUNS = 20
LIMIT_MS = 5.0
GUEST = "pinged"
_INTERVAL_S = 0.005
_GATEWAY = "192.168.122.1"
# The guest's gateway is on either side, with the same MAC, and knows the guest: its ARP is not what is measured.
_PREPARE = f"""\
gateway=$(cat /sys/class/net/virbr0/address)
ip -n gate link set gate0 address $gateway
ip -n gate address add {_GATEWAY}/24 dev gate0
ip neigh replace {{address}} lladdr {mac(1)} nud permanent dev virbr0
ip -n gate neigh replace {{address}} lladdr {mac(1)} nud permanent dev gate0
"""
_PING = f"exec python3 /checkout/tests/lab/pinger.py {{address}} {_INTERVAL_S}"
_BOTH = f"""\
sh -c '{_PING}' >/tmp/old & old=$!
ip netns exec gate sh -c '{_PING}' >/tmp/new & new=$!
sleep 2
{{move}} >/tmp/moved 2>&1 || {{{{ cat /tmp/moved >&2; exit 1; }}}}
sleep 2
kill -INT $old $new
wait $old $new
awk '$3 != "-" {{{{ last = $3 }}}} END {{{{ print last }}}}' /tmp/old
awk '$3 != "-" {{{{ print $3; exit }}}}' /tmp/new
"""
_BACK = """\
{back} >/tmp/moved 2>&1 || {{ cat /tmp/moved >&2; exit 1; }}
until ping -c 1 -W 1 {address} >/dev/null; do :; done
"""
_TAP = f"tap=$(virsh domiflist {GUEST} | awk '/{mac(1)}/ {{{{ print $1 }}}}'); ip link set $tap master "


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One measured move."""

    release: str
    way: str
    ms: float


WAYS = {
    "vmnet": (f"vmnet attach-domain {GUEST} --no-bounce --yes", "vmnet undo --yes"),
    "raw": (_TAP + "br0", _TAP + "virbr0"),
}
"""The way there and the way back; `raw` is the kernel alone, past libvirt: the floor."""


def measure(release: str, ways: Sequence[str], runs: int) -> list[Outage]:
    """Measure in a chamber."""
    found: list[Outage] = []
    with Chamber(release) as chamber:
        with step(f"{release}: starting the guest"):
            define(chamber, GUEST, nic(1))
            start(chamber, GUEST)
        (address,) = addresses(chamber, GUEST)
        chamber.run(_PREPARE.format(address=address))
        for _ in range(runs):
            for way in ways:
                there, back = (text.replace("{{", "{").replace("}}", "}") for text in WAYS[way])
                ends = chamber.run(_BOTH.format(address=address, move=there)).stdout.split()
                chamber.run(_BACK.format(address=address, back=back))
                found.append(Outage(release=release, way=way, ms=1000 * (float(ends[1]) - float(ends[0]))))
                say(f"{release}: {way}: {found[-1].ms:.1f} ms")
                time.sleep(0.5)
    return found


def _of(outages: Sequence[Outage], release: str, way: str) -> list[float]:
    return sorted(outage.ms for outage in outages if (outage.release, outage.way) == (release, way))


def _rows(outages: Sequence[Outage], line: Callable[[str, str, list[float]], str]) -> list[str]:
    pairs = dict.fromkeys((outage.release, outage.way) for outage in outages)
    return [line(release, way, _of(outages, release, way)) for release, way in pairs]


def table(outages: Sequence[Outage]) -> str:
    """Return a Markdown table: a row for each release and way."""

    def line(release: str, way: str, all_ms: list[float]) -> str:
        median = statistics.median(all_ms)
        return f"| {release} | {way} | {median:.1f} | {all_ms[0]:.1f} to {all_ms[-1]:.1f} | {len(all_ms)} |"

    head = ["| release | way | median, ms | from, to | runs |", "|---|---|---|---|---|"]
    return "\n".join([*head, *_rows(outages, line)])


def missed(outages: Sequence[Outage]) -> list[str]:
    """Return what does not come up to vmnet's figure."""
    out = []
    for release in dict.fromkeys(outage.release for outage in outages):
        ours, raw = _of(outages, release, "vmnet"), _of(outages, release, "raw")
        more = statistics.median(ours) - statistics.median(raw) if ours and raw else 0.0
        if more > LIMIT_MS:
            out.append(f"{release}: {more:.1f} ms more than the kernel alone, at most {LIMIT_MS:.0f} are allowed")
    return out


def run(releases: Sequence[str], ways: Sequence[str], runs: int, output: str) -> int:
    """Measure and print; return 1 if vmnet misses its figure."""
    outages = [outage for name in releases for outage in measure(recipe.RELEASES[name].suite, ways, runs)]
    return conclude(outages, table(outages), missed(outages), output)
