"""An interface's document: what is read from it, and that a change of its source changes nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from lxml import etree

from tests.documents.canonical import canonical
from tests.documents.strategies import DIRECT, OLD, OLD_BRIDGE, USER, WANTED, interfaces, sources
from vmnet.documents.interfaces import (
    new_interface,
    parse_interface,
    parse_source,
    states_link_up,
    with_link_state,
    with_source,
)
from vmnet.documents.text import parse_document
from vmnet.facts import Interface, Source
from vmnet.names import Mac

RUNNING = """<interface type='bridge'>
  <mac address='00:00:5E:00:53:01'/>
  <source network='default' portgroup='a' portid='00000000-0000-4000-8000-0000000000aa' bridge='virbr0'/>
  <target dev='vnet3'/>
  <model type='virtio'/>
  <filterref filter='clean-traffic'><parameter name='IP' value='192.0.2.9'/></filterref>
  <link state='down'/>
  <alias name='net0'/>
  <address type='pci' domain='0x0000' bus='0x01' slot='0x1f' function='0x2'/>
</interface>"""


def parsed(xml: str) -> Interface:
    return parse_interface(parse_document(xml))


def test_a_running_interface_keeps_its_network() -> None:
    seen = parsed(RUNNING)
    assert seen.source == Source(type="network", network="default", portgroup="a")
    assert (seen.mac, seen.target, seen.alias) == (Mac("00:00:5e:00:53:01"), "vnet3", "net0")
    assert (seen.address, seen.link_up, seen.actual_type) == ("0000:01:1f.2", False, "bridge")
    assert (seen.filter, seen.filter_address) == ("clean-traffic", "192.0.2.9")


def test_a_bridge_counts_only_without_a_network() -> None:
    assert parsed("<interface type='bridge'><source bridge='virbr0'/></interface>").source == OLD_BRIDGE


def test_other_types_keep_their_attributes() -> None:
    seen = parsed("<interface type='direct'><source mode='bridge' dev='em1'/></interface>")
    assert seen.source == DIRECT
    assert seen.mac is None


def test_another_kind_of_guest_address() -> None:
    seen = parsed("<interface type='user'><address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></interface>")
    assert seen.address == "ccw cssid=0xfe devno=0x0001 ssid=0x0"


@pytest.mark.parametrize("source", [OLD, OLD_BRIDGE, DIRECT, USER, WANTED])
def test_all_attributes_of_the_old_source_go(source: Source) -> None:
    element = etree.fromstring(with_source(RUNNING, source))
    assert parse_source(element) == source
    assert element.get("type") == source.type
    assert not element.xpath("source/@portid")
    assert element.findtext("filterref") is not None


@given(interfaces())
def test_only_type_and_source_change(xml: str) -> None:
    before, after = etree.fromstring(xml), etree.fromstring(with_source(xml, WANTED))
    for element in (before, after):
        del element.attrib["type"]
        for source in element.findall("source"):
            element.remove(source)
    assert [etree.tostring(e, with_tail=False) for e in before] == [etree.tostring(e, with_tail=False) for e in after]


@given(interfaces(), sources)
def test_there_and_back_is_the_original(xml: str, source: Source) -> None:
    was = parsed(xml).source
    there = with_source(xml, source)
    assert canonical(with_source(there, was)) == canonical(xml)
    assert with_source(there, source) == there


@given(interfaces())
def test_a_link_goes_down_and_up_again(xml: str) -> None:
    down = with_link_state(xml, "down")
    assert not parsed(down).link_up
    assert parsed(with_link_state(down, None)).link_up
    assert states_link_up(with_link_state(down, "up"))
    assert parsed(with_link_state(down, None)).source == parsed(xml).source


def test_a_new_interface_is_virtio() -> None:
    seen = parsed(new_interface(Mac("00:00:5e:00:53:07"), WANTED))
    assert (seen.mac, seen.source, seen.model) == (Mac("00:00:5e:00:53:07"), WANTED, "virtio")


def test_a_passed_through_device_becomes_an_interface_of_its_own() -> None:
    at = "<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x1'/>"
    own = "<boot order='1'/><address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>"
    device = f"<mac address='00:00:5e:00:53:01'/><source>{at}</source><driver name='vfio'/>{own}"
    moved = with_source(f"<interface type='hostdev' managed='yes'>{device}</interface>", WANTED)
    wanted = f"<mac address='00:00:5e:00:53:01'/><source network='host-bridge'/>{own}<model type='virtio'/>"
    assert canonical(moved) == canonical(f"<interface type='network'>{wanted}</interface>")
