"""Rules about where the interfaces of domains lead: the tap, the running document, and what was saved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmnet.checks import commands
from vmnet.checks.findings import LIBVIRT, NETLINK, Finding, subject_of
from vmnet.checks.fixes import by_hand, plan_of
from vmnet.checks.registry import diagnosed, verified
from vmnet.checks.rules.network import LIST_NETWORKS
from vmnet.documents.interfaces import HOSTDEV
from vmnet.errors import Refused
from vmnet.facts import Domain, Facts, Interface, Source
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.domains.interface_moves import LIVE_TYPES, pair_interfaces, plan_rewrites
from vmnet.plan.steps import Plan, Planned, PutPort
from vmnet.shell_words import Command, command, last, root
from vmnet.spec import AttachSpec, BridgeSpec

DEFAULT = "/usr/share/libvirt/networks/default.xml"
"""The document of the network that libvirt brings along, on Debian and Fedora."""


def on_bridge(source: Source, goal: BridgeSpec) -> bool:
    """Return whether an interface with this source belongs on the bridge."""
    if source.type == "network":
        return source.network == goal.network
    return source.type == "bridge" and source.bridge == goal.ifname


def _put_back(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    """Make the taps ports of their bridges again."""
    subjects = {finding.subject for finding in found}
    planned = []
    for domain, interface in facts.running_interfaces():
        tap, bridge = facts.link(interface.target), facts.bridge_behind(interface.source)
        if subject_of(domain, interface) in subjects and tap and bridge and tap.controller != bridge:
            if facts.link(bridge) is None:
                raise Refused(f"the bridge {bridge} does not exist either", by_hand(found))
            undo = (PutPort(ifname=tap.ifname, controller=tap.controller),)
            step = PutPort(ifname=tap.ifname, controller=bridge)
            planned.append(Planned(step=step, why=f"{domain.name} is on {bridge}", undo=undo))
    if not planned:
        raise Refused("the taps do not exist any more", "power the domains off and on")
    return plan_of(planned)


@verified("domain.tap", fix=_put_back)
def taps(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The kernel has the tap of each running interface of the network in the bridge."""
    for domain, interface in () if facts.hypervisor_elsewhere else facts.running_interfaces():
        if on_bridge(interface.source, goal):
            yield _tap(domain, interface, goal.ifname, facts)


