"""A libvirt in memory for unit tests, as far as vmnet uses one: it behaves as facts of libvirt 9.0 say it does.

`Hypervisor(connection=FakeConnection(...))` is the real class on it. The kernel's side (controllers and MTUs of taps)
is in `FakeKernel`, and libvirt moves taps there, or fails to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import libvirt
from lxml import etree

from vmnet.apply.move_interfaces import Taps
from vmnet.host.libvirt_calls import Code, DomainHandle, InterfaceHandle, NetworkHandle, SnapshotHandle

LIVE, CONFIG = 1, 2
FLAG_ACTIVE, FLAG_PERSISTENT, FLAG_RUNNING, FLAG_PAUSED = 1, 4, 16, 32
FLAG_MANAGEDSAVE, FLAG_AUTOSTART, FLAG_SNAPSHOT, FLAG_CHECKPOINT = 256, 1024, 4096, 16384


class FakeError(libvirt.libvirtError):  # type: ignore[misc]
    """libvirt's exception with a number of our choice."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.args = (text,)  # libvirt's own constructor puts the thread's last error there
        self.err = (code, 0, text, 2, None, None, None, 0, 0)


@dataclass(slots=True)
class FakeKernel:
    """Links' controllers and MTUs."""

    controllers: dict[str, str | None] = field(default_factory=dict)
    mtus: dict[str, int] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)

    def set_controller(self, ifname: str, controller: str | None) -> None:
        self.controllers[ifname] = controller

    def set_mtu(self, ifname: str, mtu: int) -> None:
        self.mtus[ifname] = mtu

    def taps(self) -> Taps:
        return Taps(
            read_controller=self.controllers.get,
            read_mtu=self.mtus.get,
            set_controller=self.set_controller,
            set_mtu=self.set_mtu,
            sleep=self.slept.append,
        )


@dataclass(slots=True)
class FakeSnapshot:
    """virDomainSnapshot."""

    owner: FakeDomain
    title: str

    def getName(self) -> str:  # noqa: N802
        return self.title

    def getXMLDesc(self, flags: int) -> str:  # noqa: N802
        return self.owner.snapshots[self.title]

    def isCurrent(self, flags: int) -> int:  # noqa: N802
        return int(self.owner.current == self.title)


@dataclass(slots=True)
class FakeNetwork:
    """virNetwork."""

    title: str
    bridge: str
    owner: FakeConnection
    active: int = 1
    persistent: int = 1
    starts: int = 1
    document: str = ""

    def name(self) -> str:
        return self.title

    def UUIDString(self) -> str:  # noqa: N802
        return "00000000-0000-4000-8000-0000000000ff"

    def XMLDesc(self, flags: int) -> str:  # noqa: N802
        return self.document or f"<network><name>{self.title}</name><bridge name='{self.bridge}'/></network>"

    def isActive(self) -> int:  # noqa: N802
        return self.active

    def isPersistent(self) -> int:  # noqa: N802
        return self.persistent

    def autostart(self) -> int:
        return self.starts

    def setAutostart(self, autostart: int) -> int:  # noqa: N802
        self.starts = autostart
        return 0

    def create(self) -> int:
        if self.active:
            raise FakeError(Code.OPERATION_INVALID, "network is already active")
        self.active = 1
        return 0

    def destroy(self) -> int:
        self.active = 0
        return 0

    def undefine(self) -> int:
        self.owner.networks.remove(self)
        return 0

    def DHCPLeases(self) -> Sequence[Mapping[str, object]]:  # noqa: N802
        return self.owner.leases


