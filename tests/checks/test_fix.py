"""doctor --fix: plans of the other commands, for what one rule finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from vmnet.checks.fix import fixable, plan_fix
from vmnet.checks.rule_texts import read_rules
from vmnet.errors import Refused, SpecError
from vmnet.facts import Snapshot
from vmnet.plan import steps

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


def test_every_way_is_one_of_a_rule() -> None:
    assert sum(fixable(rule) for rule in read_rules()) > 20
