"""What documents ask of a tap as a port of its bridge: VLANs, isolation."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.documents.text import Element, attribute, parse_document
from vmnet.lines import number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PortWish:
    """`vlans` are the wanted ones, () where none are spoken of; `untagged` is the one that the guest knows nothing of;
    `isolated`: no frames to and from other isolated ports."""

    vlans: tuple[int, ...] = ()
    untagged: int | None = None
    isolated: bool = False


def parse_port(interface_xml: str, network_xml: str | None = None) -> PortWish:
    """Return what an `<interface>` document asks for; what it is silent on, its portgroup or network says.

    Args:
        interface_xml: the running one.
        network_xml: the document of its libvirt network.

    Raises:
        HypervisorError: one is not well-formed.
    """
    interface = parse_document(interface_xml)
    places = [interface]
    if network_xml is not None:
        network = parse_document(network_xml)
        places += [*_portgroups(network, attribute(interface, "source", "portgroup")), network]
    vlan = next((found for place in places if (found := place.find("vlan")) is not None), None)
    isolated = next((value for place in places if (value := attribute(place, "port", "isolated"))), "no")
    elements = [] if vlan is None else vlan.findall("tag")
    tags = [(number_of(tag.get("id", "0")) or 0, tag.get("nativeMode")) for tag in elements]
    trunk = vlan is not None and (vlan.get("trunk") == "yes" or len(tags) > 1)
    native = [number for number, mode in tags if mode is not None or not trunk]
    return PortWish(
        vlans=tuple(sorted(number for number, _ in tags)),
        untagged=native[0] if native else None,
        isolated=isolated == "yes",
    )


def _portgroups(network: Element, name: str | None) -> list[Element]:
    groups = network.findall("portgroup")
    return [group for group in groups if (group.get("name") == name if name else group.get("default") == "yes")]
