"""Many taps on the bridge: whatever host-setup does to a bridge that stands, none leaves it and no guest is cut off."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import guests
from .cut import parse_pings
from .observe import ADOPT, observe

if TYPE_CHECKING:
    from .machine import Lab

TAPS = 300
_FIRST = 1000
"""No number that libvirt comes to by itself."""
_SETTLED_S = 400
_HERE = Path(__file__).parent
_WATCH = """\
env --default-signal=INT ip -o monitor link >/root/links 2>&1 </dev/null & echo $! >/root/watchers
cd /root && exec >pings 2>&1 </dev/null
env --default-signal=INT ip netns exec lan python3 pinger.py {address} 0.2 & echo $! >>watchers
"""
_END = """\
cd /root && kill -INT $(cat watchers)
for process in $(cat watchers); do while kill -0 "$process" 2>/dev/null; do sleep 0.2; done; done
"""
_PATIENCE_S = 5
"""How long two emulations may take to answer a ping."""


def on_bridge(lab: Lab) -> dict[str, int]:
    """The bridge's taps with their indexes."""
    links = json.loads(lab.run(["ip", "-j", "link", "show", "master", "br0"]).stdout)
    return {link["ifname"]: link["ifindex"] for link in links if link["ifname"].startswith("vnet")}


def strangers(lab: Lab) -> set[str]:
    """The taps that NetworkManager knows and leaves to those who made them."""
    # While it is busy with hundreds of new links, nmcli takes it for dead.
    rows = lab.run(["nmcli", "-t", "-f", "DEVICE,STATE", "device"], check=False).stdout.splitlines()
    return {row.split(":")[0] for row in rows if row.startswith("vnet") and row.endswith("(externally)")}


def add_taps(lab: Lab) -> None:
    """Put running taps on the bridge, and wait until NetworkManager has done with them, as on a host that runs."""
    lab.push([_HERE / "tap_holder.py", _HERE / "pinger.py"])
    lab.run(f"python3 /root/tap_holder.py {_FIRST} {TAPS} >/root/held 2>&1 </dev/null &")
    lab.run("until [ -s /root/held ]; do sleep 0.5; done; cat /root/held")
    names = [f"vnet{number}" for number in range(_FIRST, _FIRST + TAPS)]
    lab.run(["ip", "-batch", "-"], stdin="".join(f"link set dev {name} master br0 up\n" for name in names), timeout=300)
    deadline = time.monotonic() + _SETTLED_S
    while missing := set(on_bridge(lab)) - strangers(lab):
        assert time.monotonic() < deadline, missing
        time.sleep(5)


def lost_pings(text: str) -> list[str]:
    """When a ping was sent that had its time and got no answer: seconds after the first one."""
    pings = parse_pings(text)
    first, last = pings[0].sent, pings[-1].sent
    assert last - first > _PATIENCE_S
    due = [ping for ping in pings if ping.sent < last - _PATIENCE_S]
    return [f"{ping.sent - first:.1f}" for ping in due if ping.answered is None]


@pytest.mark.long
@pytest.mark.lab_state("bridged")
def test_no_tap_leaves_the_bridge(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--yes", timeout=300)
    guests.assert_on_lan(lab, "web01")
    (address,) = guests.addresses(lab, "web01")
    add_taps(lab)
    taps, before = on_bridge(lab), observe(lab)
    assert len(taps) == TAPS + 1
    lab.run(_WATCH.format(address=address))
    change_and_go_back(lab, taps)
    time.sleep(2 * _PATIENCE_S)
    lab.run(_END)
    assert observe(lab) == before
    seen = lab.run(["cat", "/root/links"]).stdout.splitlines()
    left = [line for line in seen if " vnet" in line and ("Deleted" in line or "master br0" not in line)]
    assert left == []
    assert lost_pings(lab.run(["cat", "/root/pings"]).stdout) == []


def change_and_go_back(lab: Lab, taps: dict[str, int]) -> None:
    """A second run, a change, one that fails, and the way back of the first."""
    assert json.loads(lab.vmnet(*ADOPT, "--output", "json", timeout=200).stdout)["plan"]["planned"] == []
    lab.vmnet(*ADOPT, "--mtu", "1400", timeout=300)
    assert_mtu(lab, 1400)
    assert on_bridge(lab) == taps
    failed = lab.vmnet(*ADOPT, "--mtu", "1300", "--confirm", "10", timeout=300, check=False)
    assert "nobody has confirmed" in failed.stderr
    assert_mtu(lab, 1400)
    assert on_bridge(lab) == taps
    lab.vmnet("undo", "--yes", timeout=300)
    assert_mtu(lab, 1500)
    assert on_bridge(lab) == taps
    assert set(taps) <= strangers(lab)


def assert_mtu(lab: Lab, mtu: int) -> None:
    seen = lab.run("cd /sys/class/net && cat br0/mtu bond0/mtu em1/mtu p4p1/mtu").stdout.split()
    assert seen == [str(mtu)] * 4
