"""The kill matrix: host-setup hit by each kind of fault at each step; afterwards the host is as at the start, or
as at the goal, and nothing between.

A cell is a fault and a step. host-setup, called over SSH on the very address that moves, is arrested as soon as its
journal says that the step has begun; let go, it is hit some tenths of a second later. How many follows from the cell,
so that a cell is always the same. The arrested host is kept for the other faults of the same step.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import BOOT_S
from .faults import BREAK_EVERY, BREAKS, DISKS, FAULTS, KILLS, POWER, Fault
from .monitor import Monitor
from .observe import ADOPT, observe
from .progress import step

if TYPE_CHECKING:
    from .machine import Lab
    from .starts import Starts

DEADLINE_S = 300.0
"""The plan's own deadline is 60 s; an emulated host takes several times as long for the same work."""
HEAL_S = 90.0
_SHORT = 8
"""So many steps at the end do little: they start libvirt's network and commit."""

_ARREST = """\
import glob, json, os, signal, sys, time
wanted = b'"event": "begin", "step": %d,' % int(sys.argv[1])
for worker in sys.argv[2:]:
    os.kill(int(worker), signal.SIGCONT)
end = time.monotonic() + 540
while True:
    journals = [open(path, "rb").read() for path in glob.glob("/var/lib/vmnet/runs/*/journal.jsonl")]
    if any(wanted in journal for journal in journals):
        break
    if time.monotonic() > end:
        sys.exit("the step was never begun")
    time.sleep(0.001)
entries = [json.loads(line) for line in journals[0].splitlines()]
worker = [int(entry["text"]) for entry in entries if entry["event"] == "worker"][-1]
os.kill(worker, signal.SIGSTOP)
print(worker)
"""
_PROFILES = """\
for file in /etc/NetworkManager/system-connections/*; do
    stat -c '%n %a %u %g' "$file"
    grep -v '^timestamp=' "$file"
done
"""
_CONCLUDED = """\
tail -qn 1 /var/lib/vmnet/runs/*/journal.jsonl | grep -q '"ended"' &&
    [ -z "$(find /etc/systemd/system -name 'vmnet-*')" ] && nmcli -t general status >/dev/null
"""
REACHABLE = "ip -n lan neigh flush to {address}; ip netns exec lan ping -c 1 -W 1 {address} >/dev/null"
"""The LAN peer finds the host by ARP, and it answers."""
_TOLD = """\
cat /var/lib/vmnet/runs/*/journal.jsonl /run/vmnet/runs/*/journal.jsonl 2>/dev/null | grep -q '"ended"' &&
    nmcli -t general status >/dev/null
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A start, saved as `state`, and where host-setup leads from it when nothing goes wrong."""

    state: str
    address: str
    start: dict[str, Any]
    goal: dict[str, Any]
    steps: int


MANY = Path(__file__).parent / "many.toml"
"""Two bonds, two bridges and a VLAN: what the kills are tried on besides host-setup's one bridge."""


