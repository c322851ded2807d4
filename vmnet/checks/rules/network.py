"""Rules about libvirt's networks, whichever they are, beside the one that host-setup made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks import commands
from vmnet.checks.findings import LIBVIRT, NETLINK, Finding
from vmnet.checks.registry import diagnosed, verified
from vmnet.checks.rules.links import MISSING
from vmnet.documents.interfaces import HOSTDEV
from vmnet.plan.domains.interface_moves import LIVE_TYPES, bridge_behind
from vmnet.shell_words import command, in_turn, last, pipe, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Domain, Facts, Interface, Mention, Network, Source
    from vmnet.shell_words import Command
    from vmnet.spec import BridgeSpec

ROUTED = ("nat", "route", "open", None)
"""Ways of forwarding for which libvirt makes a bridge of its own, with addresses; None: a network without a way out."""

BRIDGES = ("bridge", "openvswitch")
_MANY = 5


def users(network: Network, facts: Facts) -> tuple[Domain, ...]:
    """Return the domains that name the network, running or stored."""
    return tuple(
        domain
        for domain in facts.domains
        if any(i.source.network == network.name for i in (*domain.running, *domain.persistent))
    )


def _verified(network: Network, goal: BridgeSpec, facts: Facts) -> bool:
    """Whether verify's own rules speak of this network."""
    return network.name == goal.network and facts.link(goal.ifname) is not None


def named(domains: tuple[Domain, ...]) -> str:
    """Return the domains for people."""
    names = [domain.name for domain in domains]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


