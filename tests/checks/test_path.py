"""A guest's way to the switch: each fault shows at its own hop, and at no other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.path import lan_bridge, walk
from vmnet.checks.path_below import HopState, Path
from vmnet.facts import Boot, BridgeState, DomainState, Facts, Interface, LanAnswer, Source, Surroundings, TapFilter
from vmnet.facts.fabric import Fabric, PortFlags, PortVlans
from vmnet.names import Mac

GOOD = replace(samples.end_state(), surroundings=Surroundings(), boot=Boot())
DOCUMENT = "<network><name>default</name><ip address='203.0.113.1' netmask='255.255.255.0'/></network>"
PLACES = [
    "domain", "interface", "network", "tap", "controller", "VLAN", "port state", "filters", "bridge", "uplink", "bond",
    "LACP", "NIC", "NIC", "gateway",
]  # fmt: skip


def paths(facts: Facts, name: str = "web01") -> tuple[Path, ...]:
    domain = next(domain for domain in facts.domains if domain.name == name)
    return walk(domain, facts, diagnose(samples.goal(), facts))


def way(facts: Facts, name: str = "web01") -> Path:
    (path,) = paths(facts, name)
    return path


def test_where_all_is_well_no_hop_is_in_trouble() -> None:
    path = way(GOOD)
    assert [hop.place for hop in path.hops] == PLACES
    assert {hop.place for hop in path.hops if hop.state is HopState.UNKNOWN} == {"gateway"}
    assert path.broken is None


def running(**values: object) -> Facts:
    live = samples.interface(samples.WEB_MAC, "host-bridge", target="vnet0", **values)
    return samples.with_domain(GOOD, "web01", running=(live,))


def learnt() -> Facts:
    facts = samples.with_network(running(filter="clean-traffic"), "default", document=DOCUMENT)
    old = TapFilter(tap="vnet0", addresses=(ip_address("203.0.113.7"),))
    return replace(facts, surroundings=Surroundings(tap_filters=(old,)))


def without_lacp() -> Facts:
    return samples.with_bond(GOOD, partner_mac=Mac("00:00:00:00:00:00"))


@pytest.mark.parametrize(
    ("facts", "place", "rule"),
    [
        (samples.with_domain(GOOD, "web01", state=DomainState.PAUSED), "domain", ""),
        (running(link_up=False), "interface", "domain.link-down"),
        (samples.without_link(GOOD, "vnet0"), "tap", "domain.tap"),
        (samples.with_link(GOOD, "vnet0", admin_up=False), "tap", "domain.tap-down"),
        (samples.with_link(GOOD, "vnet0", controller=None), "controller", "domain.tap"),
        (samples.with_link(GOOD, "vnet0", bridge_port_state="learning"), "port state", ""),
        (learnt(), "filters", "filter.old-address"),
        (samples.with_link(GOOD, "br0", carrier=False), "bridge", "bridge.link"),
        (samples.with_link(GOOD, "bond0", bridge_port_state="disabled"), "uplink", "bridge.uplinks"),
        (samples.with_link(GOOD, "bond0", carrier=False), "bond", "bond.link"),
        (without_lacp(), "LACP", "lacp.partner"),
        (
            samples.with_link(samples.with_link(GOOD, "em1", carrier=False), "p4p1", carrier=False),
            "NIC",
            "nic.link",
        ),
        (
            replace(GOOD, lan=LanAnswer(bridge="br0", gateway_answered=False, host_answered=True)),
            "gateway",
            "lan.gateway",
        ),
    ],
)
def test_the_first_hop_in_trouble(facts: Facts, place: str, rule: str) -> None:
    broken = way(facts).broken
    assert broken is not None
    assert broken.place == place
    assert [t.rule.id for t in broken.troubles][:1] == [rule] if rule else broken.hint or broken.seen


def sorting(*vlans: int) -> Facts:
    """A bridge that sorts by VLAN, and those of vnet0."""
    bridge = BridgeState(stp=False, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=True)
    entry = PortVlans(port="vnet0", vlans=vlans, untagged=vlans[0] if vlans else None)
    facts = samples.with_link(GOOD, "br0", bridge=bridge)
    return replace(facts, fabric=Fabric(vlans=(entry, PortVlans(port="bond0", vlans=(1,), untagged=1))))


def test_vlans_of_the_tap() -> None:
    def hop(facts: Facts) -> tuple[HopState, str]:
        (found,) = (hop for hop in way(facts).hops if hop.place == "VLAN")
        return found.state, found.seen

    assert hop(GOOD)[0] is HopState.OK
    assert hop(sorting(1)) == (HopState.OK, "1; untagged 1")
    assert hop(sorting())[0] is HopState.TROUBLE
    assert hop(replace(sorting(1), fabric=None))[0] is HopState.UNKNOWN


def test_what_other_rules_find_of_a_link_shows_at_its_hop() -> None:
    hairpin = replace(GOOD, fabric=Fabric(flags=(PortFlags(port="bond0", on=("hairpin",)),)))
    broken = way(hairpin).broken
    assert broken is not None
    assert (broken.place, [t.rule.id for t in broken.troubles]) == ("uplink", ["bridge.hairpin-uplink"])


def test_one_of_two_cables_may_be_out() -> None:
    path = way(samples.with_link(GOOD, "em1", carrier=False))
    assert path.broken is None
    (hop,) = (hop for hop in path.hops if hop.subject == "em1")
    assert (hop.seen, [t.rule.id for t in hop.troubles]) == ("up, no carrier; another port carries", ["nic.link"])


def test_a_warning_does_not_break_a_way_that_works() -> None:
    facts = samples.with_link(GOOD, "br0", bridge=replace(GOOD.links[5].bridge, stp=True))  # type: ignore[type-var]
    path = way(facts)
    assert path.broken is None
    assert "bridge.stp" in {t.rule.id for hop in path.hops for t in hop.troubles}


def test_a_network_that_only_names_a_bridge_is_not_needed_while_the_domain_runs() -> None:
    assert way(samples.with_network(GOOD, "host-bridge", active=False)).broken is None
    nat = samples.with_network(running(), "host-bridge", active=False, forward_mode="nat")
    broken = way(nat).broken
    assert broken is not None
    assert broken.place == "network"


def test_the_ports_of_a_bridge_that_is_down_are_its_own_matter() -> None:
    down = samples.with_link(samples.with_link(GOOD, "vnet0", bridge_port_state="disabled"), "br0", admin_up=False)
    broken = way(down).broken
    assert broken is not None
    assert broken.place == "bridge"


def test_one_that_is_off_is_walked_as_it_would_start() -> None:
    path = way(GOOD, "db01")
    assert path.broken is not None
    assert (path.broken.place, path.broken.hint) == ("domain", "sudo virsh start --domain db01")
    assert next(hop for hop in path.hops if hop.place == "tap").state is HopState.UNKNOWN
    gone = samples.with_domain(GOOD, "db01", persistent=(samples.interface(samples.DB_MAC, "gone"),))
    assert [hop.place for hop in way(gone, "db01").hops if hop.state is HopState.TROUBLE] == [
        "domain",
        "interface",
        "network",
        "bridge",
    ]


def test_behind_nat_the_way_ends_at_the_host() -> None:
    live = samples.interface(samples.WEB_MAC, "default", target="vnet0")
    facts = samples.with_link(
        samples.with_domain(GOOD, "web01", running=(live,), persistent=()), "vnet0", controller="virbr0"
    )
    last = way(facts).hops[-1]
    assert (last.place, last.seen) == ("host", "the host routes it (nat): not on the LAN")


def on(source: Source, **values: str) -> Facts:
    live = Interface(mac=samples.WEB_MAC, source=source, document="<interface/>", actual_type=source.type, **values)  # type: ignore[arg-type]
    return samples.with_domain(GOOD, "web01", running=(live,), persistent=())


def test_a_macvtap_sits_on_its_nic() -> None:
    source = Source(type="direct", attributes=(("dev", "p2p1"), ("mode", "bridge")))
    facts = on(source, target="macvtap0")
    tap = samples.link("macvtap0", 90, kind="macvtap", parent="p2p1")
    path = way(replace(facts, links=(*facts.links, tap)))
    assert [hop.place for hop in path.hops] == ["domain", "interface", "macvtap", "NIC", "gateway"]
    broken = way(facts).broken
    assert broken is not None
    assert broken.place == "macvtap"


@pytest.mark.parametrize(
    ("source", "values"),
    [(Source(type="user"), {}), (Source(type="bridge", bridge="ovs0"), {"virtualport": "openvswitch"})],
)
def test_other_ways_are_not_known(source: Source, values: dict[str, str]) -> None:
    last = way(on(source, **values)).hops[-1]
    assert (last.place, last.state) == ("host", HopState.UNKNOWN)


def test_another_domains_filter_does_not_count() -> None:
    facts = learnt()
    other = samples.interface(samples.DB_MAC, "host-bridge", target="vnet1")
    facts = samples.with_domain(facts, "db01", state=DomainState.RUNNING, running=(other,))
    tap = samples.link("vnet1", 91, kind="tun", controller="br0", bridge_port_state="forwarding")
    assert way(replace(facts, links=(*facts.links, tap)), "db01").broken is None


def test_a_domain_without_interfaces_and_one_with_two() -> None:
    broken = way(samples.with_domain(GOOD, "web01", running=(), persistent=())).broken
    assert broken is not None
    assert broken.hint == "sudo vmnet attach-domain --add web01"
    second = samples.interface(samples.DB_MAC, "host-bridge", target="vnet9")
    both = (*next(d for d in GOOD.domains if d.name == "web01").running, second)
    assert [path.broken is None for path in paths(samples.with_domain(GOOD, "web01", running=both))] == [True, False]


def test_a_hypervisor_elsewhere_shows_what_libvirt_says() -> None:
    path = way(replace(GOOD, hypervisor_elsewhere=True))
    assert [(hop.place, hop.state) for hop in path.hops[-1:]] == [("tap", HopState.UNKNOWN)]


def test_the_bridge_that_a_domain_is_on() -> None:
    web = next(domain for domain in GOOD.domains if domain.name == "web01")
    assert lan_bridge(web, GOOD) == "br0"
    assert lan_bridge(replace(web, running=(samples.interface(samples.WEB_MAC, "default"),)), GOOD) is None


def test_without_root_filters_are_not_known() -> None:
    (hop,) = (hop for hop in way(replace(GOOD, root=False)).hops if hop.place == "filters")
    assert hop.state is HopState.UNKNOWN
