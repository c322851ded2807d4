"""Several bridges in one run: on bonds of their own, on VLANs of one bond, and the host's address on a VLAN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.plan.hosts import ADDRESS, LAN_UUID, nic, profile, routed_host
from tests.plan.standing import as_set_up
from tests.plan.test_second_bridge import with_two_more
from vmnet.checks.goal import export
from vmnet.errors import Refused, SpecError, VmnetError
from vmnet.facts import Device, Facts
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan
from vmnet.spec import BondSpec, BridgeSpec, HostSpec, NoAddress, VlanSpec
from vmnet.spec.file import parse_spec, render_spec

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = {"p4p1": "em2", "em2": "em3", "p4p2": "em4", "p2p1": "mgmt", '{ mac = "00:1b:21:ab:d6:a1" }': '"em2"'}


def spec_of(name: str) -> HostSpec:
    """The spec of an example, with the names of the NICs that these hosts have, and without libvirt."""
    text = (EXAMPLES / f"{name}.toml").read_text("utf-8")
    text = text.replace('{ mac = "00:1b:21:ab:d6:a1" }', '"em2"').replace('"em2", "p4p2"', '"em3", "em4"')
    text = text.replace('"p4p1"', '"em2"').replace("p2p1", "mgmt")
    spec = parse_spec(text, name)
    return replace(spec, bridges=tuple(replace(bridge, network=None) for bridge in spec.bridges))


def with_address_on_a_vlan() -> Facts:
    """The host's address is on em1.10, and em1 has none."""
    facts = routed_host()
    link = replace(nic("em1.10", 9), kind="vlan", parent="em1", vlan_id=10, hardware=False, permanent_mac=None)
    values: dict[str, Any] = {
        "connection__type": "vlan",
        "vlan__parent": "em1",
        "vlan__id": "10",
        "ipv4__addresses": str(ADDRESS),
    }
    tagged = profile("tagged", "11111111-0000-0000-0000-000000000010", "em1.10", **values)
    plain = profile("lan", LAN_UUID, "em1", ipv4__method="disabled")
    return replace(
        facts,
        links=(*facts.links, link),
        addresses=tuple(replace(a, ifname="em1.10") if a.ifname == "em1" else a for a in facts.addresses),
        routes=tuple(replace(r, ifname="em1.10") if r.ifname == "em1" else r for r in facts.routes),
        devices=(*facts.devices, Device(ifname="em1.10", type="vlan", state=100, profile=tagged.uuid)),
        profiles=(*(plain if p.uuid == LAN_UUID else p for p in facts.profiles), tagged),
    )


STARTS = {
    "two-bridges": with_two_more(routed_host()),
    "vlan-bridges": routed_host(),
    "address-on-vlan": with_address_on_a_vlan(),
    "jumbo": with_two_more(routed_host()),
}


def added(plan: Plan) -> list[str]:
    return [p.step.ifname for p in plan.planned if isinstance(p.step, steps.AddProfile)]


def index_of(plan: Plan, step: type, name: str) -> int:
    return next(i for i, p in enumerate(plan.planned) if isinstance(p.step, step) and name in repr(p.step))


@pytest.mark.parametrize("name", STARTS)
def test_an_example_is_planned_once_and_is_its_own_export(name: str) -> None:
    spec = spec_of(name)
    facts = as_set_up(spec, STARTS[name])
    again = plan_host_setup(spec, facts)
    assert again.empty, [p.why for p in again.planned]
    exported, left = export(facts)
    assert [line for line in left if "left out" in line] == []
    assert {bridge.ifname for bridge in exported.bridges} == {bridge.ifname for bridge in spec.bridges}
    read = parse_spec(render_spec(exported), "exported")
    assert read == exported
    assert plan_host_setup(read, facts).empty


@pytest.mark.parametrize("name", STARTS)
def test_one_checkpoint_covers_all_and_one_file_switches_the_boot(name: str) -> None:
    plan = plan_host_setup(spec_of(name), STARTS[name])
    assert isinstance(plan.planned[0].step, steps.OpenCheckpoint)
    assert isinstance(plan.planned[-1].step, steps.CommitCheckpoint)
    assert [p.turns_boot for p in plan.planned].count(True) == 1
    saves = [i for i, p in enumerate(plan.planned) if isinstance(p.step, steps.ModifyProfile) and p.step.save]
    waits = [i for i, p in enumerate(plan.planned) if isinstance(p.step, steps.WaitPorts | steps.WaitLacp)]
    assert max(waits) < min(saves)


def test_what_takes_no_address_over_starts_by_itself_before_the_boot_is_switched() -> None:
    plan = plan_host_setup(spec_of("vlan-bridges"), routed_host())
    turn = next(i for i, p in enumerate(plan.planned) if p.turns_boot)
    saved = {
        p.step.name: i
        for i, p in enumerate(plan.planned)
        if isinstance(p.step, steps.ModifyProfile) and ("connection.autoconnect", "yes") in p.step.settings
    }
    assert {name for name, at in saved.items() if at < turn} == {"br20", "bond0.20", "br30", "bond0.30"}
    assert {name for name, at in saved.items() if at > turn} == {"br0", "bond0", "em2"}


