"""`<network>` documents <-> records."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import IPv4Interface, IPv4Network

from vmnet.documents.interfaces import pci_address
from vmnet.documents.text import Element, attribute, parse_document, print_document, read_template
from vmnet.facts import Network, Reservation
from vmnet.names import Mac

_KEPT = ("metadata", "title", "description", "portgroup")


def parse_network(
    xml: str, *, active: bool, persistent: bool, autostart: bool, running_xml: str | None = None
) -> Network:
    """Return the record of a network.

    Args:
        xml: its stored document, or the running one of a transient network.
        active: whether it is started.
        persistent: whether its document is stored.
        autostart: whether libvirt starts it by itself.
        running_xml: the document it runs with, where it is active.
    """
    root = parse_document(xml)
    seen = parse_document(running_xml) if running_xml else root
    return Network(
        name=root.findtext("name") or "",
        uuid=root.findtext("uuid") or "",
        active=active,
        persistent=persistent,
        autostart=autostart,
        forward_mode=_forward_mode(seen),
        bridge=attribute(seen, "bridge", "name"),
        document=xml,
    )


def parse_subnets(xml: str) -> tuple[IPv4Network, ...]:
    """Return the IPv4 subnets that a network's document gives it."""
    found = []
    for element in parse_document(xml).iterfind("ip"):
        mask = element.get("prefix") or element.get("netmask") or "32"
        if element.get("family", "ipv4") == "ipv4" and (subnet := _subnet(element.get("address", ""), mask)):
            found.append(subnet)
    return tuple(found)


def _subnet(address: str, mask: str) -> IPv4Network | None:
    try:
        return IPv4Interface(f"{address}/{mask}").network
    except ValueError:
        return None


def words_of(network: Network) -> tuple[str, ...]:
    """Return the words by which hooks and rules name a network that libvirt routes: its bridge, each subnet as rules
    have it, and how the subnet's addresses begin, where its prefix ends at a dot."""
    subnets = (word for subnet in parse_subnets(network.document) for word in _subnet_words(subnet))
    return (*((network.bridge,) if network.bridge else ()), *subnets)


def _subnet_words(subnet: IPv4Network) -> tuple[str, ...]:
    octets = str(subnet.network_address).split(".")
    whole = subnet.prefixlen // 8
    beginning = (".".join(octets[:whole]) + ".",) if subnet.prefixlen % 8 == 0 and whole in (2, 3) else ()
    return (str(subnet), *beginning)


def parse_reservations(xml: str) -> tuple[Reservation, ...]:
    """Return what a network's DHCP server keeps for MACs (`<ip><dhcp><host>`, formatnetwork.html); IPv6 hosts, which
    are known by other ids, are left out."""
    found = []
    for host in parse_document(xml).iterfind("ip/dhcp/host"):
        mac = host.get("mac")
        if mac:
            name, address = host.get("name", ""), host.get("ip", "")
            found.append(Reservation(mac=Mac(mac.lower()), name=name, address=address))
    return tuple(found)


def parse_dns_names(xml: str) -> tuple[tuple[str, str], ...]:
    """Return the names that a network's DNS server knows besides its leases: address and name."""
    hosts = parse_document(xml).iterfind("dns/host")
    return tuple((host.get("ip", ""), name.text or "") for host in hosts for name in host.iterfind("hostname"))


def parse_claims(xml: str) -> tuple[str, ...]:
    """Return what a network's document takes of the host: links by name, VFs by PCI address (formatnetwork.html).

    `<pf dev=…/>` is left out: the network hands out the virtual functions of that NIC and leaves the NIC itself alone.
    """
    forward = parse_document(xml).find("forward")
    if forward is None:
        return ()
    links = (element.get("dev") for element in (forward, *forward.iterfind("interface")))
    functions = (pci_address(element) for element in forward.iterfind("address"))
    return tuple(dict.fromkeys(claim for claim in (*links, *functions) if claim))


def _forward_mode(network: Element) -> str | None:
    forward = network.find("forward")
    # libvirt's default for <forward/> without a mode (formatnetwork.html).
    return None if forward is None else forward.get("mode", "nat")


def network_document(name: str, bridge: str, uuid: str, *, was: str | None = None) -> str:
    """Return the document of a network that leads to `bridge`, from xml/host-bridge.xml.

    Args:
        was: the document that it replaces; its metadata, description and portgroups are taken over, for domains may
            name the portgroups.
    """
    root = parse_document(read_template("host-bridge.xml"))
    for tag, text in (("name", name), ("uuid", uuid)):
        element = root.find(tag)
        if element is not None:
            element.text = text
    element = root.find("bridge")
    if element is not None:
        element.set("name", bridge)
    for kept in [] if was is None else parse_document(was):
        if kept.tag in _KEPT:
            root.append(deepcopy(kept))
    return print_document(root)


def same_network(seen: str, wanted: str) -> bool:
    """Return whether a network's document does what `wanted` asks: the name, the way of forwarding, the bridge.

    What it has beyond that (portgroups, metadata, bandwidth) is left to its owner; an address, a device or another
    kind of switch would make it another network.
    """
    return _essence(parse_document(seen)) == _essence(parse_document(wanted))


def _essence(network: Element) -> tuple[str | None, ...]:
    strange = [str(child.tag) for child in network if child.tag in ("ip", "virtualport", "vlan")]
    return (
        network.findtext("name"),
        _forward_mode(network),
        attribute(network, "forward", "dev"),
        attribute(network, "bridge", "name"),
        *sorted(strange),
    )