@diagnosed
def no_bridge(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.no-bridge: libvirt starts a network without looking whether the bridge that it names is there."""
    for network in () if facts.hypervisor_elsewhere else facts.networks:
        leads = network.forward_mode == "bridge" and network.bridge is not None
        if not leads or network.bridge == goal.ifname or not (network.active or users(network, facts)):
            continue
        seen, fix, hint = _bridge_problem(network.bridge or "", facts)
        if seen:
            yield Finding(
                rule="network.no-bridge", layer="network", subject=network.name, wanted=f"bridge {network.bridge}, up",
                seen=f"{'active' if network.active else 'not active'}; {network.bridge}: {seen}", source=NETLINK,
                ok=False, hint=hint, fix=fix, shown_by=commands.show_link(network.bridge or ""),
            )  # fmt: skip


def _bridge_problem(bridge: str, facts: Facts) -> tuple[str, tuple[Command, ...], str]:
    """Return what is wrong with a bridge ("" for nothing), the commands, and what else helps."""
    link = facts.link(bridge)
    if link is None:
        profile = next((profile for profile in facts.profiles if profile.ifname == bridge), None)
        up = (commands.activate_profile(profile.uuid),) if profile else ()
        return MISSING, up, f"bring {bridge} up, or give the network another bridge with virsh net-edit"
    if link.kind not in BRIDGES:
        what = f"a link of kind {link.kind}" if link.kind else "a NIC"
        return f"{what}, not a bridge", (), "give the network a bridge's name: virsh net-edit"
    if not link.admin_up:
        return "down", (root("ip", "link", "set", "dev", bridge, "up"),), "bring the bridge up"
    ports = facts.uplinks(bridge)
    if ports and not any(port.carrier for port in ports):
        return f"no uplink has carrier ({', '.join(p.ifname for p in ports)})", (), "check its cable and switch port"
    return "", (), ""


@diagnosed
def inactive(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.inactive, network.bridge-taken: what domains name is started, and can be."""
    for network in facts.networks:
        needed_by = users(network, facts)
        if network.active or not (needed_by or network.autostart) or _verified(network, goal, facts):
            continue
        taken = _taken(network, facts)
        if taken:
            yield _bridge_taken(network, taken)
        elif needed_by:
            yield Finding(
                rule="network.inactive", layer="network", subject=network.name, wanted="active", source=LIBVIRT,
                seen=f"not active; on it: {named(needed_by)}", ok=False, shown_by=LIST_NETWORKS,
                hint="start it, or move its domains to another network: vmnet attach-domain",
                fix=commands.start_network(network),
            )  # fmt: skip


def _taken(network: Network, facts: Facts) -> str | None:
    """Return the bridge that a network of libvirt's own is to make, where the host has it already."""
    if network.forward_mode not in ROUTED or facts.hypervisor_elsewhere or facts.link(network.bridge) is None:
        return None
    return network.bridge


def _bridge_taken(network: Network, bridge: str) -> Finding:
    name = network.name
    dump = root("virsh", "net-dumpxml", "--inactive", "--network", name)
    rename = pipe(dump, command("sed", "/<bridge name=/d"), root("virsh", "net-define", "/dev/stdin"))
    return Finding(
        rule="network.bridge-taken", layer="network", subject=name, wanted="a bridge of its own", source=NETLINK,
        seen=f"forward {network.forward_mode or 'none'} on {bridge}, which the host already has", ok=False,
        shown_by=commands.show_link(bridge),
        hint="without <bridge> libvirt chooses a free name; vmnet host-setup makes another network for the host's "
        "own bridge",
        fix=(rename, *commands.start_network(network)),
    )  # fmt: skip


@diagnosed
def not_at_boot(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.not-at-boot: a network that domains need at boot is there then."""
    for network in facts.networks:
        stored = tuple(domain for domain in users(network, facts) if domain.stored)
        starting = tuple(domain for domain in stored if domain.autostart)
        lost = stored if not network.persistent else starting if not network.autostart else ()
        if not lost or not network.active or _verified(network, goal, facts):
            continue
        yield Finding(
            rule="network.not-at-boot", layer="network", subject=network.name, wanted="persistent, autostarted",
            seen=f"{'not autostarted' if network.persistent else 'not persistent'}; on it: {named(lost)}",
            source=LIBVIRT, ok=False, shown_by=LIST_NETWORKS,
            fix=commands.whole(network),
        )  # fmt: skip


@diagnosed
def shared_bridge(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.shared-bridge: one network a bridge, so that each name means one thing; for information."""
    by_bridge: dict[str, list[str]] = {}
    for network in facts.networks:
        if network.forward_mode == "bridge" and network.bridge:
            by_bridge.setdefault(network.bridge, []).append(network.name)
    for bridge, names in by_bridge.items():
        if len(names) > 1:
            yield Finding(
                rule="network.shared-bridge", layer="network", subject=bridge, wanted="one network",
                seen=f"networks {', '.join(names)}", source=LIBVIRT, ok=True, shown_by=LIST_NETWORKS,
                hint="this works; to have one, move all domains to it (vmnet attach-domain) and undefine the others",
            )  # fmt: skip


@diagnosed
def still_named(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.still-named: nothing on this host rests on a network that all domains have left."""
    by_network: dict[str, list[Mention]] = {}
    for mention in facts.mentions if facts.surroundings is not None and facts.domains else ():
        by_network.setdefault(mention.network, []).append(mention)
    for name, mentions in by_network.items():
        files = dict.fromkeys(m.place.partition(",")[0] for m in mentions if m.place.startswith("/"))
        yield Finding(
            rule="network.still-named", layer="network", subject=name or "libvirt's names",
            wanted="no mention, because no domain uses it", source=mentions[0].place.partition(",")[0], ok=not name,
            seen="; ".join(f"{mention.place}: {mention.text}" for mention in mentions[:_MANY])
            + (f"; and {len(mentions) - _MANY} more" if len(mentions) > _MANY else ""),
            shown_by=_shown_by(mentions[0]),
            hint="enter the guests' new addresses, or remove the entry",
            fix=tuple(root("editor", file) for file in files),
        )  # fmt: skip


def _shown_by(mention: Mention) -> Command:
    file, _, line = mention.place.rpartition(", line ")
    # sed runs programs where its script says so: only a number is one line's.
    if file and line.isdecimal():
        return root("sed", "-n", f"{line}p", file)
    return root("iptables-legacy-save") if mention.place.startswith("iptables") else root("nft", "list", "ruleset")


# Rules about libvirt: the network on the bridge, its listing of links, and the domains.

LIST_NETWORKS = command("virsh", "net-list", "--all")


@verified
def network_state(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
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
        fix = commands.whole(network)
    yield Finding(
        rule="network.state", layer="network", subject=goal.network, wanted=", ".join(wanted), seen=seen,
        source=LIBVIRT, ok=ok, hint=hint, fix=fix, shown_by=LIST_NETWORKS,
    )  # fmt: skip


@verified
def network_bridge(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """network.bridge: the network hands its interfaces to the bridge, without routing or NAT."""
    network = facts.network(goal.network) if goal.network else None
    if network is None:
        return
    ok = network.forward_mode == "bridge" and network.bridge == goal.ifname
    yield Finding(
        rule="network.bridge", layer="network", subject=network.name, wanted=f"forward bridge, on {goal.ifname}",
        seen=f"forward {network.forward_mode or 'none'}, on {network.bridge or 'no bridge'}", source=LIBVIRT, ok=ok,
        hint="" if ok else "sudo vmnet host-setup redefines it",
    )  # fmt: skip


@verified
def bridge_listed(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """bridge.listed: libvirt's interface listing has the bridge, active, with its MAC.

    The listing leaves out every port of a bridge, so the bond's absence there is as it should be.
    """
    if facts.libvirt_version is None or facts.link(goal.ifname) is None:
        return
    wanted = f"active, MAC {goal.mac}" if goal.mac else "active"
    if facts.hypervisor_links is None:
        yield Finding(
            rule="bridge.listed", layer="bridge", subject=goal.ifname, wanted=wanted, seen="listing not available",
            source=LIBVIRT, ok=True, hint="to see libvirt's own list: apt install libvirt-daemon-driver-interface",
        )  # fmt: skip
        return
    listing = command("virsh", "iface-list", "--all")
    line = next((link for link in facts.hypervisor_links if link.ifname == goal.ifname), None)
    ok = line is not None and line.active and (not goal.mac or line.mac == goal.mac)
    seen = f"{'active' if line.active else 'inactive'}, MAC {line.mac}" if line else "not listed"
    yield Finding(
        rule="bridge.listed", layer="bridge", subject=goal.ifname, wanted=wanted, seen=seen, source=LIBVIRT, ok=ok,
        hint="" if ok else f"libvirt and the kernel disagree: {in_turn(listing, commands.show_link(goal.ifname))}",
    )  # fmt: skip


def on_bridge(source: Source, goal: BridgeSpec) -> bool:
    """Return whether an interface with this source belongs on the bridge."""
    if source.type == "network":
        return source.network == goal.network
    return source.type == "bridge" and source.bridge == goal.ifname


@verified
def domain_taps(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.tap: the kernel has the tap of each running interface of the network in the bridge."""
    for domain, interface in () if facts.hypervisor_elsewhere else _running(goal, facts):
        yield tap_finding(domain, interface, goal.ifname, facts)


def tap_finding(domain: Domain, interface: Interface, bridge: str, facts: Facts) -> Finding:
    """Return whether the tap of a running interface is in the bridge in which it should be."""
    tap = facts.link(interface.target)
    ok = tap is not None and tap.controller == bridge
    network = facts.network(interface.source.network or "")
    fix = commands.put_into_bridge(tap.ifname, bridge, network) if tap is not None and not ok else ()
    return Finding(
        rule="domain.tap", layer="domain", subject=subject_of(domain, interface), wanted=f"tap in {bridge}",
        seen="no tap" if tap is None else f"{tap.ifname} in {tap.controller or 'no bridge'}", source=NETLINK, ok=ok,
        hint="" if ok else "put the tap back; the guest notices nothing" if tap else "power the domain off and on",
        shown_by=commands.show_link(interface.target) if interface.target else commands.list_interfaces(domain),
        fix=fix,
    )  # fmt: skip


def _running(goal: BridgeSpec, facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    for domain in facts.domains:
        for interface in domain.running:
            if on_bridge(interface.source, goal):
                yield domain, interface


def subject_of(domain: Domain, interface: Interface) -> str:
    """Return how a finding names an interface of a domain."""
    return f"{domain.name} {interface.mac}" if interface.mac else domain.name


@verified
def domain_documents(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
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


@verified
def domain_saves(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
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
        seen=f"running {interface.source}, from its next start {stored.source}",
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
    persistent, now = str(stored.source), str(interface.source)
    ok = same or persistent == now
    saved = what != "running"
    fix = () if ok else _agree(domain, interface, stored, facts, saved=saved)
    by_hand = "change the wrong one: virsh edit" if not saved else "virsh managedsave-edit changes it"
    return Finding(
        rule=rule, layer="domain", subject=subject_of(domain, interface), wanted=f"{what} and persistent agree",
        seen=f"both {persistent}" if now == persistent else f"{what} {now}, persistent {persistent}",
        source=LIBVIRT, ok=ok, fix=fix,
        hint="" if ok else "this makes both agree" if fix else by_hand,
        shown_by=command("virsh", "managedsave-dumpxml" if saved else "dumpxml", *commands.named(domain)),
    )  # fmt: skip


def _agree(
    domain: Domain, interface: Interface, stored: Interface, facts: Facts, *, saved: bool
) -> tuple[Command, ...]:
    """What is saved follows the stored document; of running and stored both go to the one that leads to the LAN, or to
    where the domain runs."""
    if saved:
        return commands.rewrite_saved("domain.saved", domain, interface.source, stored.source, facts)
    network = facts.network(stored.source.network or "")
    to_lan = stored.source.bridge is not None or (network is not None and network.forward_mode == "bridge")
    return commands.attach(domain, interface, stored.source if to_lan else interface.source)


@verified
def domains_left(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """domain.left: which domains are still behind NAT; for information."""
    nat = {network.name for network in facts.networks if network.forward_mode == "nat"}
    left = [
        domain.name
        for domain in facts.domains
        if any(i.source.type == "network" and i.source.network in nat for i in (*domain.running, *domain.persistent))
    ]
    if left:
        yield Finding(
            rule="domain.left", layer="domain", subject="all", wanted=f"on {goal.network or goal.ifname}",
            seen=f"behind NAT: {', '.join(left)}", source=LIBVIRT, ok=True,
            hint="sudo vmnet migrate-from-virbr0 moves them",
        )  # fmt: skip
