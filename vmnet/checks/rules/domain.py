"""Rules about domains, on whichever bridge or network: where their interfaces lead, now and at the next start."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vmnet.checks import commands
from vmnet.checks.findings import EBTABLES, LIBVIRT, NETLINK, Finding
from vmnet.checks.registry import diagnosed
from vmnet.checks.rules.network import (
    BRIDGES,
    LIST_NETWORKS,
    ROUTED,
    named,
    on_bridge,
    same_sources,
    subject_of,
    tap_finding,
)
from vmnet.documents.networks import parse_subnets
from vmnet.facts import DomainState, Source
from vmnet.plan.domains.interface_moves import LIVE_TYPES, bridge_behind, learns, pair_interfaces
from vmnet.shell_words import command, last, pipe, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Domain, Facts, Interface
    from vmnet.shell_words import Command
    from vmnet.spec import BridgeSpec, IpAddress

DEFAULT = "/usr/share/libvirt/networks/default.xml"
"""The document of the network that libvirt brings along, on Debian and Fedora."""


def _running(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    yield from ((domain, interface) for domain in facts.domains for interface in domain.running)


def _stored(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    yield from ((domain, interface) for domain in facts.domains for interface in domain.persistent)


def on_lan(source: Source, facts: Facts) -> bool:
    """Return whether a source leads to a bridge of the host's own, not to one that libvirt routes."""
    if source.network is not None:
        network = facts.network(source.network)
        return network is not None and network.forward_mode == "bridge" and network.bridge is not None
    routed = {network.bridge for network in facts.networks if network.forward_mode in ROUTED}
    return source.bridge is not None and source.bridge not in routed


