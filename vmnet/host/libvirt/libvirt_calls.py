"""The few calls of libvirt-python that vmnet makes, typed, and libvirt's errors as ours.

libvirt-python has no types; what vmnet uses of it is declared here as Protocols, so that nothing untyped gets further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from threading import Thread
from time import sleep
from typing import Protocol, TypeVar

from vmnet.errors import HypervisorError

T = TypeVar("T")
H = TypeVar("H")
U = TypeVar("U")

KEEPALIVE_S = 5
KEEPALIVE_COUNT = 3
EVENTS_S = 0.5
AT_ONCE = 4
"""Calls at the same time: libvirtd takes five of one connection (max_client_requests)."""


class Code(IntEnum):
    """Error numbers that vmnet acts on (virErrorNumber in libvirt/virterror.h)."""

    INTERNAL_ERROR = 1
    NO_SUPPORT = 3
    INVALID_ARG = 8
    OPERATION_DENIED = 29
    SYSTEM_ERROR = 38
    RPC = 39
    NO_DOMAIN = 42
    NO_NETWORK = 43
    AUTH_FAILED = 45
    OPERATION_INVALID = 55
    CONFIG_UNSUPPORTED = 67
    OPERATION_TIMEOUT = 68
    NO_DOMAIN_SNAPSHOT = 72
    AUTH_CANCELLED = 79
    OPERATION_UNSUPPORTED = 84
    AGENT_UNRESPONSIVE = 86
    ACCESS_DENIED = 88
    XML_INVALID_SCHEMA = 92
    AUTH_UNAVAILABLE = 94
    DEVICE_MISSING = 99


GONE = frozenset({Code.NO_DOMAIN, Code.NO_NETWORK, Code.NO_DOMAIN_SNAPSHOT})
"""The object that was asked for is not there, or no longer."""

_BROKEN = frozenset({Code.INTERNAL_ERROR, Code.SYSTEM_ERROR, Code.RPC})
"""What a connection that broke says, in the domain of the transport (VIR_FROM_RPC)."""

_LOG = "read the daemon's log: journalctl -u libvirtd -u virtqemud"
_DENIED = "run vmnet as root (sudo), with a connection that is not read-only"
_REFUSED = "libvirt refuses this change; vmnet changed nothing else in this step"
_HINTS: dict[int, str] = {
    Code.OPERATION_DENIED: _DENIED,
    Code.ACCESS_DENIED: _DENIED,
    Code.AUTH_FAILED: _DENIED,
    Code.AUTH_CANCELLED: _DENIED,
    Code.AUTH_UNAVAILABLE: _DENIED,
    Code.NO_DOMAIN: "list the domains with: virsh list --all",
    Code.NO_NETWORK: "list the networks with: virsh net-list --all",
    Code.OPERATION_INVALID: "its state has changed, or the network is not active; run vmnet again",
    Code.OPERATION_TIMEOUT: "another job uses the domain; run vmnet again when that job is done",
    Code.CONFIG_UNSUPPORTED: _REFUSED,
    Code.OPERATION_UNSUPPORTED: _REFUSED,
    Code.XML_INVALID_SCHEMA: f"the document does not match this libvirt's schema; {_LOG}",
    Code.DEVICE_MISSING: "the interface has changed; run vmnet again",
    Code.RPC: "the connection to libvirt is lost; run vmnet again when the daemon runs (finished steps are kept)",
}


class SnapshotHandle(Protocol):
    """virDomainSnapshot."""

    def getName(self) -> str: ...  # noqa: N802
    def getXMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isCurrent(self, flags: int) -> int: ...  # noqa: N802


class DomainHandle(Protocol):
    """virDomain."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def isPersistent(self) -> int: ...  # noqa: N802
    def updateDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def attachDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def detachDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def hasManagedSaveImage(self, flags: int) -> int: ...  # noqa: N802
    def managedSaveGetXMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def managedSaveDefineXML(self, xml: str, flags: int) -> int: ...  # noqa: N802
    def listAllSnapshots(self, flags: int) -> Sequence[SnapshotHandle]: ...  # noqa: N802
    def snapshotLookupByName(self, name: str, flags: int) -> SnapshotHandle: ...  # noqa: N802
    def snapshotCreateXML(self, xml: str, flags: int) -> SnapshotHandle: ...  # noqa: N802
    def listAllCheckpoints(self, flags: int) -> Sequence[object]: ...  # noqa: N802
    def interfaceAddresses(self, source: int, flags: int) -> Mapping[str, Mapping[str, object]]: ...  # noqa: N802


