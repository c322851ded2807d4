"""doctor --fix: plans of the other commands, for what one rule finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from tests.checks.effects import carried_out
from tests.plan.standing import as_set_up
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.fix import plan_fix
from vmnet.checks.registry import FIXES
from vmnet.errors import Refused, SpecError
from vmnet.facts import BondState, BridgeState, Facts, LacpPort, Snapshot
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import BondSpec, BridgeSpec, HostSpec

GOOD = samples.end_state()


def test_where_nothing_is_wrong_nothing_is_planned() -> None:
    plan = plan_fix("domain.tap", samples.goal(), GOOD)
    assert (plan.empty, plan.kept) == (True, ("domain.tap: nothing is wrong",))


def test_a_tap_goes_back_into_its_bridge() -> None:
    plan = plan_fix("domain.tap", samples.goal(), samples.with_link(GOOD, "vnet0", controller=None))
    (planned,) = plan.planned
    assert planned.step == steps.PutPort(ifname="vnet0", controller="br0")
    assert planned.undo == (steps.PutPort(ifname="vnet0", controller=None),)


def test_a_tap_that_is_gone_is_not_put_back() -> None:
    with pytest.raises(Refused, match="taps"):
        plan_fix("domain.tap", samples.goal(), samples.without_link(GOOD, "vnet0"))


def test_a_network_that_does_not_start_by_itself() -> None:
    plan = plan_fix("network.state", samples.goal(), samples.with_network(GOOD, "host-bridge", autostart=False))
    assert steps.SetNetworkAutostart(name="host-bridge", autostart=True) in [item.step for item in plan.planned]
    assert plan.command == "doctor"


def test_documents_that_differ() -> None:
    running = (replace(samples.interface(samples.WEB_MAC, "default", target="vnet0"), actual_type="network"),)
    stored = (replace(samples.interface(samples.WEB_MAC, "host-bridge"), actual_type="network"),)
    facts = samples.with_domain(GOOD, "web01", running=running, persistent=stored)
    plan = plan_fix("domain.documents", samples.goal(), facts)
    moved = [planned.step for planned in plan.planned if isinstance(planned.step, steps.MoveInterface)]
    assert [(step.domain, step.scope, step.wanted.network) for step in moved] == [("web01", "running", "host-bridge")]


def test_what_was_saved_follows_the_stored_document() -> None:
    old = (samples.interface(samples.DB_MAC, "default"),)
    shot = Snapshot(name="old", current=True, interfaces=old)
    facts = samples.with_domain(GOOD, "db01", saved=old, snapshots=(shot,))
    for rule in ("domain.saved", "domain.snapshot"):
        found = [planned.step for planned in plan_fix(rule, samples.goal(), facts).planned]
        assert [(s.snapshot, s.wanted.network) for s in found if isinstance(s, steps.RewriteSavedState)] == [
            (None, "host-bridge"),
            ("old", "host-bridge"),
        ]


def test_networks_that_domains_need() -> None:
    on_default = (samples.interface(samples.DB_MAC, "default"),)
    facts = samples.with_domain(GOOD, "db01", persistent=on_default, autostart=True)
    off = samples.without_link(samples.with_network(facts, "default", active=False), "virbr0")
    (start,) = plan_fix("network.inactive", samples.goal(), off).planned
    assert (start.step, start.undo) == (steps.StartNetwork(name="default"), (steps.StopNetwork(name="default"),))
    by_hand = samples.with_network(facts, "default", autostart=False)
    (set_,) = plan_fix("network.not-at-boot", samples.goal(), by_hand).planned
    assert set_.step == steps.SetNetworkAutostart(name="default", autostart=True)
    with pytest.raises(Refused, match="transient"):
        plan_fix("network.not-at-boot", samples.goal(), samples.with_network(by_hand, "default", persistent=False))


def test_a_tap_whose_bridge_is_gone_waits_for_its_network() -> None:
    live = samples.interface(samples.DB_MAC, "default", target="vnet1")
    facts = samples.with_domain(GOOD, "db01", running=(live,))
    facts = replace(facts, links=(*facts.links, samples.link("vnet1", 90, kind="tun")))
    with pytest.raises(Refused) as refused:
        plan_fix("domain.tap", samples.goal(), samples.without_link(facts, "virbr0"))
    assert "ip link set dev vnet1 master virbr0" in refused.value.hint


def test_what_hands_alone_can_do_is_refused_with_what_they_can_do() -> None:
    with pytest.raises(Refused) as refused:
        plan_fix("nic.link", samples.goal(), samples.with_link(GOOD, "p4p1", carrier=False))
    assert "cable" in refused.value.hint


def test_a_rule_that_is_not_there() -> None:
    with pytest.raises(SpecError) as error:
        plan_fix("domain.tab", samples.goal(), GOOD)
    assert "domain.tap" in error.value.hint


# Each fix on a host that has its fault: after the plan, the rule finds nothing.

SPEC = HostSpec(bridges=(BridgeSpec(nics=("em1", "em2"), network=None),))
LACP = LacpPort(actor_state=61, partner_state=61, aggregator_id=1)
BOND = BondState(
    mode="802.3ad", miimon_ms=100, lacp_rate="slow", aggregator_id=1, aggregator_ports=2, partner_mac=samples.SWITCH_MAC
)
BRIDGE = BridgeState(stp=False, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=False)
RIVAL = samples.profile("em1", "802-3-ethernet", name="Wired connection 7", uuid="a-rival", device=None)
ON_DEFAULT = (samples.interface(samples.DB_MAC, "default"),)
WEB = samples.interface(samples.WEB_MAC, "host-bridge", actual_type="network")
LOST = samples.interface(samples.DB_MAC, "lost", actual_type="network")
NEEDS_DEFAULT = samples.with_domain(GOOD, "db01", persistent=ON_DEFAULT, autostart=True)
WEB_ON_DEFAULT = (samples.interface(samples.WEB_MAC, "default", target="vnet0", actual_type="network"),)
SHOT = Snapshot(name="old", current=True, interfaces=ON_DEFAULT)


def set_up(spec: HostSpec) -> Facts:
    """A host as host-setup left it, under the UUIDs that it gives."""
    facts = as_set_up(spec)
    for name in spec.bridges[0].nics:
        facts = samples.with_link(facts, name, lacp=LACP, mac=facts.links[-1].mac, bridge_port_state="forwarding")
    facts = samples.with_link(facts, "bond0", bond=BOND, bridge_port_state="forwarding")
    return samples.with_link(facts, "br0", bridge=BRIDGE)


def fallen_out(facts: Facts, nic: str) -> Facts:
    return samples.with_device(samples.with_link(facts, nic, controller=None), nic, state=30, profile=None)


SET_UP = set_up(SPEC)
ONE_NIC = HostSpec(bridges=(BridgeSpec(nics=("em1",), bond=None, network=None),))
ON_ONE_NIC = set_up(ONE_NIC)
(ONE_NIC_GOAL,) = plan_host_setup(ONE_NIC, ON_ONE_NIC).goals
(GOAL,) = plan_host_setup(SPEC, SET_UP).goals
FALLEN_OUT = fallen_out(SET_UP, "em2")
OPTIONS = replace(GOAL, bond=BondSpec(options=(("miimon", "100"), ("min_links", "1"))), options=(("priority", "4096"),))
LARGE = replace(GOAL, mtu=9000)
WITH_STP = samples.with_setting(SET_UP, "br0", bridge__stp="yes")
RUN = "/run/NetworkManager/system-connections/br0.nmconnection"

REPAIRED: dict[str, tuple[BridgeSpec, Facts]] = {
    "nic.controller": (GOAL, FALLEN_OUT),
    "bond.ports": (GOAL, FALLEN_OUT),
    "bridge.uplinks": (ONE_NIC_GOAL, fallen_out(ON_ONE_NIC, "em1")),
    "profile.active": (GOAL, samples.with_device(SET_UP, "em2", state=30, profile=None)),
    "nic.mtu": (LARGE, SET_UP),
    "bond.mtu": (LARGE, SET_UP),
    "bridge.mtu": (LARGE, SET_UP),
    "bond.miimon": (GOAL, samples.with_bond(SET_UP, miimon_ms=0, options=(("miimon", "0"),))),
    "bond.option": (OPTIONS, samples.with_bond(SET_UP, options=(("min_links", "0"),))),
    "bridge.option": (OPTIONS, samples.with_link(SET_UP, "br0", bridge=replace(BRIDGE, options=(("priority", "0"),)))),
    "bridge.stp": (GOAL, samples.with_link(WITH_STP, "br0", bridge=replace(BRIDGE, stp=True))),
    "profile.stp": (GOAL, WITH_STP),
    "profile.saved": (GOAL, samples.with_profile(SET_UP, "br0", filename=RUN)),
    "profile.alone": (GOAL, replace(SET_UP, profiles=(*SET_UP.profiles, RIVAL))),
    "network.state": (samples.goal(), replace(GOOD, networks=GOOD.networks[:1])),
    "network.bridge": (samples.goal(), samples.with_network(replace(GOOD, domains=()), "host-bridge", bridge="br7")),
    "network.inactive": (
        samples.goal(),
        samples.without_link(samples.with_network(NEEDS_DEFAULT, "default", active=False), "virbr0"),
    ),
    "network.not-at-boot": (samples.goal(), samples.with_network(NEEDS_DEFAULT, "default", autostart=False)),
    "domain.tap": (samples.goal(), samples.with_link(GOOD, "vnet0", controller="virbr0")),
    "domain.documents": (samples.goal(), samples.with_domain(GOOD, "web01", running=WEB_ON_DEFAULT, persistent=(WEB,))),
    "domain.saved": (samples.goal(), samples.with_domain(GOOD, "db01", saved=ON_DEFAULT)),
    "domain.snapshot": (samples.goal(), samples.with_domain(GOOD, "db01", snapshots=(SHOT,))),
    "domain.network-missing": (samples.goal(), samples.with_domain(GOOD, "db01", persistent=(LOST,))),
}


@pytest.mark.parametrize("rule", FIXES)
def test_a_fix_cures_what_the_rule_finds(rule: str) -> None:
    goal, facts = REPAIRED[rule]
    plan = plan_fix(rule, goal, facts)
    assert plan.planned
    assert rule not in {t.rule.id for t in diagnose(goal, carried_out(plan, facts)) if not t.finding.ok}


def test_a_host_that_was_set_up_is_well() -> None:
    assert [t.finding for t in diagnose(GOAL, SET_UP) if not t.finding.ok] == []


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("bond.ports", samples.with_link(SET_UP, "mgmt", controller="bond0")),
        ("profile.active", samples.with_device(SET_UP, "br0", state=70)),
        ("bond.mode", samples.with_bond(SET_UP, mode="active-backup")),
    ],
)
def test_what_no_plan_changes_is_refused(rule: str, facts: Facts) -> None:
    with pytest.raises(Refused) as refused:
        plan_fix(rule, GOAL, facts)
    assert refused.value.hint
