"""libvirt's domain documents (running, persistent, saved, snapshot) <-> records, through lxml."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from vmnet.documents.interfaces import parse_interface, parse_source, pci_address, set_source
from vmnet.documents.text import Element, parse_document
from vmnet.errors import Conflict
from vmnet.facts import Interface, Source
from vmnet.names import Mac

_AGENT_CHANNEL = "org.qemu.guest_agent.0"
_PASSED_THROUGH = ("devices/hostdev[@type='pci']/source/address", "devices/interface[@type='hostdev']/source/address")


def embedded_domains(root: Element) -> Iterator[Element]:
    """Yield every domain document in `root`: itself, or the one or two that a snapshot embeds.

    A snapshot of a running domain holds the stored document as well (`<inactiveDomain>`), and a revert takes both.
    """
    if root.tag == "domain":
        yield root
        return
    yield from root.iterfind("domain")
    yield from root.iterfind("inactiveDomain")


def parse_domain_interfaces(xml: str) -> tuple[Interface, ...]:
    """Return the interfaces of a domain's or snapshot's document, in its order, those of all embedded documents."""
    root = parse_document(xml)
    return tuple(parse_interface(element) for element in _interfaces(root))


def _interfaces(root: Element) -> Iterator[Element]:
    for domain in embedded_domains(root):
        yield from domain.iterfind("devices/interface")


def parse_host_devices(xml: str) -> tuple[str, ...]:
    """Return the PCI addresses ("0000:01:00.0") of the host's devices that a domain's document passes through."""
    # Nearly every document: with a thousand domains, parsing each once more for this is felt.
    if "hostdev" not in xml:
        return ()
    root = parse_document(xml)
    elements = (e for domain in embedded_domains(root) for path in _PASSED_THROUGH for e in domain.iterfind(path))
    return tuple(sorted({address for element in elements if (address := pci_address(element))}))


def agent_connected(xml: str) -> bool:
    """Return whether a running domain's document says that its guest agent is connected."""
    if _AGENT_CHANNEL not in xml:
        return False
    root = parse_document(xml)
    targets = root.iterfind("devices/channel/target")
    return any(t.get("name") == _AGENT_CHANNEL and t.get("state") == "connected" for t in targets)


def find_interface(xml: str, mac: Mac, address: str | None) -> Interface | None:
    """Return the interface with this MAC and guest address; None when there is none.

    The address tells two interfaces with one MAC apart; without one the MAC alone has to do.

    Raises:
        Conflict: several fit.
    """
    return pick_interface(parse_domain_interfaces(xml), mac, address)


def pick_interface(interfaces: Iterable[Interface], mac: Mac, address: str | None) -> Interface | None:
    """As `find_interface`, of a document that was parsed before."""
    same_mac = (interface for interface in interfaces if interface.mac == mac)
    fits = [interface for interface in same_mac if address is None or interface.address in (address, None)]
    if len(fits) > 1:
        raise Conflict(
            f"{len(fits)} interfaces have the MAC {mac}",
            "give each its own MAC, or wait until nobody else changes the domain, and run vmnet again",
        )
    return fits[0] if fits else None


def rewrite_sources(xml: str, macs: Collection[Mac], was: Source, wanted: Source) -> str:
    """Return a domain's, saved image's or snapshot's document with interfaces moved from `was` to `wanted`.

    All embedded copies are gone through; an interface changes where its MAC is in `macs` and its source is `was`.
    Everything else comes out as it went in.
    """
    from lxml import etree

    root = parse_document(xml)
    for element in _interfaces(root):
        mac = element.find("mac")
        if mac is not None and mac.get("address", "").lower() in macs and parse_source(element) == was:
            set_source(element, wanted)
    return etree.tostring(root, encoding="unicode")
