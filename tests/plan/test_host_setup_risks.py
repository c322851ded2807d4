"""What host-setup refuses unless the one flag that accepts it is given, and then warns of."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.hosts import ADDRESS, GATEWAY, REQUESTED, addressed_host
from vmnet.errors import Refused
from vmnet.facts import Dependent, Facts, Route
from vmnet.plan.host_setup import plan_host_setup
from vmnet.spec import HostSpec

SPEC = HostSpec(nics=("em1", "em2"), address=REQUESTED)
PEER = ipaddress.ip_address("192.0.2.9")
ELSEWHERE = ipaddress.ip_address("198.51.100.9")


def host() -> Facts:
    """em1 has the address and the default route, mgmt a network of its own."""
    facts = addressed_host()
    networks = [("em1", ADDRESS.network), ("mgmt", ipaddress.ip_network("198.51.100.0/24"))]
    connected = (Route(destination=network, gateway=None, ifname=name) for name, network in networks)
    return replace(facts, routes=(*facts.routes, *connected))


def accepted(facts: Facts, flag: str, said: str, *, spec: HostSpec = SPEC, way_out: str = "") -> None:
    """The plan is refused without `flag`, with reason and way out, and warns with it."""
    with pytest.raises(Refused) as caught:
        plan_host_setup(spec, facts)
    option = f"--{flag.replace('_', '-')}"
    assert said in caught.value.message
    assert way_out in caught.value.hint
    assert option in caught.value.hint
    named: dict[str, Any] = {flag: True}
    warnings = plan_host_setup(replace(spec, **named), facts).warnings
    assert [said in text and option in text for text in warnings].count(True) == 1


def nfs(**ends: Any) -> Dependent:
    return Dependent(what="the NFS filesystem on /srv", evidence="/proc/self/mountinfo: files:/srv", **ends)


@pytest.mark.parametrize(
    "ends",
    [
        {"peer": PEER},
        {"peer": ipaddress.ip_address("203.0.113.9")},
        {"local": ADDRESS.ip},
        {"peer": ADDRESS.ip},
        {"peer": ELSEWHERE, "local": ADDRESS.ip},
    ],
    ids=["beside us", "behind the gateway", "by our address", "our own end", "by another link"],
)
def test_storage_that_is_reached_through_the_nics(ends: dict[str, Any]) -> None:
    facts = replace(host(), dependents=(nfs(**ends),))
    accepted(facts, "allow_storage", "through em1: the NFS filesystem on /srv [/proc/self/mountinfo: files:/srv]")


@pytest.mark.parametrize("peer", [ELSEWHERE, ipaddress.ip_address("127.0.0.1")])
def test_storage_that_is_reached_elsewhere(peer: ipaddress.IPv4Address) -> None:
    facts = replace(host(), dependents=(nfs(peer=peer),))
    assert plan_host_setup(SPEC, facts).warnings == ()


def test_storage_of_which_nobody_knows_the_way() -> None:
    (warning,) = plan_host_setup(SPEC, replace(host(), dependents=(nfs(),))).warnings
    assert "cannot tell through which link" in warning


def test_much_storage_is_named_shortly() -> None:
    many = tuple(Dependent(what=f"disk {n}", evidence="e", peer=GATEWAY) for n in range(9))
    accepted(replace(host(), dependents=many), "allow_storage", "disk 2 [e] and 6 more", way_out="unmount")
