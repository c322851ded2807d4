"""Facts of a host as it should be after host-setup, under documentation addresses, and ways to spoil them.

The shape is the primer's end state: two NICs in an LACP bond, the bond in a bridge that has the host's address, a
management link apart, a libvirt network on the bridge with two domains, NAT beside it.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from vmnet.facts import (
    Address,
    BondPort,
    BondState,
    Boot,
    BridgeState,
    Device,
    Domain,
    DomainState,
    Facts,
    HypervisorLink,
    Interface,
    LacpPort,
    Link,
    Network,
    Profile,
    ProfileFile,
    Route,
    Source,
)
from vmnet.names import Mac
from vmnet.spec import AddressSpec, BridgeSpec

MAC = Mac("00:00:5e:00:53:01")
SECOND_MAC = Mac("00:00:5e:00:53:02")
MANAGEMENT_MAC = Mac("00:00:5e:00:53:03")
SWITCH_MAC = Mac("00:00:5e:00:53:ff")
WEB_MAC = Mac("52:54:00:00:53:11")
DB_MAC = Mac("52:54:00:00:53:12")

ADDRESS = ip_interface("192.0.2.3/24")
GATEWAY = ip_address("192.0.2.1")
DNS = ip_address("192.0.2.2")

UUIDS = {
    name: f"00000000-0000-4000-8000-{number:012}"
    for number, name in enumerate(("br0", "bond0", "em1", "p4p1", "p2p1", "virbr0"), start=1)
}


def goal() -> BridgeSpec:
    """What host-setup aimed at."""
    return BridgeSpec(
        ifname="br0",
        mac=MAC,
        nics=("em1", "p4p1"),
        address=AddressSpec(addresses=(ADDRESS,), gateways=(GATEWAY,), dns=(DNS,)),
        network="host-bridge",
        management="p2p1",
        vlans=("em1.5",),
        profiles=tuple((name, UUIDS[name]) for name in ("br0", "bond0", "em1", "p4p1")),
    )


def goal_with(**values: Any) -> BridgeSpec:
    """What host-setup aimed at, with these values in its address."""
    return replace(goal(), address=replace(goal().requested, **values))


def end_state() -> Facts:
    """A host on which all is as `goal` wants it."""
    return Facts(
        hostname="host1",
        machine_id="0123456789abcdef0123456789abcdef",
        root=True,
        links=_links(),
        addresses=(
            Address(ifname="lo", interface=ip_interface("127.0.0.1/8"), scope="host"),
            Address(ifname="p2p1", interface=ip_interface("198.51.100.3/24")),
            Address(ifname="br0", interface=ADDRESS),
            Address(ifname="br0", interface=ip_interface("fe80::200:5eff:fe00:5301/64"), scope="link"),
            Address(ifname="virbr0", interface=ip_interface("203.0.113.1/24")),
        ),
        routes=(
            Route(destination=None, gateway=GATEWAY, ifname="br0", metric=425),
            Route(destination=ip_network("192.0.2.0/24"), gateway=None, ifname="br0", metric=425),
        ),
        nm_version="1.42.4",
        devices=_devices(),
        profiles=_profiles(),
        libvirt_version="9.0.0",
        networks=_networks(),
        hypervisor_links=(
            HypervisorLink(ifname="br0", mac=MAC, active=True),
            HypervisorLink(ifname="lo", mac=None, active=True),
            HypervisorLink(ifname="p2p1", mac=MANAGEMENT_MAC, active=True),
        ),
        domains=_domains(),
        resolvers=(DNS,),
        boot=Boot(
            kernel_arguments=("root=/dev/vda1", "quiet"),
            manager_starts=True,
            profile_files=tuple(ProfileFile(path=profile.filename, size=400) for profile in _profiles()),
        ),
        bond_ports=tuple(
            BondPort(ifname=name, bond="bond0", partner_mac=SWITCH_MAC, partner_key=13) for name in ("em1", "p4p1")
        ),
    )


def _links() -> tuple[Link, ...]:
    lacp = LacpPort(actor_state=61, partner_state=61, aggregator_id=1)
    bond = BondState(
        mode="802.3ad", miimon_ms=100, lacp_rate="slow", aggregator_id=1, aggregator_ports=2, partner_mac=SWITCH_MAC
    )
    bridge = BridgeState(stp=False, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=False)
    nic = {"hardware": True, "speed_mbit": 1000, "duplex": "full"}
    return (
        link("lo", 1, mac=Mac("00:00:00:00:00:00")),
        link("p2p1", 2, mac=MANAGEMENT_MAC, permanent_mac=MANAGEMENT_MAC, **nic),
        link("em1", 3, permanent_mac=MAC, controller="bond0", lacp=lacp, **nic),
        link("p4p1", 4, permanent_mac=SECOND_MAC, controller="bond0", lacp=lacp, **nic),
        link("bond0", 5, kind="bond", controller="br0", bond=bond, bridge_port_state="forwarding"),
        link("br0", 6, kind="bridge", bridge=bridge),
        link("em1.5", 9, kind="vlan", parent="br0"),
        link("virbr0", 7, kind="bridge", mac=Mac("52:54:00:00:53:01"), bridge=replace(bridge, stp=True)),
        link("vnet0", 8, kind="tun", mac=Mac("fe:54:00:00:53:11"), controller="br0", bridge_port_state="forwarding"),
    )


def link(ifname: str, ifindex: int, **values: Any) -> Link:
    """A link that is up, with the bridge's MAC unless `values` say otherwise."""
    plain: dict[str, Any] = {
        "kind": "", "mac": MAC, "mtu": 1500, "admin_up": True, "carrier": True, "operstate": "up",
    }  # fmt: skip
    return Link(ifname=ifname, ifindex=ifindex, **(plain | values))


