"""What stands around libvirt: ebtables, systemctl, the journal, the helper's file, users' domains."""

from __future__ import annotations

from importlib import import_module
from ipaddress import ip_address

from vmnet.facts import DaemonUnit, FailedStart, TapFilter

surroundings = import_module("vmnet.host.libvirt.surroundings")

# As ebtables-nft of Debian 12 prints it for one domain with clean-traffic, and one with an address given.
EBTABLES = """\
Bridge table: nat

Bridge chain: PREROUTING, entries: 2, policy: ACCEPT
-i vnet0 -j libvirt-I-vnet0
-i vnet1 -j libvirt-I-vnet1

Bridge chain: I-vnet0-arp-ip, entries: 2, policy: RETURN
-p ARP --arp-ip-src 192.168.122.95 -j RETURN
-j DROP

Bridge chain: I-vnet0-ipv4-ip, entries: 3, policy: RETURN
-p IPv4 --ip-src 0.0.0.0 --ip-proto udp -j RETURN
-p IPv4 --ip-src 192.168.122.95 -j RETURN
-j DROP

Bridge chain: I-vnet1-ipv4-ip, entries: 3, policy: RETURN
-p IPv4 --ip-src 0.0.0.0 --ip-proto udp -j RETURN
-p IPv4 --ip-src 192.168.122.77 -j RETURN
-p IPv4 --ip-src 192.168.122.78 -j RETURN
-j DROP

Bridge chain: I-vnet2-ipv4-ip, entries: 2, policy: RETURN
-p IPv4 --ip-src 0.0.0.0 --ip-proto udp -j RETURN
-j DROP

Bridge chain: O-vnet0-ipv4, entries: 1, policy: RETURN
-j ACCEPT
"""


def test_what_filters_let_through() -> None:
    assert surroundings.parse_tap_filters(EBTABLES) == (
        TapFilter(tap="vnet0", addresses=(ip_address("192.168.122.95"),)),
        TapFilter(tap="vnet1", addresses=(ip_address("192.168.122.77"), ip_address("192.168.122.78"))),
    )


SYSTEMCTL = """\
Id=libvirtd.service
After=system.slice network.target dbus.service
UnitFileState=enabled

Id=virtqemud.service
After=network-online.target
UnitFileState=disabled
"""


def test_daemons_that_start_domains_at_boot() -> None:
    assert surroundings.parse_daemons(SYSTEMCTL) == (DaemonUnit(name="libvirtd.service", waits=False),)
    waits = SYSTEMCTL.replace("disabled", "enabled")
    assert DaemonUnit(name="virtqemud.service", waits=True) in surroundings.parse_daemons(waits)


def test_what_failed_at_boot() -> None:
    journal = (
        "internal error: Failed to autostart VM 'web 01': Cannot get interface MTU on 'br0': No such device\n"
        "libvirt version: 9.0.0\n"
        "Failed to autostart VM 'db01': network 'lab' is not active\n"
    )
    assert surroundings.parse_failed_starts(journal) == (
        FailedStart(domain="web 01", reason="Cannot get interface MTU on 'br0': No such device"),
        FailedStart(domain="db01", reason="network 'lab' is not active"),
    )


def test_the_helpers_file() -> None:
    assert surroundings.parse_bridge_conf("# ours\nallow br0\ndeny all\n allow virbr0 \nallow\n") == ("br0", "virbr0")
