"""status: facts and findings -> the topology of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.goal import goals_of
from vmnet.checks.profiles import network_manager
from vmnet.checks.remarks import Remarks
from vmnet.checks.status_domains import Domains
from vmnet.checks.status_links import Links
from vmnet.checks.topology import Edge, Node, Role, State, Topology, remarked
from vmnet.checks.verify import check_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts
    from vmnet.plan.steps import Goals


def describe_host(goals: Goals, facts: Facts) -> Topology:
    """Return the host as a graph, each thing in the state that verify finds it in.

    Args:
        goals: what is wanted. If it is not given and there is no bridge yet, nothing is missed.
        facts: the host as it is.
    """
    wanted = goals_of(goals, facts)
    exists = goals or facts.link(wanted[0].bridge) is not None
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
