"""What stands on the bridge and below it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests import facts_samples as samples
from vmnet.checks.registry import DIAGNOSED
from vmnet.checks.rules import ports
from vmnet.documents.ports import PortWish, parse_port
from vmnet.facts import DomainState, Fabric, Heard, PortFlags, PortVlans

if TYPE_CHECKING:
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts

CHECKS = [check for check in DIAGNOSED if check.look.__module__ == ports.__name__]
GOOD = samples.end_state()
WEB = f"web01 {samples.WEB_MAC}"


def findings(facts: Facts, *, notes: bool = False) -> list[Finding]:
    return [found for check in CHECKS for found in check(samples.goal(), facts) if notes or not found.ok]


def with_web(document: str, facts: Facts = GOOD, **values: Any) -> Facts:
    web = replace(samples.interface(samples.WEB_MAC, "host-bridge", target="vnet0", **values), document=document)
    return samples.with_domain(facts, "web01", running=(web,))


def test_a_host_that_is_well() -> None:
    assert findings(replace(GOOD, fabric=Fabric()), notes=True) == []
    assert findings(GOOD, notes=True) == []


def test_a_vlan_on_a_port_of_the_bond() -> None:
    profile = samples.profile("em1.7", "vlan", {"vlan.parent": "em1"})
    device = samples.link("em1.7", 30, kind="vlan", parent="em1")
    facts = replace(GOOD, links=(*GOOD.links, device), profiles=(*GOOD.profiles, profile))
    (found,) = findings(facts)
    assert (found.rule, found.seen, found.wanted) == ("nic.vlan-on-port", "on em1, a port of bond0", "on br0")
    assert found.hint
    known = replace(facts, devices=(*facts.devices, replace(facts.devices[0], ifname="em1.7", profile=profile.uuid)))
    assert findings(known)[0].fix == (
        f"sudo nmcli connection modify uuid {profile.uuid} vlan.parent br0",
        f"sudo nmcli connection down uuid {profile.uuid} && sudo nmcli connection up uuid {profile.uuid}",
    )
    assert findings(samples.with_link(facts, "em1.7", parent="bond0")) == []
    # The one that the goal knows is bridge.vlan's.
    assert findings(samples.with_link(GOOD, "em1.5", parent="em1")) == []


TAGGED = "<interface><vlan><tag id='7'/></vlan></interface>"


def filtering(*vlans: PortVlans, document: str = "<interface/>") -> Facts:
    state = next(link.bridge for link in GOOD.links if link.ifname == "br0")
    assert state is not None
    facts = samples.with_link(with_web(document), "br0", bridge=replace(state, vlan_filtering=True))
    return replace(facts, fabric=Fabric(vlans=vlans))


def test_a_tap_with_other_vlans_than_its_documents() -> None:
    one = PortVlans(port="vnet0", vlans=(1,), untagged=1)
    (found,) = findings(filtering(one, document=TAGGED))
    assert (found.rule, found.subject) == ("bridge.tap-vlans", WEB)
    assert (found.wanted, found.seen) == ("VLANs 7, untagged 7", "VLANs 1, untagged 1")
    assert found.fix == (
        "sudo bridge vlan del dev vnet0 vid 1",
        "sudo bridge vlan add dev vnet0 vid 7 pvid untagged",
    )
    assert findings(filtering(PortVlans(port="vnet0", vlans=(7,), untagged=7), document=TAGGED)) == []
    assert findings(filtering(document=TAGGED)) == []
    assert findings(replace(filtering(one, document=TAGGED), links=GOOD.links)) == []


def test_a_tap_without_a_vlan_that_leads_out() -> None:
    tap = PortVlans(port="vnet0", vlans=(1,), untagged=1)
    (found,) = findings(filtering(tap, PortVlans(port="bond0", vlans=(10, 20))))
    assert (found.wanted, found.fix) == ("a VLAN of the uplink on vnet0: 10, 20", ())
    assert findings(filtering(tap, PortVlans(port="bond0", vlans=(1, 20)))) == []
    (bare,) = findings(filtering(PortVlans(port="bond0", vlans=(1,))))
    assert bare.seen == "VLANs none, untagged none"


@pytest.mark.parametrize(
    ("interface", "network", "wanted"),
    [
        ("<interface/>", None, PortWish()),
        ("<interface><vlan><tag id='5'/></vlan></interface>", None, PortWish(vlans=(5,), untagged=5)),
        (
            "<interface><vlan trunk='yes'><tag id='9'/><tag id='5' nativeMode='untagged'/></vlan></interface>",
            None,
            PortWish(vlans=(5, 9), untagged=5),
        ),
        ("<interface><vlan trunk='yes'><tag id='5'/></vlan></interface>", None, PortWish(vlans=(5,))),
        ("<interface/>", "<network><vlan><tag id='6'/></vlan></network>", PortWish(vlans=(6,), untagged=6)),
        (
            "<interface><source network='n' portgroup='b'/><port isolated='no'/></interface>",
            (
                "<network><port isolated='yes'/><portgroup name='a' default='yes'><vlan><tag id='1'/></vlan>"
                "</portgroup><portgroup name='b'><vlan><tag id='2'/></vlan></portgroup></network>"
            ),
            PortWish(vlans=(2,), untagged=2),
        ),
        (
            "<interface/>",
            (
                "<network><port isolated='yes'/><portgroup name='a' default='yes'><vlan><tag id='1'/></vlan>"
                "</portgroup></network>"
            ),
            PortWish(vlans=(1,), untagged=1, isolated=True),
        ),
    ],
)
def test_what_documents_ask_of_a_port(interface: str, network: str | None, wanted: PortWish) -> None:
    assert parse_port(interface, network) == wanted


def test_isolation_is_as_the_document_has_it() -> None:
    isolated = Fabric(flags=(PortFlags(port="vnet0", on=("isolated",)),))
    (found,) = findings(replace(GOOD, fabric=isolated))
    assert (found.rule, found.subject, found.seen) == ("bridge.port-isolation", WEB, "vnet0 isolated")
    assert found.fix == ("sudo bridge link set dev vnet0 isolated off",)
    asked = with_web("<interface><port isolated='yes'/></interface>")
    assert findings(replace(asked, fabric=isolated)) == []
    (lost,) = findings(replace(asked, fabric=Fabric()))
    assert lost.fix == ("sudo bridge link set dev vnet0 isolated on",)
    assert findings(asked) == []


def test_flags_of_the_uplink() -> None:
    facts = replace(GOOD, fabric=Fabric(flags=(PortFlags(port="bond0", on=("isolated", "hairpin")),)))
    assert [(found.rule, found.fix) for found in findings(facts)] == [
        ("bridge.port-isolation", ("sudo bridge link set dev bond0 isolated off",)),
        ("bridge.hairpin-uplink", ("sudo bridge link set dev bond0 hairpin off",)),
    ]


def test_a_mac_that_comes_from_the_lan() -> None:
    (found,) = findings(replace(GOOD, fabric=Fabric(heard=(Heard(mac=samples.WEB_MAC, port="bond0"),))))
    assert (found.rule, found.subject) == ("domain.mac-on-lan", WEB)
    assert found.seen == f"{samples.WEB_MAC} came in over bond0"
    for port, mac, own in (
        ("vnet0", samples.WEB_MAC, False),
        ("bond0", samples.DB_MAC, False),
        ("bond0", samples.WEB_MAC, True),
    ):
        assert findings(replace(GOOD, fabric=Fabric(heard=(Heard(mac=mac, port=port, own=own),)))) == []


def test_a_mac_of_two_domains() -> None:
    twin = samples.interface(samples.WEB_MAC, "host-bridge", target="vnet1")
    defined = samples.with_domain(GOOD, "db01", persistent=(twin,))
    assert findings(defined) == []
    (note,) = findings(defined, notes=True)
    assert (note.rule, note.seen) == ("domain.mac-twice", "db01, web01 have this MAC")
    tap = samples.link("vnet1", 31, kind="tun", controller="br0")
    both = samples.with_domain(
        replace(defined, links=(*GOOD.links, tap)), "db01", running=(twin,), state=DomainState.RUNNING
    )
    assert [found.seen for found in findings(both)] == ["db01, web01 have this MAC, and run on br0"]
    apart = samples.with_link(both, "vnet1", controller="virbr0")
    assert findings(apart) == []


def test_domains_on_a_nic_directly_are_a_note() -> None:
    facts = with_web("<interface/>", actual_type="direct")
    (note,) = findings(facts, notes=True)
    assert (note.rule, note.ok) == ("domain.direct", True)
    assert "web01" in note.seen


def test_a_host_that_is_a_virtual_machine_itself_is_a_note() -> None:
    facts = replace(GOOD, fabric=Fabric(virtualisation="vmware"))
    (note,) = findings(facts, notes=True)
    assert (note.rule, note.ok, note.seen) == ("nic.one-mac", True, "this host is a virtual machine (vmware)")
    assert findings(samples.with_link(facts, "bond0", controller=None), notes=True) == []


def test_virtual_functions_that_guests_use_beside_the_bridge() -> None:
    functions = (("em1", ("0000:01:10.0", "0000:01:10.1")),)
    facts = replace(GOOD, fabric=Fabric(virtual_functions=functions))
    assert findings(facts) == []
    used = samples.with_domain(facts, "db01", state=DomainState.RUNNING, host_devices=("0000:01:10.1",))
    (found,) = findings(used)
    assert (found.rule, found.subject) == ("nic.sriov-uplink", "em1")
    assert found.fix == (f"sudo bridge fdb add {samples.WEB_MAC} dev em1 self",)
    known = Fabric(virtual_functions=functions, heard=(Heard(mac=samples.WEB_MAC, port="em1", own=True),))
    assert findings(replace(used, fabric=known)) == []
    assert findings(samples.with_domain(used, "db01", state=DomainState.SHUT_OFF)) == []


def test_guests_of_a_hypervisor_elsewhere_have_no_taps_here() -> None:
    facts = replace(GOOD, fabric=Fabric(heard=(Heard(mac=samples.WEB_MAC, port="bond0"),)), hypervisor_elsewhere=True)
    assert findings(facts) == []
