"""`<interface>` documents <-> records: what they are plugged into, their link, their making."""

from __future__ import annotations

import re
from functools import lru_cache

from vmnet.documents.text import Element, attribute, parse_document, print_document, read_template
from vmnet.facts import Interface, Source
from vmnet.lines import number_of
from vmnet.names import Mac

_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,8}")
HOSTDEV = "hostdev"
"""The type of an interface that is a device of the host, passed through."""


def parse_source(interface: Element) -> Source:
    """Return what an `<interface>` element is plugged into.

    `source/@network` counts before `@type`: a running document says type="bridge" for an interface on a network
    with a bridge, and taking that at its word would lose the network.
    """
    element = interface.find("source")
    attributes = () if element is None else ((str(key), str(value)) for key, value in element.attrib.items())
    return _source(interface.get("type", ""), tuple(sorted(attributes)))


@lru_cache(maxsize=256)
def _source(kind: str, attributes: tuple[tuple[str, str], ...]) -> Source:
    """One record for all interfaces that are plugged into the same: of thousands, nearly all are."""
    known = dict(attributes)
    if "network" in known:
        return Source(type="network", network=known["network"], portgroup=known.get("portgroup"))
    if kind == "bridge":
        return Source(type="bridge", bridge=known.get("bridge"))
    return Source(type=kind, attributes=attributes)


def set_source(interface: Element, source: Source) -> None:
    """Plug an `<interface>` element into `source`: its type and its `<source>` change, and nothing else.

    All attributes of the old source go, `portid` and `bridge` of a running document with them. Of a passed-through
    device (hostdev) what says which, and how it is driven, goes too; libvirt would make an rtl8139 of it, so that it
    gets a model.
    """
    from lxml import etree

    wanted = {"network": source.network, "portgroup": source.portgroup, "bridge": source.bridge}
    attributes = {key: value for key, value in wanted.items() if value is not None} | dict(source.attributes)
    if interface.get("type") == HOSTDEV != source.type:
        _let_go_of_device(interface)
    interface.set("type", source.type)
    element = interface.find("source")
    if element is None:
        if attributes:
            _insert_after_mac(interface, etree.Element("source", attributes))
        return
    if not attributes and not len(element):
        _remove(element)
        return
    element.attrib.clear()
    for key, value in attributes.items():
        element.set(key, value)


def _let_go_of_device(interface: Element) -> None:
    from lxml import etree

    for element in interface.xpath("source/* | driver[@name='vfio' or @name='kvm']"):
        _remove(element)
    interface.attrib.pop("managed", None)
    if interface.find("model") is None:
        etree.SubElement(interface, "model", {"type": "virtio"})


def _insert_after_mac(interface: Element, element: Element) -> None:
    mac = interface.find("mac")
    if mac is None:
        interface.insert(0, element)
        return
    element.tail = mac.tail
    interface.insert(interface.index(mac) + 1, element)


def _remove(element: Element) -> None:
    """Take an element out; the white space after it goes too, for `_insert_after_mac` brings it."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def with_source(interface_xml: str, source: Source) -> str:
    """Return an `<interface>` document plugged into `source`, all else as it is."""
    interface = parse_document(interface_xml)
    set_source(interface, source)
    return print_document(interface)


def with_link_state(interface_xml: str, state: str | None) -> str:
    """Return an `<interface>` document whose link is "up" or "down", or (None) not spoken of."""
    from lxml import etree

    interface = parse_document(interface_xml)
    link = interface.find("link")
    if state is None:
        if link is not None:
            _remove(link)
    elif link is not None:
        link.set("state", state)
    else:
        etree.SubElement(interface, "link", {"state": state})
    return print_document(interface)


def with_filter(interface_xml: str, like: str | None) -> str:
    """Return an `<interface>` document with the filter of another one, in its place; None: without any."""
    from lxml import etree

    interface = parse_document(interface_xml)
    own = interface.find("filterref")
    theirs = None if like is None else parse_document(like).find("filterref")
    if own is not None:
        _remove(own)
    if theirs is not None:
        interface.append(etree.fromstring(etree.tostring(theirs, with_tail=False)))
    return print_document(interface)


def parse_interface(interface: Element) -> Interface:
    """Return the record of an `<interface>` element."""
    children: dict[object, Element] = {}
    for child in interface:
        children.setdefault(child.tag, child)

    def of(tag: str, name: str) -> str | None:
        child = children.get(tag)
        return None if child is None else child.get(name)

    mac = of("mac", "address")
    return Interface(
        mac=Mac(mac.lower()) if mac else None,
        source=parse_source(interface),
        document=print_document(interface),
        target=of("target", "dev"),
        model=of("model", "type"),
        alias=of("alias", "name"),
        address=_address(children.get("address")),
        filter=of("filterref", "filter"),
        link_up=of("link", "state") != "down",
        actual_type=interface.get("type", ""),
        filter_address=_filter_address(interface),
        virtualport=of("virtualport", "type"),
    )


def tags_vlan(interface_xml: str) -> bool:
    """Return whether the document gives the interface a VLAN tag."""
    return parse_document(interface_xml).find("vlan") is not None


def states_link_up(interface_xml: str) -> bool:
    """Return whether the document says `<link state='up'/>` rather than nothing, which means the same."""
    return attribute(parse_document(interface_xml), "link", "state") == "up"


def pci_address(element: Element) -> str | None:
    """Return an `<address>` element's PCI address as lspci writes it, whatever the digits' padding; None of others."""
    parts = {str(key): str(value) for key, value in element.attrib.items()}
    if parts.get("type", "pci") != "pci" or not {"bus", "slot", "function"} <= set(parts):
        return None
    numbers = [_number(parts.get(key, "0")) for key in ("domain", "bus", "slot", "function")]
    if None in numbers:
        return None
    domain, bus, slot, function = numbers
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _number(text: str) -> int | None:
    """Return a number as libvirt writes it: 0x1f, or 31."""
    return int(text, 16) if _HEX.fullmatch(text) else number_of(text)


def _address(element: Element | None) -> str | None:
    """Return a guest address in one piece."""
    if element is None:
        return None
    pci = pci_address(element) if element.get("type") == "pci" else None
    if pci:
        return pci
    parts = sorted((str(key), str(value)) for key, value in element.attrib.items() if key != "type")
    return " ".join((element.get("type", ""), *(f"{key}={value}" for key, value in parts))) or None


def _filter_address(interface: Element) -> str | None:
    for parameter in interface.iterfind("filterref/parameter"):
        if parameter.get("name") in ("IP", "IPV6"):
            return parameter.get("value")
    return None


def new_interface(
    mac: Mac, source: Source, *, model: str = "virtio", queues: int | None = None, filter_name: str | None = None
) -> str:
    """Return the document of a new interface, from xml/interface.xml."""
    from lxml import etree

    interface = parse_document(read_template("interface.xml"))
    for tag, name, value in (("mac", "address", str(mac)), ("model", "type", model)):
        element = interface.find(tag)
        if element is not None:
            element.set(name, value)
    set_source(interface, source)
    if queues is not None:
        etree.SubElement(interface, "driver", {"queues": str(queues)})
    if filter_name is not None:
        etree.SubElement(interface, "filterref", {"filter": filter_name})
    return print_document(interface)
