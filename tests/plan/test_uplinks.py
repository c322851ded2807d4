"""Which NIC is the uplink, which ones are left alone, and what a named one would lose."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from tests.plan.hosts import ADDRESS, GATEWAY, nic, routed_host
from tests.specs import host_spec
from vmnet.errors import Refused, SpecError
from vmnet.facts import Address, Device, Facts, Route
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import AddressSpec, HostSpec

PROPOSE = host_spec(network=None)
STORE = "10.10.0.3/24"


def with_route(facts: Facts, ifname: str, gateway: str, metric: int) -> Facts:
    return replace(
        facts,
        routes=(*facts.routes, Route(destination=None, gateway=ip_address(gateway), ifname=ifname, metric=metric)),
    )


def with_store(ifname: str = "em3", address: str = STORE, *, dynamic: bool = False) -> Facts:
    """A host with a third NIC that has an address, and a route to a network behind it."""
    facts = routed_host()
    route = Route(destination=ip_network("10.20.0.0/16"), gateway=ip_address("10.10.0.1"), ifname=ifname)
    return replace(
        facts,
        links=(*facts.links, nic(ifname, 31)),
        devices=(*facts.devices, Device(ifname=ifname, type="ethernet", state=100)),
        addresses=(*facts.addresses, Address(ifname=ifname, interface=ip_interface(address), dynamic=dynamic)),
        routes=(*facts.routes, route),
    )


def untouched(spec: HostSpec, facts: Facts) -> set[str]:
    return {p.step.ifname for p in plan_host_setup(spec, facts).planned if isinstance(p.step, steps.ProveUntouched)}


@pytest.mark.parametrize("named", [(), ("em1", "em2")])
def test_a_router_on_the_management_network_changes_nothing(named: tuple[str, ...]) -> None:
    facts = with_route(routed_host(), "mgmt", "198.51.100.1", 101)
    plan = plan_host_setup(host_spec(PROPOSE, nics=named), facts)
    assert plan.goals[0].nics == ("em1", "em2")
    assert (plan.goals[0].management, plan.goals[0].requested.addresses) == ("mgmt", (ADDRESS,))
    assert "mgmt" in untouched(host_spec(PROPOSE, nics=named), facts)


def test_the_lowest_metric_decides_whatever_the_names() -> None:
    """Where the management link's name sorts first, as eno1 does before enp65s0."""
    facts = with_route(routed_host(), "mgmt", "198.51.100.1", 50)
    plan = plan_host_setup(host_spec(PROPOSE, bond=None), facts)
    assert (plan.goals[0].nics, plan.goals[0].management) == (("mgmt",), "em1")


@pytest.mark.parametrize(
    ("unfit", "named"),
    [
        ({"ethernet": False}, "Ethernet only"),
        ({"driver": "cdc_ether"}, "service processor"),
        ({"driver": "rndis_host"}, "service processor"),
        ({"virtual_function": True}, ""),
    ],
)
def test_what_no_bridge_can_use_is_not_proposed(unfit: dict[str, object], named: str) -> None:
    facts = routed_host()
    facts = replace(facts, links=(*facts.links, replace(nic("a0", 31), **unfit)))  # type: ignore[arg-type]
    plan = plan_host_setup(PROPOSE, facts)
    assert plan.goals[0].nics == ("em1", "em2")
    assert [line for line in plan.choices if line.startswith("a0: not used")] != []
    if named:
        with pytest.raises(Refused, match=named):
            plan_host_setup(host_spec(PROPOSE, nics=("em1", "a0")), facts)


def test_a_service_processor_is_no_management_link() -> None:
    facts = routed_host()
    usb = replace(nic("a0", 31), driver="cdc_ether")
    address = Address(ifname="a0", interface=ip_interface("169.254.0.2/16"))
    facts = replace(facts, links=(usb, *facts.links), addresses=(address, *facts.addresses))
    goal = plan_host_setup(PROPOSE, facts).goals[0]
    assert goal is not None
    assert goal.management == "mgmt"


def test_two_routes_of_one_metric_are_a_question() -> None:
    with pytest.raises(SpecError, match="em1, mgmt"):
        plan_host_setup(PROPOSE, with_route(routed_host(), "mgmt", "198.51.100.1", 100))


@pytest.mark.parametrize("ifname", ["em3", "a0"])
def test_a_nic_with_an_address_of_its_own_is_not_proposed(ifname: str) -> None:
    facts = with_store(ifname)
    plan = plan_host_setup(PROPOSE, facts)
    assert plan.goals[0].nics == ("em1", "em2")
    assert [line for line in plan.choices if STORE in line] != []
    assert {"mgmt", ifname} <= untouched(PROPOSE, facts)


@pytest.mark.parametrize("ifname", ["em3", "a0"])
def test_a_named_nic_with_an_address_of_its_own_is_refused(ifname: str) -> None:
    spec = host_spec(PROPOSE, nics=("em1", ifname))
    with pytest.raises(Refused, match=STORE) as caught:
        plan_host_setup(spec, with_store(ifname))
    assert "10.20.0.0/16 via 10.10.0.1" in caught.value.message
    assert "--allow-lost-address" in caught.value.hint
    plan = plan_host_setup(host_spec(spec, allow_lost_address=True), with_store(ifname))
    assert [warning for warning in plan.warnings if STORE in warning] != []


def test_an_address_that_the_bridge_gets_too_is_not_lost() -> None:
    both = AddressSpec(addresses=(ADDRESS, ip_interface(STORE)), gateways=(GATEWAY,))
    plan = plan_host_setup(host_spec(PROPOSE, nics=("em1", "em3"), address=both), with_store())
    assert not [warning for warning in plan.warnings if STORE in warning]


def test_a_second_lease_in_the_same_network_is_named() -> None:
    facts = with_store("em3", "192.0.2.77/24", dynamic=True)
    plan = plan_host_setup(host_spec(PROPOSE, nics=("em1", "em3")), facts)
    assert [warning for warning in plan.warnings if "192.0.2.77/24" in warning] != []
