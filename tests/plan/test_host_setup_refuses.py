"""What host-setup refuses before the first step, and how it says so."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from tests.plan.hosts import ADDRESS, DNS, GATEWAY, REQUESTED, addressed_host, bare_host, profile
from tests.specs import host_spec
from vmnet.errors import Conflict, Refused, SpecError, VmnetError
from vmnet.facts import BridgeState, Facts, Link
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import AddressSpec, BondMode, BondSpec, HostSpec

TWO = ("em1", "em2")
SPEC = host_spec(nics=TWO, address=REQUESTED)


def changed(facts: Facts, ifname: str, **values: object) -> Facts:
    links = tuple(replace(link, **values) if link.ifname == ifname else link for link in facts.links)  # type: ignore[arg-type]
    return replace(facts, links=links)


def refusal(spec: HostSpec, facts: Facts) -> VmnetError:
    with pytest.raises(VmnetError) as caught:
        plan_host_setup(spec, facts)
    assert caught.value.hint, "every refusal says what to do next"
    return caught.value


def address(**values: object) -> HostSpec:
    return host_spec(SPEC, address=replace(REQUESTED, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (host_spec(SPEC, nics=("em1", "em3")), "'em3'"),
        (host_spec(SPEC, nics=("em1", "em1")), "em1"),
        (host_spec(SPEC, bridge="a-name-that-is-too-long"), "a-name-that-is-too-long"),
        (host_spec(SPEC, bond=BondSpec(ifname="br0")), "--bond"),
        (host_spec(SPEC, bridge="em1"), "--bridge"),
        (host_spec(SPEC, bond=None), "--no-bond"),
        (host_spec(SPEC, bond=BondSpec(options=(("miimon", "1"),))), "miimon"),
        (
            host_spec(
                SPEC, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP, options=(("miimon", "100"), ("lacp_rate", "fast")))
            ),
            "lacp_rate",
        ),
        (host_spec(SPEC, mtu=100), "MTU of 100"),
        (host_spec(SPEC, timeout_s=1), "timeout of 1 s"),
        (host_spec(SPEC, management="em9"), "'em9'"),
        (host_spec(SPEC, displace=("nothing",)), "'nothing'"),
        (address(gateways=(ipaddress.ip_address("198.51.100.1"),)), "198.51.100.1"),
        (address(gateways=(ADDRESS.ip,)), str(ADDRESS.ip)),
        (address(gateways=(GATEWAY, ipaddress.ip_address("192.0.2.2"))), "gateway"),
        (address(addresses=(ipaddress.ip_interface("192.0.2.0/24"),)), "192.0.2.0"),
        (address(addresses=(ipaddress.ip_interface("192.0.2.255/24"),)), "192.0.2.255"),
        (address(addresses=(ipaddress.ip_interface("127.0.0.1/8"),)), "127.0.0.1/8"),
        (host_spec(SPEC, address=AddressSpec(dhcp=True, gateways=(GATEWAY,))), "--gateway"),
        (host_spec(SPEC, address=AddressSpec(dns=(DNS,))), "--address dhcp"),
        (host_spec(SPEC, address=None), "--address dhcp"),
    ],
)
def test_a_wrong_request(spec: HostSpec, named: str) -> None:
    error = refusal(spec, bare_host())
    assert isinstance(error, SpecError)
    assert named in f"{error.message}; {error.hint}"


def test_arp_monitoring() -> None:
    error = refusal(host_spec(SPEC, bond=BondSpec(options=(("miimon", "100"), ("arp_interval", "100")))), bare_host())
    assert isinstance(error, Refused)
    assert "ARP monitoring" in error.message
    assert "--miimon" in error.hint


MODES = [BondMode.BALANCE_RR, BondMode.BROADCAST, BondMode.BALANCE_TLB, BondMode.BALANCE_ALB]


@pytest.mark.parametrize("mode", MODES)
def test_bond_modes_that_harm_guests(mode: BondMode) -> None:
    error = refusal(host_spec(SPEC, bond=BondSpec(mode=mode)), bare_host())
    assert isinstance(error, Refused)
    assert mode.value in error.message
    assert "active-backup" in error.hint


BRIDGE = Link(
    ifname="br0", ifindex=9, kind="bridge", mac=bare_host().links[0].mac, mtu=1500, admin_up=True, carrier=False,
    operstate="down", bridge=BridgeState(stp=False, forward_delay_cs=0, multicast_snooping=True, vlan_filtering=False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (replace(bare_host(), nm_version=None, nm_problem="not running"), "not running"),
        (replace(bare_host(), nm_version="1.40.16"), "1.40.16"),
        (replace(bare_host(), nm_version="1.9.0"), "1.9.0"),
        (replace(bare_host(), libvirt_version=None, libvirt_problem="no socket"), "no socket"),
        (changed(bare_host(), "em1", wireless=True), "Wi-Fi"),
        (changed(bare_host(), "em1", hardware=False, kind="veth"), "veth"),
        (changed(bare_host(), "em1", controller="team0"), "team0"),
        (changed(bare_host(), "em1", controller="ovs-system"), "ovs-vsctl"),
        (replace(bare_host(), devices=bare_host().devices[1:]), "NetworkManager does not manage em1"),
        (replace(bare_host(), links=(*bare_host().links, replace(BRIDGE, kind="bond"))), "br0"),
        (replace(bare_host(), links=(*bare_host().links, BRIDGE)), "ip link delete dev br0"),
        (
            replace(
                bare_host(),
                links=(*bare_host().links, replace(BRIDGE, ifname="em1.5", kind="vlan", parent="em1", bridge=None)),
            ),
            "em1.5",
        ),
    ],
)
def test_a_host_that_is_not_ready(facts: Facts, named: str) -> None:
    error = refusal(SPEC, facts)
    assert isinstance(error, Refused)
    assert named in f"{error.message}; {error.hint}"


def test_the_management_link_is_never_touched() -> None:
    error = refusal(host_spec(SPEC, nics=("em1", "mgmt")), bare_host())
    assert isinstance(error, Refused)
    assert "management link" in error.message
    named = host_spec(SPEC, management="em1")
    assert "em1 is the management link" in refusal(named, bare_host()).message


def test_another_checkpoint_is_somebody_at_work() -> None:
    assert isinstance(refusal(SPEC, replace(bare_host(), checkpoints=("/1",))), Conflict)


def test_a_name_that_two_profiles_have_must_be_a_uuid() -> None:
    twice = [profile("dup", f"11111111-0000-0000-0000-00000000000{n}", "", active=False) for n in (8, 9)]
    facts = replace(bare_host(), profiles=(*bare_host().profiles, *twice))
    assert twice[0].uuid in refusal(host_spec(SPEC, displace=("dup",)), facts).hint


def test_no_libvirt_is_no_matter_without_a_network() -> None:
    facts = replace(addressed_host(), libvirt_version=None)
    assert plan_host_setup(host_spec(SPEC, network=None), facts).planned
