"""Rules about libvirt: the network on the bridge, its listing of links, and the domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks import ways
from vmnet.checks.findings import LIBVIRT, NETLINK, Finding
from vmnet.documents.interfaces import HOSTDEV
from vmnet.plan.destination import describe
from vmnet.plan.moves import LIVE_TYPES, bridge_behind
from vmnet.shell_words import command, in_turn, last, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

LIST_NETWORKS = command("virsh", "net-list", "--all")


def network_state(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.state: the network is persistent, active and autostarted."""
    if goal.network is None:
        return
    wanted = ("persistent", "active", "autostarted")
    fix: tuple[Command, ...]
    network = facts.network(goal.network)
    if network is None:
        away = facts.libvirt_version is None
        seen, fix = (facts.libvirt_problem or "libvirt does not answer") if away else "missing", ()
        ok, hint = False, "sudo systemctl start libvirtd" if away else "sudo vmnet host-setup defines it"
    else:
        has = (network.persistent, network.active, network.autostart)
        seen = ", ".join(word if yes else f"not {word}" for word, yes in zip(wanted, has, strict=True))
        ok, hint = all(has), "" if all(has) else "sudo vmnet host-setup defines, starts and autostarts it"
        fix = ways.whole(network)
    yield Finding(
        rule="network.state", layer="network", subject=goal.network, wanted=", ".join(wanted), seen=seen,
        source=LIBVIRT, ok=ok, hint=hint, fix=fix, shown_by=LIST_NETWORKS,
    )  # fmt: skip


