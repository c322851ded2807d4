"""status: facts and findings -> the topology of the host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vmnet.checks.diagnostics import check_host
from vmnet.checks.findings import Finding, subject_of
from vmnet.checks.goal import goals_of
from vmnet.checks.rules.boot import network_manager
from vmnet.checks.status_links import Links
from vmnet.checks.topology import (
    DOMAIN,
    NETWORK,
    Edge,
    Node,
    Remark,
    Remarks,
    Role,
    State,
    Topology,
    link_key,
    network_key,
    remarked,
    worst,
)
from vmnet.facts import Domain, DomainState, Facts, Interface, Network
from vmnet.plan.steps import Goals


def describe_host(goals: Goals, facts: Facts) -> Topology:
    """Return the host as a graph of switches, links, networks and domains, each with its connections and state.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`. Then a host
            without a bridge misses nothing.
        facts: the host as it is now.
    """
    wanted = goals_of(goals, facts)
    exists = goals or facts.link(wanted[0].ifname) is not None
    return map_host(facts, check_host(wanted, facts) if exists else tuple(network_manager(wanted[0], facts)))


def map_host(facts: Facts, findings: tuple[Finding, ...]) -> Topology:
    """Return the host as a graph.

    Args:
        facts: the host as it is.
        findings: what rules say of it. A finding counts for the link, network or domain that it is about, and for the
            host where that is nothing of these.
    """
    remarks = Remarks(findings)
    taps = frozenset(i.target for domain in facts.domains for i in domain.running if i.target)
    links = Links(facts, remarks, taps)
    link_nodes = tuple(links.nodes())
    switch_nodes, cables = links.switches()
    domains = Domains(facts, remarks, links)
    found = {node.key: node for node in (*switch_nodes, *link_nodes)}
    # What domains name and verify misses, too, has been said once.
    found = {**domains.nodes, **found}
    left = remarks.rest()
    host = Node(
        key="host", role=Role.HOST, name=facts.hostname, state=remarked(State.OK, left), remarks=left,
        details=tuple(_versions(facts)),
    )  # fmt: skip
    edges: tuple[Edge, ...] = (*cables, *links.edges(), *domains.edges)
    return Topology(
        hostname=facts.hostname, nodes=(host, *found.values()), edges=edges, unread=tuple(_unread(facts))
    )  # fmt: skip


def _versions(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "NetworkManager", facts.nm_version or "not reached"
    yield "libvirt", facts.libvirt_version or "not reached"


def _unread(facts: Facts) -> Iterator[str]:
    if facts.nm_version is None and facts.nm_problem:
        yield f"NetworkManager: {facts.nm_problem}"
    if facts.libvirt_version is None:
        yield f"libvirt: {facts.libvirt_problem or 'it was not asked'}"
    if facts.hypervisor_elsewhere:
        yield "links: libvirt runs on another machine, whose links cannot be seen from here"
    yield from (f"{thing.what}: {thing.why}" for thing in facts.unread)


# Libvirt's networks and domains as nodes and edges of the topology.

_FORWARD = {"bridge": "bridged", "nat": "NAT", "route": "routed", "open": "open"}


class Domains:
    """Networks, domains and what they hang on.

    Args:
        facts: the host as it is.
        remarks: what findings say; what is said of networks and domains is taken.
        links: the host's links.
    """

    def __init__(self, facts: Facts, remarks: Remarks, links: Links) -> None:
        self._facts = facts
        self._remarks = remarks
        self._links = links
        self._networks = {network.name: network for network in facts.networks}
        self._addresses: dict[str, dict[str, None]] = defaultdict(dict)
        for known in facts.guest_addresses:
            self._addresses[known.mac][str(known.interface.ip)] = None
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        used = {i.source.network for domain in facts.domains for i in domain.interfaces}
        for network in facts.networks:
            self._add_network(network, used=network.name in used)
        for domain in facts.domains:
            self._add_domain(domain)

    def _add_network(self, network: Network, *, used: bool) -> None:
        left = self._remarks.left if used and network.forward_mode == "nat" else None
        remarks = (*self._remarks.take(network.name, NETWORK), *([left] if left else []))
        state = remarked(State.OK if network.active else State.IDLE, remarks)
        words = [_FORWARD.get(network.forward_mode or "", network.forward_mode or "isolated")]
        words += [] if network.active else ["not active"]
        words += [] if network.autostart or not network.persistent else ["not autostarted"]
        words += [] if network.persistent else ["transient"]
        node = Node(
            key=network_key(network.name), role=Role.NETWORK, name=network.name, state=state, words=tuple(words),
            details=(("UUID", network.uuid), ("bridge", network.bridge or "none")), remarks=remarks,
        )  # fmt: skip
        self.nodes[node.key] = node
        if network.bridge in self._links.roles:
            self.edges.append(Edge(above=link_key(network.bridge or ""), below=node.key, state=state))

    def _add_domain(self, domain: Domain) -> None:
        key = f"domain:{domain.uuid}"
        interfaces = domain.running if domain.active else domain.saved or domain.persistent
        edges = [self._edge(key, domain, interface) for interface in interfaces]
        if not interfaces:
            edges = [Edge(above=self._elsewhere("nothing", "no interface", ()), below=key, state=State.IDLE)]
        remarks = self._remarks.take(domain.name, DOMAIN)
        at_rest = domain.state is not DomainState.RUNNING
        state = worst([*(edge.state for edge in edges), State.IDLE if at_rest else State.OK])
        node = Node(
            key=key, role=Role.DOMAIN, name=domain.name, state=remarked(state, remarks), words=(domain.state.value,),
            details=(("UUID", domain.uuid), ("interfaces", str(len(interfaces)))), remarks=remarks,
        )  # fmt: skip
        self.nodes[key] = node
        self.edges += edges

    def _edge(self, key: str, domain: Domain, interface: Interface) -> Edge:
        above = self._place(domain, interface)
        found = self._remarks.take(subject_of(domain, interface), DOMAIN)
        remarks = found or tuple(self._seen(domain, interface))
        flows = domain.state is DomainState.RUNNING and interface.link_up
        details = [("MAC", interface.mac or "not known"), ("model", interface.model or "not known")]
        return Edge(
            above=above, below=key, state=remarked(State.OK if flows else State.IDLE, remarks),
            name=interface.target or "", words=tuple(self._addresses.get(interface.mac or "", ())),
            details=tuple(details), remarks=remarks,
        )  # fmt: skip

    def _place(self, domain: Domain, interface: Interface) -> str:
        """Return the key of what an interface hangs on; what is not there is made a node that says so."""
        source = interface.source
        if source.type == "network":
            return self._place_called(network_key(source.network or ""), Role.NETWORK, source.network or "", domain)
        if source.type == "bridge" and source.bridge:
            return self._place_called(link_key(source.bridge), Role.BRIDGE, source.bridge, domain)
        device = dict(source.attributes).get("dev")
        if source.type == "direct" and device in self._links.roles:
            return link_key(device or "")
        return self._elsewhere(source.type, source.type, ("not through a bridge",))

    def _elsewhere(self, what: str, name: str, words: tuple[str, ...]) -> str:
        key = f"elsewhere:{what}"
        self.nodes.setdefault(key, Node(key=key, role=Role.ELSEWHERE, name=name, state=State.OK, words=words))
        return key

    def _place_called(self, key: str, role: Role, name: str, domain: Domain) -> str:
        there = name in self._links.roles if role is Role.BRIDGE else name in self._networks
        if there:
            return key
        elsewhere = self._facts.hypervisor_elsewhere and role is Role.BRIDGE
        bad = State.ERROR if domain.active else State.WARNING
        remarks = () if elsewhere else (Remark(state=bad, text="domains name it, but it does not exist"),)
        known = self.nodes.get(key)
        state = worst([bad, *([known.state] if known else [])]) if remarks else State.OK
        self.nodes[key] = Node(key=key, role=role, name=name, state=state, remarks=remarks)
        return key

    def _seen(self, domain: Domain, interface: Interface) -> Iterator[Remark]:
        """Yield what the facts alone say is wrong with an interface; where a rule speaks, it is asked instead."""
        if not domain.active:
            return
        if not interface.link_up:
            yield Remark(state=State.WARNING, text="its link is set down")
        if self._facts.hypervisor_elsewhere or interface.target is None:
            return
        tap, bridge = self._links.by_name.get(interface.target), self._facts.bridge_behind(interface.source)
        if tap is None:
            yield Remark(state=State.ERROR, text=f"no tap {interface.target}")
        elif bridge is not None and not interface.virtualport and tap.controller != bridge:
            yield Remark(state=State.ERROR, text=f"{tap.ifname} in {tap.controller or 'no bridge'}; wanted {bridge}")
        elif not tap.admin_up:
            yield Remark(state=State.ERROR, text=f"{tap.ifname} is down")
        elif tap.bridge_port_state not in (None, "forwarding"):
            yield Remark(state=State.WARNING, text=f"{tap.ifname} is {tap.bridge_port_state}")
