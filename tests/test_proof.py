"""What must be the same of a link that a run was not to touch, and what may differ."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from vmnet.facts import Address, Device, Facts, Link, Route
from vmnet.facts.proof import proof_of
from vmnet.names import Mac
from vmnet.runs.executor.waits import differences

LINK = Link(
    ifname="mgmt", ifindex=2, kind="", mac=Mac("00:00:5e:00:53:01"), mtu=1500, admin_up=True, carrier=True,
    operstate="up", carrier_changes=1,
)  # fmt: skip
OWN = Address(ifname="mgmt", interface=ip_interface("192.0.2.3/24"))
ROUTE = Route(destination=ip_network("192.0.2.0/24"), gateway=None, ifname="mgmt", metric=100)
DEVICE = Device(ifname="mgmt", type="ethernet", state=100, profile="one")
FACTS = Facts(
    hostname="host", machine_id="", root=True, links=(LINK,), addresses=(OWN,), routes=(ROUTE,), devices=(DEVICE,),
    rules=("100: from 192.0.2.3/32 to all lookup 7", "0: from all to all lookup 255"),
)  # fmt: skip
ANNOUNCED = Address(ifname="mgmt", interface=ip_interface("2001:db8::5/64"), dynamic=True)
DEFAULT = Route(destination=None, gateway=ip_address("192.0.2.1"), ifname="mgmt")
ROUTED_6 = Route(destination=ip_network("2001:db8::/64"), gateway=None, ifname="mgmt")

CHANGES: dict[str, Facts] = {
    "index": replace(FACTS, links=(replace(LINK, ifindex=3),)),
    "MAC": replace(FACTS, links=(replace(LINK, mac=Mac("00:00:5e:00:53:02")),)),
    "MTU": replace(FACTS, links=(replace(LINK, mtu=9000),)),
    "controller": replace(FACTS, links=(replace(LINK, controller="br0"),)),
    "carrier changes": replace(FACTS, links=(replace(LINK, carrier_changes=3),)),
    "addresses": replace(FACTS, addresses=(OWN, replace(OWN, interface=ip_interface("192.0.2.9/24")))),
    "routes": replace(FACTS, routes=(ROUTE, DEFAULT)),
    "rules": replace(FACTS, rules=FACTS.rules[1:]),
    "active profile": replace(FACTS, devices=(replace(DEVICE, profile="other"),)),
}
NO_CHANGES = {
    "an announced address": replace(FACTS, addresses=(OWN, ANNOUNCED)),
    "an announced route": replace(FACTS, routes=(ROUTE, ROUTED_6)),
    "another order": replace(FACTS, routes=FACTS.routes[::-1], addresses=FACTS.addresses[::-1]),
    "another link": replace(FACTS, addresses=(OWN, replace(OWN, ifname="br0"))),
    "a rule of another link": replace(FACTS, rules=(*FACTS.rules, "200: from all to all iif br0 lookup 9")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_named(what: str) -> None:
    (told,) = differences(proof_of("mgmt", FACTS), proof_of("mgmt", CHANGES[what]))
    assert told.startswith(f"{what} was ")


@pytest.mark.parametrize("what", NO_CHANGES)
def test_what_is_no_change(what: str) -> None:
    assert differences(proof_of("mgmt", FACTS), proof_of("mgmt", NO_CHANGES[what])) == []


def test_a_link_that_went_away() -> None:
    told = differences(proof_of("mgmt", FACTS), proof_of("mgmt", replace(FACTS, links=())))
    assert "link was none and is not there" in told
