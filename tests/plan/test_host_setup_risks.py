"""What host-setup refuses unless the one flag that accepts it is given, and then warns of."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.hosts import (
    ADDRESS,
    GATEWAY,
    OLD_UUID,
    REQUESTED,
    addressed_by_a_bond,
    nic,
    profile,
    routed_host,
)
from tests.plan.standing import as_set_up
from tests.specs import host_spec
from vmnet.errors import Refused
from vmnet.facts import (
    Address,
    Dependent,
    Device,
    Domain,
    DomainState,
    Duplicate,
    Facts,
    Interface,
    Link,
    Source,
    SshSession,
)
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import AddressSpec, BondSpec, HostSpec

SPEC = host_spec(nics=("em1", "em2"), address=REQUESTED)
ADOPTING = host_spec(nics=("em1", "em2"))
PEER = ipaddress.ip_address("192.0.2.9")
ELSEWHERE = ipaddress.ip_address("198.51.100.9")


def accepted(facts: Facts, flag: str, *named: str, spec: HostSpec = SPEC, way_out: str = "") -> None:
    """The plan is refused without `flag`, with `named` and `way_out`, and warns of `named` with it."""
    with pytest.raises(Refused) as caught:
        plan_host_setup(spec, facts)
    option = f"--{flag.replace('_', '-')}"
    assert all(text in caught.value.message for text in named)
    assert way_out in caught.value.hint
    assert option in caught.value.hint
    given: dict[str, Any] = {flag: True}
    warnings = plan_host_setup(replace(spec, **given), facts).warnings
    assert [all(text in warning for text in (*named, option)) for warning in warnings].count(True) == 1


def nfs(**ends: Any) -> Dependent:
    return Dependent(what="the NFS filesystem on /srv", evidence="/proc/self/mountinfo: files:/srv", **ends)


@pytest.mark.parametrize(
    "ends",
    [
        {"peer": PEER},
        {"peer": ipaddress.ip_address("203.0.113.9")},
        {"local": ADDRESS.ip},
        {"peer": ADDRESS.ip},
        {"peer": ELSEWHERE, "local": ADDRESS.ip},
    ],
    ids=["beside us", "behind the gateway", "by our address", "our own end", "by another link"],
)
def test_storage_that_is_reached_through_the_nics(ends: dict[str, Any]) -> None:
    facts = replace(routed_host(), dependents=(nfs(**ends),))
    accepted(facts, "allow_storage", "em1", "the NFS filesystem on /srv [/proc/self/mountinfo: files:/srv]")


@pytest.mark.parametrize("peer", [ELSEWHERE, ipaddress.ip_address("127.0.0.1")])
def test_storage_that_is_reached_elsewhere(peer: ipaddress.IPv4Address) -> None:
    facts = replace(routed_host(), dependents=(nfs(peer=peer),))
    assert plan_host_setup(SPEC, facts).warnings == ()


def test_storage_of_which_nobody_knows_the_way() -> None:
    (warning,) = plan_host_setup(SPEC, replace(routed_host(), dependents=(nfs(),))).warnings
    assert "the NFS filesystem on /srv" in warning


def test_much_storage_is_named_shortly() -> None:
    many = tuple(Dependent(what=f"disk {n}", evidence="e", peer=GATEWAY) for n in range(9))
    accepted(replace(routed_host(), dependents=many), "allow_storage", "disk 2 [e] and 6 more")


CLIENT = ipaddress.ip_address("192.0.2.7")


def by_ssh(facts: Facts, server: str, peer: str = "192.0.2.7") -> Facts:
    ends = {"peer": ipaddress.ip_address(peer), "server": ipaddress.ip_address(server)}
    return replace(facts, ssh=SshSession(**ends, peer_port=40000))


def test_a_session_that_runs_over_what_is_rebuilt() -> None:
    (warning,) = plan_host_setup(SPEC, by_ssh(routed_host(), str(ADDRESS.ip))).warnings
    assert "em1" in warning
    assert "vmnet follow" in warning


def test_a_session_by_the_management_link() -> None:
    facts = by_ssh(routed_host(), "198.51.100.3", "198.51.100.7")
    assert plan_host_setup(SPEC, facts).warnings == ()
    (warning,) = plan_host_setup(SPEC, by_ssh(routed_host(), "198.51.100.3")).warnings  # the answers go out of em1
    assert "em1" in warning


@pytest.mark.parametrize("wanted", ["192.0.2.4/24", "dhcp"])
def test_a_session_by_an_address_that_goes_away(wanted: str) -> None:
    dhcp = AddressSpec(dhcp=True)
    static = AddressSpec(addresses=(ipaddress.ip_interface("192.0.2.4/24"),), gateways=(GATEWAY,))
    spec = host_spec(SPEC, address=dhcp if wanted == "dhcp" else static)
    facts = by_ssh(routed_host(), "192.0.2.3")
    accepted(facts, "allow_new_address", "192.0.2.3", spec=spec, way_out="--address 192.0.2.3/PREFIX")


def test_a_session_by_an_address_of_the_nic_that_gives_none_to_the_bridge() -> None:
    second = Address(ifname="em2", interface=ipaddress.ip_interface("192.0.2.77/24"), dynamic=True)
    facts = replace(routed_host(), addresses=(*routed_host().addresses, second))
    spec = host_spec(SPEC, management="mgmt")
    accepted(by_ssh(facts, "192.0.2.77"), "allow_new_address", "192.0.2.77", spec=spec)


def test_a_lease_comes_again_for_the_same_mac() -> None:
    facts = by_ssh(routed_host(), "192.0.2.3")
    leased = replace(facts, addresses=tuple(replace(a, dynamic=a.ifname == "em1") for a in facts.addresses))
    plan_host_setup(host_spec(SPEC, address=AddressSpec(dhcp=True)), leased)


def port(ifname: str, controller: str | None, kind: str = "", parent: str | None = None) -> Link:
    return replace(nic(ifname, 20), kind=kind, controller=controller, parent=parent)


def test_what_stands_is_at_no_risk() -> None:
    standing = replace(as_set_up(SPEC), dependents=(nfs(peer=PEER),))
    plan = plan_host_setup(host_spec(SPEC, network=None), by_ssh(standing, "192.0.2.3"))
    assert (plan.planned, plan.warnings) == ((), ())


def test_a_session_is_at_risk_where_what_stands_gets_another_address() -> None:
    other = replace(REQUESTED, addresses=(ipaddress.ip_interface("192.0.2.4/24"),))
    facts = by_ssh(as_set_up(SPEC), "192.0.2.3")
    accepted(facts, "allow_new_address", "192.0.2.3", spec=host_spec(SPEC, address=other))


def test_a_second_way_out_of_what_stands() -> None:
    facts = as_set_up(SPEC)
    tap, second = port("vnet0", "br0", "tun"), port("em3", "br0")
    assert plan_host_setup(SPEC, replace(facts, links=(*facts.links, tap))).warnings == ()
    (warning,) = plan_host_setup(SPEC, replace(facts, links=(*facts.links, tap, second))).warnings
    assert "bridge br0" in warning
    assert "em3" in warning


@pytest.mark.parametrize(
    ("other", "under", "named"),
    [
        (port("vnet0", "br0", "tun"), "bridge br0", "vnet0 of domain web01"),
        (port("em3", "br0"), "bridge br0", "em3"),
        (port("br0.5", None, "vlan", "br0"), "bridge br0", "br0.5"),
        (port("em3", "bond0"), "bond bond0", "em3"),
        (port("bond0.5", None, "vlan", "bond0"), "bond bond0", "bond0.5"),
    ],
)
def test_what_gets_a_new_profile_must_be_empty(other: Link, under: str, named: str) -> None:
    facts = as_set_up(SPEC)
    tap = Interface(mac=None, source=Source(type="bridge"), document="", target="vnet0")
    web = Domain(name="web01", uuid="", state=DomainState.RUNNING, stored=True, running=(tap,))
    links = tuple(replace(link, controller=None) if link.ifname == "bond0" else link for link in facts.links)
    displacing = host_spec(SPEC, displace=("bond0", "br0"))
    broken = replace(facts, links=links, domains=(web,))
    assert plan_host_setup(displacing, broken).planned
    with pytest.raises(Refused) as caught:
        plan_host_setup(displacing, replace(broken, links=(*links, other)))
    assert under in caught.value.message
    assert named in caught.value.message
    assert f"--{under.split(maxsplit=1)[0]}" in caught.value.hint


def with_old(ifname: str, kind: str, address: str = "192.0.2.77/24") -> Facts:
    """A host with another such link that has an address and no port; its profile is called "an old one"."""
    facts = routed_host()
    old = profile("an old one", OLD_UUID, ifname, connection__type=kind, connection__autoconnect="no")
    return replace(
        facts,
        links=(*facts.links, replace(nic(ifname, 9), kind=kind)),
        addresses=(*facts.addresses, Address(ifname=ifname, interface=ipaddress.ip_interface(address))),
        devices=(*facts.devices, Device(ifname=ifname, type=kind, state=100, profile=OLD_UUID)),
        profiles=(*facts.profiles, replace(old, device=ifname)),
    )


@pytest.mark.parametrize(("ifname", "kind"), [("bond0", "bond"), ("br0", "bridge")])
def test_an_address_of_what_gets_a_new_profile_is_given_up_only_by_name(ifname: str, kind: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_host_setup(SPEC, with_old(ifname, kind))
    assert "192.0.2.77/24" in caught.value.message
    assert "--displace 'an old one'" in caught.value.hint
    assert f"--{kind}" in caught.value.hint
    plan = plan_host_setup(host_spec(SPEC, displace=("an old one",)), with_old(ifname, kind))
    back = steps.ActivateProfile(uuid=OLD_UUID, name="an old one", ifname=ifname)
    activated = [p.step.ifname for p in plan.planned if isinstance(p.step, steps.ActivateProfile)]
    assert activated[:2] == (["br0", "bond0"] if kind == "bridge" else ["bond0", "em2"])
    (undo,) = (p.undo for p in plan.planned if back in p.undo)
    assert isinstance(undo[0], steps.DeleteProfile)
    assert undo[1] == back


def test_what_carries_the_address_gets_a_new_profile_only_by_name() -> None:
    facts = addressed_by_a_bond()
    with pytest.raises(Refused) as caught:
        plan_host_setup(ADOPTING, facts)
    assert "bond bond0" in caught.value.message
    assert "--bond" in caught.value.hint
    assert "--displace 'an old one'" in caught.value.hint
    planned = plan_host_setup(host_spec(ADOPTING, displace=("an old one",)), facts).planned
    assert not [p for p in planned if isinstance(p.step, steps.DeleteProfile)]


def test_beside_an_old_bond_one_nic_goes_on_carrying_the_address() -> None:
    plan = plan_host_setup(host_spec(ADOPTING, bond=BondSpec(ifname="bond1")), addressed_by_a_bond())
    taken = [p.step for p in plan.planned]
    joins = [s.ifname for s in taken if isinstance(s, steps.ActivateProfile)]
    assert joins == ["bond1", "em2", "em1"]
    (at_once,) = (s for s in taken if isinstance(s, steps.AddRoutes))
    (down,) = (p for p in plan.planned if isinstance(p.step, steps.DeactivateProfile))
    # The first NIC that comes back brings the old bond up.
    assert down.undo == ()
    (joining,) = (p for p in plan.planned if isinstance(p.step, steps.ActivateProfile) and p.step.ifname == "em1")
    assert taken.index(at_once) < taken.index(joining.step)
    (back,) = (s for s in joining.undo if isinstance(s, steps.AddRoutes))
    assert {route.ifname for route in back.routes} == {"bond0"}


def test_a_nic_joins_what_stands() -> None:
    facts = as_set_up(SPEC)
    links = tuple(replace(link, controller=None) if link.ifname == "em2" else link for link in facts.links)
    tap = port("vnet0", "br0", "tun")
    plan = plan_host_setup(SPEC, replace(facts, links=(*links, tap)))
    made = [p.step.ifname for p in plan.planned if isinstance(p.step, steps.AddProfile)]
    activated = [p.step.ifname for p in plan.planned if isinstance(p.step, steps.ActivateProfile)]
    assert (made, activated) == (["em2"], ["em2"])
    assert not [p for p in plan.planned if isinstance(p.step, steps.DeleteProfile)]
    saved = {p.step.name for p in plan.planned if isinstance(p.step, steps.ModifyProfile) and p.step.save}
    assert "em2" in saved


def test_an_address_that_the_bridge_gets_is_not_given_up() -> None:
    assert plan_host_setup(SPEC, with_old("bond0", "bond", str(ADDRESS))).planned


def test_an_address_that_another_host_has() -> None:
    mac = Mac("00:00:5e:00:53:99")
    facts = replace(routed_host(), duplicates=(Duplicate(address=ADDRESS.ip, mac=mac, ifname="em2"),))
    accepted(facts, "allow_duplicate_address", "192.0.2.3", "00:00:5e:00:53:99", "em2", way_out="--address")
    other = replace(facts, duplicates=(Duplicate(address=GATEWAY, mac=mac, ifname="em2"),))
    assert plan_host_setup(SPEC, other).warnings == ()