@diagnosed("domain.tap", fix=_put_back)
def other_taps(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Taps of all the other networks and bridges, too; verify looks at the goal's."""
    for domain, interface in () if facts.hypervisor_elsewhere else facts.running_interfaces():
        bridge = facts.bridge_behind(interface.source)
        seen_by_verify = on_bridge(interface.source, goal) and facts.link(goal.ifname) is not None
        if bridge is not None and interface.target and not interface.virtualport and not seen_by_verify:
            yield _tap(domain, interface, bridge, facts)


def _tap(domain: Domain, interface: Interface, bridge: str, facts: Facts) -> Finding:
    tap, network = facts.link(interface.target), facts.network(interface.source.network)
    return Finding(
        subject=subject_of(domain, interface), wanted=f"tap in {bridge}", source=NETLINK,
        seen=f"{tap.ifname} in {tap.controller or 'no bridge'}" if tap else "no tap",
        shown_by=commands.show_link(interface.target) if interface.target else commands.list_interfaces(domain),
        hint="put the tap back; the guest notices nothing" if tap else "power the domain off and on",
        fix=commands.put_into_bridge(tap.ifname, bridge, network) if tap else (),
    ).judged(tap is not None and tap.controller == bridge)  # fmt: skip


@diagnosed("domain.tap-down")
def taps_down(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The host's end of a running interface is up."""
    for domain, interface in () if facts.hypervisor_elsewhere else facts.running_interfaces():
        tap = facts.link(interface.target)
        if tap is not None and not tap.admin_up and interface.link_up:
            yield Finding(
                subject=subject_of(domain, interface), wanted="tap up", seen=f"{tap.ifname} down",
                source=NETLINK, shown_by=commands.show_link(tap.ifname),
                fix=(root("ip", "link", "set", "dev", tap.ifname, "up"),),
            )  # fmt: skip


# The two documents of a domain, and what was saved of it.


def _attach(found: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    """Move the interfaces to the goal's network, in both documents, as attach-domain does."""
    plans = []
    subjects = {finding.subject for finding in found}
    for domain in facts.domains:
        ours = (i.mac for i in (*domain.persistent, *domain.running) if subject_of(domain, i) in subjects)
        macs = tuple(dict.fromkeys(mac for mac in ours if mac))
        if macs:
            network = goal.network or AttachSpec(domain=domain.name).network
            plans.append(plan_attach_domain(AttachSpec(domain=domain.name, network=network, macs=macs), facts))
    return Plan(
        command="attach-domain",
        planned=tuple(item for plan in plans for item in plan.planned),
        kept=tuple(line for plan in plans for line in plan.kept),
        warnings=tuple(dict.fromkeys(line for plan in plans for line in plan.warnings)),
        rows=tuple(row for plan in plans for row in plan.rows),
    )


@verified("domain.documents", fix=_attach)
def documents(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Running and persistent say the same, so that a restart of the domain changes nothing."""
    for domain in facts.domains:
        for pair in pair_interfaces(domain) if domain.stored else ():
            live, stored = pair.running, pair.persistent
            sources = [interface.source for interface in (live, stored) if interface is not None]
            if live is None or not any(on_bridge(source, goal) for source in sources):
                continue
            if stored is None:
                yield _plugged(domain, live)
            elif (live.actual_type or live.source.type) in LIVE_TYPES:
                yield _agreeing(domain, live, stored, facts)
            else:
                yield _waits_for_start(domain, live, stored)


@diagnosed("domain.documents", fix=_attach)
def other_documents(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Running and stored say the same on the other networks, too; verify looks at the goal's."""
    for domain in facts.domains:
        for pair in pair_interfaces(domain) if domain.stored else ():
            live, stored = pair.running, pair.persistent
            if live is None or stored is None or (live.actual_type or live.source.type) not in LIVE_TYPES:
                continue
            if on_bridge(live.source, goal) or on_bridge(stored.source, goal) or live.source == stored.source:
                continue
            yield _agreeing(domain, live, stored, facts)


def _plugged(domain: Domain, interface: Interface) -> Finding:
    """An interface that was plugged into the running domain alone may be meant so."""
    return Finding(
        subject=subject_of(domain, interface), wanted="running and persistent agree",
        seen="only in the running document", source=LIBVIRT, ok=True,
        hint="it is gone when the domain is powered off; virsh attach-device --config keeps it",
    )  # fmt: skip


def _waits_for_start(domain: Domain, interface: Interface, stored: Interface) -> Finding:
    """libvirt cannot move one of this type while the domain runs; a device that is passed through is not replugged."""
    words = ("--mac", interface.mac or "", "--replug", *last(domain.name))
    replug = "" if interface.source.type == HOSTDEV else f", or {root('vmnet', 'attach-domain', *words)}"
    return Finding(
        subject=subject_of(domain, interface), wanted="running and persistent agree", source=LIBVIRT, ok=True,
        seen=f"running {interface.source}, from its next start {stored.source}", hint=f"power it off and on{replug}",
    )  # fmt: skip


def _rewrite(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    """All that was saved of these interfaces follows the stored document; the domain's other ones stay as they are."""
    subjects = {finding.subject for finding in found}
    planned: list[Planned] = []
    for domain, interface in facts.stored_interfaces():
        if interface.mac and subject_of(domain, interface) in subjects:
            leaves = partial(_differs, interface.source)
            planned += plan_rewrites(domain, (interface.mac,), interface.source, leaves)
    return plan_of(planned)


def _differs(wanted: Source, source: Source) -> bool:
    return source != wanted and source.type in LIVE_TYPES


def _saved(domain: Domain) -> Iterator[tuple[Interface, Interface]]:
    """Yield the interfaces of the managed save, each with that of the persistent document."""
    persistent = {interface.mac: interface for interface in domain.persistent if interface.mac}
    for interface in domain.saved or ():
        if interface.mac and (stored := persistent.get(interface.mac)):
            yield interface, stored


@verified("domain.saved", fix=_rewrite)
def saves(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A managed save brings the domain back where its persistent document says."""
    for domain in facts.domains:
        for saved, stored in _saved(domain):
            if on_bridge(stored.source, goal):
                yield _agreeing(domain, saved, stored, facts, saved=True)


@diagnosed("domain.saved", fix=_rewrite)
def other_saves(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What was saved leads to the network that the stored document names."""
    for domain in facts.domains:
        for saved, stored in _saved(domain):
            if not on_bridge(stored.source, goal) and stored.source != saved.source:
                yield _agreeing(domain, saved, stored, facts, saved=True)


@diagnosed("domain.snapshot", fix=_rewrite)
def snapshots(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Only a snapshot that leads from the LAN back behind NAT, or to a network that is not there, is trouble."""
    for domain, interface in facts.stored_interfaces():
        back = [
            (snapshot.name, source)
            for snapshot in domain.snapshots
            for source in dict.fromkeys(i.source for i in snapshot.interfaces if i.mac == interface.mac)
            if facts.on_lan(interface.source) and source.type in LIVE_TYPES and not facts.on_lan(source)
        ]
        if back and interface.mac:
            yield Finding(
                subject=subject_of(domain, interface), wanted=f"snapshots on {interface.source}",
                seen="; ".join(f"snapshot {name}: {source}" for name, source in back), source=LIBVIRT,
                shown_by=command("virsh", "snapshot-dumpxml", *commands.named(domain), "--snapshotname", back[0][0]),
                hint="virsh snapshot-edit changes one snapshot; vmnet migrate-from-virbr0 changes all of a domain",
                fix=commands.rewrite_saved("domain.snapshot", domain, back[0][1], interface.source, facts),
            )  # fmt: skip


def _agreeing(domain: Domain, interface: Interface, stored: Interface, facts: Facts, *, saved: bool = False) -> Finding:
    """Return whether an interface leads to the same in the running document (or the managed save) and in the stored
    one. Ports, bridges and taps that libvirt notes in a running document are no difference."""
    # virsh domif-setlink leaves a bridge in the running document where a network leads there: that is no other way.
    bridges = {facts.bridge_behind(source) for source in (stored.source, interface.source)}
    same = len(bridges) == 1 and None not in bridges and not (stored.source.portgroup or interface.source.portgroup)
    persistent, now = str(stored.source), str(interface.source)
    what = "managed save" if saved else "running"
    fix = _agree(domain, interface, stored, facts, saved=saved)
    otherwise = "virsh managedsave-edit changes it" if saved else "change the wrong one: virsh edit"
    return Finding(
        subject=subject_of(domain, interface), wanted=f"{what} and persistent agree",
        seen=f"both {persistent}" if now == persistent else f"{what} {now}, persistent {persistent}", source=LIBVIRT,
        shown_by=command("virsh", "managedsave-dumpxml" if saved else "dumpxml", *commands.named(domain)),
        hint="this makes both agree" if fix else otherwise, fix=fix,
    ).judged(same or persistent == now)  # fmt: skip


def _agree(
    domain: Domain, interface: Interface, stored: Interface, facts: Facts, *, saved: bool
) -> tuple[Command, ...]:
    """What is saved follows the stored document; of running and stored both go to the one that leads to the LAN, or to
    where the domain runs."""
    if saved:
        return commands.rewrite_saved("domain.saved", domain, interface.source, stored.source, facts)
    network = facts.network(stored.source.network)
    to_lan = stored.source.bridge is not None or (network is not None and network.forward_mode == "bridge")
    return commands.attach(domain, interface, stored.source if to_lan else interface.source)


# The networks and bridges that documents name.


@diagnosed("domain.network-missing", fix=_attach)
def networks_missing(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The network that a stored document names is there."""
    for domain, interface in facts.stored_interfaces():
        name = interface.source.network
        if name is None or facts.network(name) is not None:
            continue
        hint, fix = _instead(name, domain, interface, goal, facts)
        yield Finding(
            subject=subject_of(domain, interface), wanted=f"network {name}", seen=f"no network {name}",
            source=LIBVIRT, shown_by=LIST_NETWORKS, hint=hint, fix=fix,
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


@diagnosed("domain.source-bridge")
def no_bridges(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What a stored document names as a bridge is one."""
    for domain, interface in () if facts.hypervisor_elsewhere else facts.stored_interfaces():
        name = interface.source.bridge
        link = facts.link(name)
        if name is None or interface.virtualport or (link is not None and link.is_bridge):
            continue
        if link is None and any(network.bridge == name and network.routed for network in facts.networks):
            continue  # It comes with its network, of which network.inactive speaks.
        above = facts.link(_top(name, facts))
        bridge = above.ifname if above is not None and above.kind == "bridge" else None
        yield Finding(
            subject=subject_of(domain, interface), wanted=f"{name} is a bridge",
            seen=f"{name}: {'no bridge' if link else 'missing'}", source=NETLINK, shown_by=commands.show_link(name),
            hint=f"its bridge is {bridge}" if bridge else "name an existing bridge, or better a network",
            fix=commands.attach(domain, interface, Source(type="bridge", bridge=bridge)) if bridge else (),
        )  # fmt: skip


def _top(name: str | None, facts: Facts) -> str | None:
    link = facts.link(name)
    return _top(link.controller, facts) if link is not None and link.controller else name


@verified("domain.left")
def domains_left(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Which domains are still behind NAT; for information."""
    nat = {network.name for network in facts.networks if network.forward_mode == "nat"}
    left = [d.name for d in facts.domains if any(i.source.network in nat for i in d.interfaces)]
    if left:
        yield Finding(
            subject="all", wanted=f"on {goal.network or goal.ifname}", seen=f"behind NAT: {', '.join(left)}",
            source=LIBVIRT, ok=True, hint="sudo vmnet migrate-from-virbr0 moves them",
        )  # fmt: skip
