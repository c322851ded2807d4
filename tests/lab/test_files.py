"""The examples with several bridges: one file makes them, compares them, and writes them again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .machine import Lab
from .observe import observe

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# A guest on a bridge: a namespace, with an address.
GUEST = """\
ip netns add {ns}
ip link add {ns} type veth peer name eth0 netns {ns}
ip link set {ns} master {bridge} up
ip -n {ns} address add {address}/24 dev eth0
ip -n {ns} link set eth0 up
"""
# Example -> its start, bridges with a guest on each, as (address, peer), and what the host has on a bridge.
CASES: dict[str, tuple[str, dict[str, tuple[str, str]], dict[str, str | None]]] = {
    "two-bridges": ("four-nics", {"br1": ("172.16.8.9", "lan2")}, {"br0": "172.16.4.3", "br1": None}),
    "vlan-bridges": (
        "four-nics",
        {"br20": ("172.16.20.9", "lan20"), "br30": ("172.16.30.9", "lan30")},
        {"br0": "172.16.4.3", "br20": None, "br30": None},
    ),
    "address-on-vlan": ("on-vlan", {}, {"br10": "172.16.4.3"}),
    "jumbo": ("four-nics", {"br1": ("172.16.8.9", "lan2")}, {"br1": "172.16.8.3"}),
}


def addresses(lab: Lab, ifname: str) -> list[str]:
    (link,) = json.loads(lab.run(["ip", "-j", "address", "show", "dev", ifname]).stdout)
    return [address["local"] for address in link["addr_info"]]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.lab_state(CASES[name][0], guests=False)) for name in CASES],
)
@pytest.mark.turns
def test_an_example_is_made_compared_exported_and_undone(lab: Lab, name: str) -> None:
    _, guests, held = CASES[name]
    before = observe(lab)
    lab.run("cat > host.toml", stdin=(EXAMPLES / f"{name}.toml").read_text("utf-8"))
    assert lab.vmnet("diff", "host.toml", check=False).returncode == 6
    lab.vmnet("apply", "host.toml", "--yes", timeout=400)
    assert "nothing to do" in lab.vmnet("apply", "host.toml", "--yes").stdout
    lab.vmnet("diff", "host.toml")
    lab.vmnet("verify")
    for bridge, address in held.items():
        seen = addresses(lab, bridge)
        assert [one for one in seen if ":" not in one] == ([address] if address else [])
        assert address or not seen
    lab.lan(["ping", "-c", "1", "-W", "10", "172.16.4.3"])
    for number, (bridge, (address, peer)) in enumerate(guests.items()):
        lab.run(GUEST.format(ns=f"guest{number}", bridge=bridge, address=address))
        lab.lan(["ping", "-c", "1", "-W", "10", address], peer=peer)
        lab.run(f"ip netns del guest{number}; ip link delete guest{number} 2>/dev/null; true")
    lab.vmnet("export", "exported.toml")
    assert "nothing to do" in lab.vmnet("apply", "exported.toml", "--yes").stdout
    lab.vmnet("diff", "exported.toml")
    lab.vmnet("undo", "--yes", timeout=400)
    lab.lan(["ping", "-c", "1", "-W", "10", "172.16.4.3"])
    assert observe(lab) == before
