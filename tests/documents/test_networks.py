"""Network documents: filled from xml/host-bridge.xml, compared by what they do."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.documents.canonical import canonical
from vmnet.documents.networks import network_document, parse_network, same_network

UUID = "00000000-0000-4000-8000-000000000001"
WANTED = network_document("host-bridge", "br0", UUID)
NAT = "<network><name>host-bridge</name><forward/><bridge name='virbr7'/><ip address='192.0.2.1'/></network>"


def test_the_document_is_the_template_filled_in() -> None:
    assert canonical(WANTED) == (
        f"<network><name>host-bridge</name><uuid>{UUID}</uuid>"
        '<forward mode="bridge"></forward><bridge name="br0"></bridge></network>'
    )


def test_names_with_markup_are_text() -> None:
    root = etree.fromstring(network_document("a<b>&'\"", "br0", UUID))
    assert root.findtext("name") == "a<b>&'\""


def test_portgroups_and_metadata_are_taken_over() -> None:
    was = WANTED.replace(
        "</network>", "<portgroup name='a'/><metadata><x:y xmlns:x='https://x.example'/></metadata></network>"
    )
    document = network_document("host-bridge", "br9", UUID, was=was)
    root = etree.fromstring(document)
    assert root.xpath("portgroup/@name") == ["a"]
    assert root.find("metadata") is not None
    assert root.xpath("bridge/@name") == ["br9"]


@pytest.mark.parametrize(
    ("seen", "same"),
    [
        (WANTED, True),
        (WANTED.replace("</network>", "<portgroup name='a'/></network>"), True),
        (WANTED.replace(UUID, "00000000-0000-4000-8000-000000000002"), True),
        (WANTED.replace("br0", "br1"), False),
        (WANTED.replace('mode="bridge"', 'mode="route"'), False),
        (WANTED.replace("</network>", "<virtualport type='openvswitch'/></network>"), False),
        (NAT, False),
    ],
)
def test_same_network(seen: str, same: bool) -> None:
    assert same_network(seen, WANTED) is same


def test_an_active_network_is_read_as_it_runs() -> None:
    seen = parse_network(
        WANTED, active=True, persistent=True, autostart=False, running_xml=WANTED.replace("br0", "br1")
    )
    assert (seen.bridge, seen.uuid, seen.document) == ("br1", UUID, WANTED)


def test_forward_without_a_mode_is_nat() -> None:
    assert parse_network(NAT, active=False, persistent=True, autostart=True).forward_mode == "nat"
