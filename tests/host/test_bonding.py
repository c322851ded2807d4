"""/proc/net/bonding of Debian 12's kernel, as root and as anybody -> ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.host.machine import lay_out
from vmnet.facts import BondPort
from vmnet.host.kernel.sysfs import parse_bond
from vmnet.names import Mac

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
Ethernet Channel Bonding Driver: v6.1.0-50-amd64

Bonding Mode: IEEE 802.3ad Dynamic link aggregation
MII Status: up

802.3ad info
LACP rate: slow
Active Aggregator Info:
\tAggregator ID: 1
\tNumber of ports: 2
\tPartner Key: 457
\tPartner Mac Address: 00:00:5e:00:53:ff

"""
PORT = """\
Slave Interface: p4p1
MII Status: up
Speed: 1000 Mbps
Duplex: full
Link Failure Count: 3
Permanent HW addr: 00:00:5e:00:53:02
Slave queue ID: 0
Aggregator ID: 1
Actor Churn State: churned
Partner Churn State: monitoring
Actor Churned Count: 0
Partner Churned Count: 0
"""
DETAILS = """\
details actor lacp pdu:
    system priority: 65535
    system mac address: 00:00:5e:00:53:01
    port key: 9
    port number: 1
    port state: 61
details partner lacp pdu:
    system priority: 65535
    system mac address: 00:00:5e:00:53:ff
    oper key: 457
    port priority: 255
    port number: 2
    port state: 63
"""
SECOND = "\nSlave Interface: em1\nMII Status: up\nLink Failure Count: 0\nActor Churn State: none\n"


def test_as_root(tmp_path: Path) -> None:
    net = lay_out(tmp_path, {"p4p1/statistics/tx_bytes": "4711\n"})
    first, second = parse_bond("bond0", HEAD + PORT + DETAILS + SECOND, net)
    assert first == BondPort(
        ifname="p4p1", bond="bond0", link_failures=3, partner_mac=Mac("00:00:5e:00:53:ff"), partner_key=457,
        churned=True, sent_bytes=4711, number=1, partner_number=2, aggregator=1,
    )  # fmt: skip
    assert second == BondPort(ifname="em1", bond="bond0")


def test_without_root_the_partner_is_not_told(tmp_path: Path) -> None:
    (port,) = parse_bond("bond0", HEAD + PORT, tmp_path)
    assert (port.partner_mac, port.partner_key, port.churned) == (None, None, True)
    assert (port.number, port.partner_number, port.aggregator) == (None, None, 1)


def test_a_bond_without_ports_or_without_a_file(tmp_path: Path) -> None:
    assert list(parse_bond("bond0", HEAD, tmp_path)) == []
    assert list(parse_bond("bond0", "", tmp_path)) == []
