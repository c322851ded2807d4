"""teardown: plain NICs again, by the steps of an undo, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from typing import TypeVar

import pytest

from tests.plan import guests
from tests.plan.hosts import ADDRESS, GATEWAY, MGMT_UUID, nic, profile, with_profile
from tests.plan.standing import as_set_up
from vmnet.checks.goal import deduce_goal
from vmnet.errors import Refused, SpecError
from vmnet.facts import Address, Device, Facts, Network, Profile
from vmnet.facts.lan import Answer, Probe, ProbeKind
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Step
from vmnet.plan.teardown.back import can_be_built, plan_bridges_again
from vmnet.plan.teardown.plan import plan_teardown
from vmnet.plan.teardown.stacks import find_bridges
from vmnet.spec import BondMode, BondSpec, BridgeSpec, HostSpec, NoAddress, TeardownSpec

Kind = TypeVar("Kind", bound=Step)

OLD = "22222222-0000-0000-0000-000000000001"
SPARE = "22222222-0000-0000-0000-000000000002"
ANSWER = Answer(probe=Probe(kind=ProbeKind.GATEWAY, target=str(GATEWAY)))
ON_BOTH = BridgeSpec(nics=("em1", "em2"), network=None)


def bridged(bridge: BridgeSpec = ON_BOTH) -> Facts:
    return replace(as_set_up(HostSpec(bridges=(bridge,))), answers=(ANSWER,))


def planned(facts: Facts, spec: TeardownSpec | None = None, *, disabled: tuple[str, ...] = ()) -> Plan:
    spec = spec or TeardownSpec()
    goals = [deduce_goal(facts, bridge=name) for name in find_bridges(spec, facts)]
    return plan_teardown(spec, facts, goals, disabled=disabled)


def of_kind(plan: Plan, kind: type[Kind]) -> list[Kind]:
    return [one.step for one in plan.planned if isinstance(one.step, kind)]


def uuid_on(ifname: str, facts: Facts) -> str:
    active = facts.active_profile(ifname)
    assert active is not None
    return active.uuid


def place(plan: Plan, step: Step) -> int:
    return [one.step for one in plan.planned].index(step)


def disabled_profile(name: str, uuid: str, ifname: str, **settings: str) -> Profile:
    return profile(name, uuid, ifname, active=False, connection__autoconnect="no", **settings)


LIKE_BRIDGE = {"ipv4__addresses": str(ADDRESS), "ipv4__gateway": str(GATEWAY)}


def test_the_nic_with_the_mac_takes_the_address_before_anything_goes() -> None:
    facts = bridged()
    plan = planned(facts)
    (added,) = of_kind(plan, steps.AddProfile)
    assert added.ifname == "em1"
    assert {"ipv4.addresses": str(ADDRESS), "ipv4.gateway": str(GATEWAY)}.items() <= dict(added.settings).items()
    (taken,) = of_kind(plan, steps.ActivateProfile)
    assert (taken.uuid, taken.ifname) == (added.uuid, "em1")
    down = of_kind(plan, steps.DeactivateProfile)
    assert [step.uuid for step in down] == [uuid_on(name, facts) for name in ("em2", "bond0", "br0")]
    (address,) = of_kind(plan, steps.WaitAddress)
    assert place(plan, taken) < place(plan, address) < place(plan, down[0])
    (leave,) = of_kind(plan, steps.LeaveLast)
    assert (leave.bond, leave.ifname, [name for name, _ in leave.others]) == ("bond0", "em1", ["em2"])
    (answer,) = of_kind(plan, steps.WaitAnswer)
    assert answer.others == ("em2",)
    # Nothing is written to a file before the NICs are proven.
    written = [place(plan, step) for step in of_kind(plan, steps.ModifyProfile) if step.save]
    assert place(plan, answer) < min(written)


def test_one_file_switches_the_boot_when_all_others_start_nothing() -> None:
    facts = bridged()
    plan = planned(facts)
    (turn,) = [one for one in plan.planned if one.turns_boot]
    assert isinstance(turn.step, steps.ModifyProfile)
    settings = dict(turn.step.settings)
    port = facts.active_profile("em1")
    assert port is not None
    assert settings["connection.autoconnect"] == "yes"
    assert int(settings["connection.autoconnect-priority"]) > int(port.get("connection.autoconnect-priority"))
    turned = place(plan, turn.step)
    quiet = {
        step.uuid for step in of_kind(plan, steps.ModifyProfile)
        if step.settings == (("connection.autoconnect", "no"),) and place(plan, step) < turned
    }  # fmt: skip
    assert quiet == {uuid_on(name, facts) for name in ("em2", "bond0", "br0")}
    gone = {step.uuid: place(plan, step) for step in of_kind(plan, steps.DeleteProfile)}
    assert set(gone) == {*quiet, port.uuid}
    assert min(gone.values()) > turned


@pytest.mark.parametrize("mode", [BondMode.ACTIVE_BACKUP, BondMode.BALANCE_XOR])
def test_without_lacp_no_order_of_ports_is_kept(mode: BondMode) -> None:
    plan = planned(bridged(replace(ON_BOTH, bond=BondSpec(mode=mode))))
    assert of_kind(plan, steps.LeaveLast) == []
    assert of_kind(plan, steps.LetSettle) == []


def test_a_bridge_on_one_nic() -> None:
    plan = planned(bridged(BridgeSpec(nics=("em1",), bond=None, network=None)))
    assert [step.name for step in of_kind(plan, steps.DeactivateProfile)] == ["br0"]
    assert of_kind(plan, steps.WaitAnswer)[0].others == ()


def test_by_dhcp_the_bridge_goes_before_the_lease_is_waited_for() -> None:
    facts = bridged()
    leased = {"ipv4.method": "auto", "ipv4.addresses": "", "ipv4.gateway": ""}
    own = uuid_on("br0", facts)
    facts = replace(
        facts,
        profiles=tuple(
            replace(p, settings=tuple((dict(p.settings) | leased).items())) if p.uuid == own else p
            for p in facts.profiles
        ),
    )
    plan = planned(facts)
    (taken,) = of_kind(plan, steps.ActivateProfile)
    assert not taken.wait
    (address,) = of_kind(plan, steps.WaitAddress)
    assert place(plan, of_kind(plan, steps.DeactivateProfile)[-1]) < place(plan, address)
    with pytest.raises(Refused, match="DHCP"):
        planned(facts, TeardownSpec(nic="em2"))


def test_another_nic_can_get_the_address() -> None:
    plan = planned(bridged(), TeardownSpec(nic="em2"))
    assert of_kind(plan, steps.AddProfile)[0].ifname == "em2"
    assert any("MAC" in line for line in plan.warnings)
    with pytest.raises(SpecError, match="mgmt"):
        planned(bridged(), TeardownSpec(nic="mgmt"))


def test_an_old_profile_with_the_same_addresses_is_used() -> None:
    facts = with_profile(bridged(), disabled_profile("lan", OLD, "em1", **LIKE_BRIDGE))
    plan = planned(facts)
    assert of_kind(plan, steps.AddProfile) == []
    assert of_kind(plan, steps.ActivateProfile)[0].uuid == OLD
    (turn,) = [one for one in plan.planned if one.turns_boot]
    assert [undo.uuid for undo in turn.undo if isinstance(undo, steps.RestoreProfile)] == [OLD]
    last = [step for step in of_kind(plan, steps.ModifyProfile) if step.uuid == OLD][-1]
    assert last.settings == (("connection.autoconnect-priority", "0"),)


def test_an_old_profile_with_other_addresses_is_named_and_left() -> None:
    other = disabled_profile("lan", OLD, "em1", ipv4__addresses="192.0.2.77/24")
    plan = planned(with_profile(bridged(), other), disabled=(OLD,))
    assert of_kind(plan, steps.AddProfile)
    assert OLD not in {step.uuid for step in of_kind(plan, steps.ModifyProfile)}
    assert any("'lan'" in line for line in plan.choices)


@pytest.mark.parametrize(("disabled", "enabled"), [((SPARE,), True), ((), False)])
def test_only_what_a_run_has_disabled_is_enabled_again(disabled: tuple[str, ...], enabled: bool) -> None:
    facts = with_profile(bridged(), disabled_profile("spare", SPARE, "em2"))
    plan = planned(facts, disabled=disabled)
    found = [step for step in of_kind(plan, steps.ModifyProfile) if step.uuid == SPARE]
    assert [step.settings for step in found] == ([(("connection.autoconnect", "yes"),)] if enabled else [])


def test_the_management_link_is_proven() -> None:
    (proof,) = of_kind(planned(bridged()), steps.ProveUntouched)
    assert (proof.ifname, proof.profile) == ("mgmt", MGMT_UUID)


def test_all_bridges_gone_is_nothing_to_do() -> None:
    facts = replace(bridged(), links=tuple(link for link in bridged().links if link.kind != "bridge"))
    assert planned(facts).empty


def test_several_bridges_must_be_named() -> None:
    facts = with_vlan_bridge(bridged())
    with pytest.raises(SpecError, match="br0, br20"):
        planned(facts)
    with pytest.raises(SpecError, match="br5"):
        planned(facts, TeardownSpec(bridges=("br5",)))


# VLANs of one bond.


def with_vlan_bridge(facts: Facts, *, addressed: bool = False) -> Facts:
    """The host with br20 on bond0.20 besides."""
    made = [
        profile("br20", "33333333-0000-0000-0000-000000000020", "br20", connection__type="bridge",
                ipv4__method="manual" if addressed else "disabled"),
        profile("bond0.20", "33333333-0000-0000-0000-000000000021", "bond0.20", connection__type="vlan"),
    ]  # fmt: skip
    bridge, vlan = (
        replace(nic(name, number), mac=nic("em1", 2).mac, hardware=False, permanent_mac=None)
        for name, number in (("br20", 40), ("bond0.20", 41))
    )
    links = (
        replace(bridge, kind="bridge"),
        replace(vlan, kind="vlan", parent="bond0", vlan_id=20, controller="br20"),
    )
    address = Address(ifname="br20", interface=ip_interface("198.18.20.3/24"))
    return replace(
        facts,
        links=(*facts.links, *links),
        addresses=(*facts.addresses, *((address,) if addressed else ())),
        devices=(*facts.devices, *(Device(ifname=p.name, type="", state=100, profile=p.uuid) for p in made)),
        profiles=(*facts.profiles, *made),
    )


def test_a_bridge_on_a_vlan_goes_alone_and_leaves_the_bond() -> None:
    plan = planned(with_vlan_bridge(bridged()), TeardownSpec(bridges=("br20",)))
    assert [step.name for step in of_kind(plan, steps.DeactivateProfile)] == ["bond0.20", "br20"]
    assert of_kind(plan, steps.ActivateProfile) == []
    # The first bridge is none of its business.
    assert {"mgmt", "br0"} == {step.ifname for step in of_kind(plan, steps.ProveUntouched)}


def test_the_bond_does_not_go_while_a_bridge_is_on_its_vlan() -> None:
    facts = with_vlan_bridge(bridged())
    with pytest.raises(Refused, match="br20 rests on bond0"):
        planned(facts, TeardownSpec(bridges=("br0",)))
    plan = planned(facts, TeardownSpec(bridges=("br0", "br20")))
    down = [step.name for step in of_kind(plan, steps.DeactivateProfile)]
    assert down == ["em2", "bond0.20", "br20", "bond0", "br0"]


def test_the_address_of_a_bridge_on_a_vlan_goes_to_the_vlan() -> None:
    facts = with_vlan_bridge(bridged(), addressed=True)
    plan = planned(facts, TeardownSpec(bridges=("br20",)))
    (added,) = of_kind(plan, steps.AddProfile)
    assert (added.type, added.ifname) == ("vlan", "bond0.20")
    assert {"vlan.parent": "bond0", "vlan.id": "20"}.items() <= dict(added.settings).items()
    assert [step.name for step in of_kind(plan, steps.DeactivateProfile)] == ["br20"]
    with pytest.raises(Refused, match="br20 and br0"):
        planned(facts, TeardownSpec(bridges=("br20", "br0")))


# What uses the bridge.


def with_domain(facts: Facts) -> Facts:
    web = guests.domain("web01", guests.interface(7, "network='br0-net'"))
    network = Network(
        name="br0-net", uuid="u", forward_mode="bridge", bridge="br0", active=True, persistent=True, autostart=True,
        document="<network/>",
    )  # fmt: skip
    return replace(facts, networks=(network, guests.DEFAULT), domains=(web,))


def test_a_network_goes_when_no_domain_uses_it() -> None:
    plan = planned(replace(with_domain(bridged()), domains=()))
    kinds = [type(one.step) for one in plan.planned[:4]]
    assert kinds == [steps.ProveUnused, steps.StopNetwork, steps.UndefineNetwork, steps.OpenCheckpoint]
    undos = [type(undo) for one in reversed(plan.planned[:3]) for undo in one.undo]
    assert undos == [steps.DefineNetwork, steps.SetNetworkAutostart, steps.StartNetwork]


def test_domains_on_the_bridge_are_named() -> None:
    with pytest.raises(Refused, match="web01"):
        planned(with_domain(bridged()))


def test_domains_move_before_the_bridge_is_touched() -> None:
    plan = planned(with_domain(bridged()), TeardownSpec(move_domains_to="default"))
    moves = of_kind(plan, steps.MoveInterface)
    assert {(step.domain, step.wanted.network) for step in moves} == {("web01", "default")}
    assert max(map(plan.planned.index, (one for one in plan.planned if one.step in moves))) < place(
        plan, of_kind(plan, steps.ProveUnused)[0]
    )
    assert plan.rows
    with pytest.raises(SpecError, match="br0-net"):
        planned(with_domain(bridged()), TeardownSpec(move_domains_to="br0-net"))


def test_a_container_on_the_bridge_is_refused() -> None:
    end = replace(nic("veth7", 50), kind="veth", controller="br0", hardware=False, permanent_mac=None)
    with pytest.raises(Refused, match="veth7"):
        planned(replace(bridged(), links=(*bridged().links, end)))


def test_what_networkmanager_did_not_make_is_refused() -> None:
    facts = bridged()
    devices = tuple(replace(d, external=True) if d.ifname == "br0" else d for d in facts.devices)
    with pytest.raises(Refused, match="br0"):
        planned(replace(facts, devices=devices))


# The undo.


def torn_down(facts: Facts, plan: Plan) -> Facts:
    """The host after the teardown: em1 has the address by its plain profile."""
    (added,) = of_kind(plan, steps.AddProfile)
    gone = {step.uuid for step in of_kind(plan, steps.DeleteProfile)}
    plain = profile(
        added.name, added.uuid, "em1", active=True, ipv4__addresses=str(ADDRESS), ipv4__gateway=str(GATEWAY)
    )
    return replace(
        facts,
        links=tuple(replace(link, controller=None) for link in facts.links if link.hardware),
        addresses=tuple(replace(a, ifname="em1") if a.ifname == "br0" else a for a in facts.addresses),
        routes=tuple(replace(r, ifname="em1") if r.ifname == "br0" else r for r in facts.routes),
        devices=(
            *(device for device in facts.devices if device.ifname == "mgmt"),
            Device(ifname="em1", type="ethernet", state=100, profile=added.uuid),
            Device(ifname="em2", type="ethernet", state=30),
        ),
        profiles=(*(p for p in facts.profiles if p.uuid not in gone), plain),
    )


def test_the_undo_builds_the_same_profiles_again_and_restores_their_files() -> None:
    facts = bridged()
    plan = planned(facts)
    back = plan_bridges_again(plan.removed, plan.planned, torn_down(facts, plan))
    were = {name: uuid_on(name, facts) for name in ("br0", "bond0", "em1", "em2")}
    assert {step.ifname: step.uuid for step in of_kind(back, steps.AddProfile)} == were
    assert {step.uuid for step in of_kind(back, steps.RestoreProfile)} == set(were.values())
    assert [step.uuid for step in of_kind(back, steps.DeleteProfile)] == [of_kind(plan, steps.AddProfile)[0].uuid]
    # The copies of files that a rollback would use are older than this plan.
    assert not [undo for one in back.planned for undo in one.undo if isinstance(undo, steps.RestoreProfile)]
    assert isinstance(back.planned[-1].step, steps.CommitCheckpoint)


@pytest.mark.parametrize(("mode", "fits"), [(BondMode.LACP, True), (BondMode.BALANCE_RR, False)])
def test_bridges_that_host_setup_refuses_come_back_by_their_files(mode: BondMode, fits: bool) -> None:
    bond = BondSpec(mode=mode)
    assert can_be_built((replace(ON_BOTH, bond=bond),)) is fits


def test_a_bridge_without_an_address_is_built_without_one_again() -> None:
    facts = with_vlan_bridge(bridged())
    (goal,) = planned(facts, TeardownSpec(bridges=("br20",))).removed
    assert goal.address == NoAddress()
    assert goal.links == {"br20", "bond0.20", "bond0", "em1", "em2"}