def network_bridge(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.bridge: the network hands its interfaces to the bridge, without routing or NAT."""
    network = facts.network(goal.network) if goal.network else None
    if network is None:
        return
    ok = network.forward_mode == "bridge" and network.bridge == goal.bridge
    yield Finding(
        rule="network.bridge", layer="network", subject=network.name, wanted=f"forward bridge, on {goal.bridge}",
        seen=f"forward {network.forward_mode or 'none'}, on {network.bridge or 'no bridge'}", source=LIBVIRT, ok=ok,
        hint="" if ok else "sudo vmnet host-setup redefines it",
    )  # fmt: skip


def bridge_listed(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bridge.listed: libvirt's interface listing has the bridge, active, with its MAC.

    The listing leaves out every port of a bridge, so the bond's absence there is as it should be.
    """
    if facts.libvirt_version is None or facts.link(goal.bridge) is None:
        return
    wanted = f"active, MAC {goal.mac}" if goal.mac else "active"
    if facts.hypervisor_links is None:
        yield Finding(
            rule="bridge.listed", layer="bridge", subject=goal.bridge, wanted=wanted, seen="listing not available",
            source=LIBVIRT, ok=True, hint="to see libvirt's own list: apt install libvirt-daemon-driver-interface",
        )  # fmt: skip
        return
    listing = command("virsh", "iface-list", "--all")
    line = next((link for link in facts.hypervisor_links if link.ifname == goal.bridge), None)
    ok = line is not None and line.active and (not goal.mac or line.mac == goal.mac)
    seen = f"{'active' if line.active else 'inactive'}, MAC {line.mac}" if line else "not listed"
    yield Finding(
        rule="bridge.listed", layer="bridge", subject=goal.bridge, wanted=wanted, seen=seen, source=LIBVIRT, ok=ok,
        hint="" if ok else f"libvirt and the kernel disagree: {in_turn(listing, ways.show_link(goal.bridge))}",
    )  # fmt: skip


def on_bridge(source: Source, goal: HostGoal) -> bool:
    """Return whether an interface with this source belongs on the bridge."""
    if source.type == "network":
        return source.network == goal.network
    return source.type == "bridge" and source.bridge == goal.bridge


def domain_taps(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """domain.tap: the kernel has the tap of each running interface of the network in the bridge."""
    for domain, interface in () if facts.hypervisor_elsewhere else _running(goal, facts):
        yield tap_finding(domain, interface, goal.bridge, facts)


def tap_finding(domain: Domain, interface: Interface, bridge: str, facts: Facts) -> Finding:
    """Return whether the tap of a running interface is in the bridge in which it should be."""
    tap = facts.link(interface.target)
    ok = tap is not None and tap.controller == bridge
    network = facts.network(interface.source.network or "")
    fix = ways.put_into_bridge(tap.ifname, bridge, network) if tap is not None and not ok else ()
    return Finding(
        rule="domain.tap", layer="domain", subject=subject_of(domain, interface), wanted=f"tap in {bridge}",
        seen="no tap" if tap is None else f"{tap.ifname} in {tap.controller or 'no bridge'}", source=NETLINK, ok=ok,
        hint="" if ok else "put the tap back; the guest notices nothing" if tap else "power the domain off and on",
        shown_by=ways.show_link(interface.target) if interface.target else ways.list_interfaces(domain), fix=fix,
    )  # fmt: skip


def _running(goal: HostGoal, facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    for domain in facts.domains:
        for interface in domain.running:
            if on_bridge(interface.source, goal):
                yield domain, interface


def subject_of(domain: Domain, interface: Interface) -> str:
    """Return how a finding names an interface of a domain."""
    return f"{domain.name} {interface.mac}" if interface.mac else domain.name


def domain_documents(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """domain.documents: running and persistent say the same, so that a restart of the domain changes nothing."""
    for domain in facts.domains:
        if not domain.stored:
            continue
        persistent = {interface.mac: interface for interface in domain.persistent if interface.mac}
        for interface in domain.running:
            stored = persistent.get(interface.mac) if interface.mac else None
            sources = [interface.source, *([stored.source] if stored else [])]
            if not any(on_bridge(source, goal) for source in sources):
                continue
            if stored is None:
                yield _plugged(domain, interface)
            elif (interface.actual_type or interface.source.type) in LIVE_TYPES:
                yield same_sources("domain.documents", domain, interface, stored, facts)
            else:
                yield _waits_for_start(domain, interface, stored)


def domain_saves(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """domain.saved: a managed save brings the domain back where its persistent document says."""
    for domain in facts.domains:
        persistent = {interface.mac: interface for interface in domain.persistent if interface.mac}
        for interface in domain.saved or ():
            stored = persistent.get(interface.mac) if interface.mac else None
            if stored is not None and on_bridge(stored.source, goal):
                yield same_sources("domain.saved", domain, interface, stored, facts, "managed save")


def _plugged(domain: Domain, interface: Interface) -> Finding:
    """An interface that was plugged into the running domain alone may be meant so."""
    return Finding(
        rule="domain.documents", layer="domain", subject=subject_of(domain, interface),
        wanted="running and persistent agree", seen="only in the running document", source=LIBVIRT, ok=True,
        hint="it is gone when the domain is powered off; virsh attach-device --config keeps it",
    )  # fmt: skip


def _waits_for_start(domain: Domain, interface: Interface, stored: Interface) -> Finding:
    """libvirt cannot move one of this type while the domain runs; a device that is passed through is not replugged."""
    words = ("--mac", interface.mac or "", "--replug", *last(domain.name))
    replug = f", or {root('vmnet', 'attach-domain', *words)}"
    by_hand = interface.source.type == HOSTDEV
    return Finding(
        rule="domain.documents", layer="domain", subject=subject_of(domain, interface),
        wanted="running and persistent agree", source=LIBVIRT, ok=True,
        seen=f"running {describe(interface.source)}, from its next start {describe(stored.source)}",
        hint=f"power it off and on{'' if by_hand else replug}",
    )  # fmt: skip


def same_sources(
    rule: str, domain: Domain, interface: Interface, stored: Interface, facts: Facts, what: str = "running"
) -> Finding:
    """Return whether an interface leads to the same in the running document (or a managed save, as `what` says) and in
    the stored one. Ports, bridges and taps that libvirt notes in a running document are no difference."""
    # virsh domif-setlink leaves a bridge in the running document where a network leads there: that is no other way.
    bridges = {bridge_behind(source, facts) for source in (stored.source, interface.source)}
    same = len(bridges) == 1 and None not in bridges and not (stored.source.portgroup or interface.source.portgroup)
    persistent, now = describe(stored.source), describe(interface.source)
    ok = same or persistent == now
    saved = what != "running"
    fix = () if ok else _agree(domain, interface, stored, facts, saved=saved)
    by_hand = "change the wrong one: virsh edit" if not saved else "virsh managedsave-edit changes it"
    return Finding(
        rule=rule, layer="domain", subject=subject_of(domain, interface), wanted=f"{what} and persistent agree",
        seen=f"both {persistent}" if now == persistent else f"{what} {now}, persistent {persistent}",
        source=LIBVIRT, ok=ok, fix=fix,
        hint="" if ok else "this makes both agree" if fix else by_hand,
        shown_by=command("virsh", "managedsave-dumpxml" if saved else "dumpxml", *ways.named(domain)),
    )  # fmt: skip


def _agree(
    domain: Domain, interface: Interface, stored: Interface, facts: Facts, *, saved: bool
) -> tuple[Command, ...]:
    """What is saved follows the stored document; of running and stored both go to the one that leads to the LAN, or to
    where the domain runs."""
    if saved:
        return ways.rewrite_saved("domain.saved", domain, interface.source, stored.source, facts)
    network = facts.network(stored.source.network or "")
    to_lan = stored.source.bridge is not None or (network is not None and network.forward_mode == "bridge")
    return ways.attach(domain, interface, stored.source if to_lan else interface.source)


def domains_left(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """domain.left: which domains are still behind NAT; for information."""
    nat = {network.name for network in facts.networks if network.forward_mode == "nat"}
    left = [
        domain.name
        for domain in facts.domains
        if any(i.source.type == "network" and i.source.network in nat for i in (*domain.running, *domain.persistent))
    ]
    if left:
        yield Finding(
            rule="domain.left", layer="domain", subject="all", wanted=f"on {goal.network or goal.bridge}",
            seen=f"behind NAT: {', '.join(left)}", source=LIBVIRT, ok=True,
            hint="sudo vmnet migrate-from-virbr0 moves them",
        )  # fmt: skip
