"""The way of a guest's frames, hop by hop: interface, tap, bridge, filters, uplink, bond, NIC, gateway.

It is what one walks along when a domain has no network. What other rules find of a link shows up at that link's hop by
itself, for findings name links.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks import commands
from vmnet.checks.diagnostics import Trouble
from vmnet.checks.findings import subject_of
from vmnet.checks.path_below import Ground, Hop, Path, Scope, below_bridge, below_direct
from vmnet.facts import BridgeState, Domain, DomainState, Facts, Interface, Link
from vmnet.plan.domains.destination import find_domain
from vmnet.plan.domains.interface_moves import pair_interfaces
from vmnet.shell_words import command, last, root

TAP_RULES = ("domain.tap-down",)
PORT_RULES = ("domain.tap",)
"""Rules about a domain's interface that speak of its tap."""

_ELSEWHERE = "the hypervisor is another machine"


def walk_path(domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> tuple[Path, ...]:
    """Return the path of each interface of a domain, hop by hop, from the guest to the gateway.

    Args:
        domain: name or UUID of the domain.
        troubles: from `diagnose` with the same facts.
        facts: from `read_facts` with `closely`.

    Raises:
        HypervisorError: libvirt is out of reach.
        SpecError: there is no such domain.
    """
    return walk(find_domain(domain, facts), facts, troubles)


def walk(domain: Domain, facts: Facts, troubles: tuple[Trouble, ...]) -> tuple[Path, ...]:
    """Return the way of each of a domain's interfaces; of those that it runs with, or starts with.

    Args:
        facts: read with `closely`.
        troubles: of `diagnose`.
    """
    ground = Ground(facts=facts, troubles=troubles, runs=domain.active)
    interfaces = [pair.running if domain.active else pair.persistent for pair in pair_interfaces(domain)]
    found = [interface for interface in interfaces if interface is not None]
    if not found:
        add = root("vmnet", "attach-domain", "--add", *last(domain.name))
        none = ground.hop("interface", "none", "the domain has none", ok=False, hint=add)
        return (Path(domain=domain.name, interface="", hops=(_state(domain, ground), none)),)
    return tuple(
        Path(domain=domain.name, interface=interface.mac or "", hops=tuple(_hops(domain, interface, ground)))
        for interface in found
    )


def lan_bridge(domain: Domain, facts: Facts) -> str | None:
    """Return the first of the host's bridges that a domain is on, or will be; None where it is on none."""
    interfaces = domain.running if domain.active else domain.persistent
    bridges = (facts.bridge_behind(i.source) for i in interfaces if facts.on_lan(i.source))
    return next((bridge for bridge in bridges if bridge), None)


def _hops(domain: Domain, interface: Interface, ground: Ground) -> Iterator[Hop]:
    yield _state(domain, ground)
    name = subject_of(domain, interface)
    seen = f"{interface.model or 'no model'}, link {'up' if interface.link_up else 'down'}"
    scope = Scope(layers=("domain",), about=(interface.mac or "",), without=(*TAP_RULES, *PORT_RULES))
    yield ground.hop("interface", name, seen, ok=interface.link_up, scope=scope)
    if interface.source.network is not None:
        yield _network(interface.source.network, ground)
    kind = interface.actual_type if interface.source.network is None else "network"
    if ground.facts.hypervisor_elsewhere:
        yield ground.hop("tap", interface.target or "none", _ELSEWHERE, ok=None)
    elif kind in ("network", "bridge") and not interface.virtualport:
        yield from _through_bridge(name, interface, ground)
    elif kind == "direct":
        parent = dict(interface.source.attributes).get("dev", "")
        yield from below_direct(name, interface.target, parent, ground)
    else:
        how = f"a switch of type {interface.virtualport}" if interface.virtualport else str(interface.source)
        yield ground.hop("host", how, "vmnet cannot follow this path", ok=None)


def _state(domain: Domain, ground: Ground) -> Hop:
    start = root("virsh", "resume" if domain.active else "start", *commands.named(domain))
    runs = domain.state is DomainState.RUNNING
    scope = Scope(layers=("domain", "boot"))
    return ground.hop("domain", domain.name, domain.state.value, ok=runs, scope=scope, hint=start)


def _network(name: str, ground: Ground) -> Hop:
    network = ground.facts.network(name)
    seen = "missing" if network is None else "active" if network.active else "not active"
    # One that only names a bridge of the host's is asked when a domain starts, and not after.
    stands = ground.runs and (network is None or network.forward_mode == "bridge")
    ok = stands or (network is not None and network.active)
    return ground.hop("network", name, seen, ok=ok, scope=Scope(layers=("network",), stands=stands))


def _through_bridge(name: str, interface: Interface, ground: Ground) -> Iterator[Hop]:
    facts = ground.facts
    bridge = facts.bridge_behind(interface.source)
    link = facts.link(interface.target)
    if not ground.runs:
        yield ground.hop("tap", "none", "libvirt makes the tap when the domain starts", ok=None)
    else:
        yield from _tap(name, interface.target, link, bridge, ground)
    if bridge is None:
        yield ground.hop("bridge", "none", f"{interface.source} leads to no bridge", ok=False)
        return
    yield _filters(name, interface, bridge, ground)
    yield _bridge(bridge, ground)
    routed = next((n for n in facts.networks if n.bridge == bridge and n.routed), None)
    if routed is not None:
        way = f"the host routes it ({routed.forward_mode}): not on the LAN" if routed.forward_mode else "isolated"
        yield ground.hop("host", routed.name, way, ok=True if routed.forward_mode else None)
        return
    yield from below_bridge(bridge, ground)


def _tap(name: str, target: str | None, link: Link | None, bridge: str | None, ground: Ground) -> Iterator[Hop]:
    tap = target or "none"
    if link is None:
        yield ground.hop("tap", tap, "missing", ok=False, scope=Scope(about=(name,), rules=(*TAP_RULES, *PORT_RULES)))
        return
    up = "up" if link.admin_up else "down"
    yield ground.hop("tap", tap, f"{up}, MTU {link.mtu}", ok=link.admin_up, scope=Scope(about=(name,), rules=TAP_RULES))
    seen, scope = f"in {link.controller or 'no bridge'}", Scope(about=(name,), rules=PORT_RULES)
    yield ground.hop("controller", tap, seen, ok=link.controller == bridge, scope=scope)
    over = ground.facts.link(link.controller)
    if over is not None and over.bridge is not None:
        yield _vlan(name, tap, over.bridge, ground)
        port = link.bridge_port_state
        # The ports of a bridge that is down are disabled: that is the bridge's own hop.
        known = port == "forwarding" if port is not None and over.admin_up else None
        scope = Scope(about=(name,), layers=("bridge",), without=_vlan_rules(ground))
        yield ground.hop("port state", tap, port or "not known", ok=known, scope=scope)


def _vlan(name: str, tap: str, bridge: BridgeState, ground: Ground) -> Hop:
    scope = Scope(about=(name,), rules=_vlan_rules(ground))
    if not bridge.vlan_filtering:
        return ground.hop("VLAN", tap, "no VLAN filtering on the bridge", ok=True, scope=scope)
    vlans = ground.facts.fabric.vlans_of(tap) if ground.facts.fabric else None
    if vlans is None:
        show = command("bridge", "vlan", "show", "dev", tap)
        return ground.hop("VLAN", tap, f"VLAN filtering is on: {show}", ok=None, scope=scope)
    listed = ", ".join(map(str, vlans.vlans)) or "none"
    return ground.hop("VLAN", tap, f"{listed}; untagged {vlans.untagged or 'none'}", ok=bool(vlans.vlans), scope=scope)


def _vlan_rules(ground: Ground) -> tuple[str, ...]:
    return tuple(t.rule.id for t in ground.troubles if "vlan" in t.rule.id)


def _filters(name: str, interface: Interface, bridge: str, ground: Ground) -> Hop:
    """All that may drop a frame on its way through the host; what is about nobody else's link or interface counts."""
    others = {link.ifname for link in ground.facts.links} - {bridge, interface.target}
    others -= {port.ifname for port in ground.facts.ports(bridge) if port.kind != "tun"}
    others |= {subject_of(d, i) for d in ground.facts.domains for i in d.interfaces} - {name}
    others |= {d.name for d in ground.facts.domains}
    about = {t.finding.subject for t in ground.troubles if t.rule.layer == "filter"} - others
    seen = f"libvirt's {interface.filter}" if interface.filter else "none of libvirt's"
    # Without root the firewall's rules are not read.
    known = True if ground.facts.root else None
    rest = "; nothing else found" if known else "; only root can read the rest"
    return ground.hop("filters", bridge, seen + rest, ok=known, scope=Scope(layers=("filter",), about=about))


def _bridge(bridge: str, ground: Ground) -> Hop:
    link = ground.facts.link(bridge)
    if link is None:
        return ground.hop("bridge", bridge, "missing", ok=False, scope=Scope(layers=("bridge",)))
    scope = Scope(layers=("bridge", "address"), without=("bridge.uplinks",))
    return ground.hop("bridge", bridge, f"{link.state}, MTU {link.mtu}", ok=link.admin_up, scope=scope)
