"""firewalld: the bridge is in the zone that its NIC was in, and the management link's zone counts as part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .chain import Fault, act, expect, heal
from .observe import management, observe

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = [pytest.mark.turns, pytest.mark.lab_state("clean", guests=False)]

# The LAN's NIC is in its zone for now, as firewall-cmd without --permanent leaves it; the other's is its profile's.
START = """
systemctl start firewalld
until firewall-cmd --state; do sleep 0.5; done
nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show p2p1)" connection.zone internal
nmcli device reapply p2p1
firewall-cmd --zone=trusted --change-interface=em1
"""
# In the same run, for each takes its time: a NetworkManager that is busy. nmcli gives it 25 s, and so does a call over
# D-Bus by itself.
BUSY = """
vmnet host-setup em1 p4p1 --yes & p=$!
until ip link show bond0; do sleep 0.2; done >/dev/null 2>&1
kill -STOP $(pidof NetworkManager); sleep 35; kill -CONT $(pidof NetworkManager); wait $p
"""
ELSEWHERE = Fault(
    rule="filter.firewalld-zone", subject="br0", seen="zone public",
    inject="firewall-cmd --zone=public --change-interface=br0",
)  # fmt: skip
OTHERS = Fault(
    rule="management.unchanged", subject="p2p1", seen="firewall zone was internal and is work",
    inject="firewall-cmd --zone=work --change-interface=p2p1",
    heal="firewall-cmd --zone=internal --change-interface=p2p1",
)  # fmt: skip


def zone(lab: Lab, ifname: str) -> str:
    return lab.run(["firewall-cmd", f"--get-zone-of-interface={ifname}"]).stdout.strip()


def test_zones_are_taken_over_by_a_busy_host_and_guarded(lab: Lab) -> None:
    lab.run(["sh", "-ec", START], timeout=120)
    before, kept = observe(lab), management(lab)
    done = lab.run(["bash", "-c", BUSY], timeout=300)
    assert "em1 is in firewalld's zone trusted, but its profile has the zone public" in done.stdout
    assert (zone(lab, "br0"), zone(lab, "p2p1")) == ("trusted", "internal")
    for fault in (ELSEWHERE, OTHERS):
        act(lab, fault.inject)
        heal(lab, fault, expect(lab, [fault]))
    expect(lab, ())
    assert zone(lab, "br0") == "trusted"
    lab.vmnet("undo", "--yes", timeout=300)
    assert (observe(lab), management(lab)) == (before, kept)
    # As was said: it is the profile's zone that comes back.
    assert zone(lab, "em1") == "public"
