"""doctor --domain and --probe on real faults: the first hop in trouble is the right one, and the LAN is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from . import guests
from .chain import AS_ROOT, Fault, act, diagnose, expect, heal
from .domains import define, nic, start
from .test_doctor_domains import LAN, NO_NETWORK_MANAGER, on, update

if TYPE_CHECKING:
    from .chamber import Chamber
    from .machine import Lab

pytestmark = pytest.mark.turns

PORT_SECURITY = (
    "nft add table netdev port; nft add chain netdev port in '{ type filter hook ingress device gate0 priority 0; }'; "
    "nft add rule netdev port in ether saddr != 52:54:00:bb:00:10 drop"
)
"""A switch port that lets the host's own MAC through alone."""


LINK_DOWN = (
    "virsh dumpxml --inactive web --xpath //interface | sed \"s|</interface>|<link state='down'/>&|\" "
    "| virsh -q update-device web /dev/stdin --live"
)


def walk(chamber: Chamber, *words: str) -> dict[str, Any]:
    """Return the way of the domain `web`, as doctor tells it."""
    document = json.loads(chamber.vmnet("doctor", "--domain", "web", "--output", "json", *words, check=False).stdout)
    (path,) = document["paths"]
    assert isinstance(path, dict)
    return path


def broken(path: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the first hop in trouble, and the rules that say so."""
    if path["broken"] is None:
        return "", []
    hop = path["hops"][path["broken"]]
    return hop["place"], hop["troubles"]


@pytest.mark.parametrize(
    ("inject", "back", "place", "rules"),
    [
        (
            LINK_DOWN,
            "",
            "interface",
            ["domain.link-down"],
        ),
        ("ip link set TAP down", "", "tap", ["domain.tap-down"]),
        ("ip link set TAP nomaster", "", "controller", ["domain.tap"]),
        ("ip link set br0 down", "ip link set br0 up; ip route add default via 172.16.4.1", "bridge", ["bridge.link"]),
        ("ip link set uplink down", "ip link set uplink up", "uplink", []),
    ],
)
def test_the_first_hop_in_trouble(chamber: Chamber, inject: str, back: str, place: str, rules: list[str]) -> None:
    define(chamber, "web", nic(1, source=LAN))
    start(chamber, "web", leases=False)
    assert broken(walk(chamber)) == ("", [])
    chamber.run(inject.replace("TAP", chamber.run("virsh domiflist web | grep -o 'vnet[0-9]*'").stdout.strip()))
    try:
        found, named = broken(walk(chamber))
        # What else is odd about the same link comes after it.
        assert (found, named[: len(rules)]) == (place, rules)
        said = chamber.vmnet("doctor", "--domain", "web", check=False).stdout
        assert f"the first hop in trouble: {place} " in said
    finally:
        chamber.run(back or "true")
    if rules and not back:
        for finding in diagnose(chamber):
            chamber.run(AS_ROOT + "\n".join(finding["fix"]))
        assert broken(walk(chamber)) == ("", [])


def test_a_filter_is_a_hop_of_its_own(chamber: Chamber) -> None:
    told = "<filterref filter='clean-traffic'><parameter name='IP' value='192.168.122.77'/></filterref>"
    define(chamber, "web", nic(1, told, source=LAN))
    start(chamber, "web", leases=False)
    assert broken(walk(chamber)) == ("filters", ["filter.old-address"])


def test_a_switch_port_for_one_mac_is_found_by_asking(chamber: Chamber) -> None:
    define(chamber, "web", nic(1, source=LAN))
    start(chamber, "web", leases=False)
    assert walk(chamber, "--probe")["hops"][-1]["state"] == "ok"
    chamber.lan(PORT_SECURITY)
    try:
        assert broken(walk(chamber)) == ("", [])
        assert broken(walk(chamber, "--probe")) == ("gateway", ["lan.gateway"])
    finally:
        chamber.lan("nft delete table netdev port")


DEAF = "nft add table inet deaf; nft add chain inet deaf in '{ type filter hook input priority 0; }'; "
NO_DHCP = Fault(
    rule="lan.dhcp",
    subject="br0",
    seen="no server does",
    inject=lambda chamber: chamber.lan(DEAF + "nft add rule inet deaf in udp dport 67 drop"),
    heal=lambda chamber: chamber.lan("nft delete table inet deaf"),
)


def test_a_lan_without_dhcp_is_noted(chamber: Chamber) -> None:
    expect(chamber, (NO_NETWORK_MANAGER,), "--probe", notes=True)
    act(chamber, NO_DHCP.inject)
    try:
        found = expect(chamber, (NO_NETWORK_MANAGER, NO_DHCP), "--probe", notes=True)
    finally:
        act(chamber, NO_DHCP.heal)
    assert [finding["ok"] for finding in found if finding["rule"] == NO_DHCP.rule] == [True]
    expect(chamber, (NO_NETWORK_MANAGER,), "--probe", notes=True)


OLD_LEASE = Fault(rule="domain.old-lease", subject=on(1, "web"), inject="", seen="192.168.122.")
ONE_MAC = Fault(
    rule="lan.gateway",
    inject=lambda chamber: chamber.lan(PORT_SECURITY),
    heal=lambda chamber: chamber.lan("nft delete table netdev port"),
)
SMALL = Fault(
    rule="lan.mtu",
    seen="at most 1400 bytes do",
    inject=lambda chamber: chamber.lan("ip link set gate0 mtu 1400"),
    heal=lambda chamber: chamber.lan("ip link set gate0 mtu 1500"),
)


def test_a_guest_that_keeps_its_old_lease_is_found_by_asking(chamber: Chamber) -> None:
    define(chamber, "web", nic(1))
    start(chamber, "web")
    # Moved by hand, and nothing told to the guest.
    chamber.run(update("web", "s/<source .*/<source network='host-bridge'\\/>/", "--live", "--config"))
    heal(chamber, OLD_LEASE, expect(chamber, (NO_NETWORK_MANAGER, OLD_LEASE), "--probe"))
    guests.assert_on_lan(chamber, "web")
    expect(chamber, (NO_NETWORK_MANAGER,), "--probe")
    expect(chamber, (NO_NETWORK_MANAGER,))


@pytest.mark.parametrize("fault", [ONE_MAC, SMALL], ids=lambda fault: fault.rule)
def test_what_the_lan_does_not_let_through(chamber: Chamber, fault: Fault) -> None:
    expect(chamber, (NO_NETWORK_MANAGER,), "--probe")
    act(chamber, fault.inject)
    try:
        expect(chamber, (NO_NETWORK_MANAGER, fault), "--probe")
    finally:
        act(chamber, fault.heal)
    expect(chamber, (NO_NETWORK_MANAGER,), "--probe")


@pytest.mark.lab_state("bridged")
def test_the_whole_way_of_a_domain_that_was_moved(lab: Lab) -> None:
    expect(lab, ())
    lab.vmnet("migrate-from-virbr0", "--yes", timeout=400)
    guests.assert_on_lan(lab, "web01")
    expect(lab, ())
    document = json.loads(lab.vmnet("doctor", "--domain", "web01", "--probe", "--output", "json", timeout=180).stdout)
    (path,) = document["paths"]
    assert {hop["state"] for hop in path["hops"]} == {"ok"}
    assert [hop["place"] for hop in path["hops"]] == [
        "domain", "interface", "network", "tap", "controller", "VLAN", "port state", "filters", "bridge", "uplink",
        "bond", "LACP", "NIC", "NIC", "gateway",
    ]  # fmt: skip
    lab.run("nmcli device disconnect em1; nmcli device disconnect p4p1")
    cut = json.loads(lab.vmnet("doctor", "--domain", "web01", "--output", "json", timeout=180, check=False).stdout)
    (path,) = cut["paths"]
    assert path["hops"][path["broken"]]["place"] in ("uplink", "bond")
