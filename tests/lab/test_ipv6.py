"""IPv6 moves with IPv4: fixed, made of the MAC, and leased; fixed ones besides a lease, too."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from .observe import ADOPT, observe

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

# The switch's router has no IPv6 by itself. $1: what it offers; what follows: the settings of em1's profile.
ROUTER = """\
set -e
for link in all sw0 lan0; do
    for name in switch lan; do
        file=/proc/sys/net/ipv6/conf/$link/disable_ipv6
        ip netns exec $name sh -c "[ ! -e $file ] || echo 0 >$file"
    done
done
ip netns exec switch sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip -n switch address add 2001:db8:4::1/64 dev sw0 nodad
ip -n lan address add 2001:db8:4::50/64 dev lan0 nodad
systemd-run --quiet --unit lab-router ip netns exec switch dnsmasq --keep-in-foreground --conf-file=/dev/null \
    --port=0 --interface=sw0 --bind-interfaces --user=root --enable-ra --dhcp-leasefile=/run/lab-leases \
    --dhcp-range="$1"
shift
nmcli connection modify lan "$@"
nmcli connection up lan
until ip -6 address show dev em1 scope global | grep -q dynamic; do sleep 0.5; done
"""


SETTLED = "while ip -6 address show dev em1 tentative | grep -q .; do sleep 0.2; done"
LEASED = ("ipv4.method", "auto", "ipv4.addresses", "172.16.4.33/24", "ipv4.gateway", "", "ipv4.dns", "")
"""And an address of its own besides."""


def start(lab: Lab, offer: str, *settings: str) -> None:
    lab.run(["sh", "-c", ROUTER, "sh", offer, *settings])
    lab.run(SETTLED)


def addresses(lab: Lab, ifname: str) -> list[str]:
    (link,) = json.loads(lab.run(["ip", "-j", "address", "show", "dev", ifname]).stdout)
    used = [address for address in link["addr_info"] if not address.get("tentative") and not address.get("dadfailed")]
    return sorted(f"{address['local']}/{address['prefixlen']}" for address in used)


def moves_and_comes_back(lab: Lab, *options: str) -> list[str]:
    before, had = observe(lab), addresses(lab, "em1")
    lab.vmnet(*ADOPT, *options, timeout=300)
    assert addresses(lab, "br0") == had
    for address in had:
        if not address.startswith("fe80"):
            lab.lan(["ping", "-c", "1", "-W", "10", address.split("/")[0]])
    assert "nothing to do" in lab.vmnet(*ADOPT, *options).stdout
    lab.vmnet("verify")
    lab.vmnet("undo", "--yes", timeout=300)
    # undo waits for IPv4; the router's answer and the lease of IPv6 come as they do after any start.
    deadline = time.monotonic() + 40
    while addresses(lab, "em1") != had and time.monotonic() < deadline:
        time.sleep(1)
    assert addresses(lab, "em1") == had
    assert observe(lab) == before
    return had


@pytest.mark.lab_state("clean", guests=False)
def test_fixed_and_made_of_the_mac(lab: Lab) -> None:
    """On a switch that forwards on both ports, where the old NIC hears what the bridge asks."""
    lab.switch("plain")
    start(lab, "2001:db8:4::,ra-only,64,12h", "ipv6.method", "auto", "ipv6.addresses", "2001:db8:4::3/64")
    had = moves_and_comes_back(lab, "--mode", "active-backup")
    made = ["2001:db8:4:0:223:aeff:feab:2054/64", "2001:db8:4::3/64", "fe80::223:aeff:feab:2054/64"]
    assert had == ["172.16.4.3/24", *made]


@pytest.mark.lab_state("clean", guests=False)
def test_leased_in_both_families_with_a_fixed_one_besides(lab: Lab) -> None:
    start(lab, "2001:db8:4::1000,2001:db8:4::1fff,64,12h", *LEASED, "ipv6.method", "auto")
    had = moves_and_comes_back(lab)
    assert [address for address in had if address.startswith("2001:db8:4::1") and address.endswith("/128")]
    assert len([address for address in had if address.startswith("172.16.4.")]) == 2


@pytest.mark.long
@pytest.mark.lab_state("clean", guests=False)
def test_a_script_takes_a_lease_and_a_fixed_address_along(lab: Lab) -> None:
    lab.run(["nmcli", "connection", "modify", "lan", *LEASED])
    lab.run(f"nmcli connection up lan; {SETTLED}")
    had, before = addresses(lab, "em1"), observe(lab)
    lab.run("vmnet host-setup em1 p4p1 --script > setup.sh")
    lab.run(["sh", "setup.sh"], timeout=200)
    assert addresses(lab, "br0") == had
    lab.vmnet("verify")
    lab.run(["sh", "setup.sh", "undo"], timeout=200)
    lab.run(SETTLED)
    assert addresses(lab, "em1") == had
    assert observe(lab) == before
