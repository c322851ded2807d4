"""The kill matrix: host-setup hit by each kind of fault at each step; afterwards the host is as at the start, or
as at the goal, and nothing between.

A cell is a fault and a step. The fault strikes from inside the lab host, some tenths of a second after the journal says
that the step has begun; how many follows from the cell, so that a cell is always the same.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .base import wait_booted
from .monitor import Monitor
from .observe import ADOPT, observe
from .progress import step

if TYPE_CHECKING:
    from .machine import Lab
    from .starts import Starts

STATE = "faults"
"""`clean` with the guests paused, saved once a session."""
DEADLINE_S = 180.0
"""The plan's own deadline is 60 s; an emulated host takes several times as long for the same work."""
ADDRESS = "172.16.4.3"

_VMNET = "pkill -KILL -f '[v]mnet.apply.worker|[b]in/vmnet host-setup'"
FAULTS = {
    "kill-vmnet": _VMNET,
    "kill-nm": "kill -KILL $(pidof NetworkManager)",
    "restart-nm": "systemctl restart NetworkManager",
    "power": "echo b >/proc/sysrq-trigger",
    "cut-ssh": "pkill -KILL -f '^ssh .*host-setup'",
}
"""Each kind of fault, as the command that makes it on the lab host."""

_AGENT = """\
import glob, os, sys, time
wanted = b'"event": "begin", "step": %d,' % int(sys.argv[1])
end = time.monotonic() + 240
while not any(wanted in open(path, "rb").read() for path in glob.glob("/var/lib/vmnet/runs/*/journal.jsonl")):
    if time.monotonic() > end:
        sys.exit("the step was never begun")
    time.sleep(0.02)
time.sleep(float(sys.argv[2]))
os.execvp("sh", ["sh", "-c", sys.argv[3]])
"""
_PROFILES = """\
for file in /etc/NetworkManager/system-connections/*; do
    stat -c '%n %a %u %g' "$file"
    grep -v '^timestamp=' "$file"
done
"""
_SETTLED = """\
tail -qn 1 /var/lib/vmnet/runs/*/journal.jsonl | grep -q '"ended"' || exit 1
[ -z "$(find /etc/systemd/system -name 'vmnet-*')" ] || exit 1
nmcli -t general status >/dev/null && ip netns exec lan ping -c 1 -W 1 172.16.4.3 >/dev/null
"""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A kind of fault, and the step (from 1) at which it strikes."""

    fault: str
    step: int

    @property
    def name(self) -> str:
        """As it stands in the table: `kill-nm@7`."""
        return f"{self.fault}@{self.step}"

    @property
    def delay_s(self) -> float:
        """How long after the step's begin the fault strikes: from 0 to 1.2 s, so that all stages of a step are met."""
        return 0.4 * ((self.step + len(self.fault)) % 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a cell: `seen` is "start", "goal" or "between"; `seconds` until the host was reachable and the run
    concluded, from the fault on; `detail` what differs, or what vmnet itself says wrong."""

    seen: str
    seconds: float
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the host is all at the start or all at the goal."""
        return self.seen != "between" and not self.detail


def look(lab: Lab) -> dict[str, Any]:
    """Return what must be equal: profiles, links, routes, networks, without what NetworkManager and libvirt make up
    anew each time they start, and without the time at which a profile was up last, which NetworkManager saves, too."""
    observed = observe(lab)
    kept = {key: observed[key] for key in ("active", "addresses", "routes", "resolv", "networks")}
    kept["active"] = sorted(line for line in kept["active"].splitlines() if not re.search(":virbr0$|:lo$", line))
    kept["profiles"] = lab.run(["sh", "-c", _PROFILES]).stdout
    kept["networks"] = re.sub(r"<uuid>.*?</uuid>|<mac address=.*?/>|UUID: .*|portid='.*?'", "", kept["networks"])
    return kept


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the keys whose values differ, each with both values, for the log."""
    return "\n".join(f"{key}: {one[key]!r}\n  !=  {other[key]!r}" for key in one if one[key] != other[key])


class Matrix:
    """A lab in which cells are tried."""

    def __init__(self, lab: Lab, starts: Starts) -> None:
        self.lab = lab
        starts.reach("bridged")
        self.goal = look(lab)
        run = json.loads(lab.run(["vmnet", "runs", "--output", "json"]).stdout)["runs"][-1]
        self.steps: int = run["done"]
        starts.reach("clean")
        lab.run("for d in $(virsh list --name); do virsh suspend $d; done")
        lab.run("cat >/root/fault.py", stdin=_AGENT)
        lab.run("cat >/root/settled", stdin=_SETTLED)
        self.start = look(lab)
        lab.save(STATE)

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells, fault by fault."""
        return tuple(Cell(fault, number) for fault in FAULTS for number in range(1, self.steps + 1))

    def cell(self, fault: str, place: float) -> Cell:
        """Return the cell at a place between 0 (the first step) and 1 (the last)."""
        return Cell(fault, 1 + min(int(place * self.steps), self.steps - 1))

    def try_cell(self, cell: Cell) -> Outcome:
        """Make the fault and say what the host is like after it."""
        self.lab.reset(STATE)
        with step(f"{self.lab.name}: {cell.name}"):
            self._strike(cell)
            struck = time.monotonic()
            settled = self._settle()
            seconds = time.monotonic() - struck
            return self._judge(settled, seconds)

    def _strike(self, cell: Cell) -> None:
        command = " ".join(ADOPT)
        if cell.fault == "cut-ssh":
            command = f"ip netns exec lan ssh -tt root@{ADDRESS} {command}"
        script = f'setsid {command} >/root/caller.log 2>&1 </dev/null & exec python3 -IS /root/fault.py "$@"'
        words = ["sh", "-c", script, "sh", str(cell.step - 1), str(cell.delay_s), FAULTS[cell.fault]]
        if cell.fault != "power":
            self.lab.run(words, timeout=300)
            return
        with Monitor(self.lab.directory / "qmp.sock", timeout=300) as monitor, self.lab.popen(words) as agent:
            monitor.wait_event("RESET")
            # The far end is gone without a word.
            agent.kill()
        self.lab.ssh.forget()
        wait_booted(self.lab.ssh)

    def _settle(self) -> bool:
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if not self.lab.run(["sh", "/root/settled"], check=False).returncode:
                return True
            time.sleep(1)
        return False

    def _judge(self, settled: bool, seconds: float) -> Outcome:
        seen = look(self.lab)
        end = time.monotonic() + 30
        # Carrier and routes of what was just activated come within seconds.
        while seen not in (self.start, self.goal) and time.monotonic() < end:
            time.sleep(2)
            seen = look(self.lab)
        runs = json.loads(self.lab.run(["vmnet", "runs", "--output", "json"]).stdout)["runs"]
        state = runs[-1]["state"] if runs else "none"
        log = self.lab.run("tail -n 5 /root/caller.log; journalctl -u 'vmnet-*' -n 15 -o cat --no-pager").stdout
        if seen == self.start:
            detail = "" if state in ("rolled back", "not begun") else f"the run is said to be {state}"
            where = "start"
        elif seen == self.goal:
            detail = "" if state == "stands" else f"the run is said to be {state}"
            where = "goal"
        else:
            where = "between"
            detail = f"from the start:\n{differences(seen, self.start)}\nfrom the goal:\n{differences(seen, self.goal)}"
        if not settled:
            detail += f"\nnot settled within {DEADLINE_S:.0f} s"
        return Outcome(seen=where, seconds=seconds, detail=f"{detail}\n{log}" if detail else "")
