"""A libvirt in memory for unit tests, as far as vmnet uses one: it behaves as libvirt 9.0 was seen to do.

`Hypervisor(connection=FakeConnection(...))` is the real class on it. The kernel's side (controllers and MTUs of taps)
is in `FakeKernel`, and libvirt moves taps there, or fails to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from tests.fake_domain import FakeDomain, FakeError
from vmnet.host.libvirt.libvirt_calls import Code, DomainHandle, FilterHandle, InterfaceHandle, NetworkHandle
from vmnet.runs.executor.move_interfaces import Taps

FLAG_ACTIVE, FLAG_PERSISTENT, FLAG_RUNNING, FLAG_PAUSED = 1, 4, 16, 32
FLAG_MANAGEDSAVE, FLAG_AUTOSTART, FLAG_SNAPSHOT, FLAG_CHECKPOINT = 256, 1024, 4096, 16384


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

    def listAllNWFilters(self, flags: int) -> Sequence[FilterHandle]:  # noqa: N802
        raise FakeError(Code.NO_SUPPORT, "this function is not supported by the connection driver")

    def lookupByUUIDString(self, uuid: str) -> DomainHandle:  # noqa: N802
        for domain in self.domains:
            if domain.uuid == uuid:
                return domain
        raise FakeError(Code.NO_DOMAIN, f"no domain with uuid {uuid}")

    def networkLookupByName(self, name: str) -> NetworkHandle:  # noqa: N802
        return self.network(name)

    def network(self, name: str) -> FakeNetwork:
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
