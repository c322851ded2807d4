"""NICs that libvirt's documents ask for, and what sits on a NIC already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.guests import DEFAULT, domain, interface
from tests.plan.hosts import REQUESTED, profile, routed_host
from tests.plan.test_host_setup_risks import accepted, port
from tests.specs import host_spec
from vmnet.errors import Refused
from vmnet.facts import Domain, Facts, Network
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup

SPEC = host_spec(nics=("em1", "em2"), address=REQUESTED)
DIRECT = interface(1, "dev='em1' mode='bridge'", kind="direct")
PCI = "0000:03:00.1"
VLAN = "11111111-0000-0000-0000-000000000005"


def with_pci(facts: Facts) -> Facts:
    return replace(facts, links=tuple(replace(x, pci=PCI) if x.ifname == "em2" else x for x in facts.links))


@pytest.mark.parametrize(
    ("claimant", "named", "way_out"),
    [
        (domain("web01", DIRECT), "em1", "attach-domain web01"),
        (domain("web01", saved=(DIRECT,)), "em1", "attach-domain web01"),
        (domain("web01", host_devices=(PCI,)), f"em2 ({PCI})", "virsh edit web01"),
    ],
)
def test_a_domain_that_asks_for_a_nic(claimant: Domain, named: str, way_out: str) -> None:
    facts = replace(with_pci(routed_host()), domains=(claimant,))
    accepted(facts, "allow_claimed", "web01 (shut off)", named, way_out=way_out)


def network(mode: str, forward: str) -> Network:
    document = f"<network><name>pool</name><forward mode='{mode}'{forward}</network>"
    return replace(DEFAULT, name="pool", forward_mode=mode, bridge=None, document=document)


@pytest.mark.parametrize(
    ("claimant", "nic"),
    [
        (network("nat", " dev='em1'/>"), "em1"),
        (network("bridge", "><interface dev='em2'/></forward>"), "em2"),
        (network("hostdev", "><address type='pci' bus='0x03' slot='0' function='1'/></forward>"), "em2"),
    ],
)
def test_a_network_that_asks_for_a_nic(claimant: Network, nic: str) -> None:
    facts = replace(with_pci(routed_host()), networks=(claimant,))
    named = f"pool ({claimant.forward_mode})"
    accepted(facts, "allow_claimed", named, nic, way_out="virsh net-edit pool")


def test_other_claims_are_no_matter() -> None:
    other = interface(2, "dev='em7' mode='bridge'", kind="direct")
    domains = (domain("web01", other, host_devices=("0000:09:00.0",)),)
    networks = (DEFAULT, network("nat", " dev='em7'/>"))
    facts = replace(with_pci(routed_host()), domains=domains, networks=networks)
    assert plan_host_setup(SPEC, facts).warnings == ()


def refused(facts: Facts) -> Refused:
    with pytest.raises(Refused) as caught:
        plan_host_setup(SPEC, facts)
    return caught.value


def test_a_macvtap_is_named_with_its_domain() -> None:
    tap = interface(1, "dev='em1' mode='bridge'", kind="direct", more="<target dev='macvtap0'/>")
    facts = routed_host()
    links = (*facts.links, port("macvtap0", None, "macvtap", "em1"))
    error = refused(replace(facts, links=links, domains=(domain("web01", running=(tap,)),)))
    assert "macvtap0 of domain web01" in error.message
    assert "--move-vlans" not in error.hint


def with_vlan(nic: str = "em1", parent: str = "em1", mac: str = "") -> Facts:
    of_its_own = {"vlan__parent": parent, "802_3_ethernet__cloned_mac_address": mac}
    vlan = profile("storage", VLAN, f"{nic}.5", active=True, connection__type="vlan", **of_its_own)
    facts = routed_host()
    return replace(
        facts,
        links=(*facts.links, port(f"{nic}.5", None, "vlan", nic)),
        devices=(*facts.devices, replace(facts.devices[0], ifname=f"{nic}.5", state=100, profile=VLAN)),
        profiles=(*facts.profiles, vlan),
    )


@pytest.mark.parametrize("nic", ["em1", "em2"])
def test_a_vlan_goes_onto_the_bridge_when_it_is_to(nic: str) -> None:
    facts = with_vlan(nic)
    assert "--move-vlans" in refused(facts).hint
    plan = plan_host_setup(host_spec(SPEC, move_vlans=True), facts)
    ours = [planned for planned in plan.planned if getattr(planned.step, "uuid", "") == VLAN]
    down, change, up, save = (planned.step for planned in ours)
    assert isinstance(down, steps.DeactivateProfile)
    assert isinstance(up, steps.ActivateProfile)
    settings = (("connection.interface-name", f"{nic}.5"), ("vlan.parent", "br0"))
    changes = [steps.ModifyProfile(uuid=VLAN, name="storage", settings=settings, save=save) for save in (False, True)]
    assert [change, save] == changes
    assert [type(step).__name__ for planned in reversed(ours) for step in planned.undo] == [
        "DeactivateProfile", "RestoreProfile", "ActivateProfile",
    ]  # fmt: skip
    kinds = [type(planned.step).__name__ for planned in plan.planned]
    moved = plan.planned.index(ours[0])
    joins = [i for i, p in enumerate(plan.planned) if getattr(p.step, "ifname", "") in ("em1", "em2")]
    assert "RemoveRoutes" not in kinds[moved:]
    assert moved < max(joins)
    assert plan.goals[0].vlans == (f"{nic}.5",)


def test_a_moved_vlan_that_gets_another_mac_is_told_of() -> None:
    spec = host_spec(SPEC, move_vlans=True)
    assert any("em1.5" in text and "MAC" in text for text in plan_host_setup(spec, with_vlan()).warnings)
    assert plan_host_setup(spec, with_vlan(mac="00:00:5e:00:53:14")).warnings == ()


@pytest.mark.parametrize(
    "facts",
    [
        with_vlan(parent=""),
        replace(with_vlan(), profiles=routed_host().profiles),
        replace(with_vlan(), links=(*with_vlan().links, port("macvtap0", None, "macvtap", "em1.5"))),
    ],
)
def test_a_vlan_that_cannot_move_is_refused_all_the_same(facts: Facts) -> None:
    with pytest.raises(Refused, match=r"em1\.5") as caught:
        plan_host_setup(host_spec(SPEC, move_vlans=True), facts)
    assert "--move-vlans" not in caught.value.hint
