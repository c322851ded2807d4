"""Read what libvirt knows: networks, domains with all their documents, links, guests' addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

from vmnet.documents.domains import agent_connected, parse_domain_interfaces, parse_host_devices
from vmnet.documents.networks import parse_network
from vmnet.facts import Domain, DomainState, GuestAddress, HypervisorLink, Interface, Network, Snapshot
from vmnet.host.libvirt.libvirt_calls import (
    AT_ONCE,
    GONE,
    Code,
    Connection,
    DomainHandle,
    InterfaceHandle,
    NetworkHandle,
    ask,
    calling,
    open_connection,
    unless_gone,
)
from vmnet.names import Mac, mac_of

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


# All domains of a hypervisor, read with as few calls as there can be, several at once.

T = TypeVar("T")
H = TypeVar("H")

_GROUP = 16
_SLICE = 256


class Listing:
    """All domains, and the sets that libvirt sorts them into. Its methods raise libvirt's errors as they are.

    Raises:
        HypervisorError: libvirt is out of reach.
    """

    def __init__(self, connection: Connection) -> None:
        import libvirt

        def uuids(flags: int) -> frozenset[str]:
            return frozenset(handle.UUIDString() for handle in connection.listAllDomains(flags))

        with calling("list the domains"):
            self.handles = connection.listAllDomains(0)
            self.active = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            self.running = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
            self.paused = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED)
            self.stored = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
            self.autostart = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
            self.saved = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
            self.snapshots = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
            self.checkpoints = uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT)

    def read_domain(self, handle: DomainHandle) -> Domain:
        """Return a domain with the interfaces of every document that has them."""
        import libvirt

        uuid = handle.UUIDString()
        live = handle.XMLDesc(0) if uuid in self.active else None
        stored = handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) if uuid in self.stored else None
        return Domain(
            name=handle.name(),
            uuid=uuid,
            state=self.state(uuid),
            stored=uuid in self.stored,
            autostart=uuid in self.autostart,
            running=parse_domain_interfaces(live) if live else (),
            persistent=parse_domain_interfaces(stored) if stored else (),
            saved=_saved_interfaces(handle) if uuid in self.saved else None,
            snapshots=_snapshots(handle) if uuid in self.snapshots else (),
            checkpoints=len(handle.listAllCheckpoints(0)) if uuid in self.checkpoints else 0,
            agent=agent_connected(live) if live else False,
            host_devices=tuple(sorted({d for xml in (live, stored) if xml for d in parse_host_devices(xml)})),
        )

    def read_documents(self, handle: DomainHandle) -> dict[str, str]:
        """Return a domain's documents with their secrets, by file names."""
        import libvirt

        secure = libvirt.VIR_DOMAIN_XML_SECURE
        uuid = handle.UUIDString()
        base = f"domain-{uuid}"
        documents = {}
        if uuid in self.stored:
            documents[f"{base}-persistent.xml"] = handle.XMLDesc(secure | libvirt.VIR_DOMAIN_XML_INACTIVE)
        if uuid in self.active:
            documents[f"{base}-running.xml"] = handle.XMLDesc(secure)
        if uuid in self.saved:
            documents[f"{base}-saved.xml"] = handle.managedSaveGetXMLDesc(libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        names = sorted(s.getName() for s in handle.listAllSnapshots(0)) if uuid in self.snapshots else []
        for number, name in enumerate(names, start=1):
            snapshot = handle.snapshotLookupByName(name, 0)
            # By number: a snapshot's name may hold what a file name may not.
            documents[f"{base}-snapshot-{number}.xml"] = snapshot.getXMLDesc(libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE)
        return documents

    def state(self, uuid: str) -> DomainState:
        """Return the state of the domain with this UUID."""
        if uuid not in self.active:
            return DomainState.SHUT_OFF
        if uuid in self.running:
            return DomainState.RUNNING
        return DomainState.PAUSED if uuid in self.paused else DomainState.OTHER


def read_all(read: Callable[[H], T], handles: Sequence[H]) -> Iterator[T | None]:
    """Yield what `read` gives of each object, in order, None for one that went away since it was listed.

    Several are read at once, in groups, for one by one libvirtd and we would wait for each other all the time; and not
    all before the first is taken, so that documents of thousands of domains are not in memory together.
    """

    def read_group(start: int) -> list[T | None]:
        return [unless_gone(read, handle) for handle in handles[start : start + _GROUP]]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(handles), _SLICE):
            last = min(first + _SLICE, len(handles))
            for group in pool.map(read_group, range(first, last, _GROUP)):
                yield from group


def _saved_interfaces(handle: DomainHandle) -> tuple[Interface, ...]:
    document = ask(lambda: handle.managedSaveGetXMLDesc(0), None, Code.NO_SUPPORT)
    return parse_domain_interfaces(document) if document else ()


def _snapshots(handle: DomainHandle) -> tuple[Snapshot, ...]:
    found = (
        Snapshot(
            name=snapshot.getName(),
            current=bool(snapshot.isCurrent(0)),
            interfaces=parse_domain_interfaces(snapshot.getXMLDesc(0)),
        )
        for snapshot in handle.listAllSnapshots(0)
    )
    return tuple(sorted(found, key=lambda snapshot: snapshot.name))