@diagnosed
def other_taps(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.tap: taps of all the other networks and bridges, too; verify looks at the goal's."""
    for domain, interface in () if facts.hypervisor_elsewhere else _running(facts):
        bridge = bridge_behind(interface.source, facts)
        verified = on_bridge(interface.source, goal) and facts.link(goal.ifname) is not None
        if bridge is not None and interface.target and not interface.virtualport and not verified:
            yield tap_finding(domain, interface, bridge, facts)


@diagnosed
def taps_down(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.tap-down: the host's end of a running interface is up."""
    for domain, interface in () if facts.hypervisor_elsewhere else _running(facts):
        tap = facts.link(interface.target)
        if tap is not None and not tap.admin_up and interface.link_up:
            yield Finding(
                rule="domain.tap-down", layer="domain", subject=subject_of(domain, interface), wanted="tap up",
                seen=f"{tap.ifname} down", source=NETLINK, ok=False, shown_by=commands.show_link(tap.ifname),
                fix=(root("ip", "link", "set", "dev", tap.ifname, "up"),),
            )  # fmt: skip


@diagnosed
def links_down(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.link-down: the guest's end has a link, unless the stored document, too, says that it has none."""
    for domain in facts.domains:
        for pair in pair_interfaces(domain):
            live = pair.running
            if live is None or live.link_up:
                continue
            meant = pair.persistent is not None and not pair.persistent.link_up
            yield Finding(
                rule="domain.link-down", layer="domain", subject=subject_of(domain, live), wanted="link up",
                seen=f"link down in the running document{' and the persistent one' if meant else ''}", source=LIBVIRT,
                ok=meant, shown_by=command("virsh", "domif-getlink", *commands.named(domain), live.mac or ""),
                hint="for the guest its cable is pulled" + ("; this seems to be intended" if meant else ""),
                fix=(commands.set_link(domain, live, "up"),),
            )  # fmt: skip


@diagnosed
def networks_missing(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.network-missing: the network that a stored document names is there."""
    for domain, interface in _stored(facts):
        name = interface.source.network
        if name is None or facts.network(name) is not None:
            continue
        hint, fix = _instead(name, domain, interface, goal, facts)
        yield Finding(
            rule="domain.network-missing", layer="domain", subject=subject_of(domain, interface), ok=False,
            wanted=f"network {name}", seen=f"no network {name}", source=LIBVIRT, hint=hint, fix=fix,
            shown_by=LIST_NETWORKS,
        )  # fmt: skip


def _instead(
    name: str, domain: Domain, interface: Interface, goal: BridgeSpec, facts: Facts
) -> tuple[str, tuple[Command, ...]]:
    if name == "default":
        define = root("virsh", "net-define", DEFAULT)
        hint = "define libvirt's own network again, or move the domain: vmnet attach-domain"
        return hint, (define, root("virsh", "net-start", name), root("virsh", "net-autostart", name))
    same = next((n for n in facts.networks if n.bridge == name and n.forward_mode == "bridge" and n.active), None)
    target = same or next((n for n in facts.networks if n.name == goal.network and n.active), None)
    if target is None:
        return "define the network, or give the interface an existing one: virsh net-list --all", ()
    why = f"{name} is the bridge of network {target.name}" if same else f"move the interface to network {target.name}"
    return why, commands.attach(domain, interface, Source(type="network", network=target.name))


@diagnosed
def no_bridges(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.source-bridge: what a stored document names as a bridge is one."""
    for domain, interface in () if facts.hypervisor_elsewhere else _stored(facts):
        name = interface.source.bridge
        link = facts.link(name)
        if name is None or interface.virtualport or (link is not None and link.kind in BRIDGES):
            continue
        routed = any(network.bridge == name and network.forward_mode in ROUTED for network in facts.networks)
        if link is None and routed:
            continue  # It comes with its network, of which network.inactive speaks.
        above = facts.link(_top(name, facts))
        bridge = above.ifname if above is not None and above.kind == "bridge" else None
        yield Finding(
            rule="domain.source-bridge", layer="domain", subject=subject_of(domain, interface),
            wanted=f"{name} is a bridge", seen=f"{name}: {'no bridge' if link else 'missing'}", source=NETLINK,
            ok=False, shown_by=commands.show_link(name),
            hint=f"its bridge is {bridge}" if bridge else "name an existing bridge, or better a network",
            fix=commands.attach(domain, interface, Source(type="bridge", bridge=bridge)) if bridge else (),
        )  # fmt: skip


def _top(name: str | None, facts: Facts) -> str | None:
    link = facts.link(name)
    return _top(link.controller, facts) if link is not None and link.controller else name


@diagnosed
def documents(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.documents: running and stored say the same on the other networks, too; verify looks at the goal's."""
    for domain in facts.domains:
        for pair in pair_interfaces(domain) if domain.stored else ():
            live, stored = pair.running, pair.persistent
            if live is None or stored is None or (live.actual_type or live.source.type) not in LIVE_TYPES:
                continue
            if on_bridge(live.source, goal) or on_bridge(stored.source, goal) or live.source == stored.source:
                continue
            yield same_sources("domain.documents", domain, live, stored, facts)


@diagnosed
def saved_states(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.saved, domain.snapshot: what was saved leads to the network that the stored document names."""
    for domain in facts.domains:
        stored = {interface.mac: interface for interface in domain.persistent if interface.mac}
        for saved in domain.saved or ():
            now = stored.get(saved.mac) if saved.mac else None
            if now is not None and not on_bridge(now.source, goal) and now.source != saved.source:
                yield same_sources("domain.saved", domain, saved, now, facts, "managed save")
        for interface in stored.values():
            yield from _snapshots(domain, interface, facts)


def _snapshots(domain: Domain, interface: Interface, facts: Facts) -> Iterator[Finding]:
    """Only a snapshot that leads from the LAN back behind NAT, or to a network that is not there, is trouble."""
    back = [
        (snapshot.name, source)
        for snapshot in domain.snapshots
        for source in dict.fromkeys(i.source for i in snapshot.interfaces if i.mac == interface.mac)
        if on_lan(interface.source, facts) and source.type in LIVE_TYPES and not on_lan(source, facts)
    ]
    if back:
        yield Finding(
            rule="domain.snapshot", layer="domain", subject=subject_of(domain, interface), source=LIBVIRT, ok=False,
            wanted=f"snapshots on {interface.source}",
            seen="; ".join(f"snapshot {name}: {source}" for name, source in back),
            shown_by=command("virsh", "snapshot-dumpxml", *commands.named(domain), "--snapshotname", back[0][0]),
            fix=commands.rewrite_saved("domain.snapshot", domain, back[0][1], interface.source, facts),
            hint="virsh snapshot-edit changes one snapshot; vmnet migrate-from-virbr0 changes all of a domain",
        )  # fmt: skip


@diagnosed
def states(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.state: a domain that is paused, or neither running nor off, answers nobody; for information."""
    for domain in facts.domains:
        if domain.state in (DomainState.PAUSED, DomainState.OTHER):
            paused = domain.state is DomainState.PAUSED
            yield Finding(
                rule="domain.state", layer="domain", subject=domain.name, wanted="running or shut off",
                seen="paused" if paused else "neither running, paused nor shut off", source=LIBVIRT, ok=True,
                shown_by=command("virsh", "domstate", *commands.named(domain), "--reason"),
                hint="a guest that is not running does not answer",
                fix=(root("virsh", "resume", *commands.named(domain)),) if paused else (),
            )  # fmt: skip


@diagnosed
def in_one_lan(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.one-lan: a domain with two interfaces on one bridge; for information."""
    for domain in facts.domains:
        interfaces = domain.running if domain.active else domain.persistent
        bridges = Counter(b for i in interfaces if on_lan(i.source, facts) and (b := bridge_behind(i.source, facts)))
        for bridge, count in bridges.items():
            if count > 1:
                yield Finding(
                    rule="domain.one-lan", layer="domain", subject=domain.name, wanted="one interface a LAN",
                    seen=f"{count} interfaces on {bridge}", source=LIBVIRT, ok=True,
                    shown_by=commands.list_interfaces(domain),
                    hint="this works if the guest bonds them; otherwise each interface answers for the other's address",
                )  # fmt: skip


@diagnosed
def unknown_addresses(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.address: whose address nobody on this host can tell; for information."""
    known = {address.mac for address in facts.guest_addresses if address.origin != "lease"}
    lost = tuple(
        domain
        for domain in facts.domains
        if domain.state is DomainState.RUNNING
        and any(on_lan(i.source, facts) and i.mac not in known for i in domain.running)
    )
    if lost:
        yield Finding(
            rule="domain.address", layer="domain", subject="all", wanted="guests' addresses known here", ok=True,
            seen=f"not known: {named(lost)}", source=LIBVIRT,
            shown_by=command("virsh", "domifaddr", "--source", "agent", "DOMAIN"),
            hint="libvirt has no leases of the LAN: ask its DHCP server, or install qemu-guest-agent in the guests",
        )  # fmt: skip


# Rules about what guests on a LAN still have of the network that they left: leases, addresses, filters.

_SHOWN_BY_ARP = root("vmnet", "doctor", "--probe")
_ON_THE_LAN = "an address of the LAN"


def _behind(addresses: Iterable[IpAddress], facts: Facts) -> dict[IpAddress, str]:
    """Return those addresses that belong behind libvirt, each with its network's name."""
    routed = [network for network in facts.networks if network.forward_mode in ROUTED]
    subnets = [(subnet, network.name) for network in routed for subnet in parse_subnets(network.document)]
    return {address: name for address in addresses for subnet, name in subnets if address in subnet}


def _running_on_lan(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    for domain in facts.domains:
        for interface in domain.running:
            if interface.mac is not None and on_lan(interface.source, facts):
                yield domain, interface


@diagnosed
def old_addresses(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.old-lease, domain.old-address: no guest on a LAN has an address from behind libvirt alone.

    A lease proves nothing: the old network's server goes on listing it. The guest's agent tells, or the guest's answer.
    """
    answered = facts.lan.guests if facts.lan is not None else ()
    for domain, interface in _running_on_lan(facts):
        own = [a for a in facts.guest_addresses if a.mac == interface.mac]
        told = {a.interface.ip for a in own if a.origin != "lease"}
        heard = {answer.address for answer in answered if answer.mac == interface.mac}
        old = _behind(told | heard, facts)
        if not old or {address for address in told if address.version == 4} - set(old):
            continue
        leased = set(old) & {a.interface.ip for a in own if a.origin == "lease"}
        seen = ", ".join(f"{address} of network {name}" for address, name in old.items())
        agent = command("virsh", "domifaddr", *commands.named(domain), "--source", "agent")
        hint = "take its link down and up: its DHCP client then asks again. Otherwise reboot it"
        yield Finding(
            rule="domain.old-lease" if leased else "domain.old-address", layer="domain", wanted=_ON_THE_LAN, seen=seen,
            subject=subject_of(domain, interface), source="ARP" if heard else "guest agent", ok=False,
            shown_by=_SHOWN_BY_ARP if heard else agent,
            hint=hint if leased else "the address did not come from a DHCP server: change it inside the guest",
            fix=commands.bounce(domain, interface) if leased else (),
        )  # fmt: skip


@diagnosed
def filters_missing(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """filter.missing: each filter that a stored document names is defined."""
    known = facts.surroundings.filters if facts.surroundings is not None else None
    for domain in facts.domains if known is not None else ():
        for interface in domain.persistent:
            if interface.filter and interface.filter not in (known or ()):
                yield Finding(
                    rule="filter.missing", layer="filter", subject=subject_of(domain, interface), source=LIBVIRT,
                    wanted=f"filter {interface.filter}", seen="no such filter", ok=False,
                    shown_by=command("virsh", "nwfilter-list"),
                    hint="define it (virsh nwfilter-define FILE), or remove it: then nothing is filtered",
                    fix=(commands.change_stored(domain, interface, _WITHOUT_FILTER),),
                )  # fmt: skip


@diagnosed
def filters_of_old(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """filter.old-address: no filter on a LAN's tap holds the guest to an address from behind libvirt."""
    passed = {f.tap: f.addresses for f in (facts.surroundings.tap_filters if facts.surroundings else ())}
    for domain, interface in _running_on_lan(facts):
        tap = interface.target or ""
        given = [address for address in passed.get(tap, ()) if address.version == 4]
        old = _behind(given, facts)
        if not old or len(old) < len(set(given)):
            continue
        listed = ", ".join(map(str, old))
        fix = _learn_again(tap) if learns(interface) else _without_address(domain, interface)
        yield Finding(
            rule="filter.old-address", layer="filter", subject=subject_of(domain, interface), wanted=_ON_THE_LAN,
            seen=f"{tap}: filter {interface.filter} allows only {listed}", source=EBTABLES, ok=False,
            shown_by=root("ebtables", "-t", "nat", "-L", f"I-{tap}-ipv4-ip"),
            hint="a new filter learns the next address that the guest uses",
            fix=(*fix, *commands.bounce(domain, interface)),
        )  # fmt: skip


_WITHOUT_FILTER = "/<filterref .*\\/>/d; /<filterref /,/<\\/filterref>/d"
_WITHOUT_ADDRESS = "/<parameter name=['\"]IP['\"]/d"


def _without_address(domain: Domain, interface: Interface) -> tuple[Command, ...]:
    stored = (commands.change_stored(domain, interface, _WITHOUT_ADDRESS),) if domain.stored else ()
    return (*stored, commands.change_running(domain, interface, _WITHOUT_ADDRESS))


def _learn_again(tap: str) -> tuple[Command, ...]:
    kept, binding = f"/run/{tap}.xml", last(tap)
    return (
        pipe(root("virsh", "nwfilter-binding-dumpxml", *binding), root("tee", kept)),
        root("virsh", "nwfilter-binding-delete", *binding),
        root("virsh", "nwfilter-binding-create", kept),
    )