def test_bridges_on_vlans_add_to_the_bond() -> None:
    plan = plan_host_setup(spec_of("vlan-bridges"), routed_host())
    assert added(plan) == ["br0", "bond0", "em1", "em2", "br20", "bond0.20", "br30", "bond0.30"]
    tagged = next(p.step for p in plan.planned if isinstance(p.step, steps.AddProfile) and p.step.ifname == "bond0.20")
    settings = dict(tagged.settings)
    assert (settings["vlan.parent"], settings["vlan.id"]) == ("bond0", "20")
    # The address moves first, then what is added.
    assert index_of(plan, steps.WaitNeighbour, "br0") < index_of(plan, steps.AddProfile, "br20")
    assert [goal.uplinks for goal in plan.goals] == [("bond0",), ("bond0.20",), ("bond0.30",)]


def test_a_vlan_is_added_to_a_bond_that_exists() -> None:
    spec = spec_of("vlan-bridges")
    facts = as_set_up(replace(spec, bridges=spec.bridges[:1]))
    asked = BridgeSpec(ifname="br20", vlan=VlanSpec(ifname="", id=20), address=NoAddress(), network=None)
    plan = plan_host_setup(HostSpec(bridges=(asked,)), facts)
    assert added(plan) == ["br20", "bond0.20"]
    untouched = [p.step.ifname for p in plan.planned if isinstance(p.step, steps.ProveUntouched)]
    assert untouched == ["mgmt", "br0"]
    assert plan.goals[0].nics == ("em1", "em2")


def test_the_address_moves_from_a_vlan_to_a_bridge_on_it() -> None:
    plan = plan_host_setup(spec_of("address-on-vlan"), with_address_on_a_vlan())
    assert added(plan) == ["br10", "bond0.10", "bond0", "em1", "em2"]
    join = next(p for p in plan.planned if isinstance(p.step, steps.ActivateProfile) and p.step.ifname == "em1")
    back = [step.ifname for step in join.undo if isinstance(step, steps.ActivateProfile)]
    assert back == ["em1", "em1.10"]
    assert plan.goals[0].requested.addresses == (ADDRESS,)
    downs = [(p.step.name, p.undo) for p in plan.planned if isinstance(p.step, steps.DeactivateProfile)]
    assert downs == [("tagged", ())]


def test_the_bond_has_the_largest_mtu_of_its_bridges() -> None:
    spec = spec_of("vlan-bridges")
    bridges = (spec.bridges[0], replace(spec.bridges[1], mtu=9000), spec.bridges[2])
    plan = plan_host_setup(replace(spec, bridges=bridges), routed_host())
    mtus = {
        p.step.ifname: dict(p.step.settings).get("802-3-ethernet.mtu")
        for p in plan.planned
        if isinstance(p.step, steps.AddProfile)
    }
    assert {name for name, mtu in mtus.items() if mtu == "9000"} == {"bond0", "em1", "em2", "br20", "bond0.20"}


NICS = BridgeSpec(nics=("em1", "em2"), network=None)


@pytest.mark.parametrize(
    ("bridges", "error", "named"),
    [
        ((NICS, replace(NICS, ifname="br1")), SpecError, "both want em1"),
        ((NICS, NICS), SpecError, "br0 is wanted twice"),
        (
            (replace(NICS, network="a"), BridgeSpec(ifname="b", nics=("em3",), bond=None, network="a")),
            SpecError,
            "a would",
        ),
        ((replace(NICS, vlan=VlanSpec(ifname="v", id=4095)),), SpecError, "4095"),
        ((NICS, BridgeSpec(ifname="br1", bond=BondSpec(ifname="bond1"))), SpecError, "proposes no NICs"),
        ((), SpecError, "no bridge"),
    ],
)
def test_what_does_not_fit_together(bridges: tuple[BridgeSpec, ...], error: type[VmnetError], named: str) -> None:
    with pytest.raises(error) as caught:
        plan_host_setup(HostSpec(bridges=bridges), with_two_more(routed_host()))
    assert named in caught.value.message


def test_one_run_moves_one_address() -> None:
    facts = with_two_more(routed_host())
    second = [a for a in facts.addresses if a.ifname == "em1"]
    facts = replace(facts, addresses=(*facts.addresses, *(replace(a, ifname="em3") for a in second)))
    other = BridgeSpec(ifname="br1", nics=("em3",), bond=None, network=None)
    with pytest.raises(Refused, match="br0 and br1"):
        plan_host_setup(HostSpec(bridges=(replace(NICS, nics=("em1",), bond=None), other), management="mgmt"), facts)


@pytest.mark.parametrize(("given", "name"), [("mac=00:00:5E:00:53:02", "em1"), ("pci=0000:03:00.0", "em2")])
def test_a_nic_by_mac_or_pci_address(given: str, name: str) -> None:
    facts = routed_host()
    facts = replace(facts, links=tuple(replace(k, pci="0000:03:00.0") if k.ifname == "em2" else k for k in facts.links))
    spec = HostSpec(bridges=(replace(NICS, nics=(given.lower(),), bond=None),))
    assert plan_host_setup(
        replace(spec, bridges=(replace(spec.bridges[0], address=NoAddress()),)) if name == "em2" else spec, facts
    ).goals[0].nics == (name,)
    with pytest.raises(SpecError, match="no NIC has mac=00:00:5e:00:53:99"):
        plan_host_setup(HostSpec(bridges=(replace(NICS, nics=("mac=00:00:5e:00:53:99",)),)), facts)