@dataclass(slots=True)
class FakeDomain:
    """virDomain; `live` and `stored` are its documents, "" where it has none."""

    title: str
    uuid: str
    owner: FakeConnection
    live: str = ""
    stored: str = ""
    saved: str = ""
    snapshots: dict[str, str] = field(default_factory=dict)
    current: str | None = None
    paused: bool = False
    log: list[str] = field(default_factory=list)

    def name(self) -> str:
        return self.title

    def UUIDString(self) -> str:  # noqa: N802
        return self.uuid

    def XMLDesc(self, flags: int) -> str:  # noqa: N802
        return self.stored if flags & libvirt.VIR_DOMAIN_XML_INACTIVE or not self.live else self.live

    def isActive(self) -> int:  # noqa: N802
        return int(bool(self.live))

    def isPersistent(self) -> int:  # noqa: N802
        return int(bool(self.stored))

    def updateDeviceFlags(self, xml: str, flags: int) -> int:  # noqa: N802
        root = self._document(flags)
        new = etree.fromstring(xml)
        fits = [old for old in root.iterfind("devices/interface") if _same(old, new)]
        if len(fits) != 1:
            code = Code.DEVICE_MISSING if not fits else 9
            raise FakeError(code, f"{len(fits)} devices match")
        self._plug(new, flags)
        parent = fits[0].getparent()
        assert parent is not None
        new.tail = fits[0].tail
        parent.replace(fits[0], new)
        self._store(root, flags)
        return 0

    def attachDeviceFlags(self, xml: str, flags: int) -> int:  # noqa: N802
        root = self._document(flags)
        new = etree.fromstring(xml)
        self._plug(new, flags)
        if new.find("address") is None:
            etree.SubElement(new, "address", type="pci", domain="0x0", bus="0x00", slot="0x1f", function="0x0")
        devices = root.find("devices")
        assert devices is not None
        devices.append(new)
        self._store(root, flags)
        return 0

    def detachDeviceFlags(self, xml: str, flags: int) -> int:  # noqa: N802
        root = self._document(flags)
        gone = etree.fromstring(xml)
        for old in [old for old in root.iterfind("devices/interface") if _same(old, gone)]:
            parent = old.getparent()
            assert parent is not None
            parent.remove(old)
        self._store(root, flags)
        return 0

    def _document(self, flags: int) -> etree._Element:
        document = self.stored if flags & CONFIG else self.live
        if not document:
            raise FakeError(Code.OPERATION_INVALID, "domain is not running")
        return etree.fromstring(document)

    def _store(self, root: etree._Element, flags: int) -> None:
        document = etree.tostring(root, encoding="unicode")
        self.log.append("stored" if flags & CONFIG else "live")
        if flags & CONFIG:
            self.stored = document
        else:
            self.live = document

    def _plug(self, interface: etree._Element, flags: int) -> None:
        """As qemuDomainChangeNet: the running document notes the bridge, and the tap moves there."""
        source, target = interface.find("source"), interface.find("target")
        if flags & CONFIG or source is None:
            return
        self.owner.interrupt()
        bridge = source.get("bridge")
        if source.get("network") is not None:
            network = self.owner.networkLookupByName(str(source.get("network")))
            if not network.isActive():
                raise FakeError(Code.OPERATION_INVALID, f"network '{network.name()}' is not active")
            assert isinstance(network, FakeNetwork)
            bridge = network.bridge
            source.set("portid", "00000000-0000-4000-8000-0000000000aa")
            source.set("bridge", bridge)
        interface.set("type", "bridge")
        if target is not None:
            self.owner.join(str(target.get("dev")), bridge)

    def hasManagedSaveImage(self, flags: int) -> int:  # noqa: N802
        return int(bool(self.saved))

    def managedSaveGetXMLDesc(self, flags: int) -> str:  # noqa: N802
        return self.saved

    def managedSaveDefineXML(self, xml: str, flags: int) -> int:  # noqa: N802
        self.saved = xml
        return 0

    def listAllSnapshots(self, flags: int) -> Sequence[SnapshotHandle]:  # noqa: N802
        return [FakeSnapshot(self, name) for name in self.snapshots]

    def snapshotLookupByName(self, name: str, flags: int) -> SnapshotHandle:  # noqa: N802
        if name not in self.snapshots:
            raise FakeError(Code.NO_DOMAIN_SNAPSHOT, f"no snapshot {name}")
        return FakeSnapshot(self, name)

    def snapshotCreateXML(self, xml: str, flags: int) -> SnapshotHandle:  # noqa: N802
        assert flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
        name = etree.fromstring(xml).findtext("name") or ""
        self.snapshots[name] = xml
        if flags & libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT:
            self.current = name
        elif self.current == name:
            self.current = None
        return FakeSnapshot(self, name)

    def listAllCheckpoints(self, flags: int) -> Sequence[object]:  # noqa: N802
        return []

    def interfaceAddresses(self, source: int, flags: int) -> Mapping[str, Mapping[str, object]]:  # noqa: N802
        return self.owner.agent


