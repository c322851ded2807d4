"""Many taps on the bridge: whatever host-setup does to a bridge that stands, none leaves it and no guest is cut off."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from . import guests
from .observe import ADOPT, observe

if TYPE_CHECKING:
    from .machine import Lab

TAPS = 300


def on_bridge(lab: Lab) -> dict[str, int]:
    """The bridge's taps with their indexes."""
    links = json.loads(lab.run(["ip", "-j", "link", "show", "master", "br0"]).stdout)
    return {link["ifname"]: link["ifindex"] for link in links if re.match(r"tap|vnet", link["ifname"])}


@pytest.mark.long
@pytest.mark.lab_state("bridged")
def test_no_tap_leaves_the_bridge(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--yes", timeout=300)
    guests.assert_on_lan(lab, "web01")
    (address,) = guests.addresses(lab, "web01")
    batch = "".join(f"tuntap add dev tap{n} mode tap\nlink set dev tap{n} master br0 up\n" for n in range(TAPS))
    lab.run(["ip", "-batch", "-"], stdin=batch, timeout=200)
    taps, before = on_bridge(lab), observe(lab)
    assert len(taps) == TAPS + 1
    lab.run("ip monitor link >/root/links 2>&1 </dev/null & echo $! >/root/monitor")
    with lab.popen(["ping", "-i", "0.2", "-w", "3600", address], on_lan=True) as pings:
        assert json.loads(lab.vmnet(*ADOPT, "--output", "json", timeout=200).stdout)["plan"]["planned"] == []
        lab.vmnet(*ADOPT, "--mtu", "1400", timeout=300)
        assert lab.run("cat /sys/class/net/br0/mtu").stdout.strip() == "1400"
        assert on_bridge(lab) == taps
        failed = lab.vmnet(*ADOPT, "--mtu", "1300", "--confirm", "10", timeout=300, check=False)
        assert "nobody has confirmed" in failed.stderr
        assert lab.run("cat /sys/class/net/br0/mtu").stdout.strip() == "1400"
        assert on_bridge(lab) == taps
        lab.vmnet("undo", "--yes", timeout=300)
        lab.run(["pkill", "-INT", "-x", "ping"])
        said, _ = pings.communicate(timeout=30)
    lab.run("kill $(cat /root/monitor)")
    assert on_bridge(lab) == taps
    assert observe(lab) == before
    left = [line for line in lab.run(["cat", "/root/links"]).stdout.splitlines() if re.search(r"\b(tap|vnet)\d+", line)]
    assert [line for line in left if "master br0" not in line] == []
    sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", said)[0])
    assert sent == received
