"""Hosts with any number of domains, healthy and in trouble: what the tests and pictures of status are made of."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

from tests import facts_samples as samples
from vmnet.facts import Domain, DomainState, Facts, GuestAddress, Interface, Link, Source, SwitchPort
from vmnet.names import Mac

KINDS = ("web", "db", "mail", "build", "cache", "git", "proxy", "shop")
SWITCHED = (
    SwitchPort(ifname="em1", chassis="00:00:5e:00:53:ff", port="Gi1/0/11", system="rack7-a"),
    SwitchPort(ifname="p4p1", chassis="00:00:5e:00:53:ff", port="Gi1/0/12", system="rack7-a"),
    SwitchPort(ifname="p2p1", chassis="00:00:5e:00:53:fe", port="Fa0/3", system="office-2"),
)


def name_of(number: int) -> str:
    """web01, db01, ... web02: eight kinds of machines in turn."""
    return f"{KINDS[number % len(KINDS)]}{number // len(KINDS) + 1:02}"


def mac_of(number: int) -> Mac:
    return Mac(f"52:54:00:00:{number // 256:02x}:{number % 256:02x}")


def host(domains: int, *, shut_off: int = 0, behind_nat: int = 0) -> Facts:
    """A host as it should be with so many domains; the last ones are shut off, the ones before them behind NAT."""
    base = samples.end_state()
    running = domains - shut_off
    nat = range(running - behind_nat, running)
    known = [guest(n, nat=n in nat) for n in range(running)]
    return replace(
        base,
        links=(
            *(replace(x, mtu=1500) for x in base.links if x.ifname not in ("em1.5", "vnet0")),
            *(tap(n, "virbr0" if n in nat else "br0") for n in range(running)),
        ),
        domains=tuple(sorted((domain(n, off=n >= running, nat=n in nat) for n in range(domains)), key=by_name)),
        guest_addresses=tuple(known),
        switch_ports=SWITCHED,
    )


def by_name(one: Domain) -> str:
    return one.name


def tap(number: int, bridge: str) -> Link:
    mac = Mac(mac_of(number).replace("52", "fe", 1))
    kind = {"kind": "tun", "bridge_port_state": "forwarding"}
    return samples.link(f"vnet{number}", 100 + number, mac=mac, controller=bridge, **kind)


def guest(number: int, *, nat: bool) -> GuestAddress:
    first = ip_address("203.0.113.20") if nat else ip_address("198.18.0.20")
    return GuestAddress(
        mac=mac_of(number), interface=ip_interface(f"{first + number % 200 if nat else first + number}/24"),
        origin="lease" if nat else "tap",
    )  # fmt: skip


def domain(number: int, *, off: bool, nat: bool) -> Domain:
    network = "default" if nat else "host-bridge"
    stored = samples.interface(mac_of(number), network, model="virtio")
    running = samples.interface(mac_of(number), network, model="virtio", target=f"vnet{number}")
    return Domain(
        name=name_of(number), uuid=f"00000000-0000-4000-8000-{number + 1000:012}", stored=True,
        state=DomainState.SHUT_OFF if off else DomainState.RUNNING,
        running=() if off else (running,), persistent=(stored,),
    )  # fmt: skip


def rename(facts: Facts, name: str) -> Facts:
    """The same host with every domain, network and switch called `name`, for names that are hard to say."""
    source = Source(type="network", network=name)

    def named(interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
        return tuple(replace(x, source=source) for x in interfaces)

    return replace(
        facts,
        hostname=name,
        networks=tuple(replace(network, name=name) for network in facts.networks[:1]),
        domains=tuple(
            replace(x, name=name, running=named(x.running), persistent=named(x.persistent)) for x in facts.domains
        ),
        switch_ports=tuple(replace(port, system=name, port=name) for port in facts.switch_ports),
    )


def three() -> Facts:
    """Three domains, one of them shut off, and all is well."""
    return host(3, shut_off=1)


def thirty() -> Facts:
    """Thirty domains; a cable is pulled, one tap has fallen out of the bridge, three are left behind NAT."""
    facts = samples.with_link(host(30, shut_off=4, behind_nat=3), "p4p1", carrier=False, lacp=None, speed_mbit=None)
    facts = samples.with_bond(facts, aggregator_ports=1)
    return samples.with_link(facts, "vnet7", controller=None, bridge_port_state=None)


def three_hundred() -> Facts:
    """Three hundred domains; one tap is gone, two are in no bridge, two differ in their documents, twelve are behind
    NAT."""
    facts = samples.without_link(host(300, shut_off=25, behind_nat=12), "vnet42")
    for name in ("vnet99", "vnet140"):
        facts = samples.with_link(facts, name, controller=None, bridge_port_state=None)
    for number in (17, 201):
        back = (samples.interface(mac_of(number), "default", model="virtio"),)
        facts = samples.with_domain(facts, name_of(number), persistent=back)
    return facts
