"""All domains of a hypervisor, read with as few calls as there can be, several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from vmnet.documents.claims import parse_host_devices
from vmnet.documents.domains import agent_connected, parse_domain_interfaces
from vmnet.facts import Domain, DomainState, Interface, Snapshot
from vmnet.host.libvirt_calls import AT_ONCE, Code, ask, calling, unless_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmnet.host.libvirt_calls import Connection, DomainHandle

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