def _devices() -> tuple[Device, ...]:
    types = {"p2p1": "ethernet", "em1": "ethernet", "p4p1": "ethernet", "bond0": "bond", "br0": "bridge"}
    dns = {"br0": (DNS,)}
    return tuple(
        Device(ifname=name, type=kind, state=100, profile=UUIDS[name], dns=dns.get(name, ()))
        for name, kind in types.items()
    )


def _profiles() -> tuple[Profile, ...]:
    ports = {"connection.slave-type": "bond", "connection.master": UUIDS["bond0"]}
    manual = {
        "ipv4.method": "manual", "ipv4.addresses": str(ADDRESS), "ipv4.gateway": str(GATEWAY), "ipv4.dns": str(DNS),
        "ipv4.never-default": "no", "ipv4.may-fail": "yes",
    }  # fmt: skip
    management = {
        "ipv4.method": "manual", "ipv4.addresses": "198.51.100.3/24", "ipv4.never-default": "yes",
        "ipv4.may-fail": "yes",
    }  # fmt: skip
    boot = {"connection.autoconnect-slaves": "1", "802-3-ethernet.cloned-mac-address": MAC.upper()}
    return (
        profile("br0", "bridge", manual | boot | {"bridge.stp": "no"}),
        profile(
            "bond0", "bond",
            boot | {"connection.master": UUIDS["br0"], "bond.options": "mode=802.3ad,miimon=100"},
        ),
        profile("em1", "802-3-ethernet", ports | {"connection.autoconnect-priority": "100"}),
        profile("p4p1", "802-3-ethernet", ports | {"connection.autoconnect-priority": "100"}),
        profile("p2p1", "802-3-ethernet", management, name="mgmt0"),
    )  # fmt: skip


def profile(ifname: str, kind: str, settings: dict[str, str] | None = None, **values: Any) -> Profile:
    """An active profile for `ifname`, stored on disk, that starts by itself."""
    name = values.pop("name", ifname)
    base = {"connection.interface-name": ifname, "connection.autoconnect": "yes"}
    plain: dict[str, Any] = {
        "uuid": UUIDS.get(ifname, "00000000-0000-4000-8000-0000000000ff"),
        "filename": f"/etc/NetworkManager/system-connections/{name}.nmconnection",
        "device": ifname,
        "settings": tuple(sorted((base | (settings or {})).items())),
    }
    return Profile(name=name, type=kind, **(plain | values))


