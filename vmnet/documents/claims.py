"""Which of the host's NICs domains' and networks' documents ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.domains import embedded_domains
from vmnet.documents.interfaces import pci_address
from vmnet.documents.text import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_TAKEN = ("devices/hostdev[@type='pci']/source/address", "devices/interface[@type='hostdev']/source/address")


def parse_host_devices(xml: str) -> tuple[str, ...]:
    """Return the PCI addresses ("0000:01:00.0") of the host's devices that a domain's document passes through."""
    # Nearly every document: with a thousand domains, parsing each once more for this is felt.
    if "hostdev" not in xml:
        return ()
    root = parse_document(xml)
    elements = (e for domain in embedded_domains(root) for path in _TAKEN for e in domain.iterfind(path))
    return tuple(sorted({address for element in elements if (address := pci_address(element))}))


def parse_network_claims(xml: str) -> tuple[str, ...]:
    """Return what a network's document takes of the host: links by name, VFs by PCI address (formatnetwork.html).

    `<pf dev=…/>` is left out: the network hands out the virtual functions of that NIC and leaves the NIC itself alone.
    """
    forward = parse_document(xml).find("forward")
    return () if forward is None else tuple(dict.fromkeys(_forwarded(forward)))


def _forwarded(forward: _Element) -> Iterator[str]:
    yield from (dev for element in (forward, *forward.iterfind("interface")) if (dev := element.get("dev")))
    yield from (found for element in forward.iterfind("address") if (found := pci_address(element)))
