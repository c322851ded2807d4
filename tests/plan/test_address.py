"""When the bridge gets its address, and when its routes win."""

from __future__ import annotations

from dataclasses import replace

from tests.plan.hosts import ADDRESS, GATEWAY, addressed_host, bare_host
from tests.plan.test_host_setup import ADOPT, REQUEST, activated, kinds, layer3_in_memory, place, taken
from tests.specs import host_spec
from vmnet.facts import Route
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import AddressSpec


def test_the_bridge_has_the_address_before_the_first_port_joins_and_the_way_before_the_last() -> None:
    plan = plan_host_setup(ADOPT, addressed_host())
    assert activated(plan) == ["bond0", "em2", "em1"]
    names = kinds(plan)
    _, first, last = (i for i, name in enumerate(names) if name == "ActivateProfile")
    assert names.index("ReapplyDevice") < names.index("WaitAddress") < first
    assert (
        first
        < place(plan, steps.SetLink(ifname="bond0", up=True))
        < names.index("WaitLacp")
        < names.index("WaitNeighbour")
    )
    assert names.index("WaitNeighbour") < names.index("AddRoutes") < names.index("RemoveRoutes") < last


def test_the_bond_is_silent_until_the_first_port_is_there() -> None:
    """A strict switch drops the live NIC at the first LACP that it hears from another."""
    plan = plan_host_setup(ADOPT, addressed_host())
    silent = place(plan, steps.SetLink(ifname="bond0", up=False))
    _, activation, joined, speaks, agreed = (planned.step for planned in plan.planned[silent : silent + 5])
    assert isinstance(activation, steps.ActivateProfile)
    assert (activation.ifname, activation.wait) == ("em2", False)
    assert joined == steps.WaitPorts(controller="bond0", ports=("em2",), timeout_s=30)
    assert speaks == steps.SetLink(ifname="bond0", up=True)
    assert isinstance(agreed, steps.WaitLacp)


def test_the_switchs_end_is_waited_for_where_no_gateway_is_asked_next() -> None:
    asked = plan_host_setup(ADOPT, addressed_host())
    fresh = plan_host_setup(host_spec(ADOPT, address=AddressSpec(dhcp=True)), addressed_host())
    for plan, this_end in ((asked, True), (fresh, False)):
        first, last = (step for step in taken(plan, steps.WaitLacp) if isinstance(step, steps.WaitLacp))
        assert (first.this_end, last.this_end) == (this_end, False)


def test_what_was_just_made_keeps_its_mac_whatever_udev_thinks_before_a_port_joins() -> None:
    plan = plan_host_setup(ADOPT, addressed_host())
    keep = place(plan, steps.KeepMac(ifnames=("br0", "bond0"), mac=Mac("00:00:5e:00:53:02")))
    first, second, *_ = (i for i, name in enumerate(kinds(plan)) if name == "ActivateProfile")
    assert first < keep < second


def test_a_lease_is_held_until_it_is_renewed_on_the_bridge() -> None:
    plan = plan_host_setup(ADOPT, addressed_host(ipv4__method="auto", ipv4__addresses="", ipv4__gateway=""))
    early, asking, leased = layer3_in_memory(plan)
    held = (str(ADDRESS), str(GATEWAY))
    assert (early["ipv4.method"], early["ipv4.addresses"], early["ipv4.gateway"]) == ("manual", *held)
    assert asking["ipv4.method"] == "auto"
    assert {"ipv4.addresses", "ipv4.gateway"}.isdisjoint(asking)
    assert leased == {"ipv4.addresses": "", "ipv4.gateway": ""}
    watched = place(plan, steps.ReapplyDevice(ifname="br0", lease_s=60))
    assert isinstance(plan.planned[watched + 1].step, steps.ActivateProfile), "em1 leaves only when the lease stands"
    waits = [step for step in taken(plan, steps.WaitAddress) if isinstance(step, steps.WaitAddress)]
    assert [(wait.addresses, wait.leased) for wait in waits] == [((ADDRESS,), False), ((ADDRESS,), True)]
    names = kinds(plan)
    last_wait = len(names) - 1 - names[::-1].index("WaitAddress")
    assert names.index("AddRoutes") < names.index("RemoveRoutes") < last_wait


def test_an_address_besides_the_lease_stays() -> None:
    own = "198.51.100.7/24"
    plan = plan_host_setup(ADOPT, addressed_host(ipv4__method="auto", ipv4__addresses=own, ipv4__gateway=""))
    _, asking, leased = layer3_in_memory(plan)
    assert {"ipv4.addresses", "ipv4.gateway"}.isdisjoint(asking), "held until it is leased"
    assert leased == {"ipv4.addresses": own, "ipv4.gateway": ""}


def test_with_a_new_lease_the_address_comes_after_the_first_port() -> None:
    plan = plan_host_setup(host_spec(ADOPT, address=AddressSpec(dhcp=True)), addressed_host())
    names = kinds(plan)
    assert names.index("ModifyProfile") < names.index("WaitLacp") < names.index("ReapplyDevice")
    assert {"AddRoutes", "RemoveRoutes"}.isdisjoint(names)


def test_the_bridges_routes_lose_until_they_are_to_win() -> None:
    plan = plan_host_setup(ADOPT, addressed_host())
    assert [settings["ipv4.route-metric"] for settings in layer3_in_memory(plan)] == ["1100", "99"]
    (at_once,) = taken(plan, steps.AddRoutes)
    assert at_once == steps.AddRoutes(
        routes=(
            Route(destination=ADDRESS.network, gateway=None, ifname="br0", metric=98, source=ADDRESS.ip),
            Route(destination=None, gateway=GATEWAY, ifname="br0", metric=98, source=ADDRESS.ip),
        )
    )


def test_no_room_below_the_metrics_of_now_leaves_the_routes_to_networkmanager() -> None:
    facts = addressed_host()
    routes = tuple(replace(route, metric=2) for route in facts.routes)
    assert not taken(plan_host_setup(ADOPT, replace(facts, routes=routes)), steps.AddRoutes)


def test_nothing_has_to_win_where_no_link_has_an_address() -> None:
    plan = plan_host_setup(REQUEST, bare_host())
    assert [settings.get("ipv4.route-metric") for settings in layer3_in_memory(plan)] == [None]
    assert not taken(plan, steps.AddRoutes)
