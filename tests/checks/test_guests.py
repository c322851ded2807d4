"""Rules about what guests still have of the network that they left."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

from tests import facts_samples as samples
from tests.checks.fired import fired, trouble
from vmnet.facts import Duplicate, Facts, GuestAddress, LanAnswer, Surroundings, TapFilter

DOCUMENT = "<network><name>default</name><ip address='203.0.113.1' netmask='255.255.255.0'/></network>"
GOOD = samples.with_network(replace(samples.end_state(), surroundings=Surroundings()), "default", document=DOCUMENT)
WEB = f"web01 {samples.WEB_MAC}"
OLD = ip_address("203.0.113.7")
BOUNCE = (
    f"sudo virsh domif-setlink --domain web01 {samples.WEB_MAC} down",
    "sleep 8",
    f"sudo virsh domif-setlink --domain web01 {samples.WEB_MAC} up",
)


def known(*told: tuple[str, str]) -> tuple[GuestAddress, ...]:
    return tuple(
        GuestAddress(mac=samples.WEB_MAC, interface=ip_interface(f"{address}/24"), origin=origin)
        for address, origin in told
    )


def test_a_lease_alone_proves_nothing() -> None:
    assert fired(replace(GOOD, guest_addresses=known(("203.0.113.7", "lease")))) == set()


def test_the_agent_tells_of_an_old_lease() -> None:
    facts = replace(GOOD, guest_addresses=known(("203.0.113.7", "lease"), ("203.0.113.7", "agent")))
    found = trouble(facts, "domain.old-lease", WEB)
    assert (found.seen, found.fix) == ("203.0.113.7 of network default", BOUNCE)


def test_the_guest_itself_answers_for_an_old_lease() -> None:
    answer = Duplicate(address=OLD, mac=samples.WEB_MAC, ifname="br0")
    facts = replace(
        GOOD, guest_addresses=known(("203.0.113.7", "lease")), lan=LanAnswer(bridge="br0", guests=(answer,))
    )
    assert trouble(facts, "domain.old-lease", WEB).source == "ARP"
    assert fired(replace(facts, lan=LanAnswer(bridge="br0", guests=(replace(answer, mac=samples.DB_MAC),)))) == set()


def test_an_address_without_a_lease_is_fixed() -> None:
    facts = replace(GOOD, guest_addresses=known(("203.0.113.7", "agent")))
    found = trouble(facts, "domain.old-address", WEB)
    assert (found.fix, "inside the guest" in found.hint) == ((), True)


def test_a_guest_with_an_address_of_the_lan_is_well() -> None:
    facts = replace(GOOD, guest_addresses=known(("203.0.113.7", "agent"), ("192.0.2.7", "agent")))
    assert fired(facts) == set()


def filtered(name: str, *passed: str, filters: tuple[str, ...] | None = None, **values: str) -> Facts:
    live = samples.interface(samples.WEB_MAC, "host-bridge", target="vnet0", filter=name, **values)
    taps = (TapFilter(tap="vnet0", addresses=tuple(ip_address(address) for address in passed)),)
    facts = samples.with_domain(GOOD, "web01", running=(live,), persistent=(replace(live, target=None),))
    return replace(facts, surroundings=Surroundings(filters=filters, tap_filters=taps))


def test_a_filter_that_learnt_the_old_address() -> None:
    found = trouble(filtered("clean-traffic", "203.0.113.7"), "filter.old-address", WEB)
    assert found.seen == "vnet0: filter clean-traffic allows only 203.0.113.7"
    assert found.fix[1:] == (
        "sudo virsh nwfilter-binding-delete vnet0",
        "sudo virsh nwfilter-binding-create /run/vnet0.xml",
        *BOUNCE,
    )


def test_a_filter_that_was_told_the_old_address() -> None:
    facts = filtered("clean-traffic", "203.0.113.7", filter_address="203.0.113.7")
    stored, running = trouble(facts, "filter.old-address", WEB).fix[:2]
    assert stored.startswith("sudo virsh dumpxml --inactive --domain web01 --xpath ")
    assert stored.endswith("virsh update-device --domain web01 --file /dev/stdin --config")
    assert r's/ \(portid\|bridge\)="[^"]*"//g' in running, "its network stays"
    assert running.endswith("virsh update-device --domain web01 --file /dev/stdin --live")


def test_a_filter_with_an_address_of_the_lan_is_well() -> None:
    assert fired(filtered("clean-traffic", "192.0.2.7")) == set()
    assert fired(filtered("clean-traffic", "192.0.2.7", "203.0.113.7")) == set()
    assert fired(filtered("clean-traffic")) == set()


def test_a_filter_that_is_not_defined() -> None:
    found = trouble(filtered("mine", filters=("clean-traffic",)), "filter.missing", WEB)
    assert found.seen == "no such filter"
    assert fired(filtered("mine", filters=("mine",))) == set()
    assert fired(filtered("mine", filters=None)) == set(), "what was not read is not missing"