def _same(old: etree._Element, new: etree._Element) -> bool:
    def part(element: etree._Element, name: str) -> dict[str, str]:
        found = element.find(name)
        return {} if found is None else {str(key): str(value) for key, value in found.attrib.items()}

    address = part(new, "address")
    return part(old, "mac") == part(new, "mac") and (not address or part(old, "address") == address)


@dataclass(slots=True)
class FakeConnection:
    """virConnect. `fail` is raised at the next change of a running document, after the tap was put at `lost`."""

    kernel: FakeKernel = field(default_factory=FakeKernel)
    domains: list[FakeDomain] = field(default_factory=list)
    networks: list[FakeNetwork] = field(default_factory=list)
    leases: list[Mapping[str, object]] = field(default_factory=list)
    agent: dict[str, Mapping[str, object]] = field(default_factory=dict)
    fail: BaseException | None = None
    lose_tap: bool = False
    deaf_kernel: bool = False

    def interrupt(self) -> None:
        error, self.fail = self.fail, None
        if error is None:
            return
        if self.lose_tap:
            for tap in self.kernel.controllers:
                self.kernel.controllers[tap] = None
        raise error

    def join(self, tap: str, bridge: str | None) -> None:
        if not self.deaf_kernel:
            self.kernel.controllers[tap] = bridge

    def close(self) -> int:
        return 0

    def getLibVersion(self) -> int:  # noqa: N802
        return 9_000_000

    def setKeepAlive(self, interval: int, count: int) -> int:  # noqa: N802
        return 0

    def listAllDomains(self, flags: int) -> Sequence[DomainHandle]:  # noqa: N802
        kinds: dict[int, Callable[[FakeDomain], bool]] = {
            FLAG_ACTIVE: lambda d: bool(d.live),
            FLAG_PERSISTENT: lambda d: bool(d.stored),
            FLAG_RUNNING: lambda d: bool(d.live) and not d.paused,
            FLAG_PAUSED: lambda d: bool(d.live) and d.paused,
            FLAG_MANAGEDSAVE: lambda d: bool(d.saved),
            FLAG_AUTOSTART: lambda _: False,
            FLAG_SNAPSHOT: lambda d: bool(d.snapshots),
            FLAG_CHECKPOINT: lambda _: False,
        }
        return [d for d in self.domains if not flags or kinds[flags](d)]

    def listAllNetworks(self, flags: int) -> Sequence[NetworkHandle]:  # noqa: N802
        return list(self.networks)

    def listAllInterfaces(self, flags: int) -> Sequence[InterfaceHandle]:  # noqa: N802
        raise FakeError(Code.NO_SUPPORT, "this function is not supported by the connection driver")

    def lookupByUUIDString(self, uuid: str) -> DomainHandle:  # noqa: N802
        for domain in self.domains:
            if domain.uuid == uuid:
                return domain
        raise FakeError(Code.NO_DOMAIN, f"no domain with uuid {uuid}")

    def networkLookupByName(self, name: str) -> NetworkHandle:  # noqa: N802
        for network in self.networks:
            if network.title == name:
                return network
        raise FakeError(Code.NO_NETWORK, f"no network with matching name '{name}'")

    def networkDefineXMLFlags(self, xml: str, flags: int) -> NetworkHandle:  # noqa: N802
        root = etree.fromstring(xml)
        name, bridge = root.findtext("name") or "", root.find("bridge")
        known = [network for network in self.networks if network.title == name]
        made = FakeNetwork(name, "", self, active=0, starts=0)
        network = known[0] if known else made
        network.bridge = str(bridge.get("name")) if bridge is not None else ""
        network.document = xml
        if not known:
            self.networks.append(network)
        return network
