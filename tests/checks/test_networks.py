"""Rules about libvirt's networks: each fires on its fault, and on nothing that is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from tests.checks.fired import fired, notes, trouble
from vmnet.facts import Facts, Mention, Network, Surroundings

GOOD = replace(samples.end_state(), surroundings=Surroundings())
LAB = Network(
    name="lab", uuid="00000000-0000-4000-8000-000000000103", active=True, persistent=True, autostart=True,
    forward_mode="bridge", bridge="br7", document="<network/>",
)  # fmt: skip
BR7 = samples.link("br7", 70, kind="bridge")
WITH_LAB = replace(GOOD, networks=(*GOOD.networks, LAB), links=(*GOOD.links, BR7))


def on(facts: Facts, network: str, *, autostart: bool = False) -> Facts:
    """The host with db01 on a network."""
    interface = samples.interface(samples.DB_MAC, network)
    return samples.with_domain(facts, "db01", persistent=(interface,), autostart=autostart)


def test_a_network_on_a_bridge_that_is_well_is_well() -> None:
    assert fired(on(WITH_LAB, "lab", autostart=True)) == set()


@pytest.mark.parametrize(
    ("facts", "seen", "fix"),
    [
        (replace(WITH_LAB, links=GOOD.links), "br7: missing", ""),
        (samples.with_network(WITH_LAB, "lab", bridge="p2p1"), "p2p1: a NIC, not a bridge", ""),
        (samples.with_network(WITH_LAB, "lab", bridge="em1.5"), "a link of kind vlan, not a bridge", ""),
        (samples.with_link(WITH_LAB, "br7", admin_up=False), "br7: down", "sudo ip link set dev br7 up"),
        (
            replace(WITH_LAB, links=(*WITH_LAB.links, samples.link("em9", 71, controller="br7", carrier=False))),
            "no uplink has carrier (em9)",
            "",
        ),
        (
            replace(WITH_LAB, links=GOOD.links, profiles=(*GOOD.profiles, samples.profile("br7", "bridge"))),
            "missing",
            "sudo nmcli connection up uuid 00000000-0000-4000-8000-0000000000ff",
        ),
    ],
)
def test_an_active_network_without_a_bridge(facts: Facts, seen: str, fix: str) -> None:
    found = trouble(facts, "network.no-bridge", "lab")
    assert seen in found.seen
    assert "\n".join(found.fix) == fix


def test_an_inactive_one_matters_to_its_domains_alone() -> None:
    idle = replace(samples.with_network(WITH_LAB, "lab", active=False, autostart=False), links=GOOD.links)
    assert fired(idle) == set()
    assert fired(on(idle, "lab")) == {("network.no-bridge", "lab"), ("network.inactive", "lab")}


def test_a_network_that_domains_name_is_not_active() -> None:
    facts = on(samples.without_link(samples.with_network(GOOD, "default", active=False), "virbr0"), "default")
    found = trouble(facts, "network.inactive", "default")
    assert found.seen == "not active; on it: db01"
    assert found.fix == ("sudo virsh net-start --network default",)
    unused = samples.with_network(GOOD, "default", active=False, autostart=False)
    assert fired(samples.without_link(unused, "virbr0")) == set()


def test_not_autostarted_though_domains_are() -> None:
    by_hand = samples.with_network(WITH_LAB, "lab", autostart=False)
    assert fired(on(by_hand, "lab")) == set()
    found = trouble(on(by_hand, "lab", autostart=True), "network.not-at-boot", "lab")
    assert found.fix == ("sudo virsh net-autostart --network lab",)


def test_not_stored_though_stored_domains_name_it() -> None:
    passing = samples.with_network(WITH_LAB, "lab", persistent=False, autostart=False)
    assert fired(passing) == set()
    assert trouble(on(passing, "lab"), "network.not-at-boot", "lab").fix == (
        "sudo virsh net-dumpxml --network lab | sudo virsh net-define /dev/stdin",
        "sudo virsh net-autostart --network lab",
    )


def test_a_network_with_nat_on_the_hosts_own_bridge() -> None:
    facts = on(samples.with_network(WITH_LAB, "lab", forward_mode="nat", active=False), "lab")
    found = trouble(facts, "network.bridge-taken", "lab")
    assert found.fix[0].startswith("sudo virsh net-dumpxml --inactive --network lab | sed ")
    assert fired(facts) == {("network.bridge-taken", "lab")}


def test_two_networks_on_one_bridge_are_a_note() -> None:
    facts = samples.with_network(WITH_LAB, "lab", bridge="br0")
    assert ("network.shared-bridge", "br0") in notes(facts)
    assert ("network.shared-bridge", "br0") not in notes(WITH_LAB)
    assert fired(facts) == set()


def test_what_still_names_the_old_network() -> None:
    hook = Mention(place="/etc/libvirt/hooks/qemu, line 3", text="dnat to 203.0.113.9", network="default")
    rule = Mention(place="nftables, table nat, chain PREROUTING", text="dnat to 203.0.113.8", network="default")
    found = trouble(replace(GOOD, mentions=(hook, rule)), "network.still-named", "default")
    assert "line 3: dnat to 203.0.113.9; nftables, table nat" in found.seen
    assert (found.shown_by, found.fix) == (
        "sudo sed -n 3p /etc/libvirt/hooks/qemu",
        ("sudo editor /etc/libvirt/hooks/qemu",),
    )
    assert fired(replace(GOOD, mentions=(hook,), domains=())) == set()


def test_names_of_libvirts_are_a_note() -> None:
    facts = replace(GOOD, mentions=(Mention(place="/etc/nsswitch.conf, line 7", text="hosts: files libvirt dns"),))
    assert ("network.still-named", "libvirt's names") in notes(facts)
    assert fired(facts) == set()


def test_the_goals_own_network_is_verifys() -> None:
    facts = on(samples.with_network(GOOD, "host-bridge", active=False, autostart=False), "host-bridge", autostart=True)
    assert fired(facts) == {("network.state", "host-bridge")}
    assert trouble(facts, "network.state", "host-bridge").fix == (
        "sudo virsh net-start --network host-bridge",
        "sudo virsh net-autostart --network host-bridge",
    )
