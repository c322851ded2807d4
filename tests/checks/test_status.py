"""The topology: what hangs on what, each in the state that rules and facts give it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests import status_samples
from tests.checks.test_verify import SPOILT
from vmnet.checks.findings import NETLINK, Finding
from vmnet.checks.status import describe_host, map_host
from vmnet.checks.topology import Edge, Node, Role, State, Topology
from vmnet.facts import BondState, DomainState, Facts, GuestAddress, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.topology import Remark

GOOD = samples.end_state()
GOAL = samples.goal()
WEB, DB = "domain:00000000-0000-4000-8000-000000000201", "domain:00000000-0000-4000-8000-000000000202"


def node(topology: Topology, key: str) -> Node:
    (found,) = (node for node in topology.nodes if node.key == key)
    return found


def edge(topology: Topology, above: str, below: str) -> Edge:
    (found,) = (edge for edge in topology.edges if (edge.above, edge.below) == (above, below))
    return found


def remarks(topology: Topology) -> Iterator[Remark]:
    yield from chain.from_iterable(node.remarks for node in topology.nodes)
    yield from chain.from_iterable(edge.remarks for edge in topology.edges)


def web_on(facts: Facts, source: Source, target: str | None = "vnet0") -> Facts:
    """The same host with web01 running on another source; both documents say so."""
    running = replace(samples.interface(samples.WEB_MAC, "-"), source=source, target=target)
    return samples.with_domain(facts, "web01", running=(running,), persistent=(replace(running, target=None),))


def test_a_healthy_host_is_a_graph_from_the_switch_to_the_domains() -> None:
    found = describe_host(GOAL, GOOD)
    assert found.state is State.OK
    assert list(remarks(found)) == []
    switch = f"switch:{samples.SWITCH_MAC}"
    assert {(e.above, e.below) for e in found.edges} == {
        (switch, "link:em1"), (switch, "link:p4p1"), ("link:em1", "link:bond0"), ("link:p4p1", "link:bond0"),
        ("link:bond0", "link:br0"), ("link:br0", "link:em1.5"), ("link:br0", "network:host-bridge"),
        ("link:virbr0", "network:default"), ("network:host-bridge", WEB), ("network:host-bridge", DB),
    }  # fmt: skip
    assert edge(found, "network:host-bridge", WEB).name == "vnet0"
    assert node(found, WEB).state is State.OK
    assert (node(found, DB).state, edge(found, "network:host-bridge", DB).state) == (State.IDLE, State.IDLE)
    assert node(found, "link:br0").words == ("192.0.2.3/24", "default route via 192.0.2.1")
    assert "management" in node(found, "link:p2p1").words
    assert "link:lo" not in {n.key for n in found.nodes}


@pytest.mark.parametrize(("rule", "subject", "facts"), SPOILT)
def test_each_finding_stands_where_it_belongs(rule: str, subject: str, facts: Facts) -> None:
    found = describe_host(GOAL, facts)
    assert_whole(found)
    assert found.state in (State.ERROR, State.WARNING)
    things: tuple[Node | Edge, ...] = (*found.nodes, *found.edges)
    places = [x for x in things if rule in {remark.rule for remark in x.remarks}]
    name = subject.split(maxsplit=1)[0]
    keys = {f"link:{name}", f"network:{name}", WEB if name == "web01" else DB}
    if name in ("default", "host"):
        keys = {"host"}
    ends = {place.key if isinstance(place, Node) else place.below for place in places}
    # Without libvirt's answer there is no network to say it of, without NetworkManager no host.
    assert ends & (keys | {"host"} if rule == "network.state" else keys)
    assert {place.state for place in places} & {State.ERROR, State.WARNING}


def assert_whole(found: Topology) -> None:
    keys = [node.key for node in found.nodes]
    assert len(keys) == len(set(keys))
    assert {end for edge in found.edges for end in (edge.above, edge.below)} <= set(keys)


@pytest.mark.parametrize("size", [0, 1, 3, 30, 300])
def test_every_end_is_a_node(size: int) -> None:
    found = describe_host(replace(GOAL, vlans=()), status_samples.host(size, shut_off=size // 10))
    assert_whole(found)
    assert found.state is State.OK
    assert sum(node.role is Role.DOMAIN for node in found.nodes) == size


def test_a_link_that_is_missed_is_there_to_see() -> None:
    found = describe_host(GOAL, samples.without_link(GOOD, "bond0"))
    missed = node(found, "link:bond0")
    assert (missed.role, missed.state) == (Role.BOND, State.ERROR)
    assert {remark.rule for remark in missed.remarks} >= {"bond.link"}


def test_where_no_bridge_stands_and_none_is_wanted_nothing_is_missed() -> None:
    facts = samples.without_link(GOOD, "br0")
    bare = replace(facts, networks=facts.networks[:1], domains=())
    assert describe_host(None, bare).state is State.OK
    assert describe_host(GOAL, bare).state is State.ERROR


def test_a_finding_about_nothing_known_is_the_hosts() -> None:
    odd = Finding(
        rule="filter.forward", layer="filter", subject="nftables", wanted="accept", seen="drop", source=NETLINK,
        ok=False,
    )  # fmt: skip
    host = node(map_host(GOOD, (odd,)), "host")
    assert [(r.rule, r.text) for r in host.remarks] == [("filter.forward", "nftables: drop; wanted accept")]
    assert host.state is State.ERROR


def test_who_is_left_behind_nat_hangs_on_it() -> None:
    source = Source(type="network", network="default")
    facts = samples.with_link(web_on(GOOD, source), "vnet0", controller="virbr0")
    found = describe_host(GOAL, facts)
    assert edge(found, "network:default", WEB).state is State.OK
    (note,) = node(found, "network:default").remarks
    assert (note.state, note.rule) == (State.OK, "domain.left")
    assert "migrate-from-virbr0" in note.hint
    assert found.state is State.OK


@pytest.mark.parametrize(
    ("changes", "state", "text"),
    [
        ({"controller": None}, State.ERROR, "vnet0 in no bridge; wanted virbr0"),
        ({"controller": "br0"}, State.ERROR, "vnet0 in br0; wanted virbr0"),
        ({"controller": "virbr0", "admin_up": False}, State.ERROR, "vnet0 is down"),
        ({"controller": "virbr0", "bridge_port_state": "listening"}, State.WARNING, "vnet0 is listening"),
    ],
)
def test_taps_are_looked_at_where_no_rule_does(changes: dict[str, object], state: State, text: str) -> None:
    facts = samples.with_link(web_on(GOOD, Source(type="network", network="default")), "vnet0", **changes)
    found = describe_host(GOAL, facts)
    seen = edge(found, "network:default", WEB)
    assert [(remark.state, remark.text) for remark in seen.remarks] == [(state, text)]
    assert node(found, WEB).state is state


def test_a_domain_on_a_bridge_by_name_hangs_on_the_bridge() -> None:
    found = describe_host(GOAL, web_on(GOOD, Source(type="bridge", bridge="br0")))
    assert edge(found, "link:br0", WEB).state is State.OK


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (Source(type="network", network="gone"), "network:gone"),
        (Source(type="bridge", bridge="br9"), "link:br9"),
    ],
)
def test_what_domains_name_and_is_not_there(source: Source, key: str) -> None:
    running = describe_host(GOAL, web_on(GOOD, source))
    assert node(running, key).state is State.ERROR
    off = samples.with_domain(web_on(GOOD, source), "web01", state=DomainState.SHUT_OFF, running=())
    assert node(describe_host(GOAL, off), key).state is State.WARNING


def test_what_goes_past_the_bridges() -> None:
    found = describe_host(GOAL, web_on(GOOD, Source(type="user"), target=None))
    assert edge(found, "elsewhere:user", WEB).state is State.OK
    direct = Source(type="direct", attributes=(("dev", "p2p1"), ("mode", "bridge")))
    facts = replace(GOOD, links=(*GOOD.links, samples.link("macvtap0", 40, kind="macvtap", parent="p2p1")))
    found = describe_host(GOAL, web_on(facts, direct, target="macvtap0"))
    assert edge(found, "link:p2p1", WEB).name == "macvtap0"
    assert_whole(found)


def test_a_domain_without_an_interface_is_not_lost() -> None:
    found = describe_host(GOAL, samples.with_domain(GOOD, "web01", running=(), persistent=()))
    assert edge(found, "elsewhere:nothing", WEB).state is State.IDLE
    assert node(found, "elsewhere:nothing").name == "no interface"


def test_a_link_that_is_set_down_by_the_domain_is_a_warning() -> None:
    (own,) = GOOD.domains[1].running
    facts = samples.with_domain(GOOD, "web01", running=(replace(own, link_up=False),))
    found = edge(map_host(facts, ()), "network:host-bridge", WEB)
    assert (found.state, found.remarks[0].text) == (State.WARNING, "its link is set down")


def test_a_tap_of_no_domain_is_a_port() -> None:
    tap = samples.link("tap9", 41, kind="tun", controller="br0", bridge_port_state="forwarding")
    used = describe_host(GOAL, replace(GOOD, links=(*GOOD.links, tap)))
    assert (node(used, "link:tap9").role, node(used, "link:tap9").state) == (Role.PORT, State.OK)
    assert "tap of no domain here" in node(used, "link:tap9").words
    unknown = describe_host(GOAL, replace(GOOD, links=(*GOOD.links, tap), libvirt_version=None, domains=()))
    assert "tap" in node(unknown, "link:tap9").words
    dead = describe_host(GOAL, replace(GOOD, links=(*GOOD.links, replace(tap, carrier=False))))
    assert node(dead, "link:tap9").state is State.WARNING
    assert edge(dead, "link:br0", "link:tap9").state is State.WARNING


def test_a_bond_beside_the_plan_is_judged_by_the_facts() -> None:
    state = BondState(mode="active-backup", miimon_ms=100, active_port="eth8")
    nic = {"controller": "bond9", "hardware": True}
    dead = (
        samples.link("bond9", 50, kind="bond", bond=state, carrier=False),
        samples.link("eth8", 51, carrier=False, **nic),
    )
    found = describe_host(GOAL, replace(GOOD, links=(*GOOD.links, *dead)))
    assert node(found, "link:bond9").state is State.ERROR
    assert node(found, "link:bond9").words[:3] == ("active-backup", "eth8 active", "0 of 1 ports work")
    assert node(found, "link:eth8").state is State.WARNING
    assert edge(found, "link:eth8", "link:bond9").state is State.WARNING


def test_every_gateway_is_named() -> None:
    routes = tuple(replace(GOOD.routes[0], gateway=ip_address(text)) for text in ("192.0.2.1", "2001:db8::1"))
    words = node(describe_host(GOAL, replace(GOOD, routes=routes)), "link:br0").words
    assert "default route via 192.0.2.1, 2001:db8::1" in words


def test_a_nic_that_nothing_uses_is_idle() -> None:
    facts = replace(GOOD, links=(*GOOD.links, samples.link("eth7", 52, carrier=False, hardware=True)))
    assert node(describe_host(GOAL, facts), "link:eth7").state is State.IDLE


def test_the_switch_is_known_by_lldp_before_lacp() -> None:
    found = describe_host(GOAL, replace(GOOD, switch_ports=status_samples.SWITCHED[:1]))
    assert edge(found, "switch:00:00:5e:00:53:ff", "link:em1").name == "Gi1/0/11"
    assert node(found, "switch:00:00:5e:00:53:ff").name == "rack7-a"


def test_addresses_of_guests_stand_at_their_taps() -> None:
    known = GuestAddress(mac=samples.WEB_MAC, interface=samples.ADDRESS, origin="tap")
    found = describe_host(GOAL, replace(GOOD, guest_addresses=(known, replace(known, origin="agent"))))
    assert edge(found, "network:host-bridge", WEB).words == ("192.0.2.3",)


def test_on_another_machine_only_libvirts_things_are_seen() -> None:
    found = describe_host(None, replace(GOOD, hypervisor_elsewhere=True, links=GOOD.links[:2]))
    assert_whole(found)
    assert {node.role for node in found.nodes} == {Role.HOST, Role.NETWORK, Role.DOMAIN}
    assert found.state is State.OK
    assert any("another machine" in text for text in found.unread)


def test_what_does_not_answer_is_listed() -> None:
    silent = replace(GOOD, nm_version=None, nm_problem="not running", libvirt_version=None, libvirt_problem="no socket")
    found = describe_host(GOAL, replace(silent, networks=(), domains=()))
    assert found.unread == ("NetworkManager: not running", "libvirt: no socket")
