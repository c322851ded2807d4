"""Change what libvirt holds: one method a change, each a single call to libvirt.

Domains are found by UUID, networks by name. Only here and in `hypervisor_read` are libvirt's flags known: above,
a domain has a "running" and a "persistent" document.
"""

from __future__ import annotations

import json
from typing import Self

from vmnet.errors import HypervisorError
from vmnet.host.libvirt.hypervisor_read import SYSTEM_URI, HypervisorReader
from vmnet.host.libvirt.libvirt_calls import Code, DomainHandle, NetworkHandle, ask, calling

__all__ = ["SYSTEM_URI", "Hypervisor"]

AGENT_S = 5
RUNNING = "running"
PERSISTENT = "persistent"


class Hypervisor(HypervisorReader):
    """A connection to libvirt, for reading and changing. All methods raise HypervisorError with libvirt's code."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _network(self, name: str) -> NetworkHandle:
        with calling(f"find the network {name}"):
            return self._connection.networkLookupByName(name)

    def define_network(self, name: str, document: str) -> None:
        """Store a network's document, checked against libvirt's schema; one of the same UUID is replaced."""
        import libvirt

        with calling(f"define the network {name}"):
            self._connection.networkDefineXMLFlags(document, libvirt.VIR_NETWORK_DEFINE_VALIDATE)

    def start_network(self, name: str) -> None:
        """Start a network; one that is active already stays as it is."""
        handle = self._network(name)
        with calling(f"start the network {name}"):
            if not handle.isActive():
                handle.create()

    def stop_network(self, name: str) -> None:
        """Stop a network; one that is not active stays as it is."""
        handle = self._network(name)
        with calling(f"stop the network {name}"):
            if handle.isActive():
                handle.destroy()

    def undefine_network(self, name: str) -> None:
        """Remove a network's stored document."""
        handle = self._network(name)
        with calling(f"remove the network {name}"):
            if handle.isPersistent():
                handle.undefine()

    def set_network_autostart(self, name: str, *, autostart: bool) -> None:
        """Say whether libvirt starts the network by itself."""
        handle = self._network(name)
        with calling(f"set the autostart of the network {name}"):
            handle.setAutostart(int(autostart))

    def _domain(self, uuid: str) -> DomainHandle:
        # A handle is the UUID to libvirt, so it stays good, whatever becomes of the domain.
        if uuid not in self._handles:
            with calling(f"find the domain {uuid}"):
                self._handles[uuid] = self._connection.lookupByUUIDString(uuid)
        return self._handles[uuid]

    def read_document(self, uuid: str, scope: str) -> str | None:
        """Return a domain's running or persistent document, without secrets; None where it has none of that kind."""
        import libvirt

        handle = self._domain(uuid)
        with calling(f"read the domain {uuid}"):
            if scope == PERSISTENT:
                return handle.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) if self._is_stored(uuid, handle) else None
            return handle.XMLDesc(0) if handle.isActive() else None

    def know_stored(self) -> None:
        """Ask once for all domains what would be two calls for each that is read: a handle, and whether it is stored. A
        domain that loses its stored document afterwards is detected by the change itself, which libvirt refuses."""
        import libvirt

        with calling("list the domains"):
            found = self._connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
        self._handles |= {handle.UUIDString(): handle for handle in found}
        self._stored = frozenset(handle.UUIDString() for handle in found)

    def _is_stored(self, uuid: str, handle: DomainHandle) -> bool:
        return uuid in self._stored or bool(handle.isPersistent())

    def update_interface(self, uuid: str, scope: str, interface_xml: str) -> None:
        """Replace an interface of a domain in one of its documents; libvirt finds it by MAC, address and alias."""
        handle = self._domain(uuid)
        with calling(f"change an interface of {handle.name()} ({scope})"):
            handle.updateDeviceFlags(interface_xml, _flags(scope))

    def attach_interface(self, uuid: str, scope: str, interface_xml: str) -> None:
        """Add an interface to one of a domain's documents."""
        handle = self._domain(uuid)
        with calling(f"add an interface to {handle.name()} ({scope})"):
            handle.attachDeviceFlags(interface_xml, _flags(scope))

    def detach_interface(self, uuid: str, scope: str, interface_xml: str) -> None:
        """Remove an interface from one of a domain's documents; a running guest must release it first, which may
        be later than this returns."""
        handle = self._domain(uuid)
        with calling(f"remove an interface from {handle.name()} ({scope})"):
            handle.detachDeviceFlags(interface_xml, _flags(scope))

    def command_agent(self, uuid: str, command: str, **arguments: object) -> object:
        """Have a running guest's agent carry out a command of its protocol, and return what it answers.

        Raises:
            HypervisorError: there is no agent, it does not answer within `AGENT_S` seconds, or it refuses.
        """
        handle = self._domain(uuid)
        asked = json.dumps({"execute": command, "arguments": arguments})
        with calling(f"send {command} to the agent of {handle.name()}"):
            # A module of its own: none of this is in the API that all hypervisors share.
            import libvirt_qemu

            answer: str = libvirt_qemu.qemuAgentCommand(handle, asked, AGENT_S, 0)
        try:
            found: object = json.loads(answer)["return"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise HypervisorError(
                f"vmnet cannot read what the agent of {handle.name()} answers to {command}: {answer[:80]!r}"
            ) from error
        return found

    def read_saved_document(self, uuid: str) -> str | None:
        """Return the document inside a domain's managed save image, with its secrets; None without an image."""
        import libvirt

        handle = self._domain(uuid)
        with calling(f"read the saved state of {handle.name()}"):
            if not handle.hasManagedSaveImage(0):
                return None
            return handle.managedSaveGetXMLDesc(libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)

    def write_saved_document(self, uuid: str, document: str) -> None:
        """Replace the document inside a domain's managed save image."""
        handle = self._domain(uuid)
        with calling(f"change the saved state of {handle.name()}"):
            # Flags 0: neither "start running" nor "start paused", it stays as it was saved.
            handle.managedSaveDefineXML(document, 0)

    def read_snapshot_document(self, uuid: str, name: str) -> str | None:
        """Return a snapshot's document, with its secrets; None when there is no such snapshot."""
        import libvirt

        handle = self._domain(uuid)
        return ask(
            lambda: handle.snapshotLookupByName(name, 0).getXMLDesc(libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE),
            None,
            Code.NO_DOMAIN_SNAPSHOT,
            what=f"read the snapshot {name} of {handle.name()}",
        )

    def write_snapshot_document(self, uuid: str, name: str, document: str) -> None:
        """Replace a snapshot's document; its disks and memory stay, and it stays the current one if it was."""
        import libvirt

        handle = self._domain(uuid)
        with calling(f"change the snapshot {name} of {handle.name()}"):
            flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
            if handle.snapshotLookupByName(name, 0).isCurrent(0):
                flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
            handle.snapshotCreateXML(document, flags)


def _flags(scope: str) -> int:
    import libvirt

    flags: int = libvirt.VIR_DOMAIN_AFFECT_CONFIG if scope == PERSISTENT else libvirt.VIR_DOMAIN_AFFECT_LIVE
    return flags
