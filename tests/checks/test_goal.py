"""What is wanted, worked out where nobody recorded it."""

from __future__ import annotations

from dataclasses import replace

from tests import facts_samples as samples
from vmnet.checks.goal import deduce_goal
from vmnet.checks.verify import check_host

GOOD = samples.end_state()


def test_a_host_as_it_should_be_tells_its_own_goal() -> None:
    assert deduce_goal(GOOD) == samples.goal()


def test_its_own_goal_finds_nothing_wrong() -> None:
    assert [finding for finding in check_host(None, GOOD) if not finding.ok] == []


def test_the_profile_says_what_is_wanted_of_the_kernel() -> None:
    facts = replace(GOOD, addresses=())
    assert "address.kernel" in {finding.rule for finding in check_host(None, facts) if not finding.ok}


def test_a_bond_that_fell_out_of_the_bridge_is_missed() -> None:
    facts = samples.with_link(GOOD, "bond0", controller=None)
    goal = deduce_goal(facts)
    assert (goal.bond, goal.nics) == ("bond0", ("em1", "p4p1"))
    assert "bond.controller" in {finding.rule for finding in check_host(None, facts) if not finding.ok}


def test_on_a_host_without_anything_the_bridge_is_missing() -> None:
    facts = replace(
        GOOD, links=GOOD.links[:2], addresses=(), routes=(), devices=(), profiles=(), networks=(), domains=()
    )
    assert {finding.rule for finding in check_host(None, facts) if not finding.ok} == {"bridge.link", "network.state"}


def test_names_may_be_given() -> None:
    goal = deduce_goal(GOOD, bridge="virbr0", network="default")
    assert (goal.bridge, goal.network, goal.nics, goal.bond) == ("virbr0", "default", (), None)


def test_dns_servers_that_are_no_addresses_are_left_out() -> None:
    facts = samples.with_setting(GOOD, "br0", ipv4__dns="192.0.2.2, dns+tls://192.0.2.9#dns.example")
    assert deduce_goal(facts).dns == (samples.DNS,)
