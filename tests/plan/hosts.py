"""Hosts to plan for: three NICs, `mgmt` and two for the bond, before anything is set up."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from vmnet.facts import Address, Device, Facts, Link, Profile, Route
from vmnet.names import Mac
from vmnet.spec import AddressSpec

ADDRESS = ipaddress.ip_interface("192.0.2.3/24")
GATEWAY = ipaddress.ip_address("192.0.2.1")
DNS = ipaddress.ip_address("192.0.2.53")
REQUESTED = AddressSpec(addresses=(ADDRESS,), gateways=(GATEWAY,), dns=(DNS,))

MGMT_UUID = "11111111-0000-0000-0000-000000000001"
LAN_UUID = "11111111-0000-0000-0000-000000000002"
OLD_UUID = "11111111-0000-0000-0000-000000000009"


def nic(ifname: str, number: int) -> Link:
    mac = Mac(f"00:00:5e:00:53:{number:02x}")
    return Link(
        ifname=ifname,
        ifindex=number,
        kind="",
        mac=mac,
        mtu=1500,
        admin_up=True,
        carrier=True,
        operstate="up",
        permanent_mac=mac,
        speed_mbit=1000,
        duplex="full",
        hardware=True,
    )


def profile(name: str, uuid: str, ifname: str, *, active: bool = True, **settings: str) -> Profile:
    base = {
        "connection.id": name,
        "connection.uuid": uuid,
        "connection.type": "802-3-ethernet",
        "connection.interface-name": ifname,
        "connection.autoconnect": "yes",
        "connection.autoconnect-priority": "0",
        "ipv4.method": "manual",
        "ipv6.method": "disabled",
    }
    base |= {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}
    return Profile(
        uuid=uuid,
        name=name,
        type=base["connection.type"],
        filename=f"/etc/NetworkManager/system-connections/{name}.nmconnection",
        settings=tuple(base.items()),
        device=ifname if active else None,
    )


def with_profile(facts: Facts, added: Profile) -> Facts:
    return replace(facts, profiles=(*facts.profiles, added))


def bare_host() -> Facts:
    """A host with a management address and nothing else."""
    return Facts(
        hostname="host",
        machine_id="0123456789abcdef0123456789abcdef",
        root=True,
        links=(nic("mgmt", 1), nic("em1", 2), nic("em2", 3)),
        addresses=(Address(ifname="mgmt", interface=ipaddress.ip_interface("198.51.100.3/24")),),
        nm_version="1.42.4",
        devices=(
            Device(ifname="em1", type="ethernet", state=30),
            Device(ifname="em2", type="ethernet", state=30),
            Device(ifname="mgmt", type="ethernet", state=100, profile=MGMT_UUID),
        ),
        profiles=(profile("mgmt0", MGMT_UUID, "mgmt", ipv4__addresses="198.51.100.3/24", ipv4__never_default="yes"),),
        libvirt_version="9.0.0",
    )


def addressed_host(**settings: str) -> Facts:
    """A host whose em1 has the address and the default route; `settings` go into em1's profile."""
    bare = bare_host()
    lan = {"ipv4__addresses": str(ADDRESS), "ipv4__gateway": str(GATEWAY), "ipv4__dns": str(DNS), **settings}
    devices = [d for d in bare.devices if d.ifname != "em1"]
    return replace(
        bare,
        addresses=(*bare.addresses, Address(ifname="em1", interface=ADDRESS)),
        routes=(Route(destination=None, gateway=GATEWAY, ifname="em1", metric=100),),
        devices=(*devices, Device(ifname="em1", type="ethernet", state=100, profile=LAN_UUID, dns=(DNS,))),
        profiles=(*bare.profiles, profile("lan", LAN_UUID, "em1", active=True, **lan)),
    )


def routed_host() -> Facts:
    """The same with all its routes: em1 has the address and the default route, mgmt a network of its own."""
    facts = addressed_host()
    networks = [("em1", ADDRESS.network), ("mgmt", ipaddress.ip_network("198.51.100.0/24"))]
    connected = (Route(destination=network, gateway=None, ifname=name) for name, network in networks)
    return replace(facts, routes=(*facts.routes, *connected))


def addressed_by_a_bond(method: str = "manual") -> Facts:
    """A host whose address is on bond0, over em1 and em2"""
    facts = routed_host()
    addresses = str(ADDRESS) if method == "manual" else ""
    layer3 = {"ipv4__method": method, "ipv4__addresses": addresses}
    old = profile("an old one", OLD_UUID, "bond0", active=True, connection__type="bond", **layer3)
    bond = replace(nic("bond0", 9), kind="bond", hardware=False, permanent_mac=None)
    over = {"em1": "bond0", "em2": "bond0"}
    return replace(
        facts,
        links=(*(replace(link, controller=over.get(link.ifname)) for link in facts.links), bond),
        addresses=tuple(replace(a, ifname="bond0") if a.ifname == "em1" else a for a in facts.addresses),
        routes=tuple(replace(r, ifname="bond0", metric=300) if r.ifname == "em1" else r for r in facts.routes),
        devices=(*facts.devices, Device(ifname="bond0", type="bond", state=100, profile=OLD_UUID)),
        profiles=(*facts.profiles, replace(old, device="bond0")),
    )
