"""Starts that nobody thought of: profiles that compete, strange names, links that are there already, in any mixture.

Each reaches the goal and comes back, or is refused with a reason; the management link is untouched in all. A start is
known by its number: -k 'test_any_start and 7'.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from .guests import assert_back
from .observe import ADOPT, management, observe

if TYPE_CHECKING:
    from .machine import Lab

_ADD = "nmcli connection add save yes autoconnect"
_LAN = (
    "ipv4.method manual ipv4.addresses 172.16.4.3/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2 ipv6.method disabled"
)
_ON_BOND = (
    f"nmcli connection add type bond con-name work ifname {{bond}} bond.options mode=802.3ad,miimon=100 {_LAN} "
    # Else its MAC is by chance: udev's, or that of the port which came when there was none.
    "802-3-ethernet.cloned-mac-address 00:23:ae:ab:20:54 && "
    f"{_ADD} yes type ethernet con-name work-em1 ifname em1 master {{bond}} slave-type bond && "
    "nmcli connection delete lan; nmcli connection up work-em1"
)
_ON_BRIDGE = (
    f"nmcli connection add type bridge con-name work ifname {{bridge}} bridge.stp no {_LAN} && "
    f"{_ADD} yes type ethernet con-name work-em1 ifname em1 master {{bridge}} slave-type bridge && "
    "nmcli connection delete lan; nmcli connection up work-em1"
)
QUIRKS = {
    "a second profile of the same name": f"{_ADD} no type ethernet con-name lan ifname em1 ipv4.method disabled",
    "three of the same name": "; ".join([f"{_ADD} no type ethernet con-name spare ifname p4p1"] * 2),
    "a nameless one for any NIC": f"{_ADD} no type ethernet con-name anything",
    "one by MAC that wants to win": (
        f"{_ADD} no type ethernet con-name by-mac 802-3-ethernet.mac-address 00:1b:21:ab:d6:a1 "
        "connection.autoconnect-priority 900 && nmcli connection modify by-mac connection.autoconnect yes"
    ),
    "a priority above ours": "nmcli connection modify spare connection.autoconnect-priority 999",
    "a stray bond0": f"{_ADD} no type bond con-name 'System bond0' ifname bond0 bond.options mode=active-backup",
    "a stray br0": f"{_ADD} no type bridge con-name 'Bridge br0' ifname br0 ipv4.method disabled",
    "a stray port of it": f"{_ADD} no type ethernet con-name port ifname p4p1 master br0 slave-type bridge",
    "a br0 that is up": (
        f"{_ADD} no type bridge con-name old-br0 ifname br0 bridge.stp no ipv4.method manual "
        "ipv4.addresses 192.0.2.9/24 && nmcli connection up old-br0"
    ),
    "a bond0 that is up": (
        f"{_ADD} no type bond con-name old-bond0 ifname bond0 bond.options mode=active-backup ipv4.method manual "
        "ipv4.addresses 192.0.2.10/24 && nmcli connection up old-bond0"
    ),
    "a br0 of somebody else's": "ip link add br0 type bridge && ip link set br0 up",
    "p4p1 unmanaged": "nmcli device set p4p1 managed no",
    "the address on a bond0": _ON_BOND.format(bond="bond0"),
    "the address on another bond": _ON_BOND.format(bond="bond7"),
    "the address on a br0": _ON_BRIDGE.format(bridge="br0"),
    "the address on another bridge": _ON_BRIDGE.format(bridge="br7"),
    "em1 with two addresses": "nmcli connection modify lan +ipv4.addresses 172.16.4.33/24 && nmcli connection up lan",
    "em1 with a route": "nmcli connection modify lan +ipv4.routes '192.0.2.0/24 172.16.4.1' && nmcli connection up lan",
    "em1 with a small MTU": "nmcli connection modify lan 802-3-ethernet.mtu 1400 && nmcli connection up lan",
    "em1 by DHCP": (
        "nmcli connection modify lan ipv4.method auto ipv4.addresses '' ipv4.gateway '' ipv4.dns '' && "
        "nmcli connection up lan"
    ),
    "em1 known by a name with a dash": "nmcli connection modify lan connection.id -lan",
    "em1 known by a strange name": 'nmcli connection modify lan connection.id "l\'an: ü\\\\ \\$x"',
    "a profile that NetworkManager made": "nmcli connection delete spare",
    "p4p1 down": "nmcli device disconnect p4p1",
    "p4p1 with an address": (
        "nmcli connection modify spare ipv4.method manual ipv4.addresses 192.0.2.77/24 && nmcli connection up spare"
    ),
}
"""What is odd about a start -> how it comes to be on the lab host."""


def start(number: int) -> list[str]:
    """Return what is odd about a start, always the same for a number: each has a quirk of its own, and up to three."""
    names = sorted(QUIRKS)
    own = names.pop(number)
    chance = random.Random(number)  # noqa: S311 - nobody is to be kept from guessing it
    quirks = [own, *chance.sample(names, chance.randrange(4))]
    chance.shuffle(quirks)
    return quirks


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(QUIRKS)))
def test_any_start_reaches_the_goal_or_is_refused_and_comes_back(lab: Lab, number: int) -> None:
    quirks = start(number)
    lab.run("for d in $(virsh list --name); do virsh destroy $d; done")
    for quirk in quirks:
        # Some do not go together: then what came of it is a start, too.
        lab.run(["sh", "-c", QUIRKS[quirk]], timeout=90, check=False)
    before, kept = observe(lab), management(lab)
    done = lab.vmnet(*ADOPT, timeout=400, check=False)
    print(quirks, done.describe())
    assert management(lab) == kept
    if done.returncode in (2, 3, 5):
        assert "hint:" in done.stderr
        assert observe(lab) == before
        return
    assert done.returncode == 0, f"{quirks}: {done.describe()}"
    assert json.loads(lab.vmnet("verify", "--output", "json").stdout)["ok"], quirks
    lab.vmnet("undo", "--yes", timeout=400)
    assert_back(lab, before)
    assert management(lab) == kept
