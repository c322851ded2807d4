"""Rules about domains on any bridge or network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from tests.checks.fired import fired, notes, trouble
from vmnet.facts import Domain, DomainState, Facts, GuestAddress, Interface, Snapshot, Source, Surroundings
from vmnet.names import Mac

GOOD = replace(samples.end_state(), surroundings=Surroundings())
WEB = f"web01 {samples.WEB_MAC}"
DB = f"db01 {samples.DB_MAC}"
OLD = Source(type="network", network="default")


def db_on(source: Source, facts: Facts = GOOD, **values: object) -> Facts:
    interface = replace(samples.interface(samples.DB_MAC, ""), source=source)
    return samples.with_domain(facts, "db01", persistent=(interface,), **values)


def running_db(tap: str | None, **values: object) -> Facts:
    """db01 runs on default; its tap is in `tap`."""
    live = samples.interface(samples.DB_MAC, "default", target="vnet1", **values)
    facts = db_on(OLD, state=DomainState.RUNNING, running=(live,))
    link = samples.link("vnet1", 80, kind="tun", controller=tap)
    return replace(facts, links=(*facts.links, link))


def test_a_tap_in_its_bridge_is_well() -> None:
    assert fired(running_db("virbr0")) == set()


def test_an_orphaned_tap_of_any_network() -> None:
    found = trouble(running_db(None), "domain.tap", DB)
    assert (found.seen, found.fix) == ("vnet1 in no bridge", ("sudo ip link set dev vnet1 master virbr0",))


def test_one_whose_network_went_with_its_bridge() -> None:
    facts = samples.without_link(samples.with_network(running_db(None), "default", active=False), "virbr0")
    assert fired(facts) == {("domain.tap", DB), ("network.inactive", "default")}
    assert trouble(facts, "domain.tap", DB).fix == (
        "sudo virsh net-start --network default",
        "sudo ip link set dev vnet1 master virbr0",
    )


def test_a_port_of_another_kind_of_switch_is_not_looked_for() -> None:
    assert fired(running_db("ovs-system", virtualport="openvswitch")) == set()


def test_a_tap_that_is_down() -> None:
    found = trouble(samples.with_link(GOOD, "vnet0", admin_up=False), "domain.tap-down", WEB)
    assert found.fix == ("sudo ip link set dev vnet0 up",)


def test_a_link_that_is_down_is_trouble_unless_it_is_stored_so() -> None:
    down = samples.interface(samples.WEB_MAC, "host-bridge", target="vnet0", link_up=False)
    facts = samples.with_domain(GOOD, "web01", running=(down,))
    found = trouble(facts, "domain.link-down", WEB)
    assert found.fix == (f"sudo virsh domif-setlink --domain web01 {samples.WEB_MAC} up",)
    meant = samples.with_domain(facts, "web01", persistent=(replace(down, target=None),))
    assert (fired(meant), ("domain.link-down", WEB) in notes(meant)) == (set(), True)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("br0", (f"sudo vmnet attach-domain --mac {samples.DB_MAC} --network host-bridge --yes db01",)),
        ("gone", (f"sudo vmnet attach-domain --mac {samples.DB_MAC} --network host-bridge --yes db01",)),
        ("default", ("sudo virsh net-define /usr/share/libvirt/networks/default.xml",)),
    ],
)
def test_a_network_that_is_not_there(name: str, fix: tuple[str, ...]) -> None:
    facts = replace(GOOD, networks=tuple(n for n in GOOD.networks if n.name != "default"))
    found = trouble(db_on(Source(type="network", network=name), facts), "domain.network-missing", DB)
    assert found.fix[:1] == fix
    assert "network host-bridge" in found.hint if name == "br0" else True


def test_without_a_network_to_go_to_there_is_a_hint_alone() -> None:
    facts = samples.with_network(GOOD, "host-bridge", active=False)
    assert trouble(db_on(Source(type="network", network="gone"), facts), "domain.network-missing", DB).fix == ()


def test_a_nic_named_as_a_bridge_leads_to_the_bridge_above_it() -> None:
    found = trouble(db_on(Source(type="bridge", bridge="em1")), "domain.source-bridge", DB)
    assert (found.seen, found.fix) == (
        "em1: no bridge",
        (f"sudo vmnet attach-domain --mac {samples.DB_MAC} --bridge br0 --yes db01",),
    )


def test_a_bridge_that_is_not_there() -> None:
    found = trouble(db_on(Source(type="bridge", bridge="br9")), "domain.source-bridge", DB)
    assert (found.seen, found.fix) == ("br9: missing", ())
    assert fired(db_on(Source(type="bridge", bridge="br0"))) == set()
    off = samples.without_link(samples.with_network(GOOD, "default", active=False), "virbr0")
    assert fired(db_on(Source(type="bridge", bridge="virbr0"), off)) == set()


def test_running_and_stored_differ_between_other_networks() -> None:
    other = replace(GOOD.networks[0], name="lab", uuid="x", bridge="virbr7")
    facts = replace(running_db("virbr0"), networks=(*GOOD.networks, other))
    stored = (samples.interface(samples.DB_MAC, "lab"),)
    found = trouble(samples.with_domain(facts, "db01", persistent=stored), "domain.documents", DB)
    assert found.fix == (f"sudo vmnet attach-domain --mac {samples.DB_MAC} --network default --yes db01",)


def test_what_libvirt_notes_in_a_running_document_is_no_difference() -> None:
    assert fired(running_db("virbr0", actual_type="bridge", alias="net0", address="0000:01:00.0")) == set()


def test_a_bridge_in_place_of_the_network_that_leads_there_is_no_difference() -> None:
    live = replace(samples.interface(samples.WEB_MAC, "", target="vnet0"), source=Source(type="bridge", bridge="br0"))
    assert fired(samples.with_domain(GOOD, "web01", running=(live,))) == set()


def test_the_link_of_one_on_a_bridge_behind_a_network_is_set_with_its_network() -> None:
    down = samples.interface(samples.WEB_MAC, "host-bridge", target="vnet0", link_up=False, actual_type="bridge")
    (fix,) = trouble(samples.with_domain(GOOD, "web01", running=(down,)), "domain.link-down", WEB).fix
    assert "domif-setlink" not in fix
    assert fix.endswith("| sudo virsh update-device --domain web01 --file /dev/stdin --live")


def test_both_documents_go_to_the_lan() -> None:
    left = samples.with_domain(GOOD, "web01", persistent=(samples.interface(samples.WEB_MAC, "default"),))
    found = trouble(left, "domain.documents", WEB)
    assert found.seen == "running network host-bridge, persistent network default"
    assert found.fix == (f"sudo vmnet attach-domain --mac {samples.WEB_MAC} --network host-bridge --yes web01",)


def test_a_managed_save_leads_back() -> None:
    facts = samples.with_domain(GOOD, "db01", saved=(samples.interface(samples.DB_MAC, "default"),))
    assert trouble(facts, "domain.saved", DB).fix == (
        "sudo vmnet migrate-from-virbr0 --network default --to host-bridge --only=db01 --yes",
    )


def test_a_managed_save_between_other_networks() -> None:
    facts = db_on(OLD, saved=(samples.interface(samples.DB_MAC, "gone"),))
    assert trouble(facts, "domain.saved", DB).fix == ("sudo vmnet doctor --fix domain.saved --yes",)
    assert fired(db_on(OLD, saved=(samples.interface(samples.DB_MAC, "default"),))) == set()


def snapshot(name: str, *networks: str) -> Snapshot:
    interfaces = tuple(samples.interface(samples.DB_MAC, network) for network in networks)
    return Snapshot(name=name, current=True, interfaces=interfaces)


def test_a_snapshot_leads_back() -> None:
    shots = (snapshot("good", "host-bridge"), snapshot("old", "default", "host-bridge"))
    found = trouble(samples.with_domain(GOOD, "db01", snapshots=shots), "domain.snapshot", DB)
    assert found.seen == "snapshot old: network default"
    assert found.fix == ("sudo vmnet migrate-from-virbr0 --network default --to host-bridge --only=db01 --yes",)
    assert fired(samples.with_domain(GOOD, "db01", snapshots=shots[:1])) == set()
    assert fired(db_on(OLD, snapshots=shots)) == set()


def test_another_interface_on_the_old_network_is_not_moved_along() -> None:
    second = samples.interface(Mac("52:54:00:00:53:99"), "default")
    both = (samples.interface(samples.DB_MAC, "host-bridge"), second)
    facts = samples.with_domain(GOOD, "db01", persistent=both, snapshots=(snapshot("old", "default"),))
    assert trouble(facts, "domain.snapshot", DB).fix == ("sudo vmnet doctor --fix domain.snapshot --yes",)


@pytest.mark.parametrize(("state", "noted"), [("paused", True), ("other", True), ("shut off", False)])
def test_a_paused_domain_is_a_note(state: str, noted: bool) -> None:
    facts = samples.with_domain(GOOD, "web01", state=DomainState(state))
    assert (("domain.state", "web01") in notes(facts)) is noted


def test_two_interfaces_in_one_lan_are_a_note() -> None:
    again = samples.interface(Mac("52:54:00:00:53:98"), "host-bridge")
    facts = samples.with_domain(GOOD, "db01", persistent=(*_domain(GOOD, "db01").persistent, again))
    assert ("domain.one-lan", "db01") in notes(facts)
    assert ("domain.one-lan", "db01") not in notes(GOOD)


def _domain(facts: Facts, name: str) -> Domain:
    return next(domain for domain in facts.domains if domain.name == name)


def test_an_address_that_nobody_knows_is_a_note() -> None:
    assert ("domain.address", "all") in notes(GOOD)
    known = GuestAddress(mac=samples.WEB_MAC, interface=samples.ADDRESS, origin="agent")
    assert ("domain.address", "all") not in notes(replace(GOOD, guest_addresses=(known,)))
    assert ("domain.address", "all") in notes(replace(GOOD, guest_addresses=(replace(known, origin="lease"),)))


def test_names_are_quoted() -> None:
    interface = Interface(mac=samples.DB_MAC, source=Source(type="bridge", bridge="em1"), document="<interface/>")
    odd = Domain(
        name="-odd name", uuid="00000000-0000-4000-8000-000000000299", state=DomainState.SHUT_OFF, stored=True,
        persistent=(interface,),
    )  # fmt: skip
    found = trouble(replace(GOOD, domains=(odd,)), "domain.source-bridge", f"-odd name {samples.DB_MAC}")
    assert found.fix == (f"sudo vmnet attach-domain --mac {samples.DB_MAC} --bridge br0 --yes -- '-odd name'",)
