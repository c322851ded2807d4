"""Every rule of verify: quiet on a host that is as wanted, and loud when its one thing is broken."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from vmnet.checks.diagnostics import check_host
from vmnet.checks.findings import LAYERS, LIBVIRT, NETLINK, NMCLI, Finding
from vmnet.checks.registry import VERIFIED
from vmnet.facts import Facts, HypervisorLink, LacpPort, Owner, ProfileFile, Route, Source, Tool
from vmnet.facts.proof import record_of
from vmnet.names import Mac
from vmnet.spec import BondSpec, NoAddress

if TYPE_CHECKING:
    from vmnet.spec import BridgeSpec

GOOD = samples.end_state()
OTHER_MAC = Mac("00:00:5e:00:53:99")
WAITING = LacpPort(actor_state=79, partner_state=2, aggregator_id=1)
APART = LacpPort(actor_state=61, partner_state=61, aggregator_id=2)
RIVAL = samples.profile(
    "em1", "802-3-ethernet", name="Wired connection 7", uuid="00000000-0000-4000-8000-0000000000aa", device=None
)
ONE_SIDED = LacpPort(actor_state=61, partner_state=7, aggregator_id=1)
EM1_FILE = "/etc/NetworkManager/system-connections/em1.nmconnection"
IFUPDOWN = Owner(tool=Tool.IFUPDOWN, file="/etc/network/interfaces.d/lan", ifname="em1")
MANAGEMENT_ROUTE = Route(destination=None, gateway=ip_address("198.51.100.1"), ifname="p2p1", metric=100)
LISTED_OTHERWISE = HypervisorLink(ifname="br0", mac=OTHER_MAC, active=True)
WEB_ON_DEFAULT = samples.interface(samples.WEB_MAC, "default", target="vnet0")

SPOILT: list[tuple[str, str, Facts]] = [
    ("nic.link", "p4p1", samples.with_link(GOOD, "p4p1", carrier=False)),
    ("nic.link", "em1", samples.without_link(GOOD, "em1")),
    ("nic.controller", "em1", samples.with_link(GOOD, "em1", controller="br0")),
    ("nic.mac", "p4p1", samples.with_link(GOOD, "p4p1", mac=OTHER_MAC)),
    ("nic.address", "em1", samples.with_address(GOOD, "em1", "198.51.100.77/24")),
    ("bond.link", "bond0", samples.with_link(GOOD, "bond0", admin_up=False)),
    ("bond.link", "bond0", samples.without_link(GOOD, "bond0")),
    ("bond.controller", "bond0", samples.with_link(GOOD, "bond0", controller=None)),
    ("bond.mode", "bond0", samples.with_bond(GOOD, mode="active-backup")),
    ("bond.miimon", "bond0", samples.with_bond(GOOD, miimon_ms=0)),
    ("bond.ports", "bond0", samples.with_link(GOOD, "p4p1", controller=None)),
    ("bond.mac", "bond0", samples.with_link(GOOD, "bond0", mac=OTHER_MAC)),
    ("bond.address", "bond0", samples.with_address(GOOD, "bond0", "2001:db8::3/64")),
    ("lacp.aggregator", "bond0", samples.with_bond(GOOD, aggregator_ports=1)),
    ("lacp.aggregator", "bond0", samples.with_link(GOOD, "p4p1", lacp=APART)),
    ("lacp.partner", "bond0", samples.with_bond(GOOD, partner_mac=Mac("00:00:00:00:00:00"))),
    ("lacp.port", "em1", samples.with_link(GOOD, "em1", lacp=WAITING)),
    ("lacp.port", "em1", samples.with_link(GOOD, "em1", lacp=None)),
    ("lacp.port", "em1", samples.with_link(GOOD, "em1", lacp=ONE_SIDED)),
    ("lacp.same-partner", "bond0", samples.with_bond_port(GOOD, "p4p1", partner_key=14)),
    ("lacp.same-partner", "bond0", samples.with_bond_port(GOOD, "p4p1", partner_mac=OTHER_MAC)),
    ("lacp.same-speed", "bond0", samples.with_link(GOOD, "p4p1", speed_mbit=100)),
    ("lacp.same-speed", "bond0", samples.with_link(GOOD, "p4p1", duplex="half")),
    ("bond.min-links", "bond0", samples.with_bond(GOOD, min_links=2)),
    ("boot.manager", "host", samples.with_boot(GOOD, manager_starts=False)),
    ("boot.kernel-address", "host", samples.with_boot(GOOD, kernel_arguments=("ip=em1:dhcp",))),
    ("boot.kernel-address", "host", samples.with_boot(GOOD, kernel_arguments=("quiet", "ip=dhcp"))),
    ("boot.profile-file", "em1", samples.with_boot(GOOD, profile_files=(ProfileFile(path=EM1_FILE, there=False),))),
    ("boot.profile-file", "em1", samples.with_boot(GOOD, profile_files=(ProfileFile(path=EM1_FILE),))),
    ("boot.other-tool", "em1", replace(GOOD, owners=(IFUPDOWN,))),
    ("boot.other-tool", "br0", replace(GOOD, owners=(replace(IFUPDOWN, ifname="br0", tool=Tool.NETPLAN),))),
    ("boot.unmanaged", "bond0", replace(GOOD, owners=(replace(IFUPDOWN, ifname="bond0", tool=Tool.UDEV),))),
    ("boot.cloud-init", "host", replace(GOOD, owners=(replace(IFUPDOWN, ifname="", tool=Tool.CLOUD_INIT),))),
    ("profile.pulls-ports", "br0", samples.with_setting(GOOD, "br0", connection__autoconnect_slaves="-1 (default)")),
    ("profile.mac", "bond0", samples.with_setting(GOOD, "bond0", **{"802-3-ethernet__cloned_mac_address": ""})),
    ("bridge.link", "br0", samples.without_link(GOOD, "br0")),
    ("bridge.stp", "br0", samples.with_link(GOOD, "br0", bridge=None)),
    ("bridge.uplinks", "br0", samples.with_link(GOOD, "p2p1", controller="br0")),
    ("bridge.uplinks", "br0", samples.with_link(GOOD, "bond0", bridge_port_state="learning")),
    ("bridge.vlan", "em1.5", samples.with_link(GOOD, "em1.5", parent="em1")),
    ("bridge.vlan", "em1.5", samples.without_link(GOOD, "em1.5")),
    ("bridge.mac", "br0", samples.with_link(GOOD, "br0", mac=OTHER_MAC)),
    ("bridge.listed", "br0", replace(GOOD, hypervisor_links=())),
    ("bridge.listed", "br0", replace(GOOD, hypervisor_links=(LISTED_OTHERWISE,))),
    ("address.kernel", "br0", replace(GOOD, addresses=())),
    ("address.profile", "br0", samples.with_setting(GOOD, "br0", ipv4__addresses="192.0.2.4/24")),
    ("address.only", "br0", samples.with_address(GOOD, "em1", "192.0.2.3/24")),
    ("route.default", "default", replace(GOOD, routes=())),
    ("route.default", "default", replace(GOOD, routes=(*GOOD.routes, MANAGEMENT_ROUTE))),
    ("route.profile", "br0", samples.with_setting(GOOD, "br0", ipv4__gateway="")),
    ("dns.device", "br0", samples.with_device(GOOD, "br0", dns=())),
    ("dns.resolv_conf", "host", replace(GOOD, resolvers=(ip_address("198.51.100.53"),))),
    ("nm.running", "host", replace(GOOD, nm_version=None, nm_problem="NetworkManager is not running")),
    ("profile.active", "p4p1", samples.with_device(GOOD, "p4p1", state=30, profile=None)),
    ("profile.active", "br0", samples.with_device(GOOD, "br0", state=70)),
    ("profile.active", "bond0", replace(GOOD, devices=GOOD.devices[:3])),
    ("profile.controller", "em1", samples.with_setting(GOOD, "em1", connection__master="br7")),
    ("profile.stp", "br0", samples.with_setting(GOOD, "br0", bridge__stp="yes")),
    ("profile.mode", "bond0", samples.with_setting(GOOD, "bond0", bond__options="mode=active-backup")),
    ("profile.saved", "br0", samples.with_profile(GOOD, "br0", filename="/run/NetworkManager/system-connections/br0")),
    ("profile.saved", "em1", samples.with_setting(GOOD, "em1", connection__autoconnect="no")),
    ("profile.alone", "em1", replace(GOOD, profiles=(*GOOD.profiles, RIVAL))),
    ("management.link", "p2p1", samples.with_link(GOOD, "p2p1", admin_up=False)),
    ("management.address", "p2p1", replace(GOOD, addresses=GOOD.addresses[2:])),
    ("network.state", "host-bridge", samples.with_network(GOOD, "host-bridge", autostart=False)),
    ("network.state", "host-bridge", replace(GOOD, networks=())),
    ("network.state", "host-bridge", replace(GOOD, networks=(), libvirt_version=None, libvirt_problem="no socket")),
    ("network.bridge", "host-bridge", samples.with_network(GOOD, "host-bridge", bridge="br7")),
    ("domain.tap", "web01 52:54:00:00:53:11", samples.with_link(GOOD, "vnet0", controller="virbr0")),
    ("domain.tap", "web01 52:54:00:00:53:11", samples.without_link(GOOD, "vnet0")),
    ("domain.documents", "web01 52:54:00:00:53:11", samples.with_domain(GOOD, "web01", running=(WEB_ON_DEFAULT,))),
    ("domain.saved", "db01 52:54:00:00:53:12", samples.with_domain(
        GOOD, "db01", saved=(samples.interface(samples.DB_MAC, "default"),)
    )),
]  # fmt: skip

SPOILT_GOALS: list[tuple[str, str, BridgeSpec]] = [
    ("nic.mtu", "em1", replace(samples.goal(), mtu=9000)),
    ("bond.mtu", "bond0", replace(samples.goal(), mtu=9000)),
    ("bridge.mtu", "br0", replace(samples.goal(), mtu=9000)),
    (
        "bond.option",
        "bond0",
        replace(samples.goal(), bond=BondSpec(options=(("miimon", "100"), ("min_links", "1")))),
    ),
    ("bridge.option", "br0", replace(samples.goal(), options=(("priority", "4096"),))),
    ("bridge.stp", "br0", replace(samples.goal(), options=(("stp", "yes"),))),
    ("address.dhcp", "br0", samples.goal_with(dhcp=True, addresses=(), gateways=())),
    ("address.none", "br0", replace(samples.goal(), address=NoAddress())),
    (
        "management.unchanged",
        "p2p1",
        replace(
            samples.goal(), management_was=record_of("p2p1", samples.with_address(GOOD, "p2p1", "198.51.100.4/24"))
        ),
    ),
]


def differing(goal: BridgeSpec, facts: Facts) -> dict[tuple[str, str], Finding]:
    return {(f.rule, f.subject): f for f in check_host(goal, facts) if not f.ok}


def test_the_end_state_is_as_wanted() -> None:
    assert differing(samples.goal(), GOOD) == {}


def test_an_address_by_dhcp_is_enough_where_dhcp_is_wanted() -> None:
    facts = samples.with_address(replace(GOOD, addresses=GOOD.addresses[:2]), "br0", "192.0.2.77/24", dynamic=True)
    facts = samples.with_setting(facts, "br0", ipv4__method="auto", ipv4__addresses="")
    assert differing(samples.goal_with(dhcp=True, addresses=()), facts) == {}


def test_a_bridge_on_one_nic_needs_no_bond() -> None:
    goal = replace(samples.goal(), bond=None, nics=("em1",), profiles=())
    facts = samples.without_link(GOOD, "bond0")
    facts = samples.with_link(facts, "em1", controller="br0", bridge_port_state="forwarding", lacp=None)
    assert differing(goal, facts) == {}


def test_a_type_that_libvirt_cannot_move_waits_for_the_next_start() -> None:
    own = replace(WEB_ON_DEFAULT, source=Source(type="user"), actual_type="user")
    facts = samples.with_domain(GOOD, "web01", running=(own,))
    (seen,) = (f for f in check_host(samples.goal(), facts) if f.rule == "domain.documents" and "web01" in f.subject)
    assert seen.ok
    assert "from its next start network host-bridge" in seen.seen
    assert "--replug" in seen.hint
    passed = replace(own, source=Source(type="hostdev"), actual_type="hostdev")
    found = check_host(samples.goal(), samples.with_domain(GOOD, "web01", running=(passed,)))
    assert "power it off and on" in {f.hint for f in found if f.rule == "domain.documents"}


@pytest.mark.parametrize(("rule", "subject", "facts"), SPOILT)
def test_a_spoilt_host_is_seen(rule: str, subject: str, facts: Facts) -> None:
    found = differing(samples.goal(), facts)
    assert (rule, subject) in found
    assert found[rule, subject].hint or found[rule, subject].fix or rule == "domain.tap"


@pytest.mark.parametrize(("rule", "subject", "goal"), SPOILT_GOALS)
def test_another_wish_is_seen(rule: str, subject: str, goal: BridgeSpec) -> None:
    assert (rule, subject) in differing(goal, GOOD)


def test_every_rule_that_can_differ_has_a_test_that_makes_it() -> None:
    registered = {rule for check in VERIFIED for rule in check.rules}
    assert registered - {rule for rule, *_ in (*SPOILT, *SPOILT_GOALS)} == {"management.profile", "domain.left"}


def test_findings_come_layer_by_layer() -> None:
    layers = [LAYERS.index(finding.layer) for finding in check_host(samples.goal(), GOOD)]
    assert layers == sorted(layers)
    assert {LAYERS[number] for number in layers} == {*LAYERS} - {"filter", "LAN"}


def test_bond_and_bridge_are_seen_from_every_source() -> None:
    sources = {finding.source for finding in check_host(samples.goal(), GOOD)}
    assert {NETLINK, NMCLI, LIBVIRT} < sources


def test_without_libvirts_listing_the_kernel_is_enough() -> None:
    findings = check_host(samples.goal(), replace(GOOD, hypervisor_links=None))
    listed = [finding for finding in findings if finding.rule == "bridge.listed"]
    assert [(finding.ok, finding.seen) for finding in listed] == [(True, "listing not available")]


def test_a_local_resolver_is_taken_for_good() -> None:
    assert differing(samples.goal(), replace(GOOD, resolvers=(ip_address("127.0.0.53"),))) == {}


def test_the_management_profile_is_for_information() -> None:
    findings = check_host(samples.goal(), samples.with_setting(GOOD, "p2p1", ipv4__may_fail="no"))
    (finding,) = (finding for finding in findings if finding.rule == "management.profile")
    assert finding.ok
    assert "--fix-management" in finding.hint


def test_domains_behind_nat_are_for_information() -> None:
    facts = samples.with_domain(GOOD, "db01", persistent=(samples.interface(samples.DB_MAC, "default"),))
    findings = check_host(samples.goal(), facts)
    (finding,) = (finding for finding in findings if finding.rule == "domain.left")
    assert finding.ok
    assert finding.seen == "behind NAT: db01"


def test_a_generated_default_profile_does_not_compete() -> None:
    generated = samples.profile(
        "em1", "802-3-ethernet", {"connection.autoconnect-priority": "-999"}, name="Wired connection 2", device=None,
        uuid="00000000-0000-4000-8000-0000000000bb", filename="/run/NetworkManager/system-connections/2.nmconnection",
    )  # fmt: skip
    assert differing(samples.goal(), replace(GOOD, profiles=(*GOOD.profiles, generated))) == {}


def test_ports_of_different_speed_are_named() -> None:
    facts = samples.with_bond(samples.with_link(GOOD, "p4p1", speed_mbit=100), aggregator_ports=1)
    hint = differing(samples.goal(), facts)["lacp.aggregator", "bond0"].hint
    assert "p4p1 100 Mbit/s" in hint


@pytest.mark.parametrize(("churned", "hint"), [(False, "still negotiating"), (True, "does not accept this port")])
def test_a_port_that_negotiates_is_told_from_one_that_is_left_out(churned: bool, hint: str) -> None:
    spoilt = samples.with_bond_port(samples.with_link(GOOD, "em1", lacp=ONE_SIDED), "em1", churned=churned)
    assert hint in differing(samples.goal(), spoilt)["lacp.port", "em1"].hint


def test_ipv6_addresses_are_compared_too() -> None:
    goal = samples.goal_with(addresses=(samples.ADDRESS, ip_interface("2001:db8::3/64")))
    assert differing(goal, GOOD).keys() == {("address.kernel", "br0"), ("address.profile", "br0")}
    facts = samples.with_address(GOOD, "br0", "2001:db8::3/64")
    assert differing(goal, samples.with_setting(facts, "br0", ipv6__addresses="2001:db8::3/64")) == {}


def management(facts: Facts, was: Facts = GOOD) -> str:
    goal = replace(samples.goal(), management_was=record_of("p2p1", was))
    (found,) = (f for f in check_host(goal, facts) if f.rule == "management.unchanged")
    return "" if found.ok else found.seen


def test_what_of_the_management_link_has_changed_is_named() -> None:
    assert management(GOOD) == ""
    assert management(samples.with_link(GOOD, "p2p1", mtu=9000)) == "MTU was 1500 and is 9000"
    seen = management(samples.with_setting(GOOD, "p2p1", ipv4__may_fail="no"))
    assert seen == "profile's ipv4.may-fail was yes and is no"


def test_a_reboot_a_new_lease_and_an_upgrade_are_nobodys_doing() -> None:
    assert management(samples.with_link(GOOD, "p2p1", ifindex=17, carrier_changes=9)) == ""
    assert management(replace(samples.with_setting(GOOD, "p2p1", ipv4__may_fail="1"), nm_version="1.52.1")) == ""
    route = Route(destination=ip_network("198.51.100.0/24"), gateway=None, ifname="p2p1", metric=101)
    counted = (
        replace(GOOD, routes=(*GOOD.routes, route)),
        replace(GOOD, routes=(*GOOD.routes, replace(route, metric=100))),
    )
    assert management(*counted) == ""
    assert "routes was none and is 198.51.100.0/24 via link" in management(counted[0])
    by_dhcp = samples.with_setting(GOOD, "p2p1", ipv4__method="auto")
    assert management(samples.with_address(by_dhcp, "p2p1", "198.51.100.9/24"), by_dhcp) == ""


def test_without_root_the_record_cannot_be_compared_and_that_is_said() -> None:
    found = {f.rule: f for f in check_host(samples.goal(), replace(GOOD, root=False))}
    assert found["management.unchanged"].ok
    assert "not compared" in found["management.unchanged"].seen
    assert "management.unchanged" not in {f.rule for f in check_host(samples.goal(), GOOD)}
