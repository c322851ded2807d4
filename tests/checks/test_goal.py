"""What is wanted, worked out where nobody recorded it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests.plan.standing import as_set_up
from tests.specs import host_spec
from vmnet.checks.diagnostics import check_host
from vmnet.checks.goal import deduce_goal, wanted_goals
from vmnet.errors import Refused, SpecError, VmnetError
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import AddressSpec, BondMode, BondSpec, HostSpec

if TYPE_CHECKING:
    from vmnet.facts import Facts

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
    assert (goal.bond_name, goal.nics) == ("bond0", ("em1", "p4p1"))
    assert "bond.controller" in {finding.rule for finding in check_host(None, facts) if not finding.ok}


def test_on_a_host_without_anything_the_bridge_is_missing() -> None:
    facts = replace(
        GOOD, links=GOOD.links[:2], addresses=(), routes=(), devices=(), profiles=(), networks=(), domains=()
    )
    assert {finding.rule for finding in check_host(None, facts) if not finding.ok} == {"bridge.link", "network.state"}


def test_names_may_be_given() -> None:
    goal = deduce_goal(GOOD, bridge="virbr0", network="default")
    assert (goal.ifname, goal.network, goal.nics, goal.bond) == ("virbr0", "default", (), None)


def test_dns_servers_that_are_no_addresses_are_left_out() -> None:
    facts = samples.with_setting(GOOD, "br0", ipv4__dns="192.0.2.2, dns+tls://192.0.2.9#dns.example")
    assert deduce_goal(facts).requested.dns == (samples.DNS,)


SPEC = host_spec(
    nics=("em1", "p4p1"),
    address=AddressSpec(addresses=(samples.ADDRESS,), gateways=(samples.GATEWAY,), dns=(samples.DNS,)),
    management="p2p1",
)


def differing(spec: HostSpec, facts: Facts) -> set[str]:
    return {finding.rule for finding in check_host(wanted_goals(spec, facts), facts) if not finding.ok}


def test_what_is_asked_for_is_wanted() -> None:
    assert wanted_goals(SPEC, GOOD) == (samples.goal(),)


def test_it_is_what_host_setup_plans_for() -> None:
    gateway, dns = ip_address("192.0.2.1"), ip_address("192.0.2.2")
    address = AddressSpec(addresses=(ip_interface("192.0.2.3/24"),), gateways=(gateway,), dns=(dns,))
    spec = host_spec(nics=("em1", "em2"), address=address, network=None)
    facts = as_set_up(spec)
    goal = plan_host_setup(spec, facts).goals[0]
    # How the management link was is a run's to record.
    assert (replace(goal, management_was=()),) == wanted_goals(spec, facts)


def test_what_the_request_leaves_open_the_host_tells() -> None:
    assert wanted_goals(host_spec(), GOOD) == (samples.goal(),)


@pytest.mark.parametrize(
    ("spec", "rules"),
    [
        (host_spec(SPEC, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP)), {"bond.mode", "profile.mode"}),
        (host_spec(SPEC, options=(("stp", "yes"),)), {"bridge.stp", "profile.stp"}),
        (host_spec(SPEC, mtu=9000), {"bond.mtu", "bridge.mtu", "nic.mtu"}),
        (host_spec(SPEC, network="lan"), {"network.state"}),
        (host_spec(SPEC, nics=("em1", "em9")), {"nic.link", "bond.ports"}),
        (host_spec(SPEC, management="em9"), {"management.link"}),
        (host_spec(SPEC, bridge="br9"), {"bridge.link"}),
    ],
)
def test_what_is_not_as_asked_for_is_found(spec: HostSpec, rules: set[str]) -> None:
    assert rules <= differing(spec, GOOD)


def test_a_host_without_anything_can_be_compared() -> None:
    facts = replace(GOOD, links=(), addresses=(), routes=(), devices=(), profiles=(), networks=(), domains=())
    assert {"nic.link", "bond.link", "bridge.link"} <= differing(SPEC, facts)


def test_no_management_link_and_no_network_are_wishes_too() -> None:
    (goal,) = wanted_goals(host_spec(SPEC, management="none", network=None), GOOD)
    assert (goal.management, goal.network) == (None, None)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (host_spec(SPEC, nics=("em1", "em1")), SpecError),
        (host_spec(SPEC, bond=None), SpecError),
        (host_spec(SPEC, bond=BondSpec(mode=BondMode.BALANCE_RR)), Refused),
        (host_spec(SPEC, address=AddressSpec(addresses=(samples.ADDRESS,), gateways=(samples.ADDRESS.ip,))), SpecError),
    ],
)
def test_what_does_not_go_together_is_refused(spec: HostSpec, error: type[VmnetError]) -> None:
    with pytest.raises(error):
        wanted_goals(spec, GOOD)
