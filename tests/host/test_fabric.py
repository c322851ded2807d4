"""What bridge(8) of iproute2 6.1 prints, and sysfs and the kernel's log have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vmnet.facts import Heard, LogLine, Multicast, PortVlans
from vmnet.host.kernel.fabric import parse_heard, parse_multicast, parse_virtual_functions, parse_vlans
from vmnet.host.kernel.kernel_log import parse_records
from vmnet.names import Mac

if TYPE_CHECKING:
    from pathlib import Path

FDB = """[{"mac":"33:33:00:00:00:01","ifname":"br0","flags":["self"],"state":"permanent"},
{"mac":"00:00:5e:00:53:21","ifname":"bond0","vlan":1,"flags":[],"master":"br0","state":""},
{"mac":"00:00:5e:00:53:22","ifname":"bond0","flags":[],"master":"br0","state":"permanent"},
{"mac":"00:00:5e:00:53:23","ifname":"em1","flags":["self"],"state":"permanent"},
{"mac":"00:00:5e:00:53:24","ifname":"vnet0","flags":[],"master":"br0","state":"stale"}]"""

VLANS = """[{"ifname":"br0","vlans":[{"vlan":1,"flags":["PVID","Egress Untagged"]}]},
{"ifname":"vnet0","vlans":[{"vlan":5,"flags":["PVID","Egress Untagged"]},{"vlan":10,"vlanEnd":12}]},
{"ifname":"vnet1","vlans":[{"vlan":7}]}]"""

GROUPS = [
    {"index": 6, "dev": "br0", "port": "vnet0", "grp": "ff02::1:ff00:11", "state": "temp", "flags": []},
    {"index": 6, "dev": "br0", "port": "br0", "grp": "ff02::6a", "state": "temp", "flags": []},
]


def test_what_was_learnt_and_what_a_nic_was_told() -> None:
    assert parse_heard(FDB) == (
        Heard(mac=Mac("33:33:00:00:00:01"), port="br0", own=True),
        Heard(mac=Mac("00:00:5e:00:53:21"), port="bond0"),
        Heard(mac=Mac("00:00:5e:00:53:23"), port="em1", own=True),
        Heard(mac=Mac("00:00:5e:00:53:24"), port="vnet0"),
    )


def test_vlans_of_ports() -> None:
    assert parse_vlans(VLANS)[1:] == (
        PortVlans(port="vnet0", vlans=(5, 10, 11, 12), untagged=5),
        PortVlans(port="vnet1", vlans=(7,)),
    )


def multicast(groups: list[dict[str, object]], router: dict[str, object]) -> tuple[Multicast, ...]:
    return parse_multicast(json.dumps([{"mdb": groups, "router": router}]))


def test_a_querier_is_known_by_its_router_port_and_the_bridges_own_answers() -> None:
    router: dict[str, object] = {"br0": [{"port": "bond0", "timer": " 248.82", "type": "temp"}]}
    wanted = (("vnet0", "ff02::1:ff00:11"), ("br0", "ff02::6a"))
    assert multicast(GROUPS, router) == (Multicast(bridge="br0", querier="bond0", groups=wanted),)
    assert multicast(GROUPS, {}) == ()
    assert multicast(GROUPS, {"br0": [{"port": "bond0", "type": "permanent"}]}) == ()
    # Nobody asks for IPv6: the groups of it have been forgotten, and the kernel floods.
    assert multicast(GROUPS[:1], router) == ()


def test_virtual_functions_of_a_nic(tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"pci0000:00/0000:01:10.{number}").mkdir(parents=True)
    nic = tmp_path / "pci0000:00/0000:01:00.0"
    nic.mkdir()
    for number in (0, 1):
        (nic / f"virtfn{number}").symlink_to(f"../0000:01:10.{number}")
    assert parse_virtual_functions(nic) == ("0000:01:10.0", "0000:01:10.1")
    assert parse_virtual_functions(nic.parent / "0000:01:10.0") == ()


def test_lines_of_the_kernels_log_that_matter_and_are_fresh() -> None:
    line = "br0: received packet on bond0 with own address as source address (addr:00:00:5e:00:53:01, vlan:0)"
    records = [
        f"4,100,1000000,-;{line}\n",
        f"4,101,700000000,-;{line}\n SUBSYSTEM=net\n",
        "6,102,700000000,-;br0: port 1(bond0) entered forwarding state\n",
        "torn",
    ]
    assert list(parse_records(records, now_s=720.5)) == [LogLine(text=line, age_s=20)]
