"""A second bridge beside the first one, and bridges on which the host has no address."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from tests.plan.hosts import ADDRESS, addressed_host, bare_host, nic
from tests.plan.standing import after, as_set_up
from tests.specs import host_spec
from vmnet.errors import Refused, SpecError
from vmnet.facts import Device, Facts, Network
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan
from vmnet.spec import AddressSpec, BondSpec, NoAddress
from vmnet.spec.words import HostWords, parse_host

FIRST = host_spec(network=None)
SECOND = host_spec(
    nics=("em3", "em4"),
    bridge="br1",
    bond=BondSpec(ifname="bond1"),
    address=NoAddress(),
    network=None,
)


def with_two_more(facts: Facts) -> Facts:
    """Two NICs on which nothing is configured."""
    more = (nic("em3", 21), nic("em4", 22))
    devices = (Device(ifname=link.ifname, type="ethernet", state=30) for link in more)
    return replace(facts, links=(*facts.links, *more), devices=(*facts.devices, *devices))


def beside_the_first() -> Facts:
    return with_two_more(as_set_up(FIRST))


def settings_of(plan: Plan, ifname: str) -> dict[str, str]:
    changes = (p.step for p in plan.planned if isinstance(p.step, steps.AddProfile | steps.ModifyProfile))
    return dict(pair for step in changes if step.name == ifname for pair in step.settings)


def test_the_host_gets_no_address_on_it() -> None:
    plan = plan_host_setup(SECOND, beside_the_first())
    settings = settings_of(plan, "br1")
    assert (settings["ipv4.method"], settings["ipv6.method"]) == ("disabled", "disabled")
    kinds = {type(planned.step) for planned in plan.planned}
    assert not kinds & {steps.WaitAddress, steps.WaitNeighbour, steps.AddRoutes}
    assert plan.goals[0].address == NoAddress()


def test_the_first_bridge_is_not_touched_and_proven_so() -> None:
    facts = beside_the_first()
    plan = plan_host_setup(SECOND, facts)
    first = {"br0", "bond0", "em1", "em2"}
    changed = {getattr(p.step, "ifname", "") for p in plan.planned if not isinstance(p.step, steps.ProveUntouched)}
    assert not changed & first
    uuids = {p.uuid for p in facts.profiles}
    assert not uuids & {getattr(p.step, "uuid", "") for p in plan.planned}
    proven = {p.step.ifname for p in plan.planned if isinstance(p.step, steps.ProveUntouched)}
    assert proven == {"br0", "mgmt"}


def test_without_names_the_free_nics_are_proposed() -> None:
    plan = plan_host_setup(host_spec(SECOND, nics=()), beside_the_first())
    assert plan.goals[0].nics == ("em3", "em4")
    assert [line for line in plan.choices if "a port of bond0" in line] != []


def test_a_nic_with_an_address_is_neither_proposed_nor_taken() -> None:
    facts = with_two_more(addressed_host())
    plan = plan_host_setup(host_spec(SECOND, nics=()), facts)
    assert plan.goals[0].nics == ("em2", "em3", "em4")
    with pytest.raises(Refused, match=str(ADDRESS)):
        plan_host_setup(host_spec(SECOND, nics=("em1",)), facts)


def test_a_host_without_any_address_gets_a_bridge_for_guests() -> None:
    plan = plan_host_setup(host_spec(SECOND, nics=("em1", "em2")), bare_host())
    assert settings_of(plan, "br1")["ipv4.method"] == "disabled"


def test_a_second_run_has_nothing_to_do_and_a_new_nic_joins_in_place() -> None:
    facts = after(plan_host_setup(SECOND, beside_the_first()), beside_the_first())
    assert plan_host_setup(SECOND, facts).empty
    fewer = replace(facts, links=tuple(replace(x, controller=None) if x.ifname == "em4" else x for x in facts.links))
    plan = plan_host_setup(SECOND, fewer)
    assert {s.ifname for p in plan.planned if isinstance(s := p.step, steps.ActivateProfile)} == {"em4"}
    assert not any(isinstance(p.step, steps.WaitAddress) for p in plan.planned)


def test_an_address_of_its_own_takes_nothing_from_the_first() -> None:
    other = AddressSpec(addresses=(ip_interface("10.9.0.3/24"),))
    plan = plan_host_setup(host_spec(SECOND, address=other), beside_the_first())
    assert settings_of(plan, "br1")["ipv4.addresses"] == "10.9.0.3/24"
    waits = [p.step for p in plan.planned if isinstance(p.step, steps.WaitAddress)]
    assert [wait.ifname for wait in waits] == ["br1"]
    assert "br0" in {p.step.ifname for p in plan.planned if isinstance(p.step, steps.ProveUntouched)}


def test_nothing_to_adopt_says_what_can_be_asked_for() -> None:
    with pytest.raises(SpecError) as caught:
        plan_host_setup(host_spec(SECOND, address=None), beside_the_first())
    assert "--address none" in caught.value.hint


def test_the_first_bridges_network_is_not_taken() -> None:
    network = Network(
        name="host-bridge", uuid="11111111-0000-4000-8000-000000000001", active=True, persistent=True, autostart=True,
        forward_mode="bridge", bridge="br0", document="<network/>",
    )  # fmt: skip
    facts = replace(beside_the_first(), networks=(network,))
    with pytest.raises(Refused, match="host-bridge leads to br0") as caught:
        plan_host_setup(host_spec(SECOND, network="host-bridge"), facts)
    assert "--network" in caught.value.hint
    assert not plan_host_setup(host_spec(SECOND, network="guests"), facts).empty


@pytest.mark.parametrize("words", [
    HostWords(address=("none", "dhcp")),
    HostWords(address=("none",), gateway=("192.0.2.1",)),
    HostWords(address=("none",), dns=("192.0.2.1",)),
])  # fmt: skip
def test_none_goes_with_nothing_else(words: HostWords) -> None:
    with pytest.raises(SpecError, match=r"not go|needs"):
        parse_host(words)


def test_none_is_a_word() -> None:
    assert parse_host(HostWords(address=("None",))).bridges[0].address == NoAddress()
