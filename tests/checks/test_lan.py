"""Rules about the LAN that was asked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from tests import facts_samples as samples
from tests.checks.fired import fired, notes, trouble
from vmnet.checks.diagnostics import diagnose
from vmnet.facts import Facts, LanAnswer

GOOD = samples.end_state()
WELL = LanAnswer(
    bridge="br0", dhcp_server=ip_address("192.0.2.2"), gateway_answered=True, host_answered=True, mtus_tried=(1500,),
    mtu=1500,
)  # fmt: skip


def asked(**changes: object) -> Facts:
    return replace(GOOD, lan=replace(WELL, **changes))  # type: ignore[arg-type]


def test_a_lan_that_answers_is_well() -> None:
    assert fired(asked()) == set()
    assert {rule for rule, _ in notes(asked())} & {"lan.gateway", "lan.dhcp", "lan.mtu"} == set()


def test_only_the_hosts_own_mac_passes() -> None:
    found = trouble(asked(gateway_answered=False), "lan.gateway", "br0")
    assert "this host, but not a new MAC" in found.seen
    assert "port security" in found.hint
    deaf = trouble(asked(gateway_answered=False, host_answered=False), "lan.gateway", "br0")
    assert "neither" in deaf.seen


def test_no_dhcp_matters_where_the_host_itself_lives_by_it() -> None:
    assert ("lan.dhcp", "br0") in notes(asked(dhcp_server=None))
    by_dhcp = samples.goal_with(dhcp=True, addresses=(), gateways=())
    found = [t for t in diagnose(by_dhcp, asked(dhcp_server=None)) if t.rule.id == "lan.dhcp"]
    assert [t.finding.ok for t in found] == [False]


def test_large_packets_get_lost() -> None:
    assert trouble(asked(mtu=1400), "lan.mtu", "br0").seen == "at most 1400 bytes do"
    assert trouble(asked(mtu=None), "lan.mtu", "br0").seen == "only small ones do"
    assert ("lan.mtu", "br0") in notes(asked(mtus_tried=(9000, 1500), mtu=1500))
    assert fired(asked(mtus_tried=(9000, 1500), mtu=1500)) == set()
    assert fired(asked(mtus_tried=(), mtu=None)) == set(), "a gateway that answers no ping says nothing"
