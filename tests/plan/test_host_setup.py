"""What host-setup plans: the order, what is adopted, what is displaced, and that a second run has nothing to do."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from tests.plan.hosts import (
    ADDRESS,
    GATEWAY,
    LAN_UUID,
    MGMT_UUID,
    REQUESTED,
    addressed_host,
    bare_host,
    profile,
    with_profile,
)
from tests.specs import host_spec
from vmnet.facts import Firewalld, Profile, Zone
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan
from vmnet.spec import BondMode, BondSpec, HostSpec

SPEC = host_spec(nics=("em1", "em2"), network=None)
ADOPT = SPEC
REQUEST = host_spec(SPEC, address=REQUESTED)


def taken(plan: steps.Plan, kind: type[steps.Step]) -> list[steps.Step]:
    return [planned.step for planned in plan.planned if isinstance(planned.step, kind)]


def kinds(plan: steps.Plan) -> list[str]:
    return [type(planned.step).__name__ for planned in plan.planned]


def place(plan: steps.Plan, step: steps.Step) -> int:
    return [planned.step for planned in plan.planned].index(step)


def added(plan: steps.Plan) -> dict[str, dict[str, str]]:
    return {
        step.ifname: dict(step.settings) for step in taken(plan, steps.AddProfile) if isinstance(step, steps.AddProfile)
    }


def activated(plan: steps.Plan) -> list[str]:
    return [step.ifname for step in taken(plan, steps.ActivateProfile) if isinstance(step, steps.ActivateProfile)]


def test_all_of_it_is_between_checkpoint_and_commit() -> None:
    names = kinds(plan_host_setup(ADOPT, addressed_host()))
    assert (names[0], names[-1]) == ("OpenCheckpoint", "CommitCheckpoint")


def test_nothing_is_saved_before_the_gateway_has_answered() -> None:
    plan = plan_host_setup(ADOPT, addressed_host())
    proof = place(plan, steps.WaitNeighbour(ifname="br0", address=GATEWAY, timeout_s=30))
    saves = [
        i for i, p in enumerate(plan.planned) if isinstance(p.step, steps.ModifyProfile) and p.step.save
    ]  # fmt: skip
    assert saves
    assert min(saves) > proof


def test_bridge_and_bond_have_the_permanent_mac_of_the_nic_that_has_the_address() -> None:
    facts = addressed_host()
    em1 = facts.link("em1")
    assert em1 is not None
    profiles = added(plan_host_setup(host_spec(ADOPT, nics=("em2", "em1")), facts))
    assert profiles["br0"]["802-3-ethernet.cloned-mac-address"] == em1.permanent_mac
    assert profiles["bond0"]["802-3-ethernet.cloned-mac-address"] == em1.permanent_mac


def test_without_an_address_the_first_nic_gives_the_mac() -> None:
    facts = bare_host()
    goal = plan_host_setup(REQUEST, facts).goals[0]
    assert goal is not None
    assert goal.mac == facts.links[1].permanent_mac


def test_stp_is_off_and_the_bond_is_as_asked_for() -> None:
    profiles = added(plan_host_setup(ADOPT, addressed_host()))
    assert profiles["br0"]["bridge.stp"] == "no"
    assert profiles["bond0"]["bond.options"] == "mode=802.3ad,miimon=100"
    assert profiles["em1"]["connection.master"] == next(
        p.uuid for p in taken(plan_host_setup(ADOPT, addressed_host()), steps.AddProfile)
        if isinstance(p, steps.AddProfile) and p.ifname == "bond0"
    )  # fmt: skip


@pytest.mark.parametrize(("autoconnect", "expected"), [("yes", True), ("no", False)])
def test_a_nic_that_was_disconnected_by_hand_is_so_again(*, autoconnect: str, expected: bool) -> None:
    facts = addressed_host()
    spare = profile("spare", "99", "em2", active=False, connection__autoconnect=autoconnect)
    devices = tuple(replace(d, state=30, profile=None) if d.ifname == "em2" else d for d in facts.devices)
    assert [d.ifname for d in devices].count("em2") == 1
    plan = plan_host_setup(ADOPT, replace(facts, devices=devices, profiles=(*facts.profiles, spare)))
    (joining,) = (p for p in plan.planned if isinstance(p.step, steps.ActivateProfile) and p.step.ifname == "em2")
    assert (joining.undo == (steps.DisconnectDevice(ifname="em2"),)) is expected


def test_controllers_pull_their_ports_in_only_once_they_are_saved() -> None:
    """While they are built, activating the bond for the idle NIC would pull the live one in with it."""
    plan = plan_host_setup(ADOPT, addressed_host())
    saved: dict[str, dict[str, str]] = {}
    for s in taken(plan, steps.ModifyProfile):
        if isinstance(s, steps.ModifyProfile) and s.save:
            saved.setdefault(s.name, {}).update(s.settings)
    for name in ("br0", "bond0"):
        assert added(plan)[name]["connection.autoconnect-slaves"] == "0"
        assert saved[name]["connection.autoconnect-slaves"] == "1"


def layer3_in_memory(plan: steps.Plan) -> list[dict[str, str]]:
    mods = [s for s in taken(plan, steps.ModifyProfile) if isinstance(s, steps.ModifyProfile) and not s.save]
    return [dict(step.settings) for step in mods]


def bridge_settings(plan: steps.Plan) -> dict[str, str]:
    return {key: value for settings in layer3_in_memory(plan) for key, value in settings.items()}


def test_layer_3_is_adopted_whole() -> None:
    odd = {
        "ipv4__routes": "203.0.113.0/24 192.0.2.9",
        "ipv4__dns_search": "example.org",
        "connection__zone": "internal",
        "ipv6__method": "auto",
        "ipv6__addr_gen_mode": "eui64",
        "ipv4__dad_timeout": "-1 (default)",
    }
    settings = bridge_settings(plan_host_setup(ADOPT, addressed_host(**odd)))
    assert settings["ipv4.addresses"] == str(ADDRESS)
    assert settings["ipv4.gateway"] == str(GATEWAY)
    assert settings["ipv4.routes"] == "203.0.113.0/24 192.0.2.9"
    assert settings["ipv4.dns-search"] == "example.org"
    assert settings["connection.zone"] == "internal"
    assert settings["ipv6.method"] == "auto"
    assert settings["ipv6.addr-gen-mode"] == "eui64"


FIREWALLD = Firewalld(default_zone="public", zones=(Zone(name="trusted", links=("em1",)),))


@pytest.mark.parametrize(
    ("stored", "firewalld", "zone"),
    [
        ("", None, None),
        ("internal", None, "internal"),
        ("", FIREWALLD, "trusted"),
        ("internal", FIREWALLD, "trusted"),
        ("trusted", FIREWALLD, "trusted"),
        ("", replace(FIREWALLD, zones=()), None),
        ("public", replace(FIREWALLD, zones=()), "public"),
    ],
)
@pytest.mark.parametrize("spec", [ADOPT, REQUEST])
def test_the_bridge_is_in_the_firewall_zone_that_the_nic_is_in(
    spec: HostSpec, stored: str, firewalld: Firewalld | None, zone: str | None
) -> None:
    facts = replace(addressed_host(connection__zone=stored), firewalld=firewalld)
    plan = plan_host_setup(spec, facts)
    assert bridge_settings(plan).get("connection.zone") == zone
    keep = f"nmcli connection modify uuid {LAN_UUID} connection.zone trusted"
    assert any(keep in text for text in plan.warnings) == (zone == "trusted" != stored)


def test_a_dhcp_client_keeps_its_identity() -> None:
    settings = bridge_settings(plan_host_setup(ADOPT, addressed_host(ipv4__method="auto", ipv4__dhcp_client_id="mac")))
    assert settings["ipv4.method"] == "auto"
    assert settings["ipv4.dhcp-client-id"] == "mac"


def test_active_backup_waits_for_no_lacp() -> None:
    spec = host_spec(ADOPT, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP))
    assert not {"WaitLacp", "SetLink"} & set(kinds(plan_host_setup(spec, addressed_host())))


def test_without_a_bond_the_nic_is_the_bridges_port() -> None:
    plan = plan_host_setup(host_spec(ADOPT, nics=("em1",), bond=None), addressed_host())
    profiles = added(plan)
    assert set(profiles) == {"br0", "em1"}
    assert profiles["em1"]["connection.slave-type"] == "bridge"
    assert plan.goals[0].uplinks == ("em1",)


def displaced(plan: steps.Plan) -> set[str]:
    off = (("connection.autoconnect", "no"),)
    return {
        s.name for s in taken(plan, steps.ModifyProfile) if isinstance(s, steps.ModifyProfile) and s.settings == off
    }


def stray(number: int, name: str, ifname: str, **settings: str) -> Profile:
    return profile(name, f"22222222-0000-0000-0000-{number:012d}", ifname, active=False, **settings)


def test_profiles_that_compete_are_set_aside_and_others_left() -> None:
    facts = addressed_host()
    for added_profile in (
        stray(1, "System em2", "em2"),
        stray(2, "System bond0", "bond0"),
        stray(3, "any", ""),
        stray(4, "by mac", "", **{"802-3-ethernet.mac-address": "00:00:5E:00:53:03"}),
        stray(5, "other nic", "em7"),
        stray(6, "other mac", "", **{"802-3-ethernet.mac-address": "00:00:5E:00:53:77"}),
        stray(7, "off already", "em2", connection__autoconnect="no"),
        stray(8, "other bridge", "br1", connection__type="bridge"),
    ):
        facts = with_profile(facts, added_profile)
    plan = plan_host_setup(ADOPT, facts)
    assert displaced(plan) == {"lan", "System em2", "System bond0", "any", "by mac"}
    for planned in plan.planned:
        if isinstance(planned.step, steps.ModifyProfile) and planned.step.name in displaced(plan):
            assert [type(step) for step in planned.undo] == [steps.RestoreProfile]


def test_a_named_profile_is_set_aside_and_taken_down() -> None:
    dead = replace(stray(1, "kvm-br0", "nm-kvm-br0", connection__type="bridge"), device="nm-kvm-br0")
    plan = plan_host_setup(host_spec(ADOPT, displace=("kvm-br0",)), with_profile(addressed_host(), dead))
    assert "kvm-br0" in displaced(plan)
    assert [s.name for s in taken(plan, steps.DeactivateProfile) if isinstance(s, steps.DeactivateProfile)] == [
        "kvm-br0"
    ]


def test_networkmanagers_own_default_profile_is_left_alone() -> None:
    own = replace(
        stray(1, "Wired connection 1", "em2", connection__autoconnect_priority="-999"),
        filename="/run/NetworkManager/system-connections/Wired connection 1.nmconnection",
    )
    assert displaced(plan_host_setup(ADOPT, with_profile(addressed_host(), own))) == {"lan"}


def changes_management(plan: Plan) -> bool:
    return any(MGMT_UUID in str(p) for p in plan.planned if not isinstance(p.step, steps.ProveUntouched))


def test_nothing_of_the_management_link_changes() -> None:
    facts = addressed_host()
    loose = replace(facts.profiles[0], settings=tuple(
        (key, "" if key == "connection.interface-name" else value) for key, value in facts.profiles[0].settings
    ))  # fmt: skip
    facts = replace(facts, profiles=(loose, *facts.profiles[1:]))
    plan = plan_host_setup(ADOPT, facts)
    assert changes_management(plan) is False
    prove, commit = (planned.step for planned in plan.planned[-2:])
    assert isinstance(prove, steps.ProveUntouched)
    assert (prove.ifname, prove.profile) == ("mgmt", MGMT_UUID)
    assert ("active profile", MGMT_UUID) in prove.proof
    assert isinstance(commit, steps.CommitCheckpoint)


def test_management_is_mended_only_on_request() -> None:
    facts = addressed_host()
    careless = replace(facts.profiles[0], settings=(*facts.profiles[0].settings[:-1], ("ipv4.never-default", "no")))
    facts = replace(facts, profiles=(careless, *facts.profiles[1:]))
    plan = plan_host_setup(ADOPT, facts)
    assert changes_management(plan) is False
    assert any("default route" in warning for warning in plan.warnings)
    mended = plan_host_setup(host_spec(ADOPT, fix_management=True), facts)
    assert changes_management(mended)
    assert [p.step.profile for p in mended.planned if isinstance(p.step, steps.ProveUntouched)] == [None]


def test_nics_are_proposed_with_reasons() -> None:
    facts = addressed_host()
    plan = plan_host_setup(host_spec(ADOPT, nics=()), facts)
    assert plan.goals[0].nics == ("em1", "em2")
    assert any(choice.startswith("mgmt: not used, the management link") for choice in plan.choices)


def test_planning_twice_gives_the_same_plan() -> None:
    assert plan_host_setup(ADOPT, addressed_host()) == plan_host_setup(ADOPT, addressed_host())


def test_the_old_profile_comes_back_up_when_it_is_undone() -> None:
    plan = plan_host_setup(ADOPT, addressed_host())
    undo = [step for planned in plan.planned for step in planned.undo]
    assert steps.ActivateProfile(uuid=LAN_UUID, name="lan", ifname="em1") in undo


def test_ipv6_addresses_are_static_beside_dhcp() -> None:
    wanted = replace(REQUESTED, addresses=(ADDRESS, ipaddress.ip_interface("2001:db8::3/64")))
    settings = bridge_settings(plan_host_setup(host_spec(REQUEST, address=wanted), bare_host()))
    assert settings["ipv6.method"] == "manual"
    assert settings["ipv6.addresses"] == "2001:db8::3/64"
