"""Domain, saved and snapshot documents: every embedded copy is read and rewritten, and nothing else."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from lxml import etree

from tests.documents.canonical import canonical
from tests.documents.strategies import GROUP, OLD, OLD_BRIDGE, WANTED, documents
from vmnet.documents.domains import agent_connected, find_interface, parse_domain_interfaces, rewrite_sources
from vmnet.errors import Conflict, HypervisorError
from vmnet.facts import Source
from vmnet.names import Mac

CASES = Path(__file__).parent / "cases"
WEB = Mac("52:54:00:00:53:01")


def all_macs(xml: str) -> set[Mac]:
    return {interface.mac for interface in parse_domain_interfaces(xml) if interface.mac}


def lines(xml: str) -> list[str]:
    return canonical(xml).replace("><", ">\n<").split("\n")


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.xml") if ".moved" not in path.name))
def test_golden(name: str, regenerate: bool) -> None:
    xml = (CASES / f"{name}.xml").read_text()
    moved = rewrite_sources(xml, all_macs(xml), OLD, WANTED)
    golden = CASES / f"{name}.moved.xml"
    if regenerate:
        golden.write_text(moved + "\n")
    assert canonical(moved) == canonical(golden.read_text())
    changed = [x for x in difflib.unified_diff(lines(xml), lines(moved), n=0, lineterm="") if x[0] in "+-"]
    assert all("<source " in x or "<interface " in x or x.startswith(("+++", "---")) for x in changed)


@given(documents)
def test_only_sources_change(xml: str) -> None:
    moved = rewrite_sources(xml, all_macs(xml), OLD, WANTED)
    before, after = parse_domain_interfaces(xml), parse_domain_interfaces(moved)
    assert [i.source for i in after] == [WANTED if i.source == OLD else i.source for i in before]
    changed = [x for x in difflib.unified_diff(lines(xml), lines(moved), n=0, lineterm="") if x[0] in "+-"]
    assert all("<source " in x or "<interface " in x or x.startswith(("+++", "---")) for x in changed)


@given(documents)
def test_twice_is_once(xml: str) -> None:
    once = rewrite_sources(xml, all_macs(xml), OLD, WANTED)
    assert rewrite_sources(once, all_macs(xml), OLD, WANTED) == once


@given(documents)
def test_undo_gives_the_original(xml: str) -> None:
    for was in (OLD, OLD_BRIDGE, GROUP):
        there = rewrite_sources(xml, all_macs(xml), was, WANTED)
        assert canonical(rewrite_sources(there, all_macs(xml), WANTED, was)) == canonical(xml)


@given(documents)
def test_other_macs_stay(xml: str) -> None:
    assert canonical(rewrite_sources(xml, set(), OLD, WANTED)) == canonical(xml)


def domain(*interfaces: str) -> str:
    return f"<domain><devices>{''.join(interfaces)}</devices></domain>"


def nic(slot: int, mac: str = WEB) -> str:
    address = f"<address type='pci' domain='0x0' bus='0x0' slot='0x{slot:x}' function='0x0'/>"
    return f"<interface type='network'><mac address='{mac}'/><source network='default'/>{address}</interface>"


def test_one_mac_twice_is_told_apart_by_the_guest_address() -> None:
    found = find_interface(domain(nic(3), nic(4)), WEB, "0000:00:04.0")
    assert found is not None
    assert found.address == "0000:00:04.0"


def test_one_mac_twice_without_address_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="2 interfaces"):
        find_interface(domain(nic(3), nic(4)), WEB, None)


def test_no_such_interface() -> None:
    assert find_interface(domain(nic(3)), Mac("52:54:00:00:53:99"), None) is None
    assert find_interface(domain(nic(3)), WEB, "0000:00:09.0") is None


def test_a_broken_document_says_so() -> None:
    with pytest.raises(HypervisorError, match="libvirt"):
        parse_domain_interfaces("<domain>")


def test_entities_are_not_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    xml = f"<!DOCTYPE domain [<!ENTITY x SYSTEM 'file://{secret}'>]><domain><name>&x;</name><devices/></domain>"
    with pytest.raises(HypervisorError, match="DTD"):
        rewrite_sources(xml, set(), OLD, WANTED)


def test_metadata_that_looks_like_an_interface_is_left() -> None:
    decoy = "<metadata><devices>" + nic(3) + "</devices></metadata>"
    xml = f"<domain>{decoy}<devices>{nic(4)}</devices></domain>"
    moved = etree.fromstring(rewrite_sources(xml, {WEB}, OLD, WANTED))
    assert moved.xpath("metadata//source/@network") == ["default"]
    assert moved.xpath("devices/interface/source/@network") == ["host-bridge"]


@pytest.mark.parametrize(("state", "there"), [("connected", True), ("disconnected", False)])
def test_agent(state: str, there: bool) -> None:
    target = f"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='{state}'/></channel>"
    assert agent_connected(domain(target)) is there


def test_sources_of_all_copies() -> None:
    xml = f"<domainsnapshot><name>s</name>{domain(nic(3))}<inactiveDomain>{domain(nic(3))[8:-9]}</inactiveDomain>"
    found = parse_domain_interfaces(xml + "</domainsnapshot>")
    assert [interface.source for interface in found] == [Source(type="network", network="default")] * 2
