"""IPv6 of the bridge: when it comes, what stays, what goes away."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from tests.plan.hosts import ADDRESS, addressed_host, bare_host
from tests.plan.test_host_setup import ADOPT, REQUEST, kinds, layer3_in_memory
from tests.plan.test_host_setup_risks import accepted, by_ssh
from vmnet.facts import Address, Facts, Route
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.host.layer3 import of_mac
from vmnet.plan.host.setup import plan_host_setup

OF_MAC = ipaddress.IPv6Interface("2001:db8::200:5eff:fe00:5302/64")
OF_NAME = ipaddress.IPv6Interface("2001:db8::1234:5678:9abc:def0/64")
LEASED = ipaddress.IPv6Interface("2001:db8::1364/128")
FIXED = ipaddress.IPv6Interface("2001:db8::3/64")
ROUTER = ipaddress.ip_address("fe80::1")
DUID, IAID = "00:04:f9:55:af:95", "38:e2:c4:7e"


def host(*addresses: ipaddress.IPv6Interface, **settings: str) -> Facts:
    """A host whose em1 has these addresses; all but FIXED come from a router."""
    facts = addressed_host(**{"ipv6__method": "auto", **settings})
    ours = (Address(ifname="em1", interface=address, dynamic=address != FIXED) for address in addresses)
    away = Route(destination=None, gateway=ROUTER, ifname="em1", metric=100)
    return replace(facts, addresses=(*facts.addresses, *ours), routes=(*facts.routes, away))


def test_an_interface_identifier_of_a_mac() -> None:
    """RFC 4291, appendix A."""
    assert of_mac(Mac("34:56:78:9a:bc:de")) == 0x3656_78FF_FE9A_BCDE
    assert f"{of_mac(Mac('00:23:ae:ab:20:54')):x}" == "223aefffeab2054"


def test_it_comes_when_the_old_nic_has_left_and_goes_before_it_is_back() -> None:
    plan = plan_host_setup(ADOPT, host(OF_MAC, FIXED, ipv6__addresses=str(FIXED)))
    *before, last = layer3_in_memory(plan)
    assert not [key for settings in before for key in settings if key.startswith("ipv6")]
    assert last == {"ipv6.method": "auto", "ipv6.addresses": str(FIXED)}
    names = kinds(plan)
    joins = len(names) - 1 - names[::-1].index("ActivateProfile")
    give, reapply, wait = plan.planned[joins + 1 : joins + 4]
    assert isinstance(give.step, steps.ModifyProfile)
    assert give.back_first
    off = replace(give.step, settings=(("ipv6.method", "disabled"), ("ipv6.addresses", "")))
    assert give.undo == (off, steps.ReapplyDevice(ifname="br0"))
    assert reapply.step == steps.ReapplyDevice(ifname="br0")
    assert wait.step == steps.WaitAddress(ifname="br0", addresses=(OF_MAC, FIXED), timeout_s=30)
    asked = [i for i, p in enumerate(plan.planned) if getattr(p.step, "address", None) == ROUTER]
    assert min(asked) > joins


@pytest.mark.parametrize("method", ["disabled", "ignore"])
def test_without_ipv6_nothing_of_it_is_done(method: str) -> None:
    plan = plan_host_setup(ADOPT, addressed_host(ipv6__method=method))
    assert [settings["ipv6.method"] for settings in layer3_in_memory(plan)] == [method, method]


def test_nobody_denies_it_where_no_link_has_an_address() -> None:
    assert all("ipv6.method" in settings for settings in layer3_in_memory(plan_host_setup(REQUEST, bare_host())))


@pytest.mark.parametrize("said", [{}, {"ipv6__dhcp_iaid": "mac"}])
def test_a_dhcpv6_client_keeps_its_identity(said: dict[str, str]) -> None:
    facts = host(LEASED, **said)
    devices = [replace(x, dhcp6_duid=DUID, dhcp6_iaid=IAID) if x.ifname == "em1" else x for x in facts.devices]
    last = layer3_in_memory(plan_host_setup(ADOPT, replace(facts, devices=tuple(devices))))[-1]
    assert (last["ipv6.dhcp-duid"], last["ipv6.dhcp-iaid"]) == (DUID, said.get("ipv6__dhcp_iaid", IAID))


def test_an_address_made_of_the_links_name_is_told_of() -> None:
    plan = plan_host_setup(ADOPT, host(OF_NAME, OF_MAC, LEASED))
    assert any(f"{OF_NAME.ip} of em1" in text for text in plan.warnings)
    waits = [step.addresses for p in plan.planned if isinstance(step := p.step, steps.WaitAddress)]
    assert waits == [(ADDRESS,), (OF_MAC, LEASED)]
    token = plan_host_setup(ADOPT, host(OF_NAME, ipv6__token="::1234:5678:9abc:def0"))
    assert not [text for text in token.warnings if str(OF_NAME.ip) in text]


def test_a_session_by_such_an_address_is_at_risk() -> None:
    facts = by_ssh(host(OF_NAME), str(OF_NAME.ip), peer="2001:db8::7")
    accepted(facts, "allow_new_address", str(OF_NAME.ip), spec=ADOPT)
    assert plan_host_setup(ADOPT, by_ssh(host(OF_MAC), str(OF_MAC.ip), peer="2001:db8::7")).planned
