"""The bridge as a switch: what makes it deaf, slow or a danger to the LAN."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.registry import DIAGNOSED
from vmnet.checks.rules import bridge
from vmnet.facts import BridgeState, Fabric, GuestAddress, LogLine, Multicast, PortFlags

if TYPE_CHECKING:
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts
    from vmnet.spec import BridgeSpec

CHECKS = [check for check in DIAGNOSED if check.look.__module__ == bridge.__name__]
GOOD = samples.end_state()
STP = BridgeState(stp=True, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=False)
UUID = samples.UUIDS["br0"]


def findings(facts: Facts, goal: BridgeSpec | None = None) -> list[Finding]:
    wanted = samples.goal() if goal is None else goal
    return [found for check in CHECKS for found in check(wanted, facts) if not found.ok]


def test_a_host_that_is_well() -> None:
    assert findings(replace(GOOD, fabric=Fabric())) == []
    assert findings(GOOD) == []


def test_stp_where_nobody_said_otherwise() -> None:
    facts = samples.with_link(GOOD, "br0", bridge=STP)
    asked = replace(samples.goal(), options=(("stp", "yes"),))
    (found,) = findings(facts, asked)
    assert (found.rule, found.seen) == ("bridge.stp-delays-guests", "STP on, a new port is blocked for 30 s")
    assert found.fix == (
        f"sudo nmcli connection modify uuid {UUID} bridge.stp no",
        "sudo ip link set dev br0 type bridge stp_state 0",
    )
    assert findings(samples.with_link(GOOD, "br0", bridge=replace(STP, forward_delay_cs=200)), asked) == []
    # bridge.stp says it, and doctor does not say it twice.
    assert findings(facts) == []
    assert [t.rule.id for t in diagnose(samples.goal(), facts) if not t.finding.ok] == ["bridge.stp"]


def test_a_switch_that_took_the_carrier_from_a_bridge_that_speaks_stp() -> None:
    facts = samples.with_link(GOOD, "br0", bridge=STP)
    one = samples.with_link(facts, "em1", carrier=False, carrier_changes=3)
    assert "bridge.bpdu-guard" not in [found.rule for found in findings(one)]
    both = samples.with_link(one, "p4p1", carrier=False, carrier_changes=3)
    assert [found.rule for found in findings(both)] == ["bridge.bpdu-guard"]
    off = samples.with_link(both, "br0", bridge=replace(STP, stp=False))
    assert findings(off) == []
    never = samples.with_link(both, "p4p1", carrier=False, carrier_changes=1)
    assert findings(never) == []


def test_each_port_has_the_mtu_of_the_uplink() -> None:
    (tap,) = findings(samples.with_link(GOOD, "vnet0", mtu=9000))
    assert (tap.rule, tap.subject, tap.seen) == ("bridge.mtu-differs", "vnet0", "MTU 9000")
    assert tap.fix == ("sudo ip link set dev vnet0 mtu 1500",)
    (bridge,) = findings(samples.with_link(GOOD, "br0", mtu=1400))
    assert bridge.fix == (
        f"sudo nmcli connection modify uuid {UUID} 802-3-ethernet.mtu 1500",
        "sudo ip link set dev br0 mtu 1500",
    )


def test_what_a_wanted_mtu_says_already_is_not_said_twice() -> None:
    facts = samples.with_link(GOOD, "br0", mtu=1400)
    assert findings(facts, replace(samples.goal(), mtu=1500)) == []


def test_without_an_uplink_there_is_no_mtu_to_have() -> None:
    assert findings(samples.with_link(samples.with_link(GOOD, "vnet0", mtu=9000), "bond0", controller=None)) == []


def test_a_mac_that_follows_the_ports() -> None:
    (found,) = findings(replace(GOOD, fabric=Fabric(unpinned=("br0", "virbr0"))))
    assert (found.rule, found.subject) == ("bridge.mac-not-pinned", "br0")
    assert found.fix == (
        f"sudo nmcli connection modify uuid {UUID} 802-3-ethernet.cloned-mac-address {samples.MAC}",
        f"sudo ip link set dev br0 address {samples.MAC}",
    )


def test_a_guest_whose_groups_are_forgotten() -> None:
    address = GuestAddress(mac=samples.WEB_MAC, interface=ip_interface("2001:db8::1:2:3/64"), origin="agent")
    facts = replace(GOOD, guest_addresses=(address,))

    def seen(groups: tuple[tuple[str, str], ...], **values: object) -> list[str]:
        snooped = Multicast(bridge="br0", querier="bond0", groups=groups)
        fabric = Fabric(multicast=(snooped,), **values)  # type: ignore[arg-type]
        return [found.wanted for found in findings(replace(facts, fabric=fabric))]

    assert seen(()) == ["the group ff02::1:ff02:3 on vnet0"]
    assert seen((("vnet0", "ff02::1:ff02:3"),)) == []
    assert seen((("bond0", "ff02::1:ff02:3"),)) != []
    assert seen((), flags=(PortFlags(port="vnet0", on=("router",)),)) == []
    assert findings(replace(facts, fabric=Fabric())) == []


def test_without_a_known_address_nothing_is_missed() -> None:
    fabric = Fabric(multicast=(Multicast(bridge="br0", querier="bond0"),))
    assert findings(replace(GOOD, fabric=fabric)) == []


def test_a_frame_that_comes_back() -> None:
    line = LogLine(text="br0: received packet on bond0 with own address as source address", age_s=5)
    (found,) = findings(replace(GOOD, fabric=Fabric(log=(replace(line, age_s=70), line))))
    assert (found.rule, found.subject) == ("bridge.loop", "br0")
    assert found.seen == f"5 s ago: {line.text} (2 times in ten minutes)"
    elsewhere = replace(line, text="br7: received packet on eth7 with own address as source address")
    assert findings(replace(GOOD, fabric=Fabric(log=(elsewhere,)))) == []