class Matrix:
    """A lab in which cells are tried: on host-setup, or (`many`) on a file with several bridges."""

    def __init__(self, lab: Lab, starts: Starts, *, many: bool = False) -> None:
        self.lab = lab
        self._many = many
        self._words = ["apply", "/root/host.toml", "--yes"] if many else ADOPT
        if many:
            starts.reach("four-nics")
            self._begin("")
            self.lab.vmnet(*self._words, timeout=400)
        else:
            starts.reach("bridged")
        goal, steps = look(lab), self._last_run()["done"]
        self._begin("")
        self.static = self._course("faults-many" if many else "faults", goal, steps)
        self._courses = {"": self.static}
        self._arrested: dict[str, tuple[int, str]] = {}
        """For the state in which the last arrested host of a course is kept: its step, and its worker."""

    def _begin(self, prepare: str) -> None:
        self.lab.reset("four-nics" if self._many else "clean")
        self.lab.run("cat >/root/host.toml", stdin=MANY.read_text("utf-8"))
        # Guests would only take time, twice emulated as they are, and most of it after a loss of power.
        self.lab.run("for d in $(virsh list --name); do virsh destroy $d; virsh autostart --disable $d; done")
        self.lab.run("cat >/root/arrest.py", stdin=_ARREST)
        self.lab.run(["sh", "-c", prepare])

    def _course(self, state: str, goal: dict[str, Any], steps: int) -> Course:
        address = self.lab.run("ip -4 -br address show em1").stdout.split()[2].split("/")[0]
        start = look(self.lab)
        self.lab.save(state)
        return Course(state=state, address=address, start=start, goal=goal, steps=steps)

    def _course_of(self, fault: Fault) -> Course:
        if fault.prepare not in self._courses:
            self._begin(fault.prepare)
            self.lab.vmnet(*self._words, timeout=300)
            goal, steps = look(self.lab), self._last_run()["done"]
            self._begin(fault.prepare)
            self._courses[fault.prepare] = self._course(f"faults-{len(self._courses)}", goal, steps)
        return self._courses[fault.prepare]

    def _last_run(self) -> dict[str, Any]:
        runs = json.loads(self.lab.vmnet("runs", "--output", "json").stdout)["runs"]
        found: dict[str, Any] = runs[-1] if runs else {"state": "none", "done": 0}
        return found

    def cells(self) -> tuple[Cell, ...]:
        """Return all cells, fault by fault."""
        steps = range(1, self.static.steps + 1)
        kills = [Cell(fault, number) for fault in (*KILLS, *DISKS) for number in steps]
        breaks = [Cell(fault, number) for fault in BREAKS for number in steps if number % BREAK_EVERY == 1]
        return (*kills, *breaks)

    def cell(self, fault: str, place: float) -> Cell:
        """Return the cell at a place between 0 (the first step) and 1 (the last)."""
        return Cell(fault, 1 + min(int(place * self.static.steps), self.static.steps - 1))

    def try_cell(self, cell: Cell, *, keep: bool = False) -> Outcome:
        """Make the fault and say what the host is like after it.

        Args:
            keep: another cell of the same step will follow.
        """
        fault = FAULTS[cell.fault]
        course = self._course_of(fault)
        with step(f"{self.lab.name}: {cell.name}"):
            worker = self._arrest(course, cell.step, keep=keep)
            self._strike(cell, fault, worker)
            struck = time.monotonic()
            if fault.of_disk:
                return self._judge(course, self._settle_without_disk(cell, course), time.monotonic() - struck)
            settled = self._wait(_CONCLUDED, DEADLINE_S)
            self._heal(fault)
            reachable = self._wait(REACHABLE.format(address=course.address), HEAL_S if fault.of_network else 20)
            seconds = time.monotonic() - struck
            problems = [*([] if settled else ["the run is not concluded"]), *([] if reachable else ["unreachable"])]
            return self._judge(course, problems, seconds)

    def _settle_without_disk(self, cell: Cell, course: Course) -> list[str]:
        """Return what is wrong with a host whose disk takes nothing. It must be reachable, its run at an end or open;
        an open one must come to its end once the disk is mended, by itself or at the next boot."""
        problems = [] if self._wait(_TOLD, DEADLINE_S) else ["nothing was told of the run"]
        if not self._wait(REACHABLE.format(address=course.address), 20):
            problems.append("unreachable as long as the disk took nothing")
        is_open = self._last_run()["state"] == "open"
        self._heal(FAULTS[cell.fault])
        if is_open and cell.step % 2:
            self.lab.reboot()
        elif not is_open:
            # What the next boot does: the unit of a run that ended could not be removed.
            units = "find /etc/systemd/system -maxdepth 1 -name 'vmnet-*' -printf '%f '"
            self.lab.run(
                f"systemctl daemon-reload; for unit in $({units}); do systemctl start $unit; done", check=False
            )
        if not self._wait(_CONCLUDED, DEADLINE_S):
            problems.append(f"the run, {'open' if is_open else 'at its end'} before, is not concluded")
        if not self._wait(REACHABLE.format(address=course.address), 20):
            problems.append("unreachable in the end")
        return problems

    def _arrest(self, course: Course, number: int, *, keep: bool) -> str:
        """Bring host-setup to the step, stop its worker there, and return the worker's process id."""
        state = f"{course.state}-arrested"
        step_kept, worker = self._arrested.get(state, (0, ""))
        if step_kept == number:
            self.lab.reset(state)
            return worker
        if 0 < step_kept < number:
            # On from there, for what comes before it takes longer than all else.
            self.lab.reset(state)
            begin = ""
        else:
            self.lab.reset(course.state)
            worker = ""
            command = f"ip netns exec lan ssh -tt root@{course.address} {' '.join(['vmnet', *self._words])}"
            begin = f"setsid {command} >/root/caller.log 2>&1 </dev/null &"
        script = f"{begin} exec python3 -IS /root/arrest.py {number - 1} {worker}"
        worker = self.lab.run(["sh", "-c", script], timeout=600).stdout.strip()
        if keep:
            self.lab.save(state)
            self._arrested[state] = (number, worker)
        return worker

    def _strike(self, cell: Cell, fault: Fault, worker: str) -> None:
        # The last steps are short: so late, there would be nobody left to strike.
        delay_s = cell.delay_s / (8 if self.static.steps - cell.step < _SHORT else 1)
        first, last = f"kill -CONT {worker}; sleep {delay_s}", fault.command
        words = ["sh", "-c", f"{last}\n{first}" if fault.of_disk else f"{first}; {last}"]
        if cell.fault != POWER:
            self.lab.run(words, timeout=300)
            if fault.cable:
                self.lab.cable(fault.cable, on=False)
            return
        with Monitor(self.lab.directory / "qmp.sock", timeout=300) as monitor, self.lab.popen(words) as agent:
            monitor.wait_event("RESET")
            # The far end is gone without a word.
            agent.kill()
        self.lab.ssh.forget()
        self.lab.ssh.wait(BOOT_S)

    def _heal(self, fault: Fault) -> None:
        if fault.cable:
            self.lab.cable(fault.cable, on=True)
        if fault.heal:
            self.lab.run(["sh", "-c", fault.heal])

    def _wait(self, condition: str, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.lab.run(["sh", "-c", condition], check=False).returncode:
            if time.monotonic() > end:
                return False
            time.sleep(1)
        return True

    def _judge(self, course: Course, problems: list[str], seconds: float) -> Outcome:
        end = time.monotonic() + 40
        # Carrier, LACP and routes of what was just activated come within seconds.
        while (seen := look(self.lab)) not in (course.start, course.goal) and time.monotonic() < end:
            time.sleep(2)
        if not self._wait(REACHABLE.format(address=course.address), 10):
            problems.append("the LAN peer does not reach it any more")
        state = self._last_run()["state"]
        where = "start" if seen == course.start else "goal" if seen == course.goal else "between"
        if where == "between":
            problems.append(f"from the start:\n{differences(seen, course.start)}")
            problems.append(f"from the goal:\n{differences(seen, course.goal)}")
        elif state not in {"start": ("rolled back", "not begun"), "goal": ("stands",)}[where]:
            problems.append(f"the run is said to be {state}")
        if problems:
            # After a loss of power the system journal may know of no unit at all.
            script = "tail -n 5 /root/caller.log; journalctl -u 'vmnet-*' -n 15 -o cat --no-pager"
            problems.append(self.lab.run(script, check=False).stdout)
        return Outcome(seen=where, seconds=seconds, detail="\n".join(problems))
