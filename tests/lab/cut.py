"""How long an address is out of reach while something happens: pings of the LAN peer, 5 ms apart, and their gaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .machine import Lab

INTERVAL_S = 0.005
NOISE_MS = 15.0
"""Answers that far apart are noise: under emulation one processor is all there is."""
LATE_MS = 50.0
"""For so long the peer may send without an answer, if all answers come in the end: more is a cut and no noise."""

_PINGER = Path(__file__).with_name("pinger.py")
_MARK = "-----8<-----\n"
_CODE = re.compile(r"^exit code (\d+)\n", re.MULTILINE)
_PATIENCE = 20
_AFTER_S = 4
# The peer and the wire are no part of the host: neither waits for its processor behind the host's programs. What comes
# after the command is watched too: until the address answers for good, or half a minute, and some seconds on.
_MEASURE = """\
ip netns exec lan ping -n -q -c 3 -i 0.3 -W 5 {target} > /dev/null
for pid in $(pgrep ksoftirqd); do chrt -f -p 1 $pid; done
env --default-signal=INT ip netns exec lan chrt -f 2 python3 /run/pinger.py {target} {interval} > /run/pings & pinger=$!
sleep 2
sh /dev/stdin > /run/said 2>&1 <<'COMMAND'
{command}
COMMAND
echo "exit code $?"
tries=0
until ip netns exec lan ping -n -q -c 3 -i 0.3 -W 1 {target} > /dev/null || [ "$tries" -ge {patience} ]; do
    tries=$((tries + 1))
done
sleep {after}
kill -INT $pinger
wait $pinger
cat /run/said
echo '{mark}'
cat /run/pings
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """When it was sent and when its answer came, in seconds since the epoch."""

    sent: float
    answered: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time without an answer: seconds after the first ping, how long, the pings sent in it, and those lost."""

    at_s: float
    ms: float
    sent: int
    lost: int

    @property
    def real(self) -> bool:
        """Whether the host was out of reach: pings were lost, or the peer sent many without an answer meanwhile.

        In all other gaps the whole machine stood still, the peer too, or was late by some milliseconds.
        """
        return self.lost > 0 or self.sent * INTERVAL_S * 1000 > LATE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What the pings tell: `gaps` are the times without an answer that are above the noise level."""

    sent: int
    lost: int
    gaps: tuple[Gap, ...]

    @property
    def ms(self) -> float:
        """How long the host was out of reach."""
        return sum(gap.ms for gap in self.gaps if gap.real)

    @property
    def late_ms(self) -> float:
        """The longest of the other gaps, in which every ping was answered: what the emulation's one processor does."""
        return max((gap.ms for gap in self.gaps if not gap.real), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A command that was run while the LAN peer pinged."""

    code: int
    said: str
    cut: Cut


def parse_pings(text: str) -> list[Ping]:
    """Return the lines of pinger.py as records."""
    rows = [line.split() for line in text.splitlines()]
    return [Ping(sent=float(sent), answered=None if stamp == "-" else float(stamp)) for _, sent, stamp in rows]


def find_cut(pings: Sequence[Ping], *, noise_ms: float = NOISE_MS) -> Cut:
    """Return the times without an answer among `pings`, which are in the order in which they were sent."""
    start, end = pings[0].sent, pings[-1].sent
    stops = [start, *sorted(ping.answered for ping in pings if ping.answered is not None)]
    stops.append(max(end, stops[-1]))
    gaps = [_gap(pings, before, after) for before, after in pairwise(stops) if (after - before) * 1000 > noise_ms]
    return Cut(
        sent=len(pings),
        lost=sum(ping.answered is None for ping in pings),
        gaps=tuple(gaps),
    )


def _gap(pings: Sequence[Ping], before: float, after: float) -> Gap:
    within = [ping for ping in pings if before < ping.sent < after]
    return Gap(
        at_s=round(before - pings[0].sent, 4),
        ms=round((after - before) * 1000, 1),
        sent=len(within),
        lost=sum(ping.answered is None for ping in within),
    )


def measure(lab: Lab, target: str, command: str, *, timeout: float = 500) -> Measured:
    """Run lines of shell on the lab host while its LAN peer pings `target` every 5 ms."""
    lab.push([_PINGER], to="/run")
    script = _MEASURE.format(
        interval=INTERVAL_S,
        target=target,
        command=command,
        patience=_PATIENCE,
        after=_AFTER_S,
        mark=_MARK.strip(),
    )
    done = lab.run(script, timeout=timeout)
    said, pings = done.stdout.split(_MARK)
    code = _CODE.search(said)
    if code is None or not pings:
        raise LabError(f"nothing was measured: {said[-300:]} {done.stderr[-300:]}")
    return Measured(code=int(code[1]), said=_CODE.sub("", said), cut=find_cut(parse_pings(pings)))
