"""Read what libvirt knows: networks, domains with all their documents, links, guests' addresses."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vmnet.documents.networks import parse_network
from vmnet.facts import Domain, DomainState, GuestAddress, HypervisorLink, Network
from vmnet.host.domain_listing import Listing, read_all
from vmnet.host.libvirt_calls import GONE, Code, ask, calling, open_connection, unless_gone
from vmnet.names import mac_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from vmnet.host.libvirt_calls import Connection, DomainHandle, InterfaceHandle, NetworkHandle
    from vmnet.names import Mac

SYSTEM_URI = "qemu:///system"
_AGENT_THREADS = 8
_NO_ADDRESSES = (Code.NO_SUPPORT, Code.OPERATION_INVALID, Code.AGENT_UNRESPONSIVE, *GONE)


class HypervisorReader:
    """A connection to libvirt, for reading; closed at the end of its `with` block.

    Args:
        uri: the hypervisor's address.
        read_only: ask for a connection that cannot change anything, which needs fewer rights.
        connection: an open connection to use instead (tests).

    Raises:
        HypervisorError: libvirt is out of reach.
    """

    def __init__(self, uri: str = SYSTEM_URI, *, read_only: bool = False, connection: Connection | None = None) -> None:
        self.uri = uri
        self.read_only = read_only
        self._connection = connection or open_connection(uri, read_only=read_only)
        self._handles: dict[str, DomainHandle] = {}
        self._stored: frozenset[str] = frozenset()

    def close(self) -> None:
        """Close the connection; one that is broken already is not worth an error."""
        ask(self._connection.close, 0, *Code)

    @property
    def local(self) -> bool:
        """Whether the hypervisor runs on this machine: its URI names no host."""
        return not urlsplit(self.uri).netloc

    @property
    def version(self) -> str:
        """The version of the daemon's libvirt: "9.0.0"."""
        with calling("ask for libvirt's version"):
            number = self._connection.getLibVersion()
        return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"

    def read_networks(self) -> tuple[Network, ...]:
        """Return all networks, by name."""
        with calling("list the networks"):
            handles = self._connection.listAllNetworks(0)
        found = (unless_gone(_read_network, handle) for handle in handles)
        return tuple(sorted((network for network in found if network), key=lambda network: network.name))

    def read_domains(self) -> tuple[Domain, ...]:
        """Return all domains, by name, with the interfaces of every document that has them.

        What can be asked for all domains in one call is asked so: 1000 domains take 0.2 s, with a call for each
        property five times as long.
        """
        listing = Listing(self._connection)
        found = read_all(listing.read_domain, listing.handles)
        return tuple(sorted((domain for domain in found if domain), key=lambda domain: domain.name))

    def read_states(self) -> dict[str, DomainState]:
        """Return the state of each domain by its name: a handful of calls, however many there are."""
        listing = Listing(self._connection)
        return {handle.name(): listing.state(handle.UUIDString()) for handle in listing.handles}

    def read_hypervisor_links(self) -> tuple[HypervisorLink, ...] | None:
        """Return libvirt's interface listing, by name; None where this libvirt has none (its driver is a package of
        its own from Debian 13 on)."""
        handles = ask(lambda: self._connection.listAllInterfaces(0), None, Code.NO_SUPPORT)
        if handles is None:
            return None
        with calling("list the host's links"):
            links = [_read_link(handle) for handle in handles]
        return tuple(sorted(links, key=lambda link: link.ifname))

    def read_guest_addresses(
        self, networks: Iterable[Network] = (), domains: Iterable[Domain] = ()
    ) -> tuple[GuestAddress, ...]:
        """Return the guests' addresses: leases of the active `networks`, and what the guest agents of `domains` say.

        An agent that does not answer is left out; libvirt gives it 5 s.
        """
        found: list[GuestAddress] = []
        for network in networks:
            if network.active:
                found.extend(self._leases(network))
        asked = [domain for domain in domains if domain.agent and not self.read_only]
        if asked:
            found.extend(self._agent_addresses(asked))
        return tuple(sorted(set(found), key=lambda a: (a.mac, a.origin, str(a.interface))))

    def _leases(self, network: Network) -> list[GuestAddress]:
        leases = ask(lambda: self._connection.networkLookupByName(network.name).DHCPLeases(), (), *_NO_ADDRESSES)
        macs = [mac_of(str(lease.get("mac") or "")) for lease in leases]
        return list(_addresses(leases, "ipaddr", macs, "lease"))

    def _agent_addresses(self, domains: list[Domain]) -> list[GuestAddress]:
        with ThreadPoolExecutor(_AGENT_THREADS) as pool:
            asked = pool.map(lambda d: self.ask_agent(d.uuid, {i.mac for i in d.running}), domains)
            return [address for found in asked for address in found]

    def ask_agent(self, uuid: str, macs: Collection[Mac | None]) -> list[GuestAddress]:
        """Return what a running guest's agent says of the addresses of these interfaces; nothing without an agent."""
        import libvirt

        source = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
        links = ask(
            lambda: self._connection.lookupByUUIDString(uuid).interfaceAddresses(source, 0),
            {},
            *_NO_ADDRESSES,
        )
        found: list[GuestAddress] = []
        for link in links.values():
            mac = mac_of(str(link.get("hwaddr") or ""))
            addresses = link.get("addrs")
            rows = addresses if isinstance(addresses, list) and mac in macs else []
            found.extend(_addresses(rows, "addr", [mac] * len(rows), "agent"))
        return found

    def read_documents(self, uuids: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the documents of all networks and of these domains, with their secrets, each with a file name for it:
        what was, before a run changed it.

        Needs a connection that may write, for libvirt shows secrets to no other. Keep the files from other eyes.
        """
        with calling("list the networks"):
            networks = self._connection.listAllNetworks(0)
        for network in networks:
            yield from (unless_gone(_network_documents, network) or {}).items()
        listing = Listing(self._connection)
        domains = [handle for handle in listing.handles if handle.UUIDString() in uuids]
        for documents in read_all(listing.read_documents, domains):
            yield from (documents or {}).items()


def _read_network(handle: NetworkHandle) -> Network:
    import libvirt

    active, persistent = bool(handle.isActive()), bool(handle.isPersistent())
    live = handle.XMLDesc(0)
    # A driver that keeps one document a network (test:///) does not know the flag.
    stored = ask(lambda: handle.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE), live, Code.INVALID_ARG)
    return parse_network(
        stored if persistent else live,
        active=active,
        persistent=persistent,
        autostart=bool(handle.autostart()) if persistent else False,
        running_xml=live if active else None,
    )


def _addresses(
    rows: Iterable[Mapping[str, object]], key: str, macs: Iterable[Mac | None], origin: str
) -> Iterator[GuestAddress]:
    for row, mac in zip(rows, macs, strict=True):
        text = f"{row.get(key)}/{row.get('prefix')}"
        try:
            interface = ipaddress.ip_interface(text)
        except ValueError:
            continue
        if mac and not interface.is_link_local and not interface.is_loopback:
            yield GuestAddress(mac=mac, interface=interface, origin=origin)


def _read_link(handle: InterfaceHandle) -> HypervisorLink:
    return HypervisorLink(ifname=handle.name(), mac=mac_of(handle.MACString()), active=bool(handle.isActive()))


def _network_documents(handle: NetworkHandle) -> dict[str, str]:
    return {f"network-{handle.UUIDString()}.xml": _read_network(handle).document}
