"""firewalld: the bridge is in the zone that its NIC was in, and the management link's zone counts as part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .chain import Fault, act, expect, heal
from .observe import ADOPT, management, observe

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


def test_zones_are_taken_over_and_guarded(lab: Lab) -> None:
    lab.run(["sh", "-ec", START], timeout=120)
    before, kept = observe(lab), management(lab)
    done = lab.vmnet(*ADOPT, timeout=300)
    assert "em1 is in firewalld's zone trusted until its profile starts again, which says public" in done.stdout
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
