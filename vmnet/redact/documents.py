"""The elements and attributes of libvirt's documents that hold no secret. All others are removed."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.documents.text import Element, parse_document, print_document
from vmnet.errors import HypervisorError
from vmnet.redact.words import REMOVED, is_secret_name

_ROOTS = ("domain", "network", "interface", "domainsnapshot")
_INTERFACE = (
    "mac source target model driver virtualport filterref bandwidth alias address link mtu coalesce vlan rom boot "
    "guest ip route backend teaming port tune acpi"
)
_NETWORK = "forward bridge mac ip route portgroup domain dns mtu vlan virtualport bandwidth port"
_CHILDREN = {
    "domain": "name uuid memory currentMemory vcpu os devices on_poweroff on_reboot on_crash",
    "os": "type boot bootmenu",
    "devices": "emulator interface hostdev controller channel graphics",
    "graphics": "listen",
    "hostdev": "source address driver alias",
    "controller": "address alias model",
    "channel": "source target address alias",
    "interface": _INTERFACE,
    "source": "address",
    "driver": "host guest",
    "virtualport": "parameters",
    "filterref": "parameter",
    "bandwidth": "inbound outbound",
    "vlan": "tag",
    "guest": "",
    "coalesce": "rx",
    "rx": "frames",
    "domainsnapshot": "name state creationTime parent domain inactiveDomain",
    "inactiveDomain": "name uuid memory currentMemory vcpu os devices",
    "parent": "name",
    "network": f"name uuid {_NETWORK}",
    "forward": "nat interface address pf driver",
    "nat": "port address",
    "ip": "dhcp",
    "dhcp": "range host",
    "range": "lease",
    "dns": "host forwarder",
    "portgroup": "virtualport vlan bandwidth",
    "host": "hostname",
}
_TEXT = "name uuid memory currentMemory vcpu type emulator on_poweroff on_reboot on_crash state creationTime hostname"
_HARMLESS = """
    address addr arch ats autoport average bridge burst bus cancel_active chain chassis controller cssid current delay
    dev domain driver enable end event_idx expiry fabric family fid floor forwardPlainNames function gateway generation
    gso hard hotplug id index instanceid interfaceid ioeventfd iommu ip isolated listen localOnly localPtr mac
    macTableManager machine managed managerid max metric mode model multifunction name nativeMode netmask network
    nvram peak persistent placement port portgroup portid prefix profileid queues reg rx_queue_size size slot ssid
    start startupPolicy state stp target trunk trustGuestRxFilters tso4 tso6 tx_queue_size txmode type typeid
    typeidversion ufo uid unit uuid value wireFilter zPCI zone zpci
"""
_WITH_TEXT, _ATTRIBUTES = frozenset(_TEXT.split()), frozenset(_HARMLESS.split())


def document_without_secrets(xml: str) -> str:
    """Return a document with only what is known to be harmless. A comment at its end names what was removed.

    A text that is no document of a known kind is removed whole.
    """
    try:
        root = parse_document(xml)
    except (HypervisorError, ValueError):
        return REMOVED
    if root.tag not in _ROOTS:
        return REMOVED
    removed = sorted(set(_cleanse(root)))
    text = print_document(root)
    return f"{text}<!-- removed: {', '.join(removed)} -->" if removed else text


def _cleanse(element: Element) -> Iterator[str]:
    """Remove what is not known to be harmless from the element, and yield the names of what was."""
    tag = _plain(element.tag)
    for name in [name for name in element.attrib if name not in _ATTRIBUTES]:
        yield f"{tag}/@{_plain(name)}"
        del element.attrib[name]
    if tag not in _WITH_TEXT and (element.text or "").strip():
        element.text = None
    kept = _CHILDREN.get(tag, "").split()
    for child in list(element):
        # What follows an element is no part of it, and white space wherever libvirt writes.
        child.tail = None if (child.tail or "").strip() else child.tail
        if child.tag in kept:
            yield from _cleanse(child)
            continue
        if isinstance(child.tag, str):
            yield f"{tag}/{_plain(child.tag)}"
        element.remove(child)


def _plain(name: object) -> str:
    """Return a name without its namespace, as it may stand in a comment."""
    return str(name).rpartition("}")[2].replace("--", "-")


def secrets_of_document(xml: str) -> Iterator[str]:
    """Yield the secrets of a document: the values of elements and attributes with a secret's name."""
    try:
        root = parse_document(xml)
    except (HypervisorError, ValueError):
        return
    for element in root.iter("*"):
        if is_secret_name(_plain(element.tag)) and element.text:
            yield element.text.strip()
        yield from (str(value) for name, value in element.attrib.items() if is_secret_name(_plain(name)))
