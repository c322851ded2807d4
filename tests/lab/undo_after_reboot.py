"""host-setup, a reboot, and the way back, by `vmnet undo` and by undo.sh: the LAN peer reaches the host again.

A course is a switch, the number of NICs, how the host has its address, and how many runs there are; what comes after
the reboot starts from a saved state, once for each way back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from .faults import BY_DHCP
from .matrix import REACHABLE, differences, look

if TYPE_CHECKING:
    from typing import Any

    from .machine import Lab

SWITCHES = ("lag", "individual", "plain")
WAYS = ("vmnet", "undo.sh")
# The scripts are run as on a host whose vmnet is gone.
_BY_SCRIPTS = """\
rm -r /usr/local/lib/python3*/dist-packages/vmnet /usr/local/bin/vmnet
for script in $(ls -d /var/lib/vmnet/runs/*-host-setup/undo.sh | sort -r); do sh "$script" || exit; done
"""
_QUIET = """\
for d in $(virsh list --name); do virsh destroy $d; done
for d in $(virsh list --all --name); do virsh autostart --disable $d; done
"""
# NetworkManager saves such a profile in /etc when it is changed, and netplan renders it to /run anew at each boot.
_NETPLAN = """\
umask 077
cat >/etc/netplan/lan.yaml <<'YAML'
network:
  version: 2
  renderer: NetworkManager
  ethernets:
    em1:
      addresses: [172.16.4.3/24]
      routes: [{to: default, via: 172.16.4.1}]
      nameservers: {addresses: [172.16.4.2]}
    p4p1: {}
YAML
cd /etc/NetworkManager/system-connections && rm lan.nmconnection spare.nmconnection
netplan apply
# It restarts NetworkManager.
for second in $(seq 30); do nmcli --wait 60 connection up netplan-em1 && break; sleep 1; done
"""
_ADDRESS = {"static": "true", "dhcp": BY_DHCP, "netplan": _NETPLAN}
_REBOOTED = "rebooted"
_AT_ONCE_S = 10
"""An emulated host is slow to answer; that the way is there was proven before."""
_STARTED_S = 240


@dataclass(frozen=True, slots=True)
class Course:
    """One row: `runs` is 2 where a second host-setup follows the first."""

    switch: str
    nics: int
    address: str
    runs: int

    @property
    def name(self) -> str:
        """As it stands in the table: `lag-2-static-1`."""
        return f"{self.switch}-{self.nics}-{self.address}-{self.runs}"

    @property
    def words(self) -> tuple[str, ...]:
        """The words of host-setup."""
        nics = ("em1", "p4p1")[: self.nics]
        plain = ("--mode", "active-backup") if self.nics == 2 else ("--no-bond",)
        return ("host-setup", *nics, *(plain if self.switch == "plain" else ()), "--yes")


COURSES = (
    *(Course(*values) for values in product(SWITCHES, (2, 1), ("static", "dhcp"), (1, 2))),
    Course("lag", 2, "netplan", 1),
)


class Undone:
    """A course up to its reboot, and what the host was like before it."""

    def __init__(self, lab: Lab, course: Course) -> None:
        self._lab, self._course = lab, course
        lab.reset("clean")
        lab.run(_QUIET)
        lab.switch(course.switch)
        lab.run(_ADDRESS[course.address])
        self.address = lab.run("ip -4 -br address show em1").stdout.split()[2].split("/")[0]
        assert self._reachable(60), "the start"
        self._start: dict[str, Any] = look(lab)
        for number in range(course.runs):
            done = lab.vmnet(*course.words, *(("--mtu", "1400") if number else ()), timeout=400, check=False)
            # Netplan will configure em1 at the next boot as before: vmnet says so, by its exit code too.
            assert done.returncode == (6 if course.address == "netplan" else 0), done.describe()
        lab.reboot()
        assert self._reachable(_STARTED_S), "after the reboot"
        lab.run("nm-online -q -s -t 120", timeout=150)
        lab.save(_REBOOTED)

    def try_way(self, way: str) -> str:
        """Go back and return what is wrong then, "" where nothing is."""
        self._lab.reset(_REBOOTED)
        if way == "vmnet":
            for _ in range(self._course.runs):
                done = self._lab.vmnet("undo", "--yes", timeout=600, check=False)
                if done.returncode:
                    return done.describe()
        else:
            done = self._lab.run(["sh", "-c", _BY_SCRIPTS], timeout=900, check=False)
            if done.returncode:
                return done.describe()
        if not self._reachable(_AT_ONCE_S):
            return f"exit code 0, and the LAN peer does not reach {self.address}"
        end = time.monotonic() + 40
        while (seen := look(self._lab)) != self._start and time.monotonic() < end:
            time.sleep(2)
        left = self._lab.run("ls /run/NetworkManager/system-connections").stdout.split()
        wrong = [differences(seen, self._start)]
        wrong += [f"{name} is left in memory" for name in left if name.startswith(("br0", "bond0", "em1", "p4p1"))]
        wrong += [] if self._reachable(_AT_ONCE_S) else ["the LAN peer does not reach it later on"]
        return "\n".join(filter(None, wrong))

    def _reachable(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._lab.run(REACHABLE.format(address=self.address), check=False).returncode:
            if time.monotonic() > end:
                return False
            time.sleep(1)
        return True