def _networks() -> tuple[Network, ...]:
    return (
        Network(
            name="default", uuid="00000000-0000-4000-8000-000000000101", active=True, persistent=True, autostart=True,
            forward_mode="nat", bridge="virbr0", document="<network><name>default</name></network>",
        ),
        Network(
            name="host-bridge", uuid="00000000-0000-4000-8000-000000000102", active=True, persistent=True,
            autostart=True, forward_mode="bridge", bridge="br0",
            document="<network><name>host-bridge</name></network>",
        ),
    )  # fmt: skip


def interface(mac: Mac, network: str, **values: Any) -> Interface:
    """A domain's interface on a libvirt network."""
    return Interface(mac=mac, source=Source(type="network", network=network), document="<interface/>", **values)


def _domains() -> tuple[Domain, ...]:
    return (
        Domain(
            name="db01", uuid="00000000-0000-4000-8000-000000000202", state=DomainState.SHUT_OFF, stored=True,
            persistent=(interface(DB_MAC, "host-bridge"),),
        ),
        Domain(
            name="web01", uuid="00000000-0000-4000-8000-000000000201", state=DomainState.RUNNING, stored=True,
            running=(interface(WEB_MAC, "host-bridge", target="vnet0"),),
            persistent=(interface(WEB_MAC, "host-bridge"),),
        ),
    )  # fmt: skip


def with_link(facts: Facts, ifname: str, **changes: Any) -> Facts:
    """The same host with one link changed."""
    return replace(facts, links=tuple(replace(x, **changes) if x.ifname == ifname else x for x in facts.links))


def with_bond(facts: Facts, **changes: Any) -> Facts:
    """The same host with the state of bond0 changed."""
    return replace(
        facts,
        links=tuple(replace(x, bond=replace(x.bond, **changes)) if x.bond is not None else x for x in facts.links),
    )


def with_bond_port(facts: Facts, ifname: str, **changes: Any) -> Facts:
    """The same host with what the kernel says of one port of bond0 changed."""
    ports = tuple(replace(port, **changes) if port.ifname == ifname else port for port in facts.bond_ports)
    return replace(facts, bond_ports=ports)


def with_boot(facts: Facts, **changes: Any) -> Facts:
    """The same host with another next boot."""
    return replace(facts, boot=replace(facts.boot or Boot(), **changes))


def without_link(facts: Facts, ifname: str) -> Facts:
    """The same host without one link; its ports are ports of nothing."""
    links = (replace(x, controller=None) if x.controller == ifname else x for x in facts.links)
    return replace(facts, links=tuple(x for x in links if x.ifname != ifname))


def with_address(facts: Facts, ifname: str, address: str, **values: Any) -> Facts:
    """The same host with one more address."""
    return replace(
        facts, addresses=(*facts.addresses, Address(ifname=ifname, interface=ip_interface(address), **values))
    )


def with_setting(facts: Facts, ifname: str, **settings: str) -> Facts:
    """The same host with settings of the profile for `ifname` changed; `ipv4__dns` is written for ipv4.dns."""
    named = {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}
    return replace(
        facts,
        profiles=tuple(
            replace(p, settings=tuple(sorted((dict(p.settings) | named).items()))) if p.ifname == ifname else p
            for p in facts.profiles
        ),
    )


def with_profile(facts: Facts, ifname: str, **changes: Any) -> Facts:
    """The same host with the profile record for `ifname` changed."""
    return replace(facts, profiles=tuple(replace(p, **changes) if p.ifname == ifname else p for p in facts.profiles))


def with_device(facts: Facts, ifname: str, **changes: Any) -> Facts:
    """The same host with NetworkManager's device `ifname` changed."""
    return replace(facts, devices=tuple(replace(d, **changes) if d.ifname == ifname else d for d in facts.devices))


def with_network(facts: Facts, name: str, **changes: Any) -> Facts:
    """The same host with one libvirt network changed."""
    return replace(facts, networks=tuple(replace(n, **changes) if n.name == name else n for n in facts.networks))


def with_domain(facts: Facts, name: str, **changes: Any) -> Facts:
    """The same host with one domain changed."""
    return replace(facts, domains=tuple(replace(d, **changes) if d.name == name else d for d in facts.domains))