class NetworkHandle(Protocol):
    """virNetwork."""

    def name(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def UUIDString(self) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def isPersistent(self) -> int: ...  # noqa: N802
    def autostart(self) -> int: ...
    def setAutostart(self, autostart: int) -> int: ...  # noqa: N802
    def create(self) -> int: ...
    def destroy(self) -> int: ...
    def undefine(self) -> int: ...
    def DHCPLeases(self) -> Sequence[Mapping[str, object]]: ...  # noqa: N802


class InterfaceHandle(Protocol):
    """virInterface."""

    def name(self) -> str: ...
    def MACString(self) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802


class FilterHandle(Protocol):
    """virNWFilter."""

    def name(self) -> str: ...


class Connection(Protocol):
    """virConnect."""

    def close(self) -> int: ...
    def getLibVersion(self) -> int: ...  # noqa: N802
    def setKeepAlive(self, interval: int, count: int) -> int: ...  # noqa: N802
    def listAllDomains(self, flags: int) -> Sequence[DomainHandle]: ...  # noqa: N802
    def listAllNetworks(self, flags: int) -> Sequence[NetworkHandle]: ...  # noqa: N802
    def listAllInterfaces(self, flags: int) -> Sequence[InterfaceHandle]: ...  # noqa: N802
    def listAllNWFilters(self, flags: int) -> Sequence[FilterHandle]: ...  # noqa: N802
    def lookupByUUIDString(self, uuid: str) -> DomainHandle: ...  # noqa: N802
    def networkLookupByName(self, name: str) -> NetworkHandle: ...  # noqa: N802
    def networkDefineXMLFlags(self, xml: str, flags: int) -> NetworkHandle: ...  # noqa: N802


def open_connection(uri: str, *, read_only: bool) -> Connection:
    """Open a connection to the hypervisor.

    Raises:
        HypervisorError: the Python module, the daemon or the permission is missing.
    """
    _prepare()
    import libvirt

    try:
        connection: Connection = libvirt.openReadOnly(uri) if read_only else libvirt.open(uri)
    except libvirt.libvirtError as error:
        text = str(error)
        message = f"vmnet cannot connect to libvirt at {uri}: {text}"
        raise HypervisorError(message, _connect_hint(text), code=int(error.get_error_code() or 0)) from error
    # A daemon that hangs then breaks the connection after 20 s instead of holding vmnet for ever. Drivers that run
    # inside the client (test:///) have no connection to keep alive, and say so.
    ask(lambda: connection.setKeepAlive(KEEPALIVE_S, KEEPALIVE_COUNT), -1, Code.NO_SUPPORT)
    return connection


def _connect_hint(text: str) -> str:
    if "Permission denied" in text or "authentication" in text:
        return "run vmnet as root (sudo), or as a member of the group libvirt"
    if "No such file" in text or "Connection refused" in text:
        return (
            "install and start the daemon: apt install libvirt-daemon-system, then systemctl start libvirtd "
            "(or virtqemud.socket and virtnetworkd.socket)"
        )
    return "try the same URI with: virsh --connect URI list --all"


@cache
def _prepare() -> None:
    """Load the module once: no errors of the C library on stderr, and the thread that keep-alive needs."""
    try:
        import libvirt
    except ImportError as error:
        raise HypervisorError(
            f"vmnet cannot load the Python module libvirt: {error}", "install it: apt install python3-libvirt"
        ) from error
    libvirt.registerErrorHandler(_ignore, None)
    libvirt.virEventRegisterDefaultImpl()
    Thread(target=_run_events, name="libvirt-events", daemon=True).start()


def _ignore(_context: object, _error: object) -> None:
    """The same error comes as an exception."""


def _run_events() -> None:
    """Answer the daemon's pings and send ours, twice a second.

    A call that is under way looks after both by itself (virNetClientIOEventLoop in libvirt), so this is for the time
    between two calls. Without a pause each call would wake the loop four times, for nothing.
    """
    import libvirt

    # A timer that is always due, so that a round ends at once instead of waiting for something to happen.
    libvirt.virEventAddTimeout(0, _ignore, None)
    while True:
        libvirt.virEventRunDefaultImpl()
        sleep(EVENTS_S)


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Turn libvirt's errors inside the block into HypervisorError, and those of its Python module, too.

    Args:
        what: what was tried, as "move 52:54:00:00:53:01 of web01", for the message.
    """
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        code = int(error.get_error_code() or 0)
        broken = code in _BROKEN and error.get_error_domain() == libvirt.VIR_FROM_RPC
        hint = _HINTS.get(Code.RPC if broken else code, _LOG)
        raise HypervisorError(f"cannot {what}: {error}", hint, code=code) from error
    except UnicodeDecodeError as error:
        raise HypervisorError(f"cannot {what}: libvirt returned a name that is not UTF-8", _LOG) from error


def ask(read: Callable[[], T], otherwise: U, *codes: int, what: str = "ask libvirt") -> T | U:
    """Return what `read` gives, or `otherwise` on these errors of libvirt; others become HypervisorError.

    Args:
        what: as in `calling`.
    """
    try:
        with calling(what):
            return read()
    except HypervisorError as error:
        if error.code in codes:
            return otherwise
        raise


def unless_gone(read: Callable[[H], T], handle: H) -> T | None:
    """Return what `read` gives, None when the object went away since it was listed."""
    return ask(lambda: read(handle), None, *GONE, what="read an object of libvirt")
