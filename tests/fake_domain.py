"""A domain in memory, for `tests.fake_libvirt`: its documents change as libvirt 9.0 changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libvirt
from lxml import etree

from vmnet.host.libvirt.libvirt_calls import Code, SnapshotHandle

if TYPE_CHECKING:
    from tests.fake_libvirt import FakeConnection

CONFIG = 2


class FakeError(libvirt.libvirtError):  # type: ignore[misc]
    """libvirt's exception with a number of our choice."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.args = (text,)  # libvirt's own constructor puts the thread's last error there
        self.err = (code, 0, text, 2, None, None, None, 0, 0)


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
            network = self.owner.network(str(source.get("network")))
            if not network.isActive():
                raise FakeError(Code.OPERATION_INVALID, f"network '{network.title}' is not active")
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
