"""Ask the LAN, before running domains move there or for doctor --probe.

The questions: does it answer DHCP, does it answer other MACs than the host's, and how large may packets be?
"""

from __future__ import annotations

from dataclasses import replace

from vmnet.checks.goal import goals_of
from vmnet.checks.path import lan_bridge
from vmnet.documents.networks import words_of
from vmnet.facts import Facts, Link, Probe, ProbeKind, Unread
from vmnet.host.files.mentions import read_mentions
from vmnet.host.lan.arp_probe import ask_links
from vmnet.host.lan.lan_probe import ask_lan as ask
from vmnet.host.lan.probes import largest_packet, try_probe
from vmnet.host.outside import Sources
from vmnet.plan.domains.destination import find_domain
from vmnet.plan.steps import Goals, MoveInterface, Plan
from vmnet.spec import BridgeSpec, IpAddress, NoAddress

MTUS = (1500, 1492, 1450, 1400, 1280)
"""What is tried where the bridge's own MTU does not pass: Ethernet, PPPoE, VXLAN, most tunnels, IPv6's least."""
SMALL = 84
"""An echo as ping sends it by default."""


def ask_lan(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN that running domains move to: does it answer DHCP, and other MACs than the host's?

    Takes some seconds and needs root.

    Args:
        plan: from `plan_migration` or `plan_attach_domain`.
        facts: the facts that the plan was made from.

    Returns:
        The facts with `lan`: if it is set, plan again with these facts. Unchanged if no running domain moves, without
        root, or if the hypervisor runs on another machine.
    """
    bridge = next((b for planned in plan.planned if (b := _bridge(planned.step))), None)
    link = facts.link(bridge)
    if link is None or link.kind != "bridge" or not facts.root or facts.hypervisor_elsewhere:
        return facts
    gateways = [route.gateway for route in facts.default_routes(link.ifname) if route.gateway is not None]
    return replace(facts, lan=ask(link.ifname, gateways[0] if gateways else None))


def probe_lan(goals: Goals, facts: Facts, *, domain: str | None = None) -> Facts:
    """Send probes to the LAN behind a bridge. Takes some seconds and needs root.

    With a new MAC, it asks for the gateway by ARP and for an address by DHCP. It pings the gateway with large packets,
    and asks by ARP for the addresses that guests had behind NAT.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`. The first bridge on which the host has an
            address is used.
        facts: the host as it is now.
        domain: name or UUID of a domain, whose bridge is used instead.

    Returns:
        The facts with `lan`, for `diagnose`. What could not be asked is in `unread`.

    Raises:
        HypervisorError: libvirt is out of reach, and a domain is named.
        SpecError: there is no such domain.
    """
    bridge = min(goals_of(goals, facts), key=lambda goal: isinstance(goal.address, NoAddress)).ifname
    if domain is not None:
        bridge = lan_bridge(find_domain(domain, facts), facts) or bridge
    return probe_bridge(bridge, facts)


def probe_bridge(bridge: str, facts: Facts) -> Facts:
    """Return the facts with what the LAN behind a bridge said; where it cannot be asked, `unread` says why."""
    link = facts.link(bridge)
    problem = "needs root" if not facts.root else ""
    if link is None or link.kind != "bridge":
        problem = f"there is no bridge {bridge}; --bridge names another one"
    if facts.hypervisor_elsewhere:
        problem = "the hypervisor runs on another machine"
    if link is None or problem:
        return replace(facts, unread=(*facts.unread, Unread(what="the LAN", why=problem)))
    gateways = [
        r.gateway for r in facts.default_routes(link.ifname) if r.gateway is not None and r.gateway.version == 4
    ]
    gateway = gateways[0] if gateways else None
    answer = ask(link.ifname, gateway, both=True)
    if gateway is not None:
        reached = not try_probe(Probe(kind=ProbeKind.GATEWAY, target=str(gateway)))
        answer = replace(answer, host_answered=reached)
        # A gateway that answers no echo at all says nothing about sizes.
        if reached and largest_packet(gateway, (SMALL,)):
            mtus = (link.mtu, *(mtu for mtu in MTUS if mtu < link.mtu))
            answer = replace(answer, mtus_tried=mtus, mtu=largest_packet(gateway, mtus))
    own = {x.mac for x in facts.links}
    return replace(facts, lan=replace(answer, guests=ask_links((link,), _old_leases(link.ifname, facts), own)))


def _old_leases(bridge: str, facts: Facts) -> tuple[IpAddress, ...]:
    """Return what libvirt's DHCP servers still list for guests whose taps are in the bridge."""
    taps = {port.ifname for port in facts.ports(bridge)}
    macs = {i.mac for domain in facts.domains for i in domain.running if i.target in taps}
    leases = (a.interface.ip for a in facts.guest_addresses if a.origin == "lease" and a.mac in macs)
    return tuple(address for address in dict.fromkeys(leases) if address.version == 4)


def _bridge(step: object) -> str | None:
    return step.wanted_bridge if isinstance(step, MoveInterface) and step.scope == "running" else None


# Ask, before the first step, whether another host has an address that the bridge is to get.


def find_duplicates(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN by ARP who has the static addresses that are new to this host. Takes a second and needs root.

    Args:
        plan: from `plan_host_setup`.
        facts: the facts that the plan was made from.

    Returns:
        The facts with `duplicates`: if there are any, plan again with these facts. Unchanged without root, or if no
        address is new.
    """
    if plan.empty or not plan.goals or not facts.root:
        return facts
    own = {mac for link in facts.links for mac in (link.mac, link.permanent_mac) if mac}
    asked = [(new_addresses(goal, facts), ways_out(goal, facts)) for goal in plan.goals]
    found = [ask_links(links, addresses, own) for addresses, links in asked if addresses and links]
    return replace(facts, duplicates=tuple(one for several in found for one in several)) if found else facts


def new_addresses(goal: BridgeSpec, facts: Facts) -> tuple[IpAddress, ...]:
    """Return the static IPv4 addresses that this host does not have yet; IPv6 looks for duplicates by itself."""
    ours = {address.interface.ip for address in facts.addresses}
    return tuple(address.ip for address in goal.requested.addresses if address.version == 4 and address.ip not in ours)


def ways_out(goal: BridgeSpec, facts: Facts) -> tuple[Link, ...]:
    """Return the links to ask on: the NICs that are nobody's port, or the bridge where they are."""
    nics = tuple(link for name in goal.nics if (link := facts.link(name)) and link.carrier and not link.controller)
    bridge = facts.link(goal.ifname)
    return nics or ((bridge,) if bridge and bridge.carrier else ())


# Find what else on this host rests on the network that domains are to leave.


def find_mentions(network: str, facts: Facts) -> Facts:
    """Find what else on this host names a network that domains leave: libvirt's hooks and firewall rules.

    Returns:
        The facts with `mentions`, which `plan_migration` warns of. Reading firewall rules needs root.
    """
    seen = facts.network(network)
    if seen is None or facts.hypervisor_elsewhere:
        return facts
    words = words_of(seen)
    if not words:
        return facts
    sources = Sources()
    found = read_mentions(words, sources)
    return replace(facts, mentions=found, unread=(*facts.unread, *sources.unread))
