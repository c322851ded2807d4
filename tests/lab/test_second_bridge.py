"""A second bond and bridge beside the one that carries the host's address and the guests: made, proven, undone, and
rolled back, and nobody on the first one notices."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .cut import measure

if TYPE_CHECKING:
    from .machine import Lab

SECOND = "vmnet host-setup em2 p4p2 --bridge br1 --bond bond1 --address none --network guests --yes"
# A container on the bridge, as good as a guest: what it sends reaches the second LAN.
GUEST = """\
ip netns add guest
ip link add tap0 type veth peer name eth0 netns guest
ip link set tap0 master br1 up
ip -n guest address add 172.16.8.77/24 dev eth0
ip -n guest link set eth0 up
ip netns exec lan2 ping -c 3 -i 0.3 -W 5 172.16.8.77
"""
FIRST = """\
ip -j address show br0; ip -j link show master br0; ip -j link show master bond0; ip route; ip rule
nmcli -t -f NAME,UUID,DEVICE connection show --active | grep -E ':(br0|bond0|em1|p4p1|p2p1)$' | sort
cat /sys/class/net/br0/carrier_changes /sys/class/net/bond0/carrier_changes
"""


def first_stack(lab: Lab) -> str:
    """All of the first bridge and its bond, but for counters and times that run by themselves."""
    seen = lab.run(["sh", "-c", FIRST]).stdout
    return "\n".join(line for line in seen.splitlines() if "guests" not in line)


@pytest.mark.long
@pytest.mark.lab_state("bridged-four", guests=False)
def test_it_is_made_and_undone_beside_the_first(lab: Lab) -> None:
    before = first_stack(lab)
    made = measure(lab, "172.16.4.3", SECOND)
    assert made.code == 0, made.said
    assert (made.cut.lost, made.cut.ms) == (0, 0)
    assert first_stack(lab) == before
    lab.run(["sh", "-c", GUEST])
    (bridge,) = json.loads(lab.run("ip -j address show br1").stdout)
    assert bridge["addr_info"] == []
    ports = lab.run("cat /proc/net/bonding/bond1").stdout
    assert ports.count("Aggregator ID: ") == 3
    # Both bridges are verified, and nothing is left to do.
    checked = json.loads(lab.vmnet("verify", "--output", "json", check=False).stdout)
    assert checked["ok"], [finding for finding in checked["findings"] if not finding["ok"]]
    assert {"br0", "br1"} <= {finding["subject"] for finding in checked["findings"]}
    again = json.loads(lab.vmnet(*SECOND.split()[1:], "--plan", "--output", "json").stdout)
    assert again["plan"]["planned"] == []
    lab.run("ip address add 172.16.8.3/24 dev br1")
    wrong = json.loads(lab.vmnet("verify", "--output", "json", check=False).stdout)
    assert [finding["rule"] for finding in wrong["findings"] if not finding["ok"]] == ["address.none"]
    lab.run("ip address del 172.16.8.3/24 dev br1; ip link del tap0")
    undone = measure(lab, "172.16.4.3", "vmnet undo --yes")
    assert undone.code == 0, undone.said
    assert (undone.cut.lost, undone.cut.ms) == (0, 0)
    assert first_stack(lab) == before
    assert lab.run("ip link show br1", check=False).returncode


@pytest.mark.turns
@pytest.mark.lab_state("bridged-four", guests=False)
def test_the_first_is_undone_while_the_second_exists(lab: Lab) -> None:
    lab.vmnet(*SECOND.split()[1:], timeout=300)
    lab.run(["sh", "-c", GUEST])
    first, second = (run["run"] for run in json.loads(lab.vmnet("runs", "--output", "json").stdout)["runs"])
    lab.vmnet("undo", first, "--yes", timeout=300)
    assert "172.16.4.3/24" in lab.run("ip -br address show em1").stdout
    lab.lan("ping -c 3 -i 0.3 -W 5 172.16.4.3")
    lab.lan("ping -c 3 -i 0.3 -W 5 172.16.8.77", peer="lan2")
    assert lab.vmnet("verify").returncode == 0
    lab.run("ip link del tap0")
    lab.vmnet("undo", second, "--yes", timeout=300)
    assert not {"br0", "br1", "bond0", "bond1"} & {link["ifname"] for link in json.loads(lab.run("ip -j link").stdout)}


# Pings a tenth of a second apart: those of `measure` take half of an emulated host.
WATCHED = f"""\
ip netns exec lan ping -n -q -i 0.1 172.16.4.3 >/run/pings 2>&1 & pinger=$!
{SECOND}
code=$?
kill -INT $pinger
wait $pinger
exit $code
"""


@pytest.mark.turns
@pytest.mark.lab_state("bridged-four", guests=False)
def test_a_second_one_that_fails_leaves_the_first_alone(lab: Lab) -> None:
    lab.switch("silent", second=True)
    before = first_stack(lab)
    failed = lab.run(["sh", "-c", WATCHED], timeout=400, check=False)
    assert failed.returncode == 4, failed.stderr
    assert " 0% packet loss" in lab.run(["cat", "/run/pings"]).stdout
    assert first_stack(lab) == before
    assert not {"br1", "bond1"} & {link["ifname"] for link in json.loads(lab.run("ip -j link").stdout)}
